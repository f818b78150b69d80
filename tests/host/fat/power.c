// SPDX-License-Identifier: MIT
// Power cuts: before each write the disk is what a machine without power would leave. Its structure holds, and what was
// flushed is there.

#include "model.h"

static BOOLEAN CheckEachWrite;
static PCSTR ImagePath;

VOID WatchPower(PCSTR Path)
{
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
    }
}

// Law: whatever write the power fails before, the disk's structure holds, and what was flushed is there.
VOID SimBeforeWrite(VOID)
{
    if (!CheckEachWrite || CheckDisk() == 0)
        return;
    SimSaveDisk(ImagePath);
    SimFailed("a disk that holds together after a power cut", "write", SimWrites);
}
