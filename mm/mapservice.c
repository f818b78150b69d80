// SPDX-License-Identifier: MIT
// The services around views: NtMapViewOfSection, NtUnmapViewOfSection, NtQuerySection, and what a mapped address
// belongs to.

#include "mi.h"

// The rights to a section that a view with a protection (MM_*) needs. Source: WDK, ZwMapViewOfSection.
static const ACCESS_MASK MiViewAccess[8] = {SECTION_MAP_READ,
                                            SECTION_MAP_READ,
                                            SECTION_MAP_EXECUTE,
                                            SECTION_MAP_EXECUTE | SECTION_MAP_READ,
                                            SECTION_MAP_WRITE,
                                            SECTION_MAP_READ,
                                            SECTION_MAP_EXECUTE | SECTION_MAP_WRITE,
                                            SECTION_MAP_EXECUTE | SECTION_MAP_READ};

typedef struct _MI_MAP_ARGUMENTS {
    PVOID Base;
    LARGE_INTEGER Offset;
    SIZE_T ViewSize;
} MI_MAP_ARGUMENTS, *PMI_MAP_ARGUMENTS;

static NTSTATUS MiCaptureMapArguments(PVOID *Base, PLARGE_INTEGER Offset, PSIZE_T ViewSize, PMI_MAP_ARGUMENTS Arguments)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWriteType(Base);
            ProbeForWriteType(ViewSize);
            if (Offset != NULL)
                ProbeForWriteType(Offset);
        }
        Arguments->Base = *(PVOID volatile *)Base;
        Arguments->ViewSize = *(volatile SIZE_T *)ViewSize;
        Arguments->Offset.QuadPart = Offset != NULL ? *(volatile LONGLONG *)&Offset->QuadPart : 0;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    if ((ULONG_PTR)Arguments->Base > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS)
        return STATUS_INVALID_PARAMETER_3;
    if (Arguments->ViewSize > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - (ULONG_PTR)Arguments->Base)
        return STATUS_INVALID_VIEW_SIZE;
    if (Arguments->Offset.QuadPart < 0)
        return STATUS_INVALID_VIEW_SIZE;
    return STATUS_SUCCESS;
}

