// SPDX-License-Identifier: MIT
// Io's private half. A service makes an IOP_CALL (file, event, lock, IRP), sends it, and the IRP comes home through
// one of three doors:
//
//     IoCallDriver ... IofCompleteRequest
//                        |-- paging I/O, close, mount: status block and event set, or a routine called, in any context
//                        |-- deferred: the service's own thread finishes it when IoCallDriver has returned
//                        `-- special kernel APC to the thread that asked: IopFinishIrp in its address space

#ifndef MICA_IO_IOP_H
#define MICA_IO_IOP_H

#include "ntos.h"

#define IO_TYPE_DEVICE 3
#define IO_TYPE_DRIVER 4
#define IO_TYPE_FILE 5
#define IO_TYPE_IRP 6
#define IO_TYPE_OPEN_PACKET 8
#define IO_TYPE_VPB 0x0A
#define IO_TYPE_DEVICE_OBJECT_EXTENSION 0x0D

#define TAG_IRP 0x20707249       // 'Irp '
#define TAG_IO_BUFFER 0x42536F49 // 'IoSB'
#define TAG_IO_NAME 0x6D4E6F49   // 'IoNm'
#define TAG_IO_MDL 0x206C644D    // 'Mdl '
#define TAG_IO_VPB 0x20627056    // 'Vpb '
#define TAG_IO_DEVICE 0x76446F49 // 'IoDv'

#define IRP_LOOKASIDE_SMALL 0x08 // IRP.AllocationFlags: which list it goes back to
#define IRP_LOOKASIDE_LARGE 0x10
#define IRP_RESERVED 0x20 // the one for paging transfers
#define IOP_LARGE_STACK_COUNT 6
#define IOP_RESERVE_STACK_COUNT 8
#define IOP_IRP_SIZE(StackSize) ((USHORT)(sizeof(IRP) + (StackSize) * sizeof(IO_STACK_LOCATION)))
#define IOP_RESERVE_IRP_SIZE IOP_IRP_SIZE(IOP_RESERVE_STACK_COUNT)

#define IRP_MOUNT_COMPLETION 0x00000002 // shares IRP_PAGING_IO's bit, as in NT: completes in any context

// DEVOBJ_EXTENSION.ExtensionFlags
#define DOE_DELETE_PENDING 0x02

typedef enum _IOP_OPEN_ACTION { IopOpenHandle, IopQueryBasic, IopQueryNetwork, IopDeleteByName } IOP_OPEN_ACTION;

// What an open carries through Ob's look-up to IopParseDevice.
typedef struct _OPEN_PACKET {
    SHORT Type;
    SHORT Size;
    BOOLEAN ParseDone; // the driver was asked; FinalStatus and Information are its answer
    NTSTATUS FinalStatus;
    ULONG_PTR Information;
    PFILE_OBJECT FileObject;        // the result, owned by Ob's handle
    PFILE_OBJECT RelatedFileObject; // the RootDirectory's file
    LARGE_INTEGER AllocationSize;
    ULONG CreateOptions;
    ULONG Disposition;
    USHORT FileAttributes;
    USHORT ShareAccess;
    ULONG CreateFileType;
    PVOID ExtraCreateParameters;
    ULONG InternalOptions;
    IOP_OPEN_ACTION Action; // opens that want an answer, not a handle
    PFILE_NETWORK_OPEN_INFORMATION Network;
} OPEN_PACKET, *POPEN_PACKET;

// One service call on a file handle, from the caller's arguments to the IRP.
typedef struct _IOP_CALL {
    PFILE_OBJECT File;     // referenced; the IRP gets a reference of its own
    PDEVICE_OBJECT Device; // where the IRP goes, once IopAllocateCallIrp has looked
    PKEVENT Event;         // the caller's, referenced, or NULL; the IRP takes it over
    ACCESS_MASK GrantedAccess;
    KPROCESSOR_MODE Mode;
    BOOLEAN Locked; // the file object's lock is held (synchronous file objects)
    PIO_STATUS_BLOCK IoStatus;
    PIO_APC_ROUTINE ApcRoutine;
    PVOID ApcContext;
    PIRP Irp;
} IOP_CALL, *PIOP_CALL;

