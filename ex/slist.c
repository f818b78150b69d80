// SPDX-License-Identifier: MIT
// Sequenced lists: stacks whose head, depth and sequence number change in one CMPXCHG8B. Each push adds one to the
// sequence, so that a head that was popped and pushed again in between is noticed (the ABA problem). Popping, and what
// happens if an entry is freed meanwhile: i386/slist.asm. Source: WDK, "Singly and Doubly Linked Lists".

#include "exp.h"

extern const UCHAR ExpInterlockedPopEntrySListResume[], ExpInterlockedPopEntrySListFault[];

#define EXP_SLIST_PUSHED 0x10001u // one deeper, one more in the sequence

static BOOLEAN ExpChangeSList(PSLIST_HEADER Head, SLIST_HEADER New, SLIST_HEADER Old)
{
    return (ULONGLONG)InterlockedCompareExchange64((volatile LONGLONG *)&Head->Alignment, (LONGLONG)New.Alignment,
                                                   (LONGLONG)Old.Alignment) == Old.Alignment;
}

// Puts Entry in front. Returns what was first before, NULL if the list was empty. Any IRQL; no lock.
PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER Head, PSLIST_ENTRY Entry)
{
    PSLIST_ENTRY First = *(PSLIST_ENTRY volatile *)&Head->Next.Next;
    ULONG Counts = ((volatile ULONG *)Head)[1]; // depth, and the sequence above it
    BOOLEAN Done = FALSE;

    do {
        Entry->Next = First;
        KeChaosPoint(ChaosList);
        __asm__ volatile("clc; lock cmpxchg8b %1" // clc: ntatomic.h says why
                         : "=@ccz"(Done), "+m"(Head->Alignment), "+a"(First), "+d"(Counts)
                         : "b"(Entry), "c"(Counts + EXP_SLIST_PUSHED)
                         : "memory");
    } while (!Done); // First and Counts are the header as it is now
    return First;
}

// Takes all entries. Returns the first of the chain, NULL if the list was empty. Any IRQL; no lock.
PSLIST_ENTRY FASTCALL InterlockedFlushSList(PSLIST_HEADER Head)
{
    SLIST_HEADER Old, New;

    do {
        Old.Alignment = *(volatile ULONGLONG *)&Head->Alignment;
        if (Old.Next.Next == NULL)
            return NULL;
        New.Next.Next = NULL;
        New.Depth = 0;
        New.Sequence = Old.Sequence;
        KeChaosPoint(ChaosList);
    } while (!ExpChangeSList(Head, New, Old));
    return Old.Next.Next;
}

// A page fault in kernel mode could not be resolved. If it is a pop's look into an entry that is no longer in its list,
// the pop begins anew: TRUE. FALSE: it is not, or the list is damaged. Any IRQL. Called by ke/pagefault.c.
BOOLEAN ExRepairSListFault(PKTRAP_FRAME TrapFrame)
{
    PSLIST_HEADER Head = (PSLIST_HEADER)TrapFrame->Esi;
    SLIST_HEADER Now;

    if (TrapFrame->Eip != (ULONG_PTR)ExpInterlockedPopEntrySListFault)
        return FALSE;
    Now.Alignment = *(volatile ULONGLONG *)&Head->Alignment;
    if (Now.Alignment == ((ULONGLONG)TrapFrame->Edx << 32 | TrapFrame->Eax))
        return FALSE;
    TrapFrame->Eip = (ULONG_PTR)ExpInterlockedPopEntrySListResume;
    return TRUE;
}

// The older names; the lock is not used (WDK).
PSLIST_ENTRY FASTCALL ExInterlockedPushEntrySList(PSLIST_HEADER Head, PSLIST_ENTRY Entry, PKSPIN_LOCK Lock)
{
    UNREFERENCED_PARAMETER(Lock);
    return InterlockedPushEntrySList(Head, Entry);
}

PSLIST_ENTRY FASTCALL ExInterlockedPopEntrySList(PSLIST_HEADER Head, PKSPIN_LOCK Lock)
{
    UNREFERENCED_PARAMETER(Lock);
    return InterlockedPopEntrySList(Head);
}

PSLIST_ENTRY FASTCALL ExInterlockedFlushSList(PSLIST_HEADER Head)
{
    return InterlockedFlushSList(Head);
}
