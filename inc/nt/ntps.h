// SPDX-License-Identifier: MIT
// What Ps shows to user mode: TEB, PEB, process parameters, process and thread information classes.
// Layouts are Windows' 32-bit ones as far as they are published (SDK winternl.h, public symbols as documented in
// books); fields nobody documents are reserved space of the right size.

#ifndef MICA_NT_NTPS_H
#define MICA_NT_NTPS_H

#include "ntbase.h"
#include "ntmm.h"

struct _PEB;

typedef struct _CURDIR {
    UNICODE_STRING DosPath;
    HANDLE Handle;
} CURDIR, *PCURDIR;

#define RTL_USER_PROC_PARAMS_NORMALIZED 0x00000001

typedef struct _RTL_USER_PROCESS_PARAMETERS {
    ULONG MaximumLength;               // 00
    ULONG Length;                      // 04
    ULONG Flags;                       // 08
    ULONG DebugFlags;                  // 0C
    HANDLE ConsoleHandle;              // 10
    ULONG ConsoleFlags;                // 14
    HANDLE StandardInput;              // 18
    HANDLE StandardOutput;             // 1C
    HANDLE StandardError;              // 20
    CURDIR CurrentDirectory;           // 24
    UNICODE_STRING DllPath;            // 30
    UNICODE_STRING ImagePathName;      // 38
    UNICODE_STRING CommandLine;        // 40
    PVOID Environment;                 // 48
    ULONG StartingX, StartingY;        // 4C
    ULONG CountX, CountY;              // 54
    ULONG CountCharsX, CountCharsY;    // 5C
    ULONG FillAttribute;               // 64
    ULONG WindowFlags;                 // 68
    ULONG ShowWindowFlags;             // 6C
    UNICODE_STRING WindowTitle;        // 70
    UNICODE_STRING DesktopInfo;        // 78
    UNICODE_STRING ShellInfo;          // 80
    UNICODE_STRING RuntimeData;        // 88
    UCHAR CurrentDirectories[32 * 16]; // 90
    ULONG EnvironmentSize;             // 290
} RTL_USER_PROCESS_PARAMETERS, *PRTL_USER_PROCESS_PARAMETERS;

typedef struct _PEB_LDR_DATA {
    ULONG Length;
    BOOLEAN Initialized;
    HANDLE SsHandle;
    LIST_ENTRY InLoadOrderModuleList;
    LIST_ENTRY InMemoryOrderModuleList;
    LIST_ENTRY InInitializationOrderModuleList;
    PVOID EntryInProgress;
    BOOLEAN ShutdownInProgress;
    HANDLE ShutdownThreadId;
} PEB_LDR_DATA, *PPEB_LDR_DATA;

typedef struct _LDR_DATA_TABLE_ENTRY {
    LIST_ENTRY InLoadOrderLinks;           // 00
    LIST_ENTRY InMemoryOrderLinks;         // 08
    LIST_ENTRY InInitializationOrderLinks; // 10
    PVOID DllBase;                         // 18
    PVOID EntryPoint;                      // 1C
    ULONG SizeOfImage;                     // 20
    UNICODE_STRING FullDllName;            // 24
    UNICODE_STRING BaseDllName;            // 2C
    ULONG Flags;                           // 34
    USHORT LoadCount;                      // 38  0xFFFF: never unloaded
    USHORT TlsIndex;                       // 3A
    LIST_ENTRY HashLinks;                  // 3C
    ULONG TimeDateStamp;                   // 44
    PVOID EntryPointActivationContext;     // 48
    PVOID PatchInformation;                // 4C
} LDR_DATA_TABLE_ENTRY, *PLDR_DATA_TABLE_ENTRY;

#define LDRP_STATIC_LINK 0x00000002
#define LDRP_IMAGE_DLL 0x00000004
#define LDRP_LOAD_IN_PROGRESS 0x00001000
#define LDRP_UNLOAD_IN_PROGRESS 0x00002000
#define LDRP_ENTRY_PROCESSED 0x00004000
#define LDRP_DONT_CALL_FOR_THREADS 0x00040000
#define LDRP_PROCESS_ATTACH_CALLED 0x00080000
#define LDRP_IMAGE_NOT_AT_BASE 0x00200000

