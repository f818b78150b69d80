// SPDX-License-Identifier: MIT
// Making a section larger (NtExtendSection): the file grows first, then what can be mapped of it.

#include "mi.h"

static NTSTATUS MiCaptureNewSize(PLARGE_INTEGER User, PLONGLONG Size)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForWriteType(User);
        *Size = *(volatile LONGLONG *)&User->QuadPart;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// Lets a section over a file's data reach Size bytes. IRQL PASSIVE_LEVEL, no locks: the file may grow.
static NTSTATUS MiExtendSection(PSECTION Section, LONGLONG Size)
{
    PFILE_OBJECT File = Section->Segment->ControlArea->FilePointer;
    LARGE_INTEGER FileSize, NewSize = {.QuadPart = Size};
    NTSTATUS Status;

    if (File == NULL || Section->Segment->ControlArea->u.Flags.Image)
        return STATUS_SECTION_NOT_EXTENDED;
    if (Size <= Section->SizeOfSection.QuadPart)
        return STATUS_SUCCESS;
    if ((Section->AllocationAttributes & SEC_BASED) && Size > (LONGLONG)Section->BasedSlots * MM_ALLOCATION_GRANULARITY)
        return STATUS_SECTION_NOT_EXTENDED; // what lies behind it may be another's
    Status = IoQueryFileSize(File, &FileSize);
    if (NT_SUCCESS(Status) && Size > FileSize.QuadPart) {
        if (!MI_IS_WRITABLE(Section->InitialPageProtection) || MI_IS_COPY_ON_WRITE(Section->InitialPageProtection))
            return STATUS_SECTION_NOT_EXTENDED;
        Status = IoSetFileSize(File, &NewSize);
    }
    if (NT_SUCCESS(Status))
        Status = MiExtendDataFileMap(Section->Segment, (ULONGLONG)Size);
    if (!NT_SUCCESS(Status))
        return Status;
    KeAcquireGuardedMutex(&MiExtendLock); // two may extend it at once: the larger one counts
    if (Size > Section->SizeOfSection.QuadPart)
        Section->SizeOfSection = NewSize;
    KeReleaseGuardedMutex(&MiExtendLock);
    return STATUS_SUCCESS;
}

// System service (the published Native API). *NewSectionSize: the size wanted, and then the section's. A smaller size
// changes nothing. STATUS_SECTION_NOT_EXTENDED: an image, memory of the page file, or a file it must not write to.
NTSTATUS NTAPI NtExtendSection(HANDLE Handle, PLARGE_INTEGER NewSectionSize)
{
    PSECTION Section;
    LONGLONG Size;
    NTSTATUS Status;

    PAGED_CODE();
    Status = MiCaptureNewSize(NewSectionSize, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Size < 0)
        return STATUS_SECTION_TOO_BIG;
    Status = ObReferenceObjectByHandle(Handle, SECTION_EXTEND_SIZE, MmSectionObjectType, ExGetPreviousMode(),
                                       (PVOID *)&Section, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiExtendSection(Section, Size);
    Size = Section->SizeOfSection.QuadPart;
    ObDereferenceObject(Section);
    SEH_TRY
    {
        if (NT_SUCCESS(Status))
            NewSectionSize->QuadPart = Size;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Status;
}
