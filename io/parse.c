// SPDX-License-Identifier: MIT
// Opening, the back half: Ob has followed a name to a device object (or to the open file that a relative name starts
// from) and hands over the rest. A file object is made, the volume mounted if it is not yet, and the driver asked
// with IRP_MJ_CREATE.
//
//     \??\C:\dir\file --link--> \Device\Harddisk0\Partition1 + "\dir\file"
//                                  |-- a disk: its VPB's file-system device, mounted on first use (rest empty: the
//                                  |   volume), unless the bare name is opened for attributes only
//                                  `-- another device, or no volume: the device itself (FO_DIRECT_DEVICE_OPEN)
// Source: Windows Internals, "Opening a file object"; WDK documentation (FILE_OBJECT, IRP_MJ_CREATE).

#include "iop.h"

static GENERIC_MAPPING IopFileMapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};

// The one access check of an open: what is granted moves from RemainingDesiredAccess to PreviouslyGrantedAccess.
static NTSTATUS IopCheckDeviceAccess(PDEVICE_OBJECT Device, PACCESS_STATE AccessState, KPROCESSOR_MODE Mode,
                                     ULONG Attributes)
{
    KPROCESSOR_MODE CheckMode = (Attributes & OBJ_FORCE_ACCESS_CHECK) ? UserMode : Mode;
    ACCESS_MASK Granted = 0;
    NTSTATUS Status = STATUS_ACCESS_DENIED;

    RtlMapGenericMask(&AccessState->RemainingDesiredAccess, &IopFileMapping);
    if (!SeAccessCheck(Device->SecurityDescriptor, &AccessState->SubjectSecurityContext, FALSE,
                       AccessState->RemainingDesiredAccess, AccessState->PreviouslyGrantedAccess, NULL, &IopFileMapping,
                       CheckMode, &Granted, &Status))
        return NT_SUCCESS(Status) ? STATUS_ACCESS_DENIED : Status;
    AccessState->PreviouslyGrantedAccess |= Granted;
    AccessState->RemainingDesiredAccess &= ~(Granted | MAXIMUM_ALLOWED);
    return STATUS_SUCCESS;
}

static ULONG IopFileFlags(ULONG Options)
{
    ULONG Flags = 0;

    if (Options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT))
        Flags |= FO_SYNCHRONOUS_IO;
    if (Options & FILE_SYNCHRONOUS_IO_ALERT)
        Flags |= FO_ALERTABLE_IO;
    if (Options & FILE_NO_INTERMEDIATE_BUFFERING)
        Flags |= FO_NO_INTERMEDIATE_BUFFERING;
    if (Options & FILE_WRITE_THROUGH)
        Flags |= FO_WRITE_THROUGH;
    if (Options & FILE_SEQUENTIAL_ONLY)
        Flags |= FO_SEQUENTIAL_ONLY;
    if (Options & FILE_RANDOM_ACCESS)
        Flags |= FO_RANDOM_ACCESS;
    return Flags;
}

static NTSTATUS IopCopyFileName(PFILE_OBJECT File, PUNICODE_STRING Name)
{
    if (Name->Length == 0)
        return STATUS_SUCCESS;
    File->FileName.Buffer =
        ExAllocatePoolWithTag(NonPagedPool, Name->Length, TAG_IO_NAME); // npfs compares under a lock
    if (File->FileName.Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    File->FileName.MaximumLength = Name->Length;
    RtlCopyUnicodeString(&File->FileName, Name);
    return STATUS_SUCCESS;
}

static NTSTATUS IopMakeFileObject(POPEN_PACKET Packet, PUNICODE_STRING Name, KPROCESSOR_MODE Mode, PFILE_OBJECT *Result)
{
    OBJECT_ATTRIBUTES Attributes;
    PFILE_OBJECT File;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    Status = ObCreateObject(KernelMode, IoFileObjectType, &Attributes, Mode, NULL, sizeof(FILE_OBJECT), 0, 0,
                            (PVOID *)&File);
    if (!NT_SUCCESS(Status))
        return Status;
    File->Type = IO_TYPE_FILE;
    File->Size = sizeof(FILE_OBJECT);
    File->Flags = IopFileFlags(Packet->CreateOptions);
    KeInitializeEvent(&File->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&File->Event, NotificationEvent, FALSE);
    InitializeListHead(&File->IrpList);
    Status = IopCopyFileName(File, Name);
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(File);
        return Status;
    }
    *Result = File;
    return STATUS_SUCCESS;
}

// Opens of a device's bare name that ask for nothing but this touch no volume on it.
#define IOP_DEVICE_ONLY_ACCESS (FILE_READ_ATTRIBUTES | READ_CONTROL | WRITE_DAC | WRITE_OWNER | SYNCHRONIZE)

static BOOLEAN IopIsDirectOpen(POPEN_PACKET Packet, PUNICODE_STRING Name, ACCESS_MASK Access)
{
    if (Packet->RelatedFileObject != NULL)
        return (Packet->RelatedFileObject->Flags & FO_DIRECT_DEVICE_OPEN) != 0;
    return Name->Length == 0 && (Access & ~IOP_DEVICE_ONLY_ACCESS) == 0;
}

