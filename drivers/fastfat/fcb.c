// SPDX-License-Identifier: MIT
// FCBs and CCBs: making, finding the way among, and freeing them. An FCB lives while a file object (a handle's, or one
// that Mm or Cc keeps) or a child refers to it. A reference may be dropped anywhere, so dropping one frees nothing:
// FCBs without references are reaped under the exclusive Vcb->Resource, by the close itself if it can have that.

#include "fat.h"

static PFCB FatAllocateFcb(PVCB Vcb, SHORT NodeType)
{
    PFCB Fcb = ExAllocatePoolZero(NonPagedPool, sizeof(*Fcb), TAG_FAT_FCB);

    if (Fcb == NULL)
        return NULL;
    Fcb->Header.NodeTypeCode = NodeType;
    Fcb->Header.NodeByteSize = sizeof(*Fcb);
    if (!NT_SUCCESS(ExInitializeResourceLite(&Fcb->MainResource))) {
        ExFreePoolWithTag(Fcb, TAG_FAT_FCB);
        return NULL;
    }
    if (!NT_SUCCESS(ExInitializeResourceLite(&Fcb->PagingIoResource))) {
        IGNORE_STATUS(ExDeleteResourceLite(&Fcb->MainResource)); // nobody can hold it
        ExFreePoolWithTag(Fcb, TAG_FAT_FCB);
        return NULL;
    }
    Fcb->Header.Resource = &Fcb->MainResource;
    Fcb->Header.PagingIoResource = &Fcb->PagingIoResource;
    Fcb->Header.IsFastIoPossible = NodeType == FAT_NTC_FCB;
    Fcb->Vcb = Vcb;
    InitializeListHead(&Fcb->Children);
    InitializeListHead(&Fcb->SiblingLinks);
    return Fcb;
}

static VOID FatLinkFcb(PVCB Vcb, PFCB Fcb)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Vcb->FcbListLock);

    InsertTailList(&Vcb->Fcbs, &Fcb->VcbLinks);
    KfReleaseSpinLock(&Vcb->FcbListLock, OldIrql);
}

