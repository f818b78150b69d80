// SPDX-License-Identifier: MIT
// Laws of drivers/serial, on COM2 with the chip's own loopback (where there is a COM2).

#include "drivers/serial/serial.h"
#include "ktest.h"

#define MODEM_LOOPBACK 0x10
#define TEST_BYTES 3000u

typedef struct _SERIAL_READER {
    PDEVICE_OBJECT Device;
    PUCHAR Buffer;
    ULONG Received;
} SERIAL_READER, *PSERIAL_READER;

static ULONG SerialTransfer(PDEVICE_OBJECT Device, ULONG Major, PVOID Buffer, ULONG Length)
{
    LARGE_INTEGER Position = {.QuadPart = 0};
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(Major, Device, Buffer, Length, &Position, &Event, &IoStatus);
    if (Irp == NULL)
        return 0;
    if (IoCallDriver(Device, Irp) == STATUS_PENDING)
        KeWaitForever(&Event, Executive);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    return (ULONG)IoStatus.Information;
}

static VOID NTAPI ReadAll(PVOID Context)
{
    PSERIAL_READER Reader = Context;

    while (Reader->Received < TEST_BYTES) {
        ULONG Bytes = SerialTransfer(Reader->Device, IRP_MJ_READ, Reader->Buffer + Reader->Received,
                                     TEST_BYTES - Reader->Received);

        expect(Bytes > 0);
        if (Bytes == 0)
            break;
        Reader->Received += Bytes;
    }
}

KTEST(serial, every_byte_sent_arrives_once_in_order)
{
    // Law: with the port looped back, a reader gets the writer's bytes, all of them, in order.
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Serial1");
    SERIAL_READER Reader = {0};
    PFILE_OBJECT File;
    PSERIAL_PORT Port;
    PUCHAR Sent;
    PETHREAD Thread;
    ULONG Index, Count;

    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&Name, FILE_READ_DATA | FILE_WRITE_DATA, &File, &Reader.Device)))
        return; // no COM2 in this machine
    Port = Reader.Device->DeviceExtension;
    Sent = ExAllocatePoolWithTag(NonPagedPool, TEST_BYTES, TAG_RTL_STRING);
    Reader.Buffer = ExAllocatePoolZero(NonPagedPool, TEST_BYTES, TAG_RTL_STRING);
    expect(Sent != NULL && Reader.Buffer != NULL);
    if (Sent == NULL || Reader.Buffer == NULL)
        return;
    for (Index = 0; Index < TEST_BYTES; Index++)
        Sent[Index] = (UCHAR)KtRandom();
    WRITE_PORT_UCHAR(Port->Base + UART_MODEM_CONTROL, MODEM_DTR | MODEM_RTS | MODEM_OUT2 | MODEM_LOOPBACK);
    Thread = KtStartThread(ReadAll, &Reader, 9);
    // An emulated chip sends faster than anybody can receive: every write fits into the FIFO and makes it interrupt.
    for (Index = 0; Index < TEST_BYTES; Index += Count) {
        Count = min_of(FIFO_SIZE / 2 + KtRandom() % (FIFO_SIZE / 2 + 1), TEST_BYTES - Index);
        expect_eq(SerialTransfer(Reader.Device, IRP_MJ_WRITE, Sent + Index, Count), Count);
    }
    KtJoin(Thread);
    WRITE_PORT_UCHAR(Port->Base + UART_MODEM_CONTROL, MODEM_DTR | MODEM_RTS | MODEM_OUT2);
    expect_eq(Reader.Received, TEST_BYTES);
    expect(RtlEqualMemory(Sent, Reader.Buffer, TEST_BYTES));
    ExFreePoolWithTag(Sent, TAG_RTL_STRING);
    ExFreePoolWithTag(Reader.Buffer, TAG_RTL_STRING);
    ObDereferenceObject(File);
}

// Sends a read that nothing will answer, cancels it, and returns how it ended.
static NTSTATUS CancelledRead(PCWSTR DeviceName)
{
    LARGE_INTEGER Position = {.QuadPart = 0};
    UNICODE_STRING Name;
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_PENDING};
    PDEVICE_OBJECT Device;
    PFILE_OBJECT File;
    UCHAR Byte;
    KEVENT Event;
    NTSTATUS Status;
    PIRP Irp;

    RtlInitUnicodeString(&Name, DeviceName);
    Status = IoGetDeviceObjectPointer(&Name, FILE_READ_DATA, &File, &Device);
    if (!NT_SUCCESS(Status))
        return STATUS_CANCELLED; // not in this machine
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, Device, &Byte, 1, &Position, &Event, &IoStatus);
    expect(Irp != NULL);
    if (Irp != NULL) {
        expect_status(IoCallDriver(Device, Irp), STATUS_PENDING);
        expect(IoCancelIrp(Irp));
        KeWaitForever(&Event, Executive);
    }
    ObDereferenceObject(File);
    return IoStatus.Status;
}

KTEST(serial, waiting_read_can_be_cancelled)
{
    // Law: a read that waits for input ends with STATUS_CANCELLED when it is cancelled (WDK, IoCancelIrp).
    expect_status(CancelledRead(L"\\Device\\Serial1"), STATUS_CANCELLED);
    expect_status(CancelledRead(L"\\Device\\Console"), STATUS_CANCELLED);
}

KTEST(null, reads_end_and_writes_vanish)
{
    // Law: \Device\Null takes every write and is always at its end.
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Null");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    CHAR Text[] = "gone";
    HANDLE Handle;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateFile(&Handle, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &Attributes, &IoStatus, NULL, 0,
                               FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                  STATUS_SUCCESS);
    expect_status(ZwWriteFile(Handle, NULL, NULL, NULL, &IoStatus, Text, 4, NULL, NULL), STATUS_SUCCESS);
    expect_eq(IoStatus.Information, 4);
    expect_status(ZwReadFile(Handle, NULL, NULL, NULL, &IoStatus, Text, 4, NULL, NULL), STATUS_END_OF_FILE);
    ZwClose(Handle);
}
