// SPDX-License-Identifier: MIT
// Services that name a file and want an answer, not a handle: its attributes, or its deletion. They open it through the
// same look-up as every open; IopParseDevice answers with IopQueryOpenFile and lets the file go.
// Source: WDK documentation (ZwQueryFullAttributesFile, ZwDeleteFile).

#include "iop.h"

static NTSTATUS IopQueryAttributes(PFILE_OBJECT File, PFILE_NETWORK_OPEN_INFORMATION Network)
{
    FILE_BASIC_INFORMATION Basic = {.FileAttributes = 0};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = IopQueryFile(File, FileBasicInformation, &Basic, sizeof(Basic), &IoStatus);

    if (!NT_SUCCESS(Status))
        return Status;
    Network->CreationTime = Basic.CreationTime;
    Network->LastAccessTime = Basic.LastAccessTime;
    Network->LastWriteTime = Basic.LastWriteTime;
    Network->ChangeTime = Basic.ChangeTime;
    Network->FileAttributes = Basic.FileAttributes;
    return STATUS_SUCCESS;
}

static NTSTATUS IopQuerySizes(PFILE_OBJECT File, PFILE_NETWORK_OPEN_INFORMATION Network)
{
    FILE_STANDARD_INFORMATION Standard = {.NumberOfLinks = 0};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = IopQueryFile(File, FileStandardInformation, &Standard, sizeof(Standard), &IoStatus);

    if (!NT_SUCCESS(Status))
        return Status;
    Network->AllocationSize = Standard.AllocationSize;
    Network->EndOfFile = Standard.EndOfFile;
    return STATUS_SUCCESS;
}

// Sets one class of information from inside the kernel: no handle, no file lock. PASSIVE_LEVEL.
static NTSTATUS IopSetFileFromKernel(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Information, ULONG Length)
{
    IOP_CALL Call = {.File = File, .Device = IopTopDevice(File), .Mode = KernelMode};
    IO_STATUS_BLOCK IoStatus;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(&Call, IRP_MJ_SET_INFORMATION, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    Call.Irp->AssociatedIrp.SystemBuffer = Information;
    Stack->Parameters.SetFile.Length = Length;
    Stack->Parameters.SetFile.FileInformationClass = Class;
    return IopSubmitSynchronous(&Call, &IoStatus);
}

static NTSTATUS IopMarkForDeletion(PFILE_OBJECT File)
{
    FILE_DISPOSITION_INFORMATION Disposition = {.DeleteFile = TRUE};

    return IopSetFileFromKernel(File, FileDispositionInformation, &Disposition, sizeof(Disposition));
}

// Sets a file's end, from inside the kernel (no handle, no file lock). PASSIVE_LEVEL. The file system's status.
NTSTATUS NTAPI IoSetFileSize(PFILE_OBJECT File, PLARGE_INTEGER EndOfFile)
{
    FILE_END_OF_FILE_INFORMATION Information = {.EndOfFile = *EndOfFile};

    PAGED_CODE();
    return IopSetFileFromKernel(File, FileEndOfFileInformation, &Information, sizeof(Information));
}

// Does what the open packet was made for to a file that has just been opened.
//
// PASSIVE_LEVEL. The file system's status.
NTSTATUS NTAPI IopQueryOpenFile(PFILE_OBJECT File, POPEN_PACKET Packet)
{
    NTSTATUS Status;

    PAGED_CODE();
    if (Packet->Action == IopDeleteByName)
        return IopMarkForDeletion(File);
    Status = IopQueryAttributes(File, Packet->Network);
    if (NT_SUCCESS(Status) && Packet->Action == IopQueryNetwork)
        Status = IopQuerySizes(File, Packet->Network);
    return Status;
}

static NTSTATUS IopActByName(POBJECT_ATTRIBUTES ObjectAttributes, IOP_OPEN_ACTION Action, ACCESS_MASK Access,
                             ULONG Options, PFILE_NETWORK_OPEN_INFORMATION Network)
{
    OPEN_PACKET Packet = {
        .Type = IO_TYPE_OPEN_PACKET,
        .Size = sizeof(OPEN_PACKET),
        .CreateOptions = Options,
        .Disposition = FILE_OPEN,
        .ShareAccess = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        .Action = Action,
        .Network = Network,
    };
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    HANDLE Handle;
    NTSTATUS Status = ObOpenObjectByName(ObjectAttributes, NULL, Mode, NULL, Access, &Packet, &Handle);

    if (Packet.ParseDone)
        return Packet.FinalStatus;
    if (NT_SUCCESS(Status)) { // the name led to something that is not a file
        ObCloseHandle(Handle, Mode);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

static NTSTATUS IopProbeAttributes(PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (ExGetPreviousMode() == KernelMode)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        ProbeForWrite(Information, Length, sizeof(ULONG));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS IopCopyAttributes(PVOID Target, const VOID *Source, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        memcpy(Target, Source, Length);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Tells a named file's times and attributes.
//
// PASSIVE_LEVEL. The look-up's or file system's status.
NTSTATUS NTAPI NtQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION Information)
{
    FILE_NETWORK_OPEN_INFORMATION Network = {.FileAttributes = 0};
    FILE_BASIC_INFORMATION Basic = {.FileAttributes = 0};
    NTSTATUS Status = IopProbeAttributes(Information, sizeof(*Information));

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        Status =
            IopActByName(ObjectAttributes, IopQueryBasic, FILE_READ_ATTRIBUTES, FILE_OPEN_FOR_BACKUP_INTENT, &Network);
    if (!NT_SUCCESS(Status))
        return Status;
    Basic.CreationTime = Network.CreationTime;
    Basic.LastAccessTime = Network.LastAccessTime;
    Basic.LastWriteTime = Network.LastWriteTime;
    Basic.ChangeTime = Network.ChangeTime;
    Basic.FileAttributes = Network.FileAttributes;
    return IopCopyAttributes(Information, &Basic, sizeof(Basic));
}

// Tells a named file's times, sizes and attributes.
//
// PASSIVE_LEVEL. The look-up's or file system's status.
NTSTATUS NTAPI NtQueryFullAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes,
                                         PFILE_NETWORK_OPEN_INFORMATION Information)
{
    FILE_NETWORK_OPEN_INFORMATION Network = {.FileAttributes = 0};
    NTSTATUS Status = IopProbeAttributes(Information, sizeof(*Information));

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        Status = IopActByName(ObjectAttributes, IopQueryNetwork, FILE_READ_ATTRIBUTES, FILE_OPEN_FOR_BACKUP_INTENT,
                              &Network);
    if (!NT_SUCCESS(Status))
        return Status;
    return IopCopyAttributes(Information, &Network, sizeof(Network));
}

// Deletes a named file or empty directory.
//
// PASSIVE_LEVEL. STATUS_DIRECTORY_NOT_EMPTY, STATUS_CANNOT_DELETE, or another status of the look-up or file system.
NTSTATUS NTAPI NtDeleteFile(POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return IopActByName(ObjectAttributes, IopDeleteByName, DELETE, FILE_OPEN_FOR_BACKUP_INTENT, NULL);
}
