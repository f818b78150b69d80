// SPDX-License-Identifier: MIT
// Vector 14: asks Mm to resolve the fault, and turns what it cannot resolve into an exception or a bugcheck.
// Source: Intel SDM 3A 4.7; WDK, bug checks 0xA, 0x50.

#include "ki.h"

#define PF_WRITE 0x02u
#define PF_EXECUTE 0x10u

static ULONG KiFaultKind(ULONG ErrCode)
{
    return ErrCode & PF_EXECUTE ? EXCEPTION_EXECUTE_FAULT
           : ErrCode & PF_WRITE ? EXCEPTION_WRITE_FAULT
                                : EXCEPTION_READ_FAULT;
}

// A fault that nothing can resolve at this IRQL: 0xA with address, IRQL, kind of access, instruction.
static DECLSPEC_NORETURN VOID KiFaultAtRaisedIrql(PKTRAP_FRAME TrapFrame, ULONG Va)
{
    KiBugCheckTrap(IRQL_NOT_LESS_OR_EQUAL, Va, KeGetCurrentIrql(), KiFaultKind(TrapFrame->ErrCode), TrapFrame->Eip,
                   TrapFrame);
}

// An instruction that may fault on user memory, and where it then goes on with eax = the status (EX_FIXUP in fast.h,
// KiCopyArguments in i386/service.asm).
typedef struct _KI_FIXUP {
    ULONG From;
    ULONG To;
} KI_FIXUP;
extern const KI_FIXUP KiFixups[], KiFixupsEnd[]; // linker.ld

static BOOLEAN KiFixUp(PKTRAP_FRAME TrapFrame, NTSTATUS Status)
{
    if (KiTrapMode(TrapFrame) != KernelMode)
        return FALSE;
    for (const KI_FIXUP *Fixup = KiFixups; Fixup < KiFixupsEnd; Fixup++) {
        if (TrapFrame->Eip == Fixup->From) {
            TrapFrame->Eip = Fixup->To;
            TrapFrame->Eax = (ULONG)Status;
            return TRUE;
        }
    }
    return FALSE;
}

// Statuses that programs know; everything else means that the page could not be read in.
static BOOLEAN KiIsAccessStatus(NTSTATUS Status)
{
    return Status == STATUS_ACCESS_VIOLATION || Status == STATUS_GUARD_PAGE_VIOLATION ||
           Status == STATUS_STACK_OVERFLOW;
}

static VOID KiRaiseFault(PKTRAP_FRAME TrapFrame, NTSTATUS Status, ULONG Va)
{
    ULONG Kind = KiFaultKind(TrapFrame->ErrCode);

    if (KiIsAccessStatus(Status))
        KiRaiseTrapException(TrapFrame, Status, 2, Kind, Va, 0);
    else
        KiRaiseTrapException(TrapFrame, STATUS_IN_PAGE_ERROR, 3, Kind, Va, (ULONG_PTR)Status);
}

// Somebody wants to know about page faults: the trace, or who watches a working set.
static KD_TRACE_CALL VOID KiNoteFault(PKTRAP_FRAME TrapFrame, ULONG Va, NTSTATUS Status)
{
    KdTrace(FaultEnd, Status, 0, 0, 0);
    if ((KdTraceMask & KD_TRACE_WATCH) && NT_SUCCESS(Status) && KeGetCurrentIrql() <= APC_LEVEL)
        PsWatchWorkingSet((PVOID)(ULONG_PTR)TrapFrame->Eip, (PVOID)(ULONG_PTR)Va);
}

VOID FASTCALL KiPageFault(PKTRAP_FRAME TrapFrame)
{
    ULONG Va = KiReadCr2();
    KPROCESSOR_MODE Mode = KiTrapMode(TrapFrame);
    BOOLEAN Raised = KeGetCurrentIrql() >= DISPATCH_LEVEL;
    NTSTATUS Status;

    KeRestoreInterrupts((TrapFrame->EFlags & EFLAGS_IF) != 0);
    if (Raised && Mode == KernelMode && MmIsBlockCopy(&TrapFrame->Eip))
        return; // mm/blockcopy.c goes on without it
    KeGetCurrentPrcb()->MmPageFaultCount++;
    KdTrace(FaultBegin, Va, TrapFrame->Eip, TrapFrame->ErrCode, 0);
    Status = MmAccessFault(TrapFrame->ErrCode, (PVOID)Va, Mode, TrapFrame);
    if (__builtin_expect((KdTraceMask & (KD_TRACE_FAULT | KD_TRACE_WATCH)) != 0, 0))
        KiNoteFault(TrapFrame, Va, Status);
    if (NT_SUCCESS(Status) || (Mode == KernelMode && ExRepairSListFault(TrapFrame)))
        return;
    if (Status == MM_FAULT_AT_RAISED_IRQL || Raised)
        KiFaultAtRaisedIrql(TrapFrame, Va);
    if (KiFixUp(TrapFrame, KiIsAccessStatus(Status) ? Status : STATUS_IN_PAGE_ERROR))
        return;
    if (Mode == KernelMode && Va >= (ULONG)MM_SYSTEM_RANGE_START && Status == STATUS_ACCESS_VIOLATION)
        KiBugCheckTrap(PAGE_FAULT_IN_NONPAGED_AREA, Va, KiFaultKind(TrapFrame->ErrCode), TrapFrame->Eip, 0, TrapFrame);
    KiRaiseFault(TrapFrame, Status, Va);
}
