// SPDX-License-Identifier: MIT
// The console's device controls (inc/nt/ntio.h, IOCTL_CONSOLE_*).

#include "console.h"

static NTSTATUS ConsoleSetMode(PCONSOLE Console, PCONSOLE_MODE_CHANGE Change)
{
    if (Change->Output) {
        Console->OutputMode = Change->Mode;
    } else {
        Console->InputMode = Change->Mode;
        KeSetEvent(&Console->WorkEvent, IO_NO_INCREMENT, FALSE);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ConsoleGetScreen(PCONSOLE Console, PCONSOLE_SCREEN_STATE Screen)
{
    ULONG Width, Height, X, Y;

    HalQueryDisplay(&Width, &Height, &X, &Y);
    Screen->Size.X = (SHORT)Width;
    Screen->Size.Y = (SHORT)Height;
    Screen->Cursor.X = (SHORT)X;
    Screen->Cursor.Y = (SHORT)Y;
    Screen->Attribute = Console->Attribute;
    return STATUS_SUCCESS;
}

static NTSTATUS ConsoleMoveTo(PCONSOLE Console, PCONSOLE_POSITION Position)
{
    ULONG Width, Height, X, Y;

    HalQueryDisplay(&Width, &Height, &X, &Y);
    if (Position->X < 0 || Position->Y < 0 || (ULONG)Position->X >= Width || (ULONG)Position->Y >= Height)
        return STATUS_INVALID_PARAMETER;
    ConsoleSetCursor(Console, Position->X, Position->Y);
    return STATUS_SUCCESS;
}

// What each control takes and gives, in bytes.
static const struct {
    ULONG Code, InputLength, OutputLength;
} ConsoleControls[] = {
    {IOCTL_CONSOLE_GET_MODE, 0, sizeof(CONSOLE_MODES)},
    {IOCTL_CONSOLE_SET_MODE, sizeof(CONSOLE_MODE_CHANGE), 0},
    {IOCTL_CONSOLE_GET_SCREEN, 0, sizeof(CONSOLE_SCREEN_STATE)},
    {IOCTL_CONSOLE_SET_CURSOR, sizeof(CONSOLE_POSITION), 0},
    {IOCTL_CONSOLE_SET_ATTRIBUTE, sizeof(USHORT), 0},
    {IOCTL_CONSOLE_PEEK_COUNT, 0, sizeof(ULONG)},
    {IOCTL_CONSOLE_CLEAR, 0, 0},
};

// Does what the control says; the buffer is as long as the table asks.
static NTSTATUS ConsoleControl(PCONSOLE Console, ULONG Code, PVOID Buffer)
{
    switch (Code) {
    case IOCTL_CONSOLE_GET_MODE:
        ((PCONSOLE_MODES)Buffer)->InputMode = Console->InputMode;
        ((PCONSOLE_MODES)Buffer)->OutputMode = Console->OutputMode;
        return STATUS_SUCCESS;
    case IOCTL_CONSOLE_SET_MODE:
        return ConsoleSetMode(Console, Buffer);
    case IOCTL_CONSOLE_GET_SCREEN:
        return ConsoleGetScreen(Console, Buffer);
    case IOCTL_CONSOLE_SET_CURSOR:
        return ConsoleMoveTo(Console, Buffer);
    case IOCTL_CONSOLE_SET_ATTRIBUTE:
        Console->Attribute = (UCHAR) * (PUSHORT)Buffer;
        return STATUS_SUCCESS;
    case IOCTL_CONSOLE_PEEK_COUNT:
        *(PULONG)Buffer = ConsoleBytesReady(Console);
        return STATUS_SUCCESS;
    default:
        ConsoleClear(Console);
        return STATUS_SUCCESS;
    }
}

// IRP_MJ_DEVICE_CONTROL. PASSIVE_LEVEL.
NTSTATUS NTAPI ConsoleDeviceControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Code = Stack->Parameters.DeviceIoControl.IoControlCode;
    NTSTATUS Status = STATUS_INVALID_DEVICE_REQUEST;
    ULONG_PTR Information = 0;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(ConsoleControls); Index++) {
        if (ConsoleControls[Index].Code != Code)
            continue;
        if (Stack->Parameters.DeviceIoControl.InputBufferLength < ConsoleControls[Index].InputLength)
            Status = STATUS_INVALID_PARAMETER;
        else if (Stack->Parameters.DeviceIoControl.OutputBufferLength < ConsoleControls[Index].OutputLength)
            Status = STATUS_BUFFER_TOO_SMALL;
        else
            Status = ConsoleControl(Device->DeviceExtension, Code, Irp->AssociatedIrp.SystemBuffer);
        if (NT_SUCCESS(Status))
            Information = ConsoleControls[Index].OutputLength;
        break;
    }
    return DrvCompleteIrp(Irp, Status, Information, IO_NO_INCREMENT);
}
