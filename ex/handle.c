// SPDX-License-Identifier: MIT
// Handle tables: sparse arrays of 8-byte entries in pages, up to three levels deep. A handle is an entry's index * 4;
// its two low bits are the caller's to use. Readers walk the table without a lock, which works because it only grows:
// a new level is filled in before TableCode points to it, and NextHandleNeedingPool is raised last.
//
//   TableCode ---- level 1 ----> [512 entries]
//             ---- level 2 ----> [1024 pointers] --> [512 entries] ...
//             ---- level 3 ----> [32 pointers] --> [1024 pointers] --> [512 entries] ...
//
// An entry in use holds an 8-byte aligned pointer whose bit 0 is its lock (set: unlocked; bits 1 and 2 belong to the
// table's user); a free one holds 0 and the index of the next free one, last freed first used. Entry 0 is never
// handed out. Source: Windows Internals, "Object Handles and the Process Handle Table".

#include "exp.h"

#define HANDLE_UNLOCKED 1u
#define HANDLE_INDEX_SHIFT 2
#define HANDLE_LOW_COUNT (PAGE_SIZE / sizeof(HANDLE_TABLE_ENTRY))
#define HANDLE_MID_COUNT (PAGE_SIZE / sizeof(PVOID))
#define HANDLE_MID_ENTRIES (HANDLE_LOW_COUNT * HANDLE_MID_COUNT)
#define HANDLE_LIMIT (1u << 24)
#define HANDLE_TOP_COUNT (HANDLE_LIMIT / HANDLE_MID_ENTRIES)
#define HANDLE_LEVEL_MASK 3u
#define HANDLE_LAST_FREE MAXULONG // NextFreeTableEntry of the free list's last
#define HANDLE_SPINS 1000u        // looks at a locked entry before its holder counts as preempted

// Most tables have one level: the loop is not entered.
FORCEINLINE PHANDLE_TABLE_ENTRY ExpLookupEntry(PHANDLE_TABLE Table, ULONG Index)
{
    ULONG_PTR Code = *(volatile ULONG_PTR *)&Table->TableCode, Level = Code & HANDLE_LEVEL_MASK;
    PVOID Base = (PVOID)(Code - Level);

    if (__builtin_expect(Level != 0, 0)) {
        if (Level == 2)
            Base = ((PVOID *)Base)[Index / HANDLE_MID_ENTRIES];
        Base = ((PVOID *)Base)[Index % HANDLE_MID_ENTRIES / HANDLE_LOW_COUNT];
    }
    return (PHANDLE_TABLE_ENTRY)Base + Index % HANDLE_LOW_COUNT;
}

// The table's push lock, whose uncontended case is one instruction; checked builds record every owner.
FORCEINLINE PKTHREAD ExpLockTable(PHANDLE_TABLE Table)
{
    PKTHREAD Thread = ExEnterCriticalRegion();

    if (DBG || InterlockedCompareExchange((volatile LONG *)&Table->HandleLock.Value, PUSH_LOCK_EXCLUSIVE, 0) != 0)
        ExAcquirePushLockExclusive(&Table->HandleLock);
    return Thread;
}

FORCEINLINE VOID ExpUnlockTable(PHANDLE_TABLE Table, PKTHREAD Thread)
{
    if (DBG || InterlockedCompareExchange((volatile LONG *)&Table->HandleLock.Value, 0, PUSH_LOCK_EXCLUSIVE) !=
                   PUSH_LOCK_EXCLUSIVE)
        ExReleasePushLockExclusive(&Table->HandleLock);
    ExLeaveCriticalRegion(Thread);
}

static PVOID ExpAllocateTablePage(VOID)
{
    return ExAllocatePoolZero(PagedPool, PAGE_SIZE, TAG_EX_HANDLE_TABLE);
}

