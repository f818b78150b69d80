// SPDX-License-Identifier: MIT
// Duplicating handles between processes. Source: SDK, DuplicateHandle; WDK, ZwDuplicateObject.

#include "obp.h"

#define DUPLICATE_VALID_OPTIONS (DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES)

// References what SourceHandle means in SourceProcess.
static NTSTATUS ObpReferenceSource(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, POBJECT_HEADER *Header,
                                   POBJECT_HANDLE_INFORMATION Information)
{
    PHANDLE_TABLE Table;
    NTSTATUS Status;

    if (Handle == NtCurrentProcess() || Handle == NtCurrentThread()) {
        PVOID Object = Handle == NtCurrentProcess() ? (PVOID)Process : (PVOID)PsGetCurrentThread();

        ObReferenceObject(Object);
        *Header = OBJECT_TO_OBJECT_HEADER(Object);
        Information->HandleAttributes = 0;
        Information->GrantedAccess = (*Header)->Type->TypeInfo.ValidAccessMask;
        return STATUS_SUCCESS;
    }
    if (ObpIsKernelHandle(Handle, Mode))
        return ObpReferenceEntry(ObpKernelHandleTable, ObpStripKernelHandle(Handle), Header, Information);
    Table = ObpAcquireProcessTable(Process);
    if (Table == NULL)
        return STATUS_PROCESS_IS_TERMINATING;
    Status = ObpReferenceEntry(Table, Handle, Header, Information);
    ObpReleaseProcessTable(Process);
    return Status;
}

// What the new handle may do: rights the source has are passed on, others need a check against the object.
static NTSTATUS ObpDuplicateAccess(POBJECT_HEADER Header, ACCESS_MASK SourceAccess, PACCESS_MASK Access, ULONG Options,
                                   KPROCESSOR_MODE Mode)
{
    ACCESS_STATE State;
    NTSTATUS Status;

    if (Options & DUPLICATE_SAME_ACCESS) {
        *Access = SourceAccess;
        return STATUS_SUCCESS;
    }
    RtlMapGenericMask(Access, &Header->Type->TypeInfo.GenericMapping);
    if ((*Access & MAXIMUM_ALLOWED) == 0) {
        *Access &= Header->Type->TypeInfo.ValidAccessMask | ACCESS_SYSTEM_SECURITY;
        if ((*Access & ~SourceAccess) == 0)
            return STATUS_SUCCESS;
    }
    Status = SeCreateAccessState(&State, *Access, &Header->Type->TypeInfo.GenericMapping);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpCheckAccess(Header->Body, &State, Mode);
    *Access = State.PreviouslyGrantedAccess;
    SeDeleteAccessState(&State);
    return Status;
}

// Puts a handle into the target's table. On success the caller's reference has become the handle's.
static NTSTATUS ObpInsertDuplicate(POBJECT_HEADER Header, PEPROCESS Target, ACCESS_MASK Access, ULONG Attributes,
                                   PHANDLE Handle)
{
    BOOLEAN Kernel = (Attributes & OBJ_KERNEL_HANDLE) != 0;
    HANDLE_TABLE_ENTRY Entry;
    PHANDLE_TABLE Table;
    HANDLE New = NULL;
    NTSTATUS Status;

    if (Kernel)
        Target = PsInitialSystemProcess;
    Status = ObpIncrementHandleCount(ObDuplicateHandle, Header, Target, Access, Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Entry.Value = (ULONG_PTR)Header | ObpEntryBits(Attributes);
    Entry.GrantedAccess = Access;
    Table = Kernel ? ObpKernelHandleTable : ObpAcquireProcessTable(Target);
    if (Table == NULL) {
        Status = STATUS_PROCESS_IS_TERMINATING;
    } else {
        New = ExCreateHandle(Table, &Entry);
        if (!Kernel)
            ObpReleaseProcessTable(Target);
        if (New == NULL)
            Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!NT_SUCCESS(Status)) {
        ObpDecrementHandleCount(Header, Target, Access);
        return Status;
    }
    *Handle = Kernel ? (HANDLE)((ULONG_PTR)New | OBJ_HANDLE_KERNEL_FLAG) : New;
    return STATUS_SUCCESS;
}

static VOID ObpCloseSource(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    PHANDLE_TABLE Table;

    if (Handle == NtCurrentProcess() || Handle == NtCurrentThread())
        return;
    if (ObpIsKernelHandle(Handle, Mode)) {
        IGNORE_STATUS(ObpCloseTableHandle(PsInitialSystemProcess, ObpKernelHandleTable, ObpStripKernelHandle(Handle),
                                          Mode, FALSE));
        return;
    }
    Table = ObpAcquireProcessTable(Process);
    if (Table != NULL) // a protected handle stays open
        IGNORE_STATUS(ObpCloseTableHandle(Process, Table, Handle, Mode, TRUE));
}

// Gives TargetProcess a handle to what SourceHandle means in SourceProcess. With DUPLICATE_CLOSE_SOURCE the source is
// closed whatever else fails; TargetProcess NULL does only that. *TargetHandle is kernel memory.
//
// PASSIVE_LEVEL; the caller holds references to both processes. STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED,
// STATUS_PROCESS_IS_TERMINATING, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ObDuplicateObject(PEPROCESS SourceProcess, HANDLE SourceHandle, PEPROCESS TargetProcess,
                                 PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options,
                                 KPROCESSOR_MODE Mode)
{
    OBJECT_HANDLE_INFORMATION Source;
    POBJECT_HEADER Header;
    NTSTATUS Status;

    PAGED_CODE();
    if (TargetHandle != NULL)
        *TargetHandle = NULL;
    Status = ObpReferenceSource(SourceProcess, SourceHandle, Mode, &Header, &Source);
    if (!NT_SUCCESS(Status))
        return Status;
    if (TargetProcess != NULL && TargetHandle != NULL) {
        if (Options & DUPLICATE_SAME_ATTRIBUTES)
            HandleAttributes = Source.HandleAttributes;
        Status = ObpDuplicateAccess(Header, Source.GrantedAccess, &DesiredAccess, Options, Mode);
        if (NT_SUCCESS(Status))
            Status = ObpInsertDuplicate(Header, TargetProcess, DesiredAccess, HandleAttributes, TargetHandle);
        if (!NT_SUCCESS(Status))
            ObDereferenceObject(Header->Body);
    } else {
        Status = Options & DUPLICATE_CLOSE_SOURCE ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
        ObDereferenceObject(Header->Body);
    }
    if (Options & DUPLICATE_CLOSE_SOURCE)
        ObpCloseSource(SourceProcess, SourceHandle, Mode);
    return Status;
}

