// SPDX-License-Identifier: MIT
// Faults on system addresses. Views of sections (system cache, mapped views) and pages of the paged pools and of
// pageable code are resolved: everything else in system space is there or is an error.

#include "mi.h"

KGUARDED_MUTEX MmSystemWorkingSetLock;

static BOOLEAN MiIsViewAddress(PVOID Va)
{
    ULONG_PTR Address = (ULONG_PTR)Va;

    return MiIsCacheAddress(Va) || (Address >= MM_SESSION_BASE && Address < MM_SESSION_POOL_START);
}

// The kernel broke a protection that is there to catch it: WDK, bug checks 0xBE and 0xFC.
static VOID MiCheckSystemProtection(ULONG FaultStatus, PVOID Va, PVOID TrapFrame)
{
    PMMPTE Entry = MiGetPdeAddress(Va);

    if (!Entry->u.Hard.Valid)
        return;
    if (!Entry->u.Hard.LargePage)
        Entry = MiGetPteAddress(Va);
    if (!Entry->u.Hard.Valid)
        return;
    if ((FaultStatus & MI_FAULT_EXECUTE) && Entry->u.Hard.NoExecute)
        KeBugCheckEx(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, (ULONG_PTR)Va, Entry->u.Low, (ULONG_PTR)TrapFrame, 0);
    if ((FaultStatus & MI_FAULT_WRITE) && !Entry->u.Hard.Write)
        KeBugCheckEx(ATTEMPTED_WRITE_TO_READONLY_MEMORY, (ULONG_PTR)Va, Entry->u.Low, (ULONG_PTR)TrapFrame, 0xB);
}

// IRQL <= APC_LEVEL. STATUS_ACCESS_VIOLATION from kernel mode means bugcheck 0x50 unless the caller knows better.
NTSTATUS MiSystemFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode, PVOID TrapFrame)
{
    PMMPTE Pte = MiPteIfTable(Va), Proto;
    ULONG Attempt = 0;
    MI_FAULT Fault;
    NTSTATUS Status;

    if (Mode != KernelMode)
        return STATUS_ACCESS_VIOLATION;
    MiCheckSystemProtection(FaultStatus, Va, TrapFrame);
    if (Pte == NULL || ((FaultStatus & MI_FAULT_EXECUTE) && !MiIsPagedCode(Va)))
        return STATUS_ACCESS_VIOLATION;
    // Of everything else only an entry that became valid after the processor had looked can be right.
    if (!MiIsViewAddress(Va) && !MiIsPoolAddress(Va) && !MiIsPagedCode(Va))
        return MiRaisedFault(FaultStatus, Va) == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
    Fault.Va = Va;
    Fault.Pte = Pte;
    Fault.Process = NULL;
    Fault.Write = (FaultStatus & MI_FAULT_WRITE) != 0;
    Fault.Execute = FALSE;
    Fault.Single = FALSE;
    Fault.LastProto = NULL;
    do {
        KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
        if (Pte->u.Hard.Valid)
            Status = STATUS_SUCCESS; // another thread was faster (processors do not remember entries that are invalid)
        else if (!MiReserveWsle(&MmSystemCacheWs))
            Status = MI_STATUS_NO_PAGE;
        else if (MiIsPoolAddress(Va) || MiIsPagedCode(Va))
            Status = MiResolvePoolFault(&Fault);
        else if ((Proto = MiSystemViewPrototype(Va, Pte)) != NULL)
            Status = MiResolvePrototype(&Fault, MM_READWRITE, Proto);
        else
            Status = STATUS_ACCESS_VIOLATION;
        KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
        if (Status == STATUS_SUCCESS)
            return STATUS_SUCCESS;
        Status = MiFinishFault(&Fault, Status, &Attempt);
    } while (Status == STATUS_RETRY);
    return Status;
}
