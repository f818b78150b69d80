// SPDX-License-Identifier: MIT
// The simulated disk's write cache: since its last flush it has put any part of what it was given on the platter, in
// any order but one: of two versions of a sector the later one is not replaced by the earlier one (ATA-6, 6.13).

#include "sim.h"

#define SECTOR 512u
#define MAXIMUM_PENDING 65536u // sectors; more are put on the platter, the oldest first

static PUCHAR Platter, Cut;
static struct {
    ULONG Sector;
    UCHAR Data[SECTOR];
} * Pending;
static ULONG PendingCount;
// Not SimRandom: the operations of a seed are the same with and without a cache.
static ULONG Choices = 2463534242u;

static ULONG Choose(VOID)
{
    Choices ^= Choices << 13;
    Choices ^= Choices >> 17;
    Choices ^= Choices << 5;
    return Choices >> 8;
}

VOID SimUseWriteCache(VOID)
{
    Platter = malloc((ULONG)SimDiskBytes);
    Cut = malloc((ULONG)SimDiskBytes);
    Pending = malloc(MAXIMUM_PENDING * sizeof(*Pending));
    memcpy(Platter, SimDisk, (ULONG)SimDiskBytes);
}

VOID SimNoteWrite(ULONGLONG Offset, const UCHAR *Data, ULONG Length)
{
    if (Platter == NULL)
        return;
    for (ULONG Done = 0; Done < Length; Done += SECTOR, PendingCount++) {
        if (PendingCount == MAXIMUM_PENDING)
            SimNoteFlush();
        Pending[PendingCount].Sector = (ULONG)((Offset + Done) / SECTOR);
        memcpy(Pending[PendingCount].Data, Data + Done, SECTOR);
    }
}

VOID SimNoteFlush(VOID)
{
    for (ULONG i = 0; i < PendingCount; i++)
        memcpy(Platter + Pending[i].Sector * SECTOR, Pending[i].Data, SECTOR);
    PendingCount = 0;
}

// Nothing of the cache, all of it, or each write with some chance; now and then one write alone, or all but one.
PUCHAR SimCutPower(VOID)
{
    ULONG Kind = Choose() % 8, One = PendingCount != 0 ? Choose() % PendingCount : 0;

    if (Platter == NULL)
        return SimDisk;
    memcpy(Cut, Platter, (ULONG)SimDiskBytes);
    for (ULONG i = 0; i < PendingCount; i++) {
        BOOLEAN Written = Kind < 5 ? Choose() % 4 < Kind : (Kind == 5) == (i == One);

        if (Written)
            memcpy(Cut + Pending[i].Sector * SECTOR, Pending[i].Data, SECTOR);
    }
    return Cut;
}
