// SPDX-License-Identifier: MIT
// Special pool: each allocation has a page of its own and, behind it, a page that nobody may touch. The block lies at
// the end of its page, so that an overrun faults at the instruction that makes it; or, with MM_SPECIAL_UNDERRUN, at the
// beginning, so that an underrun runs into the guard page of the pair before.
//
//        data page              guard page             data page              guard page
//   | fill ... | block | tail |  not valid:  |   | block | tail | fill ... |  not valid ...
//                               tag, size,
//                               kind, state
//
// The rest of the data page is filled with a pattern that is looked at when the block is freed. A freed page is taken
// away, but its addresses are used again only when all others have been: whoever touches them until then is caught.
// Source: WDK, "Special Pool", bug checks 0xC1, 0xCC, 0xCD, 0xD5, 0xD6.

#include "mi.h"

#define MI_SPECIAL_PAIRS ((MM_SPECIAL_POOL_END + 1 - MM_SPECIAL_POOL_START) / (2 * PAGE_SIZE))
#define MI_SPECIAL_FILL 0xA5
#define MI_SPECIAL_ALIGNMENT 8u
#define MI_SPECIAL_RESERVE 256u // available pages that special pool leaves
// The low half of a guard page's entry; the high half is the tag. Bit 0 is clear: the page is not valid.
#define MI_GUARD_UNDERRUN 0x02u
#define MI_GUARD_FREED 0x04u
#define MI_GUARD_KIND_SHIFT 4
#define MI_GUARD_BYTES_SHIFT 8
// WDK, 0xC1: what P4 says
#define MI_CORRUPT_NOT_ALLOCATED 0x20
#define MI_CORRUPT_BAD_ADDRESS 0x21
#define MI_CORRUPT_WRONG_TAG 0x22
#define MI_CORRUPT_NEARBY 0x23
#define MI_CORRUPT_BEHIND 0x24
#define MI_CORRUPT_ALLOCATE_IRQL 0x30
#define MI_CORRUPT_FREE_IRQL 0x31

static KSPIN_LOCK MiSpecialLock;
static RTL_BITMAP MiSpecialBitMap; // of pairs
static ULONG MiSpecialBits[MI_SPECIAL_PAIRS / 32];
static ULONG MiSpecialHint;
volatile LONG MiSpecialPoolPages;
extern UCHAR KiTextStart[], KiTextEnd[];

// Phase 0, before the first allocation.
BOOLEAN MmInitSpecialPool(VOID)
{
    KeInitializeSpinLock(&MiSpecialLock);
    RtlInitializeBitMap(&MiSpecialBitMap, MiSpecialBits, MI_SPECIAL_PAIRS);
    RtlClearAllBits(&MiSpecialBitMap);
    MiSpecialBits[0] = 1; // no guard page lies before the first pair
    return TRUE;
}

// The next pair in the round that is free; MAXULONG: none.
static ULONG MiTakeSpecialPair(VOID)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiSpecialLock);
    ULONG Pair = RtlFindClearBitsAndSet(&MiSpecialBitMap, 1, MiSpecialHint);

    if (Pair != MAXULONG)
        MiSpecialHint = Pair + 1 == MI_SPECIAL_PAIRS ? 0 : Pair + 1;
    KfReleaseSpinLock(&MiSpecialLock, OldIrql);
    return Pair;
}

static VOID MiGiveSpecialPair(ULONG Pair)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiSpecialLock);

    RtlClearBits(&MiSpecialBitMap, Pair, 1);
    KfReleaseSpinLock(&MiSpecialLock, OldIrql);
}

static PUCHAR MiSpecialPage(ULONG Pair)
{
    return (PUCHAR)(MM_SPECIAL_POOL_START + Pair * 2 * PAGE_SIZE);
}

static ULONG MiSpecialOffset(ULONG Bytes, ULONG Flags)
{
    return Flags & MI_GUARD_UNDERRUN ? 0 : (PAGE_SIZE - Bytes) & ~(MI_SPECIAL_ALIGNMENT - 1);
}

