// SPDX-License-Identifier: MIT
// The model's memory of other kinds: one large page, one AWE window with pages to show in it, two views of an image.

#include "model.h"

#define MT_FRAMES 12u
#define MT_WINDOW 16u // pages
#define MT_NOWHERE MAXULONG
#define MT_LARGE_SIZE (2u * 1024 * 1024)
#define MT_SPOTS 4u
#define MT_IMAGES 2u
#define MT_STUB 0x48u // in an image's first page: the DOS stub, which nobody runs

static struct {
    PUCHAR Window; // NULL: none, and no frames
    ULONG Count;
    ULONG_PTR Frame[MT_FRAMES];
    ULONG At[MT_FRAMES]; // page of the window, or MT_NOWHERE
    UCHAR Value[MT_FRAMES];
} MtAwe;

static struct {
    PUCHAR Base; // NULL: none
    UCHAR Value[MT_SPOTS];
} MtLarge;

static struct {
    PUCHAR Base; // NULL: none
    UCHAR Value; // of the byte in its first page
    SIZE_T Charge;
} MtImages[MT_IMAGES];

// ----------------------------------------------------------------------------------------------------------------- AWE
static VOID MtTakeFrames(VOID)
{
    ULONG_PTR Count = 1 + KtRandom() % (MT_FRAMES - MtAwe.Count);
    ULONG Index;

    if (MtAwe.Window == NULL)
        MtAwe.Window = MtAllocate(MT_WINDOW * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    expect(MtAwe.Window != NULL);
    if (!NT_SUCCESS(ZwAllocateUserPhysicalPages(NtCurrentProcess(), &Count, &MtAwe.Frame[MtAwe.Count])))
        return; // too little memory
    for (Index = 0; Index < Count; Index++, MtAwe.Count++) {
        MtAwe.At[MtAwe.Count] = MT_NOWHERE;
        MtAwe.Value[MtAwe.Count] = 0;
    }
}

static VOID MtFreeFrame(VOID)
{
    ULONG Index = KtRandom() % MtAwe.Count;
    ULONG_PTR One = 1;

    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &One, &MtAwe.Frame[Index]), STATUS_SUCCESS);
    MtAwe.Count--;
    MtAwe.Frame[Index] = MtAwe.Frame[MtAwe.Count];
    MtAwe.At[Index] = MtAwe.At[MtAwe.Count];
    MtAwe.Value[Index] = MtAwe.Value[MtAwe.Count];
}

// Maps neighbours in the list of frames, or nothing, to neighbours in the window.
static VOID MtMapFrames(VOID)
{
    ULONG First = KtRandom() % MtAwe.Count, Count = 1 + KtRandom() % (MtAwe.Count - First), Index;
    ULONG Page = KtRandom() % (MT_WINDOW - Count + 1);
    BOOLEAN Unmap = KtRandom() % 4 == 0, Free = TRUE;

    for (Index = First; Index < First + Count; Index++)
        Free = Free && (MtAwe.At[Index] == MT_NOWHERE || MtAwe.At[Index] - Page < Count);
    expect_status(ZwMapUserPhysicalPages(MT_PAGE(MtAwe.Window, Page), Count, Unmap ? NULL : &MtAwe.Frame[First]),
                  Free || Unmap ? STATUS_SUCCESS : STATUS_CONFLICTING_ADDRESSES);
    if (!Free && !Unmap)
        return;
    for (Index = 0; Index < MtAwe.Count; Index++) {
        if (MtAwe.At[Index] - Page < Count)
            MtAwe.At[Index] = MT_NOWHERE;
    }
    for (Index = First; !Unmap && Index < First + Count; Index++)
        MtAwe.At[Index] = Page + Index - First;
}

static VOID MtStepAwe(VOID)
{
    ULONG Index = MtAwe.Count != 0 ? KtRandom() % MtAwe.Count : 0, Choice = KtRandom() % 8;

    if (MtAwe.Count == 0 || (Choice == 0 && MtAwe.Count < MT_FRAMES)) {
        MtTakeFrames();
    } else if (Choice == 1) {
        MtFreeFrame();
    } else if (Choice < 5 || MtAwe.At[Index] == MT_NOWHERE) {
        MtMapFrames();
    } else {
        MtAwe.Value[Index] = (UCHAR)KtRandom();
        expect_status(MtWrite(MT_PAGE(MtAwe.Window, MtAwe.At[Index]), MtAwe.Value[Index]), STATUS_SUCCESS);
    }
}

static VOID MtCheckAwe(VOID)
{
    ULONG Page, Index;

    for (Page = 0; MtAwe.Window != NULL && Page < MT_WINDOW; Page++) {
        volatile UCHAR *Va = MT_PAGE(MtAwe.Window, Page);

        for (Index = 0; Index < MtAwe.Count && MtAwe.At[Index] != Page;)
            Index++;
        expect_status(MtRead(Va), Index == MtAwe.Count ? STATUS_ACCESS_VIOLATION : STATUS_SUCCESS);
        if (Index != MtAwe.Count)
            expect_eq(*Va, MtAwe.Value[Index]);
    }
}

