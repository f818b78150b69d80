// SPDX-License-Identifier: MIT
// The working set manager: woken once a second by the balance-set manager while memory is not plentiful, and at once
// when it gets low. Then it takes pages out of working sets in several attempts, each less choosy than the one before,
// from the set with the largest claim first, until enough are available or on their way to be.
// Source: Windows Internals, "Working Set Management".

#include "mi.h"

KEVENT MiWorkingSetManagerEvent;
static volatile LONG MiAgeNow; // the balance-set manager's second is over
ULONG MiTrimStamp;

#define MI_TRIM_GOAL (2 * MI_LOW_MEMORY) // available pages that are enough
#define MI_AGEING_SHARE 4                // of each list in a second
#define MI_FOREGROUND_SHARE 4            // of what could go, in the first attempts

// Attempt: pages of what age go; from processes in the foreground too; below the minimum too.
static const struct {
    UCHAR Age;
    BOOLEAN Foreground, BelowMinimum;
} MiAttempts[] = {{3, FALSE, FALSE}, {2, FALSE, FALSE}, {2, TRUE, FALSE},
                  {1, TRUE, FALSE},  {1, TRUE, TRUE},   {0, TRUE, TRUE}};

// Once a second, from the balance-set manager. IRQL <= DISPATCH_LEVEL.
VOID MmBalanceWorkingSets(VOID)
{
    MiNoteSystemCacheSize();
    if (MmAvailablePages > MmNumberOfPhysicalPages / MI_PLENTY_SHARE)
        return;
    MiAgeNow = TRUE;
    KeSetEvent(&MiWorkingSetManagerEvent, IO_NO_INCREMENT, FALSE);
}

// How many pages are missing, when those on their way to a disk have arrived.
static ULONG MiMissingPages(VOID)
{
    ULONG Have = MmAvailablePages + MmModifiedPageListHead.Total;

    if (MiTrimPrivatePages && MiCanWritePageFile() && MiFreePageFileSpace() != 0)
        Have += MmModifiedPagefilePageListHead.Total;

    return Have >= MI_TRIM_GOAL ? 0 : MI_TRIM_GOAL - Have;
}

static BOOLEAN MiIsCandidate(PEPROCESS Process, ULONG Attempt)
{
    if (Process->Vm.VmWorkingSetList == NULL || Process->Vm.LastTrimStamp == MiTrimStamp ||
        Process->Vm.Flags.BeingDeleted || Process->Pcb.State != ProcessInMemory)
        return FALSE;
    if (Process->Foreground && !MiAttempts[Attempt].Foreground)
        return FALSE;
    return Process->Vm.WorkingSetSize > Process->Vm.MinimumWorkingSetSize || MiAttempts[Attempt].BelowMinimum;
}

// The process with the largest claim that had no turn in this attempt, referenced. NULL: all had.
static PEPROCESS MiChooseProcess(ULONG Attempt)
{
    PEPROCESS Process = NULL, Best = NULL;

    while ((Process = PsGetNextProcess(Process)) != NULL) {
        if (!MiIsCandidate(Process, Attempt) || (Best != NULL && Process->Vm.Claim <= Best->Vm.Claim))
            continue;
        if (Best != NULL)
            ObDereferenceObject(Best);
        Best = Process;
        ObReferenceObject(Best);
    }
    return Best;
}

static VOID MiTrimOneProcess(PEPROCESS Process, ULONG Attempt, ULONG Missing)
{
    BOOLEAN Below = MiAttempts[Attempt].BelowMinimum && !Process->Vm.Flags.MinimumWorkingSetHard;
    MI_TRIM Trim = {.Age = MiAttempts[Attempt].Age, .Quota = Missing};

    Trim.Floor = Below ? 0 : Process->Vm.MinimumWorkingSetSize;
    if (Process->Foreground && !Below)
        Trim.Quota = min_of(Trim.Quota, 1 + Process->Vm.WorkingSetSize / MI_FOREGROUND_SHARE);
    MiTrimSet(Process, &Trim, FALSE);
}

static VOID MiTrimAttempt(ULONG Attempt)
{
    MI_TRIM Trim = {.Age = MiAttempts[Attempt].Age,
                    .Quota = MiMissingPages(),
                    .Floor = MiAttempts[Attempt].BelowMinimum && !MmSystemCacheWs.Flags.MinimumWorkingSetHard
                                 ? 0
                                 : MmSystemCacheWs.MinimumWorkingSetSize};
    PEPROCESS Process;

    MiTrimStamp++;
    MiTrimSet(NULL, &Trim, FALSE);
    while (MiMissingPages() != 0 && (Process = MiChooseProcess(Attempt)) != NULL) {
        Process->Vm.LastTrimStamp = MiTrimStamp;
        MiTrimOneProcess(Process, Attempt, MiMissingPages());
        ObDereferenceObject(Process);
    }
    if (MmModifiedPageListHead.Total != 0)
        KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
    if (MmModifiedPagefilePageListHead.Total != 0)
        KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
}

// Looks at a part of every working set, or at all of it. IRQL PASSIVE_LEVEL.
VOID MiAgeAllWorkingSets(ULONG Share)
{
    MI_TRIM Ageing = {.Ageing = TRUE, .Quota = Share};
    PEPROCESS Process = NULL;

    MiTrimSet(NULL, &Ageing, FALSE);
    while ((Process = PsGetNextProcess(Process)) != NULL) {
        if (Process->Vm.VmWorkingSetList != NULL)
            MiTrimSet(Process, &Ageing, FALSE);
    }
}

// The working set manager's thread.
VOID NTAPI MiWorkingSetManager(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        ULONG Attempt;

        KeWaitForever(&MiWorkingSetManagerEvent, WrVirtualMemory);
        if (InterlockedExchange(&MiAgeNow, FALSE))
            MiAgeAllWorkingSets(MI_AGEING_SHARE);
        for (Attempt = 0; Attempt < RTL_NUMBER_OF(MiAttempts) && MiMissingPages() != 0; Attempt++)
            MiTrimAttempt(Attempt);
    }
}