// Puts a level of pointers above the present top. FALSE: no memory.
static BOOLEAN ExpRaiseTable(PHANDLE_TABLE Table)
{
    ULONG Level = Table->TableCode & HANDLE_LEVEL_MASK;
    PVOID *Top = Level == 0 ? ExpAllocateTablePage()
                            : ExAllocatePoolZero(PagedPool, HANDLE_TOP_COUNT * sizeof(PVOID), TAG_EX_HANDLE_TABLE);

    if (Top == NULL)
        return FALSE;
    Top[0] = (PVOID)(Table->TableCode & ~(ULONG_PTR)HANDLE_LEVEL_MASK);
    *(volatile ULONG_PTR *)&Table->TableCode = (ULONG_PTR)Top | (Level + 1);
    return TRUE;
}

// Hangs a page of entries into the place of index First. FALSE: no memory.
static BOOLEAN ExpHangPage(PHANDLE_TABLE Table, ULONG First, PHANDLE_TABLE_ENTRY Page)
{
    PVOID *Mid = (PVOID *)(Table->TableCode & ~(ULONG_PTR)HANDLE_LEVEL_MASK);

    if ((Table->TableCode & HANDLE_LEVEL_MASK) == 0) {
        Table->TableCode = (ULONG_PTR)Page;
        return TRUE;
    }
    if ((Table->TableCode & HANDLE_LEVEL_MASK) == 2) {
        PVOID *Slot = &Mid[First / HANDLE_MID_ENTRIES];

        if (*Slot == NULL && (*Slot = ExpAllocateTablePage()) == NULL)
            return FALSE;
        Mid = *Slot;
    }
    Mid[First % HANDLE_MID_ENTRIES / HANDLE_LOW_COUNT] = Page;
    return TRUE;
}

// The free entry that a free one at Index leads to; 0: none. An entry that was never used holds 0 and leads to the
// next.
static inline ULONG ExpNextFree(PHANDLE_TABLE_ENTRY Free, ULONG Index)
{
    ULONG Next = Free->NextFreeTableEntry;

    if (Next == 0)
        return Index + 1;
    return Next == HANDLE_LAST_FREE ? 0 : Next;
}

// Adds a page of free entries. The table's lock is held, except while it is created. FALSE: full or no memory.
static BOOLEAN ExpGrowTable(PHANDLE_TABLE Table)
{
    ULONG First = Table->NextHandleNeedingPool, Level = Table->TableCode & HANDLE_LEVEL_MASK;
    PHANDLE_TABLE_ENTRY Page;

    if (First >= HANDLE_LIMIT)
        return FALSE;
    if ((Level == 0 && First == HANDLE_LOW_COUNT) || (Level == 1 && First == HANDLE_MID_ENTRIES)) {
        if (!ExpRaiseTable(Table))
            return FALSE;
    }
    Page = ExpAllocateTablePage(); // zeros: each entry leads to the one behind it
    if (Page == NULL)
        return FALSE;
    Page[HANDLE_LOW_COUNT - 1].NextFreeTableEntry = HANDLE_LAST_FREE;
    if (!ExpHangPage(Table, First, Page)) {
        ExFreePoolWithTag(Page, TAG_EX_HANDLE_TABLE);
        return FALSE;
    }
    Table->FirstFree = First == 0 ? 1 : First;
    *(volatile ULONG *)&Table->NextHandleNeedingPool = First + HANDLE_LOW_COUNT;
    return TRUE;
}

// Makes an empty table; Process may be NULL. The caller owns it until ExDestroyHandleTable. NULL when there is no
// memory. IRQL <= APC_LEVEL.
PHANDLE_TABLE ExCreateHandleTable(PEPROCESS Process)
{
    PHANDLE_TABLE Table = ExAllocatePoolZero(PagedPool, sizeof(HANDLE_TABLE), TAG_EX_HANDLE_TABLE);

    PAGED_CODE();
    if (Table == NULL)
        return NULL;
    ExInitializePushLock(&Table->HandleLock);
    InitializeListHead(&Table->HandleTableList);
    Table->QuotaProcess = Process;
    Table->UniqueProcessId = Process != NULL ? Process->UniqueProcessId : NULL;
    if (!ExpGrowTable(Table)) {
        ExFreePoolWithTag(Table, TAG_EX_HANDLE_TABLE);
        return NULL;
    }
    return Table;
}

