// SPDX-License-Identifier: MIT
// The big-page table: pool allocations of whole pages carry no header, so their tags and sizes stand here, in an
// open-addressed hash table by address that doubles itself before it is three quarters full.

#include "exp.h"

typedef struct _POOL_BIG_PAGE {
    ULONG_PTR Va; // 0: never used; BIG_PAGE_DELETED: was used, searches go on behind it
    ULONG Tag;
    ULONG Bytes;
    ULONG Reserved;
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

static VOID ExpPutBigPage(PPOOL_BIG_PAGE Table, ULONG Size, ULONG_PTR Va, ULONG Tag, ULONG Bytes)
{
    ULONG Index = ExpHashBigPage(Va, Size);

    while (Table[Index].Va > BIG_PAGE_DELETED)
        Index = (Index + 1) & (Size - 1);
    if (Table[Index].Va == 0)
        ExpBigPageUsed++;
    Table[Index].Va = Va;
    Table[Index].Tag = Tag;
    Table[Index].Bytes = Bytes;
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
                ExpPutBigPage(New, NewSize, Old[Index].Va, Old[Index].Tag, Old[Index].Bytes);
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
    for (;;) {
        KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
        ULONG Size = ExpBigPageSize;
        BOOLEAN Room = (ExpBigPageUsed + 1) * 4 <= Size * 3;

        if (Room)
            ExpPutBigPage(ExpBigPages, Size, (ULONG_PTR)Memory, Tag, Bytes);
        KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
        if (Room)
            return TRUE;
        if (!ExpGrowBigPages(Size))
            return FALSE;
    }
}

// Forgets an allocation; returns its size and tag, 0 if Memory is not one. IRQL <= DISPATCH_LEVEL; takes the table's
// lock.
ULONG ExpRemoveBigPage(PVOID Memory, PULONG Tag)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpBigPageLock);
    ULONG Index = ExpHashBigPage((ULONG_PTR)Memory, ExpBigPageSize), Bytes = 0;

    while (ExpBigPages[Index].Va != 0) {
        if (ExpBigPages[Index].Va == (ULONG_PTR)Memory) {
            Bytes = ExpBigPages[Index].Bytes;
            *Tag = ExpBigPages[Index].Tag;
            ExpBigPages[Index].Va = BIG_PAGE_DELETED;
            break;
        }
        Index = (Index + 1) & (ExpBigPageSize - 1);
    }
    KfReleaseSpinLock(&ExpBigPageLock, OldIrql);
    return Bytes;
}
