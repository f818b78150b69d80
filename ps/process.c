// SPDX-License-Identifier: MIT
// Creating processes: the object, its address space, handles, token, id; the first thread comes separately
// (NtCreateThread), as CreateProcess does it in steps. Source: Windows Internals, "Flow of CreateProcess".

#include "psp.h"

// The last component of the name that the image was opened under, cut to the 15 characters that debuggers show.
static VOID PspSetImageName(PEPROCESS Process)
{
    PFILE_OBJECT File = MmGetFileObjectForSection(Process->SectionObject);
    ULONG Start, Length, Index;

    if (File == NULL)
        return;
    Length = File->FileName.Length / sizeof(WCHAR);
    for (Start = Length; Start > 0 && File->FileName.Buffer[Start - 1] != L'\\'; Start--)
        ;
    for (Index = 0; Index < sizeof(Process->ImageFileName) - 1 && Start + Index < Length; Index++)
        Process->ImageFileName[Index] = (CHAR)File->FileName.Buffer[Start + Index];
    ObDereferenceObject(File);
}

// A clone runs its parent's program.
static VOID PspInheritImage(PEPROCESS Process, PEPROCESS Parent)
{
    memcpy(Process->ImageFileName, Parent->ImageFileName, sizeof(Process->ImageFileName));
    Process->SectionObject = Parent->SectionObject;
    if (Process->SectionObject != NULL)
        ObReferenceObject(Process->SectionObject);
}

static VOID PspInitializeProcessFields(PEPROCESS Process, PEPROCESS Parent)
{
    ExInitializePushLock(&Process->ProcessLock);
    ExInitializeRundownProtection(&Process->RundownProtect);
    KeInitializeGuardedMutex(&Process->AddressCreationLock);
    KeInitializeGuardedMutex(&Process->WorkingSetLock);
    InitializeListHead(&Process->ThreadListHead);
    InitializeListHead(&Process->ActiveProcessLinks);
    KeQuerySystemTime(&Process->CreateTime);
    Process->ExitStatus = STATUS_PENDING;
    Process->PriorityClass = PROCESS_PRIORITY_CLASS_NORMAL;
    Process->DefaultHardErrorProcessing = 1;
    Process->PagePriority = PAGE_PRIORITY_NORMAL;
    if (Parent != NULL) {
        Process->InheritedFromUniqueProcessId = Parent->UniqueProcessId;
        Process->DefaultHardErrorProcessing = Parent->DefaultHardErrorProcessing;
        Process->SessionId = Parent->SessionId;
        if (Parent->Session != NULL)
            MmInheritSession(Process, Parent);
        Process->PagePriority = Parent->PagePriority;
    }
}

// The user part of a new address space: image, ntdll, PEB.
static NTSTATUS PspBuildUserSpace(PEPROCESS Process)
{
    KAPC_STATE ApcState;
    PVOID ImageBase;
    NTSTATUS Status;

    KeStackAttachProcess(&Process->Pcb, &ApcState);
    Status = MmInitializeProcessAddressSpace(Process, Process->SectionObject, &ImageBase);
    if (NT_SUCCESS(Status)) {
        Process->SectionBaseAddress = ImageBase;
        Status = PspMapSystemDll(Process);
    }
    if (NT_SUCCESS(Status))
        Status = PspInitializePeb(Process, ImageBase);
    KeUnstackDetachProcess(&ApcState);
    return Status;
}