// Copies a name of Length characters to pool. The caller frees Copy->Buffer (TAG_FAT_NAME) or gives it to an FCB.
NTSTATUS NTAPI FatCopyName(const WCHAR *Name, ULONG Length, PUNICODE_STRING Copy)
{
    Copy->Buffer = ExAllocatePoolWithTag(NonPagedPool, Length * sizeof(WCHAR), TAG_FAT_NAME);
    if (Copy->Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(Copy->Buffer, Name, Length * sizeof(WCHAR));
    Copy->Length = Copy->MaximumLength = (USHORT)(Length * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

// Makes the root directory's FCB, which lives as long as the volume. NULL when there is no memory.
PFCB FatCreateRoot(PVCB Vcb)
{
    PFCB Root = FatAllocateFcb(Vcb, FAT_NTC_ROOT_DCB);

    if (Root == NULL)
        return NULL;
    Root->FirstCluster = Vcb->Geometry.RootCluster;
    Root->Attributes = FAT_ATTR_DIRECTORY;
    Root->References = 1;
    FatLinkFcb(Vcb, Root);
    return Root;
}

static VOID FatFillFcb(PFCB Fcb, const FAT_SCAN *Scan)
{
    const FAT_DIRENT *Dirent = &Scan->Dirent;

    memcpy(Fcb->Short, Dirent->Name, sizeof(Fcb->Short));
    Fcb->NtCase = Dirent->NtCase;
    Fcb->Attributes = Dirent->Attributes;
    Fcb->FirstOffset = Scan->FirstOffset;
    Fcb->DirentOffset = Scan->DirentOffset;
    Fcb->FirstCluster = FatDirentCluster(Dirent);
    Fcb->CreationTime = FatStampToTime(Dirent->CreateDate, Dirent->CreateTime, Dirent->CreateTenths);
    Fcb->LastAccessTime = FatStampToTime(Dirent->AccessDate, 0, 0);
    Fcb->LastWriteTime = FatStampToTime(Dirent->WriteDate, Dirent->WriteTime, 0);
    if (FatIsDirectory(Fcb))
        return;
    Fcb->Header.FileSize.QuadPart = Dirent->FileSize;
    Fcb->Header.ValidDataLength.QuadPart = Dirent->FileSize;
    Fcb->Header.AllocationSize.QuadPart = (LONGLONG)FatClustersFor(Fcb->Vcb, Dirent->FileSize)
                                          << Fcb->Vcb->Geometry.ClusterShift;
}

// Makes the FCB of a file that a scan of Parent found (or FatCreateNew just stored). It has no reference yet, and holds
// one on Parent. NULL when there is no memory.
PFCB FatCreateFcb(PVCB Vcb, PFCB Parent, const FAT_SCAN *Scan)
{
    PFCB Fcb = FatAllocateFcb(Vcb, Scan->Dirent.Attributes & FAT_ATTR_DIRECTORY ? FAT_NTC_DCB : FAT_NTC_FCB);
    WCHAR Short[12];
    NTSTATUS Status;

    if (Fcb == NULL)
        return NULL;
    if (Scan->LongLength != 0)
        Status = FatCopyName(Scan->Long, Scan->LongLength, &Fcb->Name);
    else
        Status = FatCopyName(Short, FatShortToUnicode(Scan->Dirent.Name, Scan->Dirent.NtCase, Short), &Fcb->Name);
    FatFillFcb(Fcb, Scan);
    Fcb->Parent = Parent;
    FatReferenceFcb(Parent);
    InsertTailList(&Parent->Children, &Fcb->SiblingLinks);
    FatLinkFcb(Vcb, Fcb);
    if (!NT_SUCCESS(Status)) {
        FatDeleteFcb(Fcb);
        return NULL;
    }
    return Fcb;
}

// Frees an FCB without references and drops its reference on the parent.
VOID FatDeleteFcb(PFCB Fcb)
{
    KIRQL OldIrql;

    ASSERT(Fcb->References == 0 && IsListEmpty(&Fcb->Children));
    ASSERT(Fcb->Section.DataSectionObject == NULL && Fcb->Section.SharedCacheMap == NULL);
    OldIrql = KfAcquireSpinLock(&Fcb->Vcb->FcbListLock);
    RemoveEntryList(&Fcb->VcbLinks);
    KfReleaseSpinLock(&Fcb->Vcb->FcbListLock, OldIrql);
    RemoveEntryList(&Fcb->SiblingLinks);
    if (Fcb->Parent != NULL)
        FatDereferenceFcb(Fcb->Parent);
    FatForgetChain(Fcb);
    FatFreePagingMaps(Fcb);
    if (Fcb->Name.Buffer != NULL)
        ExFreePoolWithTag(Fcb->Name.Buffer, TAG_FAT_NAME);
    IGNORE_STATUS(ExDeleteResourceLite(&Fcb->MainResource)); // nobody can hold them
    IGNORE_STATUS(ExDeleteResourceLite(&Fcb->PagingIoResource));
    ExFreePoolWithTag(Fcb, TAG_FAT_FCB);
}

// Adds a reference. Vcb->Resource held, or a reference held already.
VOID FatReferenceFcb(PFCB Fcb)
{
    InterlockedIncrement(&Fcb->References);
}

// Drops a reference and frees nothing. Any IRQL.
VOID FatDereferenceFcb(PFCB Fcb)
{
    LONG Left = InterlockedDecrement(&Fcb->References);

    ASSERT(Left >= 0);
    UNREFERENCED_PARAMETER(Left);
}

// Frees the FCB if nothing refers to it, then its parents likewise.
VOID FatReapFcb(PFCB Fcb)
{
    while (Fcb != NULL && Fcb->References == 0) {
        PFCB Parent = Fcb->Parent;

        FatDeleteFcb(Fcb);
        Fcb = Parent;
    }
}

// Frees every FCB of the volume that nothing refers to.
VOID FatReapFcbs(PVCB Vcb)
{
    BOOLEAN Again;

    do { // from the end: a parent usually lies before its children
        Again = FALSE;
        for (PLIST_ENTRY Entry = Vcb->Fcbs.Blink, Next; Entry != &Vcb->Fcbs; Entry = Next) {
            PFCB Fcb = CONTAINING_RECORD(Entry, FCB, VcbLinks);

            Next = Entry->Blink;
            if (Fcb->References == 0) {
                FatDeleteFcb(Fcb);
                Again = TRUE;
            }
        }
    } while (Again);
}

// A file object went: drops its reference and reaps if that can be done here and now, else leaves it to the lazy
// worker. The thread may hold any lock of ours (Mm closes file objects where it likes).
VOID FatAfterClose(PVCB Vcb, PFCB Fcb)
{
    if (!ExIsResourceAcquiredSharedLite(&Vcb->Resource) && ExAcquireResourceExclusiveLite(&Vcb->Resource, FALSE)) {
        FatDereferenceFcb(Fcb);
        FatReapFcb(Fcb);
        ExReleaseResourceLite(&Vcb->Resource);
        return;
    }
    FatDereferenceFcb(Fcb);
    FatStartLazyFlush();
}

// The volume's next FCB after Previous (NULL: the first), referenced; Previous loses its reference. NULL ends.
// Vcb->Resource held, shared at least.
PFCB FatNextFcb(PVCB Vcb, PFCB Previous)
{
    PFCB Fcb = NULL;
    PLIST_ENTRY Entry;
    KIRQL OldIrql = KfAcquireSpinLock(&Vcb->FcbListLock);

    Entry = Previous == NULL ? Vcb->Fcbs.Flink : Previous->VcbLinks.Flink;
    if (Entry != &Vcb->Fcbs) {
        Fcb = CONTAINING_RECORD(Entry, FCB, VcbLinks);
        FatReferenceFcb(Fcb);
    }
    KfReleaseSpinLock(&Vcb->FcbListLock, OldIrql);
    if (Previous != NULL)
        FatDereferenceFcb(Previous);
    return Fcb;
}

// Gives an FCB its new name, which it takes over, and parent after a rename.
VOID FatRenameFcb(PFCB Fcb, PFCB Parent, PUNICODE_STRING Name)
{
    ExFreePoolWithTag(Fcb->Name.Buffer, TAG_FAT_NAME);
    Fcb->Name = *Name;
    if (Fcb->Parent == Parent)
        return;
    FatReferenceFcb(Parent);
    RemoveEntryList(&Fcb->SiblingLinks);
    InsertTailList(&Parent->Children, &Fcb->SiblingLinks);
    FatDereferenceFcb(Fcb->Parent);
    Fcb->Parent = Parent;
}

// Makes a handle's context. NULL when there is no memory.
PCCB FatCreateCcb(VOID)
{
    return ExAllocatePoolZero(PagedPool, sizeof(CCB), TAG_FAT_CCB);
}

VOID FatDeleteCcb(PCCB Ccb)
{
    if (Ccb->Pattern.Buffer != NULL)
        ExFreePoolWithTag(Ccb->Pattern.Buffer, TAG_FAT_NAME);
    ExFreePoolWithTag(Ccb, TAG_FAT_CCB);
}
