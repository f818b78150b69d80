// SPDX-License-Identifier: MIT
// See obtest.h.

#include "obtest.h"

OB_TEST_COUNTS ObTest;
POBJECT_TYPE ObTestType;

static NTSTATUS NTAPI ObTestOpen(OB_OPEN_REASON Reason, PEPROCESS Process, PVOID Object, ACCESS_MASK GrantedAccess,
                                 ULONG HandleCount)
{
    UNREFERENCED_PARAMETER(Reason);
    UNREFERENCED_PARAMETER(Process);
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(GrantedAccess);
    UNREFERENCED_PARAMETER(HandleCount);
    InterlockedIncrement(&ObTest.Opened);
    return STATUS_SUCCESS;
}

static VOID NTAPI ObTestClose(PEPROCESS Process, PVOID Object, ACCESS_MASK GrantedAccess, ULONG ProcessHandleCount,
                              ULONG SystemHandleCount)
{
    UNREFERENCED_PARAMETER(Process);
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(GrantedAccess);
    expect(ProcessHandleCount >= 1 && ProcessHandleCount <= SystemHandleCount);
    InterlockedIncrement(&ObTest.Closed);
    if (SystemHandleCount == 1)
        InterlockedIncrement(&ObTest.ClosedLast);
}

static VOID NTAPI ObTestDelete(PVOID Object)
{
    UNREFERENCED_PARAMETER(Object);
    ObTest.DeleteIrql = KeGetCurrentIrql();
    InterlockedIncrement(&ObTest.Deleted);
}

VOID ObTestBegin(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"KernelTest");
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};

    RtlZeroMemory(&ObTest, sizeof(ObTest));
    if (ObTestType != NULL)
        return;
    Initializer.GenericMapping.GenericRead = STANDARD_RIGHTS_READ | 0x01;
    Initializer.GenericMapping.GenericWrite = STANDARD_RIGHTS_WRITE | 0x02;
    Initializer.GenericMapping.GenericExecute = STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE;
    Initializer.GenericMapping.GenericAll = OB_TEST_ALL_ACCESS;
    Initializer.ValidAccessMask = OB_TEST_ALL_ACCESS;
    Initializer.MaintainHandleCount = TRUE;
    Initializer.PoolType = NonPagedPool;
    Initializer.DispatcherOffset = FIELD_OFFSET(OB_TEST_OBJECT, Event);
    Initializer.OpenProcedure = ObTestOpen;
    Initializer.CloseProcedure = ObTestClose;
    Initializer.DeleteProcedure = ObTestDelete;
    NT_VERIFY(NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &ObTestType)));
}

POB_TEST_OBJECT ObTestCreate(PCWSTR Name, ULONG Attributes)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    UNICODE_STRING String;
    POB_TEST_OBJECT Object;

    if (Name != NULL)
        RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&ObjectAttributes, Name != NULL ? &String : NULL, Attributes, NULL, NULL);
    NT_VERIFY(NT_SUCCESS(ObCreateObject(KernelMode, ObTestType, &ObjectAttributes, KernelMode, NULL, sizeof(*Object), 0,
                                        0, (PVOID *)&Object)));
    KeInitializeEvent(&Object->Event, NotificationEvent, FALSE);
    return Object;
}

HANDLE ObTestInsert(POB_TEST_OBJECT Object, ACCESS_MASK Access)
{
    HANDLE Handle = NULL;

    expect(NT_SUCCESS(ObInsertObject(Object, NULL, Access, 0, NULL, &Handle)));
    return Handle;
}