static VOID ExpFreeMidLevel(PVOID *Mid)
{
    for (ULONG Index = 0; Index < HANDLE_MID_COUNT && Mid[Index] != NULL; Index++)
        ExFreePoolWithTag(Mid[Index], TAG_EX_HANDLE_TABLE);
    ExFreePoolWithTag(Mid, TAG_EX_HANDLE_TABLE);
}

// Frees a table that nobody uses any more; what its entries mean is the owner's affair. IRQL <= APC_LEVEL.
VOID ExDestroyHandleTable(PHANDLE_TABLE Table)
{
    PVOID *Top = (PVOID *)(Table->TableCode & ~(ULONG_PTR)HANDLE_LEVEL_MASK);

    PAGED_CODE();
    switch (Table->TableCode & HANDLE_LEVEL_MASK) {
    case 0:
        ExFreePoolWithTag(Top, TAG_EX_HANDLE_TABLE);
        break;
    case 1:
        ExpFreeMidLevel(Top);
        break;
    default:
        for (ULONG Index = 0; Index < HANDLE_TOP_COUNT && Top[Index] != NULL; Index++)
            ExpFreeMidLevel(Top[Index]);
        ExFreePoolWithTag(Top, TAG_EX_HANDLE_TABLE);
        break;
    }
    ExFreePoolWithTag(Table, TAG_EX_HANDLE_TABLE);
}

// Puts a copy of *Entry (Object 8-byte aligned, bits 1 and 2 free to use) into a free entry, unlocked. Returns its
// handle; NULL when the table is full or there is no memory. IRQL <= APC_LEVEL; takes the table's lock.
HANDLE ExCreateHandle(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry)
{
    PHANDLE_TABLE_ENTRY Free;
    PKTHREAD Thread;
    ULONG Index;

    PAGED_CODE();
    Thread = ExpLockTable(Table);
    Index = Table->FirstFree;
    if (Index == 0 && ExpGrowTable(Table))
        Index = Table->FirstFree;
    if (Index != 0) {
        Free = ExpLookupEntry(Table, Index);
        Table->FirstFree = ExpNextFree(Free, Index);
        Table->HandleCount++;
        Free->GrantedAccess = Entry->GrantedAccess;
        *(volatile ULONG_PTR *)&Free->Value = Entry->Value | HANDLE_UNLOCKED;
    }
    ExpUnlockTable(Table, Thread);
    return (HANDLE)(ULONG_PTR)(Index << HANDLE_INDEX_SHIFT);
}

// The entry is locked by somebody or free. A holder keeps an entry for a few instructions: one that runs on another
// processor is waited for; else it was preempted, and sleeping a tick lets it run, whatever its priority. FALSE: free.
static __attribute__((noinline)) BOOLEAN ExpLockEntrySlowly(PHANDLE_TABLE_ENTRY Entry)
{
    ULONG Patience = KeNumberProcessors > 1 ? HANDLE_SPINS : 0;

    for (;;) {
        ULONG_PTR Value = *(volatile ULONG_PTR *)&Entry->Value;
        LARGE_INTEGER Tick = {.QuadPart = -1};

        if (Value == 0)
            return FALSE;
        if ((Value & HANDLE_UNLOCKED) == 0 && Patience != 0) {
            Patience--;
            YieldProcessor();
        } else if ((Value & HANDLE_UNLOCKED) == 0)
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
        else if ((ULONG_PTR)InterlockedCompareExchange((volatile LONG *)&Entry->Value, (LONG)(Value & ~HANDLE_UNLOCKED),
                                                       (LONG)Value) == Value)
            return TRUE;
    }
}

