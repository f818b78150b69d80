// SPDX-License-Identifier: MIT
// Opening and creating files, the front half: arguments are checked as the documentation says and captured once, then
// Ob looks the name up and calls IopParseDevice with the open packet made here.
// Source: WDK documentation (ZwCreateFile, ZwOpenFile, IoCreateFile; NtCreateNamedPipeFile as published).

#include "iop.h"

#define IOP_VALID_ATTRIBUTES 0x00007FB7 // FILE_ATTRIBUTE_VALID_FLAGS
#define IOP_VALID_SHARE (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define IOP_SYNCHRONOUS (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
#define IOP_VALID_DIRECTORY_OPTIONS                                                                                    \
    (FILE_DIRECTORY_FILE | IOP_SYNCHRONOUS | FILE_WRITE_THROUGH | FILE_COMPLETE_IF_OPLOCKED | FILE_DELETE_ON_CLOSE |   \
     FILE_OPEN_FOR_BACKUP_INTENT | FILE_OPEN_BY_FILE_ID | 0x00008000 /* no compression */ |                            \
     0x00200000 /* open reparse point */ | 0x00800000 /* free space query */)
#define IOP_VALID_PIPE_OPTIONS (FILE_WRITE_THROUGH | IOP_SYNCHRONOUS)

static BOOLEAN IopBadDirectoryOpen(ULONG Disposition, ULONG Options)
{
    if (!(Options & FILE_DIRECTORY_FILE))
        return FALSE;
    if (Options & ~IOP_VALID_DIRECTORY_OPTIONS) // FILE_NON_DIRECTORY_FILE among them
        return TRUE;
    return Disposition != FILE_CREATE && Disposition != FILE_OPEN && Disposition != FILE_OPEN_IF;
}

static BOOLEAN IopBadPipeCreate(POPEN_PACKET Packet)
{
    if (Packet->CreateFileType != CreateFileTypeNamedPipe)
        return FALSE;
    if (Packet->ExtraCreateParameters == NULL || (Packet->ShareAccess & FILE_SHARE_DELETE))
        return TRUE;
    if (Packet->CreateOptions & ~IOP_VALID_PIPE_OPTIONS)
        return TRUE;
    return Packet->Disposition != FILE_OPEN && Packet->Disposition != FILE_CREATE &&
           Packet->Disposition != FILE_OPEN_IF;
}

static NTSTATUS IopCheckCreate(POPEN_PACKET Packet, ACCESS_MASK DesiredAccess, ULONG FileAttributes, ULONG ShareAccess)
{
    ULONG Options = Packet->CreateOptions;

    if ((FileAttributes & ~IOP_VALID_ATTRIBUTES) || (ShareAccess & ~IOP_VALID_SHARE))
        return STATUS_INVALID_PARAMETER;
    if (Packet->Disposition > FILE_MAXIMUM_DISPOSITION || (Options & ~FILE_VALID_OPTION_FLAGS))
        return STATUS_INVALID_PARAMETER;
    if ((Options & IOP_SYNCHRONOUS) && !(DesiredAccess & SYNCHRONIZE))
        return STATUS_INVALID_PARAMETER;
    if ((Options & IOP_SYNCHRONOUS) == IOP_SYNCHRONOUS)
        return STATUS_INVALID_PARAMETER;
    if ((Options & FILE_DELETE_ON_CLOSE) && !(DesiredAccess & DELETE))
        return STATUS_INVALID_PARAMETER;
    if ((Options & FILE_NO_INTERMEDIATE_BUFFERING) && (DesiredAccess & FILE_APPEND_DATA))
        return STATUS_INVALID_PARAMETER;
    if (IopBadDirectoryOpen(Packet->Disposition, Options) || IopBadPipeCreate(Packet))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

// Probes what the open will write, and captures the allocation size.
static NTSTATUS IopCaptureCreate(POPEN_PACKET Packet, KPROCESSOR_MODE Mode, PHANDLE Handle, PIO_STATUS_BLOCK IoStatus,
                                 PLARGE_INTEGER AllocationSize)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode) {
            ProbeForWriteType(Handle);
            ProbeForWrite(IoStatus, sizeof(*IoStatus), sizeof(ULONG));
            if (AllocationSize != NULL)
                ProbeForReadType(AllocationSize);
        }
        if (AllocationSize != NULL)
            Packet->AllocationSize = *(volatile LARGE_INTEGER *)AllocationSize;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (NT_SUCCESS(Status) && Packet->AllocationSize.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    return Status;
}

static NTSTATUS IopReturnHandle(PHANDLE Target, HANDLE Handle, PIO_STATUS_BLOCK IoStatus, POPEN_PACKET Packet,
                                KPROCESSOR_MODE Mode)
{
    IO_STATUS_BLOCK Result = {.Status = Packet->FinalStatus, .Information = Packet->Information};
    volatile NTSTATUS Status = Packet->FinalStatus;

    SEH_TRY
    {
        *Target = Handle;
        IoStatus->Status = Result.Status;
        IoStatus->Information = Result.Information;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status))
        ObCloseHandle(Handle, Mode);
    return Status;
}

static NTSTATUS IopOpenByName(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              PIO_STATUS_BLOCK IoStatus, POPEN_PACKET Packet, KPROCESSOR_MODE Mode)
{
    HANDLE Opened = NULL;
    NTSTATUS Status = ObOpenObjectByName(ObjectAttributes, NULL, Mode, NULL, DesiredAccess, Packet, &Opened);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!Packet->ParseDone) { // an object that is neither file nor device, e.g. a directory of the name space
        ObCloseHandle(Opened, Mode);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    IoSetFileFlags(Packet->FileObject, FO_HANDLE_CREATED);
    return IopReturnHandle(Handle, Opened, IoStatus, Packet, Mode);
}

