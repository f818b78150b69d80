// SPDX-License-Identifier: MIT
// Io: drivers, devices, files and IRPs. Layouts are the WDK's (a .sys built with mingw-w64's ntddk.h sees the same
// bytes). Contracts stand at the definitions in io/.

#ifndef MICA_NTOS_IO_H
#define MICA_NTOS_IO_H

#include "mm.h"
#include "ob.h"

struct _DEVICE_OBJECT;
struct _DRIVER_OBJECT;
struct _FILE_OBJECT;
struct _IRP;
struct _VPB;

#define IRP_MJ_CREATE 0x00
#define IRP_MJ_CREATE_NAMED_PIPE 0x01
#define IRP_MJ_CLOSE 0x02
#define IRP_MJ_READ 0x03
#define IRP_MJ_WRITE 0x04
#define IRP_MJ_QUERY_INFORMATION 0x05
#define IRP_MJ_SET_INFORMATION 0x06
#define IRP_MJ_QUERY_EA 0x07
#define IRP_MJ_SET_EA 0x08
#define IRP_MJ_FLUSH_BUFFERS 0x09
#define IRP_MJ_QUERY_VOLUME_INFORMATION 0x0A
#define IRP_MJ_SET_VOLUME_INFORMATION 0x0B
#define IRP_MJ_DIRECTORY_CONTROL 0x0C
#define IRP_MJ_FILE_SYSTEM_CONTROL 0x0D
#define IRP_MJ_DEVICE_CONTROL 0x0E
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0F
#define IRP_MJ_SHUTDOWN 0x10
#define IRP_MJ_LOCK_CONTROL 0x11
#define IRP_MJ_CLEANUP 0x12
#define IRP_MJ_CREATE_MAILSLOT 0x13
#define IRP_MJ_QUERY_SECURITY 0x14
#define IRP_MJ_SET_SECURITY 0x15
#define IRP_MJ_POWER 0x16
#define IRP_MJ_SYSTEM_CONTROL 0x17
#define IRP_MJ_DEVICE_CHANGE 0x18
#define IRP_MJ_QUERY_QUOTA 0x19
#define IRP_MJ_SET_QUOTA 0x1A
#define IRP_MJ_PNP 0x1B
#define IRP_MJ_MAXIMUM_FUNCTION 0x1B
#define IRP_MN_QUERY_DIRECTORY 1
#define IRP_MN_MOUNT_VOLUME 1
#define IRP_MN_USER_FS_REQUEST 0

#define IRP_NOCACHE 0x00000001
#define IRP_PAGING_IO 0x00000002
#define IRP_SYNCHRONOUS_API 0x00000004
#define IRP_ASSOCIATED_IRP 0x00000008
#define IRP_BUFFERED_IO 0x00000010
#define IRP_DEALLOCATE_BUFFER 0x00000020
#define IRP_INPUT_OPERATION 0x00000040
#define IRP_SYNCHRONOUS_PAGING_IO 0x00000040
#define IRP_CREATE_OPERATION 0x00000080
#define IRP_READ_OPERATION 0x00000100
#define IRP_WRITE_OPERATION 0x00000200
#define IRP_CLOSE_OPERATION 0x00000400
#define IRP_DEFER_IO_COMPLETION 0x00000800

#define SL_PENDING_RETURNED 0x01
#define SL_INVOKE_ON_CANCEL 0x20
#define SL_INVOKE_ON_SUCCESS 0x40
#define SL_INVOKE_ON_ERROR 0x80
#define SL_RESTART_SCAN 0x01
#define SL_RETURN_SINGLE_ENTRY 0x02
#define SL_INDEX_SPECIFIED 0x04
#define SL_CASE_SENSITIVE 0x80
#define SL_OPEN_PAGING_FILE 0x02
#define SL_OPEN_TARGET_DIRECTORY 0x04

typedef NTSTATUS(NTAPI *PDRIVER_INITIALIZE)(struct _DRIVER_OBJECT *DriverObject, PUNICODE_STRING RegistryPath);
typedef NTSTATUS(NTAPI *PDRIVER_DISPATCH)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef VOID(NTAPI *PDRIVER_STARTIO)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef VOID(NTAPI *PDRIVER_CANCEL)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef VOID(NTAPI *PDRIVER_UNLOAD)(struct _DRIVER_OBJECT *DriverObject);
typedef NTSTATUS(NTAPI *PDRIVER_ADD_DEVICE)(struct _DRIVER_OBJECT *DriverObject,
                                            struct _DEVICE_OBJECT *PhysicalDeviceObject);
