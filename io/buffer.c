// SPDX-License-Identifier: MIT
// The three ways a caller's buffer reaches a driver: copied into a system buffer, locked and described by an MDL, or as
// the bare address. The IRP owns what is attached here; IopReleaseBuffers lets go of it.
// Source: WDK documentation ("Methods for Accessing Data Buffers").

#include "iop.h"

// Gives the IRP a system buffer of Length bytes (not 0), filled from CopyFrom, or zeroed if that is NULL.
//
// <= APC_LEVEL. CopyFrom may be a user address. Fails with STATUS_INSUFFICIENT_RESOURCES, or the exception's code.
NTSTATUS NTAPI IopAttachSystemBuffer(PIRP Irp, PVOID CopyFrom, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PVOID Buffer = ExAllocatePoolWithTag(NonPagedPool, Length, TAG_IO_BUFFER);

    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    if (CopyFrom == NULL) {
        memset(Buffer, 0, Length);
        return STATUS_SUCCESS;
    }
    SEH_TRY
    {
        memcpy(Buffer, CopyFrom, Length);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Locks a caller's buffer of Length bytes (not 0) and gives the IRP an MDL for it.
//
// Operation: IoReadAccess if the device only reads the buffer.   <= APC_LEVEL.
// Fails with STATUS_INSUFFICIENT_RESOURCES, or the exception's code for a bad buffer.
NTSTATUS NTAPI IopAttachMdl(PIRP Irp, PVOID Buffer, ULONG Length, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PMDL Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, NULL);

    if (Mdl == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SEH_TRY
    {
        MmProbeAndLockPages(Mdl, Mode, Operation);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status)) {
        IoFreeMdl(Mdl);
        return Status;
    }
    Irp->MdlAddress = Mdl;
    return STATUS_SUCCESS;
}

// Attaches the caller's buffer of a read or write in the way the device asks for (DO_BUFFERED_IO, DO_DIRECT_IO).
//
// Write: data goes to the device.   <= APC_LEVEL.
NTSTATUS NTAPI IopAttachTransferBuffer(PIOP_CALL Call, PVOID Buffer, ULONG Length, BOOLEAN Write)
{
    PIRP Irp = Call->Irp;

    Irp->UserBuffer = Buffer;
    if (Length == 0)
        return STATUS_SUCCESS;
    if (Call->Device->Flags & DO_BUFFERED_IO) {
        if (!Write)
            Irp->Flags |= IRP_INPUT_OPERATION;
        return IopAttachSystemBuffer(Irp, Write ? Buffer : NULL, Length);
    }
    if (Call->Device->Flags & DO_DIRECT_IO)
        return IopAttachMdl(Irp, Buffer, Length, Call->Mode, Write ? IoReadAccess : IoWriteAccess);
    return STATUS_SUCCESS;
}

// Frees the system buffer and the MDLs (unlocking them if nobody has yet) of an IRP.
//
// <= DISPATCH_LEVEL.
VOID IopReleaseBuffers(PIRP Irp)
{
    if (Irp->Flags & IRP_DEALLOCATE_BUFFER) {
        ExFreePoolWithTag(Irp->AssociatedIrp.SystemBuffer, TAG_IO_BUFFER);
        Irp->AssociatedIrp.SystemBuffer = NULL;
    }
    Irp->Flags &= ~(IRP_DEALLOCATE_BUFFER | IRP_BUFFERED_IO);
    IopFreeIrpMdls(Irp);
}