typedef enum _IOP_TRANSFER { IopReadTransfer, IopWriteTransfer, IopOtherTransfer } IOP_TRANSFER;

// --- types.c, driver.c, device.c, fileobj.c
BOOLEAN IopCreateObjectTypes(VOID);
NTCHECK IopInvalidDeviceRequest(PDEVICE_OBJECT Device, PIRP Irp);
VOID NTAPI IopDeleteDriver(PVOID Object);
VOID NTAPI IopDeleteDeviceObject(PVOID Object);
VOID NTAPI IopDeleteFile(PVOID Object);
VOID NTAPI IopCloseFile(PEPROCESS Process, PVOID Object, ACCESS_MASK GrantedAccess, ULONG ProcessHandleCount,
                        ULONG SystemHandleCount);
VOID IopDereferenceDevice(PDEVICE_OBJECT Device);
VOID IopCountOpen(PDEVICE_OBJECT Device);
VOID IopReadyDevices(PDRIVER_OBJECT Driver);
NTCHECK IopReferenceDeviceForOpen(PDEVICE_OBJECT Device);
extern KSPIN_LOCK IopDatabaseLock; // device stacks, VPB flags and counts

// --- mount.c
PVPB IopCreateVpb(PDEVICE_OBJECT Device);
VOID IopDropVpb(PDEVICE_OBJECT Device);
NTCHECK IopReferenceMountedVpb(PDEVICE_OBJECT Device, PVPB *Vpb);
VOID IopDereferenceVpb(PVPB Vpb);
NTCHECK IopAskFileSystems(PVPB Vpb, PDEVICE_OBJECT Storage); // fsreg.c
VOID IopInitializeRegistry(VOID);
VOID IopInitializeInterrupts(VOID); // fsreg.c: the lists

// --- parse.c, name.c
NTCHECK IopParseDevice(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                       KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                       PUNICODE_STRING RemainingName, PVOID Context, PSECURITY_QUALITY_OF_SERVICE SecurityQos,
                       PVOID *Object);
NTCHECK IopParseFile(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState, KPROCESSOR_MODE AccessMode,
                     ULONG Attributes, PUNICODE_STRING CompleteName, PUNICODE_STRING RemainingName, PVOID Context,
                     PSECURITY_QUALITY_OF_SERVICE SecurityQos, PVOID *Object);
NTCHECK IopQueryNameFile(PVOID Object, BOOLEAN HasObjectName, POBJECT_NAME_INFORMATION Name, ULONG Length,
                         PULONG ReturnLength, KPROCESSOR_MODE Mode);
NTCHECK IopSendCreate(PFILE_OBJECT File, PDEVICE_OBJECT Device, POPEN_PACKET Packet, PIO_SECURITY_CONTEXT Security,
                      ULONG Attributes,
                      KPROCESSOR_MODE Mode);                      // open.c
NTCHECK IopQueryOpenFile(PFILE_OBJECT File, POPEN_PACKET Packet); // attrs.c: answers Packet->Action on the fresh file

// --- irp.c, apc.c, thread.c, cancel.c
VOID IopInitializeIrpLists(VOID);
BOOLEAN IopInitializePaging(VOID);
VOID IopReturnReserveIrp(VOID);
VOID IopTracePagingEnd(PIRP Irp);
VOID IopInitializeIrp(PIRP Irp, USHORT Size, CCHAR StackSize);
PIRP IopAllocateIrpMustSucceed(CCHAR StackSize);
NTSTATUS IopFinishIrp(PIRP Irp, PFILE_OBJECT File);
VOID NTAPI IopCompleteRequestApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                 PVOID *SystemArgument1, PVOID *SystemArgument2);
VOID NTAPI IopAbortRequestApc(PKAPC Apc);
VOID IopDropIrp(PIRP Irp, PFILE_OBJECT File);
VOID IopQueueThreadIrp(PIRP Irp);
VOID IopDequeueThreadIrp(PIRP Irp);
VOID IopCancelFileIrps(PFILE_OBJECT File); // of the current thread; waits for them
VOID IopCancelAndWait(PIRP Irp, PKEVENT Event);
VOID IopFreeIrpMdls(PIRP Irp);

