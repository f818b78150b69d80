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