// A process without a section of its own: a clone of its parent. Its PEB says so, for ntdll.
static NTSTATUS PspCloneUserSpace(PEPROCESS Process, PEPROCESS Parent)
{
    volatile NTSTATUS Status = MmCloneProcessAddressSpace(Parent, Process);
    KAPC_STATE ApcState;

    if (!NT_SUCCESS(Status) || Parent->Peb == NULL)
        return Status;
    Process->SectionBaseAddress = Parent->SectionBaseAddress;
    Process->Peb = Parent->Peb;
    KeStackAttachProcess(&Process->Pcb, &ApcState);
    SEH_TRY
    {
        Process->Peb->InheritedAddressSpace = TRUE;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    KeUnstackDetachProcess(&ApcState);
    return Status;
}

// Everything a process needs before it can be seen; the object's deletion undoes what was done.
static NTSTATUS PspBuildProcess(PEPROCESS Process, PEPROCESS Parent, ULONG Flags, BOOLEAN Clone)
{
    NTSTATUS Status;

    Status = MmCreateProcessAddressSpace(Process);
    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeProcess(&Process->Pcb, PSP_NORMAL_BASE_PRIORITY, KeActiveProcessors, Process->Pcb.DirectoryTableBase);
    PspInheritPriority(Process, Parent);
    Status = PsCreateQuotaBlock(Process, Parent);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = SeInitProcess(Parent, Process);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObInitProcess((Flags & PROCESS_CREATE_FLAGS_INHERIT_HANDLES) ? Parent : NULL, Process);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = STATUS_SUCCESS;
    if (Clone) {
        Status = PspCloneUserSpace(Process, Parent);
    } else if (Process->SectionObject != NULL) {
        PspSetImageName(Process);
        Status = PspBuildUserSpace(Process);
    }
    if (!NT_SUCCESS(Status))
        return Status;
    Process->UniqueProcessId = PspCreateId(Process);
    if (Process->UniqueProcessId == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Process->ObjectTable != NULL)
        Process->ObjectTable->UniqueProcessId = Process->UniqueProcessId;
    return STATUS_SUCCESS;
}

static NTSTATUS PspReferenceParent(HANDLE ParentHandle, PEPROCESS ParentObject, KPROCESSOR_MODE Mode, PEPROCESS *Parent)
{
    *Parent = ParentObject;
    if (ParentObject != NULL) {
        ObReferenceObject(ParentObject);
        return STATUS_SUCCESS;
    }
    if (ParentHandle == NULL)
        return Mode == KernelMode ? STATUS_SUCCESS : STATUS_INVALID_HANDLE; // the system process has no parent
    return ObReferenceObjectByHandle(ParentHandle, PROCESS_CREATE_PROCESS, PsProcessType, Mode, (PVOID *)Parent, NULL);
}

static VOID PspLinkProcess(PEPROCESS Process)
{
    KeAcquireGuardedMutex(&PsActiveProcessMutex);
    InsertTailList(&PsActiveProcessHead, &Process->ActiveProcessLinks);
    KeReleaseGuardedMutex(&PsActiveProcessMutex);
}

// Creates a process from an image section, without a thread. No section: a clone of the parent's address space, or,
// without a parent, the system process.
//
// Handle: user or kernel memory by previous mode, or NULL; Created: receives a reference, or NULL.
// IRQL PASSIVE_LEVEL. A failure leaves nothing behind.
NTSTATUS NTAPI PspCreateProcess(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes,
                                HANDLE ParentHandle, PEPROCESS ParentObject, ULONG Flags, HANDLE SectionHandle,
                                PEPROCESS *Created)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PEPROCESS Parent, Process;
    HANDLE LocalHandle;
    NTSTATUS Status;

    PAGED_CODE();
    Status = PspReferenceParent(ParentHandle, ParentObject, Mode, &Parent);
    if (!NT_SUCCESS(Status))
        return Status;
    Status =
        ObCreateObject(Mode, PsProcessType, Attributes, KernelMode, NULL, sizeof(EPROCESS), 0, 0, (PVOID *)&Process);
    if (!NT_SUCCESS(Status))
        goto Cleanup;
    PspInitializeProcessFields(Process, Parent);
    if (SectionHandle != NULL)
        Status = ObReferenceObjectByHandle(SectionHandle, SECTION_MAP_EXECUTE, MmSectionObjectType, Mode,
                                           &Process->SectionObject, NULL);
    else if (Parent != NULL)
        PspInheritImage(Process, Parent);
    if (NT_SUCCESS(Status))
        Status = PspBuildProcess(Process, Parent, Flags, SectionHandle == NULL && Parent != NULL);
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(Process);
        goto Cleanup;
    }
    PspLinkProcess(Process);
    KdTraceProcess(Process);
    ObReferenceObject(Process);
    Status = ObInsertObject(Process, NULL, DesiredAccess, 0, NULL, Handle != NULL ? &LocalHandle : NULL);
    if (NT_SUCCESS(Status) && Handle != NULL) {
        Status = PspWriteHandle(Handle, LocalHandle, Mode);
        if (!NT_SUCCESS(Status))
            ObCloseHandle(LocalHandle, Mode);
    }
    if (NT_SUCCESS(Status) && Created != NULL)
        *Created = Process;
    else
        ObDereferenceObject(Process);
Cleanup:
    if (Parent != NULL)
        ObDereferenceObject(Parent);
    return Status;
}

// Windows Server 2003's form. Debug and exception ports and jobs are not built: a handle for one is refused.
NTSTATUS NTAPI NtCreateProcessEx(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                 HANDLE Parent, ULONG Flags, HANDLE Section, HANDLE DebugPort, HANDLE ExceptionPort,
                                 ULONG JobMemberLevel)
{
    if (DebugPort != NULL || ExceptionPort != NULL)
        return STATUS_NOT_IMPLEMENTED;
    if (JobMemberLevel != 0 || (Flags & ~PROCESS_CREATE_FLAGS_INHERIT_HANDLES))
        return STATUS_INVALID_PARAMETER;
    if (Parent == NULL)
        return STATUS_INVALID_HANDLE;
    return PspCreateProcess(Handle, DesiredAccess, ObjectAttributes, Parent, NULL, Flags, Section, NULL);
}

NTSTATUS NTAPI NtCreateProcess(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                               HANDLE Parent, BOOLEAN InheritHandles, HANDLE Section, HANDLE DebugPort,
                               HANDLE ExceptionPort)
{
    return NtCreateProcessEx(Handle, DesiredAccess, ObjectAttributes, Parent,
                             InheritHandles ? PROCESS_CREATE_FLAGS_INHERIT_HANDLES : 0, Section, DebugPort,
                             ExceptionPort, 0);
}
