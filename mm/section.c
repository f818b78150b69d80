// SPDX-License-Identifier: MIT
// Section objects: the handle that programs hold on a segment.

#include "mi.h"

POBJECT_TYPE MmSectionObjectType;

#define MI_SECTION_ATTRIBUTES (SEC_IMAGE | SEC_COMMIT | SEC_RESERVE | SEC_NOCACHE | SEC_LARGE_PAGES | SEC_BASED)
#define TAG_SECTION 0x74636553 // 'Sect'

// The rights to a file that a section with a protection (MM_*) needs. Source: WDK, ZwCreateSection.
static const ULONG MiFileAccess[8] = {0,
                                      FILE_READ_DATA,
                                      FILE_EXECUTE,
                                      FILE_EXECUTE | FILE_READ_DATA,
                                      FILE_READ_DATA | FILE_WRITE_DATA,
                                      FILE_READ_DATA,
                                      FILE_EXECUTE | FILE_READ_DATA | FILE_WRITE_DATA,
                                      FILE_EXECUTE | FILE_READ_DATA};

static VOID NTAPI MiSectionDelete(PVOID Object)
{
    PSECTION Section = Object;

    MiReleaseImageBase(Section->BasedAddress, Section->BasedSlots);
    if (Section->Segment != NULL)
        MiDropWritableReference(Section->Segment->ControlArea, Section->WritableUserReference);
    if (Section->Segment != NULL)
        MiDereferenceControlArea(Section->Segment->ControlArea, 1, 0, Section->UserReference);
}

// Phase 1. FALSE: no memory.
BOOLEAN MiCreateSectionType(VOID)
{
    static const GENERIC_MAPPING Mapping = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                                            STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                                            STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE, SECTION_ALL_ACCESS};
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Section");
    OBJECT_TYPE_INITIALIZER Initializer;

    memset(&Initializer, 0, sizeof(Initializer));
    Initializer.Length = sizeof(Initializer);
    Initializer.InvalidAttributes = OBJ_OPENLINK;
    Initializer.GenericMapping = Mapping;
    Initializer.ValidAccessMask = SECTION_ALL_ACCESS;
    Initializer.PoolType = PagedPool;
    Initializer.DefaultPagedPoolCharge = sizeof(SECTION);
    Initializer.DispatcherOffset = -1;
    Initializer.DeleteProcedure = MiSectionDelete;
    return NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &MmSectionObjectType));
}

static NTSTATUS MiExtendFile(HANDLE Handle, PLARGE_INTEGER Size)
{
    FILE_END_OF_FILE_INFORMATION Information;
    IO_STATUS_BLOCK IoStatus;

    Information.EndOfFile = *Size;
    if (Handle == NULL)
        return STATUS_SECTION_TOO_BIG;
    return ZwSetInformationFile(Handle, &IoStatus, &Information, sizeof(Information), FileEndOfFileInformation);
}

