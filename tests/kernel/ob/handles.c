// SPDX-License-Identifier: MIT
// Laws of handles: access, inheritance, duplication, protection, exclusiveness (ob/handle.c, close.c, duplicate.c,
// process.c).

#include "obtest.h"

KTEST(ob, granted_access_is_enforced)
{
    // Law: user mode gets through a handle only what was granted when it was made; kernel mode gets everything.
    OBJECT_HANDLE_INFORMATION Information;
    HANDLE Handle;
    PVOID Object;

    ObTestBegin();
    Handle = ObTestInsert(ObTestCreate(NULL, 0), GENERIC_READ);
    expect_status(ObReferenceObjectByHandle(Handle, 0x01, ObTestType, UserMode, &Object, &Information), STATUS_SUCCESS);
    expect_eq(Information.GrantedAccess, STANDARD_RIGHTS_READ | 0x01);
    ObDereferenceObject(Object);
    expect_status(ObReferenceObjectByHandle(Handle, 0x03, ObTestType, UserMode, &Object, NULL), STATUS_ACCESS_DENIED);
    expect_status(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, ObTestType, UserMode, &Object, NULL),
                  STATUS_ACCESS_DENIED);
    expect_status(ObReferenceObjectByHandle(Handle, 0x03, ObTestType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    ObDereferenceObject(Object);
    expect_status(ObReferenceObjectByHandle(Handle, 0, ExEventObjectType, KernelMode, &Object, NULL),
                  STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(ObCloseHandle(Handle, KernelMode), STATUS_SUCCESS);
    expect_eq(ObTest.Deleted, 1);
}

KTEST(ob, bad_handles_are_refused)
{
    // Law: closed, made up and kernel handles (from user mode) are invalid handles, for every service.
    HANDLE Event, Kernel;
    OBJECT_ATTRIBUTES Attributes;
    PVOID Object;

    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwClose(Event), STATUS_SUCCESS);
    expect_status(ZwClose(Event), STATUS_INVALID_HANDLE);
    expect_status(ZwSetEvent(Event, NULL), STATUS_INVALID_HANDLE);
    expect_status(ZwClose(NULL), STATUS_INVALID_HANDLE);
    expect_status(ZwClose((HANDLE)0x12345678), STATUS_INVALID_HANDLE);
    expect_status(ZwWaitForSingleObject((HANDLE)0x7FFFFFFC, FALSE, NULL), STATUS_INVALID_HANDLE);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateEvent(&Kernel, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect((LONG)(LONG_PTR)Kernel < 0);
    expect_status(ObReferenceObjectByHandle(Kernel, 0, NULL, UserMode, &Object, NULL), STATUS_INVALID_HANDLE);
    expect_status(ObCloseHandle(Kernel, UserMode), STATUS_INVALID_HANDLE);
    expect_status(ZwSetEvent(Kernel, NULL), STATUS_SUCCESS);
    expect_status(ZwClose(Kernel), STATUS_SUCCESS);
}

KTEST(ob, pseudo_handles_mean_the_current_process_and_thread)
{
    // Law: -1 is the current process and -2 the current thread, with every access, in either mode.
    PVOID Object;

    expect_status(
        ObReferenceObjectByHandle(NtCurrentProcess(), PROCESS_ALL_ACCESS, PsProcessType, UserMode, &Object, NULL),
        STATUS_SUCCESS);
    expect_eq(Object, PsGetCurrentProcess());
    ObDereferenceObject(Object);
    expect_status(
        ObReferenceObjectByHandle(NtCurrentThread(), THREAD_ALL_ACCESS, PsThreadType, UserMode, &Object, NULL),
        STATUS_SUCCESS);
    expect_eq(Object, PsGetCurrentThread());
    ObDereferenceObject(Object);
    expect_status(ObReferenceObjectByHandle(NtCurrentThread(), 0, PsProcessType, KernelMode, &Object, NULL),
                  STATUS_OBJECT_TYPE_MISMATCH);
}

KTEST(ob, protected_handles_stay_open)
{
    // Law: a handle protected from close is not closable until the protection is lifted (SDK, SetHandleInformation).
    OBJECT_HANDLE_FLAG_INFORMATION Flags = {.Inherit = TRUE, .ProtectFromClose = TRUE}, Read;
    HANDLE Event;

    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwSetInformationObject(Event, ObjectHandleFlagInformation, &Flags, sizeof(Flags)), STATUS_SUCCESS);
    expect_status(ZwQueryObject(Event, ObjectHandleFlagInformation, &Read, sizeof(Read), NULL), STATUS_SUCCESS);
    expect(Read.Inherit && Read.ProtectFromClose);
    expect_status(ZwClose(Event), STATUS_HANDLE_NOT_CLOSABLE);
    expect_status(ZwSetEvent(Event, NULL), STATUS_SUCCESS);
    Flags.ProtectFromClose = FALSE;
    expect_status(ZwSetInformationObject(Event, ObjectHandleFlagInformation, &Flags, sizeof(Flags)), STATUS_SUCCESS);
    expect_status(ZwClose(Event), STATUS_SUCCESS);
}

KTEST(ob, duplicates_share_the_object)
{
    // Law: a duplicate means the same object with the access asked for; closing the source on the way moves the
    // handle.
    OBJECT_BASIC_INFORMATION Basic;
    HANDLE Event, Copy, Moved;
    LONG Previous;

    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(
        ZwDuplicateObject(NtCurrentProcess(), Event, NtCurrentProcess(), &Copy, EVENT_MODIFY_STATE, OBJ_INHERIT, 0),
        STATUS_SUCCESS);
    expect_status(ZwQueryObject(Copy, ObjectBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect_eq(Basic.GrantedAccess, EVENT_MODIFY_STATE);
    expect_eq(Basic.Attributes, OBJ_INHERIT);
    expect_eq(Basic.HandleCount, 2);
    expect_status(ZwSetEvent(Copy, &Previous), STATUS_SUCCESS);
    expect_status(ZwResetEvent(Event, &Previous), STATUS_SUCCESS);
    expect_eq(Previous, 1);
    expect_status(ZwDuplicateObject(NtCurrentProcess(), Event, NtCurrentProcess(), &Moved, 0, 0,
                                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                  STATUS_SUCCESS);
    expect_status(ZwQueryObject(Moved, ObjectBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect_eq(Basic.GrantedAccess, EVENT_ALL_ACCESS);
    expect_eq(Basic.HandleCount, 2);
    expect_status(
        ZwDuplicateObject(NtCurrentProcess(), (HANDLE)0x7770, NtCurrentProcess(), &Event, 0, 0, DUPLICATE_SAME_ACCESS),
        STATUS_INVALID_HANDLE);
    expect_status(ZwDuplicateObject(NtCurrentProcess(), Copy, NtCurrentProcess(), &Event, 0, 0, 0x80),
                  STATUS_INVALID_PARAMETER);
    ZwClose(Moved);
    ZwClose(Copy);
}

KTEST(ob, children_inherit_what_is_inheritable)
{
    // Law: a child made with inheritance has the inheritable handles at the same values, and no others.
    OBJECT_ATTRIBUTES Inheritable;
    HANDLE Inherited, Kept, Process, Back;
    PEPROCESS Child;

    InitializeObjectAttributes(&Inheritable, NULL, OBJ_INHERIT, NULL, NULL);
    expect_status(ZwCreateEvent(&Inherited, EVENT_ALL_ACCESS, &Inheritable, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwCreateEvent(&Kept, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwCreateProcess(&Process, PROCESS_ALL_ACCESS, NULL, NtCurrentProcess(), TRUE, NULL, NULL, NULL),
                  STATUS_SUCCESS);
    expect_status(ObReferenceObjectByHandle(Process, 0, PsProcessType, KernelMode, (PVOID *)&Child, NULL),
                  STATUS_SUCCESS);
    expect_status(ZwDuplicateObject(Process, Inherited, NtCurrentProcess(), &Back, 0, 0, DUPLICATE_SAME_ACCESS),
                  STATUS_SUCCESS);
    expect_status(ZwSetEvent(Back, NULL), STATUS_SUCCESS);
    expect_status(ZwWaitForSingleObject(Inherited, FALSE, NULL), STATUS_SUCCESS); // the same event
    ZwClose(Back);
    expect_status(ZwDuplicateObject(Process, Kept, NtCurrentProcess(), &Back, 0, 0, DUPLICATE_SAME_ACCESS),
                  STATUS_INVALID_HANDLE);
    ObDereferenceObject(Child);
    ZwClose(Process);
    ZwClose(Kept);
    ZwClose(Inherited);
}

KTEST(ob, wait_services_check_their_arguments)
{
    // Law: counts out of 1..64, unknown wait types, duplicates in a wait for all and unwaitable objects are refused.
    LARGE_INTEGER NoTime = {.QuadPart = 0};
    HANDLE Handles[3], Directory;

    for (ULONG Index = 0; Index < 2; Index++)
        expect_status(ZwCreateEvent(&Handles[Index], EVENT_ALL_ACCESS, NULL, SynchronizationEvent, TRUE),
                      STATUS_SUCCESS);
    Handles[2] = Handles[0];
    expect_status(ZwWaitForMultipleObjects(0, Handles, WaitAny, FALSE, &NoTime), STATUS_INVALID_PARAMETER_1);
    expect_status(ZwWaitForMultipleObjects(65, Handles, WaitAny, FALSE, &NoTime), STATUS_INVALID_PARAMETER_1);
    expect_status(ZwWaitForMultipleObjects(2, Handles, (WAIT_TYPE)2, FALSE, &NoTime), STATUS_INVALID_PARAMETER_3);
    expect_status(ZwWaitForMultipleObjects(3, Handles, WaitAll, FALSE, &NoTime), STATUS_INVALID_PARAMETER_MIX);
    expect_status(ZwWaitForMultipleObjects(2, Handles, WaitAll, FALSE, &NoTime), STATUS_SUCCESS);
    expect_status(ZwWaitForMultipleObjects(2, Handles, WaitAny, FALSE, &NoTime), STATUS_TIMEOUT);
    expect_status(ZwSignalAndWaitForSingleObject(Handles[1], Handles[1], FALSE, &NoTime), STATUS_SUCCESS);
    expect_status(ZwCreateDirectoryObject(&Directory, DIRECTORY_ALL_ACCESS, NULL), STATUS_SUCCESS);
    expect_status(ZwWaitForSingleObject(Directory, FALSE, &NoTime), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(ZwSignalAndWaitForSingleObject(Directory, Handles[1], FALSE, &NoTime), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Directory);
    ZwClose(Handles[1]);
    ZwClose(Handles[0]);
}

KTEST(ob, query_types_describes_every_type)
{
    // Law: the type of an object and the list of all types are told with their names and counts.
    const ULONG Size = 0x4000;
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Size, 0x7462744B);
    POBJECT_TYPE_INFORMATION Type = (PVOID)Buffer;
    UNICODE_STRING EventName = RTL_CONSTANT_STRING(L"Event");
    HANDLE Event;
    ULONG Length;

    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwQueryObject(Event, ObjectTypeInformation, Buffer, Size, &Length), STATUS_SUCCESS);
    expect(RtlEqualUnicodeString(&Type->TypeName, &EventName, FALSE));
    expect_eq(Type->ValidAccessMask, EVENT_ALL_ACCESS);
    expect(Type->TotalNumberOfHandles >= 1);
    expect_status(ZwQueryObject(NULL, ObjectTypesInformation, Buffer, Size, &Length), STATUS_SUCCESS);
    expect(*(PULONG)(PVOID)Buffer >= 8);
    expect_status(ZwQueryObject(NULL, ObjectTypesInformation, Buffer, 16, &Length), STATUS_INFO_LENGTH_MISMATCH);
    expect_status(ZwQueryObject(Event, (OBJECT_INFORMATION_CLASS)5, Buffer, Size, &Length), STATUS_INVALID_INFO_CLASS);
    ZwClose(Event);
    ExFreePoolWithTag(Buffer, 0x7462744B);
}