typedef NTSTATUS(NTAPI *PIO_COMPLETION_ROUTINE)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp, PVOID Context);
typedef VOID(NTAPI *PIO_DPC_ROUTINE)(PKDPC Dpc, struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp, PVOID Context);

typedef struct _KDEVICE_QUEUE {
    SHORT Type, Size;
    LIST_ENTRY DeviceListHead;
    KSPIN_LOCK Lock;
    BOOLEAN Busy;
} KDEVICE_QUEUE, *PKDEVICE_QUEUE;
typedef struct _KDEVICE_QUEUE_ENTRY {
    LIST_ENTRY DeviceListEntry;
    ULONG SortKey;
    BOOLEAN Inserted;
} KDEVICE_QUEUE_ENTRY, *PKDEVICE_QUEUE_ENTRY;
typedef struct _WAIT_CONTEXT_BLOCK {
    KDEVICE_QUEUE_ENTRY WaitQueueEntry;
    PVOID DeviceRoutine;
    PVOID DeviceContext;
    ULONG NumberOfMapRegisters;
    PVOID DeviceObject;
    PVOID CurrentIrp;
    PKDPC BufferChainingDpc;
} WAIT_CONTEXT_BLOCK;

typedef struct _DEVICE_OBJECT {
    SHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    struct _DRIVER_OBJECT *DriverObject;
    struct _DEVICE_OBJECT *NextDevice;
    struct _DEVICE_OBJECT *AttachedDevice; // the one above
    struct _IRP *CurrentIrp;
    PVOID Timer;
    ULONG Flags; // DO_*
    ULONG Characteristics;
    struct _VPB *Vpb;
    PVOID DeviceExtension;
    DEVICE_TYPE DeviceType;
    CCHAR StackSize;
    union {
        LIST_ENTRY ListEntry;
        WAIT_CONTEXT_BLOCK Wcb;
    } Queue;
    ULONG AlignmentRequirement;
    KDEVICE_QUEUE DeviceQueue;
    KDPC Dpc;
    ULONG ActiveThreadCount;
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    KEVENT DeviceLock;
    USHORT SectorSize;
    USHORT Spare1;
    struct _DEVOBJ_EXTENSION *DeviceObjectExtension;
    PVOID Reserved;
} DEVICE_OBJECT, *PDEVICE_OBJECT;
C_ASSERT_SIZE(DEVICE_OBJECT, 184);
#define DO_VERIFY_VOLUME 0x00000002
#define DO_BUFFERED_IO 0x00000004
#define DO_EXCLUSIVE 0x00000008
#define DO_DIRECT_IO 0x00000010
#define DO_DEVICE_HAS_NAME 0x00000040
#define DO_DEVICE_INITIALIZING 0x00000080
#define DO_SHUTDOWN_REGISTERED 0x00000800

typedef struct _DEVOBJ_EXTENSION {
    SHORT Type;
    USHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG PowerFlags;
    PVOID Dope;
    ULONG ExtensionFlags;
    PVOID DeviceNode;
    PDEVICE_OBJECT AttachedTo; // the one below
    LONG StartIoCount, StartIoKey;
    ULONG StartIoFlags;
    struct _VPB *Vpb;
} DEVOBJ_EXTENSION, *PDEVOBJ_EXTENSION;

typedef struct _DRIVER_EXTENSION {
    struct _DRIVER_OBJECT *DriverObject;
    PDRIVER_ADD_DEVICE AddDevice;
    ULONG Count;
    UNICODE_STRING ServiceKeyName;
} DRIVER_EXTENSION, *PDRIVER_EXTENSION;

struct _FAST_IO_DISPATCH;
typedef struct _DRIVER_OBJECT {
    SHORT Type;
    SHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    struct _FAST_IO_DISPATCH *FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PDRIVER_STARTIO DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
} DRIVER_OBJECT, *PDRIVER_OBJECT;
C_ASSERT_SIZE(DRIVER_OBJECT, 168);

// Fast I/O: an optimisation with a fallback. TRUE: done, IoStatus is valid. Only the first members for now; the rest of
// NT's table follows in its order when needed.
typedef BOOLEAN(NTAPI *PFAST_IO_CHECK_IF_POSSIBLE)(struct _FILE_OBJECT *File, PLARGE_INTEGER Offset, ULONG Length,
                                                   BOOLEAN Wait, ULONG Key, BOOLEAN CheckForRead,
                                                   PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device);