// A data section over a file: MaximumSize 0 means the file as it is; a larger one makes the file grow.
static NTSTATUS MiCreateDataSegment(PFILE_OBJECT File, HANDLE Handle, ULONG Protection, PLARGE_INTEGER MaximumSize,
                                    PSEGMENT *Segment)
{
    LARGE_INTEGER FileSize;
    NTSTATUS Status;

    Status = IoQueryFileSize(File, &FileSize);
    if (!NT_SUCCESS(Status))
        return Status == STATUS_NOT_IMPLEMENTED ? STATUS_INVALID_FILE_FOR_SECTION : Status;
    if (MaximumSize->QuadPart == 0)
        *MaximumSize = FileSize;
    if (MaximumSize->QuadPart == 0)
        return STATUS_MAPPED_FILE_SIZE_ZERO;
    if (MaximumSize->QuadPart < 0)
        return STATUS_SECTION_TOO_BIG;
    if (MaximumSize->QuadPart > FileSize.QuadPart) {
        if (!MI_IS_WRITABLE(Protection) || MI_IS_COPY_ON_WRITE(Protection))
            return STATUS_SECTION_TOO_BIG;
        Status = MiExtendFile(Handle, MaximumSize);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    return MiCreateDataFileMap(File, (ULONGLONG)MaximumSize->QuadPart, Segment);
}

// A segment of the page file in large pages: whole ones, committed, not cached by halves. Needs SeLockMemoryPrivilege.
static NTSTATUS MiCreateLargeSegment(ULONGLONG Size, ULONG Protection, ULONG Attributes, PSEGMENT *Segment)
{
    NTSTATUS Status;

    if (!(Attributes & SEC_COMMIT) || (Attributes & SEC_NOCACHE))
        return STATUS_INVALID_PARAMETER_6;
    if (Protection != MM_READWRITE && Protection != MM_EXECUTE_READWRITE)
        return STATUS_INVALID_PAGE_PROTECTION;
    if (Size & (MI_LARGE_PAGE_SIZE - 1))
        return STATUS_INVALID_PARAMETER_4;
    if (!SeSinglePrivilegeCheck(SE_LOCK_MEMORY_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = MiCreatePagingFileMap(Size, Protection, Attributes, Segment);
    if (!NT_SUCCESS(Status))
        return Status;
    (*Segment)->ControlArea->u.Flags.LargePages = 1;
    Status = MiFillLargeSection(*Segment, Protection);
    if (!NT_SUCCESS(Status))
        MiDereferenceControlArea((*Segment)->ControlArea, 1, 0, 0);
    return Status;
}

static NTSTATUS MiCreateSegment(PFILE_OBJECT File, HANDLE Handle, ULONG Protection, ULONG Attributes,
                                PLARGE_INTEGER MaximumSize, PSEGMENT *Segment)
{
    NTSTATUS Status;

    if (File == NULL) {
        if (Attributes & SEC_IMAGE)
            return STATUS_INVALID_FILE_FOR_SECTION;
        if (MaximumSize->QuadPart <= 0)
            return MaximumSize->QuadPart == 0 ? STATUS_INVALID_PARAMETER_4 : STATUS_SECTION_TOO_BIG;
        if (Attributes & SEC_LARGE_PAGES)
            return MiCreateLargeSegment((ULONGLONG)MaximumSize->QuadPart, Protection, Attributes, Segment);
        return MiCreatePagingFileMap((ULONGLONG)MaximumSize->QuadPart, Protection, Attributes, Segment);
    }
    if (Attributes & SEC_LARGE_PAGES)
        return STATUS_INVALID_PARAMETER_6; // only memory has large pages
    if (File->SectionObjectPointer == NULL)
        return STATUS_INVALID_FILE_FOR_SECTION;
    if (!(Attributes & SEC_IMAGE))
        return MiCreateDataSegment(File, Handle, Protection, MaximumSize, Segment);
    Status = MiCreateImageFileMap(File, Segment);
    if (NT_SUCCESS(Status))
        MaximumSize->QuadPart = (LONGLONG)(*Segment)->SizeOfSegment;
    return Status;
}

static NTSTATUS MiCheckSectionArguments(ULONG Protection, ULONG Attributes)
{
    ULONG Kind = Attributes & (SEC_IMAGE | SEC_COMMIT | SEC_RESERVE);

    if ((Attributes & ~(ULONG)MI_SECTION_ATTRIBUTES) != 0 ||
        (Kind != SEC_IMAGE && Kind != SEC_COMMIT && Kind != SEC_RESERVE))
        return STATUS_INVALID_PARAMETER_6;
    if ((Kind == SEC_IMAGE && (Attributes & (SEC_BASED | SEC_NOCACHE))) ||
        ((Attributes & SEC_LARGE_PAGES) && (Attributes & SEC_BASED)))
        return STATUS_INVALID_PARAMETER_6;
    if (Protection == MM_INVALID_PROTECTION || Protection >= 8 || MI_IS_NO_ACCESS(Protection))
        return STATUS_INVALID_PAGE_PROTECTION;
    return STATUS_SUCCESS;
}

// Makes a section object, not yet inserted: over the file behind FileHandle, over File, or page-file backed. The
// segment's reference is taken over; UserReference: counts as a user of the file's pages (the cache manager does not).
static NTSTATUS MiCreateSectionObject(PSEGMENT Segment, POBJECT_ATTRIBUTES ObjectAttributes, ULONG Protection,
                                      ULONG Attributes, LARGE_INTEGER Size, BOOLEAN UserReference, PVOID *Object)
{
    KPROCESSOR_MODE Mode = ObjectAttributes == NULL ? KernelMode : ExGetPreviousMode();
    BOOLEAN Writable = UserReference && Segment->ControlArea->FilePointer != NULL &&
                       !Segment->ControlArea->u.Flags.Image && MI_IS_WRITABLE(Protection) &&
                       !MI_IS_COPY_ON_WRITE(Protection);
    PSECTION Section;
    NTSTATUS Status;
    KIRQL OldIrql;

    Status = ObCreateObject(Mode, MmSectionObjectType, ObjectAttributes, KernelMode, NULL, sizeof(SECTION), 0, 0,
                            (PVOID *)&Section);
    if (!NT_SUCCESS(Status)) {
        MiDereferenceControlArea(Segment->ControlArea, 1, 0, 0);
        return Status;
    }
    Section->BasedAddress = 0;
    Section->BasedSlots = 0;
    Section->Segment = Segment;
    Section->SizeOfSection = Size;
    Section->InitialPageProtection = Protection;
    Section->AllocationAttributes = Attributes;
    Section->UserReference = UserReference;
    Section->WritableUserReference = Writable;
    OldIrql = MiLockPfn(); // from here on not the section's body, which is paged
    Segment->ControlArea->NumberOfUserReferences += UserReference;
    Segment->ControlArea->WritableUserReferences += Writable;
    MiUnlockPfn(OldIrql);
    *Object = Section;
    return STATUS_SUCCESS;
}

// Gives a section its address in all processes. STATUS_NO_MEMORY: there is no room; the section is gone.
static NTSTATUS MiBaseSection(PSECTION Section)
{
    Section->BasedAddress = MiSelectSectionBase((ULONGLONG)Section->SizeOfSection.QuadPart, &Section->BasedSlots);
    if (Section->BasedAddress != 0)
        return STATUS_SUCCESS;
    Section->BasedSlots = 0;
    ObDereferenceObject(Section);
    return STATUS_NO_MEMORY;
}

// Creates a section; see mm.h. MaximumSize: kernel memory, NULL for 0. IRQL PASSIVE_LEVEL; may do file I/O.
// *Section is a referenced object that was not inserted: ObInsertObject or ObDereferenceObject is the caller's.
NTSTATUS NTAPI MmCreateSection(PVOID *Section, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                               PLARGE_INTEGER MaximumSize, ULONG PageProtection, ULONG AllocationAttributes,
                               HANDLE FileHandle, PFILE_OBJECT File)
{
    ULONG Protection = MiMakeProtectionMask(PageProtection);
    LARGE_INTEGER Size = {.QuadPart = MaximumSize != NULL ? MaximumSize->QuadPart : 0};
    PFILE_OBJECT Referenced = NULL;
    PSEGMENT Segment;
    NTSTATUS Status;
    ULONG Attempt = 0;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(DesiredAccess);
    Status = MiCheckSectionArguments(Protection, AllocationAttributes);
    if (!NT_SUCCESS(Status))
        return Status;
    if (FileHandle != NULL) {
        Status = ObReferenceObjectByHandle(FileHandle, MiFileAccess[Protection], IoFileObjectType, ExGetPreviousMode(),
                                           (PVOID *)&Referenced, NULL);
        if (!NT_SUCCESS(Status))
            return Status;
        File = Referenced;
    }
    do
        Status = MiCreateSegment(File, FileHandle, Protection, AllocationAttributes, &Size, &Segment);
    while (Status == STATUS_COMMITMENT_LIMIT && MmWaitForCommitment((SIZE_T)(Size.QuadPart >> PAGE_SHIFT), Attempt++));
    if (Referenced != NULL)
        ObDereferenceObject(Referenced);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiCreateSectionObject(Segment, ObjectAttributes, Protection, AllocationAttributes, Size, TRUE, Section);
    return NT_SUCCESS(Status) && (AllocationAttributes & SEC_BASED) ? MiBaseSection(*Section) : Status;
}

// For the cache manager: a section over a file's data, which does not count as a user's. IRQL <= APC_LEVEL; no file
// I/O, so that file systems may call it with their locks held. ObDereferenceObject gives it back.
NTSTATUS NTAPI MmCreateCacheSection(PFILE_OBJECT File, PLARGE_INTEGER FileSize, PVOID *Section)
{
    PSEGMENT Segment;
    NTSTATUS Status;

    Status = MiCreateDataFileMap(File, (ULONGLONG)FileSize->QuadPart, &Segment);
    if (!NT_SUCCESS(Status))
        return Status;
    return MiCreateSectionObject(Segment, NULL, MM_READWRITE, SEC_COMMIT, *FileSize, FALSE, Section);
}

// The file has grown: lets a cache section reach NewSize. IRQL <= APC_LEVEL.
NTSTATUS NTAPI MmExtendCacheSection(PVOID Section, PLARGE_INTEGER NewSize)
{
    PSECTION Body = Section;
    NTSTATUS Status = MiExtendDataFileMap(Body->Segment, (ULONGLONG)NewSize->QuadPart);

    if (NT_SUCCESS(Status) && NewSize->QuadPart > Body->SizeOfSection.QuadPart)
        Body->SizeOfSection = *NewSize;
    return Status;
}

static NTSTATUS MiReturnHandle(PHANDLE User, HANDLE Handle)
{
    SEH_TRY
    {
        *User = Handle;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiCaptureSectionSize(PHANDLE Handle, PLARGE_INTEGER User, PLARGE_INTEGER Size)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWriteType(Handle);
            if (User != NULL)
                ProbeForReadType(User);
        }
        Size->QuadPart = User != NULL ? *(volatile LONGLONG *)&User->QuadPart : 0;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// System service. WDK: ZwCreateSection.
NTSTATUS NTAPI NtCreateSection(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                               PLARGE_INTEGER MaximumSize, ULONG PageProtection, ULONG AllocationAttributes,
                               HANDLE File)
{
    LARGE_INTEGER Size;
    HANDLE LocalHandle;
    NTSTATUS Status, Stored;
    PVOID Section;

    PAGED_CODE();
    Status = MiCaptureSectionSize(Handle, MaximumSize, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MmCreateSection(&Section, DesiredAccess, ObjectAttributes, &Size, PageProtection, AllocationAttributes,
                             File, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObInsertObject(Section, NULL, DesiredAccess, 0, NULL, &LocalHandle);
    if (!NT_SUCCESS(Status))
        return Status;
    Stored = MiReturnHandle(Handle, LocalHandle);
    return NT_SUCCESS(Stored) ? Status : Stored;
}

// System service. WDK: ZwOpenSection.
NTSTATUS NTAPI NtOpenSection(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    LARGE_INTEGER Unused;
    HANDLE LocalHandle;
    NTSTATUS Status;

    PAGED_CODE();
    Status = MiCaptureSectionSize(Handle, NULL, &Unused);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObOpenObjectByName(ObjectAttributes, MmSectionObjectType, ExGetPreviousMode(), NULL, DesiredAccess, NULL,
                                &LocalHandle);
    return NT_SUCCESS(Status) ? MiReturnHandle(Handle, LocalHandle) : Status;
}