// Writes the new handle to the caller; if that faults, takes it back out of the target.
static NTSTATUS ObpReturnDuplicate(PHANDLE TargetHandle, HANDLE New, PEPROCESS Target, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Mode == KernelMode)
        *TargetHandle = New;
    else
        Status = ExPutUserUlong(TargetHandle, (ULONG)(ULONG_PTR)New);
    if (!NT_SUCCESS(Status))
        ObpCloseSource(Target, New, Mode);
    return Status;
}

// The process of a handle with PROCESS_DUP_HANDLE. The current process needs no reference: *Referenced tells.
static NTSTATUS ObpDuplicateProcess(HANDLE Handle, KPROCESSOR_MODE Mode, PEPROCESS *Process, PBOOLEAN Referenced)
{
    NTSTATUS Status;

    *Referenced = FALSE;
    if (Handle == NtCurrentProcess()) {
        *Process = PsGetCurrentProcess();
        return STATUS_SUCCESS;
    }
    Status = ObReferenceObjectByHandle(Handle, PROCESS_DUP_HANDLE, PsProcessType, Mode, (PVOID *)Process, NULL);
    *Referenced = NT_SUCCESS(Status);
    return Status;
}

// ObDuplicateObject as a service: both process handles need PROCESS_DUP_HANDLE. TargetProcess NULL: only close the
// source. STATUS_INVALID_PARAMETER for unknown options; STATUS_ACCESS_VIOLATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtDuplicateObject(HANDLE SourceProcess, HANDLE SourceHandle, HANDLE TargetProcess, PHANDLE TargetHandle,
                                 ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    BOOLEAN SourceReferenced, TargetReferenced = FALSE;
    PEPROCESS Source, Target = NULL;
    HANDLE New;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Options & ~DUPLICATE_VALID_OPTIONS)
        return STATUS_INVALID_PARAMETER;
    if (TargetHandle != NULL)
        Status = ObProbeHandle(TargetHandle, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    HandleAttributes &= Mode == KernelMode ? OBP_HANDLE_ATTRIBUTES | OBJ_KERNEL_HANDLE : OBP_HANDLE_ATTRIBUTES;
    Status = ObpDuplicateProcess(SourceProcess, Mode, &Source, &SourceReferenced);
    if (!NT_SUCCESS(Status))
        return Status;
    if (TargetProcess != NULL) {
        Status = ObpDuplicateProcess(TargetProcess, Mode, &Target, &TargetReferenced);
        if (!NT_SUCCESS(Status) && (Options & DUPLICATE_CLOSE_SOURCE))
            ObpCloseSource(Source, SourceHandle, Mode);
    }
    if (NT_SUCCESS(Status))
        Status = ObDuplicateObject(Source, SourceHandle, Target, TargetHandle != NULL ? &New : NULL, DesiredAccess,
                                   HandleAttributes, Options, Mode);
    if (NT_SUCCESS(Status) && Target != NULL && TargetHandle != NULL)
        Status = ObpReturnDuplicate(TargetHandle, New, Target, Mode);
    if (TargetReferenced)
        ObDereferenceObject(Target);
    if (SourceReferenced)
        ObDereferenceObject(Source);
    return Status;
}