typedef struct _PEB {
    BOOLEAN InheritedAddressSpace;                  // 000
    BOOLEAN ReadImageFileExecOptions;               // 001
    BOOLEAN BeingDebugged;                          // 002
    UCHAR BitField;                                 // 003
    HANDLE Mutant;                                  // 004
    PVOID ImageBaseAddress;                         // 008
    PPEB_LDR_DATA Ldr;                              // 00C
    PRTL_USER_PROCESS_PARAMETERS ProcessParameters; // 010
    PVOID SubSystemData;                            // 014
    PVOID ProcessHeap;                              // 018
    PRTL_CRITICAL_SECTION FastPebLock;              // 01C
    PVOID AtlThunkSListPtr;                         // 020
    PVOID IFEOKey;                                  // 024
    ULONG CrossProcessFlags;                        // 028
    PVOID KernelCallbackTable;                      // 02C
    ULONG SystemReserved[1];                        // 030  random: RtlpLayoutNumber
    ULONG AtlThunkSListPtr32;                       // 034
    PVOID ApiSetMap;                                // 038
    ULONG TlsExpansionCounter;                      // 03C
    PVOID TlsBitmap;                                // 040
    ULONG TlsBitmapBits[2];                         // 044
    PVOID ReadOnlySharedMemoryBase;                 // 04C
    PVOID HotpatchInformation;                      // 050
    PVOID *ReadOnlyStaticServerData;                // 054
    PVOID AnsiCodePageData;                         // 058
    PVOID OemCodePageData;                          // 05C
    PVOID UnicodeCaseTableData;                     // 060
    ULONG NumberOfProcessors;                       // 064
    ULONG NtGlobalFlag;                             // 068
    LARGE_INTEGER CriticalSectionTimeout;           // 070
    ULONG HeapSegmentReserve;                       // 078
    ULONG HeapSegmentCommit;                        // 07C
    ULONG HeapDeCommitTotalFreeThreshold;           // 080
    ULONG HeapDeCommitFreeBlockThreshold;           // 084
    ULONG NumberOfHeaps;                            // 088
    ULONG MaximumNumberOfHeaps;                     // 08C
    PVOID *ProcessHeaps;                            // 090
    PVOID GdiSharedHandleTable;                     // 094
    PVOID ProcessStarterHelper;                     // 098
    ULONG GdiDCAttributeList;                       // 09C
    PRTL_CRITICAL_SECTION LoaderLock;               // 0A0
    ULONG OSMajorVersion;                           // 0A4
    ULONG OSMinorVersion;                           // 0A8
    USHORT OSBuildNumber;                           // 0AC
    USHORT OSCSDVersion;                            // 0AE
    ULONG OSPlatformId;                             // 0B0
    ULONG ImageSubsystem;                           // 0B4
    ULONG ImageSubsystemMajorVersion;               // 0B8
    ULONG ImageSubsystemMinorVersion;               // 0BC
    ULONG ActiveProcessAffinityMask;                // 0C0
    ULONG GdiHandleBuffer[34];                      // 0C4
    PVOID PostProcessInitRoutine;                   // 14C
    PVOID TlsExpansionBitmap;                       // 150
    ULONG TlsExpansionBitmapBits[32];               // 154
    ULONG SessionId;                                // 1D4
    ULONGLONG AppCompatFlags;                       // 1D8
    ULONGLONG AppCompatFlagsUser;                   // 1E0
    PVOID pShimData;                                // 1E8
    PVOID AppCompatInfo;                            // 1EC
    UNICODE_STRING CSDVersion;                      // 1F0
    UCHAR Reserved1F8[0x248 - 0x1F8];               // 1F8
} PEB, *PPEB;

C_ASSERT_OFFSET(PEB, ProcessHeap, 0x18);
C_ASSERT_OFFSET(PEB, TlsBitmap, 0x40);
C_ASSERT_OFFSET(PEB, NumberOfProcessors, 0x64);
C_ASSERT_OFFSET(PEB, CriticalSectionTimeout, 0x70);
C_ASSERT_OFFSET(PEB, LoaderLock, 0xA0);
C_ASSERT_OFFSET(PEB, OSMajorVersion, 0xA4);
C_ASSERT_OFFSET(PEB, SessionId, 0x1D4);
C_ASSERT_SIZE(PEB, 0x248);

#define TLS_MINIMUM_AVAILABLE_NT 64
#define TLS_EXPANSION_SLOTS_NT 1024

