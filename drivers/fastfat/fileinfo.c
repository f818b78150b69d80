// SPDX-License-Identifier: MIT
// IRP_MJ_QUERY_INFORMATION: what the FCB knows, in the shapes of the file information classes.

#include "fat.h"

// The NT attributes of a FAT attribute byte.
ULONG FatNtAttributes(UCHAR Attributes)
{
    ULONG Result = Attributes & (FAT_ATTR_SETTABLE | FAT_ATTR_DIRECTORY);

    PAGED_CODE();
    return Result != 0 ? Result : FILE_ATTRIBUTE_NORMAL;
}

// Writes the path from the root ("\dir\file", not terminated) and its length in bytes. Vcb->Resource held.
// STATUS_BUFFER_OVERFLOW: Buffer has as much of it as fits.
NTSTATUS NTAPI FatBuildPath(PFCB Fcb, PWSTR Buffer, ULONG Size, PULONG Length)
{
    ULONG Total = 0, End;

    PAGED_CODE();
    for (PFCB f = Fcb; f->Parent != NULL; f = f->Parent)
        Total += sizeof(WCHAR) + f->Name.Length;
    *Length = End = Total != 0 ? Total : sizeof(WCHAR);
    if (Total == 0 && Size >= sizeof(WCHAR))
        Buffer[0] = '\\';
    for (PFCB f = Fcb; f->Parent != NULL; f = f->Parent) {
        End -= f->Name.Length + sizeof(WCHAR);
        if (End >= Size)
            continue;
        Buffer[End / sizeof(WCHAR)] = '\\';
        if (End + sizeof(WCHAR) < Size)
            memcpy((PUCHAR)Buffer + End + sizeof(WCHAR), f->Name.Buffer,
                   min_of(f->Name.Length, Size - End - sizeof(WCHAR)));
    }
    return *Length > Size ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static VOID FatQueryBasic(PFCB Fcb, PFILE_BASIC_INFORMATION Basic)
{
    Basic->CreationTime.QuadPart = Fcb->CreationTime;
    Basic->LastAccessTime.QuadPart = Fcb->LastAccessTime;
    Basic->LastWriteTime.QuadPart = Fcb->LastWriteTime;
    Basic->ChangeTime.QuadPart = Fcb->LastWriteTime;
    Basic->FileAttributes = FatNtAttributes(Fcb->Attributes);
}

static VOID FatQueryStandard(PFCB Fcb, PFILE_STANDARD_INFORMATION Standard)
{
    Standard->AllocationSize = Fcb->Header.AllocationSize;
    Standard->EndOfFile = Fcb->Header.FileSize;
    Standard->NumberOfLinks = 1;
    Standard->DeletePending = (Fcb->Flags & FCB_DELETE_PENDING) != 0;
    Standard->Directory = FatIsDirectory(Fcb);
}

static VOID FatQueryInternal(PFCB Fcb, PFILE_INTERNAL_INFORMATION Internal)
{
    Internal->IndexNumber.LowPart = Fcb->DirentOffset;
    Internal->IndexNumber.HighPart = Fcb->Parent != NULL ? (LONG)Fcb->Parent->FirstCluster : 0;
}

static VOID FatQueryNetwork(PFCB Fcb, PFILE_NETWORK_OPEN_INFORMATION Network)
{
    FILE_BASIC_INFORMATION Basic;

    FatQueryBasic(Fcb, &Basic);
    Network->CreationTime = Basic.CreationTime;
    Network->LastAccessTime = Basic.LastAccessTime;
    Network->LastWriteTime = Basic.LastWriteTime;
    Network->ChangeTime = Basic.ChangeTime;
    Network->AllocationSize = Fcb->Header.AllocationSize;
    Network->EndOfFile = Fcb->Header.FileSize;
    Network->FileAttributes = Basic.FileAttributes;
}

// Fills a name structure; Used: bytes, structure included.
static NTSTATUS FatQueryName(PFCB Fcb, PFILE_NAME_INFORMATION Name, ULONG Length, PULONG Used)
{
    ULONG Room = (Length - FIELD_OFFSET(FILE_NAME_INFORMATION, FileName)) & ~1u;
    NTSTATUS Status = FatBuildPath(Fcb, Name->FileName, Room, &Name->FileNameLength);

    *Used = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + min_of(Name->FileNameLength, Room);
    return Status;
}

static NTSTATUS FatQueryShortName(PFCB Fcb, PFILE_NAME_INFORMATION Name, ULONG Length, PULONG Used)
{
    WCHAR Short[12];
    ULONG Bytes, Room = (Length - FIELD_OFFSET(FILE_NAME_INFORMATION, FileName)) & ~1u;

    if (Fcb->Parent == NULL)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    Bytes = FatShortToUnicode(Fcb->Short, 0, Short) * sizeof(WCHAR);
    Name->FileNameLength = Bytes;
    memcpy(Name->FileName, Short, min_of(Bytes, Room));
    *Used = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + min_of(Bytes, Room);
    return Bytes > Room ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS FatQueryAll(PFCB Fcb, PFILE_ALL_INFORMATION All, ULONG Length, PULONG Used)
{
    NTSTATUS Status;

    FatQueryBasic(Fcb, &All->BasicInformation);
    FatQueryStandard(Fcb, &All->StandardInformation);
    FatQueryInternal(Fcb, &All->InternalInformation);
    All->EaInformation.EaSize = 0; // access, position, mode and alignment are Io's
    Status =
        FatQueryName(Fcb, &All->NameInformation, Length - FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation), Used);
    *Used += FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation);
    return Status;
}

