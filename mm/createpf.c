// SPDX-License-Identifier: MIT
// Page files: making one (NtCreatePagingFile), letting it grow when commitment runs out, telling about them. A file is
// opened for good, shared with nobody, and its file system answers paging I/O on it without locks or memory
// (IO_OPEN_PAGING_FILE). Source: Windows Internals, "Page Files"; the published Native API.

#include "mi.h"

#define MI_SMALLEST_PAGE_FILE 256u    // pages
#define MI_LARGEST_PAGE_FILE 0xFFF00u // 4095 MB
#define MI_PAGE_FILE_GROWTH 256u      // at least, at a time
#define MI_LONGEST_NAME 128u          // characters
#define MI_COMMIT_ATTEMPTS 4u
#define MI_COMMIT_SLACK 32u // what a charge takes beyond what its caller knows

EX_PUSH_LOCK MmPageFileCreationLock; // not a mutex that keeps kernel APCs away: file I/O ends with one

typedef struct _MI_PAGE_FILE_ARGUMENTS {
    UNICODE_STRING Name; // in paged pool
    ULONG Minimum, Maximum;
} MI_PAGE_FILE_ARGUMENTS, *PMI_PAGE_FILE_ARGUMENTS;

BOOLEAN MmPageFilesCanGrow; // one of them is below its maximum
static WORK_QUEUE_ITEM MiGrowthItem;
static volatile LONG MiGrowthQueued;

// How far the page files can still grow. The creation lock is held.
static SIZE_T MiPossibleGrowth(VOID)
{
    SIZE_T Pages = 0;
    ULONG Number;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Pages += MmPagingFile[Number]->MaximumSize - MmPagingFile[Number]->Size;
    return Pages;
}

static VOID MiLockPageFiles(VOID)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&MmPageFileCreationLock);
}

static VOID MiUnlockPageFiles(VOID)
{
    MmPageFilesCanGrow = MiPossibleGrowth() != 0;
    ExReleasePushLockExclusive(&MmPageFileCreationLock);
    KeLeaveCriticalRegion();
}

// Sizes in bytes become pages; NT's statuses for what makes no sense.
static NTSTATUS MiCheckPageFileSizes(ULONGLONG Minimum, ULONGLONG Maximum, PMI_PAGE_FILE_ARGUMENTS Arguments)
{
    if (Minimum < MI_SMALLEST_PAGE_FILE * (ULONGLONG)PAGE_SIZE || Minimum > MI_LARGEST_PAGE_FILE * (ULONGLONG)PAGE_SIZE)
        return STATUS_INVALID_PARAMETER_2;
    if (Maximum < Minimum || Maximum > MI_LARGEST_PAGE_FILE * (ULONGLONG)PAGE_SIZE)
        return STATUS_INVALID_PARAMETER_3;
    Arguments->Minimum = (ULONG)(Minimum >> PAGE_SHIFT);
    Arguments->Maximum = (ULONG)(Maximum >> PAGE_SHIFT);
    return STATUS_SUCCESS;
}

static NTSTATUS MiCapturePageFile(PUNICODE_STRING Name, PLARGE_INTEGER Minimum, PLARGE_INTEGER Maximum,
                                  PMI_PAGE_FILE_ARGUMENTS Arguments)
{
    BOOLEAN Probe = ExGetPreviousMode() != KernelMode;
    PWSTR Buffer = ExAllocatePoolWithTag(PagedPool, MI_LONGEST_NAME * sizeof(WCHAR), TAG_PAGE_FILE);
    volatile NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;

    if (Buffer == NULL)
        return Status;
    Arguments->Name.Buffer = Buffer;
    SEH_TRY
    {
        UNICODE_STRING Given;

        if (Probe) {
            ProbeForReadType(Name);
            ProbeForReadType(Minimum);
            ProbeForReadType(Maximum);
        }
        Given = *(volatile UNICODE_STRING *)Name;
        Status = MiCheckPageFileSizes(*(volatile ULONGLONG *)&Minimum->QuadPart,
                                      *(volatile ULONGLONG *)&Maximum->QuadPart, Arguments);
        if (NT_SUCCESS(Status) && (Given.Length == 0 || Given.Length > MI_LONGEST_NAME * sizeof(WCHAR)))
            Status = STATUS_OBJECT_NAME_INVALID;
        if (NT_SUCCESS(Status)) {
            if (Probe)
                ProbeForRead(Given.Buffer, Given.Length, sizeof(UCHAR));
            memcpy(Buffer, Given.Buffer, Given.Length);
            Arguments->Name.Length = Arguments->Name.MaximumLength = Given.Length;
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status))
        ExFreePoolWithTag(Buffer, TAG_PAGE_FILE);
    return Status;
}

