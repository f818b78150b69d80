// SPDX-License-Identifier: MIT
// Laws of the queue that the I/O manager keeps for a simple driver, and of partial MDLs.
// Source: WDK documentation (IoStartPacket, IoStartNextPacket, IoBuildPartialMdl).

#include "testdrv.h"

#define KT_PACKETS 4

static PIRP KtStarted[KT_PACKETS + 1];
static ULONG KtStartedCount;

static VOID NTAPI KtStartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    expect_eq(KeGetCurrentIrql(), DISPATCH_LEVEL);
    expect_eq(Device->CurrentIrp, Irp);
    if (KtStartedCount <= KT_PACKETS)
        KtStarted[KtStartedCount] = Irp;
    KtStartedCount++;
}

static VOID KtFinishCurrent(PDEVICE_OBJECT Device)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();

    IoStartNextPacket(Device, FALSE);
    KeLowerIrql(OldIrql);
}

KTEST(io, startio_gets_one_request_at_a_time_in_order)
{
    // Law: StartIo gets a request only while the device is idle; the others wait, in order of their keys, equal keys in
    // order of arrival.
    static const ULONG Keys[KT_PACKETS] = {0, 30, 10, 10};
    static const ULONG Order[KT_PACKETS] = {0, 2, 3, 1};
    PIRP Irps[KT_PACKETS];
    PDEVICE_OBJECT Device;

    if (KtStartDriver(DO_BUFFERED_IO) == NULL)
        return;
    Device = KtDeviceObject();
    Device->DriverObject->DriverStartIo = KtStartIo;
    KtStartedCount = 0;
    for (ULONG i = 0; i < KT_PACKETS; i++) {
        ULONG Key = Keys[i];

        Irps[i] = IoAllocateIrp(1, FALSE);
        IoStartPacket(Device, Irps[i], &Key, NULL);
        expect_eq(KtStartedCount, 1);
    }
    for (ULONG i = 0; i < KT_PACKETS; i++)
        KtFinishCurrent(Device);
    expect_eq(KtStartedCount, KT_PACKETS);
    expect_eq(Device->CurrentIrp, NULL);
    for (ULONG i = 0; i < KT_PACKETS; i++) {
        expect_eq(KtStarted[i], Irps[Order[i]]);
        IoFreeIrp(Irps[i]);
    }
    KtStopDriver();
}

KTEST(io, partial_mdl_describes_the_same_pages)
{
    // Law: for every offset and length, a partial MDL names the frames of exactly its part of the buffer and is reached
    // through the whole MDL's mapping.
    ULONG Size = 4 * PAGE_SIZE;
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, Size, TAG_IO_BUFFER);
    PMDL Whole = IoAllocateMdl(Buffer, Size, FALSE, FALSE, NULL);
    PMDL Part = IoAllocateMdl(Buffer, Size, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(Whole);
    for (ULONG Round = 0; Round < 200; Round++) {
        ULONG Offset = KtRandom() % Size, Length = 1 + KtRandom() % (Size - Offset);

        IoBuildPartialMdl(Whole, Part, Buffer + Offset, Length);
        expect_eq(MmGetMdlByteCount(Part), Length);
        expect_eq(MmGetMdlVirtualAddress(Part), Buffer + Offset);
        expect_eq(MmGetSystemAddressForMdl(Part), Buffer + Offset);
        expect_eq(MmGetMdlPfnArray(Part)[0],
                  (PFN_NUMBER)(MmGetPhysicalAddress(Buffer + Offset).QuadPart >> PAGE_SHIFT));
    }
    IoFreeMdl(Part);
    IoFreeMdl(Whole);
    ExFreePoolWithTag(Buffer, TAG_IO_BUFFER);
}