static VOID MiReturnMapArguments(PVOID *Base, PLARGE_INTEGER Offset, PSIZE_T ViewSize, PMI_MAP_ARGUMENTS Arguments)
{
    SEH_TRY
    {
        *Base = Arguments->Base;
        *ViewSize = Arguments->ViewSize;
        if (Offset != NULL)
            *Offset = Arguments->Offset;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
}

static NTSTATUS MiMapForService(HANDLE SectionHandle, HANDLE ProcessHandle, ULONG Protection,
                                PMI_MAP_ARGUMENTS Arguments, ULONG_PTR ZeroBits, SIZE_T CommitSize,
                                SECTION_INHERIT Inherit, ULONG Type, ULONG Protect)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PEPROCESS Process;
    PVOID Section;
    NTSTATUS Status;
    ULONG Attempt = 0;

    Status =
        ObReferenceObjectByHandle(ProcessHandle, PROCESS_VM_OPERATION, PsProcessType, Mode, (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(SectionHandle, MiViewAccess[Protection & 7], MmSectionObjectType, Mode, &Section,
                                       NULL);
    if (NT_SUCCESS(Status)) {
        do
            Status = MmMapViewOfSection(Section, Process, &Arguments->Base, ZeroBits, CommitSize, &Arguments->Offset,
                                        &Arguments->ViewSize, Inherit, Type, Protect);
        while (Status == STATUS_COMMITMENT_LIMIT && MiAskForCommitment(BYTES_TO_PAGES(Arguments->ViewSize), Attempt++));
        ObDereferenceObject(Section);
    }
    ObDereferenceObject(Process);
    return Status;
}

// System service. WDK: ZwMapViewOfSection.
NTSTATUS NTAPI NtMapViewOfSection(HANDLE Section, HANDLE Process, PVOID *BaseAddress, ULONG_PTR ZeroBits,
                                  SIZE_T CommitSize, PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize,
                                  SECTION_INHERIT Inherit, ULONG AllocationType, ULONG Protect)
{
    ULONG Protection = MiMakeProtectionMask(Protect);
    MI_MAP_ARGUMENTS Arguments;
    NTSTATUS Status;

    PAGED_CODE();
    if (Inherit != ViewShare && Inherit != ViewUnmap)
        return STATUS_INVALID_PARAMETER_8;
    if (AllocationType & ~(ULONG)(MEM_RESERVE | MEM_TOP_DOWN))
        return STATUS_INVALID_PARAMETER_9;
    if (Protection == MM_INVALID_PROTECTION)
        return STATUS_INVALID_PAGE_PROTECTION;
    Status = MiCaptureMapArguments(BaseAddress, SectionOffset, ViewSize, &Arguments);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiMapForService(Section, Process, Protection, &Arguments, ZeroBits, CommitSize, Inherit, AllocationType,
                             Protect);
    if (NT_SUCCESS(Status))
        MiReturnMapArguments(BaseAddress, SectionOffset, ViewSize, &Arguments);
    return Status;
}

// System service. WDK: ZwUnmapViewOfSection.
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    PEPROCESS Process;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_VM_OPERATION, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MmUnmapViewOfSection(Process, BaseAddress);
    ObDereferenceObject(Process);
    return Status;
}

static NTSTATUS MiReturnSectionInformation(PVOID User, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength)
{
    SEH_TRY
    {
        memcpy(User, Information, Length);
        if (ReturnLength != NULL)
            *ReturnLength = Length;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiCheckQuery(SECTION_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWrite(Information, Length, sizeof(ULONG));
            if (ReturnLength != NULL)
                ProbeForWriteType(ReturnLength);
        }
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    if (Class != SectionBasicInformation && Class != SectionImageInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (Length <
        (Class == SectionBasicInformation ? sizeof(SECTION_BASIC_INFORMATION) : sizeof(SECTION_IMAGE_INFORMATION)))
        return STATUS_INFO_LENGTH_MISMATCH;
    return STATUS_SUCCESS;
}

// System service (the published Native API).
NTSTATUS NTAPI NtQuerySection(HANDLE Handle, SECTION_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length,
                              PSIZE_T ReturnLength)
{
    SECTION_BASIC_INFORMATION Basic;
    SECTION_IMAGE_INFORMATION Image;
    PSECTION Section;
    NTSTATUS Status;

    PAGED_CODE();
    Status = MiCheckQuery(Class, Information, Length, ReturnLength);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SECTION_QUERY, MmSectionObjectType, ExGetPreviousMode(),
                                       (PVOID *)&Section, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Class == SectionBasicInformation) {
        Basic.BaseAddress = Section->BasedSlots != 0 ? (PVOID)Section->BasedAddress : NULL;
        Basic.AllocationAttributes =
            Section->AllocationAttributes | (Section->Segment->ControlArea->FilePointer != NULL ? SEC_FILE : 0);
        Basic.MaximumSize = Section->SizeOfSection;
        Status = MiReturnSectionInformation(Information, &Basic, sizeof(Basic), ReturnLength);
    } else if (!(Section->AllocationAttributes & SEC_IMAGE)) {
        Status = STATUS_SECTION_NOT_IMAGE;
    } else {
        MmGetImageInformation(Section, &Image);
        Status = MiReturnSectionInformation(Information, &Image, sizeof(Image), ReturnLength);
    }
    ObDereferenceObject(Section);
    return Status;
}

// What the headers of an image section say. Any IRQL the section can be touched at.
VOID MmGetImageInformation(PVOID Section, PSECTION_IMAGE_INFORMATION Information)
{
    *Information = ((PSECTION)Section)->Segment->ImageInformation;
}

// The file of a section, with a reference; NULL if memory backs it.
PVOID MmGetFileObjectForSection(PVOID Section)
{
    PFILE_OBJECT File = ((PSECTION)Section)->Segment->ControlArea->FilePointer;

    if (File != NULL)
        ObReferenceObject(File);
    return File;
}

// The file mapped at an address of the current process, with a reference. NULL: none.
static PFILE_OBJECT MiReferenceMappedFile(PVOID Va, PCONTROL_AREA *ControlArea)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PFILE_OBJECT File = NULL;
    PMMVAD Vad;

    *ControlArea = NULL;
    if ((ULONG_PTR)Va > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS || !NT_SUCCESS(MiLockAddressSpace(Process)))
        return NULL;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Va));
    if (Vad != NULL && !Vad->u.VadFlags.PrivateMemory) {
        *ControlArea = Vad->ControlArea;
        File = Vad->ControlArea->FilePointer;
        if (File != NULL)
            ObReferenceObject(File);
    }
    MiUnlockAddressSpace(Process);
    return File;
}

// The name of the file mapped at Va in the current process. IRQL PASSIVE_LEVEL. STATUS_INVALID_ADDRESS: no view;
// STATUS_FILE_INVALID: a view without a file.
NTSTATUS NTAPI MmGetFileNameForAddress(PVOID Va, POBJECT_NAME_INFORMATION Name, ULONG Length, PULONG Returned)
{
    PCONTROL_AREA ControlArea;
    PFILE_OBJECT File = MiReferenceMappedFile(Va, &ControlArea);
    NTSTATUS Status;

    PAGED_CODE();
    if (File == NULL)
        return ControlArea == NULL ? STATUS_INVALID_ADDRESS : STATUS_FILE_INVALID;
    Status = IoQueryFileName(File, Name, Length, Returned);
    ObDereferenceObject(File);
    return Status;
}

// System service: are two addresses of this process views of the same file, the first of them an image?
NTSTATUS NTAPI NtAreMappedFilesTheSame(PVOID First, PVOID Second)
{
    PCONTROL_AREA FirstArea, SecondArea;
    PFILE_OBJECT FirstFile, SecondFile;
    NTSTATUS Status = STATUS_NOT_SAME_DEVICE;

    PAGED_CODE();
    FirstFile = MiReferenceMappedFile(First, &FirstArea);
    SecondFile = MiReferenceMappedFile(Second, &SecondArea);
    if (FirstArea == NULL || SecondArea == NULL)
        Status = STATUS_INVALID_ADDRESS;
    else if (FirstFile == NULL || SecondFile == NULL)
        Status = STATUS_CONFLICTING_ADDRESSES;
    else if (FirstArea == SecondArea || FirstFile->SectionObjectPointer == SecondFile->SectionObjectPointer)
        Status = STATUS_SUCCESS;
    if (FirstFile != NULL)
        ObDereferenceObject(FirstFile);
    if (SecondFile != NULL)
        ObDereferenceObject(SecondFile);
    return Status;
}