static NTSTATUS MiSetPageFileSize(PMMPAGING_FILE File, ULONG Pages)
{
    FILE_END_OF_FILE_INFORMATION Information = {.EndOfFile.QuadPart = (LONGLONG)Pages << PAGE_SHIFT};
    IO_STATUS_BLOCK IoStatus;

    return ZwSetInformationFile(File->Handle, &IoStatus, &Information, sizeof(Information), FileEndOfFileInformation);
}

static NTSTATUS MiOpenByName(PUNICODE_STRING Name, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options,
                             PHANDLE Handle, PFILE_OBJECT *File)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = IoCreateFile(Handle, Access, &Attributes, &IoStatus, NULL, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM,
                          Share, Disposition, FILE_NON_DIRECTORY_FILE | FILE_NO_INTERMEDIATE_BUFFERING, NULL, 0,
                          CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING | Options);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(*Handle, 0, IoFileObjectType, KernelMode, (PVOID *)File, NULL);
    if (!NT_SUCCESS(Status))
        ObCloseHandle(*Handle, KernelMode);
    return Status;
}

// Opens or makes the file, Minimum pages long.
static NTSTATUS MiOpenPageFile(PMMPAGING_FILE File, PUNICODE_STRING Name)
{
    NTSTATUS Status = MiOpenByName(Name, FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE, 0, FILE_SUPERSEDE,
                                   IO_OPEN_PAGING_FILE, &File->Handle, &File->File);

    if (!NT_SUCCESS(Status))
        return Status;
    if (File->File->DeviceObject->DeviceType != FILE_DEVICE_DISK)
        Status = STATUS_UNRECOGNIZED_VOLUME;
    if (NT_SUCCESS(Status))
        Status = MiSetPageFileSize(File, File->MinimumSize);
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(File->File);
        ObCloseHandle(File->Handle, KernelMode);
    }
    return Status;
}

static VOID MiFreePageFile(PMMPAGING_FILE File)
{
    if (File->Bitmap.Buffer != NULL)
        ExFreePoolWithTag(File->Bitmap.Buffer, TAG_PAGE_FILE);
    if (File->Name.Buffer != NULL)
        ExFreePoolWithTag(File->Name.Buffer, TAG_PAGE_FILE);
    ExFreePoolWithTag(File, TAG_PAGE_FILE);
}

static PMMPAGING_FILE MiAllocatePageFile(PMI_PAGE_FILE_ARGUMENTS Arguments)
{
    PMMPAGING_FILE File = ExAllocatePoolZero(NonPagedPool, sizeof(*File), TAG_PAGE_FILE);
    ULONG Bytes = (ULONG)ALIGN_UP_BY(Arguments->Maximum, 32) / 8;
    PULONG Bits;
    ULONG Index;

    if (File == NULL)
        return NULL;
    Bits = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_PAGE_FILE);
    File->Name.Buffer = ExAllocatePoolWithTag(NonPagedPool, Arguments->Name.Length, TAG_PAGE_FILE);
    File->Bitmap.Buffer = Bits;
    if (Bits == NULL || File->Name.Buffer == NULL) {
        MiFreePageFile(File);
        return NULL;
    }
    memcpy(File->Name.Buffer, Arguments->Name.Buffer, Arguments->Name.Length);
    File->Name.Length = File->Name.MaximumLength = Arguments->Name.Length;
    File->Size = File->MinimumSize = Arguments->Minimum;
    File->MaximumSize = Arguments->Maximum;
    File->FreeSpace = File->Size - 1;
    File->Hint = 1;
    for (Index = 0; Index < MM_PAGING_FILE_MDLS; Index++)
        File->Entry[Index].PagingFile = File;
    RtlInitializeBitMap(&File->Bitmap, Bits, File->Size);
    RtlSetBits(&File->Bitmap, 0, 1); // slot 0 means "none"
    return File;
}

// From here on pages go there: the working set manager may take private pages.
static VOID MiPublishPageFile(PMMPAGING_FILE File)
{
    KIRQL OldIrql = MiLockPfn();

    File->FileNumber = MmNumberOfPagingFiles;
    MmPagingFile[File->FileNumber] = File;
    __atomic_store_n(&MmNumberOfPagingFiles, MmNumberOfPagingFiles + 1, __ATOMIC_RELEASE);
    MiTrimPrivatePages = TRUE;
    MiUnlockPfn(OldIrql);
    KdTraceFile(File->File, &File->Name);
    KdTrace(PageFile, File->File, File->FileNumber, File->Size, 0);
    MiRaiseCommitLimit(File->Size - 1);
}

