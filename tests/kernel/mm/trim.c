// SPDX-License-Identifier: MIT
// Laws of memory pressure: pages that can be had again are given up and come back unchanged.

#include "mmtest.h"

#define MT_VIEW_PAGES 40u

static VOID MtTrimAll(VOID)
{
    ULONG Round;

    for (Round = 0; Round < 2; Round++) // the first round only takes the accessed bits
        MiTrimProcess(PsGetCurrentProcess());
}

KTEST(mm, trimmed_pages_come_back_unchanged)
{
    // Law: trimming takes every untouched shared page out of a process; contents, protections and private copies stay.
    HANDLE Section = MtSection(MT_VIEW_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE), Copy = MtMap(Section, PAGE_WRITECOPY);
    ULONG Page, Old;

    for (Page = 0; Page < MT_VIEW_PAGES; Page++)
        memset(MT_PAGE(View, Page), (int)Page + 1, PAGE_SIZE);
    for (Page = 0; Page < MT_VIEW_PAGES; Page += 2)
        *MT_PAGE(Copy, Page) = 200;
    expect_status(MtProtect(MT_PAGE(View, 3), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_eq(*MT_PAGE(View, 3), 4);
    MtTrimAll();
    for (Page = 0; Page < MT_VIEW_PAGES; Page++)
        expect(!MmIsAddressValid(MT_PAGE(View, Page)));
    for (Page = 0; Page < MT_VIEW_PAGES; Page++) {
        expect_eq(MT_PAGE(View, Page)[PAGE_SIZE - 1], Page + 1);
        expect_eq(*MT_PAGE(Copy, Page), Page % 2 == 0 ? 200 : Page + 1);
    }
    expect_status(MtWrite(MT_PAGE(View, 3), 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtUnmap(Copy), STATUS_SUCCESS);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}

KTEST(mm, trimmed_private_pages_keep_their_contents)
{
    // Law: a private page that left the working set is a transition page; a touch brings the same frame back, with the
    // contents and the protection it had, and deleting it gives the frame back.
    PUCHAR Memory = MtAllocate(MT_VIEW_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PFN_NUMBER Frames[MT_VIEW_PAGES];
    BOOLEAN Before = MiTrimPrivatePages;
    ULONG Page, Old;

    for (Page = 0; Page < MT_VIEW_PAGES; Page++)
        memset(MT_PAGE(Memory, Page), (int)Page + 1, PAGE_SIZE);
    expect_status(MtProtect(MT_PAGE(Memory, 3), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    for (Page = 0; Page < MT_VIEW_PAGES; Page++)
        Frames[Page] = MiGetFrame(MT_PAGE(Memory, Page));
    MiTrimPrivatePages = TRUE;
    MtTrimAll();
    MiTrimPrivatePages = Before;
    for (Page = 0; Page < MT_VIEW_PAGES; Page++) {
        expect(!MmIsAddressValid(MT_PAGE(Memory, Page)));
        expect(MtPteOf(MT_PAGE(Memory, Page))->u.Soft.Transition);
    }
    expect_status(MtProtect(MT_PAGE(Memory, 4), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    for (Page = 0; Page < MT_VIEW_PAGES - 1; Page++) { // the last stays away until it is deleted
        expect_eq(MT_PAGE(Memory, Page)[PAGE_SIZE - 1], Page + 1);
        expect_eq(MiGetFrame(MT_PAGE(Memory, Page)), Frames[Page]);
    }
    expect_status(MtWrite(MT_PAGE(Memory, 3), 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtWrite(MT_PAGE(Memory, 4), 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, file_survives_the_trimming_of_the_cache)
{
    // Law: what was written through the cache is still there after the cache has lost its pages.
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\SystemRoot\\TEMP\\MMTRIM.DAT");
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    LARGE_INTEGER Start = {.QuadPart = 0};
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, 20 * PAGE_SIZE, TAG_MM);
    IO_STATUS_BLOCK IoStatus;
    ULONG Index, Wrong = 0;
    HANDLE File;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateFile(&File, FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, &Attributes, &IoStatus, NULL,
                               FILE_ATTRIBUTE_NORMAL, 0, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                  STATUS_SUCCESS);
    for (Index = 0; Index < 20 * PAGE_SIZE; Index++)
        Buffer[Index] = (UCHAR)(Index ^ (Index >> 9));
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, Buffer, 20 * PAGE_SIZE, &Start, NULL), STATUS_SUCCESS);
    MiTrimSystemCache();
    MiTrimSystemCache();
    KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
    memset(Buffer, 0, 20 * PAGE_SIZE);
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, 20 * PAGE_SIZE, &Start, NULL), STATUS_SUCCESS);
    for (Index = 0; Index < 20 * PAGE_SIZE; Index++)
        Wrong += Buffer[Index] != (UCHAR)(Index ^ (Index >> 9));
    expect_eq(Wrong, 0);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
                  STATUS_SUCCESS);
    ZwClose(File);
    ExFreePoolWithTag(Buffer, TAG_MM);
}

static volatile LONG MtCollisions;

static VOID NTAPI MtTouchThread(PVOID Context)
{
    PUCHAR View = Context;
    ULONG Page;

    for (Page = 0; Page < 64; Page++)
        if (View[Page * PAGE_SIZE] != (UCHAR)(Page + 1))
            InterlockedIncrement(&MtCollisions);
}

KTEST(mm, threads_that_fault_on_the_same_pages_agree)
{
    // Law: however faults of several threads on one section interleave, each page exists once.
    HANDLE Section = MtSection(64 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE);
    PETHREAD Threads[4];
    ULONG Page, Index;

    for (Page = 0; Page < 64; Page++)
        View[Page * PAGE_SIZE] = (UCHAR)(Page + 1);
    MtTrimAll();
    MtCollisions = 0;
    for (Index = 0; Index < 4; Index++)
        Threads[Index] = KtStartThread(MtTouchThread, View, 8);
    for (Index = 0; Index < 4; Index++)
        KtJoin(Threads[Index]);
    expect_eq(MtCollisions, 0);
    for (Page = 0; Page < 64; Page++)
        expect_eq(MI_PFN_ELEMENT(MiGetFrame(MT_PAGE(View, Page)))->u2.ShareCount, 1);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}
