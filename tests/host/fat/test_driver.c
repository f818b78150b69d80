// SPDX-License-Identifier: MIT
// Host ring: the whole of fastfat and cc against a model (model.c), the disk watched for power cuts (power.c); at the
// end the disk goes to fsck.fat (driver.sh). Arguments: IMAGE SEED OPERATIONS CUT. CUT 1: the power may fail before any
// write; 2: and the disk has a write cache.

#include "model.h"

unsigned long strtoul(const char *Text, char **End, int Base);

int main(int Count, char **Arguments)
{
    ULONG Operations, Before;

    SimCheck(Count >= 5);
    SimSeed = strtoul(Arguments[2], NULL, 0) * 7919 + 1;
    Operations = strtoul(Arguments[3], NULL, 0);
    Verbose = Count > 5;
    SimStart();
    SimLoadDisk(Arguments[1]);
    if (Arguments[4][0] != '0')
        WatchPower(Arguments[1], Arguments[4][0] == '2');
    SimCheck(SimMount() == STATUS_SUCCESS);
    Before = SimPoolBlocks - SimMetadataBlocks();
    for (ULONG i = 0; i < Operations; i++)
        Step();
    CloseHandles();
    if (SimRandom() % 2)
        DeleteEverything();
    SimShutdown();
    SimTick();
    SimTick();
    for (ULONG i = 0; i < 64; i++) {
        SimPageSweep();
        SimTick();
    }
    SimSaveDisk(Arguments[1]);
    printf("%lu operations, %lu disk writes\n", Operations, SimWrites);
    SimCheck(SimPoolBlocks - SimMetadataBlocks() <= Before + 1); // the root's runs
    return 0;
}