// Locks an entry. FALSE: it is free.
FORCEINLINE BOOLEAN ExpLockEntry(PHANDLE_TABLE_ENTRY Entry)
{
    ULONG_PTR Value = *(volatile ULONG_PTR *)&Entry->Value;

    if ((Value & HANDLE_UNLOCKED) != 0 &&
        (ULONG_PTR)InterlockedCompareExchange((volatile LONG *)&Entry->Value, (LONG)(Value & ~HANDLE_UNLOCKED),
                                              (LONG)Value) == Value)
        return TRUE;
    return ExpLockEntrySlowly(Entry);
}

// The locked entry of Handle; NULL if it is not in use.
FORCEINLINE PHANDLE_TABLE_ENTRY ExpMapHandle(PHANDLE_TABLE Table, HANDLE Handle)
{
    ULONG Index = (ULONG)(ULONG_PTR)Handle >> HANDLE_INDEX_SHIFT;
    PHANDLE_TABLE_ENTRY Entry;

    if (Index == 0 || Index >= *(volatile ULONG *)&Table->NextHandleNeedingPool)
        return NULL;
    Entry = ExpLookupEntry(Table, Index);
    return ExpLockEntry(Entry) ? Entry : NULL;
}

// Finds and locks the entry of Handle (low two bits ignored); NULL if it is not in use.
// IRQL <= APC_LEVEL; the caller stays in a critical region until ExUnlockHandleTableEntry or ExDestroyHandle.
PHANDLE_TABLE_ENTRY ExMapHandleToPointer(PHANDLE_TABLE Table, HANDLE Handle)
{
    return ExpMapHandle(Table, Handle);
}

// Unlocks an entry. IRQL <= APC_LEVEL.
VOID ExUnlockHandleTableEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry)
{
    UNREFERENCED_PARAMETER(Table);
    ASSERT(Entry->Value != 0 && (Entry->Value & HANDLE_UNLOCKED) == 0);
    __atomic_store_n(&Entry->Value, Entry->Value | HANDLE_UNLOCKED, __ATOMIC_RELEASE);
}

// Empties the entry of Handle without freeing it, so that the handle is never given out again. FALSE if it is not in
// use. IRQL <= APC_LEVEL; takes the table's lock.
BOOLEAN ExRetireHandle(PHANDLE_TABLE Table, HANDLE Handle)
{
    PKTHREAD Thread = ExEnterCriticalRegion();
    PHANDLE_TABLE_ENTRY Entry = ExpMapHandle(Table, Handle);

    PAGED_CODE();
    if (Entry != NULL) {
        PKTHREAD Again = ExpLockTable(Table);

        *(volatile ULONG_PTR *)&Entry->Value = 0;
        Entry->GrantedAccess = 0;
        Table->HandleCount--;
        ExpUnlockTable(Table, Again);
    }
    ExLeaveCriticalRegion(Thread);
    return Entry != NULL;
}

// Frees the entry of Handle: Entry, locked by the caller, or looked up if NULL. FALSE if it is not in use.
// IRQL <= APC_LEVEL, in a critical region if Entry is given; takes the table's lock.
BOOLEAN ExDestroyHandle(PHANDLE_TABLE Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Entry)
{
    PKTHREAD Thread;

    PAGED_CODE();
    if (Entry == NULL) {
        KeEnterCriticalRegion();
        Entry = ExpMapHandle(Table, Handle); // an entry's lock comes before the table's
        if (Entry != NULL)
            ExDestroyHandle(Table, Handle, Entry);
        KeLeaveCriticalRegion();
    } else {
        Thread = ExpLockTable(Table);
        *(volatile ULONG_PTR *)&Entry->Value = 0;
        Entry->NextFreeTableEntry = Table->FirstFree != 0 ? Table->FirstFree : HANDLE_LAST_FREE;
        Table->FirstFree = (ULONG)(ULONG_PTR)Handle >> HANDLE_INDEX_SHIFT;
        Table->HandleCount--;
        ExpUnlockTable(Table, Thread);
    }
    return Entry != NULL;
}

