// SPDX-License-Identifier: MIT
// What Ke shows to user mode: the shared page and the information classes of events, mutants, semaphores, timers.
// Source: WDK (ntddk.h) for KUSER_SHARED_DATA's layout; the Native API as published.

#ifndef MICA_NT_NTKE_H
#define MICA_NT_NTKE_H

#include "ntbase.h"

#define USER_SHARED_DATA_USER 0x7FFE0000u   // read-only in every process
#define USER_SHARED_DATA_KERNEL 0xFFDF0000u // the kernel's writable alias
#define PROCESSOR_FEATURE_MAX 64
#define MAXIMUM_WAIT_OBJECTS_NT 64
#ifndef MICA_WIN32
#define MAXIMUM_SUSPEND_COUNT 127
#endif

#define PF_COMPARE_EXCHANGE_DOUBLE 2
#define PF_MMX_INSTRUCTIONS_AVAILABLE 3
#define PF_XMMI_INSTRUCTIONS_AVAILABLE 6
#define PF_RDTSC_INSTRUCTION_AVAILABLE 8
#define PF_PAE_ENABLED 9
#define PF_XMMI64_INSTRUCTIONS_AVAILABLE 10
#define PF_NX_ENABLED 12
#define PF_FASTFAIL_AVAILABLE 23

typedef struct _KUSER_SHARED_DATA {
    ULONG TickCountLowDeprecated;                     // 000
    ULONG TickCountMultiplier;                        // 004  ms per tick << 24
    volatile KSYSTEM_TIME InterruptTime;              // 008  100 ns since boot
    volatile KSYSTEM_TIME SystemTime;                 // 014  100 ns since 1601
    volatile KSYSTEM_TIME TimeZoneBias;               // 020
    USHORT ImageNumberLow;                            // 02C
    USHORT ImageNumberHigh;                           // 02E
    WCHAR NtSystemRoot[260];                          // 030
    ULONG MaxStackTraceDepth;                         // 238
    ULONG CryptoExponent;                             // 23C
    ULONG TimeZoneId;                                 // 240
    ULONG LargePageMinimum;                           // 244
    ULONG Reserved2[7];                               // 248
    ULONG NtProductType;                              // 264  1: NtProductWinNt
    BOOLEAN ProductTypeIsValid;                       // 268
    UCHAR Reserved268[3];                             // 269
    ULONG NtMajorVersion;                             // 26C
    ULONG NtMinorVersion;                             // 270
    BOOLEAN ProcessorFeatures[PROCESSOR_FEATURE_MAX]; // 274
    ULONG Reserved1;                                  // 2B4
    ULONG Reserved3;                                  // 2B8
    volatile ULONG TimeSlip;                          // 2BC
    ULONG AlternativeArchitecture;                    // 2C0
    ULONG AltArchitecturePad;                         // 2C4
    LARGE_INTEGER SystemExpirationDate;               // 2C8
    ULONG SuiteMask;                                  // 2D0
    BOOLEAN KdDebuggerEnabled;                        // 2D4
    UCHAR NXSupportPolicy;                            // 2D5
    UCHAR Reserved2D6[2];                             // 2D6
    volatile ULONG ActiveConsoleId;                   // 2D8
    volatile ULONG DismountCount;                     // 2DC
    ULONG ComPlusPackage;                             // 2E0
    ULONG LastSystemRITEventTickCount;                // 2E4
    ULONG NumberOfPhysicalPages;                      // 2E8
    BOOLEAN SafeBootMode;                             // 2EC
    UCHAR TscQpc;                                     // 2ED
    UCHAR TscQpcPad[2];                               // 2EE
    ULONG SharedDataFlags;                            // 2F0
    ULONG DataFlagsPad[1];                            // 2F4
    ULONGLONG TestRetInstruction;                     // 2F8
    ULONG SystemCall;                                 // 300  where ntdll's stubs call to
    ULONG SystemCallReturn;                           // 304  where SYSEXIT returns to
    ULONGLONG SystemCallPad[3];                       // 308
    union {                                           // 320
        volatile KSYSTEM_TIME TickCount;
        volatile ULONGLONG TickCountQuad;
    };
    ULONG Cookie;                               // 330
    ULONG CookiePad[1];                         // 334
    LONGLONG ConsoleSessionForegroundProcessId; // 338
    ULONG Wow64SharedInformation[16];           // 340
    USHORT UserModeGlobalLogger[16];            // 380
    ULONG ImageFileExecutionOptions;            // 3A0
    ULONG LangGenerationCount;                  // 3A4
    ULONGLONG Reserved5;                        // 3A8
    volatile ULONGLONG InterruptTimeBias;       // 3B0
    volatile ULONGLONG TscQpcBias;              // 3B8
    volatile ULONG ActiveProcessorCount;        // 3C0
    volatile USHORT ActiveGroupCount;           // 3C4
    USHORT Reserved4;                           // 3C6
    volatile ULONG AitSamplingValue;            // 3C8
    volatile ULONG AppCompatFlag;               // 3CC
    ULONGLONG SystemDllNativeRelocation;        // 3D0
    ULONG SystemDllWowRelocation;               // 3D8
    ULONG XStatePad[1];                         // 3DC
    UCHAR XState[0x210];                        // 3E0  XSTATE_CONFIGURATION: no features, FXSAVE's area is all
} KUSER_SHARED_DATA, *PKUSER_SHARED_DATA;