typedef BOOLEAN(NTAPI *PFAST_IO_READ)(struct _FILE_OBJECT *File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait,
                                      ULONG Key, PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device);
typedef PFAST_IO_READ PFAST_IO_WRITE;
typedef struct _FAST_IO_DISPATCH {
    ULONG SizeOfFastIoDispatch;
    PFAST_IO_CHECK_IF_POSSIBLE FastIoCheckIfPossible;
    PFAST_IO_READ FastIoRead;
    PFAST_IO_WRITE FastIoWrite;
} FAST_IO_DISPATCH, *PFAST_IO_DISPATCH;

typedef struct _VPB { // volume parameter block: ties a file-system volume to the storage device it is on
    SHORT Type;
    SHORT Size;
    USHORT Flags; // VPB_MOUNTED
    USHORT VolumeLabelLength;
    PDEVICE_OBJECT DeviceObject; // the file system's volume device
    PDEVICE_OBJECT RealDevice;   // the storage device
    ULONG SerialNumber;
    ULONG ReferenceCount; // open files
    WCHAR VolumeLabel[32];
} VPB, *PVPB;
#define VPB_MOUNTED 0x0001
#define VPB_LOCKED 0x0002

typedef struct _SECTION_OBJECT_POINTERS { // one per stream, in the file system's FCB
    PVOID DataSectionObject;              // Mm's control area for data
    PVOID SharedCacheMap;                 // Cc's
    PVOID ImageSectionObject;             // Mm's control area for the image
} SECTION_OBJECT_POINTERS, *PSECTION_OBJECT_POINTERS;

typedef struct _FILE_OBJECT {
    SHORT Type;
    SHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PVPB Vpb;
    PVOID FsContext; // FSRTL_COMMON_FCB_HEADER for cached files
    PVOID FsContext2;
    PSECTION_OBJECT_POINTERS SectionObjectPointer;
    PVOID PrivateCacheMap;
    NTSTATUS FinalStatus;
    struct _FILE_OBJECT *RelatedFileObject;
    BOOLEAN LockOperation, DeletePending, ReadAccess, WriteAccess, DeleteAccess, SharedRead, SharedWrite, SharedDelete;
    ULONG Flags; // FO_*
    UNICODE_STRING FileName;
    LARGE_INTEGER CurrentByteOffset;
    ULONG Waiters;
    ULONG Busy;
    PVOID LastLock;
    KEVENT Lock;
    KEVENT Event;
    PVOID CompletionContext;
    KSPIN_LOCK IrpListLock;
    LIST_ENTRY IrpList;
    PVOID FileObjectExtension;
} FILE_OBJECT, *PFILE_OBJECT;
C_ASSERT_OFFSET(FILE_OBJECT, FileName, 0x30);
C_ASSERT_OFFSET(FILE_OBJECT, Event, 0x5C);
C_ASSERT_SIZE(FILE_OBJECT, 128);
// Flags change while other processors change their neighbours: once a file is open, only through this.
#define IoSetFileFlags(File, Bits) InterlockedOr((volatile LONG *)&(File)->Flags, (LONG)(Bits))
#define FO_FILE_OPEN 0x00000001
#define FO_SYNCHRONOUS_IO 0x00000002
#define FO_ALERTABLE_IO 0x00000004
#define FO_NO_INTERMEDIATE_BUFFERING 0x00000008
#define FO_WRITE_THROUGH 0x00000010
#define FO_SEQUENTIAL_ONLY 0x00000020
#define FO_CACHE_SUPPORTED 0x00000040
#define FO_NAMED_PIPE 0x00000080
#define FO_STREAM_FILE 0x00000100
#define FO_DIRECT_DEVICE_OPEN 0x00000800
#define FO_FILE_MODIFIED 0x00001000
#define FO_FILE_SIZE_CHANGED 0x00002000
#define FO_CLEANUP_COMPLETE 0x00004000
#define FO_TEMPORARY_FILE 0x00008000
#define FO_DELETE_ON_CLOSE 0x00010000
#define FO_HANDLE_CREATED 0x00040000
#define FO_RANDOM_ACCESS 0x00100000
#define FO_VOLUME_OPEN 0x00400000

