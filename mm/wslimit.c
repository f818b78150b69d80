// SPDX-License-Identifier: MIT
// The limits of a working set. Minimum and maximum are soft unless a program makes them hard (QUOTA_LIMITS_HARDWS_*):
// a set at its hard maximum gets a new page only in the place of another one. Source: SDK,
// "SetProcessWorkingSetSizeEx".

#include "mi.h"

#define MI_REPLACE_CANDIDATES 16u // pages looked at to find one that goes
#define MI_LEAST_MINIMUM 20u      // SDK
#define MI_LEAST_MAXIMUM 13u
#define MI_FLUID_PAGES 512u // of memory, that no minimum may ask for

// The oldest of a few pages of the set of the current process, or NULL: all are locked.
static PVOID MiChooseReplacement(PMMWSL List)
{
    ULONG Left = List->LastEntry + 1 - List->FirstDynamic, Seen = 0, Best = MI_WSLE_NONE, BestAge = 0;

    for (; Left != 0 && Seen < MI_REPLACE_CANDIDATES; Left--) {
        PMMWSLE Wsle;
        ULONG Age;

        List->NextSlot = List->NextSlot < List->FirstDynamic || List->NextSlot >= List->LastEntry ? List->FirstDynamic
                                                                                                  : List->NextSlot + 1;
        Wsle = &List->Wsle[List->NextSlot];
        if (!Wsle->u1.e1.Valid)
            continue;
        Seen++;
        Age = MiGetPteAddress(MI_VA(Wsle->u1.e1.VirtualPageNumber))->u.Hard.Accessed ? 0 : Wsle->u1.e1.Age + 1u;
        if (Best == MI_WSLE_NONE || Age > BestAge) {
            Best = List->NextSlot;
            BestAge = Age;
        }
        if (Age > MI_MAXIMUM_AGE)
            break;
    }
    return Best == MI_WSLE_NONE ? NULL : MI_VA(List->Wsle[Best].u1.e1.VirtualPageNumber);
}

// Takes one page out, to make room for another. The working set lock is held. FALSE: there is none that may go.
static BOOLEAN MiReplacePage(PMMSUPPORT Vm)
{
    PVOID Va = MiChooseReplacement(Vm->VmWorkingSetList);

    if (Va == NULL)
        return FALSE;
    MiEvictPages(Vm == &MmSystemCacheWs ? NULL : CONTAINING_RECORD(Vm, EPROCESS, Vm), &Va, 1);
    Vm->TrimCount++;
    return TRUE;
}

// Slow part of MiReserveWsle: the set is at its limit, or its list has no free entry. FALSE: no memory for now.
BOOLEAN MiMakeRoomInWorkingSet(PMMSUPPORT Vm)
{
    while (Vm->WorkingSetSize >= Vm->GrowthLimit) {
        if (!MiReplacePage(Vm))
            return FALSE;
    }
    return MiGrowWorkingSetList(Vm) || MiReplacePage(Vm);
}

// Takes every page out that is not locked. IRQL PASSIVE_LEVEL; attaches.
VOID MmEmptyWorkingSet(PEPROCESS Process)
{
    static const MI_TRIM Everything = {.Quota = MAXULONG, .Private = TRUE};

    MiTrimSet(Process, &Everything, TRUE);
}

// Makes the set fit into its limit. The working set lock is held, the process attached to.
static VOID MiShrinkToLimit(PEPROCESS Process)
{
    MI_TRIM Trim = {.Quota = MAXULONG, .Private = TRUE, .Floor = Process->Vm.GrowthLimit};

    if (Process->Vm.WorkingSetSize > Process->Vm.GrowthLimit)
        MiTrimWorkingSet(&Process->Vm, Process, &Trim);
}

static BOOLEAN MiHardFlag(BOOLEAN Old, ULONG Flags, ULONG Enable, ULONG Disable)
{
    return (Flags & Enable) ? TRUE : (Flags & Disable) ? FALSE : Old;
}

// Sets minimum and maximum, in pages, and whether they are hard (QUOTA_LIMITS_HARDWS_*; neither bit: as before). A
// minimum below the least one becomes that. IRQL PASSIVE_LEVEL; attaches.
// STATUS_BAD_WORKING_SET_LIMIT: they exclude each other, or the maximum what is locked.
// STATUS_INSUFFICIENT_RESOURCES: so many pages could never be kept.
NTSTATUS NTAPI MmAdjustWorkingSetSize(PEPROCESS Process, SIZE_T Minimum, SIZE_T Maximum, ULONG Flags)
{
    PMMSUPPORT Vm = &Process->Vm;
    NTSTATUS Status = STATUS_SUCCESS;
    KAPC_STATE ApcState;

    if (Minimum == 0 || Minimum > Maximum || Maximum < MI_LEAST_MAXIMUM)
        return STATUS_BAD_WORKING_SET_LIMIT;
    Minimum = max_of(Minimum, min_of(Maximum, MI_LEAST_MINIMUM));
    if (Minimum + MI_FLUID_PAGES > MmNumberOfPhysicalPages)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeStackAttachProcess(&Process->Pcb, &ApcState);
    MiLockWorkingSet(Process);
    if (Vm->Flags.BeingDeleted || Vm->VmWorkingSetList == NULL) {
        Status = STATUS_PROCESS_IS_TERMINATING;
    } else if (Vm->VmWorkingSetList->FirstDynamic - 1 + MI_FLUID_LOCKED > Maximum) {
        Status = STATUS_BAD_WORKING_SET_LIMIT;
    } else {
        Vm->MinimumWorkingSetSize = (ULONG)Minimum;
        Vm->MaximumWorkingSetSize = (ULONG)min_of(Maximum, MAXULONG >> PAGE_SHIFT);
        Vm->Flags.MinimumWorkingSetHard = MiHardFlag(Vm->Flags.MinimumWorkingSetHard, Flags,
                                                     QUOTA_LIMITS_HARDWS_MIN_ENABLE, QUOTA_LIMITS_HARDWS_MIN_DISABLE);
        Vm->Flags.MaximumWorkingSetHard = MiHardFlag(Vm->Flags.MaximumWorkingSetHard, Flags,
                                                     QUOTA_LIMITS_HARDWS_MAX_ENABLE, QUOTA_LIMITS_HARDWS_MAX_DISABLE);
        Vm->GrowthLimit = Vm->Flags.MaximumWorkingSetHard ? Vm->MaximumWorkingSetSize : MAXULONG;
        MiShrinkToLimit(Process);
    }
    MiUnlockWorkingSet(Process);
    KeUnstackDetachProcess(&ApcState);
    return Status;
}

// The limits in pages, and as QUOTA_LIMITS_HARDWS_* which of them are hard. Any IRQL; not a consistent snapshot.
VOID MmQueryWorkingSetLimits(PEPROCESS Process, PSIZE_T Minimum, PSIZE_T Maximum, PULONG Flags)
{
    *Minimum = Process->Vm.MinimumWorkingSetSize;
    *Maximum = Process->Vm.MaximumWorkingSetSize;
    *Flags = Process->Vm.Flags.MinimumWorkingSetHard ? QUOTA_LIMITS_HARDWS_MIN_ENABLE : QUOTA_LIMITS_HARDWS_MIN_DISABLE;
    *Flags |=
        Process->Vm.Flags.MaximumWorkingSetHard ? QUOTA_LIMITS_HARDWS_MAX_ENABLE : QUOTA_LIMITS_HARDWS_MAX_DISABLE;
}
