// SPDX-License-Identifier: MIT
// The disk checker; CheckVisitFile is the test's.

#ifndef MICA_TESTS_SIMCHECK_H
#define MICA_TESTS_SIMCHECK_H

#include "drivers/fastfat/fatdisk.h"
#include "sim.h"

ULONG CheckDisk(VOID);
ULONG CheckReadFile(ULONG Cluster, PUCHAR Buffer, ULONG Length);
VOID CheckVisitFile(PCSTR Path, ULONG Cluster, ULONG Size);

#endif
