// SPDX-License-Identifier: MIT
// Laws of devices and files, on the test driver: names, buffers, positions, waiting, cancelling.
// Source: WDK documentation (ZwCreateFile, ZwReadFile, ZwDeviceIoControlFile).

#include "testdrv.h"

static NTSTATUS KtReadAt(HANDLE File, HANDLE Event, PIO_STATUS_BLOCK IoStatus, PVOID Buffer, ULONG Length,
                         LONGLONG Offset)
{
    LARGE_INTEGER Place = {.QuadPart = Offset};

    return ZwReadFile(File, Event, NULL, NULL, IoStatus, Buffer, Length, Offset < 0 ? NULL : &Place, NULL);
}

static BOOLEAN KtIsPattern(PUCHAR Bytes, ULONG Start, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        if (Bytes[i] != (UCHAR)(Start + i))
            return FALSE;
    }
    return TRUE;
}

KTEST(io, device_is_reached_by_name_and_by_link)
{
    // Law: a named device opens through \Device and through a symbolic link; each open sees one create, one cleanup
    // and one close; when the driver is gone its names are gone.
    UNICODE_STRING Link = RTL_CONSTANT_STRING(KT_LINK_NAME), Target = RTL_CONSTANT_STRING(KT_DEVICE_NAME);
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);
    HANDLE First, Second;

    if (Device == NULL)
        return;
    expect_status(IoCreateSymbolicLink(&Link, &Target), STATUS_SUCCESS);
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, 0, &First), STATUS_SUCCESS);
    expect_status(KtOpen(KT_LINK_NAME, FILE_READ_DATA, 0, &Second), STATUS_SUCCESS);
    expect_eq(Device->Creates, 2);
    ZwClose(First);
    ZwClose(Second);
    expect_eq(Device->Cleanups, 2);
    expect_eq(Device->Closes, 2);
    expect_status(IoDeleteSymbolicLink(&Link), STATUS_SUCCESS);
    expect_status(KtOpen(KT_LINK_NAME, FILE_READ_DATA, 0, &Second), STATUS_OBJECT_NAME_NOT_FOUND);
    KtStopDriver();
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, 0, &First), STATUS_OBJECT_NAME_NOT_FOUND);
}

static VOID KtCheckTransfers(ULONG Flags)
{
    PKT_DEVICE Device = KtStartDriver(Flags);
    UCHAR Buffer[64];
    IO_STATUS_BLOCK IoStatus;
    HANDLE File;

    if (Device == NULL)
        return;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA | FILE_WRITE_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &File),
                  STATUS_SUCCESS);
    for (ULONG Offset = 0; Offset < KT_DEVICE_BYTES; Offset += 48) { // the last read is short
        ULONG Expected = min_of(48, KT_DEVICE_BYTES - Offset);

        memset(Buffer, 0xEE, sizeof(Buffer));
        expect_status(KtReadAt(File, NULL, &IoStatus, Buffer, 48, -1), STATUS_SUCCESS);
        expect_eq(IoStatus.Information, Expected);
        expect(KtIsPattern(Buffer, Offset, Expected));
        expect_eq(Buffer[Expected], 0xEE);
    }
    expect_status(KtReadAt(File, NULL, &IoStatus, Buffer, 1, -1), STATUS_END_OF_FILE);
    expect_status(KtReadAt(File, NULL, &IoStatus, Buffer, 8, 16), STATUS_SUCCESS);
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, Buffer, 8, NULL, NULL), STATUS_SUCCESS);
    expect(memcmp(Device->Written + 24, Buffer, 8) == 0); // the position after the read
    ZwClose(File);
    KtStopDriver();
}

KTEST(io, buffered_transfers_copy_exactly)
{
    // Law: METHOD_BUFFERED copies Information bytes and no more; a synchronous handle's position advances by them.
    KtCheckTransfers(DO_BUFFERED_IO);
}

KTEST(io, direct_transfers_copy_exactly)
{
    // Law: the same through an MDL.
    KtCheckTransfers(DO_DIRECT_IO);
}

KTEST(io, neither_transfers_copy_exactly)
{
    // Law: the same with the caller's own address.
    KtCheckTransfers(0);
}