static NTSTATUS FatQueryFile(PFCB Fcb, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length, PULONG Used)
{
    switch (Class) {
    case FileBasicInformation:
        *Used = sizeof(FILE_BASIC_INFORMATION);
        FatQueryBasic(Fcb, Buffer);
        return STATUS_SUCCESS;
    case FileStandardInformation:
        *Used = sizeof(FILE_STANDARD_INFORMATION);
        FatQueryStandard(Fcb, Buffer);
        return STATUS_SUCCESS;
    case FileInternalInformation:
        *Used = sizeof(FILE_INTERNAL_INFORMATION);
        FatQueryInternal(Fcb, Buffer);
        return STATUS_SUCCESS;
    case FileEaInformation:
        *Used = sizeof(FILE_EA_INFORMATION);
        ((PFILE_EA_INFORMATION)Buffer)->EaSize = 0;
        return STATUS_SUCCESS;
    case FileNetworkOpenInformation:
        *Used = sizeof(FILE_NETWORK_OPEN_INFORMATION);
        FatQueryNetwork(Fcb, Buffer);
        return STATUS_SUCCESS;
    case FileNameInformation:
        return FatQueryName(Fcb, Buffer, Length, Used);
    case FileAlternateNameInformation:
        return FatQueryShortName(Fcb, Buffer, Length, Used);
    case FileAllInformation:
        return FatQueryAll(Fcb, Buffer, Length, Used);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

// The least buffer that a class may have; Io checks it too, but not for requests from the kernel.
static ULONG FatQueryMinimum(FILE_INFORMATION_CLASS Class)
{
    switch (Class) {
    case FileBasicInformation:
        return sizeof(FILE_BASIC_INFORMATION);
    case FileStandardInformation:
        return sizeof(FILE_STANDARD_INFORMATION);
    case FileInternalInformation:
        return sizeof(FILE_INTERNAL_INFORMATION);
    case FileEaInformation:
        return sizeof(FILE_EA_INFORMATION);
    case FileNetworkOpenInformation:
        return sizeof(FILE_NETWORK_OPEN_INFORMATION);
    case FileAllInformation:
        return FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation.FileName);
    default:
        return FIELD_OFFSET(FILE_NAME_INFORMATION, FileName);
    }
}

// IRP_MJ_QUERY_INFORMATION. Takes Vcb->Resource shared for classes with a path, and MainResource shared.
NTSTATUS FatQueryInformation(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFCB Fcb = Stack->FileObject->FsContext;
    FILE_INFORMATION_CLASS Class = Stack->Parameters.QueryFile.FileInformationClass;
    ULONG Length = Stack->Parameters.QueryFile.Length, Used = 0;
    BOOLEAN Path = Class == FileNameInformation || Class == FileAllInformation || Class == FileAlternateNameInformation;
    NTSTATUS Status;

    PAGED_CODE();
    if (Fcb->Header.NodeTypeCode == FAT_NTC_VCB)
        return STATUS_INVALID_PARAMETER;
    if (Length < FatQueryMinimum(Class))
        return STATUS_INFO_LENGTH_MISMATCH;
    if (Path)
        ExAcquireResourceSharedLite(&Vcb->Resource, TRUE);
    ExAcquireResourceSharedLite(&Fcb->MainResource, TRUE);
    Status = FatQueryFile(Fcb, Class, Irp->AssociatedIrp.SystemBuffer, Length, &Used);
    ExReleaseResourceLite(&Fcb->MainResource);
    if (Path)
        ExReleaseResourceLite(&Vcb->Resource);
    Irp->IoStatus.Information = NT_ERROR(Status) ? 0 : Used;
    return Status;
}
