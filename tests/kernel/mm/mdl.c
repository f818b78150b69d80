// SPDX-License-Identifier: MIT
// Laws of memory descriptor lists.

#include "mmtest.h"

static NTSTATUS MtLock(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    SEH_TRY
    {
        MmProbeAndLockPages(Mdl, Mode, Operation);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static PMDL MtMdl(PVOID Base, SIZE_T Length)
{
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Base, Length), TAG_MM);

    MmInitializeMdl(Mdl, Base, Length);
    return Mdl;
}

KTEST(mm, locked_pages_are_the_buffer)
{
    // Law: a locked buffer seen through its MDL is the buffer; each frame has one reference more until it is unlocked.
    PUCHAR Memory = MtAllocate(3 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), Mapped;
    PMDL Mdl = MtMdl(Memory + 100, 2 * PAGE_SIZE);

    expect_status(MtLock(Mdl, UserMode, IoWriteAccess), STATUS_SUCCESS);
    expect_eq(MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[2])->u3.ReferenceCount, 2);
    Mapped = MmGetSystemAddressForMdl(Mdl);
    expect(Mapped != NULL && (ULONG_PTR)Mapped >= MM_SYSTEM_PTE_START);
    Mapped[0] = 1;
    Mapped[2 * PAGE_SIZE - 1] = 2;
    expect_eq(Memory[100], 1);
    expect_eq(Memory[100 + 2 * PAGE_SIZE - 1], 2);
    MmUnlockPages(Mdl);
    expect(!MmIsAddressValid(Mapped));
    expect_eq(MI_PFN_ELEMENT(MiGetFrame(Memory))->u3.ReferenceCount, 1);
    ExFreePoolWithTag(Mdl, TAG_MM);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, locked_pages_outlive_their_release)
{
    // Law: memory that is released while I/O has it locked keeps its frames until they are unlocked.
    PUCHAR Memory = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), Mapped;
    PMDL Mdl = MtMdl(Memory, PAGE_SIZE);
    MM_STATISTICS Before, After;

    Memory[0] = 31;
    expect_status(MtLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    Mapped = MmGetSystemAddressForMdl(Mdl);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_eq(Mapped[0], 31);
    expect_eq(MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[0])->u3.ReferenceCount, 1);
    MtQueryAtRest(&Before);
    MmUnlockPages(Mdl);
    MtQueryAtRest(&After);
    expect_eq(After.AvailablePages, Before.AvailablePages + 1);
    ExFreePoolWithTag(Mdl, TAG_MM);
}

KTEST(mm, locking_checks_the_access)
{
    // Law: locking raises where the caller itself could not access the buffer, and then has locked nothing.
    PUCHAR Memory = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PMDL Mdl = MtMdl(Memory, 2 * PAGE_SIZE);
    ULONG Old;

    Memory[0] = 1;
    expect_status(MtProtect(MT_PAGE(Memory, 1), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_status(MtLock(Mdl, UserMode, IoWriteAccess), STATUS_ACCESS_VIOLATION);
    expect_eq(MI_PFN_ELEMENT(MiGetFrame(Memory))->u3.ReferenceCount, 1);
    expect_status(MtLock(Mdl, UserMode, IoReadAccess), STATUS_SUCCESS);
    MmUnlockPages(Mdl);
    ExFreePoolWithTag(Mdl, TAG_MM);
    Mdl = MtMdl(MmGetPhysicalAddress, 16); // code of the kernel
    expect_status(MtLock(Mdl, UserMode, IoReadAccess), STATUS_ACCESS_VIOLATION);
    expect_status(MtLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    MmUnlockPages(Mdl);
    ExFreePoolWithTag(Mdl, TAG_MM);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}
