// SPDX-License-Identifier: MIT
// Memory descriptor lists: a buffer as the list of its frames. This file describes and locks buffers; mdlmap.c maps
// them. Source: WDK.

#include "mi.h"

// Bytes that an MDL for this buffer takes. Any IRQL.
SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    return sizeof(MDL) + ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length) * sizeof(PFN_NUMBER);
}

// Fills in everything but the frames. Any IRQL.
VOID MmInitializeMdl(PMDL Mdl, PVOID Base, SIZE_T Length)
{
    Mdl->Next = NULL;
    Mdl->Size = (SHORT)MmSizeOfMdl(Base, Length);
    Mdl->MdlFlags = 0;
    Mdl->Process = NULL;
    Mdl->MappedSystemVa = NULL;
    Mdl->StartVa = PAGE_ALIGN(Base);
    Mdl->ByteOffset = BYTE_OFFSET(Base);
    Mdl->ByteCount = (ULONG)Length;
}

static ULONG MiMdlPages(PMDL Mdl)
{
    return ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
}

// The buffer is in nonpaged memory: just writes the frames down. IRQL <= DISPATCH_LEVEL.
VOID NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl)
{
    PPFN_NUMBER Pages = MmGetMdlPfnArray(Mdl);
    ULONG Index, Count = MiMdlPages(Mdl);

    for (Index = 0; Index < Count; Index++)
        Pages[Index] = MiGetFrame((PCHAR)Mdl->StartVa + Index * PAGE_SIZE);
    Mdl->MappedSystemVa = MmGetMdlVirtualAddress(Mdl);
    Mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

// Locks the frame that Va has right now. FALSE: it has none, or not with the access wanted. Takes the PFN lock.
static BOOLEAN MiTryLockPage(PVOID Va, BOOLEAN Write, PPFN_NUMBER Page)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    BOOLEAN Locked = FALSE;
    KIRQL OldIrql = MiLockPfn();

    if (MmIsAddressValid(Va) && (!Write || (Pde->u.Hard.LargePage ? Pde : MiGetPteAddress(Va))->u.Hard.Write)) {
        *Page = MiGetFrame(Va);
        if (MiIsPhysicalMemory(*Page))
            MI_PFN_ELEMENT(*Page)->u3.ReferenceCount++;
        Locked = TRUE;
    }
    MiUnlockPfn(OldIrql);
    return Locked;
}

static NTSTATUS MiLockPage(PVOID Va, KPROCESSOR_MODE Mode, BOOLEAN Write, PPFN_NUMBER Page)
{
    while (!MiTryLockPage(Va, Write, Page)) {
        NTSTATUS Status = MmAccessFault(Write ? MI_FAULT_WRITE : 0, Va, Mode, NULL);

        if (!NT_SUCCESS(Status) || Status == STATUS_GUARD_PAGE_VIOLATION)
            return Status;
    }
    return STATUS_SUCCESS;
}

static VOID MiUnlockFrames(PPFN_NUMBER Pages, ULONG Count, BOOLEAN Written)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(Pages[Index]);

        if (!MiIsPhysicalMemory(Pages[Index]))
            continue;
        Pfn->u3.e1.Modified |= Written;
        MiDecrementReferenceCount(Pfn);
    }
    MiUnlockPfn(OldIrql);
}

// Makes the buffer's pages present, checks that Mode may access them in this way, and locks them for I/O.
//
// IRQL <= APC_LEVEL (nonpaged memory: DISPATCH_LEVEL), in the process that the addresses belong to; no Mm locks.
// Raises STATUS_ACCESS_VIOLATION and the like, with nothing locked. MmUnlockPages undoes it.
VOID NTAPI MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    PUCHAR Start = MmGetMdlVirtualAddress(Mdl);
    ULONG Index, Count = MiMdlPages(Mdl);
    PPFN_NUMBER Pages = MmGetMdlPfnArray(Mdl);
    BOOLEAN Write = Operation != IoReadAccess;

    ASSERT(!(Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL)));
    if (Mdl->ByteCount != 0 && (Start + Mdl->ByteCount < Start ||
                                (Mode != KernelMode && (ULONG_PTR)Start + Mdl->ByteCount > MM_USER_PROBE_ADDRESS)))
        ExRaiseStatus(STATUS_ACCESS_VIOLATION);
    for (Index = 0; Index < Count; Index++) {
        NTSTATUS Status = MiLockPage((PCHAR)Mdl->StartVa + Index * PAGE_SIZE, Mode, Write, &Pages[Index]);

        if (Status != STATUS_SUCCESS) {
            MiUnlockFrames(Pages, Index, FALSE);
            ExRaiseStatus(Status);
        }
        if (!MiIsPhysicalMemory(Pages[Index]))
            Mdl->MdlFlags |= MDL_IO_SPACE;
    }
    Mdl->Process = MI_IS_USER_VA(Start) ? PsGetCurrentProcess() : NULL;
    if (Mdl->Process != NULL)
        InterlockedExchangeAdd(&Mdl->Process->NumberOfLockedPages, (LONG)Count);
    Mdl->MdlFlags |= MDL_PAGES_LOCKED | (Write ? MDL_WRITE_OPERATION : 0);
}

// Unlocks the pages, and unmaps them if they were mapped into system space. IRQL <= DISPATCH_LEVEL.
VOID NTAPI MmUnlockPages(PMDL Mdl)
{
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(Mdl->MdlFlags & MDL_PAGES_LOCKED);
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    if (Mdl->Process != NULL)
        InterlockedExchangeAdd(&Mdl->Process->NumberOfLockedPages, -(LONG)MiMdlPages(Mdl));
    MiUnlockFrames(MmGetMdlPfnArray(Mdl), MiMdlPages(Mdl), (Mdl->MdlFlags & MDL_WRITE_OPERATION) != 0);
    Mdl->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_IO_SPACE);
}
