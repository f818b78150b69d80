// SPDX-License-Identifier: MIT
// The console as the reader of the PS/2 keyboard: scan codes arrive at DISPATCH_LEVEL and wait for the thread.

#include "console.h"

static VOID NTAPI ConsoleScanCallback(PDEVICE_OBJECT Device, PKEYBOARD_INPUT_DATA Start, PKEYBOARD_INPUT_DATA End,
                                      PULONG Consumed)
{
    PCONSOLE Console = Device->DeviceExtension;

    *Consumed = (ULONG)(End - Start);
    KeAcquireSpinLockAtDpcLevel(&Console->ScanLock);
    for (; Start < End && Console->ScanTail - Console->ScanHead < SCAN_RING_SIZE; Start++)
        Console->Scans[Console->ScanTail++ % SCAN_RING_SIZE] = *Start;
    KeReleaseSpinLockFromDpcLevel(&Console->ScanLock);
    KeSetEvent(&Console->WorkEvent, IO_KEYBOARD_INCREMENT, FALSE);
}

// Connects to the keyboard if there is one. PASSIVE_LEVEL.
VOID ConsoleConnectKeyboard(PCONSOLE Console)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\KeyboardPort0");
    CONNECT_DATA Connect = {Console->DeviceObject, (PVOID)ConsoleScanCallback};
    PFILE_OBJECT File;
    PDEVICE_OBJECT Keyboard;
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;
    PIRP Irp;

    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&Name, FILE_READ_DATA, &File, &Keyboard)))
        return;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildDeviceIoControlRequest(IOCTL_INTERNAL_KEYBOARD_CONNECT, Keyboard, &Connect, sizeof(Connect), NULL, 0,
                                        TRUE, &Event, &IoStatus);
    if (Irp != NULL && IoCallDriver(Keyboard, Irp) == STATUS_PENDING)
        KeWaitForever(&Event, Executive);
    // The reference to the keyboard's file stays: it is ours for good.
}

// The oldest scan code. FALSE: none. IRQL <= DISPATCH_LEVEL.
BOOLEAN ConsoleGetScan(PCONSOLE Console, PKEYBOARD_INPUT_DATA Input)
{
    BOOLEAN Found = FALSE;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Console->ScanLock, &OldIrql);
    if (Console->ScanHead != Console->ScanTail) {
        *Input = Console->Scans[Console->ScanHead++ % SCAN_RING_SIZE];
        Found = TRUE;
    }
    KeReleaseSpinLock(&Console->ScanLock, OldIrql);
    return Found;
}
