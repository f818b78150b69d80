// SPDX-License-Identifier: MIT
// Mapping the frames of an MDL into system space (into a process: mdluser.c). Source: WDK, MmMapLockedPagesSpecifyCache, MmProtectMdlSystemAddress.

#include "mi.h"

// System PTEs that are left to more important mappings.
#define MI_NORMAL_PTE_RESERVE 256u
#define MI_LOW_PTE_RESERVE 1024u

static BOOLEAN MiEnoughSystemPtes(ULONG Count, ULONG Priority)
{
    ULONG Reserve = MI_LOW_PTE_RESERVE;

    Priority &= ~(MdlMappingNoWrite | MdlMappingNoExecute);
    if (Priority >= HighPagePriority)
        Reserve = 0;
    else if (Priority >= NormalPagePriority)
        Reserve = MI_NORMAL_PTE_RESERVE;
    return MiFreeSystemPtes() >= Count + Reserve;
}

// Maps locked pages. Priority: how early it fails when addresses are short; MdlMappingNoWrite: read-only. No mapping is
// executable.
//
// IRQL <= DISPATCH_LEVEL. NULL when there are no system PTEs; BugCheck asks for a bugcheck instead (0x3F).
// UserMode: into the current process, at Base if it is not NULL; IRQL <= APC_LEVEL, raises what fails (mdluser.c).
PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE Mode, MEMORY_CACHING_TYPE Cache, PVOID Base,
                                         ULONG BugCheck, ULONG Priority)
{
    ULONG Index, Count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    PPFN_NUMBER Pages = MmGetMdlPfnArray(Mdl);
    ULONGLONG Bits = MiCacheBits(Cache);
    PMMPTE Pte;

    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    if (Mode != KernelMode)
        return MiMapLockedPagesInUserSpace(Mdl, Cache, Base, Priority);
    ASSERT(!(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA));
    Pte = Count != 0 && (BugCheck || MiEnoughSystemPtes(Count, Priority)) ? MiReserveSystemPtes(Count) : NULL;
    if (Pte == NULL) {
        if (BugCheck)
            KeBugCheckEx(NO_MORE_SYSTEM_PTES, 0, Count, MiFreeSystemPtes(), 0);
        return NULL;
    }
    for (Index = 0; Index < Count; Index++) {
        ULONGLONG Entry = MI_KERNEL_PTE(Pages[Index]) | Bits;

        MiWriteValidPte(&Pte[Index], Priority & MdlMappingNoWrite ? Entry & ~(ULONGLONG)MI_WRITE : Entry);
    }
    Mdl->MappedSystemVa = (PCHAR)MiGetVaOfPte(Pte) + Mdl->ByteOffset;
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA | ((Mdl->MdlFlags & MDL_PARTIAL) ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0);
    return Mdl->MappedSystemVa;
}

// The older form: cached, and a bugcheck when there are no system PTEs. IRQL <= DISPATCH_LEVEL.
PVOID NTAPI MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE Mode)
{
    return MmMapLockedPagesSpecifyCache(Mdl, Mode, MmCached, NULL, TRUE, HighPagePriority);
}

// IRQL <= DISPATCH_LEVEL; a mapping in user space: IRQL <= APC_LEVEL, in the process that it was made in.
VOID NTAPI MmUnmapLockedPages(PVOID Base, PMDL Mdl)
{
    if (MI_IS_USER_VA(Base)) {
        MiUnmapLockedPagesInUserSpace(Base);
        return;
    }
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
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, HighPagePriority);
}

// Protects an MDL's mapping in system space: PAGE_READWRITE, PAGE_READONLY or PAGE_NOACCESS.
//
// IRQL <= APC_LEVEL. STATUS_INVALID_PAGE_PROTECTION: anything else, execution among it, which no data in system space
// is given; STATUS_NOT_MAPPED_VIEW: the MDL is not mapped by MmMapLockedPages*.
NTSTATUS NTAPI MmProtectMdlSystemAddress(PMDL Mdl, ULONG Protect)
{
    ULONG Index, Count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    PPFN_NUMBER Pages = MmGetMdlPfnArray(Mdl);
    PMMPTE Pte = MiGetPteAddress(Mdl->MappedSystemVa);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Protect != PAGE_READWRITE && Protect != PAGE_READONLY && Protect != PAGE_NOACCESS)
        return STATUS_INVALID_PAGE_PROTECTION;
    if (!(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA))
        return STATUS_NOT_MAPPED_VIEW;
    for (Index = 0; Index < Count; Index++) {
        ULONGLONG Entry = MI_KERNEL_PTE(Pages[Index]);

        if (Protect == PAGE_NOACCESS) {
            MiWriteInvalidPte(&Pte[Index], MI_TRANSITION_PTE(Pages[Index], MM_NOACCESS));
            continue;
        }
        MiWriteInvalidPte(&Pte[Index], 0); // never half old, half new
        MiWriteValidPte(&Pte[Index], Protect == PAGE_READONLY ? Entry & ~(ULONGLONG)MI_WRITE : Entry);
    }
    KeFlushEntireTb(TRUE, TRUE);
    return STATUS_SUCCESS;
}