// --- filelock.c
NTCHECK IopWaitForFileLock(PFILE_OBJECT File, KPROCESSOR_MODE Mode);
FORCEINLINE BOOLEAN IopTryFileLock(PFILE_OBJECT File)
{
    return InterlockedExchange((volatile LONG *)&File->Busy, TRUE) == FALSE;
}

// Takes a file object's lock.
//
// Mode: of the wait; a user-mode wait ends when the thread is terminated.   PASSIVE_LEVEL.
// STATUS_SUCCESS, or STATUS_ALERTED / STATUS_USER_APC: the lock is not held.
FORCEINLINE NTSTATUS IopAcquireFileLock(PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    return __builtin_expect(IopTryFileLock(File), TRUE) ? STATUS_SUCCESS : IopWaitForFileLock(File, Mode);
}

// Releases a file object's lock and lets one waiter try. <= DISPATCH_LEVEL.
FORCEINLINE VOID IopReleaseFileLock(PFILE_OBJECT File)
{
    InterlockedExchange((volatile LONG *)&File->Busy, FALSE);
    if (__builtin_expect(*(volatile ULONG *)&File->Waiters != 0, FALSE))
        KeSetEvent(&File->Lock, IO_NO_INCREMENT, FALSE);
}

// --- call.c: IOP_CALL
// Fills in who calls and where the answer goes. Any IRQL.
FORCEINLINE VOID IopInitializeCall(PIOP_CALL Call, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                   PIO_STATUS_BLOCK IoStatus)
{
    Call->File = NULL;
    Call->Device = NULL;
    Call->Event = NULL;
    Call->Irp = NULL;
    Call->Locked = FALSE;
    Call->Mode = ExGetPreviousMode();
    Call->IoStatus = IoStatus;
    Call->ApcRoutine = ApcRoutine;
    Call->ApcContext = ApcContext;
}
NTCHECK IopReferenceCall(PIOP_CALL Call, HANDLE Handle, ACCESS_MASK Access, HANDLE Event);
NTCHECK IopBeginCall(PIOP_CALL Call, HANDLE Handle, ACCESS_MASK Access, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                     PVOID ApcContext, PIO_STATUS_BLOCK IoStatus);
// Takes the lock of a synchronous file object, so that its operations follow each other.
//
// PASSIVE_LEVEL. STATUS_ALERTED or STATUS_USER_APC when the wait for the lock was broken off.
FORCEINLINE NTSTATUS IopLockCall(PIOP_CALL Call)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Call->File->Flags & FO_SYNCHRONOUS_IO) {
        Status = IopAcquireFileLock(Call->File, Call->Mode);
        Call->Locked = Status == STATUS_SUCCESS;
    }
    return Status;
}
NTCHECK IopAllocateCallIrp(PIOP_CALL Call, UCHAR MajorFunction, PIO_STACK_LOCATION *Stack);
NTCHECK IopSubmitCall(PIOP_CALL Call, IOP_TRANSFER Transfer);
NTCHECK IopSubmitSynchronous(PIOP_CALL Call, PIO_STATUS_BLOCK Local);
NTSTATUS IopEndCall(PIOP_CALL Call, NTSTATUS Status);
// Touches a user's status block as the answer will; raises.
FORCEINLINE VOID IopProbeIoStatus(PIO_STATUS_BLOCK IoStatus)
{
    volatile ULONG *Words = (volatile ULONG *)IoStatus;

    ProbeForRead(IoStatus, sizeof(*IoStatus), sizeof(ULONG));
    Words[0] = Words[0];
    Words[1] = Words[1];
}
// The same without raising: a kernel caller's is as good as it says. STATUS_DATATYPE_MISALIGNMENT, or the fault's.
FORCEINLINE NTSTATUS IopTouchIoStatus(PIOP_CALL Call)
{
    return Call->Mode == KernelMode ? STATUS_SUCCESS : ExProbeUserPair(Call->IoStatus);
}
#define IOP_SMALL_INFORMATION 64 // bytes of information that travel on the stack instead of in pool
VOID IopCountOperation(IOP_TRANSFER Transfer);
VOID IopCountTransfer(IOP_TRANSFER Transfer, ULONG_PTR Bytes);
// Writes a status block where the caller wants it; Target may be a user address that is no longer there, or NULL.
// <= APC_LEVEL. What a fault says.
FORCEINLINE NTSTATUS IopWriteIoStatus(PIO_STATUS_BLOCK Target, PIO_STATUS_BLOCK Value)
{
    NTSTATUS Status;

    if (Target == NULL)
        return STATUS_SUCCESS;
    Status = ExPutUserUlong(&Target->Information, Value->Information);
    return NT_SUCCESS(Status) ? ExPutUserUlong(&Target->Status, (ULONG)Value->Status) : Status;
}
PDEVICE_OBJECT IopTopDevice(PFILE_OBJECT File);

