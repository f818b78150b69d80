// SPDX-License-Identifier: MIT
// The system half of every address space. With 2 GB of user space page directory 2 (80000000-BFFFFFFF) is one page that
// all processes of a session share, and the sessions' differ in session space only; with 3 GB it is the process's own.
// Directory 3 holds the self map and hyperspace, which differ, so each process has its own copy. A new system page
// table is entered in the master copies (the boot-time directories) and in all others at once, under one lock; one of
// session space in its session's alone. So there is never a system address that one process can see and another of its
// session cannot, and no fault has to repair it.

#include "mi.h"

PFN_NUMBER MiMasterDirectoryPage; // directory 3 made by boot: the idle process's
PFN_NUMBER MiSharedDirectoryPage; // directory 2, unless user space has 3 GB
static KSPIN_LOCK MiSystemTableLock;
static LIST_ENTRY MiAddressSpaces; // of EPROCESS.MmProcessLinks
static LIST_ENTRY MiSessions;      // of MM_SESSION_SPACE.SessionLinks: those with a directory 2 of their own

#define MI_DIRECTORY2 2
#define MI_DIRECTORY3 3
#define MI_FIRST_SHARED_ENTRY 6u // 0-3: self map, 4 and 5: hyperspace

VOID MiInitializeSystemPageTables(VOID)
{
    KeInitializeSpinLock(&MiSystemTableLock);
    InitializeListHead(&MiAddressSpaces);
    InitializeListHead(&MiSessions);
    MiSharedDirectoryPage = MI_PTE_FRAME(MiGetPdeAddress(PTE_BASE) + 2);
    MiMasterDirectoryPage = MI_PTE_FRAME(MiGetPdeAddress(PTE_BASE) + MI_DIRECTORY3);
}

static VOID MiWriteDirectoryEntry(PFN_NUMBER Directory, ULONG Index, ULONGLONG Value)
{
    KIRQL OldIrql;
    PMMPTE Table = MiMapPage(Directory, &OldIrql);

    MiWriteValidPte(&Table[Index], Value);
    MiUnmapPage(Table, OldIrql);
}

// Enters a page table for Va everywhere. The system table lock is held.
static VOID MiEnterPageTable(PVOID Va, PFN_NUMBER Table)
{
    ULONG Index = ((ULONG_PTR)Va >> PDE_SHIFT) & (PTES_PER_PAGE - 1);
    PLIST_ENTRY Entry;

    if ((ULONG_PTR)Va < PTE_BASE && MI_IS_SESSION_VA(Va)) {
        MiWriteValidPte(MiGetPdeAddress(Va), MI_TABLE_PTE(Table)); // the current session's processes share directory 2
        if (MmIsAddressValid(MmSessionSpace))                      // not yet for its own table
            MmSessionSpace->PageTables++;
        return;
    }
    if ((ULONG_PTR)Va < PTE_BASE) {
        MiWriteDirectoryEntry(MiSharedDirectoryPage, Index, MI_TABLE_PTE(Table));
        for (Entry = MiSessions.Flink; Entry != &MiSessions; Entry = Entry->Flink)
            MiWriteDirectoryEntry(CONTAINING_RECORD(Entry, MM_SESSION_SPACE, SessionLinks)->PageDirectory, Index,
                                  MI_TABLE_PTE(Table));
        return;
    }
    MiWriteDirectoryEntry(MiMasterDirectoryPage, Index, MI_TABLE_PTE(Table));
    for (Entry = MiAddressSpaces.Flink; Entry != &MiAddressSpaces; Entry = Entry->Flink) {
        PEPROCESS Process = CONTAINING_RECORD(Entry, EPROCESS, MmProcessLinks);

        MiWriteDirectoryEntry(Process->PageDirectoryPages[MI_DIRECTORY3], Index, MI_TABLE_PTE(Table));
    }
}

