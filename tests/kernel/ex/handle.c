// SPDX-License-Identifier: MIT
// Laws of handle tables (ex/handle.c).

#include "ktest.h"

#define COUNT 3000
#define TEST_TAG 0x6858744B // 'KtXh'

static HANDLE_TABLE_ENTRY EntryFor(ULONG Number)
{
    HANDLE_TABLE_ENTRY Entry = {.Value = 0x80000000u + Number * 8, .GrantedAccess = Number};

    return Entry;
}

KTEST(ex, handle_table_finds_what_was_put_in)
{
    // Law: a handle leads to its own entry until it is destroyed, and to none afterwards; tag bits do not matter.
    PHANDLE_TABLE Table = ExCreateHandleTable(NULL);
    HANDLE *Handles = ExAllocatePoolZero(PagedPool, COUNT * sizeof(HANDLE), TEST_TAG);

    for (ULONG Index = 0; Index < COUNT; Index++) {
        HANDLE_TABLE_ENTRY Entry = EntryFor(Index);

        Handles[Index] = ExCreateHandle(Table, &Entry);
        expect_eq(Handles[Index], (Index + 1) * 4);
    }
    expect_eq(Table->HandleCount, COUNT);
    KeEnterCriticalRegion();
    for (ULONG Index = 0; Index < COUNT; Index++) {
        PHANDLE_TABLE_ENTRY Entry = ExMapHandleToPointer(Table, (HANDLE)((ULONG_PTR)Handles[Index] | (Index & 3)));

        expect(Entry != NULL);
        expect_eq(EX_HANDLE_ENTRY_OBJECT(Entry), EntryFor(Index).Value);
        expect_eq(Entry->GrantedAccess, Index);
        ExUnlockHandleTableEntry(Table, Entry);
    }
    KeLeaveCriticalRegion();
    for (ULONG Index = 0; Index < COUNT; Index++)
        expect(ExDestroyHandle(Table, Handles[Index], NULL));
    expect_eq(Table->HandleCount, 0);
    KeEnterCriticalRegion();
    for (ULONG Index = 0; Index < COUNT; Index++)
        expect(ExMapHandleToPointer(Table, Handles[Index]) == NULL);
    KeLeaveCriticalRegion();
    expect(!ExDestroyHandle(Table, Handles[0], NULL));
    ExFreePoolWithTag(Handles, TEST_TAG);
    ExDestroyHandleTable(Table);
}

KTEST(ex, handle_table_reuses_the_last_freed_first)
{
    // Law: the free list is last in, first out.
    PHANDLE_TABLE Table = ExCreateHandleTable(NULL);
    HANDLE_TABLE_ENTRY Entry = EntryFor(1);
    HANDLE First = ExCreateHandle(Table, &Entry), Second = ExCreateHandle(Table, &Entry);

    ExDestroyHandle(Table, First, NULL);
    ExDestroyHandle(Table, Second, NULL);
    expect_eq(ExCreateHandle(Table, &Entry), Second);
    expect_eq(ExCreateHandle(Table, &Entry), First);
    ExDestroyHandleTable(Table);
}

KTEST(ex, handle_table_refuses_handles_never_given)
{
    // Law: 0, handles beyond the table and free ones lead nowhere.
    static const ULONG Bad[] = {0, 1, 2, 3, 8, 0x7FC, 0x800, 0x12344, 0x3FFFFFC, 0x4000000, 0x7FFFFFFC, 0xFFFFFFFC};
    PHANDLE_TABLE Table = ExCreateHandleTable(NULL);
    HANDLE_TABLE_ENTRY Entry = EntryFor(1);

    ExCreateHandle(Table, &Entry);
    KeEnterCriticalRegion();
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Bad); Index++)
        expect(ExMapHandleToPointer(Table, (HANDLE)(ULONG_PTR)Bad[Index]) == NULL);
    KeLeaveCriticalRegion();
    ExDestroyHandleTable(Table);
}

KTEST(ex, handle_table_grows_to_three_levels)
{
    // Law: more entries than two levels hold (524288) are all found again.
    const ULONG Many = 512 * 1024 + 700;
    PHANDLE_TABLE Table;
    BOOLEAN Right = TRUE;

    if (MmNumberOfPhysicalPages < 0x4000)
        return; // the table would take 5 MB of a small machine
    Table = ExCreateHandleTable(NULL);
    for (ULONG Index = 0; Index < Many; Index++) {
        HANDLE_TABLE_ENTRY Entry = EntryFor(Index);

        Right = Right && ExCreateHandle(Table, &Entry) == (HANDLE)(ULONG_PTR)((Index + 1) * 4);
    }
    expect(Right);
    expect_eq(Table->TableCode & 3, 2);
    KeEnterCriticalRegion();
    for (ULONG Index = 0; Index < Many; Index += 509) {
        PHANDLE_TABLE_ENTRY Entry = ExMapHandleToPointer(Table, (HANDLE)(ULONG_PTR)((Index + 1) * 4));

        Right = Right && Entry != NULL && Entry->GrantedAccess == Index;
        ExUnlockHandleTableEntry(Table, Entry);
    }
    KeLeaveCriticalRegion();
    expect(Right);
    ExDestroyHandleTable(Table);
}

static BOOLEAN TakeOdd(PHANDLE_TABLE_ENTRY Old, PHANDLE_TABLE_ENTRY New, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    New->Value = Old->Value & ~7ul;
    New->GrantedAccess = Old->GrantedAccess;
    return (Old->GrantedAccess & 1) != 0;
}

KTEST(ex, handle_table_duplicate_keeps_values)
{
    // Law: a duplicated table has the accepted entries at the same handles, and the others free.
    PHANDLE_TABLE Old = ExCreateHandleTable(NULL), New;
    HANDLE_TABLE_ENTRY Entry;

    for (ULONG Index = 0; Index < 1000; Index++) {
        Entry = EntryFor(Index);
        ExCreateHandle(Old, &Entry);
    }
    New = ExDupHandleTable(NULL, Old, TakeOdd, NULL);
    expect(New != NULL);
    expect_eq(New->HandleCount, 500);
    KeEnterCriticalRegion();
    for (ULONG Index = 0; Index < 1000; Index++) {
        PHANDLE_TABLE_ENTRY Found = ExMapHandleToPointer(New, (HANDLE)(ULONG_PTR)((Index + 1) * 4));

        expect_eq(Found != NULL, Index & 1);
        if (Found != NULL) {
            expect_eq(EX_HANDLE_ENTRY_OBJECT(Found), EntryFor(Index).Value);
            ExUnlockHandleTableEntry(New, Found);
        }
    }
    KeLeaveCriticalRegion();
    Entry = EntryFor(5000);
    expect_eq(ExCreateHandle(New, &Entry), 4);
    ExDestroyHandleTable(New);
    ExDestroyHandleTable(Old);
}
