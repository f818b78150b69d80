// SPDX-License-Identifier: MIT
// Requests to the file system, as Io would send them, and share access.

#include "sim.h"
#include "drivers/fastfat/fat.h"

static DRIVER_OBJECT FatDriver, DiskDriver;
static VPB Vpb;

static NTSTATUS NTAPI SimDiskDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    ULONG Length = Stack->Parameters.Read.Length;

    UNREFERENCED_PARAMETER(Device);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    if (Stack->MajorFunction == IRP_MJ_DEVICE_CONTROL) {
        IoFreeIrp(Irp);
        return STATUS_SUCCESS;
    }
    if (Stack->MajorFunction == IRP_MJ_READ || Stack->MajorFunction == IRP_MJ_WRITE) {
        SimCheck(Offset % 512 == 0 && Length % 512 == 0 && Offset + Length <= SimDiskBytes);
        SimCheck(MmGetMdlByteCount(Irp->MdlAddress) >= Length);
        if (Stack->MajorFunction == IRP_MJ_READ) {
            memcpy(MmGetMdlVirtualAddress(Irp->MdlAddress), SimDisk + Offset, Length);
        } else {
            SimBeforeWrite();
            SimWrites++;
            SimNoteWrite(Offset, MmGetMdlVirtualAddress(Irp->MdlAddress), Length);
            memcpy(SimDisk + Offset, MmGetMdlVirtualAddress(Irp->MdlAddress), Length);
        }
        Irp->IoStatus.Information = Length;
    }
    if (Stack->MajorFunction == IRP_MJ_FLUSH_BUFFERS) {
        SimBeforeWrite();
        SimNoteFlush();
    }
    IofCompleteRequest(Irp, 0);
    return STATUS_SUCCESS;
}

NTSTATUS SimMount(VOID)
{
    PIRP Irp;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status;

    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        DiskDriver.MajorFunction[i] = SimDiskDispatch;
    if (SimTarget == NULL) {
        IGNORE_STATUS(IoCreateDevice(&DiskDriver, 0, NULL, FILE_DEVICE_DISK, 0, FALSE, &SimTarget));
        SimTarget->SectorSize = 512;
        SimTarget->Flags |= DO_DIRECT_IO;
        SimCheck(CcInitializeCacheManager());
    }
    SimDriver = &FatDriver;
    Status = FatDriverEntry(&FatDriver, NULL);
    SimCheck(Status == STATUS_SUCCESS);
    memset(&Vpb, 0, sizeof(Vpb));
    Irp = IoAllocateIrp(2, FALSE);
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
    Stack->MinorFunction = IRP_MN_MOUNT_VOLUME;
    Stack->Parameters.MountVolume.Vpb = &Vpb;
    Stack->Parameters.MountVolume.DeviceObject = SimTarget;
    Status = SimSend(FatData.ControlDevice, Irp);
    SimVolume = Vpb.DeviceObject;
    return Status;
}

VOID SimShutdown(VOID)
{
    PIRP Irp = IoAllocateIrp(2, FALSE);

    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_SHUTDOWN;
    SimCheck(SimSend(FatData.ControlDevice, Irp) == STATUS_SUCCESS);
}

ULONG SimMetadataBlocks(VOID)
{
    PVCB Vcb = SimVolume->DeviceExtension;

    return Vcb->Meta.PinnedBlock != NULL && Vcb->Meta.Writable; // its Bcb
}

static PIRP SimIrp(PFILE_OBJECT File, UCHAR MajorFunction, PIO_STACK_LOCATION *Stack)
{
    PIRP Irp = IoAllocateIrp(SimVolume->StackSize, FALSE);

    *Stack = IoGetNextIrpStackLocation(Irp);
    (*Stack)->MajorFunction = MajorFunction;
    (*Stack)->FileObject = File;
    return Irp;
}

static NTSTATUS SimSendChecked(PIRP Irp)
{
    NTSTATUS Status = SimSend(SimVolume, Irp);

    SimCheck(SimLocksHeld == 0);
    return Status;
}

static VOID SimSetName(PUNICODE_STRING Name, PCSTR Path)
{
    ULONG Length = 0;

    Name->Buffer = malloc(1024);
    while (Path[Length] != 0) {
        Name->Buffer[Length] = (UCHAR)Path[Length];
        Length++;
    }
    Name->Length = (USHORT)(Length * 2);
    Name->MaximumLength = 1024;
}

