// SPDX-License-Identifier: MIT
// Drive letters: C:, D:, ... for the recognised partitions in the order in which the disks were found; the first one
// carries the system.

#include "iop.h"

#define IOP_FIRST_LETTER L'C'
#define IOP_LETTERS ('Z' - 'C' + 1)

static struct {
    ULONG Disk;
    ULONG Partition;
} IopPartitions[IOP_LETTERS];
static ULONG IopPartitionsNoted;

// Remembers a partition that is to get a letter; beyond Z: there is none.
//
// PASSIVE_LEVEL, while storage drivers start (one thread).
VOID IopNotePartition(ULONG DiskNumber, ULONG PartitionNumber)
{
    if (IopPartitionsNoted == IOP_LETTERS)
        return;
    IopPartitions[IopPartitionsNoted].Disk = DiskNumber;
    IopPartitions[IopPartitionsNoted].Partition = PartitionNumber;
    IopPartitionsNoted++;
}

// How many partitions have been noted.
ULONG IopPartitionCount(VOID)
{
    return IopPartitionsNoted;
}

// Makes the links \??\C: and so on, and \SystemRoot.
//
// PASSIVE_LEVEL, once. STATUS_NO_SUCH_DEVICE if there is no partition at all, or the name space's status.
NTSTATUS NTAPI IopAssignDriveLetters(VOID)
{
    WCHAR Link[8] = L"\\??\\C:", Target[64];

    if (IopPartitionsNoted == 0)
        return STATUS_NO_SUCH_DEVICE;
    for (ULONG i = 0; i < IopPartitionsNoted; i++) {
        NTSTATUS Status;

        Link[4] = (WCHAR)(IOP_FIRST_LETTER + i);
        _snwprintf(Target, RTL_NUMBER_OF(Target), L"\\Device\\Harddisk%u\\Partition%u", IopPartitions[i].Disk,
                   IopPartitions[i].Partition);
        Status = IopCreateLinkTo(Link, Target);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    _snwprintf(Target, RTL_NUMBER_OF(Target), L"\\Device\\Harddisk%u\\Partition%u\\WINDOWS", IopPartitions[0].Disk,
               IopPartitions[0].Partition);
    return IopCreateLinkTo(L"\\SystemRoot", Target);
}
