// SPDX-License-Identifier: MIT
// The console as a client of \Device\Serial0, by IRPs of its own: their completion routine sets an event and keeps
// the IRP, so that no completion APC has to reach a thread that holds the output lock.

#include "console.h"

static NTSTATUS NTAPI ConsoleSerialDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_SERIAL_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

// Finds COM1. Without it there is only the screen and the PS/2 keyboard. PASSIVE_LEVEL.
VOID ConsoleOpenSerial(PCONSOLE Console)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Serial0");

    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&Name, FILE_READ_DATA | FILE_WRITE_DATA, &Console->SerialFile,
                                             &Console->SerialDevice)))
        Console->SerialDevice = NULL;
}

static PIRP ConsoleBuildSerialIrp(PCONSOLE Console, UCHAR MajorFunction, PVOID Buffer, ULONG Length, PKEVENT Event)
{
    PIRP Irp = IoAllocateIrp(Console->SerialDevice->StackSize, FALSE);
    PIO_STACK_LOCATION Stack;

    if (Irp == NULL)
        return NULL;
    Irp->AssociatedIrp.SystemBuffer = Buffer; // the device does buffered I/O, and this is nonpaged memory
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = MajorFunction;
    Stack->Parameters.Read.Length = Length;
    IoSetCompletionRoutine(Irp, ConsoleSerialDone, Event, TRUE, TRUE, TRUE);
    return Irp;
}

// Asks COM1 for bytes if that is not done yet; SerialEvent tells when they are there. The console's thread.
VOID ConsoleStartSerialRead(PCONSOLE Console)
{
    if (Console->SerialDevice == NULL || Console->SerialRead != NULL)
        return;
    Console->SerialRead =
        ConsoleBuildSerialIrp(Console, IRP_MJ_READ, Console->SerialInput, SERIAL_CHUNK, &Console->SerialEvent);
    if (Console->SerialRead != NULL)
        IGNORE_STATUS(
            IoCallDriver(Console->SerialDevice, Console->SerialRead)); // the completion routine has the result
}

// After SerialEvent: how many bytes SerialInput holds. The console's thread.
ULONG ConsoleFinishSerialRead(PCONSOLE Console)
{
    PIRP Irp = Console->SerialRead;
    ULONG Length = NT_SUCCESS(Irp->IoStatus.Status) ? (ULONG)Irp->IoStatus.Information : 0;

    Console->SerialRead = NULL;
    IoFreeIrp(Irp);
    return Length;
}

// Sends bytes (nonpaged) to COM1 and waits until they are in the chip. Without memory for an IRP they are lost there;
// the screen has them. PASSIVE_LEVEL, output lock held.
VOID ConsoleSerialWrite(PCONSOLE Console, PUCHAR Bytes, ULONG Length)
{
    KEVENT Event;
    PIRP Irp;

    if (Console->SerialDevice == NULL)
        return;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = ConsoleBuildSerialIrp(Console, IRP_MJ_WRITE, Bytes, Length, &Event);
    if (Irp == NULL)
        return;
    IGNORE_STATUS(IoCallDriver(Console->SerialDevice, Irp));
    KeWaitForever(&Event, Executive);
    IoFreeIrp(Irp);
}
