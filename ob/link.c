// SPDX-License-Identifier: MIT
// Symbolic links: objects whose parse procedure puts their target in front of the rest of the name and asks for
// another lookup. Drive letters are links in \??. Source: WDK, ZwCreateSymbolicLinkObject; Windows Internals,
// "Symbolic Links".

#include "obp.h"

POBJECT_TYPE ObpSymbolicLinkObjectType;

static const GENERIC_MAPPING ObpLinkMapping = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                                               STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS};

static VOID NTAPI ObpDeleteLink(PVOID Object)
{
    ObpFreeName(&((POBJECT_SYMBOLIC_LINK)Object)->LinkTarget);
}

// Phase 0.
BOOLEAN ObpCreateLinkType(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"SymbolicLink");
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};

    PAGED_CODE();
    Initializer.CaseInsensitive = TRUE;
    Initializer.GenericMapping = ObpLinkMapping;
    Initializer.ValidAccessMask = SYMBOLIC_LINK_ALL_ACCESS;
    Initializer.PoolType = PagedPool;
    Initializer.DispatcherOffset = -1;
    Initializer.DeleteProcedure = ObpDeleteLink;
    Initializer.ParseProcedure = ObpParseSymbolicLink;
    return NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &ObpSymbolicLinkObjectType));
}

// Parse procedure. A name that ends here means the link itself if a link is wanted; else CompleteName becomes target
// + rest. STATUS_REPARSE, STATUS_NAME_TOO_LONG, STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL.
NTSTATUS NTAPI ObpParseSymbolicLink(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                                    KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                                    PUNICODE_STRING RemainingName, PVOID Context,
                                    PSECURITY_QUALITY_OF_SERVICE SecurityQos, PVOID *Object)
{
    POBJECT_SYMBOLIC_LINK Link = ParseObject;
    ULONG Length = Link->LinkTarget.Length + RemainingName->Length;
    PWSTR Buffer;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(AccessState);
    UNREFERENCED_PARAMETER(AccessMode);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(SecurityQos);
    if (RemainingName->Length == 0 && (ObjectType == ObpSymbolicLinkObjectType || (Attributes & OBJ_OPENLINK) != 0)) {
        ObReferenceObject(Link);
        *Object = Link;
        return STATUS_SUCCESS;
    }
    if (Length > OBP_MAX_NAME_BYTES)
        return STATUS_NAME_TOO_LONG;
    Buffer = ExAllocatePoolWithTag(PagedPool, Length, TAG_OB_NAME);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(Buffer, Link->LinkTarget.Buffer, Link->LinkTarget.Length);
    RtlCopyMemory((PUCHAR)Buffer + Link->LinkTarget.Length, RemainingName->Buffer, RemainingName->Length);
    ObpFreeName(CompleteName);
    CompleteName->Buffer = Buffer;
    CompleteName->Length = CompleteName->MaximumLength = (USHORT)Length;
    return STATUS_REPARSE;
}

// Creates a link; Target is captured (kernel memory, pool, taken over on success).
static NTSTATUS ObpCreateLink(POBJECT_ATTRIBUTES ObjectAttributes, ACCESS_MASK DesiredAccess, PUNICODE_STRING Target,
                              KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    POBJECT_SYMBOLIC_LINK Link;
    NTSTATUS Status = ObCreateObject(Mode, ObpSymbolicLinkObjectType, ObjectAttributes, Mode, NULL, sizeof(*Link), 0, 0,
                                     (PVOID *)&Link);

    if (!NT_SUCCESS(Status))
        return Status;
    KeQuerySystemTime(&Link->CreationTime);
    Link->LinkTarget = *Target;
    RtlZeroMemory(Target, sizeof(*Target));
    return ObInsertObject(Link, NULL, DesiredAccess, 0, NULL, Handle);
}

// Makes a permanent link without keeping a handle. Phase 1.
NTSTATUS ObpCreatePermanentLink(PCWSTR Name, PCWSTR Target)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING LinkName, Source, Captured;
    HANDLE Handle;
    NTSTATUS Status;

    PAGED_CODE();
    RtlInitUnicodeString(&LinkName, Name);
    RtlInitUnicodeString(&Source, Target);
    InitializeObjectAttributes(&Attributes, &LinkName, OBJ_PERMANENT | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ObpCaptureName(&Captured, &Source, KernelMode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpCreateLink(&Attributes, SYMBOLIC_LINK_ALL_ACCESS, &Captured, KernelMode, &Handle);
    ObpFreeName(&Captured);
    return NT_SUCCESS(Status) ? ObCloseHandle(Handle, KernelMode) : Status;
}

// Creates a symbolic link to Target, which need not exist. STATUS_INVALID_PARAMETER for an empty or odd target.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK DesiredAccess,
                                          POBJECT_ATTRIBUTES ObjectAttributes, PUNICODE_STRING Target)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    UNICODE_STRING Captured;
    HANDLE Local;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObProbeHandle(Handle, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpCaptureName(&Captured, Target, Mode);
    if (Status == STATUS_OBJECT_NAME_INVALID || (NT_SUCCESS(Status) && Captured.Length == 0))
        return STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpCreateLink(ObjectAttributes, DesiredAccess, &Captured, Mode, &Local);
    ObpFreeName(&Captured);
    if (NT_SUCCESS(Status)) {
        NTSTATUS Written = ObReturnHandle(Handle, Local, Mode);

        return NT_SUCCESS(Written) ? Status : Written;
    }
    return Status;
}

// Opens a symbolic link itself. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ObpOpenService(Handle, DesiredAccess, ObjectAttributes, ObpSymbolicLinkObjectType);
}

// Copies Source into the caller's string. STATUS_BUFFER_TOO_SMALL; *ReturnedLength (optional) is written in both
// cases.
static NTSTATUS ObpReturnTarget(PUNICODE_STRING Target, PCUNICODE_STRING Source, PULONG ReturnedLength,
                                KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        UNICODE_STRING Copy;

        if (Mode != KernelMode)
            ProbeForWriteType(Target);
        Copy = *(volatile UNICODE_STRING *)Target;
        if (Mode != KernelMode) {
            ProbeForWrite(Copy.Buffer, Copy.MaximumLength, sizeof(WCHAR));
            if (ReturnedLength != NULL)
                ProbeForWriteType(ReturnedLength);
        }
        if (ReturnedLength != NULL)
            *ReturnedLength = Source->Length;
        if (Copy.MaximumLength < Source->Length) {
            Status = STATUS_BUFFER_TOO_SMALL;
        } else {
            RtlCopyMemory(Copy.Buffer, Source->Buffer, Source->Length);
            Target->Length = Source->Length;
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Reads a link's target into the caller's buffer. STATUS_BUFFER_TOO_SMALL. Needs SYMBOLIC_LINK_QUERY. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQuerySymbolicLinkObject(HANDLE Handle, PUNICODE_STRING Target, PULONG ReturnedLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    POBJECT_SYMBOLIC_LINK Link;
    NTSTATUS Status;

    PAGED_CODE();
    Status =
        ObReferenceObjectByHandle(Handle, SYMBOLIC_LINK_QUERY, ObpSymbolicLinkObjectType, Mode, (PVOID *)&Link, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpReturnTarget(Target, &Link->LinkTarget, ReturnedLength, Mode);
    ObDereferenceObject(Link);
    return Status;
}