typedef struct _TEB {
    NT_TIB NtTib;                             // 000
    PVOID EnvironmentPointer;                 // 01C
    CLIENT_ID ClientId;                       // 020
    PVOID ActiveRpcHandle;                    // 028
    PVOID ThreadLocalStoragePointer;          // 02C
    struct _PEB *ProcessEnvironmentBlock;     // 030
    ULONG LastErrorValue;                     // 034
    ULONG CountOfOwnedCriticalSections;       // 038
    PVOID CsrClientThread;                    // 03C
    PVOID Win32ThreadInfo;                    // 040
    ULONG User32Reserved[26];                 // 044
    ULONG UserReserved[5];                    // 0AC
    PVOID WOW32Reserved;                      // 0C0
    LCID CurrentLocale;                       // 0C4
    ULONG FpSoftwareStatusRegister;           // 0C8
    PVOID SystemReserved1[54];                // 0CC
    NTSTATUS ExceptionCode;                   // 1A4
    PVOID ActivationContextStackPointer;      // 1A8
    UCHAR SpareBytes[36];                     // 1AC
    ULONG TxFsContext;                        // 1D0
    UCHAR GdiTebBatch[0x4E0];                 // 1D4
    CLIENT_ID RealClientId;                   // 6B4
    HANDLE GdiCachedProcessHandle;            // 6BC
    ULONG GdiClientPID;                       // 6C0
    ULONG GdiClientTID;                       // 6C4
    PVOID GdiThreadLocalInfo;                 // 6C8
    ULONG Win32ClientInfo[62];                // 6CC
    PVOID glDispatchTable[233];               // 7C4
    ULONG glReserved1[29];                    // B68
    PVOID glReserved2;                        // BDC
    PVOID glSectionInfo;                      // BE0
    PVOID glSection;                          // BE4
    PVOID glTable;                            // BE8
    PVOID glCurrentRC;                        // BEC
    PVOID glContext;                          // BF0
    NTSTATUS LastStatusValue;                 // BF4
    UNICODE_STRING StaticUnicodeString;       // BF8
    WCHAR StaticUnicodeBuffer[261];           // C00
    PVOID DeallocationStack;                  // E0C
    PVOID TlsSlots[TLS_MINIMUM_AVAILABLE_NT]; // E10
    LIST_ENTRY TlsLinks;                      // F10
    PVOID Vdm;                                // F18
    PVOID ReservedForNtRpc;                   // F1C
    PVOID DbgSsReserved[2];                   // F20
    ULONG HardErrorMode;                      // F28
    PVOID Instrumentation[9];                 // F2C
    UCHAR ActivityId[16];                     // F50
    PVOID SubProcessTag;                      // F60
    PVOID EtwLocalData;                       // F64
    PVOID EtwTraceData;                       // F68
    PVOID WinSockData;                        // F6C
    ULONG GdiBatchCount;                      // F70
    ULONG IdealProcessorValue;                // F74
    ULONG GuaranteedStackBytes;               // F78
    PVOID ReservedForPerf;                    // F7C
    PVOID ReservedForOle;                     // F80
    ULONG WaitingOnLoaderLock;                // F84
    PVOID SavedPriorityState;                 // F88
    ULONG SoftPatchPtr1;                      // F8C
    PVOID ThreadPoolData;                     // F90
    PVOID *TlsExpansionSlots;                 // F94
    UCHAR ReservedF98[0xFE4 - 0xF98];         // F98
} TEB, *PTEB;

C_ASSERT_OFFSET(TEB, LastErrorValue, 0x34);
C_ASSERT_OFFSET(TEB, ExceptionCode, 0x1A4);
C_ASSERT_OFFSET(TEB, RealClientId, 0x6B4);
C_ASSERT_OFFSET(TEB, LastStatusValue, 0xBF4);
C_ASSERT_OFFSET(TEB, StaticUnicodeString, 0xBF8);
C_ASSERT_OFFSET(TEB, DeallocationStack, 0xE0C);
C_ASSERT_OFFSET(TEB, TlsSlots, 0xE10);
C_ASSERT_OFFSET(TEB, TlsExpansionSlots, 0xF94);

typedef struct _INITIAL_TEB {
    PVOID OldStackBase;
    PVOID OldStackLimit;
    PVOID StackBase;
    PVOID StackLimit;
    PVOID StackAllocationBase;
} INITIAL_TEB, *PINITIAL_TEB;

