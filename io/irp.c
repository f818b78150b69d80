// SPDX-License-Identifier: MIT
// I/O request packets: a fixed header and behind it one stack location for each driver the request will pass. The
// current location is counted downwards: StackCount + 1 is "nobody has it yet", 1 is the lowest driver.
// Source: WDK documentation (IRP, IoAllocateIrp), Windows Internals, "I/O System".

#include "iop.h"

static GENERAL_LOOKASIDE IopSmallIrpList; // one stack location
static GENERAL_LOOKASIDE IopLargeIrpList; // up to IOP_LARGE_STACK_COUNT

#define IOP_IRP_RETRY_100NS 500000 // 50 ms between two tries of an allocation that must not fail

// Makes the free lists that IRPs come from.
//
// PASSIVE_LEVEL, once, from IoInitSystem.
VOID IopInitializeIrpLists(VOID)
{
    ExInitializeLookasideList(&IopSmallIrpList, NonPagedPool, IOP_IRP_SIZE(1), TAG_IRP, 32);
    ExInitializeLookasideList(&IopLargeIrpList, NonPagedPool, IOP_IRP_SIZE(IOP_LARGE_STACK_COUNT), TAG_IRP, 32);
}

// Brings an IRP of Size bytes and StackSize locations into the state IoAllocateIrp returns it in.
//
// <= DISPATCH_LEVEL.
VOID IopInitializeIrp(PIRP Irp, USHORT Size, CCHAR StackSize)
{
    memset(Irp, 0, Size);
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = Size;
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = StackSize + 1;
    Irp->ApcEnvironment = KeGetCurrentThread()->ApcStateIndex;
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
    InitializeListHead(&Irp->ThreadListEntry);
}

// Allocates an IRP for a stack of StackSize drivers.
//
// ChargeQuota: accepted for compatibility; there are no quotas yet.   <= DISPATCH_LEVEL.
// The caller owns the IRP until it gives it to IoCallDriver; IoFreeIrp returns it. NULL when there is no memory.
PIRP NTAPI IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    UCHAR Source = 0;
    USHORT Size;
    PIRP Irp;

    UNREFERENCED_PARAMETER(ChargeQuota);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(StackSize > 0);

    if (StackSize == 1) {
        Source = IRP_LOOKASIDE_SMALL;
        Irp = ExAllocateFromLookasideList(&IopSmallIrpList);
    } else if (StackSize <= IOP_LARGE_STACK_COUNT) {
        Source = IRP_LOOKASIDE_LARGE;
        Irp = ExAllocateFromLookasideList(&IopLargeIrpList);
    } else {
        Irp = ExAllocatePoolWithTag(NonPagedPool, IOP_IRP_SIZE(StackSize), TAG_IRP);
    }
    if (Irp == NULL)
        return NULL;
    Size = IOP_IRP_SIZE(StackSize);
    IopInitializeIrp(Irp, Size, StackSize);
    Irp->AllocationFlags = Source;
    return Irp;
}

// Frees an IRP that nobody works on any more. Its type is wiped, so that a completion after this point is noticed.
//
// <= DISPATCH_LEVEL. The IRP must be on no thread's list.
VOID NTAPI IoFreeIrp(PIRP Irp)
{
    UCHAR Source = Irp->AllocationFlags;

    ASSERT(Irp->Type == IO_TYPE_IRP);
    ASSERT(IsListEmpty(&Irp->ThreadListEntry));
    Irp->Type = 0;
    if (Source & IRP_RESERVED)
        IopReturnReserveIrp();
    else if (Source & IRP_LOOKASIDE_SMALL)
        ExFreeToLookasideList(&IopSmallIrpList, Irp);
    else if (Source & IRP_LOOKASIDE_LARGE)
        ExFreeToLookasideList(&IopLargeIrpList, Irp);
    else
        ExFreePoolWithTag(Irp, TAG_IRP);
}

// Allocates an IRP for a path that has no way to fail (cleanup, close): waits for memory.
//
// PASSIVE_LEVEL.
PIRP IopAllocateIrpMustSucceed(CCHAR StackSize)
{
    LARGE_INTEGER Interval = {.QuadPart = -IOP_IRP_RETRY_100NS};
    PIRP Irp = IoAllocateIrp(StackSize, FALSE);

    while (Irp == NULL) {
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Interval));
        Irp = IoAllocateIrp(StackSize, FALSE);
    }
    return Irp;
}
