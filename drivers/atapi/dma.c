// SPDX-License-Identifier: MIT
// Bus-master DMA: a table of physical regions that the controller works through on its own.

#include "atapi.h"

// With /SYNCDISK a transfer is stopped right after it was started. QEMU answers that by finishing the transfer before
// the guest's next instruction (hw/ide: a running transfer cannot be cancelled), so that a disk access takes the same
// virtual time in every run. A real controller would break the transfer off: only the test runner gives this option.
BOOLEAN AtapiSynchronousDma;

// The same for transfers by hand: the processor spins where it would have waited for the interrupt. An idle processor
// whose clock is virtual jumps to the next timer again and again while the host reads a sector, and minutes go by.
VOID AtapiSettle(PIDE_CHANNEL Channel)
{
    if (AtapiSynchronousDma)
        (VOID) AtapiWaitReady(Channel, STATUS_BSY, 0);
}

// Describes Length bytes from Offset of a locked buffer. FALSE: the controller cannot reach it (above 4 GB) or cannot
// transfer it (odd address); then the processor must.
BOOLEAN AtapiBuildPrdTable(PIDE_CHANNEL Channel, PMDL Mdl, ULONG Offset, ULONG Length)
{
    PPFN_NUMBER Pfns = MmGetMdlPfnArray(Mdl);
    ULONG Position = MmGetMdlByteOffset(Mdl) + Offset;
    ULONG Count = 0, RegionBase = 0, RegionLength = 0;

    while (Length > 0) {
        PFN_NUMBER Pfn = Pfns[Position >> PAGE_SHIFT];
        ULONG Physical = (Pfn << PAGE_SHIFT) | BYTE_OFFSET(Position);
        ULONG Bytes = min_of(PAGE_SIZE - BYTE_OFFSET(Position), Length);

        if (Pfn >= 1ul << (32 - PAGE_SHIFT) || (Physical & 1) || (Bytes & 1))
            return FALSE;
        if (Count > 0 && Physical == RegionBase + RegionLength && Physical % PRD_BOUNDARY != 0) {
            RegionLength += Bytes;
        } else {
            if (Count == PRD_COUNT)
                return FALSE;
            RegionBase = Physical;
            RegionLength = Bytes;
            Count++;
        }
        Channel->PrdTable[Count - 1].Address = RegionBase;
        Channel->PrdTable[Count - 1].ByteCount = (USHORT)RegionLength; // 64 KB becomes 0, as it should
        Channel->PrdTable[Count - 1].Flags = 0;
        Position += Bytes;
        Length -= Bytes;
    }
    Channel->PrdTable[Count - 1].Flags = PRD_LAST;
    return TRUE;
}

// Hands the table to the controller, before the disk gets its command.
VOID AtapiPrepareDma(PIDE_CHANNEL Channel, BOOLEAN Write)
{
    USHORT Base = Channel->BusMasterBase;

    WRITE_PORT_UCHAR(Base + BM_COMMAND, Write ? 0 : BM_COMMAND_TO_MEMORY);
    WRITE_PORT_ULONG(Base + BM_PRD_TABLE, Channel->PrdTablePhysical);
    WRITE_PORT_UCHAR(Base + BM_STATUS, READ_PORT_UCHAR(Base + BM_STATUS) | BM_STATUS_INTERRUPT | BM_STATUS_ERROR);
}

// Lets the controller go, after the disk got its command. The host may be done before the transfer is stopped or be
// made to finish by that; with interrupts off in between, the interrupt comes at the same instruction either way.
VOID AtapiStartDma(PIDE_CHANNEL Channel, BOOLEAN Write)
{
    UCHAR Direction = Write ? 0 : BM_COMMAND_TO_MEMORY;
    BOOLEAN Enable;

    if (!AtapiSynchronousDma) {
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, Direction | BM_COMMAND_START);
        return;
    }
    Enable = KeDisableInterrupts();
    WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, Direction | BM_COMMAND_START);
    WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, Direction);
    KeRestoreInterrupts(Enable);
}
