// SPDX-License-Identifier: MIT
// NtQueryObject and NtSetInformationObject. Answers are built in kernel memory and copied out in one go.
// Source: WDK, ZwQueryObject; the Native API as published.

#include "obp.h"

#define QUERY_LARGEST_BUFFER 0x11000u // a name of 64 KB, or all types

// Checks the output of a query. STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT.
NTSTATUS ObpProbeOutput(PVOID Information, ULONG Length, PULONG ReturnLength, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Mode == KernelMode)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        ProbeForWrite(Information, Length, sizeof(ULONG));
        if (ReturnLength != NULL)
            ProbeForWriteType(ReturnLength);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Copies an answer (Source NULL: none) and an optional length to the caller.
NTSTATUS ObpCopyOut(PVOID Target, const VOID *Source, ULONG Length, PULONG ReturnLength)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    SEH_TRY
    {
        if (Source != NULL)
            RtlCopyMemory(Target, Source, Length);
        if (ReturnLength != NULL)
            *ReturnLength = Length;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

typedef struct _OBP_QUERY {
    PVOID Object;
    OBJECT_HANDLE_INFORMATION Handle;
    PVOID Buffer; // kernel memory, zeroed
    PVOID Target; // where the answer will go: pointers in it point there
    ULONG Length;
    ULONG Needed;
} OBP_QUERY, *POBP_QUERY;

static ULONG ObpNameQueryLength(POBJECT_HEADER Header)
{
    POBJECT_HEADER_NAME_INFO Info = OBJECT_HEADER_TO_NAME_INFO(Header);

    return Info != NULL && Info->Directory != NULL ? sizeof(OBJECT_NAME_INFORMATION) + Info->Name.Length + sizeof(WCHAR)
                                                   : 0;
}

static NTSTATUS ObpQueryBasic(POBP_QUERY Query)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Query->Object);
    POBJECT_BASIC_INFORMATION Basic = Query->Buffer;

    Query->Needed = sizeof(*Basic);
    if (Query->Length != sizeof(*Basic))
        return STATUS_INFO_LENGTH_MISMATCH;
    Basic->Attributes = Query->Handle.HandleAttributes | (Header->Flags & OB_FLAG_PERMANENT ? OBJ_PERMANENT : 0) |
                        (Header->Flags & OB_FLAG_EXCLUSIVE ? OBJ_EXCLUSIVE : 0);
    Basic->GrantedAccess = Query->Handle.GrantedAccess;
    Basic->HandleCount = (ULONG)Header->HandleCount;
    Basic->PointerCount = (ULONG)Header->PointerCount - 1; // without ours
    Basic->PagedPoolCharge = Header->Type->TypeInfo.DefaultPagedPoolCharge;
    Basic->NonPagedPoolCharge = Header->Type->TypeInfo.DefaultNonPagedPoolCharge;
    Basic->NameInfoSize = ObpNameQueryLength(Header);
    Basic->TypeInfoSize = sizeof(OBJECT_TYPE_INFORMATION) + Header->Type->Name.Length + sizeof(WCHAR);
    Basic->SecurityDescriptorSize = SeLengthSecurityDescriptor(Header->SecurityDescriptor);
    if (Header->Type == ObpSymbolicLinkObjectType)
        Basic->CreationTime = ((POBJECT_SYMBOLIC_LINK)Query->Object)->CreationTime;
    return STATUS_SUCCESS;
}

static NTSTATUS ObpQueryName(POBP_QUERY Query)
{
    POBJECT_NAME_INFORMATION Name = Query->Buffer;
    NTSTATUS Status = ObQueryNameString(Query->Object, Name, Query->Length, &Query->Needed);

    if (NT_SUCCESS(Status) && Name->Name.Buffer != NULL)
        Name->Name.Buffer = (PWSTR)((ULONG_PTR)Name->Name.Buffer - (ULONG_PTR)Query->Buffer + (ULONG_PTR)Query->Target);
    return Status;
}

// Writes one type at Offset if it fits; returns the offset behind it, aligned.
static ULONG ObpPutType(POBP_QUERY Query, ULONG Offset, POBJECT_TYPE Type)
{
    POBJECT_TYPE_INFORMATION Information = (PVOID)((PUCHAR)Query->Buffer + Offset);
    ULONG Name = Offset + sizeof(*Information),
          End = (ULONG)ALIGN_UP_BY(Name + Type->Name.Length + sizeof(WCHAR), sizeof(ULONG));

    if (End > Query->Length)
        return End;
    RtlCopyMemory((PUCHAR)Query->Buffer + Name, Type->Name.Buffer, Type->Name.Length);
    Information->TypeName.Length = Type->Name.Length;
    Information->TypeName.MaximumLength = Type->Name.Length + sizeof(WCHAR);
    Information->TypeName.Buffer = (PWSTR)(PVOID)((PUCHAR)Query->Target + Name);
    Information->TotalNumberOfObjects = Type->TotalNumberOfObjects;
    Information->TotalNumberOfHandles = Type->TotalNumberOfHandles;
    Information->HighWaterNumberOfObjects = Type->HighWaterNumberOfObjects;
    Information->HighWaterNumberOfHandles = Type->HighWaterNumberOfHandles;
    Information->InvalidAttributes = Type->TypeInfo.InvalidAttributes;
    Information->GenericMapping = Type->TypeInfo.GenericMapping;
    Information->ValidAccessMask = Type->TypeInfo.ValidAccessMask;
    Information->SecurityRequired = Type->TypeInfo.SecurityRequired;
    Information->MaintainHandleCount = Type->TypeInfo.MaintainHandleCount;
    Information->PoolType = Type->TypeInfo.PoolType;
    Information->DefaultPagedPoolCharge = Type->TypeInfo.DefaultPagedPoolCharge;
    Information->DefaultNonPagedPoolCharge = Type->TypeInfo.DefaultNonPagedPoolCharge;
    return End;
}