KTEST(io, control_codes_ask_for_access_and_copy_both_ways)
{
    // Law: a buffered control gets its input, returns its output, and its access bits are compared with the handle's
    // (for user mode; kernel mode is trusted).
    UCHAR Input[5] = {0, 1, 2, 0x80, 0xFF}, Output[8];
    IO_STATUS_BLOCK IoStatus;
    HANDLE File;

    if (KtStartDriver(DO_BUFFERED_IO) == NULL)
        return;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &File), STATUS_SUCCESS);
    memset(Output, 0x55, sizeof(Output));
    expect_status(ZwDeviceIoControlFile(File, NULL, NULL, NULL, &IoStatus, KT_IOCTL_INVERT, Input, 5, Output, 8),
                  STATUS_SUCCESS);
    expect_eq(IoStatus.Information, 5);
    for (ULONG i = 0; i < 5; i++)
        expect_eq(Output[i], (UCHAR)~Input[i]);
    expect_eq(Output[5], 0x55);
    expect_status(ZwDeviceIoControlFile(File, NULL, NULL, NULL, &IoStatus, KT_IOCTL_INVERT, Input, 5, Output, 4),
                  STATUS_BUFFER_TOO_SMALL);
    expect_status(ZwDeviceIoControlFile(File, NULL, NULL, NULL, &IoStatus, KT_IOCTL_WRITE_ONLY, NULL, 0, NULL, 0),
                  STATUS_SUCCESS);
    expect_status(ZwFsControlFile(File, NULL, NULL, NULL, &IoStatus, KT_IOCTL_INVERT, Input, 5, Output, 8),
                  STATUS_INVALID_DEVICE_REQUEST);
    ZwClose(File);
    KtStopDriver();
}

KTEST(io, pending_read_completes_once_and_signals)
{
    // Law: on an asynchronous handle a read returns STATUS_PENDING; its end fills the status block, copies the data and
    // sets the event; nothing of that happens before.
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);
    LARGE_INTEGER Now = {.QuadPart = 0};
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_WAIT_63, .Information = 77};
    UCHAR Buffer[4] = {9, 9, 9, 9};
    HANDLE File, Event;

    if (Device == NULL)
        return;
    Device->Hold = TRUE;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, 0, &File), STATUS_SUCCESS);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, TRUE), STATUS_SUCCESS);
    expect_status(KtReadAt(File, Event, &IoStatus, Buffer, 4, -1), STATUS_INVALID_PARAMETER); // no position to use
    expect_status(KtReadAt(File, Event, &IoStatus, Buffer, 4, 0), STATUS_PENDING);
    expect_status(ZwWaitForSingleObject(Event, FALSE, &Now), STATUS_TIMEOUT);
    expect_status(IoStatus.Status, STATUS_WAIT_63);
    memset(Device->Held->AssociatedIrp.SystemBuffer, 0x42, 4);
    KtReleaseRead(Device, STATUS_SUCCESS, 3);
    expect_status(ZwWaitForSingleObject(Event, FALSE, NULL), STATUS_SUCCESS);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect_eq(IoStatus.Information, 3);
    expect_eq(Buffer[2], 0x42);
    expect_eq(Buffer[3], 9);
    ZwClose(Event);
    ZwClose(File);
    KtStopDriver();
}

KTEST(io, cancel_ends_a_pending_read)
{
    // Law: NtCancelIoFile returns when the calling thread's requests on the file have ended, with STATUS_CANCELLED.
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);
    IO_STATUS_BLOCK IoStatus, CancelStatus;
    UCHAR Buffer[4];
    HANDLE File;

    if (Device == NULL)
        return;
    Device->Hold = TRUE;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, 0, &File), STATUS_SUCCESS);
    expect_status(KtReadAt(File, NULL, &IoStatus, Buffer, 4, 0), STATUS_PENDING);
    expect_status(ZwCancelIoFile(File, &CancelStatus), STATUS_SUCCESS);
    expect_status(IoStatus.Status, STATUS_CANCELLED);
    expect_eq(Device->Held, NULL);
    expect(IsListEmpty(&PsGetCurrentThread()->IrpList));
    ZwClose(File);
    KtStopDriver();
}

static PKT_DEVICE KtBlockedDevice;
static volatile NTSTATUS KtBlockedStatus;

static VOID NTAPI KtBlockingReader(PVOID Context)
{
    IO_STATUS_BLOCK IoStatus;
    UCHAR Buffer[4];

    KtBlockedStatus = KtReadAt(Context, NULL, &IoStatus, Buffer, 4, 0);
}