// Decides who gets the create: the device itself, or the file system on it (*Vpb referenced then). A device with a
// volume that no file system knows can still be opened as a device.
static NTSTATUS IopChooseTarget(PDEVICE_OBJECT Device, POPEN_PACKET Packet, PUNICODE_STRING Name, ACCESS_MASK Access,
                                PULONG FileFlags, PVPB *Vpb)
{
    BOOLEAN Bare = Name->Length == 0 && Packet->RelatedFileObject == NULL;
    NTSTATUS Status = STATUS_SUCCESS;

    *Vpb = NULL;
    *FileFlags = 0;
    if (IopIsDirectOpen(Packet, Name, Access))
        *FileFlags = FO_DIRECT_DEVICE_OPEN;
    else if (Device->Vpb != NULL)
        Status = IopReferenceMountedVpb(Device, Vpb);
    else if (Bare)
        *FileFlags = FO_DIRECT_DEVICE_OPEN;
    if (Status == STATUS_UNRECOGNIZED_VOLUME && Bare) {
        *FileFlags = FO_DIRECT_DEVICE_OPEN;
        Status = STATUS_SUCCESS;
    }
    return Status;
}

static NTSTATUS IopCreateOnDevice(PDEVICE_OBJECT Device, POPEN_PACKET Packet, PACCESS_STATE AccessState,
                                  KPROCESSOR_MODE Mode, ULONG Attributes, PUNICODE_STRING Name,
                                  PSECURITY_QUALITY_OF_SERVICE Qos, PFILE_OBJECT *Result)
{
    IO_SECURITY_CONTEXT Security = {Qos, AccessState, AccessState->PreviouslyGrantedAccess, Packet->CreateOptions};
    PFILE_OBJECT File;
    ULONG TargetFlags;
    PVPB Vpb;
    NTSTATUS Status = IopChooseTarget(Device, Packet, Name, AccessState->PreviouslyGrantedAccess, &TargetFlags, &Vpb);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopMakeFileObject(Packet, Name, Mode, &File);
    if (!NT_SUCCESS(Status)) {
        if (Vpb != NULL)
            IopDereferenceVpb(Vpb);
        return Status;
    }
    File->Flags |= TargetFlags;
    File->Vpb = Vpb;
    File->DeviceObject = Device;
    File->RelatedFileObject = Packet->RelatedFileObject;
    Status = IopSendCreate(File, IopTopDevice(File), Packet, &Security, Attributes, Mode);
    File->RelatedFileObject = NULL; // not kept alive beyond the create
    if (!NT_SUCCESS(Status)) {
        File->DeviceObject = NULL; // never opened: no cleanup, no close
        File->Vpb = NULL;
        ObDereferenceObject(File);
        if (Vpb != NULL)
            IopDereferenceVpb(Vpb);
        return Status;
    }
    IoSetFileFlags(File, FO_FILE_OPEN);
    KeSetEvent(&File->Event, IO_NO_INCREMENT, FALSE);
    *Result = File;
    return STATUS_SUCCESS;
}

// The parse procedure of device objects.
//
// Context: an OPEN_PACKET.   PASSIVE_LEVEL. *Object: the file object, with a reference for Ob; NULL for opens that
// only ask (Packet->Action), which report in Packet->FinalStatus and fail here so that Ob makes no handle.
// STATUS_OBJECT_TYPE_MISMATCH when somebody else than IoCreateFile opens a device by name.
NTSTATUS NTAPI IopParseDevice(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                              KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                              PUNICODE_STRING RemainingName, PVOID Context, PSECURITY_QUALITY_OF_SERVICE SecurityQos,
                              PVOID *Object)
{
    POPEN_PACKET Packet = Context;
    PDEVICE_OBJECT Device = ParseObject;
    PFILE_OBJECT File;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(ObjectType);
    UNREFERENCED_PARAMETER(CompleteName);
    *Object = NULL;
    if (Packet == NULL || Packet->Type != IO_TYPE_OPEN_PACKET || Packet->Size != sizeof(OPEN_PACKET))
        return STATUS_OBJECT_TYPE_MISMATCH;
    Status = IopReferenceDeviceForOpen(Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopCheckDeviceAccess(Device, AccessState, AccessMode, Attributes);
    if (NT_SUCCESS(Status))
        Status =
            IopCreateOnDevice(Device, Packet, AccessState, AccessMode, Attributes, RemainingName, SecurityQos, &File);
    if (!NT_SUCCESS(Status)) {
        IopDereferenceDevice(Device);
        return Status;
    }
    Packet->ParseDone = TRUE;
    if (Packet->Action == IopOpenHandle) {
        Packet->FileObject = File;
        *Object = File;
        return Packet->FinalStatus;
    }
    Packet->FinalStatus = IopQueryOpenFile(File, Packet);
    ObDereferenceObject(File);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

// The parse procedure of file objects: a name relative to an open file (RootDirectory).
//
// As IopParseDevice.
NTSTATUS NTAPI IopParseFile(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                            KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                            PUNICODE_STRING RemainingName, PVOID Context, PSECURITY_QUALITY_OF_SERVICE SecurityQos,
                            PVOID *Object)
{
    POPEN_PACKET Packet = Context;
    PFILE_OBJECT Related = ParseObject;

    if (Packet == NULL || Packet->Type != IO_TYPE_OPEN_PACKET || Packet->Size != sizeof(OPEN_PACKET)) {
        *Object = NULL;
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    Packet->RelatedFileObject = Related;
    return IopParseDevice(Related->DeviceObject, ObjectType, AccessState, AccessMode, Attributes, CompleteName,
                          RemainingName, Context, SecurityQos, Object);
}
