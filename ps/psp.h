// SPDX-License-Identifier: MIT
// Ps' private header: what the rooms of this folder share.

#ifndef MICA_PS_PSP_H
#define MICA_PS_PSP_H

#include "ntos.h"

#define TAG_PS_APC 0x70417350  // 'PsAp'
#define TAG_PS_TEMP 0x6D547350 // 'PsTm'
#define PSP_NORMAL_BASE_PRIORITY 8
#define PSP_BUILD_NUMBER 7601

extern PHANDLE_TABLE PspCidTable;  // process and thread ids: one id space
extern PVOID PspLoaderInitRoutine; // ntdll!LdrInitializeThunk

// The process and thread types (ps/types.c).
VOID PspCreateTypes(VOID);
VOID NTAPI PspProcessDelete(PVOID Object);
VOID NTAPI PspThreadDelete(PVOID Object);

NTCHECK PspCreateProcess(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, HANDLE ParentHandle,
                         PEPROCESS ParentObject, ULONG Flags, HANDLE SectionHandle, PEPROCESS *Created);
// A thread in Process: a user one if Context is given, else a system thread in StartRoutine(StartContext).
NTCHECK PspCreateThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, PEPROCESS Process,
                        PCLIENT_ID ClientId, PCONTEXT Context, PINITIAL_TEB InitialTeb, BOOLEAN CreateSuspended,
                        PKSTART_ROUTINE StartRoutine, PVOID StartContext);
// The new process' PEB; the caller is attached to it.
NTCHECK PspInitializePeb(PEPROCESS Process, PVOID ImageBase);
NTCHECK PspMapSystemDll(PEPROCESS Process);
NTCHECK PspLocateSystemDll(VOID);
NTCHECK PspTerminateThread(PETHREAD Thread, NTSTATUS ExitStatus);
// Ends every thread of Process but the current one.
VOID PspTerminateOtherThreads(PEPROCESS Process, NTSTATUS ExitStatus);
// The last thread is gone, or there never was one: handles, address space, signal.
VOID PspRundownProcess(PEPROCESS Process);
VOID PspInitializeReaper(VOID);
VOID PspInitThreads(VOID);

// foreground.c
SCHAR PspComputeQuantum(UCHAR Class, BOOLEAN Foreground);
KPRIORITY PspComputeBasePriority(UCHAR Class);
NTCHECK PspSetPriorityClass(PEPROCESS Process, UCHAR Class, BOOLEAN Foreground);
VOID PspSetForeground(PEPROCESS Process, BOOLEAN Foreground);
NTSTATUS PspCaptureValue(PVOID Value, ULONG Size, PVOID Information, ULONG Length); // set.c
BOOLEAN PspIsPagePriority(ULONG Value);
NTSTATUS PspSetProcessPagePriority(PEPROCESS Process, ULONG Value);
NTSTATUS PspSetQuotaLimits(PEPROCESS Process, PVOID Information, ULONG Length);
VOID PspQueryQuotaLimits(PEPROCESS Process, PQUOTA_LIMITS_EX Limits);
// wswatch.c
typedef struct _PAGEFAULT_HISTORY {
    ULONG CurrentIndex, MaxIndex;
    KSPIN_LOCK SpinLock;
    USHORT Lost;  // found no room
    BOOLEAN Busy; // somebody reads it: nothing is noted
    PROCESS_WS_WATCH_INFORMATION WatchInfo[];
} PAGEFAULT_HISTORY, *PPAGEFAULT_HISTORY;
NTSTATUS PspStartWorkingSetWatch(PEPROCESS Process, ULONG Length);
NTSTATUS PspQueryWorkingSetWatch(PEPROCESS Process, PVOID User, ULONG Length, PULONG ReturnLength);
VOID PspEndWorkingSetWatch(PEPROCESS Process);
VOID PspSetAffinity(PEPROCESS Process, KAFFINITY Affinity);
VOID PspInheritPriority(PEPROCESS Process, PEPROCESS Parent);

// Id for an object, NULL when there is no memory; PspDestroyId gives it back.
HANDLE PspCreateId(PVOID Object);
VOID PspDestroyId(HANDLE Id);

// Writes *Target = Value for a user or kernel caller; the status of a fault otherwise.
NTCHECK PspWriteHandle(PHANDLE Target, HANDLE Value, KPROCESSOR_MODE Mode);

#endif
