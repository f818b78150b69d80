// SPDX-License-Identifier: MIT
// The end of an end. When one side closes its last handle, what it has written can still be read, then the other side
// sees STATUS_PIPE_BROKEN; what was on the way to it is lost and the other side's writes fail.

#include "npfs.h"

static VOID NpCloseConnected(PNP_CCB Ccb, ULONG End, PLIST_ENTRY Done)
{
    Ccb->State = FILE_PIPE_CLOSING_STATE;
    NpDiscardQueue(&Ccb->Queue[1 - End], STATUS_PIPE_BROKEN, Done);
    NpFailList(&Ccb->Queue[End].Readers, STATUS_PIPE_BROKEN, Done);
}

static VOID NpCloseEnd(PNP_CCB Ccb, PFILE_OBJECT File, ULONG End, PLIST_ENTRY Done)
{
    if (Ccb->File[End] != File)
        return; // a client that was disconnected
    Ccb->File[End] = NULL;
    if (Ccb->State == FILE_PIPE_CONNECTED_STATE)
        NpCloseConnected(Ccb, End, Done);
    if (End == FILE_PIPE_SERVER_END)
        NpFailList(&Ccb->Listeners, STATUS_PIPE_BROKEN, Done);
    if (Ccb->File[1 - End] != NULL)
        return;
    NpDiscardQueue(&Ccb->Queue[0], STATUS_PIPE_BROKEN, Done);
    NpDiscardQueue(&Ccb->Queue[1], STATUS_PIPE_BROKEN, Done);
    NpUnlinkInstance(Ccb);
}

// IRP_MJ_CLEANUP: the last handle to an end is closed.
//
// PASSIVE_LEVEL. STATUS_SUCCESS.
NTSTATUS NTAPI NpCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    LIST_ENTRY Done;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    InitializeListHead(&Done);
    if (NpCcb(File) != NULL) {
        KeAcquireSpinLock(&NpLock, &OldIrql);
        NpCloseEnd(NpCcb(File), File, NpEnd(File), &Done);
        KeReleaseSpinLock(&NpLock, OldIrql);
        NpCompleteAll(&Done);
    }
    return NpComplete(Irp, STATUS_SUCCESS, 0);
}

// IRP_MJ_CLOSE: the file object goes.
//
// PASSIVE_LEVEL. STATUS_SUCCESS.
NTSTATUS NTAPI NpClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    if (NpCcb(File) != NULL) {
        KeAcquireSpinLock(&NpLock, &OldIrql);
        NpReleaseCcb(NpCcb(File));
        KeReleaseSpinLock(&NpLock, OldIrql);
        File->FsContext = NULL;
    }
    return NpComplete(Irp, STATUS_SUCCESS, 0);
}
