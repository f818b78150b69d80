// SPDX-License-Identifier: MIT
// Laws of reference and handle counts, and of the end of an object (ob/object.c, delete.c, handlecount.c).

#include "obtest.h"

KTEST(ob, delete_runs_once_at_the_last_dereference)
{
    // Law: the delete procedure runs exactly when the last reference goes, not before and not again.
    POB_TEST_OBJECT Object;

    ObTestBegin();
    Object = ObTestCreate(NULL, 0);
    expect_eq(OB_HEADER(Object)->PointerCount, 1);
    expect_eq(ObReferenceObject(Object), 2);
    expect_eq(ObDereferenceObject(Object), 1);
    expect_eq(ObTest.Deleted, 0);
    expect_eq(ObDereferenceObject(Object), 0);
    expect_eq(ObTest.Deleted, 1);
}

KTEST(ob, handles_and_pointers_are_counted_apart)
{
    // Law: a handle counts in both counts, a pointer in one; closing the last handle leaves an object alive that is
    // referenced.
    POB_TEST_OBJECT Object, Again;
    HANDLE First, Second;

    ObTestBegin();
    Object = ObTestCreate(NULL, 0);
    expect_status(ObInsertObject(Object, NULL, OB_TEST_ALL_ACCESS, 1, (PVOID *)&Again, &First), STATUS_SUCCESS);
    expect_eq(Again, Object);
    expect_eq(OB_HEADER(Object)->HandleCount, 1);
    expect_eq(OB_HEADER(Object)->PointerCount, 2);
    expect_status(ObOpenObjectByPointer(Object, 0, NULL, 0x01, ObTestType, KernelMode, &Second), STATUS_SUCCESS);
    expect_eq(OB_HEADER(Object)->HandleCount, 2);
    expect_eq(OB_HEADER(Object)->PointerCount, 3);
    expect_status(ObReferenceObjectByHandle(Second, 0, ObTestType, KernelMode, (PVOID *)&Again, NULL), STATUS_SUCCESS);
    expect_eq(OB_HEADER(Object)->PointerCount, 4);
    ObDereferenceObject(Again);
    expect_status(ObCloseHandle(First, KernelMode), STATUS_SUCCESS);
    expect_eq(ObTest.ClosedLast, 0);
    expect_status(ObCloseHandle(Second, KernelMode), STATUS_SUCCESS);
    expect_eq(ObTest.Closed, 2);
    expect_eq(ObTest.ClosedLast, 1);
    expect_eq(ObTest.Opened, 2);
    expect_eq(ObTest.Deleted, 0);
    expect_eq(OB_HEADER(Object)->PointerCount, 1);
    ObDereferenceObject(Object);
    expect_eq(ObTest.Deleted, 1);
}

KTEST(ob, dereference_at_dispatch_level_deletes_later)
{
    // Law: the last dereference is allowed at DISPATCH_LEVEL and in a guarded region; the delete procedure runs at
    // PASSIVE_LEVEL.
    LARGE_INTEGER Tick = {.QuadPart = -1};
    POB_TEST_OBJECT First, Second;
    KIRQL OldIrql;

    ObTestBegin();
    First = ObTestCreate(NULL, 0);
    Second = ObTestCreate(NULL, 0);
    ObTest.DeleteIrql = HIGH_LEVEL;
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    ObDereferenceObject(First);
    expect_eq(ObTest.Deleted, 0);
    KfLowerIrql(OldIrql);
    KeEnterGuardedRegion();
    ObDereferenceObject(Second);
    KeLeaveGuardedRegion();
    for (ULONG Try = 0; Try < 100 && ObTest.Deleted < 2; Try++)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    expect_eq(ObTest.Deleted, 2);
    expect_eq(ObTest.DeleteIrql, PASSIVE_LEVEL);
}

KTEST(ob, safe_reference_refuses_the_dead)
{
    // Law: ObReferenceObjectSafe refuses an object whose last reference is gone.
    POB_TEST_OBJECT Object;

    ObTestBegin();
    Object = ObTestCreate(NULL, 0);
    expect(ObReferenceObjectSafe(Object));
    ObDereferenceObject(Object);
    OB_HEADER(Object)->PointerCount = 0;
    expect(!ObReferenceObjectSafe(Object));
    OB_HEADER(Object)->PointerCount = 1;
    ObDereferenceObject(Object);
}

KTEST(ob, ten_thousand_handles_leave_nothing_behind)
{
    // Law: however many handles a process had, when they are closed the counts of object, type and process are as
    // before.
    enum { Many = 10000 };
    ULONG TypeHandles, ProcessHandles, Bad = 0;
    HANDLE Process, Event, Copy;
    PEPROCESS Target;
    PVOID Object;

    expect_status(ZwCreateProcess(&Process, PROCESS_ALL_ACCESS, NULL, NtCurrentProcess(), FALSE, NULL, NULL, NULL),
                  STATUS_SUCCESS);
    expect_status(ObReferenceObjectByHandle(Process, 0, PsProcessType, KernelMode, (PVOID *)&Target, NULL),
                  STATUS_SUCCESS);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ObReferenceObjectByHandle(Event, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    TypeHandles = ExEventObjectType->TotalNumberOfHandles;
    ProcessHandles = ObGetProcessHandleCount(Target);
    for (ULONG Index = 0; Index < Many; Index++)
        Bad += !NT_SUCCESS(ZwDuplicateObject(NtCurrentProcess(), Event, Process, &Copy, 0, 0, DUPLICATE_SAME_ACCESS)) ||
               Copy != (HANDLE)(4 * (Index + 1));
    expect_eq(Bad, 0);
    expect_eq(ObGetProcessHandleCount(Target), ProcessHandles + Many);
    expect_eq(OB_HEADER(Object)->HandleCount, Many + 1);
    for (ULONG Index = 0; Index < Many / 2; Index++)
        Bad += !NT_SUCCESS(
            ZwDuplicateObject(Process, (HANDLE)(4 * (Index + 1)), NULL, NULL, 0, 0, DUPLICATE_CLOSE_SOURCE));
    expect_eq(Bad, 0);
    expect_eq(ObGetProcessHandleCount(Target), ProcessHandles + Many / 2);
    ObKillProcess(Target);
    expect_eq(ObGetProcessHandleCount(Target), 0);
    expect_eq(OB_HEADER(Object)->HandleCount, 1);
    expect_eq(OB_HEADER(Object)->PointerCount, 2);
    expect_eq(ExEventObjectType->TotalNumberOfHandles, TypeHandles);
    ObDereferenceObject(Object);
    ZwClose(Event);
    ObDereferenceObject(Target);
    ZwClose(Process);
}

KTEST_BUGCHECK(ob, too_many_dereferences_are_caught, REFERENCE_BY_POINTER)
{
    // Law: a reference count below zero is bugcheck 0x18.
    POB_TEST_OBJECT Object;

    ObTestBegin();
    Object = ObTestCreate(NULL, 0);
    OB_HEADER(Object)->PointerCount = 0;
    ObDereferenceObject(Object);
}