#pragma pack(push, 4)
typedef struct _IO_SECURITY_CONTEXT {
    PSECURITY_QUALITY_OF_SERVICE SecurityQos;
    PACCESS_STATE AccessState;
    ACCESS_MASK DesiredAccess;
    ULONG FullCreateOptions;
} IO_SECURITY_CONTEXT, *PIO_SECURITY_CONTEXT;

typedef struct _NAMED_PIPE_CREATE_PARAMETERS {
    ULONG NamedPipeType, ReadMode, CompletionMode, MaximumInstances, InboundQuota, OutboundQuota;
    LARGE_INTEGER DefaultTimeout;
    BOOLEAN TimeoutSpecified;
} NAMED_PIPE_CREATE_PARAMETERS, *PNAMED_PIPE_CREATE_PARAMETERS;

typedef struct _IO_STACK_LOCATION {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    union {
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options; // disposition << 24 | create options
            USHORT FileAttributes;
            USHORT ShareAccess;
            ULONG EaLength;
        } Create;
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options;
            USHORT Reserved;
            USHORT ShareAccess;
            PNAMED_PIPE_CREATE_PARAMETERS Parameters;
        } CreatePipe;
        struct {
            ULONG Length;
            ULONG Key;
            LARGE_INTEGER ByteOffset;
        } Read;
        struct {
            ULONG Length;
            ULONG Key;
            LARGE_INTEGER ByteOffset;
        } Write;
        struct {
            ULONG Length;
            PUNICODE_STRING FileName;
            FILE_INFORMATION_CLASS FileInformationClass;
            ULONG FileIndex;
        } QueryDirectory;
        struct {
            ULONG Length;
            FILE_INFORMATION_CLASS FileInformationClass;
        } QueryFile;
        struct {
            ULONG Length;
            FILE_INFORMATION_CLASS FileInformationClass;
            struct _FILE_OBJECT *FileObject; // rename: the target's directory
            BOOLEAN ReplaceIfExists;
            BOOLEAN AdvanceOnly;
        } SetFile;
        struct {
            ULONG Length;
            FS_INFORMATION_CLASS FsInformationClass;
        } QueryVolume;
        struct {
            ULONG OutputBufferLength;
            ULONG InputBufferLength;
            ULONG FsControlCode;
            PVOID Type3InputBuffer;
        } FileSystemControl;
        struct {
            ULONG OutputBufferLength;
            ULONG InputBufferLength;
            ULONG IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVPB Vpb;
            PDEVICE_OBJECT DeviceObject;
        } MountVolume;
        struct {
            PVOID Argument1, Argument2, Argument3, Argument4;
        } Others;
    } Parameters;
    PDEVICE_OBJECT DeviceObject;
    PFILE_OBJECT FileObject;
    PIO_COMPLETION_ROUTINE CompletionRoutine;
    PVOID Context;
} IO_STACK_LOCATION, *PIO_STACK_LOCATION;
C_ASSERT_SIZE(IO_STACK_LOCATION, 36);
#pragma pack(pop)

typedef struct _IRP {
    SHORT Type;
    USHORT Size;
    PMDL MdlAddress;
    ULONG Flags;
    union {
        struct _IRP *MasterIrp;
        LONG IrpCount;
        PVOID SystemBuffer;
    } AssociatedIrp;
    LIST_ENTRY ThreadListEntry;
    IO_STATUS_BLOCK IoStatus;
    KPROCESSOR_MODE RequestorMode;
    BOOLEAN PendingReturned;
    CHAR StackCount;
    CHAR CurrentLocation;
    BOOLEAN Cancel;
    KIRQL CancelIrql;
    CCHAR ApcEnvironment;
    UCHAR AllocationFlags;
    PIO_STATUS_BLOCK UserIosb;
    PKEVENT UserEvent;
    union {
        struct {
            PIO_APC_ROUTINE UserApcRoutine;
            PVOID UserApcContext;
        } AsynchronousParameters;
        LARGE_INTEGER AllocationSize;
    } Overlay;
    PDRIVER_CANCEL volatile CancelRoutine;
    PVOID UserBuffer;
    union {
        struct {
            union {
                KDEVICE_QUEUE_ENTRY DeviceQueueEntry;
                PVOID DriverContext[4];
            };
            PETHREAD Thread;
            PCHAR AuxiliaryBuffer;
            LIST_ENTRY ListEntry;
            PIO_STACK_LOCATION CurrentStackLocation;
            PFILE_OBJECT OriginalFileObject;
        } Overlay;
        KAPC Apc;
        PVOID CompletionKey;
    } Tail;
} IRP, *PIRP;
C_ASSERT_SIZE(IRP, 112);

