// SPDX-License-Identifier: MIT
// Event services: handles around Ke's events. Source: WDK, ZwCreateEvent, ZwSetEvent; SDK, event objects.

#include "exp.h"

#define EVENT_QUERY_STATE 0x0001

// Creates an event. STATUS_INVALID_PARAMETER for an unknown type; else as every create service. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateEvent(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             EVENT_TYPE Type, BOOLEAN InitialState)
{
    PKEVENT Event;
    NTSTATUS Status;

    PAGED_CODE();
    if (Type != NotificationEvent && Type != SynchronizationEvent)
        return STATUS_INVALID_PARAMETER;
    Status =
        ExpCreateObject(Handle, DesiredAccess, ObjectAttributes, ExEventObjectType, sizeof(KEVENT), (PVOID *)&Event);
    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeEvent(Event, Type, InitialState != FALSE);
    return ExpInsertObject(Event, DesiredAccess, Handle);
}

// Opens a named event. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenEvent(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ExpOpenObject(Handle, DesiredAccess, ObjectAttributes, ExEventObjectType);
}

static LONG ExpPulse(PKEVENT Event)
{
    return KePulseEvent(Event, EVENT_INCREMENT, FALSE);
}

static LONG ExpSet(PKEVENT Event)
{
    return KeSetEvent(Event, EVENT_INCREMENT, FALSE);
}

static LONG ExpReset(PKEVENT Event)
{
    return KeResetEvent(Event);
}

// Applies Operation to the event of Handle and writes its previous state if wanted.
FORCEINLINE NTSTATUS ExpChangeEvent(HANDLE Handle, PLONG PreviousState, LONG (*Operation)(PKEVENT Event))
{
    LONG Mode = ExGetPreviousMode();
    PKEVENT Event;
    LONG Previous;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExpProbeOptional(PreviousState, sizeof(LONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceHandle(Handle, EVENT_MODIFY_STATE, ExEventObjectType, Mode, (PVOID *)&Event);
    if (!NT_SUCCESS(Status))
        return Status;
    Previous = Operation(Event);
    ObReleaseObject(Event);
    return ExpReturnLong(PreviousState, Previous, Mode);
}

// Sets an event; *PreviousState (optional) is its state before. Needs EVENT_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetEvent(HANDLE Handle, PLONG PreviousState)
{
    PAGED_CODE();
    return ExpChangeEvent(Handle, PreviousState, ExpSet);
}

// Resets an event; *PreviousState (optional) is its state before. Needs EVENT_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtResetEvent(HANDLE Handle, PLONG PreviousState)
{
    PAGED_CODE();
    return ExpChangeEvent(Handle, PreviousState, ExpReset);
}

// Resets an event. Needs EVENT_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtClearEvent(HANDLE Handle)
{
    PAGED_CODE();
    return ExpChangeEvent(Handle, NULL, ExpReset);
}

// Sets an event, wakes those who wait now, and resets it. Needs EVENT_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtPulseEvent(HANDLE Handle, PLONG PreviousState)
{
    PAGED_CODE();
    return ExpChangeEvent(Handle, PreviousState, ExpPulse);
}

// Sets a synchronization event; the thread that this wakes gets at least the caller's priority for one quantum, so that
// a lock built on it does not stay with one that more important threads keep from running. Needs EVENT_MODIFY_STATE.
// PASSIVE_LEVEL. STATUS_OBJECT_TYPE_MISMATCH for a notification event.
NTSTATUS NTAPI NtSetEventBoostPriority(HANDLE Handle)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PKEVENT Event;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceHandle(Handle, EVENT_MODIFY_STATE, ExEventObjectType, Mode, (PVOID *)&Event);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Event->Header.Type == EventSynchronizationObject)
        KeSetEventBoostPriority(Event, NULL);
    else
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    ObReleaseObject(Event);
    return Status;
}

// EventBasicInformation: type and state. Needs EVENT_QUERY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryEvent(HANDLE Handle, EVENT_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                            PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    EVENT_BASIC_INFORMATION Basic;
    PKEVENT Event;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class != EventBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExpProbeQuery(Information, Length, sizeof(Basic), ReturnLength, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, EVENT_QUERY_STATE, ExEventObjectType, Mode, (PVOID *)&Event, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Basic.EventType = Event->Header.Type == EventSynchronizationObject ? SynchronizationEvent : NotificationEvent;
    Basic.EventState = KeReadStateEvent(Event);
    ObDereferenceObject(Event);
    return ExpReturnQuery(Information, &Basic, sizeof(Basic), ReturnLength, Mode);
}
