// SPDX-License-Identifier: MIT
// Pool that is charged to the current process's quota, and pool asked for with a priority. The allocation itself
// remembers the account (its last pointer, the big-page table, or its special-pool page), so that whoever frees it
// returns the charge. Source: WDK, ExAllocatePoolWithQuotaTag, ExAllocatePoolWithTagPriority.

#include "exp.h"

// Notes the account in the allocation. Returns how much it is charged with.
static ULONG ExpSetQuota(PVOID Memory, PEPROCESS_QUOTA_BLOCK Block)
{
    if (MmIsSpecialPoolAddress(Memory)) {
        MmSetSpecialPoolQuota(Memory, Block);
        return PAGE_SIZE;
    }
    return BYTE_OFFSET(Memory) == 0 ? ExpSetBigPageQuota(Memory, Block) : ExpSetBlockQuota(Memory, Block);
}

// The size that has to be asked for, so that there is room for the pointer.
static SIZE_T ExpSizeWithQuota(SIZE_T Bytes)
{
    if (Bytes > POOL_LARGEST_BODY)
        return Bytes; // whole pages remember it elsewhere
    return Bytes > POOL_LARGEST_BODY - sizeof(PVOID) ? PAGE_SIZE : Bytes + sizeof(PVOID);
}

static NTSTATUS ExpAllocateWithQuota(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, PVOID *Memory)
{
    PEPROCESS_QUOTA_BLOCK Block = PsGetCurrentProcess()->QuotaBlock;
    POOL_TYPE Account = Type & PagedPool;
    NTSTATUS Status;

    // Special pool has its own place for the account: there the block must not be longer than asked for.
    if (Block != NULL && !(ExpSpecialPool && ExpWantsSpecialPool(Tag)))
        Bytes = ExpSizeWithQuota(Bytes);
    *Memory = ExAllocatePoolWithTag(Type, Bytes, Tag);
    if (*Memory == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Block == NULL)
        return STATUS_SUCCESS;
    if (!MmIsSpecialPoolAddress(*Memory) && ExpSpecialPool && ExpWantsSpecialPool(Tag)) {
        return STATUS_SUCCESS; // special pool was full, and the block has no room for the pointer: not charged
    }
    Status = PsChargeQuotaBlock(Block, Account, ExpSetQuota(*Memory, NULL));
    if (NT_SUCCESS(Status)) {
        ExpSetQuota(*Memory, Block);
        return Status;
    }
    ExFreePoolWithTag(*Memory, Tag);
    *Memory = NULL;
    return Status;
}

// ExAllocatePoolWithTag, charged to the current process.
//
// IRQL as there. Raises STATUS_QUOTA_EXCEEDED or STATUS_INSUFFICIENT_RESOURCES; with POOL_QUOTA_FAIL_INSTEAD_OF_RAISE
// in Type it returns NULL. The charge is returned when the memory is freed, by whomever.
PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    PVOID Memory;
    NTSTATUS Status = ExpAllocateWithQuota(
        Type & ~(POOL_QUOTA_FAIL_INSTEAD_OF_RAISE | POOL_RAISE_IF_ALLOCATION_FAILURE), Bytes, Tag, &Memory);

    if (!NT_SUCCESS(Status) && !(Type & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE))
        ExRaiseStatus(Status);
    return Memory;
}

// ExAllocatePoolWithQuotaTag under the tag "None".
PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE Type, SIZE_T Bytes)
{
    return ExAllocatePoolWithQuotaTag(Type, Bytes, TAG_NONE);
}

// ExAllocatePoolWithTag that leaves a reserve to more important callers: with LowPoolPriority it fails while memory is
// short, with NormalPoolPriority when there is nearly none, with HighPoolPriority when there is none. The priorities
// with SpecialPool in their names take special pool if there is room. IRQL as for the type. NULL: refused.
PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, EX_POOL_PRIORITY Priority)
{
    ULONG Kind = ExpKindOfType(Type);

    if (Priority & LowPoolPrioritySpecialPoolOverrun) {
        PVOID Memory = ExpAllocateSpecial(Kind, Bytes, Tag, Priority & 1 ? MM_SPECIAL_UNDERRUN : 0);

        if (Memory != NULL)
            return Memory;
    }
    if (!MmResourcesAvailable(Kind, Bytes, Priority & ~9u)) {
        if (Type & POOL_RAISE_IF_ALLOCATION_FAILURE)
            ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
        return NULL;
    }
    return ExAllocatePoolWithTag(Type, Bytes, Tag);
}