FORCEINLINE PIO_STACK_LOCATION IoGetCurrentIrpStackLocation(PIRP Irp)
{
    return Irp->Tail.Overlay.CurrentStackLocation;
}
FORCEINLINE PIO_STACK_LOCATION IoGetNextIrpStackLocation(PIRP Irp)
{
    return Irp->Tail.Overlay.CurrentStackLocation - 1;
}
FORCEINLINE VOID IoSkipCurrentIrpStackLocation(PIRP Irp)
{
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
}
FORCEINLINE VOID IoCopyCurrentIrpStackLocationToNext(PIRP Irp)
{
    PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);

    memcpy(Next, IoGetCurrentIrpStackLocation(Irp), FIELD_OFFSET(IO_STACK_LOCATION, CompletionRoutine));
    Next->Control = 0;
}
FORCEINLINE VOID IoMarkIrpPending(PIRP Irp)
{
    IoGetCurrentIrpStackLocation(Irp)->Control |= SL_PENDING_RETURNED;
}
FORCEINLINE VOID IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE Routine, PVOID Context, BOOLEAN OnSuccess,
                                        BOOLEAN OnError, BOOLEAN OnCancel)
{
    PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);

    Next->CompletionRoutine = Routine;
    Next->Context = Context;
    Next->Control = (OnSuccess ? SL_INVOKE_ON_SUCCESS : 0) | (OnError ? SL_INVOKE_ON_ERROR : 0) |
                    (OnCancel ? SL_INVOKE_ON_CANCEL : 0);
}

#define STATUS_CONTINUE_COMPLETION STATUS_SUCCESS // from a completion routine

typedef struct _SHARE_ACCESS {
    ULONG OpenCount, Readers, Writers, Deleters, SharedRead, SharedWrite, SharedDelete;
} SHARE_ACCESS, *PSHARE_ACCESS;

extern POBJECT_TYPE IoFileObjectType, IoDeviceObjectType, IoDriverObjectType;

// Phase 1: types, boot drivers (null, console, serial, disk, pipes, FAT), partitions, drive letters, \SystemRoot.
BOOLEAN IoInitSystem(PLOADER_PARAMETER_BLOCK LoaderBlock);
// Flushes and shuts every volume down (IRP_MJ_SHUTDOWN), for NtShutdownSystem.
VOID IoShutdownSystem(VOID);

// --- drivers and devices
// Makes a driver object \Driver\Name and calls Initialize (drivers linked into the kernel).
NTCHECK IoCreateDriver(PUNICODE_STRING DriverName, PDRIVER_INITIALIZE Initialize);
NTCHECK IoCreateDevice(PDRIVER_OBJECT Driver, ULONG ExtensionSize, PUNICODE_STRING Name, DEVICE_TYPE Type,
                       ULONG Characteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *Device);
VOID NTAPI IoDeleteDevice(PDEVICE_OBJECT Device);
PDEVICE_OBJECT NTAPI IoAttachDeviceToDeviceStack(PDEVICE_OBJECT Source, PDEVICE_OBJECT Target);
VOID NTAPI IoDetachDevice(PDEVICE_OBJECT Target);
NTCHECK IoCreateSymbolicLink(PUNICODE_STRING Link, PUNICODE_STRING Target);
NTCHECK IoDeleteSymbolicLink(PUNICODE_STRING Link);
NTCHECK IoGetDeviceObjectPointer(PUNICODE_STRING Name, ACCESS_MASK DesiredAccess, PFILE_OBJECT *File,
                                 PDEVICE_OBJECT *Device);
PDEVICE_OBJECT NTAPI IoGetRelatedDeviceObject(PFILE_OBJECT File);
PDEVICE_OBJECT NTAPI IoGetAttachedDevice(PDEVICE_OBJECT Device);
VOID NTAPI IoRegisterFileSystem(PDEVICE_OBJECT Device);
NTCHECK IoRegisterShutdownNotification(PDEVICE_OBJECT Device);

// --- IRPs
PIRP NTAPI IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota); // NULL when there is no memory
VOID NTAPI IoFreeIrp(PIRP Irp);
NTSTATUS FASTCALL IofCallDriver(PDEVICE_OBJECT Device,
                                PIRP Irp); // MUST NOT be ignored unless a completion routine keeps the result
