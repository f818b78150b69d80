// SPDX-License-Identifier: MIT
// Laws of page files on a disk that fails: a filter above the file system of D: refuses reads or writes of chosen
// slots.

#include "mmtest.h"

#define MT_PAGES 40u
#define MT_OTHERS 4u // slots that other memory may have taken meanwhile

static struct {
    PDRIVER_OBJECT Driver;
    PDEVICE_OBJECT Device, Below;
    ULONG FirstSlot, LastSlot; // that fail; 0: none
    ULONG Major;               // IRP_MJ_READ or IRP_MJ_WRITE
    BOOLEAN Choose;            // the second and third slot of the next write are to fail
    LONG Refused;
    PUCHAR Change; // MT_PAGES pages that change while the next write is on its way; NULL: none
    PMMPAGING_FILE File;
} Mt;

static VOID MtChangeWhatIsWritten(VOID)
{
    PUCHAR Memory = Mt.Change;
    ULONG Page;

    Mt.Change = NULL;
    for (Page = 0; Memory != NULL && Page < MT_PAGES; Page++)
        *MT_PAGE(Memory, Page) = 7;
}

static NTSTATUS NTAPI MtFilter(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Slot = (ULONG)(Stack->Parameters.Read.ByteOffset.QuadPart >> PAGE_SHIFT), Last;

    UNREFERENCED_PARAMETER(Device);
    if (Stack->MajorFunction == IRP_MJ_WRITE && Stack->FileObject == Mt.File->File)
        MtChangeWhatIsWritten(); // in the writer's thread, which is in this process
    if (Mt.Choose && Stack->MajorFunction == IRP_MJ_WRITE && Stack->FileObject == Mt.File->File &&
        Stack->Parameters.Read.Length > 2 * PAGE_SIZE) {
        Mt.Choose = FALSE;
        Mt.FirstSlot = Slot + 1;
        Mt.LastSlot = Slot + 2;
    }
    if (Mt.FirstSlot != 0 && Stack->MajorFunction == Mt.Major && Stack->FileObject == Mt.File->File) {
        Last = Slot + (Stack->Parameters.Read.Length >> PAGE_SHIFT) - 1;
        if (Slot <= Mt.LastSlot && Last >= Mt.FirstSlot) {
            InterlockedIncrement(&Mt.Refused);
            Irp->IoStatus.Status = STATUS_DEVICE_DATA_ERROR;
            Irp->IoStatus.Information = 0;
            IoCompleteRequest(Irp, IO_NO_INCREMENT);
            return STATUS_DEVICE_DATA_ERROR;
        }
    }
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Mt.Below, Irp);
}

static NTSTATUS NTAPI MtFilterEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    ULONG Major;

    UNREFERENCED_PARAMETER(RegistryPath);
    Mt.Driver = Driver;
    for (Major = 0; Major <= IRP_MJ_MAXIMUM_FUNCTION; Major++)
        Driver->MajorFunction[Major] = MtFilter;
    return IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &Mt.Device);
}

static VOID MtAttachFilter(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Driver\\KtPageError");

    Mt.File = MmPagingFile[1];
    Mt.FirstSlot = 0;
    Mt.Refused = 0;
    expect_status(IoCreateDriver(&Name, MtFilterEntry), STATUS_SUCCESS);
    Mt.Device->Flags &= ~DO_DEVICE_INITIALIZING;
    Mt.Below = IoAttachDeviceToDeviceStack(Mt.Device, IoGetRelatedDeviceObject(Mt.File->File));
}

static VOID MtDetachFilter(VOID)
{
    PDRIVER_OBJECT Driver = Mt.Driver;

    IoDetachDevice(Mt.Below);
    ObReferenceObject(Driver);
    IoDeleteDevice(Mt.Device);
    ObMakeTemporaryObject(Driver);
    ObDereferenceObject(Driver);
}
static EXCEPTION_RECORD MtRecord;

static LONG NTAPI MtKeepRecord(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    MtRecord = *Pointers->ExceptionRecord;
    return EXCEPTION_EXECUTE_HANDLER;
}

static BOOLEAN MtTouch(volatile UCHAR *Va, BOOLEAN Write)
{
    SEH_TRY_FILTER(MtKeepRecord, NULL)
    {
        if (Write)
            *Va = 1;
        else
            (void)*Va;
    }
    SEH_EXCEPT
    {
        return FALSE;
    }
    SEH_END
    return TRUE;
}

static BOOLEAN MtIsOnD(PUCHAR Va)
{
    return MiGetPteAddress(Va)->u.Soft.PageFileLow == Mt.File->FileNumber;
}