// Lets a file grow to Size pages. The creation lock is held.
static NTSTATUS MiGrowPageFile(PMMPAGING_FILE File, ULONG Size)
{
    NTSTATUS Status = MiSetPageFileSize(File, Size);
    ULONG Added = Size - File->Size;
    KIRQL OldIrql;

    if (!NT_SUCCESS(Status))
        return Status;
    OldIrql = MiLockPfn();
    File->Bitmap.SizeOfBitMap = Size;
    File->Size = Size;
    File->FreeSpace += Added;
    File->Extended = TRUE;
    MiUnlockPfn(OldIrql);
    MiRaiseCommitLimit(Added);
    return STATUS_SUCCESS;
}

// The name is one of a page file that is in use: its sizes are raised, if they are raised. A larger maximum takes a
// larger bitmap; the old one goes when nobody can look at it.
static NTSTATUS MiRaisePageFileSizes(PMMPAGING_FILE File, PMI_PAGE_FILE_ARGUMENTS Arguments)
{
    ULONG Bytes = (ULONG)ALIGN_UP_BY(Arguments->Maximum, 32) / 8;
    PULONG Bits, Old;
    KIRQL OldIrql;

    if (Arguments->Minimum < File->MinimumSize)
        return STATUS_INVALID_PARAMETER_2;
    if (Arguments->Maximum < File->MaximumSize)
        return STATUS_INVALID_PARAMETER_3;
    Bits = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_PAGE_FILE);
    if (Bits == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    OldIrql = MiLockPfn();
    Old = File->Bitmap.Buffer;
    memcpy(Bits, Old, ALIGN_UP_BY(File->MaximumSize, 32) / 8);
    File->Bitmap.Buffer = Bits;
    File->MaximumSize = Arguments->Maximum;
    File->MinimumSize = Arguments->Minimum;
    MiUnlockPfn(OldIrql);
    ExFreePoolWithTag(Old, TAG_PAGE_FILE);
    return Arguments->Minimum > File->Size ? MiGrowPageFile(File, Arguments->Minimum) : STATUS_SUCCESS;
}

// The page file that has this name, NULL if none has. The creation lock is held.
static PMMPAGING_FILE MiFindPageFile(PUNICODE_STRING Name)
{
    PMMPAGING_FILE Found = NULL;
    PFILE_OBJECT File;
    HANDLE Handle;
    ULONG Number;

    if (!NT_SUCCESS(MiOpenByName(Name, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                 FILE_OPEN, 0, &Handle, &File)))
        return NULL;
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        if (MmPagingFile[Number]->File->FsContext == File->FsContext)
            Found = MmPagingFile[Number];
    }
    ObDereferenceObject(File);
    ObCloseHandle(Handle, KernelMode);
    return Found;
}