#define IoCallDriver(d, i) IofCallDriver((d), (i))
VOID FASTCALL IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
#define IoCompleteRequest(i, b) IofCompleteRequest((i), (b))
PIRP NTAPI IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
                                        PLARGE_INTEGER Offset, PKEVENT Event, PIO_STATUS_BLOCK IoStatus);
PIRP NTAPI IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
                                         PLARGE_INTEGER Offset, PIO_STATUS_BLOCK IoStatus);
PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG Code, PDEVICE_OBJECT Device, PVOID Input, ULONG InputLength,
                                         PVOID Output, ULONG OutputLength, BOOLEAN Internal, PKEVENT Event,
                                         PIO_STATUS_BLOCK IoStatus);
BOOLEAN NTAPI IoCancelIrp(PIRP Irp);
PDRIVER_CANCEL NTAPI IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL Routine);
VOID NTAPI IoAcquireCancelSpinLock(PKIRQL Irql);
VOID NTAPI IoReleaseCancelSpinLock(KIRQL Irql);
VOID NTAPI IoCancelThreadIo(PETHREAD Thread); // the exiting thread: cancels its IRPs and waits for them
PMDL NTAPI IoAllocateMdl(PVOID Va, ULONG Length, BOOLEAN Secondary, BOOLEAN ChargeQuota, PIRP Irp);
VOID NTAPI IoBuildPartialMdl(PMDL Source, PMDL Target, PVOID Va, ULONG Length);
VOID NTAPI IoFreeMdl(PMDL Mdl);
NTCHECK IoConnectInterrupt(PKINTERRUPT *Interrupt, PKSERVICE_ROUTINE Routine, PVOID Context, PKSPIN_LOCK Lock,
                           ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode, BOOLEAN Share,
                           KAFFINITY Affinity, BOOLEAN FloatingSave);
VOID NTAPI IoDisconnectInterrupt(PKINTERRUPT Interrupt);
VOID NTAPI IoInitializeDpcRequest(PDEVICE_OBJECT Device, PIO_DPC_ROUTINE Routine);
VOID NTAPI IoRequestDpc(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context);
VOID NTAPI IoStartPacket(PDEVICE_OBJECT Device, PIRP Irp, PULONG Key, PDRIVER_CANCEL Cancel);
VOID NTAPI IoStartNextPacket(PDEVICE_OBJECT Device, BOOLEAN Cancelable);

// --- files from kernel mode
NTCHECK IoCreateFile(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                     PIO_STATUS_BLOCK IoStatus, PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
                     ULONG Disposition, ULONG Options, PVOID Ea, ULONG EaLength, ULONG CreateFileType,
                     PVOID ExtraParameters, ULONG InternalOptions);
#define CreateFileTypeNone 0
// InternalOptions
#define IO_OPEN_PAGING_FILE 0x0002
#define IO_OPEN_TARGET_DIRECTORY 0x0004
#define IO_NO_PARAMETER_CHECKING 0x0100
#define CreateFileTypeNamedPipe 1
PFILE_OBJECT NTAPI IoCreateStreamFileObject(PFILE_OBJECT File, PDEVICE_OBJECT Device);
NTCHECK IoCheckShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShare, PFILE_OBJECT File, PSHARE_ACCESS ShareAccess,
                           BOOLEAN Update);
VOID NTAPI IoSetShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShare, PFILE_OBJECT File,
                            PSHARE_ACCESS ShareAccess);
VOID NTAPI IoRemoveShareAccess(PFILE_OBJECT File, PSHARE_ACCESS ShareAccess);
VOID NTAPI IoUpdateShareAccess(PFILE_OBJECT File, PSHARE_ACCESS ShareAccess);
// Paging I/O for Mm: non-cached, to pages that the MDL describes (locked). Signals Event when done, fills IoStatus.
NTCHECK IoPageRead(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event, PIO_STATUS_BLOCK IoStatus);
NTCHECK IoSynchronousPageWrite(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event,
                               PIO_STATUS_BLOCK IoStatus);
VOID NTAPI IoAsynchronousPageWrite(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PIO_APC_ROUTINE Routine,
                                   PVOID Context, PIO_STATUS_BLOCK IoStatus);