KTEST(mm, failed_read_is_an_in_page_error)
{
    // Law: a page that cannot be read raises STATUS_IN_PAGE_ERROR with the kind of access, the address and the status
    // of the I/O; its neighbours, asked for in the same transfer, are read; and when the disk is well again, so is the
    // page. SDK: EXCEPTION_RECORD.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), Bad;
    ULONG Page, Victim = 0;

    MtAttachFilter();
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        memset(MT_PAGE(Memory, Page), (int)(Page & 0x7F) + 1, PAGE_SIZE);
    MtPageOut();
    for (Page = 3; Page < 16 * MT_PAGES; Page++) {
        if (MtIsOnD(MT_PAGE(Memory, Page)) && MtIsOnD(MT_PAGE(Memory, Page - 1)))
            Victim = Page;
    }
    expect(Victim != 0);
    Bad = MT_PAGE(Memory, Victim);
    Mt.Major = IRP_MJ_READ;
    Mt.LastSlot = MiGetPteAddress(Bad)->u.Soft.PageFileHigh;
    Mt.FirstSlot = Mt.LastSlot;
    for (Page = 0; Page < 16 * MT_PAGES; Page++) {
        if (Page != Victim)
            expect_eq(*MT_PAGE(Memory, Page), (Page & 0x7F) + 1);
    }
    expect(!MtTouch(Bad + 17, FALSE));
    expect_status(MtRecord.ExceptionCode, STATUS_IN_PAGE_ERROR);
    expect_eq(MtRecord.NumberParameters, 3);
    expect_eq(MtRecord.ExceptionInformation[0], EXCEPTION_READ_FAULT);
    expect_eq(MtRecord.ExceptionInformation[1], (ULONG_PTR)Bad + 17);
    expect_status((NTSTATUS)MtRecord.ExceptionInformation[2], STATUS_DEVICE_DATA_ERROR);
    expect(!MtTouch(Bad, TRUE));
    expect_eq(MtRecord.ExceptionInformation[0], EXCEPTION_WRITE_FAULT);
    expect(Mt.Refused >= 2);
    Mt.FirstSlot = 0;
    expect_eq(*Bad, (Victim & 0x7F) + 1);
    MtDetachFilter();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, failed_write_keeps_the_page)
{
    // Law: a slot that cannot be written is not used again, its page finds another one, and nothing is lost; the
    // commitment limit goes down with it.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, BadSlots, Wrong = 0;
    SIZE_T Limit;

    MtAttachFilter();
    BadSlots = Mt.File->BadSlots;
    Limit = MmTotalCommitLimit;
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        memset(MT_PAGE(Memory, Page), (int)(Page & 0x7F) + 1, PAGE_SIZE);
    Mt.Major = IRP_MJ_WRITE;
    Mt.Choose = TRUE;
    MtPageOut();
    Mt.FirstSlot = 0;
    expect_eq(Mt.File->BadSlots, BadSlots + 2);
    expect_eq(MmTotalCommitLimit, Limit - 2);
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        Wrong += MT_PAGE(Memory, Page)[100] != (Page & 0x7F) + 1;
    expect_eq(Wrong, 0);
    MtDetachFilter();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, lock_that_fails_locks_nothing)
{
    // Law: SDK, VirtualLock: if a page of a range cannot be brought in, none of it is locked.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, Victim = 0;
    PVOID Base;
    SIZE_T Size = 2 * PAGE_SIZE;

    MtAttachFilter();
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        *MT_PAGE(Memory, Page) = 1;
    MtPageOut();
    for (Page = 1; Page < 16 * MT_PAGES; Page++) {
        if (MtIsOnD(MT_PAGE(Memory, Page)))
            Victim = Page;
    }
    expect(Victim != 0);
    Mt.Major = IRP_MJ_READ;
    Mt.LastSlot = MiGetPteAddress(MT_PAGE(Memory, Victim))->u.Soft.PageFileHigh;
    Mt.FirstSlot = Mt.LastSlot;
    Base = MT_PAGE(Memory, Victim - 1);
    expect(!NT_SUCCESS(ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS)));
    Mt.FirstSlot = 0;
    Size = PAGE_SIZE;
    expect_status(ZwUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_NOT_LOCKED);
    Size = 2 * PAGE_SIZE;
    expect_status(ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    MtDetachFilter();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

static ULONG MtUsedSlots(VOID)
{
    ULONG Number, Used = 0;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Used += MmPagingFile[Number]->CurrentUsage;
    return Used;
}

KTEST(mm, page_that_changes_while_it_is_written_keeps_no_slot)
{
    // Law: the slot is the page's only when the write has ended and nobody has changed the page; else it is free again,
    // and the page is written once more.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, Used, Wrong = 0;

    MtAttachFilter();
    MtPageOut(); // what others have
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        *MT_PAGE(Memory, Page) = 1;
    Used = MtUsedSlots();
    Mt.Change = Memory;
    MtPageOut();
    expect_eq(Mt.Change, NULL);
    for (Page = 0; Page < MT_PAGES; Page++)
        Wrong += *MT_PAGE(Memory, Page) != 7;
    expect_eq(Wrong, 0);
    MtPageOut();
    for (Page = 0; Page < MT_PAGES; Page++)
        Wrong += *MT_PAGE(Memory, Page) != 7;
    expect_eq(Wrong, 0);
    MtDetachFilter();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect(MtUsedSlots() <= Used + MT_OTHERS);
}