// --------------------------------------------------------------------------------------------------------- large pages
static VOID MtStepLarge(VOID)
{
    ULONG Spot = KtRandom() % MT_SPOTS;

    if (MtLarge.Base == NULL) {
        memset(&MtLarge, 0, sizeof(MtLarge)); // fresh memory is zero
        MtLarge.Base = MtAllocate(MT_LARGE_SIZE, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);
    } else if (KtRandom() % 4 == 0) {
        expect_status(MtFree(MtLarge.Base), STATUS_SUCCESS);
        MtLarge.Base = NULL;
    } else {
        MtLarge.Value[Spot] = (UCHAR)KtRandom();
        MtLarge.Base[Spot * (MT_LARGE_SIZE / MT_SPOTS) + PAGE_SIZE - 1] = MtLarge.Value[Spot];
    }
}

static VOID MtCheckLarge(VOID)
{
    ULONG Spot;

    for (Spot = 0; MtLarge.Base != NULL && Spot < MT_SPOTS; Spot++)
        expect_eq(MtLarge.Base[Spot * (MT_LARGE_SIZE / MT_SPOTS) + PAGE_SIZE - 1], MtLarge.Value[Spot]);
}

// -------------------------------------------------------------------------------------------------------------- images
static HANDLE MtImageSection(VOID)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section = NULL;
    UNICODE_STRING Name;

    RtlInitUnicodeString(&Name, L"\\SystemRoot\\System32\\kernel32.dll");
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateFile(&File, FILE_GENERIC_READ | FILE_EXECUTE, &Attributes, &IoStatus, NULL, 0,
                               FILE_SHARE_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                  STATUS_SUCCESS);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_EXECUTE, SEC_IMAGE, File),
                  STATUS_SUCCESS);
    ZwClose(File);
    return Section;
}

// A view of an image, whose first page gets its own copy; or its end.
static VOID MtStepImage(VOID)
{
    ULONG Index = KtRandom() % MT_IMAGES, Before = PsGetCurrentProcess()->CommitCharge, Old;
    HANDLE Section;

    if (MtImages[Index].Base != NULL) {
        expect_status(MtUnmap(MtImages[Index].Base), STATUS_SUCCESS);
        expect_eq(Before - PsGetCurrentProcess()->CommitCharge, MtImages[Index].Charge);
        MtImages[Index].Base = NULL;
        return;
    }
    Section = MtImageSection();
    MtImages[Index].Base = MtMap(Section, PAGE_READWRITE);
    expect(MtImages[Index].Base != NULL);
    ZwClose(Section);
    expect_status(MtWrite(MtImages[Index].Base + MT_STUB, 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtProtect(MtImages[Index].Base, PAGE_SIZE, PAGE_WRITECOPY, &Old), STATUS_SUCCESS);
    MtImages[Index].Value = (UCHAR)KtRandom();
    expect_status(MtWrite(MtImages[Index].Base + MT_STUB, MtImages[Index].Value), STATUS_SUCCESS);
    MtImages[Index].Charge = PsGetCurrentProcess()->CommitCharge - Before;
}

// ------------------------------------------------------------------------------------------------------------ together
VOID MtStepKinds(VOID)
{
    switch (KtRandom() % 8) {
    case 0:
        MtStepLarge();
        break;
    case 1:
        MtStepImage();
        break;
    default:
        MtStepAwe();
        break;
    }
}

VOID MtCheckKinds(VOID)
{
    ULONG Index;

    MtCheckAwe();
    MtCheckLarge();
    for (Index = 0; Index < MT_IMAGES; Index++) {
        if (MtImages[Index].Base != NULL)
            expect_eq(MtImages[Index].Base[MT_STUB], MtImages[Index].Value);
    }
}

SIZE_T MtKindsCharge(VOID)
{
    SIZE_T Charge = MtAwe.Count + (MtLarge.Base != NULL ? MT_LARGE_SIZE / PAGE_SIZE : 0);
    ULONG Index;

    for (Index = 0; Index < MT_IMAGES; Index++)
        Charge += MtImages[Index].Base != NULL ? MtImages[Index].Charge : 0;
    return Charge;
}

VOID MtEndKinds(VOID)
{
    ULONG Index;

    while (MtAwe.Count != 0)
        MtFreeFrame();
    if (MtAwe.Window != NULL)
        expect_status(MtFree(MtAwe.Window), STATUS_SUCCESS);
    MtAwe.Window = NULL;
    if (MtLarge.Base != NULL)
        expect_status(MtFree(MtLarge.Base), STATUS_SUCCESS);
    MtLarge.Base = NULL;
    for (Index = 0; Index < MT_IMAGES; Index++) {
        if (MtImages[Index].Base != NULL)
            expect_status(MtUnmap(MtImages[Index].Base), STATUS_SUCCESS);
        MtImages[Index].Base = NULL;
    }
}