static NTSTATUS ObpQueryType(POBP_QUERY Query)
{
    Query->Needed = ObpPutType(Query, 0, OBJECT_TO_OBJECT_HEADER(Query->Object)->Type);
    return Query->Needed <= Query->Length ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

// A count, then every type.
static NTSTATUS ObpQueryTypes(POBP_QUERY Query)
{
    ULONG Count = ObpTypeCount;

    Query->Needed = sizeof(ULONG);
    for (ULONG Index = 0; Index < Count; Index++)
        Query->Needed = ObpPutType(Query, Query->Needed, ObpObjectTypes[Index]);
    if (Query->Needed > Query->Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    *(PULONG)Query->Buffer = Count;
    return STATUS_SUCCESS;
}

static NTSTATUS ObpQueryHandleFlags(POBP_QUERY Query)
{
    POBJECT_HANDLE_FLAG_INFORMATION Flags = Query->Buffer;

    Query->Needed = sizeof(*Flags);
    if (Query->Length != sizeof(*Flags))
        return STATUS_INFO_LENGTH_MISMATCH;
    Flags->Inherit = (Query->Handle.HandleAttributes & OBJ_INHERIT) != 0;
    Flags->ProtectFromClose = (Query->Handle.HandleAttributes & OBJ_PROTECT_CLOSE) != 0;
    return STATUS_SUCCESS;
}

static NTSTATUS (*const ObpQueryRoutines[])(POBP_QUERY Query) = {
    [ObjectBasicInformation] = ObpQueryBasic,
    [ObjectNameInformation] = ObpQueryName,
    [ObjectTypeInformation] = ObpQueryType,
    [ObjectTypesInformation] = ObpQueryTypes,
    [ObjectHandleFlagInformation] = ObpQueryHandleFlags,
};

// Answers a class about the object of Handle, or (ObjectTypesInformation) about all types. Any access is enough.
// *ReturnLength (optional): bytes written, or needed with STATUS_INFO_LENGTH_MISMATCH. STATUS_INVALID_INFO_CLASS.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                             PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    OBP_QUERY Query = {.Target = Information, .Length = min_of(Length, QUERY_LARGEST_BUFFER)};
    NTSTATUS Status, Written;

    PAGED_CODE();
    if ((ULONG)Class >= RTL_NUMBER_OF(ObpQueryRoutines))
        return STATUS_INVALID_INFO_CLASS;
    Status = ObpProbeOutput(Information, Length, ReturnLength, Mode);
    if (NT_SUCCESS(Status) && Class != ObjectTypesInformation)
        Status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, &Query.Object, &Query.Handle);
    if (!NT_SUCCESS(Status))
        return Status;
    Query.Buffer = ExAllocatePoolZero(PagedPool, max_of(Query.Length, sizeof(ULONGLONG)), TAG_OB_QUERY);
    if (Query.Buffer != NULL) {
        Status = ObpQueryRoutines[Class](&Query);
        Written = ObpCopyOut(Information, NT_SUCCESS(Status) ? Query.Buffer : NULL, Query.Needed, ReturnLength);
        if (!NT_SUCCESS(Written))
            Status = Written;
        ExFreePoolWithTag(Query.Buffer, TAG_OB_QUERY);
    } else {
        Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Query.Object != NULL)
        ObDereferenceObject(Query.Object);
    return Status;
}

// Sets inheritance and protection of a handle. Table is safe.
static NTSTATUS ObpSetHandleFlags(PHANDLE_TABLE Table, HANDLE Handle, const OBJECT_HANDLE_FLAG_INFORMATION *Flags)
{
    PHANDLE_TABLE_ENTRY Entry;

    KeEnterCriticalRegion();
    Entry = ExMapHandleToPointer(Table, Handle);
    if (Entry != NULL) {
        Entry->Value &= ~(ULONG_PTR)(OBP_ENTRY_INHERIT | OBP_ENTRY_PROTECT);
        Entry->Value |= (Flags->Inherit ? OBP_ENTRY_INHERIT : 0) | (Flags->ProtectFromClose ? OBP_ENTRY_PROTECT : 0);
        ExUnlockHandleTableEntry(Table, Entry);
    }
    KeLeaveCriticalRegion();
    return Entry != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

static NTSTATUS ObpCaptureHandleFlags(POBJECT_HANDLE_FLAG_INFORMATION Flags, PVOID Information, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForRead(Information, sizeof(*Flags), 1);
        *Flags = *(volatile OBJECT_HANDLE_FLAG_INFORMATION *)Information;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// ObjectHandleFlagInformation: whether a handle is inherited, and protected from being closed.
// STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_HANDLE, STATUS_ACCESS_VIOLATION.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetInformationObject(HANDLE Handle, OBJECT_INFORMATION_CLASS Class, PVOID Information, ULONG Length)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PHANDLE_TABLE Table = PsGetCurrentProcess()->ObjectTable;
    OBJECT_HANDLE_FLAG_INFORMATION Flags;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class != ObjectHandleFlagInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (Length != sizeof(Flags))
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ObpCaptureHandleFlags(&Flags, Information, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (ObpIsKernelHandle(Handle, Mode)) {
        Table = ObpKernelHandleTable;
        Handle = ObpStripKernelHandle(Handle);
    }
    return Table != NULL ? ObpSetHandleFlags(Table, Handle, &Flags) : STATUS_INVALID_HANDLE;
}