static PFILE_OBJECT SimNewFile(PCSTR Path)
{
    PLONG Block = calloc(1, sizeof(FILE_OBJECT) + 8);
    PFILE_OBJECT File = (PFILE_OBJECT)(Block + 2);

    Block[0] = 1;
    File->Type = 5;
    File->Flags = FO_SYNCHRONOUS_IO;
    SimSetName(&File->FileName, Path);
    return File;
}

static NTSTATUS SimOpenFlags(PCSTR Path, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options,
                             ULONG Attributes, UCHAR Flags, PFILE_OBJECT *Result, PULONG_PTR Information)
{
    PFILE_OBJECT File = SimNewFile(Path);
    IO_SECURITY_CONTEXT Security = {NULL, NULL, Access, 0};
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_CREATE, &Stack);
    NTSTATUS Status;

    Stack->Flags = Flags;
    Stack->Parameters.Create.SecurityContext = &Security;
    Stack->Parameters.Create.Options = Disposition << 24 | Options;
    Stack->Parameters.Create.FileAttributes = (USHORT)Attributes;
    Stack->Parameters.Create.ShareAccess = (USHORT)Share;
    Status = SimSendChecked(Irp);
    if (Information != NULL)
        *Information = SimIoStatus.Information;
    *Result = File;
    if (!NT_SUCCESS(Status)) {
        SimCheck(((PLONG)File)[-2] == 1);
        free(File->FileName.Buffer);
        free((PLONG)File - 2);
        *Result = NULL;
    }
    return Status;
}

NTSTATUS SimOpen(PCSTR Path, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options, ULONG Attributes,
                 PFILE_OBJECT *File, PULONG_PTR Information)
{
    return SimOpenFlags(Path, Access, Share, Disposition, Options, Attributes, 0, File, Information);
}

VOID SimClose(PFILE_OBJECT File)
{
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_CLEANUP, &Stack);

    SimCheck(SimSendChecked(Irp) == STATUS_SUCCESS);
    ObfDereferenceObject(File);
    SimCheck(SimLocksHeld == 0);
}

NTSTATUS SimTransfer(PFILE_OBJECT File, BOOLEAN Write, ULONGLONG Offset, PVOID Buffer, ULONG Length, BOOLEAN Direct,
                     PULONG Done)
{
    PIO_STACK_LOCATION Stack;
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    IO_STATUS_BLOCK IoStatus;
    PIRP Irp;
    NTSTATUS Status;

    if (!Direct && (SimRandom() & 1)) { // as Io does: the fast way first
        PFAST_IO_READ Fast = Write ? FatDriver.FastIoDispatch->FastIoWrite : FatDriver.FastIoDispatch->FastIoRead;

        if (File->PrivateCacheMap != NULL && Fast(File, &Start, Length, TRUE, 0, Buffer, &IoStatus, SimVolume)) {
            *Done = IoStatus.Information;
            return IoStatus.Status;
        }
    }
    Irp = SimIrp(File, Write ? IRP_MJ_WRITE : IRP_MJ_READ, &Stack);
    Irp->UserBuffer = Buffer;
    Irp->Flags = Direct ? IRP_NOCACHE : 0;
    Stack->Parameters.Read.Length = Length;
    Stack->Parameters.Read.ByteOffset = Start;
    Status = SimSendChecked(Irp);
    *Done = SimIoStatus.Information;
    return Status;
}

NTSTATUS SimQuery(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length)
{
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_QUERY_INFORMATION, &Stack);

    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.QueryFile.Length = Length;
    Stack->Parameters.QueryFile.FileInformationClass = Class;
    return SimSendChecked(Irp);
}

NTSTATUS SimSet(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length)
{
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_SET_INFORMATION, &Stack);

    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.SetFile.Length = Length;
    Stack->Parameters.SetFile.FileInformationClass = Class;
    return SimSendChecked(Irp);
}