// Makes sure that page tables exist for a range of system space. They are never taken away again.
//
// IRQL <= DISPATCH_LEVEL. Takes the system table lock, the PFN lock. STATUS_NO_MEMORY when there is no page left.
NTSTATUS MiMakeSystemPageTables(PVOID Start, SIZE_T Bytes)
{
    ULONG_PTR Va = (ULONG_PTR)Start & ~(ULONG_PTR)(MI_LARGE_PAGE_SIZE - 1);
    ULONG_PTR Last = (ULONG_PTR)Start + Bytes - 1;

    for (;;) {
        if (!MiGetPdeAddress(Va)->u.Hard.Valid) {
            PFN_NUMBER Table = MiAllocateKernelPage(MiGetPdeAddress(Va));
            KIRQL OldIrql;

            if (Table == 0)
                return STATUS_NO_MEMORY;
            OldIrql = KfAcquireSpinLock(&MiSystemTableLock);
            if (!MiGetPdeAddress(Va)->u.Hard.Valid) {
                MiEnterPageTable((PVOID)Va, Table);
                Table = 0;
            }
            KfReleaseSpinLock(&MiSystemTableLock, OldIrql);
            if (Table != 0)
                MiFreeKernelPage(Table); // another processor was faster
            else
                MiChargeCommitmentAlways(1);
        }
        if (Last - Va < MI_LARGE_PAGE_SIZE)
            return STATUS_SUCCESS;
        Va += MI_LARGE_PAGE_SIZE;
    }
}

// A new address space: copies the shared entries into its directory 3 and lets later ones follow.
//
// IRQL <= APC_LEVEL. Takes the system table lock. Process->PageDirectoryPages[3] is Directory.
VOID MiAddAddressSpace(PEPROCESS Process, PFN_NUMBER Directory)
{
    KIRQL OldIrql, MapIrql;
    MMPTE Own[MI_FIRST_SHARED_ENTRY];
    PMMPTE Table, Self;

    Self = (PMMPTE)PDE_BASE + MI_DIRECTORY3 * PTES_PER_PAGE; // of the address space we are in
    OldIrql = KfAcquireSpinLock(&MiSystemTableLock);
    Table = MiMapPage(Directory, &MapIrql);
    memcpy(Own, Table, sizeof(Own));
    MiCopyMappedPage(Table, Self);
    memcpy(Table, Own, sizeof(Own));
    MiUnmapPage(Table, MapIrql);
    InsertTailList(&MiAddressSpaces, &Process->MmProcessLinks);
    KfReleaseSpinLock(&MiSystemTableLock, OldIrql);
}

// A session begins: copies the entries of directory 2 that all sessions have, and lets later ones follow. Those of
// session space are in place. IRQL <= APC_LEVEL. Takes the system table lock.
VOID MiAddSessionDirectory(PMM_SESSION_SPACE Session)
{
    ULONG Before = (MM_SESSION_SPACE_BASE >> PDE_SHIFT) & (PTES_PER_PAGE - 1);
    ULONG Behind = ((MM_SESSION_POOL_END >> PDE_SHIFT) & (PTES_PER_PAGE - 1)) + 1;
    PMMPTE Self = (PMMPTE)PDE_BASE + MI_DIRECTORY2 * PTES_PER_PAGE, Table; // whosever it is: these are in all
    KIRQL OldIrql, MapIrql;

    OldIrql = KfAcquireSpinLock(&MiSystemTableLock);
    Table = MiMapPage(Session->PageDirectory, &MapIrql);
    memcpy(Table, Self, Before * sizeof(MMPTE));
    memcpy(&Table[Behind], &Self[Behind], (PTES_PER_PAGE - Behind) * sizeof(MMPTE));
    MiUnmapPage(Table, MapIrql);
    InsertTailList(&MiSessions, &Session->SessionLinks);
    KfReleaseSpinLock(&MiSystemTableLock, OldIrql);
}

// IRQL <= APC_LEVEL. Takes the system table lock.
VOID MiRemoveSessionDirectory(PMM_SESSION_SPACE Session)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiSystemTableLock);

    RemoveEntryList(&Session->SessionLinks);
    KfReleaseSpinLock(&MiSystemTableLock, OldIrql);
}

// IRQL <= APC_LEVEL. Takes the system table lock.
VOID MiRemoveAddressSpace(PEPROCESS Process)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiSystemTableLock);

    RemoveEntryList(&Process->MmProcessLinks);
    KfReleaseSpinLock(&MiSystemTableLock, OldIrql);
}
