// SPDX-License-Identifier: MIT
// Page files: where memory goes when there is none. Paging I/O on one takes no lock and no memory: the whole chain is
// kept as a table in nonpaged pool whose runs stay as they are (a file that has grown elsewhere gets another one, the
// old ones stay until the FCB goes), and the IRP of the request itself goes down to the disk, once for each run that
// the request touches.

#include "fat.h"

#define FAT_PAGING_PIECE 0x10000u // bytes an IRP
#define FAT_PAGING_PAGES (FAT_PAGING_PIECE / PAGE_SIZE + 1)

struct _FAT_PAGING_MAP {
    struct _FAT_PAGING_MAP *Older;
    ULONG RunCount, Clusters;
    FAT_RUN Runs[];
};

typedef struct _FAT_PAGING_MDL {
    MDL Mdl;
    PFN_NUMBER Pages[FAT_PAGING_PAGES];
} FAT_PAGING_MDL;

// The file has grown at the end of its last run: the table is right but for that run's length, one store each.
static BOOLEAN FatGrowLastRun(PFCB Fcb)
{
    PFAT_PAGING_MAP Map = Fcb->PagingMap;

    if (Map == NULL || Map->RunCount != Fcb->RunCount)
        return FALSE;
    Map->Runs[Map->RunCount - 1].Count = Fcb->Runs[Fcb->RunCount - 1].Count;
    __atomic_store_n(&Map->Clusters, Fcb->MappedClusters, __ATOMIC_RELEASE);
    return TRUE;
}

// The file is a page file now, or has grown: makes the table of its runs. What it holds counts as written.
//
// MainResource held exclusively, or nobody else has the file. Takes MetaResource. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI FatMakePagingMap(PFCB Fcb)
{
    PFAT_PAGING_MAP Map = NULL;
    NTSTATUS Status;

    FatLockMeta(Fcb->Vcb);
    Status = FatLoadChain(Fcb);
    if (NT_SUCCESS(Status) && FatGrowLastRun(Fcb)) {
        FatNoteWritten(Fcb, FatFileSize(Fcb));
        FatUnlockMeta(Fcb->Vcb);
        return STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Status)) {
        Map = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Map) + Fcb->RunCount * sizeof(FAT_RUN), TAG_FAT_RUN);
        Status = Map != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(Status)) {
        Map->Older = Fcb->PagingMap;
        Map->RunCount = Fcb->RunCount;
        Map->Clusters = Fcb->MappedClusters;
        memcpy(Map->Runs, Fcb->Runs, Fcb->RunCount * sizeof(FAT_RUN));
        __atomic_store_n(&Fcb->PagingMap, Map, __ATOMIC_RELEASE);
        FatNoteWritten(Fcb, FatFileSize(Fcb)); // nobody reads what he has not written
    }
    FatUnlockMeta(Fcb->Vcb);
    return Status;
}

// Frees the tables. Nobody uses the file any more.
VOID FatFreePagingMaps(PFCB Fcb)
{
    while (Fcb->PagingMap != NULL) {
        PFAT_PAGING_MAP Map = Fcb->PagingMap;

        Fcb->PagingMap = Map->Older;
        ExFreePoolWithTag(Map, TAG_FAT_RUN);
    }
}

// As FatMapRange, from the table. FALSE: beyond the end.
static BOOLEAN FatMapPagingRange(PFCB Fcb, ULONG Offset, ULONG Length, PULONGLONG Lbo, PULONG Bytes)
{
    PFAT_PAGING_MAP Map = __atomic_load_n(&Fcb->PagingMap, __ATOMIC_ACQUIRE);
    ULONG Shift = Fcb->Vcb->Geometry.ClusterShift, Vcn = Offset >> Shift, Low = 0, High = Map->RunCount, Within;

    if (Vcn >= Map->Clusters)
        return FALSE;
    while (High - Low > 1) {
        ULONG Middle = (Low + High) / 2;

        if (Map->Runs[Middle].Vcn <= Vcn)
            Low = Middle;
        else
            High = Middle;
    }
    Within = Offset - (Map->Runs[Low].Vcn << Shift);
    *Lbo = FatClusterLbo(Fcb->Vcb, Map->Runs[Low].Lcn) + Within;
    *Bytes = (ULONG)min_of((ULONGLONG)Length, ((ULONGLONG)Map->Runs[Low].Count << Shift) - Within);
    return TRUE;
}