// Where the page keeps who is charged with it: as far from the block as can be.
static PVOID *MiSpecialQuota(PUCHAR Page, ULONG Flags)
{
    return (PVOID *)(Flags & MI_GUARD_UNDERRUN ? Page + PAGE_SIZE - sizeof(PVOID) : Page);
}

// A block of Bytes (at most a page less 16 bytes) in special pool, contents undefined, 8-byte aligned.
//
// IRQL <= DISPATCH_LEVEL, paged and session pool APC_LEVEL, else bugcheck 0xC1. Takes the special pool's, the PFN and
// the commit lock. NULL when addresses, memory or commitment are short: the caller takes ordinary pool then.
PVOID MmAllocateSpecialPool(ULONG Pool, SIZE_T Bytes, ULONG Tag, ULONG Flags)
{
    ULONG Pair, Guard = (Flags & MM_SPECIAL_UNDERRUN ? MI_GUARD_UNDERRUN : 0) | Pool << MI_GUARD_KIND_SHIFT;
    PUCHAR Page;

    if (KeGetCurrentIrql() > (Pool == MM_POOL_NONPAGED ? DISPATCH_LEVEL : APC_LEVEL))
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, KeGetCurrentIrql(), Pool, Bytes,
                     MI_CORRUPT_ALLOCATE_IRQL);
    if (Bytes > PAGE_SIZE - 2 * MI_SPECIAL_ALIGNMENT || MmAvailablePages < MI_SPECIAL_RESERVE)
        return NULL;
    Pair = MiTakeSpecialPair();
    if (Pair == MAXULONG)
        return NULL;
    Page = MiSpecialPage(Pair);
    if (!NT_SUCCESS(MiMakeSystemPageTables(Page, 2 * PAGE_SIZE)) || !NT_SUCCESS(MiPopulate(Page, 1))) {
        MiGiveSpecialPair(Pair);
        return NULL;
    }
    RtlFillMemory(Page, PAGE_SIZE, MI_SPECIAL_FILL);
    *MiSpecialQuota(Page, Guard) = NULL;
    MiWriteInvalidPte(MiGetPteAddress(Page) + 1, (ULONGLONG)Tag << 32 | Guard | (ULONG)Bytes << MI_GUARD_BYTES_SHIFT);
    InterlockedIncrement(&MiSpecialPoolPages);
    return Page + MiSpecialOffset((ULONG)Bytes, Guard);
}

// The entry that describes the pair of an address in special pool; NULL: no page table, so never used.
static PMMPTE MiSpecialGuard(PVOID Va)
{
    ULONG_PTR Page = (ULONG_PTR)Va & ~(ULONG_PTR)(2 * PAGE_SIZE - 1);

    return MiPteIfTable((PVOID)Page) == NULL ? NULL : MiGetPteAddress(Page) + 1;
}

// Notes whose quota is charged. IRQL as for the memory.
VOID MmSetSpecialPoolQuota(PVOID Va, PVOID QuotaBlock)
{
    *MiSpecialQuota(PAGE_ALIGN(Va), MiSpecialGuard(Va)->u.Low) = QuotaBlock;
}

// What is in the page beside the block must still be the fill pattern.
static VOID MiCheckSpecialFill(PUCHAR Block, ULONG Bytes, ULONG Flags)
{
    PUCHAR Page = PAGE_ALIGN(Block), Byte;
    PUCHAR Quota = (PUCHAR)MiSpecialQuota(Page, Flags);

    for (Byte = Page; Byte < Page + PAGE_SIZE; Byte++) {
        if (Byte == Block)
            Byte += Bytes;
        if (Byte == Quota)
            Byte += sizeof(PVOID);
        if (Byte < Page + PAGE_SIZE && *Byte != MI_SPECIAL_FILL)
            KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Block, (ULONG_PTR)Byte, *Byte,
                         Byte >= Block + Bytes ? MI_CORRUPT_BEHIND : MI_CORRUPT_NEARBY);
    }
}