// Calls Callback for every entry in use, in order, entry locked; stops when it returns TRUE, then tells the handle
// and returns TRUE. The callback must neither free the entry nor wait for long. IRQL <= APC_LEVEL.
BOOLEAN ExEnumHandleTable(PHANDLE_TABLE Table, PEX_ENUMERATE_HANDLE_ROUTINE Callback, PVOID Context, PHANDLE Handle)
{
    BOOLEAN Stopped = FALSE;

    PAGED_CODE();
    KeEnterCriticalRegion();
    for (ULONG Index = 1; Index < Table->NextHandleNeedingPool && !Stopped; Index++) {
        PHANDLE_TABLE_ENTRY Entry = ExpLookupEntry(Table, Index);
        HANDLE Current = (HANDLE)(ULONG_PTR)(Index << HANDLE_INDEX_SHIFT);

        if (!ExpLockEntry(Entry))
            continue;
        Stopped = Callback(Entry, Current, Context);
        ExUnlockHandleTableEntry(Table, Entry);
        if (Stopped && Handle != NULL)
            *Handle = Current;
    }
    KeLeaveCriticalRegion();
    return Stopped;
}

// Takes the next entry in use after *Cursor (NULL: from the beginning) out of a table that nobody else uses any more:
// gives its handle in *Cursor and a copy. FALSE: the table is empty. IRQL <= APC_LEVEL.
BOOLEAN ExRemoveNextHandle(PHANDLE_TABLE Table, PHANDLE Cursor, PHANDLE_TABLE_ENTRY Removed)
{
    ULONG Index = (ULONG)(ULONG_PTR)*Cursor >> HANDLE_INDEX_SHIFT;

    PAGED_CODE();
    while (Table->HandleCount != 0 && ++Index < Table->NextHandleNeedingPool) {
        PHANDLE_TABLE_ENTRY Entry = ExpLookupEntry(Table, Index);

        if (Entry->Value == 0)
            continue;
        *Cursor = (HANDLE)(ULONG_PTR)(Index << HANDLE_INDEX_SHIFT);
        *Removed = *Entry;
        return ExDestroyHandle(Table, *Cursor, NULL);
    }
    return FALSE;
}

// Makes a table for Process in which the entries that Duplicate accepts have the same handles as in Old. Duplicate
// sees the old entry locked and fills the new one (Object and GrantedAccess). NULL when there is no memory: then
// nothing was duplicated. IRQL <= APC_LEVEL.
PHANDLE_TABLE ExDupHandleTable(PEPROCESS Process, PHANDLE_TABLE Old, PEX_DUPLICATE_HANDLE_ROUTINE Duplicate,
                               PVOID Context)
{
    PHANDLE_TABLE New = ExCreateHandleTable(Process);
    ULONG Limit = Old->NextHandleNeedingPool, Link = 0;

    if (New == NULL)
        return NULL;
    while (New->NextHandleNeedingPool < Limit) {
        if (!ExpGrowTable(New)) {
            ExDestroyHandleTable(New);
            return NULL;
        }
    }
    KeEnterCriticalRegion();
    for (ULONG Index = Limit - 1; Index >= 1; Index--) { // downwards, so that the free list rises
        PHANDLE_TABLE_ENTRY OldEntry = ExpLookupEntry(Old, Index), Entry = ExpLookupEntry(New, Index);
        HANDLE_TABLE_ENTRY Copy = {.Value = 0};

        if (ExpLockEntry(OldEntry)) {
            if (!Duplicate(OldEntry, &Copy, Context))
                Copy.Value = 0;
            ExUnlockHandleTableEntry(Old, OldEntry);
        }
        if (Copy.Value != 0) {
            Entry->GrantedAccess = Copy.GrantedAccess;
            Entry->Value = Copy.Value | HANDLE_UNLOCKED;
            New->HandleCount++;
        } else {
            Entry->NextFreeTableEntry = Link != 0 ? Link : HANDLE_LAST_FREE;
            Link = Index;
        }
    }
    New->FirstFree = Link;
    KeLeaveCriticalRegion();
    return New;
}