static NTSTATUS MiCreatePageFile(PMI_PAGE_FILE_ARGUMENTS Arguments)
{
    PMMPAGING_FILE File = MiFindPageFile(&Arguments->Name);
    NTSTATUS Status;

    if (File != NULL)
        return MiRaisePageFileSizes(File, Arguments);
    if (MmNumberOfPagingFiles == MM_MAXIMUM_PAGING_FILES)
        return STATUS_TOO_MANY_PAGING_FILES;
    File = MiAllocatePageFile(Arguments);
    if (File == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MiOpenPageFile(File, &Arguments->Name);
    if (!NT_SUCCESS(Status))
        MiFreePageFile(File);
    else
        MiPublishPageFile(File);
    return Status;
}

// System service: adds a page file, or raises the sizes of one. Priority is ignored, as in NT.
//
// PASSIVE_LEVEL. STATUS_PRIVILEGE_NOT_HELD without SeCreatePagefilePrivilege; STATUS_INVALID_PARAMETER_2, _3 for the
// sizes; STATUS_TOO_MANY_PAGING_FILES; STATUS_UNRECOGNIZED_VOLUME if it is not on a disk; the file system's status.
NTSTATUS NTAPI NtCreatePagingFile(PUNICODE_STRING PageFileName, PLARGE_INTEGER MinimumSize, PLARGE_INTEGER MaximumSize,
                                  ULONG Priority)
{
    MI_PAGE_FILE_ARGUMENTS Arguments;
    NTSTATUS Status;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Priority);
    if (!SeSinglePrivilegeCheck(SE_CREATE_PAGEFILE_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = MiCapturePageFile(PageFileName, MinimumSize, MaximumSize, &Arguments);
    if (!NT_SUCCESS(Status))
        return Status;
    MiLockPageFiles();
    Status = MiCreatePageFile(&Arguments);
    MiUnlockPageFiles();
    ExFreePoolWithTag(Arguments.Name.Buffer, TAG_PAGE_FILE);
    return Status;
}

// Lets the first file that can grow do so, by Pages if it has the room. The creation lock is held. FALSE: none can.
static BOOLEAN MiGrowSomePageFile(SIZE_T Pages)
{
    ULONG Number;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        PMMPAGING_FILE File = MmPagingFile[Number];
        ULONG Room = File->MaximumSize - File->Size, Wanted = (ULONG)max_of(Pages, MI_PAGE_FILE_GROWTH);

        if (Room != 0 && NT_SUCCESS(MiGrowPageFile(File, File->Size + min_of(Room, Wanted))))
            return TRUE;
    }
    return FALSE;
}

// A charge of Pages was refused: lets page files grow until it fits. Nothing grows for a charge that can never fit.
//
// Attempt: how often this charge has asked.   PASSIVE_LEVEL, no locks at all: writes to the file system's metadata.
// TRUE: it fits now, for who is quick; try again.
BOOLEAN MiAskForCommitment(SIZE_T Pages, ULONG Attempt)
{
    BOOLEAN Possible;
    SIZE_T Missing;

    PAGED_CODE();
    if (Attempt >= MI_COMMIT_ATTEMPTS)
        return FALSE;
    Pages += MI_COMMIT_SLACK;
    MiLockPageFiles();
    Missing = MiMissingCommitment(Pages);
    Possible = Missing <= MiPossibleGrowth();
    while (Possible && Missing != 0 && MiGrowSomePageFile(Missing))
        Missing = MiMissingCommitment(Pages); // growing takes some, too
    MiUnlockPageFiles();
    return Missing == 0;
}

static VOID NTAPI MiGrowthWorker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    MiGrowthQueued = FALSE;
    (VOID) MiAskForCommitment(MI_PAGE_FILE_GROWTH, 0); // who charges next sees whether it helped
}

// Commitment runs short: has a worker let the page files grow. <= DISPATCH_LEVEL, any lock but the dispatcher's.
VOID MiRequestPageFileGrowth(VOID)
{
    if (InterlockedExchange(&MiGrowthQueued, TRUE))
        return;
    ExInitializeWorkItem(&MiGrowthItem, MiGrowthWorker, NULL);
    ExQueueWorkItem(&MiGrowthItem, DelayedWorkQueue);
}

// SystemPageFileInformation: one record for each file, its name behind it; the names' Buffers are offsets in Buffer.
// PASSIVE_LEVEL.
// STATUS_INFO_LENGTH_MISMATCH: *Needed bytes are wanted.
NTSTATUS MmQueryPageFiles(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_PAGEFILE_INFORMATION Record = Buffer, Previous = NULL;
    ULONG Number, Files = __atomic_load_n(&MmNumberOfPagingFiles, __ATOMIC_ACQUIRE), Offset = 0;

    *Needed = Files == 0 ? sizeof(*Record) : 0; // none: one record of zeros
    for (Number = 0; Number < Files; Number++)
        *Needed += sizeof(*Record) + (ULONG)ALIGN_UP_BY(MmPagingFile[Number]->Name.Length, sizeof(ULONG));
    if (Length < *Needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    for (Number = 0; Number < Files; Number++) {
        PMMPAGING_FILE File = MmPagingFile[Number];

        Record = (PSYSTEM_PAGEFILE_INFORMATION)((PUCHAR)Buffer + Offset);
        Record->NextEntryOffset = 0;
        Record->TotalSize = File->Size;
        Record->TotalInUse = File->CurrentUsage;
        Record->PeakUsage = File->PeakUsage;
        Record->PageFileName.Length = Record->PageFileName.MaximumLength = File->Name.Length;
        Record->PageFileName.Buffer = (PWSTR)(ULONG_PTR)(Offset + sizeof(*Record));
        memcpy(Record + 1, File->Name.Buffer, File->Name.Length);
        if (Previous != NULL)
            Previous->NextEntryOffset = (ULONG)((PUCHAR)Record - (PUCHAR)Previous);
        Previous = Record;
        Offset += sizeof(*Record) + (ULONG)ALIGN_UP_BY(File->Name.Length, sizeof(ULONG));
    }
    return STATUS_SUCCESS;
}
