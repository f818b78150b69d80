// SPDX-License-Identifier: MIT
// Keyed events: a rendezvous by key. A thread waits under a key until another one of its process releases that key,
// and a release waits until there is somebody to release; nothing is ever stored. Critical sections use one without a
// handle. Source: Windows Internals, "Keyed Events".

#include "exp.h"

#define KEYEDEVENT_WAIT 0x0001
#define KEYEDEVENT_WAKE 0x0002
#define KEYEDEVENT_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | KEYEDEVENT_WAIT | KEYEDEVENT_WAKE)
#define KEY_IS_RELEASE 1ul // in ETHREAD.KeyedWaitValue: this thread is a releaser

POBJECT_TYPE ExpKeyedEventObjectType;
static KEYED_EVENT_OBJECT ExpGlobalKeyedEvent; // for a NULL handle

static const GENERIC_MAPPING ExpKeyedEventMapping = {STANDARD_RIGHTS_READ | KEYEDEVENT_WAIT,
                                                     STANDARD_RIGHTS_WRITE | KEYEDEVENT_WAKE, STANDARD_RIGHTS_EXECUTE,
                                                     KEYEDEVENT_ALL_ACCESS};

static VOID ExpInitializeKeyedEvent(PKEYED_EVENT_OBJECT Event)
{
    ExInitializePushLock(&Event->Lock);
    InitializeListHead(&Event->WaitQueue);
}

// Makes the type and the event that stands for a NULL handle. Phase 1.
BOOLEAN ExpInitKeyedEvents(VOID)
{
    PAGED_CODE();
    ExpInitializeKeyedEvent(&ExpGlobalKeyedEvent);
    return ExpCreateSimpleType(L"KeyedEvent", sizeof(KEYED_EVENT_OBJECT), -1, &ExpKeyedEventMapping,
                               KEYEDEVENT_ALL_ACCESS, NULL, &ExpKeyedEventObjectType);
}

// Creates a keyed event. STATUS_INVALID_PARAMETER_4 unless Flags is 0. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateKeyedEvent(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                  ULONG Flags)
{
    PKEYED_EVENT_OBJECT Event;
    NTSTATUS Status;

    PAGED_CODE();
    if (Flags != 0)
        return STATUS_INVALID_PARAMETER_4;
    Status = ExpCreateObject(Handle, DesiredAccess, ObjectAttributes, ExpKeyedEventObjectType,
                             sizeof(KEYED_EVENT_OBJECT), (PVOID *)&Event);
    if (!NT_SUCCESS(Status))
        return Status;
    ExpInitializeKeyedEvent(Event);
    return ExpInsertObject(Event, DesiredAccess, Handle);
}

// Opens a named keyed event. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenKeyedEvent(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ExpOpenObject(Handle, DesiredAccess, ObjectAttributes, ExpKeyedEventObjectType);
}

static VOID ExpLockKeyedEvent(PKEYED_EVENT_OBJECT Event)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Event->Lock);
}

static VOID ExpUnlockKeyedEvent(PKEYED_EVENT_OBJECT Event)
{
    ExReleasePushLockExclusive(&Event->Lock);
    KeLeaveCriticalRegion();
}

// The first thread of the caller's process that is queued under Value, taken off the queue; NULL if there is none.
static PETHREAD ExpTakePartner(PKEYED_EVENT_OBJECT Event, ULONG_PTR Value)
{
    for (PLIST_ENTRY Entry = Event->WaitQueue.Flink; Entry != &Event->WaitQueue; Entry = Entry->Flink) {
        PETHREAD Thread = CONTAINING_RECORD(Entry, ETHREAD, KeyedWaitChain);

        if ((ULONG_PTR)Thread->KeyedWaitValue == Value &&
            Thread->ThreadsProcess == PsGetCurrentThread()->ThreadsProcess) {
            RemoveEntryList(Entry);
            InitializeListHead(Entry); // tells the thread that it was taken
            return Thread;
        }
    }
    return NULL;
}

// Meets the partner who is queued under Other, else queues the caller under Mine and waits.
static NTSTATUS ExpMeet(PKEYED_EVENT_OBJECT Event, ULONG_PTR Mine, ULONG_PTR Other, BOOLEAN Alertable,
                        PLARGE_INTEGER Timeout, KPROCESSOR_MODE Mode)
{
    PETHREAD Self = PsGetCurrentThread(), Partner;
    NTSTATUS Status;

    ExpLockKeyedEvent(Event);
    Partner = ExpTakePartner(Event, Other);
    if (Partner != NULL) {
        KeReleaseSemaphore(&Partner->KeyedWaitSemaphore, SEMAPHORE_INCREMENT, 1,
                           FALSE); // locked: the partner cannot end before
        ExpUnlockKeyedEvent(Event);
        return STATUS_SUCCESS;
    }
    KeInitializeSemaphore(&Self->KeyedWaitSemaphore, 0, 1);
    Self->KeyedWaitValue = (PVOID)Mine;
    InsertTailList(&Event->WaitQueue, &Self->KeyedWaitChain);
    ExpUnlockKeyedEvent(Event);

    Status = KeWaitForSingleObject(&Self->KeyedWaitSemaphore, WrKeyedEvent, Mode, Alertable, Timeout);
    if (Status == STATUS_SUCCESS)
        return Status;
    ExpLockKeyedEvent(Event);
    if (!IsListEmpty(&Self->KeyedWaitChain)) {
        RemoveEntryList(&Self->KeyedWaitChain);
        InitializeListHead(&Self->KeyedWaitChain);
    } else {
        Status = STATUS_SUCCESS; // taken just now: the partner has released the semaphore
    }
    ExpUnlockKeyedEvent(Event);
    return Status;
}

static NTSTATUS ExpKeyedService(HANDLE Handle, PVOID Key, BOOLEAN Alertable, PLARGE_INTEGER Timeout, BOOLEAN Release)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PKEYED_EVENT_OBJECT Event = &ExpGlobalKeyedEvent;
    ULONG_PTR Value = (ULONG_PTR)Key;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Wait;
    NTSTATUS Status;

    PAGED_CODE();
    if (Value & KEY_IS_RELEASE)
        return STATUS_INVALID_PARAMETER_1;
    Status = ExCaptureTimeout(&Wait, &Storage, Timeout, Mode);
    if (NT_SUCCESS(Status) && Handle != NULL)
        Status = ObReferenceObjectByHandle(Handle, Release ? KEYEDEVENT_WAKE : KEYEDEVENT_WAIT, ExpKeyedEventObjectType,
                                           Mode, (PVOID *)&Event, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Release)
        Status = ExpMeet(Event, Value | KEY_IS_RELEASE, Value, Alertable, Wait, Mode);
    else
        Status = ExpMeet(Event, Value, Value | KEY_IS_RELEASE, Alertable, Wait, Mode);
    if (Handle != NULL)
        ObDereferenceObject(Event);
    return Status;
}

// Waits until Key is released by a thread of the same process. Handle NULL: the system's own keyed event.
// STATUS_INVALID_PARAMETER_1 for an odd key; else a wait status. PASSIVE_LEVEL.
NTSTATUS NTAPI NtWaitForKeyedEvent(HANDLE Handle, PVOID Key, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PAGED_CODE();
    return ExpKeyedService(Handle, Key, Alertable, Timeout, FALSE);
}

// Releases one thread that waits for Key, waiting until there is one. As NtWaitForKeyedEvent.
NTSTATUS NTAPI NtReleaseKeyedEvent(HANDLE Handle, PVOID Key, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PAGED_CODE();
    return ExpKeyedService(Handle, Key, Alertable, Timeout, TRUE);
}
