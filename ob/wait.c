// SPDX-License-Identifier: MIT
// Wait services: from handles to dispatcher objects, then Ke's wait engine. Source: SDK, WaitForMultipleObjects; WDK,
// ZwWaitForSingleObject.

#include "obp.h"

static KEVENT ObpDefaultObject = { // for types with UseDefaultObject: always signaled
    .Header = {.Type = EventNotificationObject,
               .Size = sizeof(KEVENT) / sizeof(ULONG),
               .SignalState = 1,
               .WaitListHead = {&ObpDefaultObject.Header.WaitListHead, &ObpDefaultObject.Header.WaitListHead}}};

// The dispatcher object a wait on Object means; NULL if its type cannot be waited for. Any IRQL.
PVOID ObGetWaitObject(PVOID Object)
{
    POBJECT_TYPE Type = OBJECT_TO_OBJECT_HEADER(Object)->Type;

    if (Type->TypeInfo.UseDefaultObject)
        return &ObpDefaultObject;
    return Type->TypeInfo.DispatcherOffset >= 0 ? (PUCHAR)Object + Type->TypeInfo.DispatcherOffset : NULL;
}

// References what Handle means and finds its dispatcher object. STATUS_OBJECT_TYPE_MISMATCH if it has none.
static NTSTATUS ObpReferenceWaitable(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object, PVOID *WaitObject)
{
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, Mode, Object, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    *WaitObject = ObGetWaitObject(*Object);
    if (*WaitObject == NULL) {
        ObDereferenceObject(*Object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return STATUS_SUCCESS;
}

// Waits until an object is signaled. A wait status; STATUS_MUTANT_LIMIT_EXCEEDED; STATUS_INVALID_HANDLE,
// STATUS_ACCESS_DENIED (needs SYNCHRONIZE), STATUS_OBJECT_TYPE_MISMATCH. PASSIVE_LEVEL.
NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PVOID Object, WaitObject;
    volatile NTSTATUS Status;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Wait;

    PAGED_CODE();
    Status = ExCaptureTimeout(&Wait, &Storage, Timeout, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpReferenceWaitable(Handle, Mode, &Object, &WaitObject);
    if (!NT_SUCCESS(Status))
        return Status;
    SEH_TRY
    {
        Status = KeWaitForSingleObject(WaitObject, UserRequest, Mode, Alertable, Wait);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    ObDereferenceObject(Object);
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

// The right that signaling an object of this type needs; FALSE if it cannot be signaled.
static BOOLEAN ObpSignalRight(POBJECT_TYPE Type, PACCESS_MASK Access)
{
    if (Type == ExEventObjectType)
        *Access = EVENT_MODIFY_STATE;
    else if (Type == ExSemaphoreObjectType)
        *Access = SEMAPHORE_MODIFY_STATE;
    else if (Type == ExMutantObjectType)
        *Access = SYNCHRONIZE;
    else
        return FALSE;
    return TRUE;
}

// Signals one object and, without a gap in which another thread could run, begins the wait for the other.
static NTSTATUS ObpSignalAndWait(PVOID Signal, PVOID WaitObject, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                 KPROCESSOR_MODE Mode)
{
    POBJECT_TYPE Type = OBJECT_TO_OBJECT_HEADER(Signal)->Type;
    volatile NTSTATUS Status;

    SEH_TRY
    {
        if (Type == ExEventObjectType)
            KeSetEvent(Signal, EVENT_INCREMENT, TRUE);
        else if (Type == ExSemaphoreObjectType)
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

// Signals an event, semaphore or mutant and waits for another object. As NtWaitForSingleObject;
// STATUS_OBJECT_TYPE_MISMATCH if Signal is something else; STATUS_SEMAPHORE_LIMIT_EXCEEDED, STATUS_MUTANT_NOT_OWNED.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtSignalAndWaitForSingleObject(HANDLE Signal, HANDLE Wait, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    OBJECT_HANDLE_INFORMATION Handle;
    PVOID SignalObject, Object, WaitObject;
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Captured;
    ACCESS_MASK Needed;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExCaptureTimeout(&Captured, &Storage, Timeout, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Signal, 0, NULL, Mode, &SignalObject, &Handle);
    if (!NT_SUCCESS(Status))
        return Status;
    if (!ObpSignalRight(OBJECT_TO_OBJECT_HEADER(SignalObject)->Type, &Needed))
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (Mode != KernelMode && (Needed & ~Handle.GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    if (NT_SUCCESS(Status)) {
        Status = ObpReferenceWaitable(Wait, Mode, &Object, &WaitObject);
        if (NT_SUCCESS(Status)) {
            Status = ObpSignalAndWait(SignalObject, WaitObject, Alertable, Captured, Mode);
            ObDereferenceObject(Object);
        }
    }
    ObDereferenceObject(SignalObject);
    return Status;
}
