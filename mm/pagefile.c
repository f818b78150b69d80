// SPDX-License-Identifier: MIT
// The slots of page files. A slot is a page's place in a file; one bit each, all under the PFN lock. A slot that is
// used is named by exactly one entry: a Soft entry (private, or a prototype PTE) while its page is nowhere else, the
// OriginalPte of the frame while the page is in memory and has not changed since. What is in memory and has changed
// gives its slot up, so that the room it promised (commitment) is there for the next page.

#include "mi.h"

PMMPAGING_FILE MmPagingFile[MM_MAXIMUM_PAGING_FILES];
ULONG MmNumberOfPagingFiles;

BOOLEAN MiSlotsWanted; // the writer waits for MiSlotFreed; both under the PFN lock
KEVENT MiSlotFreed;

#define MI_SLOT_SHORTAGE 256u // free slots below which a page that comes in gives its slot up

// How many slots of all files are free. A look, exact with the PFN lock held.
ULONG MiFreePageFileSpace(VOID)
{
    ULONG Number, Free = 0, Files = __atomic_load_n(&MmNumberOfPagingFiles, __ATOMIC_ACQUIRE);

    for (Number = 0; Number < Files; Number++)
        Free += MmPagingFile[Number]->FreeSpace;
    return Free;
}

// So few slots are left that a page in memory should not keep one. The PFN lock is held.
BOOLEAN MiIsPageFileSpaceShort(VOID)
{
    return MiFreePageFileSpace() < MI_SLOT_SHORTAGE;
}

// The file with the most room: files of equal size fill evenly, and disks share the load.
static PMMPAGING_FILE MiChoosePagingFile(VOID)
{
    PMMPAGING_FILE Best = NULL;
    ULONG Number;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        PMMPAGING_FILE File = MmPagingFile[Number];

        if (File->FreeSpace != 0 && (Best == NULL || File->FreeSpace > Best->FreeSpace))
            Best = File;
    }
    return Best;
}

// Takes a run of at most Wanted neighbouring slots of one file, of *File if that is not NULL and has room; *First is
// its first. Returns how many, 0: every file is full. The PFN lock is held.
ULONG MiAllocatePageFileRun(ULONG Wanted, PMMPAGING_FILE *File, PULONG First)
{
    PMMPAGING_FILE Chosen = *File != NULL && (*File)->FreeSpace != 0 ? *File : MiChoosePagingFile();

    ASSERT_PFN_LOCKED();
    if (Chosen == NULL)
        return 0;
    for (; Wanted != 0; Wanted /= 2) {
        ULONG Slot = RtlFindClearBitsAndSet(&Chosen->Bitmap, Wanted, Chosen->Hint);

        if (Slot == MAXULONG)
            continue;
        Chosen->FreeSpace -= Wanted;
        Chosen->CurrentUsage += Wanted;
        Chosen->PeakUsage = max_of(Chosen->PeakUsage, Chosen->CurrentUsage);
        Chosen->Hint = Slot + Wanted < Chosen->Size ? Slot + Wanted : 1;
        *File = Chosen;
        *First = Slot;
        return Wanted;
    }
    KeBugCheckEx(MEMORY_MANAGEMENT, MI_BUG_SLOT_COUNT, Chosen->FileNumber, Chosen->FreeSpace, 0);
}

// Gives one slot back. The PFN lock is held.
VOID MiFreePageFileSlot(ULONG FileNumber, ULONG Slot)
{
    PMMPAGING_FILE File = FileNumber < MmNumberOfPagingFiles ? MmPagingFile[FileNumber] : NULL;

    ASSERT_PFN_LOCKED();
    if (File == NULL || Slot == 0 || Slot >= File->Size || !RtlTestBit(&File->Bitmap, Slot))
        KeBugCheckEx(MEMORY_MANAGEMENT, MI_BUG_SLOT_NOT_USED, FileNumber, Slot, 0);
    RtlClearBits(&File->Bitmap, Slot, 1);
    File->FreeSpace++;
    File->CurrentUsage--;
    if (MiSlotsWanted) {
        MiSlotsWanted = FALSE;
        KeSetEvent(&MiSlotFreed, IO_NO_INCREMENT, FALSE);
    }
}

// An entry that may name a slot is about to go, or its page has changed: the slot becomes free and the entry plain
// demand zero. Pte: not valid, no transition entry; or an OriginalPte. The PFN lock is held.
VOID MiReleasePageFileSpace(PMMPTE Pte)
{
    if (!MI_IS_PAGE_FILE_PTE(Pte))
        return;
    MiFreePageFileSlot(Pte->u.Soft.PageFileLow, Pte->u.Soft.PageFileHigh);
    Pte->u.Soft.PageFileLow = 0;
    Pte->u.Soft.PageFileHigh = 0;
}

// Do the counts of every file agree with its bitmap? *Used: the slots in use of all files. Takes the PFN lock.
BOOLEAN MmCheckPageFiles(PULONG Used)
{
    KIRQL OldIrql = MiLockPfn();
    BOOLEAN Right = TRUE;
    ULONG Number;

    *Used = 0;
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        PMMPAGING_FILE File = MmPagingFile[Number];

        Right = Right && RtlNumberOfSetBits(&File->Bitmap) == File->CurrentUsage + File->BadSlots + 1 &&
                File->CurrentUsage + File->BadSlots + File->FreeSpace + 1 == File->Size;
        *Used += File->CurrentUsage;
    }
    MiUnlockPfn(OldIrql);
    return Right;
}

// A slot could not be written: it is never used again. The PFN lock is held; the slot stays marked as used.
VOID MiMarkSlotBad(PMMPAGING_FILE File)
{
    ASSERT_PFN_LOCKED();
    File->BadSlots++;
    File->CurrentUsage--;
}
