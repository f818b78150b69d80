// SPDX-License-Identifier: MIT
// Power cuts: before each write and flush the disk is what a machine without power would leave, with a write cache a
// part of it. Its structure holds, and what was flushed is there.

#include "model.h"

static BOOLEAN CheckEachWrite;
static PCSTR ImagePath;

VOID WatchPower(PCSTR Path, BOOLEAN WriteCache)
{
    if (WriteCache)
        SimUseWriteCache();
    ImagePath = Path;
    CheckEachWrite = TRUE;
}

// After a power cut: a file that was flushed and not touched since is on the disk, whole.
VOID CheckVisitFile(PCSTR Path, ULONG Cluster, ULONG Size)
{
    CHAR Known[1024];

    for (ULONG i = 0; i < NODES; i++) {
        if (!Nodes[i].Used || !Nodes[i].Durable || Nodes[i].Directory)
            continue;
        BuildPath(&Nodes[i], Known);
        if (CompareNames(Known, Path) != 0)
            continue;
        SimCheck(Size == Nodes[i].Size && CheckReadFile(Cluster, Buffer, Size) == Size);
        SimCheck(memcmp(Buffer, Nodes[i].Data, Size) == 0);
        Nodes[i].Seen = TRUE;
    }
}

static ULONG CountLostFiles(VOID)
{
    ULONG Lost = 0;

    for (ULONG i = 0; i < NODES; i++)
        Lost += Nodes[i].Used && Nodes[i].Durable && !Nodes[i].Directory && !Nodes[i].Seen;
    return Lost;
}

// Law: whatever write the power fails before, the disk's structure holds, and what was flushed is there.
VOID SimBeforeWrite(VOID)
{
    PUCHAR Drive = SimDisk; // with what its cache holds
    BOOLEAN Whole;

    if (!CheckEachWrite)
        return;
    for (ULONG i = 0; i < NODES; i++)
        Nodes[i].Seen = FALSE;
    SimDisk = SimCutPower();
    Whole = CheckDisk() == 0 && CountLostFiles() == 0;
    if (!Whole) {
        SimSaveDisk(ImagePath);
        SimFailed("a disk that holds together after a power cut", "write", SimWrites);
    }
    SimDisk = Drive;
}
