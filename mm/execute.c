// SPDX-License-Identifier: MIT
// May a program run what is not code? The boot policy (/NOEXECUTE=) and each process's options say so. Where it may,
// entries are made without execution all the same, and an instruction fetch that faults makes its page executable: the
// protections that a program sees do not change. For the kernel's pages there is no such choice.
// Source: SDK, "Data Execution Prevention", SetProcessDEPPolicy; Windows Internals, "No Execute Page Prevention".

#include "mi.h"

#define MI_POLICY_ALWAYS_OFF 0
#define MI_POLICY_ALWAYS_ON 1
#define MI_POLICY_OPT_IN 2
#define MI_POLICY_OPT_OUT 3
#define MI_EXECUTE_OPTIONS                                                                                             \
    (MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_ENABLE | MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION |             \
     MEM_EXECUTE_OPTION_PERMANENT | MEM_EXECUTE_OPTION_EXECUTE_DISPATCH_ENABLE |                                       \
     MEM_EXECUTE_OPTION_IMAGE_DISPATCH_ENABLE)

static UCHAR MiExecutePolicy;

// Reads /NOEXECUTE=OptIn|OptOut|AlwaysOn|AlwaysOff (OptIn if it says none of these). Phase 0.
VOID MiInitializeExecutePolicy(VOID)
{
    static const struct {
        PCSTR Option;
        UCHAR Policy;
    } Policies[] = {{"/NOEXECUTE=OPTOUT", MI_POLICY_OPT_OUT},
                    {"/NOEXECUTE=ALWAYSON", MI_POLICY_ALWAYS_ON},
                    {"/NOEXECUTE=ALWAYSOFF", MI_POLICY_ALWAYS_OFF}};
    ULONG Index;

    MiExecutePolicy = MmNoExecute != 0 ? MI_POLICY_OPT_IN : MI_POLICY_ALWAYS_OFF;
    for (Index = 0; MmNoExecute != 0 && Index < RTL_NUMBER_OF(Policies); Index++) {
        if (KeFindBootOption(Policies[Index].Option) != NULL)
            MiExecutePolicy = Policies[Index].Policy;
    }
    SharedUserData->NXSupportPolicy = MiExecutePolicy;
}

// The options of a new process whose program has these DllCharacteristics. Only one thread knows the process.
VOID MiInitializeExecuteOptions(PEPROCESS Process, USHORT DllCharacteristics)
{
    switch (MiExecutePolicy) {
    case MI_POLICY_ALWAYS_ON:
        Process->ExecuteOptions = MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT;
        break;
    case MI_POLICY_OPT_OUT:
        Process->ExecuteOptions = MEM_EXECUTE_OPTION_DISABLE;
        break;
    case MI_POLICY_OPT_IN:
        Process->ExecuteOptions = (DllCharacteristics & IMAGE_DLLCHARACTERISTICS_NX_COMPAT)
                                      ? MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT
                                      : MEM_EXECUTE_OPTION_ENABLE;
        break;
    default:
        Process->ExecuteOptions = MEM_EXECUTE_OPTION_ENABLE | MEM_EXECUTE_OPTION_PERMANENT;
    }
}

// An instruction fetch found the valid entry not executable. TRUE: it is now, as the process may run anything. The
// working set lock is held.
BOOLEAN MiAllowExecution(PEPROCESS Process, PMMPTE Pte)
{
    if (!(Process->ExecuteOptions & MEM_EXECUTE_OPTION_ENABLE))
        return FALSE;
    InterlockedAnd((volatile LONG *)&Pte->u.High, (LONG) ~(ULONG)(MI_NO_EXECUTE >> 32));
    return TRUE;
}

// The entries of one page table that were made executable in passing become what their protections say. Batch by batch
// under the PFN lock: no processor may go on with what it knew.
static VOID MiForbidInTable(ULONG_PTR Vpn)
{
    ULONG_PTR Last = Vpn | (PTES_PER_PAGE - 1);

    while (Vpn <= Last) {
        KIRQL OldIrql = MiLockPfn();
        MI_TB_FLUSH Flush;

        Flush.Count = 0;
        for (; Vpn <= Last && Flush.Count < MI_TB_FLUSH_MAXIMUM; Vpn++) {
            PMMPTE Pte = MiGetPteAddress(MI_VA(Vpn));

            if (!Pte->u.Hard.Valid || (Pte->u.Low & MI_EXECUTE) || Pte->u.Hard.NoExecute)
                continue;
            MiExchangePte(Pte, Pte->u.Long | MI_NO_EXECUTE);
            MiAddTbFlush(&Flush, MI_VA(Vpn));
        }
        MiFlushTb(&Flush, FALSE);
        MiUnlockPfn(OldIrql);
    }
}

static VOID MiForbidExecution(PEPROCESS Process)
{
    ULONG_PTR Vpn;

    MiLockWorkingSet(Process);
    for (Vpn = 0; Vpn <= MI_VPN(MM_HIGHEST_VAD_ADDRESS); Vpn += PTES_PER_PAGE) {
        PMMPTE Pde = MiGetPdeAddress(MI_VA(Vpn));

        if (Pde->u.Hard.Valid && !Pde->u.Hard.LargePage)
            MiForbidInTable(Vpn);
    }
    MiUnlockWorkingSet(Process);
}

// Sets the current process's options (MEM_EXECUTE_OPTION_*). IRQL PASSIVE_LEVEL. STATUS_ACCESS_DENIED: they were set
// for good, by the policy or by an earlier call. STATUS_INVALID_PARAMETER: neither on nor off, or both.
NTSTATUS NTAPI MmSetExecuteOptions(ULONG Options)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG Choice = Options & (MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_ENABLE);
    NTSTATUS Status;

    PAGED_CODE();
    if ((Options & ~(ULONG)MI_EXECUTE_OPTIONS) || Choice == 0 ||
        Choice == (MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_ENABLE))
        return STATUS_INVALID_PARAMETER;
    Status = MiLockAddressSpace(Process);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Process->ExecuteOptions & MEM_EXECUTE_OPTION_PERMANENT) {
        Status = STATUS_ACCESS_DENIED;
    } else {
        Process->ExecuteOptions = (UCHAR)Options;
        if ((Options & MEM_EXECUTE_OPTION_DISABLE) && MmNoExecute != 0)
            MiForbidExecution(Process);
    }
    MiUnlockAddressSpace(Process);
    return Status;
}

// A process's options. Any IRQL.
ULONG NTAPI MmGetExecuteOptions(PEPROCESS Process)
{
    return Process->ExecuteOptions;
}
