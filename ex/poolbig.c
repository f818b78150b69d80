// SPDX-License-Identifier: MIT
// The big-page table: pool allocations of whole pages carry no header, so their tags and sizes stand here, in an
// open-addressed hash table by address that doubles itself before it is three quarters full.

#include "exp.h"

typedef struct _POOL_BIG_PAGE {
    ULONG_PTR Va; // 0: never used; BIG_PAGE_DELETED: was used, searches go on behind it
    ULONG Tag;
    ULONG Bytes;
    PVOID QuotaBlock; // that is charged with it, or NULL
} POOL_BIG_PAGE, *PPOOL_BIG_PAGE;

#define BIG_PAGE_DELETED 1u
#define BIG_PAGE_INITIAL 256u // entries: one page

static PPOOL_BIG_PAGE ExpBigPages;
static ULONG ExpBigPageSize; // power of two
static ULONG ExpBigPageUsed; // entries that are not 0, deleted ones too
static KSPIN_LOCK ExpBigPageLock;

static ULONG ExpHashBigPage(ULONG_PTR Va, ULONG Size)
{
    return (ULONG)((Va >> PAGE_SHIFT) * 0x9E3779B1u >> 8) & (Size - 1);
}

// What the table knows an allocation by: session pool's addresses mean something else in each session.
static ULONG_PTR ExpBigPageKey(PVOID Memory)
{
    return (ULONG_PTR)Memory | (MmPoolOfAddress(Memory) == MM_POOL_SESSION ? MmGetCurrentSessionId() << 1 : 0);
}

static VOID ExpPutBigPage(PPOOL_BIG_PAGE Table, ULONG Size, const POOL_BIG_PAGE *Page)
{
    ULONG Index = ExpHashBigPage(Page->Va, Size);

    while (Table[Index].Va > BIG_PAGE_DELETED)
        Index = (Index + 1) & (Size - 1);
    if (Table[Index].Va == 0)
        ExpBigPageUsed++;
    Table[Index] = *Page;
}

// Makes the table. Phase 0, once the nonpaged pool's pages can be had.
BOOLEAN ExpInitBigPages(VOID)
{
    KeInitializeSpinLock(&ExpBigPageLock);
    ExpBigPages = MmAllocatePoolPages(FALSE, BIG_PAGE_INITIAL * sizeof(POOL_BIG_PAGE));
    if (ExpBigPages == NULL)
        return FALSE;
    RtlZeroMemory(ExpBigPages, BIG_PAGE_INITIAL * sizeof(POOL_BIG_PAGE));
    ExpBigPageSize = BIG_PAGE_INITIAL;
    return TRUE;
}

// Replaces the table by one of twice the size, unless somebody was faster. FALSE: no memory.
static BOOLEAN ExpGrowBigPages(ULONG OldSize)
{
    ULONG NewSize = OldSize * 2;
    PPOOL_BIG_PAGE New = MmAllocatePoolPages(FALSE, NewSize * sizeof(POOL_BIG_PAGE)), Old;
    KIRQL OldIrql;

    if (New == NULL)
        return FALSE;
    RtlZeroMemory(New, NewSize * sizeof(POOL_BIG_PAGE));
    OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
    Old = New;
    if (ExpBigPageSize == OldSize) {
        Old = ExpBigPages;
        ExpBigPageUsed = 0;
        for (ULONG Index = 0; Index < OldSize; Index++) {
            if (Old[Index].Va > BIG_PAGE_DELETED)
                ExpPutBigPage(New, NewSize, &Old[Index]);
        }
        ExpBigPages = New;
        ExpBigPageSize = NewSize;
    }
    KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
    MmFreePoolPages(Old);
    return TRUE;
}

// Remembers a page-aligned allocation. IRQL <= DISPATCH_LEVEL; takes the table's lock. FALSE: no room and no memory.
BOOLEAN ExpInsertBigPage(PVOID Memory, ULONG Tag, ULONG Bytes)
{
    POOL_BIG_PAGE Page = {ExpBigPageKey(Memory), Tag, Bytes, NULL};

    for (;;) {
        KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
        ULONG Size = ExpBigPageSize;
        BOOLEAN Room = (ExpBigPageUsed + 1) * 4 <= Size * 3;

        if (Room)
            ExpPutBigPage(ExpBigPages, Size, &Page);
        KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
        if (Room)
            return TRUE;
        if (!ExpGrowBigPages(Size))
            return FALSE;
    }
}

// The entry of an allocation; NULL if Memory is not one. The table's lock is held.
static PPOOL_BIG_PAGE ExpFindBigPage(PVOID Memory)
{
    ULONG_PTR Key = ExpBigPageKey(Memory);
    ULONG Index = ExpHashBigPage(Key, ExpBigPageSize);

    for (; ExpBigPages[Index].Va != 0; Index = (Index + 1) & (ExpBigPageSize - 1)) {
        if (ExpBigPages[Index].Va == Key)
            return &ExpBigPages[Index];
    }
    return NULL;
}

// Forgets an allocation; returns its size, tag and quota block, 0 if Memory is not one. IRQL <= DISPATCH_LEVEL; takes
// the table's lock.
ULONG ExpRemoveBigPage(PVOID Memory, PULONG Tag, PVOID *QuotaBlock)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
    PPOOL_BIG_PAGE Page = ExpFindBigPage(Memory);
    ULONG Bytes = 0;

    if (Page != NULL) {
        Bytes = Page->Bytes;
        *Tag = Page->Tag;
        *QuotaBlock = Page->QuotaBlock;
        Page->Va = BIG_PAGE_DELETED;
    }
    KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
    return Bytes;
}

// Notes which quota block is charged with an allocation. Returns the allocation's size. IRQL <= DISPATCH_LEVEL; takes
// the table's lock.
ULONG ExpSetBigPageQuota(PVOID Memory, PVOID QuotaBlock)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
    PPOOL_BIG_PAGE Page = ExpFindBigPage(Memory);
    ULONG Bytes = Page->Bytes;

    Page->QuotaBlock = QuotaBlock;
    KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
    return Bytes;
}

// Copies up to Capacity allocations of whole pages to Entries; returns how many there are. IRQL <= DISPATCH_LEVEL;
// takes the table's lock. Entries: nonpaged memory. Source: SDK, SystemBigPoolInformation.
ULONG ExQueryBigPool(PSYSTEM_BIGPOOL_ENTRY Entries, ULONG Capacity)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
    ULONG Count = 0;

    for (ULONG Index = 0; Index < ExpBigPageSize; Index++) {
        const POOL_BIG_PAGE *Page = &ExpBigPages[Index];

        if (Page->Va <= BIG_PAGE_DELETED)
            continue;
        if (Count < Capacity) {
            Entries[Count].VirtualAddress = (PVOID)((Page->Va & ~(ULONG_PTR)(PAGE_SIZE - 1)) |
                                                    (MmPoolOfAddress((PVOID)Page->Va) == MM_POOL_NONPAGED));
            Entries[Count].SizeInBytes = Page->Bytes;
            Entries[Count].TagUlong = Page->Tag;
        }
        Count++;
    }
    KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
    return Count;
}
