// SPDX-License-Identifier: MIT
// Laws of IRPs: stack locations, completion routines, completion itself. Source: WDK, "Handling IRPs".

#include "testdrv.h"

#define KT_LEVELS 4

static ULONG KtOrder[KT_LEVELS];
static ULONG KtOrderCount;
static BOOLEAN KtStopOnce; // the routine of level 2 keeps the IRP the first time

static NTSTATUS NTAPI KtNoteLevel(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    ULONG Level = (ULONG)(ULONG_PTR)Context;

    UNREFERENCED_PARAMETER(Device);
    if (KtOrderCount < KT_LEVELS)
        KtOrder[KtOrderCount] = Level;
    KtOrderCount++;
    if (Level == 0)
        return STATUS_MORE_PROCESSING_REQUIRED; // the test owns the IRP
    if (Level == 2 && KtStopOnce) {
        KtStopOnce = FALSE;
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    return STATUS_CONTINUE_COMPLETION;
}

// Walks an IRP down KT_LEVELS imaginary drivers, each of which sets a completion routine.
static PIRP KtDescend(BOOLEAN OnSuccess, BOOLEAN OnError)
{
    PIRP Irp = IoAllocateIrp(KT_LEVELS, FALSE);

    KtOrderCount = 0;
    for (ULONG Level = 0; Irp != NULL && Level < KT_LEVELS; Level++) {
        BOOLEAN Always = Level == 0;

        IoSetCompletionRoutine(Irp, KtNoteLevel, (PVOID)(ULONG_PTR)Level, OnSuccess || Always, OnError || Always,
                               FALSE);
        Irp->CurrentLocation--;
        Irp->Tail.Overlay.CurrentStackLocation--;
        IoGetCurrentIrpStackLocation(Irp)->DeviceObject = NULL;
    }
    return Irp;
}

KTEST(io, completion_routines_run_in_reverse_order_once)
{
    // Law: completing an IRP calls each completion routine exactly once, the one set last first.
    PIRP Irp = KtDescend(TRUE, TRUE);

    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, KT_LEVELS);
    for (ULONG i = 0; i < KT_LEVELS; i++)
        expect_eq(KtOrder[i], KT_LEVELS - 1 - i);
    IoFreeIrp(Irp);
}

KTEST(io, completion_routine_flags_choose_by_status)
{
    // Law: a routine set for success only is not called for an error, and the other way round.
    PIRP Irp = KtDescend(TRUE, FALSE);

    Irp->IoStatus.Status = STATUS_UNSUCCESSFUL;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, 1); // level 0, which is set for everything
    IoFreeIrp(Irp);

    Irp = KtDescend(FALSE, TRUE);
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, 1);
    IoFreeIrp(Irp);
}

KTEST(io, completion_resumes_above_the_routine_that_stopped_it)
{
    // Law: STATUS_MORE_PROCESSING_REQUIRED stops the walk; completing again goes on with the next routine above.
    PIRP Irp;

    KtStopOnce = TRUE;
    Irp = KtDescend(TRUE, TRUE);
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, 2); // 3, 2
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, 4);
    expect_eq(KtOrder[2], 1);
    expect_eq(KtOrder[3], 0);
    IoFreeIrp(Irp);
}

KTEST(io, pending_mark_rises_to_the_top)
{
    // Law: PendingReturned of the lowest driver reaches the one above only if that marks the IRP pending in its turn;
    // where no routine is called the I/O manager does it.
    PIRP Irp = KtDescend(FALSE, TRUE); // only level 0's routine will be called

    IoMarkIrpPending(Irp);
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    expect_eq(KtOrderCount, 1);
    expect(Irp->PendingReturned);
    IoFreeIrp(Irp);
}

KTEST(io, fresh_irp_is_above_its_top_location)
{
    // Law: IoAllocateIrp gives a zeroed IRP whose next location is the first driver's, for every stack size.
    for (CCHAR Size = 1; Size <= 12; Size++) {
        PIRP Irp = IoAllocateIrp(Size, FALSE);

        expect_eq(Irp->CurrentLocation, Size + 1);
        expect_eq(Irp->StackCount, Size);
        expect_eq(IoGetNextIrpStackLocation(Irp), (PIO_STACK_LOCATION)(Irp + 1) + Size - 1);
        expect_eq(Irp->Flags, 0);
        expect_eq(Irp->CancelRoutine, NULL);
        IoFreeIrp(Irp);
    }
}

KTEST_BUGCHECK(io, double_completion_stops_the_system, MULTIPLE_IRP_COMPLETE_REQUESTS)
{
    // Law: an IRP is completed once; the second completion is noticed even before the first has been finished.
    PKT_DEVICE Device = KtStartDriver(DO_BUFFERED_IO);
    LARGE_INTEGER Offset = {.QuadPart = 0};
    IO_STATUS_BLOCK IoStatus;
    UCHAR Buffer[4];
    HANDLE File;
    PIRP Irp;

    if (Device == NULL)
        return;
    Device->Hold = TRUE;
    expect_status(KtOpen(KT_DEVICE_NAME, FILE_READ_DATA, 0, &File), STATUS_SUCCESS);
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, 4, &Offset, NULL), STATUS_PENDING);
    Irp = Device->Held;
    KeRaiseIrqlToDpcLevel(); // the completion APC has to wait
    KtReleaseRead(Device, STATUS_SUCCESS, 0);
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

KTEST_BUGCHECK(io, irp_without_stack_location_stops_the_system, NO_MORE_IRP_STACK_LOCATIONS)
{
    // Law: a driver cannot pass an IRP further down than its stack size says.
    PIRP Irp = IoAllocateIrp(1, FALSE);

    if (KtStartDriver(DO_BUFFERED_IO) == NULL)
        return;
    Irp->CurrentLocation--;
    Irp->Tail.Overlay.CurrentStackLocation--;
    IGNORE_STATUS(IoCallDriver(KtDeviceObject(), Irp));
}
