// SPDX-License-Identifier: MIT
// Changing directories: choosing a new file's short name and place, writing and removing its entries, growing the
// directory. All under the exclusive Vcb->Resource, except FatUpdateDirent.

#include "fat.h"

static VOID FatCrossOutAliases(PFAT_CURSOR Cursor, UCHAR Candidates[][11], PULONG Taken)
{
    for (ULONG i = 0; i < FAT_ALIAS_CANDIDATES; i++)
        if (RtlEqualMemory(Cursor->Scan.Dirent.Name, Candidates[i], 11))
            *Taken |= 1u << i;
}

// Finds an alias that no file of the directory has; one pass over the directory tries FAT_ALIAS_CANDIDATES at once.
static NTSTATUS FatChooseAlias(PFCB Directory, const WCHAR *Name, ULONG Length, PFCB Ignore, PUCHAR Short)
{
    UCHAR Candidates[FAT_ALIAS_CANDIDATES][11];
    NTSTATUS Status = STATUS_SUCCESS;

    for (ULONG Attempt = 0; Attempt < FAT_ALIAS_CANDIDATES * 1000; Attempt += FAT_ALIAS_CANDIDATES) {
        ULONG Taken = 0;
        PFAT_CURSOR Cursor = FatOpenCursor(Directory, 0);

        if (Cursor == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        for (ULONG i = 0; i < FAT_ALIAS_CANDIDATES; i++)
            FatMakeAlias(Name, Length, Attempt + i, Candidates[i]);
        while (NT_SUCCESS(Status = FatNextFile(Cursor)))
            if (Ignore == NULL || Cursor->Scan.DirentOffset != Ignore->DirentOffset)
                FatCrossOutAliases(Cursor, Candidates, &Taken);
        FatCloseCursor(Cursor);
        if (Status != STATUS_NO_MORE_FILES)
            return Status;
        for (ULONG i = 0; i < FAT_ALIAS_CANDIDATES; i++)
            if (!(Taken >> i & 1)) {
                memcpy(Short, Candidates[i], 11);
                return STATUS_SUCCESS;
            }
    }
    return STATUS_CANNOT_MAKE;
}

// Decides how a new name (which no file of the directory has) will be stored. Ignore: an entry that is about to go.
NTSTATUS NTAPI FatPreparePlace(PFCB Directory, const WCHAR *Name, ULONG Length, PFCB Ignore, PFAT_PLACE Place)
{
    PAGED_CODE();
    memset(Place, 0, sizeof(*Place));
    if (FatFitsShort(Name, Length, Place->Short, &Place->NtCase))
        return STATUS_SUCCESS;
    Place->NtCase = 0;
    Place->LfnCount = FatLfnEntries(Length);
    return FatChooseAlias(Directory, Name, Length, Ignore, Place->Short);
}

// Zeroes a cluster that becomes part of a directory, on the disk too: before a FAT that names it can get there.
static NTSTATUS FatZeroCluster(PVCB Vcb, ULONG Cluster)
{
    ULONGLONG Lbo = FatClusterLbo(Vcb, Cluster);
    NTSTATUS Status = FatZeroMeta(Vcb, Lbo, Vcb->Geometry.ClusterSize);

    if (NT_SUCCESS(Status))
        Status = FatWriteBlocks(Vcb, Lbo, Lbo + Vcb->Geometry.ClusterSize);
    return Status;
}

// Adds a zeroed cluster to a directory.
static NTSTATUS FatGrowDirectory(PFCB Directory)
{
    PVCB Vcb = Directory->Vcb;
    ULONG Old, Lcn, Count;
    NTSTATUS Status;

    FatLockMeta(Vcb);
    Status = FatLoadChain(Directory);
    Old = Directory->MappedClusters;
    if (NT_SUCCESS(Status) && ((ULONGLONG)(Old + 1) << Vcb->Geometry.ClusterShift) > FAT_MAXIMUM_DIRECTORY_BYTES)
        Status = STATUS_DISK_FULL; // a directory has at most 65536 entries
    if (NT_SUCCESS(Status))
        Status = FatExtendAllocation(Directory, Old + 1);
    if (NT_SUCCESS(Status))
        Status = FatLookupCluster(Directory, Old, &Lcn, &Count);
    if (NT_SUCCESS(Status)) {
        Status = FatZeroCluster(Vcb, Lcn);
        if (!NT_SUCCESS(Status))
            IGNORE_STATUS(FatTruncateAllocation(Directory, Old)); // the first error is the one to report
    }
    FatUnlockMeta(Vcb);
    return Status;
}

// Finds room for the file's entries, growing the directory if there is none. Sets FirstOffset and PastEnd.
NTSTATUS NTAPI FatReserveSlots(PFCB Directory, PFAT_PLACE Place)
{
    PFAT_CURSOR Cursor = FatOpenCursor(Directory, Directory->FreeOffset);
    ULONG Needed = Place->LfnCount + 1, Run = 0, Offset;
    PUCHAR Entry;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Cursor == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Place->PastEnd = FALSE;
    while (Run < Needed && NT_SUCCESS(Status)) {
        Status = FatReadEntry(Cursor, &Entry, &Offset);
        if (Status == STATUS_END_OF_FILE) {
            Status = FatGrowDirectory(Directory);
            continue;
        }
        if (!NT_SUCCESS(Status))
            break;
        if (Entry[0] == FAT_DIRENT_END)
            Place->PastEnd = TRUE;
        if (!Place->PastEnd && Entry[0] != FAT_DIRENT_FREE) {
            Run = 0;
            continue;
        }
        if (Run++ == 0)
            Place->FirstOffset = Offset;
    }
    FatCloseCursor(Cursor);
    return Status;
}

static NTSTATUS FatStoreEntry(PFCB Directory, ULONG Offset, const VOID *Entry, ULONG Size)
{
    ULONGLONG Lbo;
    NTSTATUS Status;

    FatLockMeta(Directory->Vcb);
    Status = FatEntryLbo(Directory, Offset, &Lbo);
    if (NT_SUCCESS(Status))
        Status = FatWriteMeta(Directory->Vcb, Lbo, Entry, Size);
    FatUnlockMeta(Directory->Vcb);
    return Status == STATUS_END_OF_FILE ? STATUS_FILE_CORRUPT_ERROR : Status;
}

// The directory ended where entries were added: makes the entry behind them the new end, in case it holds old bytes.
static NTSTATUS FatMoveEnd(PFCB Directory, ULONG Offset)
{
    static const UCHAR End[FAT_DIRENT_SIZE];
    ULONGLONG Lbo;
    NTSTATUS Status = FatEntryLbo(Directory, Offset, &Lbo);

    if (Status == STATUS_END_OF_FILE)
        return STATUS_SUCCESS; // the last cluster is full to the brim
    return NT_SUCCESS(Status) ? FatStoreEntry(Directory, Offset, End, sizeof(End)) : Status;
}

// Stores a file's entries in the place that FatReserveSlots found; fills in the names in Dirent.
NTSTATUS NTAPI FatWriteEntries(PFCB Directory, const WCHAR *Name, ULONG Length, PFAT_PLACE Place, PFAT_DIRENT Dirent)
{
    UCHAR Checksum = FatShortChecksum(Place->Short), Entry[FAT_DIRENT_SIZE];
    ULONG Offset = Place->FirstOffset;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Place->PastEnd)
        Status = FatMoveEnd(Directory, Offset + (Place->LfnCount + 1) * FAT_DIRENT_SIZE);
    for (ULONG i = Place->LfnCount; i > 0 && NT_SUCCESS(Status); i--, Offset += FAT_DIRENT_SIZE) {
        FatBuildLfn(Name, Length, i, Checksum, Entry);
        Status = FatStoreEntry(Directory, Offset, Entry, sizeof(Entry));
    }
    if (!NT_SUCCESS(Status))
        return Status;
    memcpy(Dirent->Name, Place->Short, sizeof(Dirent->Name));
    Dirent->NtCase = Place->NtCase;
    Status = FatStoreEntry(Directory, Offset, Dirent, sizeof(*Dirent));
    if (NT_SUCCESS(Status) && Place->FirstOffset == Directory->FreeOffset)
        Directory->FreeOffset = Offset + FAT_DIRENT_SIZE;
    return Status;
}

