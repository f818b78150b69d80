// SPDX-License-Identifier: MIT
// Io's object types: drivers, devices, files.

#include "iop.h"

POBJECT_TYPE IoFileObjectType, IoDeviceObjectType, IoDriverObjectType;

static const GENERIC_MAPPING IopObjectMapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                                                 FILE_ALL_ACCESS};

static BOOLEAN IopCreateType(PCWSTR Name, POBJECT_TYPE_INITIALIZER Initializer, POBJECT_TYPE *Type)
{
    UNICODE_STRING TypeName;

    RtlInitUnicodeString(&TypeName, Name);
    Initializer->Length = sizeof(*Initializer);
    Initializer->CaseInsensitive = TRUE;
    Initializer->InvalidAttributes = OBJ_OPENLINK;
    Initializer->GenericMapping = IopObjectMapping;
    Initializer->ValidAccessMask = FILE_ALL_ACCESS;
    Initializer->PoolType = NonPagedPool;
    return NT_SUCCESS(ObCreateObjectType(&TypeName, Initializer, NULL, Type));
}

// Registers the three types with Ob.
//
// PASSIVE_LEVEL, once. FALSE when there is no memory.
BOOLEAN IopCreateObjectTypes(VOID)
{
    OBJECT_TYPE_INITIALIZER Driver = {.DispatcherOffset = -1, .DeleteProcedure = IopDeleteDriver};
    OBJECT_TYPE_INITIALIZER Device = {
        .DispatcherOffset = -1, .DeleteProcedure = IopDeleteDeviceObject, .ParseProcedure = IopParseDevice};
    OBJECT_TYPE_INITIALIZER File = {
        .DispatcherOffset = FIELD_OFFSET(FILE_OBJECT, Event),
        .MaintainHandleCount = TRUE,
        .CloseProcedure = IopCloseFile,
        .DeleteProcedure = IopDeleteFile,
        .ParseProcedure = IopParseFile,
        .QueryNameProcedure = IopQueryNameFile,
    };

    return IopCreateType(L"Driver", &Driver, &IoDriverObjectType) &&
           IopCreateType(L"Device", &Device, &IoDeviceObjectType) && IopCreateType(L"File", &File, &IoFileObjectType);
}