// Takes a block back. Tag 0: any. Gives its kind of pool, its size, and who is charged (or NULL); returns its tag.
//
// IRQL as for the allocation. Everything that is wrong is bugcheck 0xC1, with P4 as in the WDK: no such block, another
// tag (22h: P2 is the block's, P3 the caller's), bytes around the block changed.
ULONG MmFreeSpecialPool(PVOID Va, ULONG Tag, PULONG Pool, PULONG Bytes, PVOID *QuotaBlock)
{
    PUCHAR Page = PAGE_ALIGN(Va);
    PMMPTE Guard = MiSpecialGuard(Va);
    ULONG Flags, Pair = ((ULONG_PTR)Page - MM_SPECIAL_POOL_START) / (2 * PAGE_SIZE);

    if (Guard == NULL || ((ULONG_PTR)Page & PAGE_SIZE) != 0 || !Guard[-1].u.Hard.Valid)
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Va, 0, 0, MI_CORRUPT_NOT_ALLOCATED);
    Flags = Guard->u.Low;
    *Pool = Flags >> MI_GUARD_KIND_SHIFT & 3;
    *Bytes = Flags >> MI_GUARD_BYTES_SHIFT;
    if (KeGetCurrentIrql() > (*Pool == MM_POOL_NONPAGED ? DISPATCH_LEVEL : APC_LEVEL))
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, KeGetCurrentIrql(), *Pool, (ULONG_PTR)Va,
                     MI_CORRUPT_FREE_IRQL);
    if (BYTE_OFFSET(Va) != MiSpecialOffset(*Bytes, Flags))
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Va, *Bytes, MiSpecialOffset(*Bytes, Flags),
                     MI_CORRUPT_BAD_ADDRESS);
    if (Tag != 0 && Tag != Guard->u.High)
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Va, Guard->u.High, Tag, MI_CORRUPT_WRONG_TAG);
    MiCheckSpecialFill(Va, *Bytes, Flags);
    Tag = Guard->u.High;
    *QuotaBlock = *MiSpecialQuota(Page, Flags);
    KeForgetLocks(Va, *Bytes);
    Guard->u.Low |= MI_GUARD_FREED;
    MiDepopulate(Page, 1);
    InterlockedDecrement(&MiSpecialPoolPages);
    MiGiveSpecialPair(Pair);
    return Tag;
}

// A page fault in special pool, at any IRQL: whatever it was, somebody went beyond a block or used one that is freed.
// Bugchecks: 0xCC freed, 0xCD beyond; 0xD5, 0xD6 if the code is no part of the kernel image. P1 address, P2 0 read, 1
// write, P3 instruction. Returns if another processor has just made the page valid.
VOID MiCheckSpecialPoolFault(ULONG FaultStatus, PVOID Va, PKTRAP_FRAME TrapFrame)
{
    PMMPTE Guard = MiSpecialGuard(Va);
    ULONG_PTR Eip = TrapFrame != NULL ? TrapFrame->Eip : 0;
    BOOLEAN Kernel = Eip >= (ULONG_PTR)KiTextStart && Eip < (ULONG_PTR)KiTextEnd;
    BOOLEAN Freed = Guard != NULL && (Guard->u.Low & MI_GUARD_FREED) != 0;
    ULONG Code;

    if (Guard != NULL && MiGetPteAddress(Va)->u.Hard.Valid)
        return;
    if (Freed)
        Code = Kernel ? PAGE_FAULT_IN_FREED_SPECIAL_POOL : DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL;
    else
        Code = Kernel ? PAGE_FAULT_BEYOND_END_OF_ALLOCATION : DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION;
    KeBugCheckEx(Code, (ULONG_PTR)Va, (FaultStatus & MI_FAULT_WRITE) != 0, Eip, 0);
}