C_ASSERT_OFFSET(KUSER_SHARED_DATA, NtSystemRoot, 0x30);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, NtMajorVersion, 0x26C);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, ProcessorFeatures, 0x274);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, NumberOfPhysicalPages, 0x2E8);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, SystemCall, 0x300);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, TickCount, 0x320);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, ActiveProcessorCount, 0x3C0);
C_ASSERT_OFFSET(KUSER_SHARED_DATA, XState, 0x3E0);
C_ASSERT_SIZE(KUSER_SHARED_DATA, 0x5F0);

#ifndef MICA_KERNEL
#define SharedUserData ((const KUSER_SHARED_DATA *)USER_SHARED_DATA_USER)
#endif

typedef enum _EVENT_INFORMATION_CLASS { EventBasicInformation } EVENT_INFORMATION_CLASS;
typedef struct _EVENT_BASIC_INFORMATION {
    EVENT_TYPE EventType;
    LONG EventState;
} EVENT_BASIC_INFORMATION, *PEVENT_BASIC_INFORMATION;

typedef enum _MUTANT_INFORMATION_CLASS { MutantBasicInformation } MUTANT_INFORMATION_CLASS;
typedef struct _MUTANT_BASIC_INFORMATION {
    LONG CurrentCount;
    BOOLEAN OwnedByCaller;
    BOOLEAN AbandonedState;
} MUTANT_BASIC_INFORMATION, *PMUTANT_BASIC_INFORMATION;

typedef enum _SEMAPHORE_INFORMATION_CLASS { SemaphoreBasicInformation } SEMAPHORE_INFORMATION_CLASS;
typedef struct _SEMAPHORE_BASIC_INFORMATION {
    LONG CurrentCount;
    LONG MaximumCount;
} SEMAPHORE_BASIC_INFORMATION, *PSEMAPHORE_BASIC_INFORMATION;

typedef enum _TIMER_INFORMATION_CLASS { TimerBasicInformation } TIMER_INFORMATION_CLASS;
typedef struct _TIMER_BASIC_INFORMATION {
    LARGE_INTEGER RemainingTime;
    BOOLEAN TimerState;
} TIMER_BASIC_INFORMATION, *PTIMER_BASIC_INFORMATION;

typedef VOID(NTAPI *PTIMER_APC_ROUTINE)(PVOID TimerContext, ULONG TimerLowValue, LONG TimerHighValue);
typedef VOID(NTAPI *PPS_APC_ROUTINE)(PVOID ApcArgument1, PVOID ApcArgument2, PVOID ApcArgument3);

typedef enum _KPROFILE_SOURCE { ProfileTime } KPROFILE_SOURCE;

// Why a thread waits; the order is the one that debuggers and NtQuerySystemInformation show.
typedef enum _KWAIT_REASON {
    Executive,
    FreePage,
    PageIn,
    PoolAllocation,
    DelayExecution,
    Suspended,
    UserRequest,
    WrExecutive,
    WrFreePage,
    WrPageIn,
    WrPoolAllocation,
    WrDelayExecution,
    WrSuspended,
    WrUserRequest,
    WrEventPair,
    WrQueue,
    WrLpcReceive,
    WrLpcReply,
    WrVirtualMemory,
    WrPageOut,
    WrRendezvous,
    WrKeyedEvent,
    WrTerminated,
    WrProcessInSwap,
    WrCpuRateControl,
    WrCalloutStack,
    WrKernel,
    WrResource,
    WrPushLock,
    WrMutex,
    WrQuantumEnd,
    WrDispatchInt,
    WrPreempted,
    WrYieldExecution,
    WrFastMutex,
    WrGuardedMutex,
    WrRundown,
    MaximumWaitReason
} KWAIT_REASON;

typedef enum _KTHREAD_STATE {
    Initialized,
    Ready,
    Running,
    Standby,
    Terminated,
    Waiting,
    Transition,
    DeferredReady,
    GateWait
} KTHREAD_STATE;

#endif