KTEST(io, synchronous_read_blocks_until_completion)
{
    // Law: on a synchronous handle the service returns with the final status, not with STATUS_PENDING.
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);
    LARGE_INTEGER Tick = {.QuadPart = -200000};
    PETHREAD Reader;
    HANDLE File;

    if (Device == NULL)
        return;
    Device->Hold = TRUE;
    KtBlockedDevice = Device;
    KtBlockedStatus = STATUS_PENDING;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &File), STATUS_SUCCESS);
    Reader = KtStartThread(KtBlockingReader, File, LOW_REALTIME_PRIORITY);
    while (*(PIRP volatile *)&Device->Held == NULL)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    expect_status(KtBlockedStatus, STATUS_PENDING);
    KtReleaseRead(Device, STATUS_DEVICE_DATA_ERROR, 0);
    KtJoin(Reader);
    expect_status(KtBlockedStatus, STATUS_DEVICE_DATA_ERROR);
    ZwClose(File);
    KtStopDriver();
}

static NTSTATUS KtTryCreate(ACCESS_MASK Access, ULONG Attributes, ULONG Share, ULONG Disposition, ULONG Options)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(KT_DEVICE_NAME);
    OBJECT_ATTRIBUTES ObjectAttributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File;
    NTSTATUS Status;

    InitializeObjectAttributes(&ObjectAttributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = ZwCreateFile(&File, Access, &ObjectAttributes, &IoStatus, NULL, Attributes, Share, Disposition, Options,
                          NULL, 0);
    if (NT_SUCCESS(Status))
        ZwClose(File);
    return Status;
}

KTEST(io, create_refuses_forbidden_combinations)
{
    // Law: every combination that the documentation of ZwCreateFile forbids gives STATUS_INVALID_PARAMETER and never
    // reaches the driver.
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);

    if (Device == NULL)
        return;
    expect_status(KtTryCreate(FILE_READ_DATA, 0x80000000, 0, FILE_OPEN, 0), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 8, FILE_OPEN, 0), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_MAXIMUM_DISPOSITION + 1, 0), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_OPEN, 0x01000000), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA | SYNCHRONIZE, 0, 0, FILE_OPEN,
                              FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT),
                  STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_OPEN, FILE_DELETE_ON_CLOSE), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_SUPERSEDE, FILE_DIRECTORY_FILE), STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE),
                  STATUS_INVALID_PARAMETER);
    expect_status(KtTryCreate(FILE_APPEND_DATA, 0, 0, FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING),
                  STATUS_INVALID_PARAMETER);
    expect_eq(Device->Creates, 0);
    expect_status(KtTryCreate(FILE_READ_DATA, 0, 0, FILE_OPEN, 0), STATUS_SUCCESS);
    expect_eq(Device->Creates, 1);
    KtStopDriver();
}

KTEST(io, information_classes_are_checked_by_table)
{
    // Law: an unknown class is STATUS_INVALID_INFO_CLASS, a short buffer STATUS_INFO_LENGTH_MISMATCH; position, mode
    // and access are answered without the driver.
    FILE_POSITION_INFORMATION Position = {.CurrentByteOffset.QuadPart = 100};
    FILE_MODE_INFORMATION Mode;
    IO_STATUS_BLOCK IoStatus;
    UCHAR Byte;
    HANDLE File;

    if (KtStartDriver(DO_BUFFERED_IO) == NULL)
        return;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &File), STATUS_SUCCESS);
    for (ULONG Class = 0; Class < FileMaximumInformation + 2; Class++) {
        NTSTATUS Status = ZwQueryInformationFile(File, &IoStatus, &Byte, 0, Class);

        expect(Status == STATUS_INVALID_INFO_CLASS || Status == STATUS_INFO_LENGTH_MISMATCH);
    }
    expect_status(ZwSetInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation),
                  STATUS_SUCCESS);
    Position.CurrentByteOffset.QuadPart = 0;
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation),
                  STATUS_SUCCESS);
    expect_eq(Position.CurrentByteOffset.LowPart, 100);
    expect_status(KtReadAt(File, NULL, &IoStatus, &Byte, 1, -1), STATUS_SUCCESS);
    expect_eq(Byte, 100);
    Position.CurrentByteOffset.QuadPart = -5;
    expect_status(ZwSetInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation),
                  STATUS_INVALID_PARAMETER);
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Mode, sizeof(Mode), FileModeInformation), STATUS_SUCCESS);
    expect_eq(Mode.Mode, FILE_SYNCHRONOUS_IO_NONALERT);
    ZwClose(File);
    KtStopDriver();
}
