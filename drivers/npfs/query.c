// SPDX-License-Identifier: MIT
// What can be asked about a pipe's end, and the modes that can be set.
// Source: WDK documentation (FILE_PIPE_INFORMATION, FILE_PIPE_LOCAL_INFORMATION), SDK (GetNamedPipeInfo).

#include "npfs.h"

static const WCHAR NpFileSystemName[] = L"NPFS";

static VOID NpFillLocal(PNP_CCB Ccb, ULONG End, PFILE_PIPE_LOCAL_INFORMATION Info)
{
    PNP_QUEUE Own = &Ccb->Queue[End];

    Info->NamedPipeType = Ccb->Fcb->Type;
    Info->NamedPipeConfiguration = Ccb->Fcb->Configuration;
    Info->MaximumInstances = Ccb->Fcb->MaximumInstances;
    Info->CurrentInstances = Ccb->Fcb->CurrentInstances;
    Info->InboundQuota = Ccb->Queue[FILE_PIPE_INBOUND].Quota;
    Info->ReadDataAvailable = Ccb->Queue[1 - End].Available;
    Info->OutboundQuota = Ccb->Queue[FILE_PIPE_OUTBOUND].Quota;
    Info->WriteQuotaAvailable = Own->Quota - min_of(Own->Buffered, Own->Quota);
    Info->NamedPipeState = Ccb->State;
    Info->NamedPipeEnd = End;
}

static VOID NpFillStandard(PNP_CCB Ccb, ULONG End, PFILE_STANDARD_INFORMATION Info)
{
    Info->AllocationSize.QuadPart = (LONGLONG)Ccb->Queue[0].Quota + Ccb->Queue[1].Quota;
    Info->EndOfFile.QuadPart = Ccb->Queue[1 - End].Available;
    Info->NumberOfLinks = 1;
    Info->DeletePending = TRUE; // a pipe's name goes with its last handle
    Info->Directory = FALSE;
}

// Copies as much of the name as fits.
static NTSTATUS NpFillName(PNP_FCB Fcb, PFILE_NAME_INFORMATION Info, ULONG Length, PULONG Used)
{
    ULONG Room = Length - FIELD_OFFSET(FILE_NAME_INFORMATION, FileName), Fits = min_of(Room, Fcb->Name.Length);

    Info->FileNameLength = Fcb->Name.Length;
    memcpy(Info->FileName, Fcb->Name.Buffer, Fits);
    *Used = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + Fits;
    return Fits < Fcb->Name.Length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS NpQueryLocked(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length, PULONG Used)
{
    PNP_CCB Ccb = NpCcb(File);
    ULONG End = NpEnd(File);

    if (Ccb->File[End] != File)
        return STATUS_PIPE_DISCONNECTED;
    switch (Class) {
    case FileBasicInformation:
        ((PFILE_BASIC_INFORMATION)Buffer)->FileAttributes = FILE_ATTRIBUTE_NORMAL;
        *Used = sizeof(FILE_BASIC_INFORMATION);
        return STATUS_SUCCESS;
    case FileStandardInformation:
        NpFillStandard(Ccb, End, Buffer);
        *Used = sizeof(FILE_STANDARD_INFORMATION);
        return STATUS_SUCCESS;
    case FileNameInformation:
        return NpFillName(Ccb->Fcb, Buffer, Length, Used);
    case FilePipeInformation:
        ((PFILE_PIPE_INFORMATION)Buffer)->ReadMode = Ccb->ReadMode[End];
        ((PFILE_PIPE_INFORMATION)Buffer)->CompletionMode = Ccb->CompletionMode[End];
        *Used = sizeof(FILE_PIPE_INFORMATION);
        return STATUS_SUCCESS;
    case FilePipeLocalInformation:
        NpFillLocal(Ccb, End, Buffer);
        *Used = sizeof(FILE_PIPE_LOCAL_INFORMATION);
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

// IRP_MJ_QUERY_INFORMATION.
//
// PASSIVE_LEVEL; Io has checked the least length and zeroed the buffer. STATUS_INVALID_PARAMETER for what pipes lack.
NTSTATUS NTAPI NpQueryInformation(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Used = 0;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    if (NpCcb(Stack->FileObject) == NULL)
        return NpComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    KeAcquireSpinLock(&NpLock, &OldIrql);
    Status = NpQueryLocked(Stack->FileObject, Stack->Parameters.QueryFile.FileInformationClass,
                           Irp->AssociatedIrp.SystemBuffer, Stack->Parameters.QueryFile.Length, &Used);
    KeReleaseSpinLock(&NpLock, OldIrql);
    return NpComplete(Irp, Status, Used);
}

static NTSTATUS NpSetModes(PNP_CCB Ccb, ULONG End, PFILE_PIPE_INFORMATION Info)
{
    if (Info->ReadMode > FILE_PIPE_MESSAGE_MODE || Info->CompletionMode > FILE_PIPE_COMPLETE_OPERATION)
        return STATUS_INVALID_PARAMETER;
    if (Info->ReadMode == FILE_PIPE_MESSAGE_MODE && Ccb->Fcb->Type == FILE_PIPE_BYTE_STREAM_TYPE)
        return STATUS_INVALID_PARAMETER;
    if (Info->CompletionMode == FILE_PIPE_COMPLETE_OPERATION && !IsListEmpty(&Ccb->Queue[1 - End].Readers))
        return STATUS_PIPE_BUSY;
    Ccb->ReadMode[End] = Info->ReadMode;
    Ccb->CompletionMode[End] = Info->CompletionMode;
    return STATUS_SUCCESS;
}

// IRP_MJ_SET_INFORMATION: FilePipeInformation.
//
// PASSIVE_LEVEL. STATUS_PIPE_BUSY while requests wait that a change would contradict.
NTSTATUS NTAPI NpSetInformation(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT File = Stack->FileObject;
    NTSTATUS Status = STATUS_PIPE_DISCONNECTED;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    if (NpCcb(File) == NULL || Stack->Parameters.SetFile.FileInformationClass != FilePipeInformation)
        return NpComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    KeAcquireSpinLock(&NpLock, &OldIrql);
    if (NpCcb(File)->File[NpEnd(File)] == File)
        Status = NpSetModes(NpCcb(File), NpEnd(File), Irp->AssociatedIrp.SystemBuffer);
    KeReleaseSpinLock(&NpLock, OldIrql);
    return NpComplete(Irp, Status, 0);
}

// IRP_MJ_QUERY_VOLUME_INFORMATION: the file system's name.
//
// PASSIVE_LEVEL. STATUS_BUFFER_OVERFLOW if the name did not fit.
NTSTATUS NTAPI NpQueryVolume(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_FS_ATTRIBUTE_INFORMATION Info = Irp->AssociatedIrp.SystemBuffer;
    ULONG Header = FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName),
          Name = sizeof(NpFileSystemName) - sizeof(WCHAR), Fits;

    UNREFERENCED_PARAMETER(Device);
    if (Stack->Parameters.QueryVolume.FsInformationClass != FileFsAttributeInformation)
        return NpComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    Fits = min_of(Stack->Parameters.QueryVolume.Length - Header, Name);
    Info->FileSystemAttributes = 0;
    Info->MaximumComponentNameLength = 255;
    Info->FileSystemNameLength = Name;
    memcpy(Info->FileSystemName, NpFileSystemName, Fits);
    return NpComplete(Irp, Fits < Name ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, Header + Fits);
}