// Marks a file's entries free.
NTSTATUS NTAPI FatRemoveEntries(PFCB Directory, ULONG FirstOffset, ULONG DirentOffset)
{
    static const UCHAR Free = FAT_DIRENT_FREE;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    for (ULONG Offset = FirstOffset; Offset <= DirentOffset && NT_SUCCESS(Status); Offset += FAT_DIRENT_SIZE)
        Status = FatStoreEntry(Directory, Offset, &Free, sizeof(Free));
    Directory->FreeOffset = min_of(Directory->FreeOffset, FirstOffset);
    return Status;
}

// Reads the short entry at Offset of a directory.
NTSTATUS NTAPI FatReadDirent(PFCB Directory, ULONG Offset, PFAT_DIRENT Dirent)
{
    ULONGLONG Lbo;
    NTSTATUS Status;

    PAGED_CODE();
    FatLockMeta(Directory->Vcb);
    Status = FatEntryLbo(Directory, Offset, &Lbo);
    if (NT_SUCCESS(Status))
        Status = FatReadMeta(Directory->Vcb, Lbo, Dirent, sizeof(*Dirent));
    FatUnlockMeta(Directory->Vcb);
    return Status == STATUS_END_OF_FILE ? STATUS_FILE_CORRUPT_ERROR : Status;
}

// Writes the short entry at Offset of a directory.
NTSTATUS NTAPI FatWriteDirent(PFCB Directory, ULONG Offset, const FAT_DIRENT *Dirent)
{
    PAGED_CODE();
    return FatStoreEntry(Directory, Offset, Dirent, sizeof(*Dirent));
}

