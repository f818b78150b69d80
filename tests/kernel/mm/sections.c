// SPDX-License-Identifier: MIT
// Laws of sections: sharing, copy-on-write, views and their protections.

#include "mmtest.h"

KTEST(mm, two_views_share_a_frame)
{
    // Law: what is written through one view of a section is read through the other at once: it is the same frame.
    HANDLE Section = MtSection(4 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR First = MtMap(Section, PAGE_READWRITE), Second = MtMap(Section, PAGE_READONLY);

    expect(First != NULL && Second != NULL && First != Second);
    MT_PAGE(First, 2)[17] = 99;
    expect_eq(MT_PAGE(Second, 2)[17], 99);
    expect_eq(MmGetPhysicalAddress(MT_PAGE(First, 2)).LowPart, MmGetPhysicalAddress(MT_PAGE(Second, 2)).LowPart);
    expect_eq(MI_PFN_ELEMENT(MiGetFrame(MT_PAGE(First, 2)))->u2.ShareCount, 2);
    expect_status(MtWrite(Second, 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtUnmap(First), STATUS_SUCCESS);
    expect_eq(MT_PAGE(Second, 2)[17], 99);
    expect_status(MtUnmap(Second), STATUS_SUCCESS);
    expect_status(MtUnmap(Second), STATUS_NOT_MAPPED_VIEW);
    ZwClose(Section);
}

KTEST(mm, section_keeps_its_pages_without_a_view)
{
    // Law: page-file backed contents live as long as the section, mapped or not.
    HANDLE Section = MtSection(2 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE);

    MT_PAGE(View, 1)[5] = 55;
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    View = MtMap(Section, PAGE_READWRITE);
    expect_eq(MT_PAGE(View, 1)[5], 55);
    ZwClose(Section); // the view keeps it
    expect_eq(MT_PAGE(View, 1)[5], 55);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
}

KTEST(mm, copy_on_write_splits_exactly_one_page)
{
    // Law: the first write to a copy-on-write page gives the writer a copy of that page; the others stay shared, and
    // the section's own page stays as it was.
    HANDLE Section = MtSection(4 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR Shared = MtMap(Section, PAGE_READWRITE), Copy = MtMap(Section, PAGE_WRITECOPY);
    MEMORY_BASIC_INFORMATION Information;
    ULONG Page, Private = PsGetCurrentProcess()->NumberOfPrivatePages;

    for (Page = 0; Page < 4; Page++)
        *MT_PAGE(Shared, Page) = (UCHAR)(10 + Page);
    for (Page = 0; Page < 4; Page++)
        expect_eq(*MT_PAGE(Copy, Page), 10 + Page);
    MT_PAGE(Copy, 2)[1] = 77;
    expect_eq(PsGetCurrentProcess()->NumberOfPrivatePages, Private + 1);
    expect_eq(MT_PAGE(Copy, 2)[0], 12);
    expect_eq(MT_PAGE(Shared, 2)[1], 0);
    for (Page = 0; Page < 4; Page++)
        expect_eq(MiGetFrame(MT_PAGE(Copy, Page)) == MiGetFrame(MT_PAGE(Shared, Page)), Page != 2);
    *MT_PAGE(Shared, 1) = 200;
    expect_eq(*MT_PAGE(Copy, 1), 200);
    expect_status(MtQuery(Copy, &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_WRITECOPY);
    expect_eq(Information.RegionSize, 2 * PAGE_SIZE);
    expect_eq(Information.Type, MEM_MAPPED);
    expect_status(MtQuery(MT_PAGE(Copy, 2), &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_READWRITE);
    expect_status(MtUnmap(Copy), STATUS_SUCCESS);
    expect_eq(PsGetCurrentProcess()->NumberOfPrivatePages, Private);
    expect_eq(*MT_PAGE(Shared, 2), 12);
    expect_status(MtUnmap(Shared), STATUS_SUCCESS);
    ZwClose(Section);
}

static VOID MtUseSection(VOID)
{
    HANDLE Section = MtSection(300 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE), Copy = MtMap(Section, PAGE_WRITECOPY);

    memset(View, 1, 300 * PAGE_SIZE);
    memset(Copy, 2, 100 * PAGE_SIZE);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    expect_eq(Copy[0], 2);
    expect_eq(*MT_PAGE(Copy, 200), 1);
    expect_status(MtUnmap(Copy), STATUS_SUCCESS);
}

KTEST(mm, section_memory_is_given_back)
{
    // Law: closing the last handle and view of a section gives back its commitment and its frames. The first round lets
    // the pools grow.
    MM_STATISTICS Before, After;

    MtUseSection();
    MtQueryAtRest(&Before);
    MtUseSection();
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}

KTEST(mm, reserved_section_is_committed_for_all)
{
    // Law: a page of a SEC_RESERVE section can be touched after one process committed it, then through every view.
    HANDLE Section = MtSection(8 * PAGE_SIZE, PAGE_READWRITE, SEC_RESERVE);
    PUCHAR First = MtMap(Section, PAGE_READWRITE), Second = MtMap(Section, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    PVOID Base = MT_PAGE(First, 3);
    SIZE_T Size = 2 * PAGE_SIZE;

    expect_status(MtRead(MT_PAGE(First, 3)), STATUS_ACCESS_VIOLATION);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_status(MtWrite(MT_PAGE(First, 3), 3), STATUS_SUCCESS);
    expect_eq(*MT_PAGE(Second, 3), 3);
    expect_status(MtRead(MT_PAGE(Second, 5)), STATUS_ACCESS_VIOLATION);
    expect_status(MtQuery(MT_PAGE(Second, 3), &Information), STATUS_SUCCESS);
    expect_eq(Information.State, MEM_COMMIT);
    expect_eq(Information.RegionSize, 2 * PAGE_SIZE);
    expect_status(MtUnmap(First), STATUS_SUCCESS);
    expect_status(MtUnmap(Second), STATUS_SUCCESS);
    ZwClose(Section);
}

KTEST(mm, views_obey_the_section_protection)
{
    // Law: a view can't have more access than its section, nor get it later. WDK: ZwMapViewOfSection.
    HANDLE Section = MtSection(PAGE_SIZE, PAGE_READONLY, SEC_COMMIT);
    PVOID Base = NULL;
    SIZE_T Size = 0;
    PUCHAR View;
    ULONG Old;

    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READWRITE),
        STATUS_SECTION_PROTECTION);
    View = MtMap(Section, PAGE_READONLY);
    expect_status(MtProtect(View, PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SECTION_PROTECTION);
    expect_status(MtProtect(View, PAGE_SIZE, PAGE_WRITECOPY, &Old), STATUS_SUCCESS);
    expect_status(MtWrite(View, 5), STATUS_SUCCESS);
    expect_eq(View[0], 5);
    Base = (PVOID)0x12345;
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READONLY),
        STATUS_MAPPED_ALIGNMENT);
    Base = View;
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READONLY),
        STATUS_CONFLICTING_ADDRESSES);
    Base = NULL;
    Size = 2 * PAGE_SIZE;
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READONLY),
        STATUS_INVALID_VIEW_SIZE);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}

KTEST(mm, system_view_shows_the_section)
{
    // Law: a view in system space and one in a process are the same memory.
    HANDLE Handle = MtSection(3 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Handle, PAGE_READWRITE), System;
    SIZE_T Size = 0;
    PVOID Section;

    expect_status(ObReferenceObjectByHandle(Handle, 0, MmSectionObjectType, KernelMode, &Section, NULL),
                  STATUS_SUCCESS);
    expect_status(MmMapViewInSystemSpace(Section, (PVOID *)&System, &Size), STATUS_SUCCESS);
    expect_eq(Size, 3 * PAGE_SIZE);
    System[PAGE_SIZE] = 44;
    expect_eq(View[PAGE_SIZE], 44);
    View[0] = 45;
    expect_eq(System[0], 45);
    expect_status(MmUnmapViewInSystemSpace(System), STATUS_SUCCESS);
    expect_status(MmUnmapViewInSystemSpace(System), STATUS_NOT_MAPPED_VIEW);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ObDereferenceObject(Section);
    ZwClose(Handle);
}