typedef enum _PROCESSINFOCLASS {
    ProcessBasicInformation = 0,
    ProcessQuotaLimits = 1,
    ProcessIoCounters = 2,
    ProcessVmCounters = 3,
    ProcessTimes = 4,
    ProcessBasePriority = 5,
    ProcessRaisePriority = 6,
    ProcessDebugPort = 7,
    ProcessExceptionPort = 8,
    ProcessAccessToken = 9,
    ProcessDefaultHardErrorMode = 12,
    ProcessPriorityClass = 18,
    ProcessHandleCount = 20,
    ProcessAffinityMask = 21,
    ProcessPriorityBoost = 22,
    ProcessSessionInformation = 24,
    ProcessForegroundInformation = 25,
    ProcessImageFileName = 27,
    ProcessBreakOnTermination = 29,
    ProcessExecuteFlags = 34, // MEM_EXECUTE_OPTION_*
    ProcessImageInformation = 37,
    ProcessPagePriority = 39
} PROCESSINFOCLASS;

typedef struct _PROCESS_BASIC_INFORMATION {
    NTSTATUS ExitStatus;
    PPEB PebBaseAddress;
    ULONG_PTR AffinityMask;
    KPRIORITY BasePriority;
    ULONG_PTR UniqueProcessId;
    ULONG_PTR InheritedFromUniqueProcessId;
} PROCESS_BASIC_INFORMATION, *PPROCESS_BASIC_INFORMATION;

typedef struct _VM_COUNTERS {
    SIZE_T PeakVirtualSize;
    SIZE_T VirtualSize;
    ULONG PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage;
    SIZE_T QuotaPagedPoolUsage;
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage;
    SIZE_T PagefileUsage;
    SIZE_T PeakPagefileUsage;
} VM_COUNTERS, *PVM_COUNTERS;

typedef struct _KERNEL_USER_TIMES {
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime;
    LARGE_INTEGER KernelTime;
    LARGE_INTEGER UserTime;
} KERNEL_USER_TIMES, *PKERNEL_USER_TIMES;

typedef struct _PROCESS_PRIORITY_CLASS_NT {
    BOOLEAN Foreground;
    UCHAR PriorityClass; // PROCESS_PRIORITY_CLASS_*
} PROCESS_PRIORITY_CLASS_NT;
#define PROCESS_PRIORITY_CLASS_UNKNOWN 0
#define PROCESS_PRIORITY_CLASS_IDLE 1
#define PROCESS_PRIORITY_CLASS_NORMAL 2
#define PROCESS_PRIORITY_CLASS_HIGH 3
#define PROCESS_PRIORITY_CLASS_REALTIME 4
#define PROCESS_PRIORITY_CLASS_BELOW_NORMAL 5
#define PROCESS_PRIORITY_CLASS_ABOVE_NORMAL 6

typedef enum _THREADINFOCLASS {
    ThreadBasicInformation = 0,
    ThreadTimes = 1,
    ThreadPriority = 2,
    ThreadBasePriority = 3,
    ThreadAffinityMask = 4,
    ThreadImpersonationToken = 5,
    ThreadEventPair = 8,
    ThreadQuerySetWin32StartAddress = 9,
    ThreadZeroTlsCell = 10,
    ThreadPerformanceCount = 11,
    ThreadAmILastThread = 12,
    ThreadIdealProcessor = 13,
    ThreadPriorityBoost = 14,
    ThreadHideFromDebugger = 17,
    ThreadPagePriority = 24
} THREADINFOCLASS;

// How soon standby pages are given away: SDK, "SetThreadInformation", MEMORY_PRIORITY_*.
typedef struct _PAGE_PRIORITY_INFORMATION {
    ULONG PagePriority;
} PAGE_PRIORITY_INFORMATION, *PPAGE_PRIORITY_INFORMATION;
#define PAGE_PRIORITY_LOWEST 1
#define PAGE_PRIORITY_NORMAL 5
#define PAGE_PRIORITY_HIGHEST 7

typedef struct _THREAD_BASIC_INFORMATION {
    NTSTATUS ExitStatus;
    PTEB TebBaseAddress;
    CLIENT_ID ClientId;
    ULONG_PTR AffinityMask;
    KPRIORITY Priority;
    LONG BasePriority;
} THREAD_BASIC_INFORMATION, *PTHREAD_BASIC_INFORMATION;

// NtCreateProcessEx flags
#define PROCESS_CREATE_FLAGS_INHERIT_HANDLES 0x00000004

typedef struct _RTL_USER_PROCESS_INFORMATION {
    ULONG Length;
    HANDLE Process;
    HANDLE Thread;
    CLIENT_ID ClientId;
    SECTION_IMAGE_INFORMATION ImageInformation;
} RTL_USER_PROCESS_INFORMATION, *PRTL_USER_PROCESS_INFORMATION;

#endif
