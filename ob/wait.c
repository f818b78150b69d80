// SPDX-License-Identifier: MIT
// Wait services: from handles to dispatcher objects, then Ke's wait engine. Source: SDK, WaitForMultipleObjects; WDK,
// ZwWaitForSingleObject.

#include "obp.h"

static KEVENT ObpDefaultObject = { // for types with UseDefaultObject: always signaled
    .Header = {.Type = EventNotificationObject,
               .Size = sizeof(KEVENT) / sizeof(ULONG),
               .SignalState = 1,
               .WaitListHead = {&ObpDefaultObject.Header.WaitListHead, &ObpDefaultObject.Header.WaitListHead}}};

FORCEINLINE PVOID ObpWaitObject(PVOID Object)
{
    POBJECT_TYPE Type = OBJECT_TO_OBJECT_HEADER(Object)->Type;

    if (__builtin_expect(Type->TypeInfo.DispatcherOffset >= 0, TRUE))
        return (PUCHAR)Object + Type->TypeInfo.DispatcherOffset;
    return Type->TypeInfo.UseDefaultObject ? &ObpDefaultObject : NULL;
}

// The dispatcher object a wait on Object means; NULL if its type cannot be waited for. Any IRQL.
PVOID ObGetWaitObject(PVOID Object)
{
    return ObpWaitObject(Object);
}

