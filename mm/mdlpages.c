// SPDX-License-Identifier: MIT
// MDLs that own their frames: physical memory for a driver that maps it where and when it likes.
// Source: WDK, MmAllocatePagesForMdlEx, MmFreePagesFromMdl.

#include "mi.h"

#define MI_MDL_MAXIMUM_PAGES ((MAXUSHORT - sizeof(MDL)) / sizeof(PFN_NUMBER)) // MDL.Size has 16 bits
#define MI_MDL_SCAN_BATCH 256u // frames that are looked at in one hold of the PFN lock

typedef struct _MI_MDL_PAGES {
    PPFN_NUMBER Pages;
    ULONG Count, Wanted;
} MI_MDL_PAGES, *PMI_MDL_PAGES;

// Takes available frames of [First, Last], the highest first: the low ones are scarce. Takes the PFN lock.
static VOID MiCollectPages(PMI_MDL_PAGES Found, PFN_NUMBER First, PFN_NUMBER Last)
{
    PFN_NUMBER Page = Last + 1;

    while (Page > First && Found->Count < Found->Wanted) {
        PFN_NUMBER Stop = Page - First > MI_MDL_SCAN_BATCH ? Page - MI_MDL_SCAN_BATCH : First;
        KIRQL OldIrql = MiLockPfn();

        while (Page > Stop && Found->Count < Found->Wanted && MmAvailablePages > MI_LOW_MEMORY) {
            Page--;
            if (!MiIsPhysicalMemory(Page) || MI_PFN_ELEMENT(Page)->u3.e1.PageLocation > StandbyPageList)
                continue;
            MiRemovePageByNumber(Page);
            MiInitializePfn(Page, NULL, 0, MM_READWRITE);
            Found->Pages[Found->Count++] = Page;
        }
        MiUnlockPfn(OldIrql);
        if (MmAvailablePages <= MI_LOW_MEMORY)
            return;
    }
}

// Takes up to Found->Wanted frames from [Low, High], then from the window moved by Skip, and so on.
static VOID MiCollectWindows(PMI_MDL_PAGES Found, PHYSICAL_ADDRESS Low, PHYSICAL_ADDRESS High, PHYSICAL_ADDRESS Skip)
{
    ULONGLONG First = ((ULONGLONG)Low.QuadPart + PAGE_SIZE - 1) >> PAGE_SHIFT;
    ULONGLONG Last = (ULONGLONG)High.QuadPart >> PAGE_SHIFT, Step = (ULONGLONG)Skip.QuadPart >> PAGE_SHIFT;

    for (;;) {
        if (First > MmHighestPhysicalPage || Last < First)
            return;
        MiCollectPages(Found, (PFN_NUMBER)max_of(First, MmLowestPhysicalPage),
                       (PFN_NUMBER)min_of(Last, MmHighestPhysicalPage));
        if (Step == 0 || Found->Count == Found->Wanted)
            return;
        First += Step;
        Last += Step;
    }
}

static VOID MiFreeMdlPages(PPFN_NUMBER Pages, ULONG Count)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++)
        MiFreeKernelPage(Pages[Index]);
    MiReturnCommitment(Count, NULL);
}

// Takes frames between Low and High (then between Low + Skip and High + Skip, and so on, if Skip is not 0) for the
// caller, zeroed unless MM_DONT_ZERO_ALLOCATION is given, and describes them by an MDL. They need not be in a row, and
// there may be fewer than asked for, unless MM_ALLOCATE_FULLY_REQUIRED.
//
// IRQL <= APC_LEVEL. The caller frees the frames with MmFreePagesFromMdl and then the MDL with ExFreePool. NULL: none,
// or flags that are not offered (MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS).
PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS Low, PHYSICAL_ADDRESS High, PHYSICAL_ADDRESS Skip, SIZE_T Bytes,
                                   MEMORY_CACHING_TYPE Cache, ULONG Flags)
{
    MI_MDL_PAGES Found = {NULL, 0, min_of(BYTES_TO_PAGES(Bytes), MI_MDL_MAXIMUM_PAGES)};
    ULONG Index;
    PMDL Mdl;

    UNREFERENCED_PARAMETER(Cache); // whoever maps it says how
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Found.Wanted == 0 || (Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) ||
        ((Flags & MM_ALLOCATE_FULLY_REQUIRED) && Found.Wanted < BYTES_TO_PAGES(Bytes)))
        return NULL;
    Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(NULL, Found.Wanted * PAGE_SIZE), TAG_MM);
    if (Mdl == NULL || !MiChargeCommitment(Found.Wanted, NULL))
        goto Fail;
    Found.Pages = MmGetMdlPfnArray(Mdl);
    MiCollectWindows(&Found, Low, High, Skip);
    MiReturnCommitment(Found.Wanted - Found.Count, NULL);
    if (Found.Count == 0 || (Found.Count < Found.Wanted && (Flags & MM_ALLOCATE_FULLY_REQUIRED))) {
        MiFreeMdlPages(Found.Pages, Found.Count);
        goto Fail;
    }
    for (Index = 0; Index < Found.Count && !(Flags & MM_DONT_ZERO_ALLOCATION); Index++)
        MiZeroPage(Found.Pages[Index]);
    MmInitializeMdl(Mdl, NULL, Found.Count * PAGE_SIZE);
    Mdl->MdlFlags |= MDL_PAGES_LOCKED | MDL_ALLOCATED_PAGES;
    return Mdl;
Fail:
    if (Mdl != NULL)
        ExFreePoolWithTag(Mdl, TAG_MM);
    return NULL;
}

// MmAllocatePagesForMdlEx for zeroed, cached frames, as many as there are.
PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS Low, PHYSICAL_ADDRESS High, PHYSICAL_ADDRESS Skip, SIZE_T Bytes)
{
    return MmAllocatePagesForMdlEx(Low, High, Skip, Bytes, MmCached, 0);
}

// Frees the frames of such an MDL; it must not be mapped any more. The MDL itself stays the caller's.
// IRQL <= APC_LEVEL.
VOID NTAPI MmFreePagesFromMdl(PMDL Mdl)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    ASSERT((Mdl->MdlFlags & MDL_ALLOCATED_PAGES) && !(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA));
    MiFreeMdlPages(MmGetMdlPfnArray(Mdl), BYTES_TO_PAGES(Mdl->ByteCount));
    Mdl->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_ALLOCATED_PAGES);
    Mdl->ByteCount = 0;
}