NTCHECK IoSetValidDataLength(PFILE_OBJECT File, PLARGE_INTEGER Length);
NTCHECK IoQueryFileSize(PFILE_OBJECT File, PLARGE_INTEGER EndOfFile); // an IRP_MJ_QUERY_INFORMATION to the file system
NTCHECK IoSetFileSize(PFILE_OBJECT File, PLARGE_INTEGER EndOfFile);   // an IRP_MJ_SET_INFORMATION
NTCHECK IoQueryFileName(PFILE_OBJECT File, POBJECT_NAME_INFORMATION Name, ULONG Length, PULONG Returned);

// --- common header of a file system's FCB, what Mm and Cc see of it (WDK: FSRTL_COMMON_FCB_HEADER)
typedef struct _FSRTL_COMMON_FCB_HEADER {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    UCHAR Flags;
    UCHAR IsFastIoPossible;
    UCHAR Flags2;
    UCHAR Reserved;
    PERESOURCE Resource;
    PERESOURCE PagingIoResource;
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER FileSize;
    LARGE_INTEGER ValidDataLength;
} FSRTL_COMMON_FCB_HEADER, *PFSRTL_COMMON_FCB_HEADER;

// --- disks: the device controls that a storage driver answers (SDK ntdddisk.h)
#define IOCTL_DISK_GET_DRIVE_GEOMETRY CTL_CODE(FILE_DEVICE_DISK, 0x0000, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_DISK_GET_PARTITION_INFO CTL_CODE(FILE_DEVICE_DISK, 0x0001, METHOD_BUFFERED, FILE_READ_ACCESS)
#define IOCTL_DISK_GET_LENGTH_INFO CTL_CODE(FILE_DEVICE_DISK, 0x0017, METHOD_BUFFERED, FILE_READ_ACCESS)
typedef struct _DISK_GEOMETRY {
    LARGE_INTEGER Cylinders;
    ULONG MediaType;
    ULONG TracksPerCylinder;
    ULONG SectorsPerTrack;
    ULONG BytesPerSector;
} DISK_GEOMETRY, *PDISK_GEOMETRY;
typedef struct _PARTITION_INFORMATION {
    LARGE_INTEGER StartingOffset;
    LARGE_INTEGER PartitionLength;
    ULONG HiddenSectors;
    ULONG PartitionNumber;
    UCHAR PartitionType;
    BOOLEAN BootIndicator;
    BOOLEAN RecognizedPartition;
    BOOLEAN RewritePartition;
} PARTITION_INFORMATION, *PPARTITION_INFORMATION;
typedef struct _GET_LENGTH_INFORMATION {
    LARGE_INTEGER Length;
} GET_LENGTH_INFORMATION, *PGET_LENGTH_INFORMATION;

// --- drivers linked into the kernel: their entry points, started by IoInitSystem in this order
NTSTATUS NTAPI NullDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath); // drivers/null
NTSTATUS NTAPI SerialDriverEntry(PDRIVER_OBJECT Driver,
                                 PUNICODE_STRING RegistryPath); // drivers/serial: \Device\Serial0, Serial1
NTSTATUS NTAPI KeyboardDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath); // drivers/i8042prt
NTSTATUS NTAPI ConsoleDriverEntry(PDRIVER_OBJECT Driver,
                                  PUNICODE_STRING RegistryPath); // drivers/console: \Device\Console
NTSTATUS NTAPI HostPortDriverEntry(PDRIVER_OBJECT Driver,
                                   PUNICODE_STRING RegistryPath); // drivers/hostport: \Device\HostPort
NTSTATUS NTAPI AtapiDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath); // drivers/atapi: IDE disks
NTSTATUS NTAPI RamdiskDriverEntry(PDRIVER_OBJECT Driver,
                                  PUNICODE_STRING RegistryPath); // drivers/ramdisk: a Multiboot module
NTSTATUS NTAPI NpfsDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath); // drivers/npfs: pipes
NTSTATUS NTAPI FatDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath);  // drivers/fastfat
// A storage driver found a whole disk: \Device\HarddiskN\Partition0 is Device. io/partition.c reads its partition table
// and makes \Device\HarddiskN\PartitionM devices on it. DiskNumber comes from IoAllocateDiskNumber.
ULONG IoAllocateDiskNumber(VOID);
NTCHECK IoReadPartitionTable(PDEVICE_OBJECT Disk, ULONG DiskNumber);

#endif