// --- userbuf.c
NTCHECK IopProbeInformation(PIOP_CALL Call, PVOID Information, ULONG Length);
NTCHECK IopCaptureInformation(PIOP_CALL Call, PVOID Buffer, PVOID Information, ULONG Length);
NTCHECK IopReturnInformation(PIOP_CALL Call, PVOID Target, PVOID Buffer, ULONG Length, PIO_STATUS_BLOCK Local);

// --- buffer.c: the three ways to pass a caller's buffer
NTCHECK IopAttachSystemBuffer(PIRP Irp, PVOID CopyFrom, ULONG Length);
NTCHECK IopAttachMdl(PIRP Irp, PVOID Buffer, ULONG Length, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation);
NTCHECK IopAttachTransferBuffer(PIOP_CALL Call, PVOID Buffer, ULONG Length, BOOLEAN Write);
VOID IopReleaseBuffers(PIRP Irp);

// --- queryfile.c, setfile.c, rename.c
typedef struct _IOP_CLASS { // an information class: least length (0: no such class) and the access that it asks for
    USHORT Length;
    ACCESS_MASK Access;
} IOP_CLASS;
NTCHECK IopCheckClass(const IOP_CLASS *Table, ULONG Count, ULONG Class, ULONG Length, ACCESS_MASK *Access);
NTCHECK IopQueryFile(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                     PIO_STATUS_BLOCK IoStatus);
NTCHECK IopOpenRenameTarget(PIOP_CALL Call, PFILE_RENAME_INFORMATION Rename, ULONG Length, PHANDLE Target,
                            PFILE_OBJECT *Directory);

// --- partition.c, mbr.c, letters.c
typedef struct _IOP_PARTITION {
    ULONGLONG Offset; // bytes
    ULONGLONG Length;
    ULONG HiddenSectors;
    UCHAR Type;
    BOOLEAN Boot;
} IOP_PARTITION, *PIOP_PARTITION;
#define IOP_MAX_PARTITIONS 16
NTCHECK IopReadDisk(PDEVICE_OBJECT Disk, ULONGLONG Offset, PVOID Buffer, ULONG Length);
NTCHECK IopParsePartitionTable(PDEVICE_OBJECT Disk, ULONG SectorSize, ULONGLONG DiskLength, PIOP_PARTITION Found,
                               PULONG Count);
BOOLEAN IopIsRecognisedType(UCHAR Type);
NTSTATUS NTAPI IopPartitionDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath);
VOID IopNotePartition(ULONG DiskNumber, ULONG PartitionNumber);
ULONG IopPartitionCount(VOID);
NTCHECK IopAssignDriveLetters(VOID);
NTCHECK IopCreateLinkTo(PCWSTR Link, PCWSTR Target);
NTCHECK IopCreateDirectory(PCWSTR Name);

#endif
