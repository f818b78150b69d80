// SPDX-License-Identifier: MIT
// Pool quota: how much pool a process may have charged to it. The account is a block of its own, because charged memory
// may outlive the process: who charges references the block until it returns the charge. A child gets an account of its
// own with its parent's limits (NT shares one among them). Source: WDK, ExAllocatePoolWithQuotaTag; Windows Internals,
// "Process and job quotas".

#include "psp.h"

#define PSP_TAG_QUOTA 0x62517350 // 'PsQb'
// What NT allows at most on 32-bit machines: a quarter of nonpaged and of paged pool.
#define PSP_NONPAGED_LIMIT 0x04000000
#define PSP_PAGED_LIMIT 0x04000000

static LONG *PspField(volatile LONG *Fields, POOL_TYPE Type)
{
    return (LONG *)&Fields[Type & PagedPool];
}

static BOOLEAN PspCharge(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE Type, LONG Bytes)
{
    volatile LONG *Usage = PspField(Block->Usage, Type), *Peak = PspField(Block->Peak, Type);
    LONG Old, New;

    do {
        Old = *Usage;
        New = Old + Bytes;
        if (Bytes < 0 || New < Old || New > Block->Limit[Type & PagedPool])
            return FALSE;
    } while (InterlockedCompareExchange(Usage, New, Old) != Old);
    if (New > *Peak)
        *Peak = New; // two at a time may lose the higher one: it is a figure for people
    return TRUE;
}

static VOID PspDereferenceQuotaBlock(PEPROCESS_QUOTA_BLOCK Block)
{
    if (InterlockedDecrement(&Block->ReferenceCount) == 0)
        ExFreePoolWithTag(Block, PSP_TAG_QUOTA);
}

// Charges Bytes of a kind of pool to an account, and references it. IRQL <= DISPATCH_LEVEL; no locks.
// STATUS_QUOTA_EXCEEDED: over its limit, nothing has changed.
NTSTATUS NTAPI PsChargeQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE Type, SIZE_T Bytes)
{
    if (!PspCharge(Block, Type, (LONG)Bytes))
        return STATUS_QUOTA_EXCEEDED;
    InterlockedIncrement(&Block->ReferenceCount);
    return STATUS_SUCCESS;
}

// Undoes PsChargeQuotaBlock. IRQL <= DISPATCH_LEVEL.
VOID PsReturnQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE Type, SIZE_T Bytes)
{
    LONG Left = InterlockedExchangeAdd(PspField(Block->Usage, Type), -(LONG)Bytes) - (LONG)Bytes;

    if (Left < 0)
        KeBugCheckEx(QUOTA_UNDERFLOW, (ULONG_PTR)Block, Type & PagedPool, Bytes, (ULONG_PTR)Left);
    PspDereferenceQuotaBlock(Block);
}

// Charges pool to a process. WDK's IRQL: <= DISPATCH_LEVEL here, APC_LEVEL there. STATUS_QUOTA_EXCEEDED: over its
// limit. The process keeps existing until PsReturnPoolQuota (the caller has it referenced).
NTSTATUS NTAPI PsChargeProcessPoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes)
{
    if (Process->QuotaBlock == NULL)
        return STATUS_SUCCESS;
    return PsChargeQuotaBlock(Process->QuotaBlock, Type, Bytes);
}

// PsChargeProcessPoolQuota that raises what the other returns. IRQL <= APC_LEVEL.
VOID NTAPI PsChargePoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes)
{
    NTSTATUS Status = PsChargeProcessPoolQuota(Process, Type, Bytes);

    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
}

// Returns what one of the two charged; bugcheck 0x21 (QUOTA_UNDERFLOW) if it is more. IRQL <= DISPATCH_LEVEL.
VOID NTAPI PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes)
{
    if (Process->QuotaBlock != NULL)
        PsReturnQuotaBlock(Process->QuotaBlock, Type, Bytes);
}

// Gives a new process its account. Parent NULL, or one without: the default limits. PASSIVE_LEVEL. STATUS_NO_MEMORY.
NTSTATUS NTAPI PsCreateQuotaBlock(PEPROCESS Process, PEPROCESS Parent)
{
    PEPROCESS_QUOTA_BLOCK Block = ExAllocatePoolZero(NonPagedPool, sizeof(*Block), PSP_TAG_QUOTA);

    if (Block == NULL)
        return STATUS_NO_MEMORY;
    Block->ReferenceCount = 1;
    Block->Limit[NonPagedPool] = PSP_NONPAGED_LIMIT;
    Block->Limit[PagedPool] = PSP_PAGED_LIMIT;
    if (Parent != NULL && Parent->QuotaBlock != NULL)
        RtlCopyMemory(Block->Limit, Parent->QuotaBlock->Limit, sizeof(Block->Limit));
    Process->QuotaBlock = Block;
    return STATUS_SUCCESS;
}

// The process is gone; its account stays while something is charged to it. IRQL <= DISPATCH_LEVEL.
VOID PsDeleteQuotaBlock(PEPROCESS Process)
{
    if (Process->QuotaBlock != NULL)
        PspDereferenceQuotaBlock(Process->QuotaBlock);
    Process->QuotaBlock = NULL;
}
