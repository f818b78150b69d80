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
    BOOLEAN Hold; // writes of the page file wait in Held until MtLetGo
    KSPIN_LOCK Lock;
    PIRP Held[2 * MM_PAGING_FILE_MDLS];
    ULONG HeldCount;
    KEVENT AllHeld; // as many as one file can have under way
} Mt;

// Keeps a write of the page file for now. FALSE: there are more than there should be.
static BOOLEAN MtHoldWrite(PIRP Irp)
{
    KIRQL OldIrql;
    BOOLEAN Kept;

    KeAcquireSpinLock(&Mt.Lock, &OldIrql);
    Kept = Mt.Hold && Mt.HeldCount < RTL_NUMBER_OF(Mt.Held);
    if (Kept) {
        IoMarkIrpPending(Irp);
        Mt.Held[Mt.HeldCount++] = Irp;
        if (Mt.HeldCount == MM_PAGING_FILE_MDLS)
            KeSetEvent(&Mt.AllHeld, IO_NO_INCREMENT, FALSE);
    }
    KeReleaseSpinLock(&Mt.Lock, OldIrql);
    return Kept;
}

static VOID MtLetGo(VOID)
{
    ULONG Index;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Mt.Lock, &OldIrql);
    Mt.Hold = FALSE;
    KeReleaseSpinLock(&Mt.Lock, OldIrql);
    for (Index = 0; Index < Mt.HeldCount; Index++) {
        IoSkipCurrentIrpStackLocation(Mt.Held[Index]);
        (void)IoCallDriver(Mt.Below, Mt.Held[Index]);
    }
}

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
    if (Stack->MajorFunction == IRP_MJ_WRITE && Stack->FileObject == Mt.File->File) {
        MtChangeWhatIsWritten(); // in the writer's thread, which is in this process
        if (MtHoldWrite(Irp))
            return STATUS_PENDING;
    }
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

static VOID MtAttachFilterTo(PMMPAGING_FILE File)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Driver\\KtPageError");

    Mt.File = File;
    Mt.FirstSlot = 0;
    Mt.Refused = 0;
    expect_status(IoCreateDriver(&Name, MtFilterEntry), STATUS_SUCCESS);
    Mt.Device->Flags &= ~DO_DEVICE_INITIALIZING;
    Mt.Below = IoAttachDeviceToDeviceStack(Mt.Device, IoGetRelatedDeviceObject(Mt.File->File));
}

