// SPDX-License-Identifier: MIT
// The process and thread object types.

#include "psp.h"

POBJECT_TYPE PsProcessType, PsThreadType;

static const GENERIC_MAPPING PspProcessMapping = {
    STANDARD_RIGHTS_READ | PROCESS_VM_READ | PROCESS_QUERY_INFORMATION,
    STANDARD_RIGHTS_WRITE | PROCESS_CREATE_PROCESS | PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE |
        PROCESS_DUP_HANDLE | PROCESS_TERMINATE | PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION | PROCESS_SUSPEND_RESUME,
    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, PROCESS_ALL_ACCESS};

static const GENERIC_MAPPING PspThreadMapping = {STANDARD_RIGHTS_READ | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION,
                                                 STANDARD_RIGHTS_WRITE | THREAD_TERMINATE | THREAD_SUSPEND_RESUME |
                                                     THREAD_ALERT | THREAD_SET_INFORMATION | THREAD_SET_CONTEXT,
                                                 STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, THREAD_ALL_ACCESS};

static POBJECT_TYPE PspCreateType(PCWSTR Name, const GENERIC_MAPPING *Mapping, ULONG BodySize, OB_DELETE_METHOD Delete)
{
    UNICODE_STRING TypeName;
    OBJECT_TYPE_INITIALIZER Initializer = {0};
    POBJECT_TYPE Type;

    RtlInitUnicodeString(&TypeName, Name);
    Initializer.Length = sizeof(Initializer);
    Initializer.InvalidAttributes = OBJ_OPENLINK | OBJ_PERMANENT | OBJ_EXCLUSIVE | OBJ_OPENIF;
    Initializer.GenericMapping = *Mapping;
    Initializer.ValidAccessMask = Mapping->GenericAll;
    Initializer.SecurityRequired = TRUE;
    Initializer.PoolType = NonPagedPool;
    Initializer.DefaultNonPagedPoolCharge = BodySize;
    Initializer.DispatcherOffset = 0; // both bodies begin with their DISPATCHER_HEADER
    Initializer.DeleteProcedure = Delete;
    NT_VERIFY(NT_SUCCESS(ObCreateObjectType(&TypeName, &Initializer, NULL, &Type)));
    return Type;
}

// Creates both types. Phase 0, PASSIVE_LEVEL; cannot fail (there is no system without them).
VOID PspCreateTypes(VOID)
{
    PsProcessType = PspCreateType(L"Process", &PspProcessMapping, sizeof(EPROCESS), PspProcessDelete);
    PsThreadType = PspCreateType(L"Thread", &PspThreadMapping, sizeof(ETHREAD), PspThreadDelete);
}