// Puts into Dirent what the FCB knows better: attributes, times, first cluster, size.
VOID FatFillDirent(PFCB Fcb, PFAT_DIRENT Dirent)
{
    PAGED_CODE();
    Dirent->Attributes = Fcb->Attributes;
    FatTimeToStamp(Fcb->CreationTime, &Dirent->CreateDate, &Dirent->CreateTime, &Dirent->CreateTenths);
    FatTimeToStamp(Fcb->LastAccessTime, &Dirent->AccessDate, NULL, NULL);
    FatTimeToStamp(Fcb->LastWriteTime, &Dirent->WriteDate, &Dirent->WriteTime, NULL);
    FatSetDirentCluster(Dirent, Fcb->FirstCluster);
    Dirent->FileSize = FatIsDirectory(Fcb) ? 0 : FatFileSize(Fcb);
}

// Stores the FCB's attributes, times, first cluster and size in its directory entry (in the metadata cache).
//
// The entry must not move: Vcb->Resource or the file's MainResource is held. A deleted file and the root have no entry.
NTSTATUS NTAPI FatUpdateDirent(PFCB Fcb)
{
    FAT_DIRENT Dirent;
    NTSTATUS Status;

    PAGED_CODE();
    if (Fcb->Parent == NULL || (Fcb->Flags & FCB_DELETED))
        return STATUS_SUCCESS;
    FatLockMeta(Fcb->Vcb);
    Status = FatReadDirent(Fcb->Parent, Fcb->DirentOffset, &Dirent);
    if (NT_SUCCESS(Status)) {
        FatFillDirent(Fcb, &Dirent);
        Status = FatWriteDirent(Fcb->Parent, Fcb->DirentOffset, &Dirent);
    }
    FatUnlockMeta(Fcb->Vcb);
    return Status;
}

static VOID FatFillDot(PFAT_DIRENT Dirent, const CHAR *Name, ULONG Cluster, LONGLONG Time)
{
    memset(Dirent, 0, sizeof(*Dirent));
    memcpy(Dirent->Name, Name, sizeof(Dirent->Name));
    Dirent->Attributes = FAT_ATTR_DIRECTORY;
    FatTimeToStamp(Time, &Dirent->CreateDate, &Dirent->CreateTime, &Dirent->CreateTenths);
    FatTimeToStamp(Time, &Dirent->WriteDate, &Dirent->WriteTime, NULL);
    Dirent->AccessDate = Dirent->WriteDate;
    FatSetDirentCluster(Dirent, Cluster);
}

// The cluster that a ".." entry names: 0 for the root.
static ULONG FatDotDotCluster(PFCB Parent)
{
    return Parent->Parent == NULL ? 0 : Parent->FirstCluster;
}

// Makes the first cluster of a new directory, with "." and "..", on the disk. Give it back if the directory is not
// made.
NTSTATUS NTAPI FatMakeDirectoryCluster(PFCB Parent, PULONG Cluster)
{
    PVCB Vcb = Parent->Vcb;
    FAT_DIRENT Dots[2];
    LONGLONG Time;
    NTSTATUS Status;

    PAGED_CODE();
    FatQueryTime(&Time);
    FatLockMeta(Vcb);
    Status = FatAllocateCluster(Vcb, Cluster);
    if (NT_SUCCESS(Status)) {
        ULONGLONG Lbo = FatClusterLbo(Vcb, *Cluster);

        FatFillDot(&Dots[0], ".          ", *Cluster, Time);
        FatFillDot(&Dots[1], "..         ", FatDotDotCluster(Parent), Time);
        Status = FatZeroMeta(Vcb, Lbo, Vcb->Geometry.ClusterSize);
        if (NT_SUCCESS(Status))
            Status = FatWriteMeta(Vcb, Lbo, Dots, sizeof(Dots));
        if (NT_SUCCESS(Status))
            Status = FatWriteBlocks(Vcb, Lbo, Lbo + Vcb->Geometry.ClusterSize);
        if (!NT_SUCCESS(Status))
            FatReturnClusters(Vcb, *Cluster, 1);
    }
    FatUnlockMeta(Vcb);
    return Status;
}

// Makes a moved directory's ".." name its new parent.
NTSTATUS NTAPI FatSetDotDot(PFCB Directory, PFCB Parent)
{
    FAT_DIRENT Dirent;
    NTSTATUS Status = FatReadDirent(Directory, FAT_DIRENT_SIZE, &Dirent);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    if (Dirent.Name[0] != '.' || Dirent.Name[1] != '.')
        return STATUS_FILE_CORRUPT_ERROR;
    FatSetDirentCluster(&Dirent, FatDotDotCluster(Parent));
    return FatWriteDirent(Directory, FAT_DIRENT_SIZE, &Dirent);
}