// Opens or creates a file, directory, device or pipe, for a driver or for the services below.
//
// ExtraParameters: NAMED_PIPE_CREATE_PARAMETERS for CreateFileTypeNamedPipe.   InternalOptions:
// IO_NO_PARAMETER_CHECKING (the caller is the kernel whatever the previous mode), IO_OPEN_TARGET_DIRECTORY,
// IO_OPEN_PAGING_FILE.
// PASSIVE_LEVEL. The caller closes *Handle. STATUS_INVALID_PARAMETER for a combination the documentation forbids,
// STATUS_EAS_NOT_SUPPORTED for extended attributes (no file system here has them), or the look-up's or driver's status.
NTSTATUS NTAPI IoCreateFile(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PIO_STATUS_BLOCK IoStatus, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                            ULONG ShareAccess, ULONG Disposition, ULONG Options, PVOID Ea, ULONG EaLength,
                            ULONG CreateFileType, PVOID ExtraParameters, ULONG InternalOptions)
{
    KPROCESSOR_MODE Mode = (InternalOptions & IO_NO_PARAMETER_CHECKING) ? KernelMode : ExGetPreviousMode();
    OPEN_PACKET Packet = {.Type = IO_TYPE_OPEN_PACKET, .Size = sizeof(OPEN_PACKET)};
    NTSTATUS Status;

    PAGED_CODE();
    Packet.CreateOptions = Options;
    Packet.Disposition = Disposition;
    Packet.FileAttributes = (USHORT)FileAttributes;
    Packet.ShareAccess = (USHORT)ShareAccess;
    Packet.CreateFileType = CreateFileType;
    Packet.ExtraCreateParameters = ExtraParameters;
    Packet.InternalOptions = InternalOptions;
    if (!(InternalOptions & IO_NO_PARAMETER_CHECKING)) {
        Status = IopCheckCreate(&Packet, DesiredAccess, FileAttributes, ShareAccess);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    Status = IopCaptureCreate(&Packet, Mode, Handle, IoStatus, AllocationSize);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Ea != NULL && EaLength != 0)
        return STATUS_EAS_NOT_SUPPORTED;
    return IopOpenByName(Handle, DesiredAccess, ObjectAttributes, IoStatus, &Packet, Mode);
}

// Opens or creates a file.
//
// PASSIVE_LEVEL. See IoCreateFile.
NTSTATUS NTAPI NtCreateFile(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PIO_STATUS_BLOCK IoStatus, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                            ULONG ShareAccess, ULONG Disposition, ULONG Options, PVOID EaBuffer, ULONG EaLength)
{
    PAGED_CODE();
    return IoCreateFile(Handle, DesiredAccess, ObjectAttributes, IoStatus, AllocationSize, FileAttributes, ShareAccess,
                        Disposition, Options, EaBuffer, EaLength, CreateFileTypeNone, NULL, 0);
}

// Opens an existing file.
//
// PASSIVE_LEVEL. See IoCreateFile.
NTSTATUS NTAPI NtOpenFile(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                          PIO_STATUS_BLOCK IoStatus, ULONG ShareAccess, ULONG Options)
{
    PAGED_CODE();
    return IoCreateFile(Handle, DesiredAccess, ObjectAttributes, IoStatus, NULL, 0, ShareAccess, FILE_OPEN, Options,
                        NULL, 0, CreateFileTypeNone, NULL, 0);
}

static NTSTATUS IopCapturePipeTimeout(PNAMED_PIPE_CREATE_PARAMETERS Parameters, PLARGE_INTEGER Timeout)
{
    PLARGE_INTEGER Given;
    NTSTATUS Status = ExCaptureTimeout(&Given, &Parameters->DefaultTimeout, Timeout, ExGetPreviousMode());

    if (!NT_SUCCESS(Status))
        return Status;
    Parameters->TimeoutSpecified = Given != NULL;
    if (Given != NULL && Given->QuadPart >= 0)
        return STATUS_INVALID_PARAMETER; // must be relative
    return STATUS_SUCCESS;
}

// Creates an instance of a named pipe and opens its server end.
//
// ShareAccess: what clients may do (read, write, both).   PASSIVE_LEVEL. See IoCreateFile and drivers/npfs.
NTSTATUS NTAPI NtCreateNamedPipeFile(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                     PIO_STATUS_BLOCK IoStatus, ULONG ShareAccess, ULONG Disposition, ULONG Options,
                                     ULONG NamedPipeType, ULONG ReadMode, ULONG CompletionMode, ULONG MaximumInstances,
                                     ULONG InboundQuota, ULONG OutboundQuota, PLARGE_INTEGER DefaultTimeout)
{
    NAMED_PIPE_CREATE_PARAMETERS Parameters = {
        .NamedPipeType = NamedPipeType,
        .ReadMode = ReadMode,
        .CompletionMode = CompletionMode,
        .MaximumInstances = MaximumInstances,
        .InboundQuota = InboundQuota,
        .OutboundQuota = OutboundQuota,
    };
    NTSTATUS Status = IopCapturePipeTimeout(&Parameters, DefaultTimeout);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    return IoCreateFile(Handle, DesiredAccess, ObjectAttributes, IoStatus, NULL, 0, ShareAccess, Disposition, Options,
                        NULL, 0, CreateFileTypeNamedPipe, &Parameters, 0);
}
