// SPDX-License-Identifier: MIT
// Memory descriptor lists as drivers handle them; locking and mapping their pages is Mm's.
// Source: WDK documentation (IoAllocateMdl, IoBuildPartialMdl).

#include "iop.h"

// Allocates an MDL for a buffer; its pages are neither locked nor known yet.
//
// Irp: gets the MDL, at the end of its chain if Secondary.   <= DISPATCH_LEVEL.
// The caller frees it with IoFreeMdl. NULL when there is no memory or the buffer is too large for one MDL.
PMDL NTAPI IoAllocateMdl(PVOID Va, ULONG Length, BOOLEAN Secondary, BOOLEAN ChargeQuota, PIRP Irp)
{
    SIZE_T Size = MmSizeOfMdl(Va, Length);
    PMDL Mdl;

    UNREFERENCED_PARAMETER(ChargeQuota);
    if (Length > MAXLONG || Size > MAXUSHORT) // MDL.Size has 16 bits
        return NULL;
    Mdl = ExAllocatePoolWithTag(NonPagedPool, Size, TAG_IO_MDL);
    if (Mdl == NULL)
        return NULL;
    MmInitializeMdl(Mdl, Va, Length);
    if (Irp == NULL)
        return Mdl;
    if (!Secondary || Irp->MdlAddress == NULL) {
        Irp->MdlAddress = Mdl;
    } else {
        PMDL Last = Irp->MdlAddress;

        while (Last->Next != NULL)
            Last = Last->Next;
        Last->Next = Mdl;
    }
    return Mdl;
}

// Makes Target describe a part of what Source describes, sharing its locked pages and its mapping.
//
// Va: start of the part, a virtual address of Source's buffer.   Length: 0 means to Source's end.   <= DISPATCH_LEVEL.
VOID NTAPI IoBuildPartialMdl(PMDL Source, PMDL Target, PVOID Va, ULONG Length)
{
    ULONG Skip = (ULONG)((PCHAR)Va - (PCHAR)MmGetMdlVirtualAddress(Source));
    ULONG FirstPage = (ULONG)(((PCHAR)PAGE_ALIGN(Va) - (PCHAR)Source->StartVa) >> PAGE_SHIFT);
    SHORT Inherited = Source->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_IO_PAGE_READ);
    ULONG Pages;

    if (Length == 0)
        Length = Source->ByteCount - Skip;
    ASSERT(Skip + Length <= Source->ByteCount);
    Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(Va, Length);
    Target->Process = Source->Process;
    Target->StartVa = PAGE_ALIGN(Va);
    Target->ByteOffset = BYTE_OFFSET(Va);
    Target->ByteCount = Length;
    Target->MdlFlags = (Target->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL | Inherited;
    if (Inherited & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA))
        Target->MappedSystemVa = (PCHAR)Source->MappedSystemVa + Skip;
    memcpy(MmGetMdlPfnArray(Target), MmGetMdlPfnArray(Source) + FirstPage, Pages * sizeof(PFN_NUMBER));
}

// Frees an MDL whose pages are unlocked (or were never locked); a partial MDL's own mapping goes with it.
//
// <= DISPATCH_LEVEL.
VOID NTAPI IoFreeMdl(PMDL Mdl)
{
    ASSERT(!(Mdl->MdlFlags & MDL_PAGES_LOCKED));
    if (Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED)
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    ExFreePoolWithTag(Mdl, TAG_IO_MDL);
}
