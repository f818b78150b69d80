// SPDX-License-Identifier: MIT
// The boost that the end of an I/O gives to who waited for it: as much as the driver said. Source: WDK,
// IoCompleteRequest; Windows Internals, "Priority Boosts".

#include "testdrv.h"

typedef struct _KT_READER {
    HANDLE File;
    KPRIORITY After; // priority in the moment the read returns
} KT_READER, *PKT_READER;

static VOID NTAPI KtBoostedReader(PVOID Context)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    PKT_READER Reader = Context;
    IO_STATUS_BLOCK IoStatus;
    UCHAR Buffer[4];

    expect_status(ZwReadFile(Reader->File, NULL, NULL, NULL, &IoStatus, Buffer, 4, &Offset, NULL), STATUS_SUCCESS);
    Reader->After = *(volatile SCHAR *)&KeGetCurrentThread()->Priority;
}

// One read by a thread of that base priority, completed with that boost. Returns the reader's priority behind it.
static KPRIORITY KtReadBoosted(PKT_DEVICE Device, KPRIORITY Base, CCHAR Boost)
{
    LARGE_INTEGER Moment = {.QuadPart = -1};
    KT_READER Reader = {0};
    PETHREAD Thread;

    Device->Boost = Boost;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &Reader.File), STATUS_SUCCESS);
    Thread = KtStartThread(KtBoostedReader, &Reader, Base);
    while (*(PIRP volatile *)&Device->Held == NULL || Thread->Tcb.State != Waiting)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    KtReleaseRead(Device, STATUS_SUCCESS, 4);
    KtJoin(Thread);
    ZwClose(Reader.File);
    return Reader.After;
}

KTEST_EXACT(io, completion_boosts_the_waiter_by_what_the_driver_says)
{
    // Law: the thread that waited runs at its base priority plus the increment of IoCompleteRequest, never above 15; a
    // real-time thread gets nothing.
    static const struct {
        KPRIORITY Base, After;
        CCHAR Boost;
    } Cases[] = {{8, 8, IO_NO_INCREMENT},        {8, 9, IO_DISK_INCREMENT},       {8, 10, IO_SERIAL_INCREMENT},
                 {8, 14, IO_KEYBOARD_INCREMENT}, {13, 15, IO_KEYBOARD_INCREMENT}, {16, 16, IO_KEYBOARD_INCREMENT}};
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);

    if (Device == NULL)
        return;
    Device->Hold = TRUE;
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Cases); Index++)
        expect_eq(KtReadBoosted(Device, Cases[Index].Base, Cases[Index].Boost), Cases[Index].After);
    KtStopDriver();
}
