// SPDX-License-Identifier: MIT
// The free-cluster map: one bit a cluster, made from the FAT when the volume is mounted, so that finding space never
// reads the disk.

#include "fatdisk.h"

// TRUE if Cluster is in use. Cluster must be of the volume.
BOOLEAN FatMapTest(const FAT_FREE_MAP *Map, ULONG Cluster)
{
    ULONG Bit = Cluster - FAT_FIRST_CLUSTER;

    return (Map->Words[Bit / 32] >> Bit % 32 & 1) != 0;
}

// Marks a cluster; keeps the count of free ones. Marking it as it is already changes nothing.
VOID FatMapMark(PFAT_FREE_MAP Map, ULONG Cluster, BOOLEAN Used)
{
    ULONG Bit = Cluster - FAT_FIRST_CLUSTER, Mask = 1u << Bit % 32;

    if (((Map->Words[Bit / 32] & Mask) != 0) == (Used != FALSE))
        return;
    Map->Words[Bit / 32] ^= Mask;
    if (Used)
        Map->Free--;
    else
        Map->Free++;
}

// The first free bit in [Bit, End), or End.
static ULONG FatMapNextFree(const FAT_FREE_MAP *Map, ULONG Bit, ULONG End)
{
    while (Bit < End) {
        if (Bit % 32 == 0 && Map->Words[Bit / 32] == 0xFFFFFFFFu) {
            Bit += 32;
            continue;
        }
        if ((Map->Words[Bit / 32] >> Bit % 32 & 1) == 0)
            return Bit;
        Bit++;
    }
    return End;
}

// Finds free clusters at or after Hint (0: anywhere), wrapping once. Returns how many lie together, at most Wanted;
// 0: the volume is full.
ULONG FatMapFindRun(const FAT_FREE_MAP *Map, ULONG Hint, ULONG Wanted, ULONG *Cluster)
{
    ULONG Start = Hint >= FAT_FIRST_CLUSTER && Hint - FAT_FIRST_CLUSTER < Map->Count ? Hint - FAT_FIRST_CLUSTER : 0;
    ULONG Bit = FatMapNextFree(Map, Start, Map->Count), Length = 0;

    if (Bit >= Map->Count) {
        Bit = FatMapNextFree(Map, 0, Start);
        if (Bit >= Start)
            return 0;
    }
    while (Length < Wanted && Bit + Length < Map->Count && !FatMapTest(Map, Bit + Length + FAT_FIRST_CLUSTER))
        Length++;
    *Cluster = Bit + FAT_FIRST_CLUSTER;
    return Length;
}