static NTSTATUS NTAPI FatPagingDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_DISK_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

// Sends the request's own IRP down for one piece and gets it back.
static NTSTATUS FatSendPagingPiece(PVCB Vcb, PIRP Irp, BOOLEAN Write, ULONGLONG Lbo, PMDL Mdl, ULONG Length)
{
    PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);
    PMDL Whole = Irp->MdlAddress;
    KEVENT Event;

    memset(Next, 0, sizeof(*Next));
    Next->MajorFunction = Write ? IRP_MJ_WRITE : IRP_MJ_READ;
    Next->Parameters.Read.Length = Length; // Write has the same layout
    Next->Parameters.Read.ByteOffset.QuadPart = (LONGLONG)Lbo;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, FatPagingDone, &Event, TRUE, TRUE, TRUE);
    Irp->MdlAddress = Mdl;
    (void)IoCallDriver(Vcb->Target, Irp);
    KeWaitForever(&Event, WrExecutive);
    Irp->MdlAddress = Whole;
    Irp->PendingReturned = FALSE;
    return Irp->IoStatus.Status;
}

// A paging write of a page file whose maker does not wait, in one run: the request goes down to the disk as it is, and
// *Status is what that said. FALSE: something else; it is done in the caller's thread like every other. <= APC_LEVEL.
BOOLEAN FatPassPagingWrite(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack, PNTSTATUS Status)
{
    ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Write.ByteOffset.QuadPart, Lbo;
    PFCB Fcb = Stack->FileObject->FsContext;
    PIO_STACK_LOCATION Next;
    ULONG Bytes;

    if (Fcb->Header.NodeTypeCode != FAT_NTC_FCB || Fcb->PagingMap == NULL || Irp->MdlAddress == NULL ||
        ((Offset | Stack->Parameters.Write.Length) & (Vcb->Geometry.BytesPerSector - 1)) != 0 || Offset > MAXULONG ||
        !FatMapPagingRange(Fcb, (ULONG)Offset, Stack->Parameters.Write.Length, &Lbo, &Bytes) ||
        Bytes < Stack->Parameters.Write.Length)
        return FALSE;
    Next = IoGetNextIrpStackLocation(Irp);
    memset(Next, 0, sizeof(*Next));
    Next->MajorFunction = IRP_MJ_WRITE;
    Next->Parameters.Write.Length = Bytes;
    Next->Parameters.Write.ByteOffset.QuadPart = (LONGLONG)Lbo;
    *Status = IoCallDriver(Vcb->Target, Irp);
    return TRUE;
}

// A paging read or write of a page file. Takes nothing. <= APC_LEVEL. STATUS_END_OF_FILE: beyond the file.
NTSTATUS NTAPI FatPagingFileTransfer(PFCB Fcb, PIRP Irp, BOOLEAN Write, ULONGLONG Offset, ULONG Length)
{
    PCHAR Va = Irp->MdlAddress != NULL ? MmGetMdlVirtualAddress(Irp->MdlAddress) : NULL;
    ULONG Done = 0, Bytes;
    NTSTATUS Status = STATUS_SUCCESS;
    FAT_PAGING_MDL Part;
    ULONGLONG Lbo;

    if (((Offset | Length) & (Fcb->Vcb->Geometry.BytesPerSector - 1)) != 0 || Irp->MdlAddress == NULL)
        return STATUS_INVALID_PARAMETER;
    while (Done < Length && NT_SUCCESS(Status)) {
        if (Offset + Done > MAXULONG ||
            !FatMapPagingRange(Fcb, (ULONG)Offset + Done, min_of(Length - Done, FAT_PAGING_PIECE), &Lbo, &Bytes))
            return STATUS_END_OF_FILE;
        MmInitializeMdl(&Part.Mdl, Va + Done, Bytes);
        IoBuildPartialMdl(Irp->MdlAddress, &Part.Mdl, Va + Done, Bytes);
        Status = FatSendPagingPiece(Fcb->Vcb, Irp, Write, Lbo, &Part.Mdl, Bytes);
        if (Part.Mdl.MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED)
            MmUnmapLockedPages(Part.Mdl.MappedSystemVa, &Part.Mdl);
        Done += Bytes;
    }
    Irp->IoStatus.Information = NT_SUCCESS(Status) ? Length : 0;
    return Status;
}