// References what Handle means and finds its dispatcher object. STATUS_OBJECT_TYPE_MISMATCH if it has none.
FORCEINLINE NTSTATUS ObpReferenceWaitable(HANDLE Handle, LONG Mode, PVOID *Object, PVOID *WaitObject)
{
    NTSTATUS Status = ObReferenceAnyHandle(Handle, SYNCHRONIZE, Mode, Object);

    if (!NT_SUCCESS(Status))
        return Status;
    *WaitObject = ObpWaitObject(*Object);
    if (*WaitObject == NULL) {
        ObDereferenceObject(*Object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return STATUS_SUCCESS;
}

// A wait for a mutant raises STATUS_MUTANT_LIMIT_EXCEEDED.
static __attribute__((noinline)) NTSTATUS ObpWaitForMutant(PVOID Mutant, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                                           KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status;

    SEH_TRY
    {
        Status = KeWaitForSingleObject(Mutant, UserRequest, Mode, Alertable, Timeout);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

FORCEINLINE BOOLEAN ObpIsMutant(PVOID WaitObject)
{
    return (((PDISPATCHER_HEADER)WaitObject)->Type & 0x7F) == MutantObject;
}

// Waits until an object is signaled. A wait status; STATUS_MUTANT_LIMIT_EXCEEDED; STATUS_INVALID_HANDLE,
// STATUS_ACCESS_DENIED (needs SYNCHRONIZE), STATUS_OBJECT_TYPE_MISMATCH. PASSIVE_LEVEL.
NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    LONG Mode = ExGetPreviousMode();
    PVOID Object, WaitObject;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Wait;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExCaptureTimeout(&Wait, &Storage, Timeout, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpReferenceWaitable(Handle, Mode, &Object, &WaitObject);
    if (!NT_SUCCESS(Status))
        return Status;
    if (ObpIsMutant(WaitObject))
        Status = ObpWaitForMutant(WaitObject, Alertable, Wait, (KPROCESSOR_MODE)Mode);
    else
        Status = KeWaitForSingleObject(WaitObject, UserRequest, (KPROCESSOR_MODE)Mode, Alertable, Wait);
    ObReleaseObject(Object);
    return Status;
}

typedef struct _OBP_MULTIPLE_WAIT {
    ULONG Count; // objects referenced
    HANDLE Handles[MAXIMUM_WAIT_OBJECTS];
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];
    PVOID WaitObjects[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
} OBP_MULTIPLE_WAIT, *POBP_MULTIPLE_WAIT;

static NTSTATUS ObpCaptureHandles(PHANDLE Copy, HANDLE *Handles, ULONG Count, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForRead(Handles, Count * sizeof(HANDLE), sizeof(HANDLE));
        for (ULONG Index = 0; Index < Count; Index++)
            Copy[Index] = ((volatile HANDLE *)Handles)[Index];
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Does an object appear twice? A wait for all of them could then never be satisfied.
static BOOLEAN ObpHasDuplicates(POBP_MULTIPLE_WAIT Wait)
{
    for (ULONG First = 0; First < Wait->Count; First++) {
        for (ULONG Second = First + 1; Second < Wait->Count; Second++) {
            if (Wait->WaitObjects[First] == Wait->WaitObjects[Second])
                return TRUE;
        }
    }
    return FALSE;
}

static NTSTATUS ObpWaitForAll(POBP_MULTIPLE_WAIT Wait, ULONG Count, WAIT_TYPE WaitType, BOOLEAN Alertable,
                              PLARGE_INTEGER Timeout, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    while (Wait->Count < Count && NT_SUCCESS(Status)) {
        Status = ObpReferenceWaitable(Wait->Handles[Wait->Count], Mode, &Wait->Objects[Wait->Count],
                                      &Wait->WaitObjects[Wait->Count]);
        if (NT_SUCCESS(Status))
            Wait->Count++;
    }
    if (NT_SUCCESS(Status) && WaitType == WaitAll && ObpHasDuplicates(Wait))
        Status = STATUS_INVALID_PARAMETER_MIX;
    if (NT_SUCCESS(Status)) {
        SEH_TRY
        {
            Status = KeWaitForMultipleObjects(Count, Wait->WaitObjects, WaitType, UserRequest, Mode, Alertable, Timeout,
                                              Wait->Blocks);
        }
        SEH_EXCEPT
        {
            Status = SEH_CODE();
        }
        SEH_END
    }
    while (Wait->Count != 0)
        ObDereferenceObject(Wait->Objects[--Wait->Count]);
    return Status;
}

// Waits until any or all of 1 to 64 objects are signaled. As NtWaitForSingleObject, and STATUS_INVALID_PARAMETER_1
// (count), STATUS_INVALID_PARAMETER_3 (type), STATUS_INVALID_PARAMETER_MIX (an object twice in a wait for all).
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtWaitForMultipleObjects(ULONG Count, HANDLE *Handles, WAIT_TYPE WaitType, BOOLEAN Alertable,
                                        PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    OBP_MULTIPLE_WAIT Wait;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Captured;
    NTSTATUS Status;

    PAGED_CODE();
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
        return STATUS_INVALID_PARAMETER_1;
    if (WaitType != WaitAll && WaitType != WaitAny)
        return STATUS_INVALID_PARAMETER_3;
    Status = ExCaptureTimeout(&Captured, &Storage, Timeout, Mode);
    if (NT_SUCCESS(Status))
        Status = ObpCaptureHandles(Wait.Handles, Handles, Count, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Wait.Count = 0;
    return ObpWaitForAll(&Wait, Count, WaitType, Alertable, Captured, Mode);
}

// Signals a semaphore or mutant, which may refuse by raising, and begins the wait for the other without a gap.
static __attribute__((noinline)) NTSTATUS ObpReleaseAndWait(PVOID Signal, PVOID WaitObject, BOOLEAN Alertable,
                                                            PLARGE_INTEGER Timeout, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status;

    SEH_TRY
    {
        if (OBJECT_TO_OBJECT_HEADER(Signal)->Type == ExSemaphoreObjectType)
            KeReleaseSemaphore(Signal, SEMAPHORE_INCREMENT, 1, TRUE);
        else
            KeReleaseMutant(Signal, MUTANT_INCREMENT, FALSE, TRUE);
        Status = KeWaitForSingleObject(WaitObject, UserRequest, Mode, Alertable, Timeout);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Signals one object and, without a gap in which another thread could run, begins the wait for the other.
FORCEINLINE NTSTATUS ObpSignalAndWait(PVOID Signal, PVOID WaitObject, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                      KPROCESSOR_MODE Mode)
{
    if (OBJECT_TO_OBJECT_HEADER(Signal)->Type != ExEventObjectType)
        return ObpReleaseAndWait(Signal, WaitObject, Alertable, Timeout, Mode);
    KeSetEvent(Signal, EVENT_INCREMENT, TRUE);
    if (ObpIsMutant(WaitObject)) // the lock is held: no frame is in the way of a switch
        return ObpWaitForMutant(WaitObject, Alertable, Timeout, Mode);
    return KeWaitForSingleObject(WaitObject, UserRequest, Mode, Alertable, Timeout);
}

// References an object that can be signaled, with the right that this needs. STATUS_OBJECT_TYPE_MISMATCH.
static NTSTATUS ObpReferenceSignalable(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object)
{
    OBJECT_HANDLE_INFORMATION Information;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, Object, &Information);
    POBJECT_TYPE Type;
    ACCESS_MASK Needed;

    if (!NT_SUCCESS(Status))
        return Status;
    Type = OBJECT_TO_OBJECT_HEADER(*Object)->Type;
    Needed = Type == ExEventObjectType       ? EVENT_MODIFY_STATE
             : Type == ExSemaphoreObjectType ? SEMAPHORE_MODIFY_STATE
                                             : SYNCHRONIZE;
    if (Type != ExEventObjectType && Type != ExSemaphoreObjectType && Type != ExMutantObjectType)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (Mode != KernelMode && (Needed & ~Information.GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    if (!NT_SUCCESS(Status))
        ObDereferenceObject(*Object);
    return Status;
}

// Signals an event, semaphore or mutant and waits for another object. As NtWaitForSingleObject;
// STATUS_OBJECT_TYPE_MISMATCH if Signal is something else; STATUS_SEMAPHORE_LIMIT_EXCEEDED, STATUS_MUTANT_NOT_OWNED.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtSignalAndWaitForSingleObject(HANDLE Signal, HANDLE Wait, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PVOID SignalObject, Object, WaitObject;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Captured;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExCaptureTimeout(&Captured, &Storage, Timeout, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (!ObTryReferenceHandle(Signal, EVENT_MODIFY_STATE, ExEventObjectType, Mode, &SignalObject))
        Status = ObpReferenceSignalable(Signal, Mode, &SignalObject);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpReferenceWaitable(Wait, Mode, &Object, &WaitObject);
    if (NT_SUCCESS(Status)) {
        Status = ObpSignalAndWait(SignalObject, WaitObject, Alertable, Captured, Mode);
        ObReleaseObject(Object);
    }
    ObReleaseObject(SignalObject);
    return Status;
}
