// SPDX-License-Identifier: MIT
// A process's priority class and its quantum. NT's registry value Win32PrioritySeparation is 2 on a workstation: short
// quanta that vary, and the largest difference between foreground and background:
//
//   quantum, in thirds of a clock tick        background   foreground (PsPrioritySeparation 0, 1, 2)
//   short, variable (what we have)                 6            6, 12, 18
//
// A process in the idle class has the background quantum also in the foreground. Source: Windows Internals, "Quantum",
// "Controlling the Quantum".

#include "psp.h"

ULONG PsPrioritySeparation = 2;
static const SCHAR PspForegroundQuantum[] = {6, 12, 18}; // by PsPrioritySeparation; [0] is the background's

static const SCHAR PspClassBase[] = { // indexed by PROCESS_PRIORITY_CLASS_*
    8, 4, 8, 13, 24, 6, 10};

// The quantum that goes with a class. Any IRQL.
SCHAR PspComputeQuantum(UCHAR Class, BOOLEAN Foreground)
{
    if (!Foreground || Class == PROCESS_PRIORITY_CLASS_IDLE)
        return PspForegroundQuantum[0];
    return PspForegroundQuantum[PsPrioritySeparation];
}

// The base priority that goes with a class. Any IRQL.
KPRIORITY PspComputeBasePriority(UCHAR Class)
{
    return PspClassBase[Class];
}

// Applies class and foreground state to the process and its threads. ProcessLock is held exclusively, so that two
// setters leave a pair that belongs together. IRQL <= APC_LEVEL.
static VOID PspApplyPriorityClass(PEPROCESS Process, UCHAR Class, BOOLEAN Foreground)
{
    Process->PriorityClass = Class;
    Process->Foreground = Foreground;
    KeSetPriorityAndQuantumProcess(&Process->Pcb, PspComputeBasePriority(Class), PspComputeQuantum(Class, Foreground));
}

// Sets the priority class and whether the process is in the foreground. PASSIVE_LEVEL. Takes ProcessLock.
// STATUS_INVALID_PARAMETER; STATUS_PRIVILEGE_NOT_HELD: the real-time class needs SeIncreaseBasePriorityPrivilege.
NTSTATUS NTAPI PspSetPriorityClass(PEPROCESS Process, UCHAR Class, BOOLEAN Foreground)
{
    if (Class == PROCESS_PRIORITY_CLASS_UNKNOWN || Class >= RTL_NUMBER_OF(PspClassBase))
        return STATUS_INVALID_PARAMETER;
    if (Class == PROCESS_PRIORITY_CLASS_REALTIME && Process->PriorityClass != Class &&
        !SeSinglePrivilegeCheck(SE_INC_BASE_PRIORITY_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    PspApplyPriorityClass(Process, Class, Foreground);
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    return STATUS_SUCCESS;
}

// Brings the process to the foreground or takes it away from there: only its quantum changes. PASSIVE_LEVEL.
VOID PspSetForeground(PEPROCESS Process, BOOLEAN Foreground)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    Process->Foreground = Foreground;
    KeSetQuantumProcess(&Process->Pcb, PspComputeQuantum(Process->PriorityClass, Foreground));
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
}

// Restricts a process, its threads and those still to come to processors. Affinity: some of the active ones.
// PASSIVE_LEVEL. Takes ProcessLock, under which threads join the process.
VOID PspSetAffinity(PEPROCESS Process, KAFFINITY Affinity)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    Process->Pcb.Affinity = Affinity;
    for (PLIST_ENTRY Link = Process->ThreadListHead.Flink; Link != &Process->ThreadListHead; Link = Link->Flink) {
        PETHREAD Thread = CONTAINING_RECORD(Link, ETHREAD, ThreadListEntry);

        if (!(Thread->Flags & PS_THREAD_FLAGS_TERMINATED))
            KeSetAffinityThread(&Thread->Tcb, Affinity);
    }
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
}

// What a new process takes over: the parent's processors, and its class if that is below normal (SDK, CreateProcess).
// The process is nobody else's yet. IRQL <= APC_LEVEL.
VOID PspInheritPriority(PEPROCESS Process, PEPROCESS Parent)
{
    if (Parent == NULL || Parent == PsInitialSystemProcess)
        return;
    Process->Pcb.Affinity = Parent->Pcb.Affinity;
    if (Parent->PriorityClass == PROCESS_PRIORITY_CLASS_IDLE ||
        Parent->PriorityClass == PROCESS_PRIORITY_CLASS_BELOW_NORMAL)
        PspApplyPriorityClass(Process, Parent->PriorityClass, FALSE);
}
