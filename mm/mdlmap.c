// SPDX-License-Identifier: MIT
// Mapping the frames of an MDL into system space.

#include "mi.h"

// Maps locked pages. IRQL <= DISPATCH_LEVEL. NULL when there are no system PTEs; BugCheck asks for a bugcheck instead.
// Mappings into user space are not offered: raises STATUS_NOT_IMPLEMENTED (docs/status.md).
PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE Mode, MEMORY_CACHING_TYPE Cache, PVOID Base,
                                         ULONG BugCheck, ULONG Priority)
{
    ULONG Index, Count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    PPFN_NUMBER Pages = MmGetMdlPfnArray(Mdl);
    ULONGLONG CacheBits = MiCacheBits(Cache);
    PMMPTE Pte;

    UNREFERENCED_PARAMETER(Base);
    UNREFERENCED_PARAMETER(Priority);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(!(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA));
    if (Mode != KernelMode)
        ExRaiseStatus(STATUS_NOT_IMPLEMENTED);
    Pte = Count != 0 ? MiReserveSystemPtes(Count) : NULL;
    if (Pte == NULL) {
        if (BugCheck)
            KeBugCheckEx(NO_MORE_SYSTEM_PTES, 0, Count, MiSystemPteRange.FreePages, 0);
        return NULL;
    }
    for (Index = 0; Index < Count; Index++)
        MiWriteValidPte(&Pte[Index], MI_KERNEL_PTE(Pages[Index]) | CacheBits);
    Mdl->MappedSystemVa = (PCHAR)MiGetVaOfPte(Pte) + Mdl->ByteOffset;
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA | ((Mdl->MdlFlags & MDL_PARTIAL) ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0);
    return Mdl->MappedSystemVa;
}

// IRQL <= DISPATCH_LEVEL.
VOID NTAPI MmUnmapLockedPages(PVOID Base, PMDL Mdl)
{
    ASSERT(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
    MiReleaseSystemPtes(MiGetPteAddress(Base), ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Mdl->ByteCount));
    Mdl->MdlFlags &= ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    Mdl->MappedSystemVa = NULL;
}

// The MDL's buffer at a system address, mapped now if it was not. IRQL <= DISPATCH_LEVEL. NULL: no system PTEs.
PVOID MmGetSystemAddressForMdl(PMDL Mdl)
{
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        return Mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, 0);
}
