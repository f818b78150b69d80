// SPDX-License-Identifier: MIT
// A small checker of the disk itself, for disks that a power cut leaves behind: fsck.fat would only say "dirty". It
// walks the tree and demands what the driver's order of writes promises: no entry names a free cluster, no chain leaves
// the volume, and no two files share a cluster (two names of one file, from a rename cut in half, start at the same
// one).

#include "simcheck.h"

static FAT_GEOMETRY Geometry;
static PULONG Owner; // first cluster of the chain that has it
static ULONG Problems;

static ULONG Entry(ULONG Cluster)
{
    return FatGet32(SimDisk + Geometry.FatLbo + Cluster * 4) & FAT_ENTRY_MASK;
}

static PUCHAR ClusterData(ULONG Cluster)
{
    return SimDisk + Geometry.DataLbo + (ULONGLONG)(Cluster - 2) * Geometry.ClusterSize;
}

static BOOLEAN OnVolume(ULONG Cluster)
{
    return Cluster >= 2 && Cluster - 2 < Geometry.ClusterCount;
}

static VOID Problem(PCSTR What, ULONG Cluster)
{
    printf("disk: %s at cluster %lu\n", What, Cluster);
    Problems++;
}

static VOID CheckChain(ULONG First)
{
    ULONG Length = 0;

    for (ULONG Cluster = First; Cluster < FAT_ENTRY_END_MINIMUM; Cluster = Entry(Cluster)) {
        if (Length != 0 && OnVolume(Cluster) && Entry(Cluster) == 0)
            return; // growing was cut between two sectors of the FAT
        if (!OnVolume(Cluster) || Entry(Cluster) == 0) {
            Problem("an entry names, or a chain reaches, what is no cluster of a file", Cluster);
            return;
        }
        if (Owner[Cluster] != 0 && Owner[Cluster] != First)
            Problem("two files share a cluster", Cluster);
        Owner[Cluster] = First;
        if (++Length > Geometry.ClusterCount) {
            Problem("a chain runs in a circle", Cluster);
            return;
        }
    }
}

static VOID CheckDirectory(ULONG First, ULONG Depth, PCSTR Path);

static VOID CheckFile(PFAT_SCAN Scan, ULONG Depth, PCSTR Path)
{
    ULONG Cluster = FatDirentCluster(&Scan->Dirent);
    WCHAR Name[FAT_NAME_MAXIMUM];
    CHAR Text[1024];
    ULONG Length = FatScanName(Scan, Name), Used = strlen(Path);

    if (Scan->Dirent.Name[0] == '.')
        return;
    memcpy(Text, Path, Used);
    Text[Used++] = '\\';
    for (ULONG i = 0; i < Length; i++)
        Text[Used++] = (CHAR)Name[i];
    Text[Used] = 0;
    if (Cluster != 0)
        CheckChain(Cluster);
    if (Scan->Dirent.Attributes & FAT_ATTR_DIRECTORY) {
        if (Cluster == 0)
            Problem("a directory has no cluster", 0);
        else if (Depth < 16)
            CheckDirectory(Cluster, Depth + 1, Text);
    } else {
        CheckVisitFile(Text, Cluster, Scan->Dirent.FileSize);
    }
}

static VOID CheckDirectory(ULONG First, ULONG Depth, PCSTR Path)
{
    FAT_SCAN *Scan = malloc(sizeof(*Scan));
    ULONG Offset = 0;

    FatScanReset(Scan);
    for (ULONG Cluster = First; OnVolume(Cluster); Cluster = Entry(Cluster)) {
        for (ULONG i = 0; i < Geometry.ClusterSize; i += 32, Offset += 32) {
            FAT_SCAN_RESULT Result = FatScanFeed(Scan, ClusterData(Cluster) + i, Offset);

            if (Result == FatScanFile)
                CheckFile(Scan, Depth, Path);
            if (Result == FatScanEnd || Offset > FAT_MAXIMUM_DIRECTORY_BYTES) {
                free(Scan);
                return;
            }
        }
    }
    free(Scan);
}

// Copies up to Length bytes of a chain; returns how many it has.
ULONG CheckReadFile(ULONG Cluster, PUCHAR Buffer, ULONG Length)
{
    ULONG Done = 0;

    while (Done < Length && OnVolume(Cluster)) {
        ULONG Piece = min_of(Length - Done, Geometry.ClusterSize);

        memcpy(Buffer + Done, ClusterData(Cluster), Piece);
        Done += Piece;
        Cluster = Entry(Cluster);
    }
    return Done;
}

// Walks the whole tree. Returns the number of problems, each printed.
ULONG CheckDisk(VOID)
{
    Problems = 0;
    if (!FatParseBootSector(SimDisk, SimDiskBytes, &Geometry)) {
        Problem("no boot sector", 0);
        return Problems;
    }
    Owner = calloc(Geometry.ClusterCount + 2, sizeof(ULONG));
    CheckChain(Geometry.RootCluster);
    CheckDirectory(Geometry.RootCluster, 0, "");
    free(Owner);
    return Problems;
}