static VOID MtAttachFilter(VOID)
{
    MtAttachFilterTo(MmPagingFile[1]);
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
    return MtPteOf(Va)->u.Soft.PageFileLow == Mt.File->FileNumber;
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
    Mt.LastSlot = MtPteOf(Bad)->u.Soft.PageFileHigh;
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

KTEST(mm, failed_read_of_a_page_table_is_an_in_page_error)
{
    // Law: a touch of memory whose page table cannot be read raises STATUS_IN_PAGE_ERROR with the status of the I/O,
    // and no other memory is hurt; when the disk is well again, so is the memory.
    SIZE_T Size = 16 * MI_LARGE_PAGE_SIZE;
    PUCHAR Memory = MtAllocate(Size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), Va, Bad;

    for (Va = Memory; Va < Memory + Size; Va += MI_LARGE_PAGE_SIZE)
        *Va = (UCHAR)((ULONG_PTR)Va >> PDE_SHIFT);
    MtPageTablesOut();
    Bad = Memory + 9 * MI_LARGE_PAGE_SIZE;
    expect(MI_IS_PAGE_FILE_PTE(MiGetPdeAddress(Bad)));
    MtAttachFilterTo(MmPagingFile[MiGetPdeAddress(Bad)->u.Soft.PageFileLow]);
    Mt.Major = IRP_MJ_READ;
    Mt.LastSlot = MiGetPdeAddress(Bad)->u.Soft.PageFileHigh;
    Mt.FirstSlot = Mt.LastSlot;
    for (Va = Memory; Va < Memory + Size; Va += MI_LARGE_PAGE_SIZE) {
        if (Va == Bad)
            continue;
        if (!MtTouch(Va, FALSE))
            expect_status((NTSTATUS)MtRecord.ExceptionInformation[2], STATUS_SUCCESS);
        else
            expect_eq(*Va, (UCHAR)((ULONG_PTR)Va >> PDE_SHIFT));
    }
    expect(!MtTouch(Bad, FALSE));
    expect_status(MtRecord.ExceptionCode, STATUS_IN_PAGE_ERROR);
    expect_eq(MtRecord.ExceptionInformation[1], (ULONG_PTR)Bad);
    expect_status((NTSTATUS)MtRecord.ExceptionInformation[2], STATUS_DEVICE_DATA_ERROR);
    Mt.FirstSlot = 0;
    expect_eq(*Bad, (UCHAR)((ULONG_PTR)Bad >> PDE_SHIFT));
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

KTEST(mm, page_file_writes_do_not_wait_for_each_other)
{
    // Law: of a page file that is slow as many writes are under way as it has entries, and no more; pages of them are
    // read, changed and freed meanwhile; the other file's writes go on; nothing is lost when they end.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    LARGE_INTEGER Limit = {.QuadPart = -50000000}, Tick = {.QuadPart = -10000};
    ULONG Page, Wrong = 0, Writes;

    MtAttachFilter();
    MiFlushModifiedPages();
    KeInitializeSpinLock(&Mt.Lock);
    KeInitializeEvent(&Mt.AllHeld, NotificationEvent, FALSE);
    Mt.HeldCount = 0;
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        memset(MT_PAGE(Memory, Page), (int)(Page & 0x7F) + 1, PAGE_SIZE);
    Mt.Hold = TRUE;
    Writes = MiStatistics.PageWriteIos;
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
    expect_status(KeWaitForSingleObject(&Mt.AllHeld, Executive, KernelMode, FALSE, &Limit), STATUS_SUCCESS);
    for (Page = 0; Page < 16 * MT_PAGES; Page++) {
        Wrong += MT_PAGE(Memory, Page)[100] != (Page & 0x7F) + 1;
        MT_PAGE(Memory, Page)[100] += Page % 3; // no longer what is being written
    }
    expect_eq(Wrong, 0);
    expect_eq(Mt.HeldCount, MM_PAGING_FILE_MDLS);
    for (Page = 0; Page < 1000 && *(volatile ULONG *)&MiStatistics.PageWriteIos == Writes; Page++)
        expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Tick), STATUS_SUCCESS);
    expect(MiStatistics.PageWriteIos > Writes);
    MtLetGo();
    MtPageOut();
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        Wrong += MT_PAGE(Memory, Page)[100] != (UCHAR)((Page & 0x7F) + 1 + Page % 3);
    expect_eq(Wrong, 0);
    MtDetachFilter();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, freed_pages_outlive_their_writes)
{
    // Law: memory whose pages are being written can be freed; the frames and slots come back when the writes have
    // ended, and not before.
    PUCHAR Memory = MtAllocate(16 * MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    LARGE_INTEGER Limit = {.QuadPart = -50000000};
    ULONG Page, Index, Before, After;

    MtAttachFilter();
    MiFlushModifiedPages();
    expect(MmCheckPageFiles(&Before));
    KeInitializeSpinLock(&Mt.Lock);
    KeInitializeEvent(&Mt.AllHeld, NotificationEvent, FALSE);
    Mt.HeldCount = 0;
    for (Page = 0; Page < 16 * MT_PAGES; Page++)
        *MT_PAGE(Memory, Page) = 1;
    Mt.Hold = TRUE;
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
    expect_status(KeWaitForSingleObject(&Mt.AllHeld, Executive, KernelMode, FALSE, &Limit), STATUS_SUCCESS);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    for (Index = 0; Index < Mt.File->Entry[0].Count; Index++)
        expect_eq(MI_PFN_ELEMENT(Mt.File->Entry[0].Page[Index])->u3.e1.PageLocation, TransitionPage);
    MtLetGo();
    MiFlushModifiedPages();
    expect(MmCheckPageFiles(&After));
    expect(After <= Before);
    MtDetachFilter();
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