NTSTATUS SimRename(PFILE_OBJECT File, PCSTR Path, BOOLEAN Replace)
{
    FILE_RENAME_INFORMATION Information = {Replace, NULL, 0, {0}};
    PFILE_OBJECT Directory;
    PIO_STACK_LOCATION Stack;
    PIRP Irp;
    NTSTATUS Status =
        SimOpenFlags(Path, FILE_WRITE_DATA, 7, FILE_OPEN, 0, 0, SL_OPEN_TARGET_DIRECTORY, &Directory, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    Irp = SimIrp(File, IRP_MJ_SET_INFORMATION, &Stack);
    Irp->AssociatedIrp.SystemBuffer = &Information;
    Stack->Parameters.SetFile.Length = sizeof(Information);
    Stack->Parameters.SetFile.FileInformationClass = FileRenameInformation;
    Stack->Parameters.SetFile.ReplaceIfExists = Replace;
    Stack->Parameters.SetFile.FileObject = Directory;
    Status = SimSendChecked(Irp);
    SimClose(Directory);
    return Status;
}

NTSTATUS SimQueryDirectory(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length, PCSTR Pattern,
                           UCHAR Flags, PULONG Used)
{
    UNICODE_STRING Name = {0, 0, NULL};
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_DIRECTORY_CONTROL, &Stack);
    NTSTATUS Status;

    if (Pattern != NULL)
        SimSetName(&Name, Pattern);
    Irp->UserBuffer = Buffer;
    Stack->MinorFunction = IRP_MN_QUERY_DIRECTORY;
    Stack->Flags = Flags;
    Stack->Parameters.QueryDirectory.Length = Length;
    Stack->Parameters.QueryDirectory.FileName = Pattern != NULL ? &Name : NULL;
    Stack->Parameters.QueryDirectory.FileInformationClass = Class;
    Status = SimSendChecked(Irp);
    free(Name.Buffer);
    *Used = SimIoStatus.Information;
    return Status;
}

NTSTATUS SimQueryVolume(FS_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length)
{
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(NULL, IRP_MJ_QUERY_VOLUME_INFORMATION, &Stack);

    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.QueryVolume.Length = Length;
    Stack->Parameters.QueryVolume.FsInformationClass = Class;
    return SimSendChecked(Irp);
}

NTSTATUS SimFlush(PFILE_OBJECT File)
{
    PIO_STACK_LOCATION Stack;
    PIRP Irp = SimIrp(File, IRP_MJ_FLUSH_BUFFERS, &Stack);

    return SimSendChecked(Irp);
}

// --- share access (WDK documentation, IoCheckShareAccess)
static VOID SimTakeAccess(ACCESS_MASK Access, ULONG Share, PFILE_OBJECT File)
{
    File->ReadAccess = (Access & (FILE_READ_DATA | FILE_EXECUTE)) != 0;
    File->WriteAccess = (Access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    File->DeleteAccess = (Access & DELETE) != 0;
    File->SharedRead = (Share & FILE_SHARE_READ) != 0;
    File->SharedWrite = (Share & FILE_SHARE_WRITE) != 0;
    File->SharedDelete = (Share & FILE_SHARE_DELETE) != 0;
}
static VOID SimCountAccess(PFILE_OBJECT File, PSHARE_ACCESS s, int Sign)
{
    if (!File->ReadAccess && !File->WriteAccess && !File->DeleteAccess)
        return;
    s->OpenCount += Sign;
    s->Readers += Sign * File->ReadAccess;
    s->Writers += Sign * File->WriteAccess;
    s->Deleters += Sign * File->DeleteAccess;
    s->SharedRead += Sign * File->SharedRead;
    s->SharedWrite += Sign * File->SharedWrite;
    s->SharedDelete += Sign * File->SharedDelete;
}
NTSTATUS NTAPI IoCheckShareAccess(ACCESS_MASK Access, ULONG Share, PFILE_OBJECT File, PSHARE_ACCESS s, BOOLEAN Update)
{
    SimTakeAccess(Access, Share, File);
    if (File->ReadAccess || File->WriteAccess || File->DeleteAccess) {
        if ((File->ReadAccess && s->SharedRead < s->OpenCount) ||
            (File->WriteAccess && s->SharedWrite < s->OpenCount) ||
            (File->DeleteAccess && s->SharedDelete < s->OpenCount) || (s->Readers != 0 && !File->SharedRead) ||
            (s->Writers != 0 && !File->SharedWrite) || (s->Deleters != 0 && !File->SharedDelete))
            return STATUS_SHARING_VIOLATION;
    }
    if (Update)
        SimCountAccess(File, s, 1);
    return STATUS_SUCCESS;
}
VOID NTAPI IoSetShareAccess(ACCESS_MASK Access, ULONG Share, PFILE_OBJECT File, PSHARE_ACCESS s)
{
    memset(s, 0, sizeof(*s));
    SimTakeAccess(Access, Share, File);
    SimCountAccess(File, s, 1);
}
VOID NTAPI IoRemoveShareAccess(PFILE_OBJECT File, PSHARE_ACCESS s)
{
    SimCountAccess(File, s, -1);
}
