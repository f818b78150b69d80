// SPDX-License-Identifier: MIT
// Interlocked lists. A sequenced list changes head, depth and sequence number in one CMPXCHG8B, so that a head that
// was popped and pushed again in between is noticed (the ABA problem).

#include "exp.h"

// Puts Entry in front. Returns what was first before, NULL if the list was empty. Any IRQL; no lock.
// Source: WDK, ExInterlockedPushEntrySList.
PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER Head, PSLIST_ENTRY Entry)
{
    SLIST_HEADER Old, New;

    do {
        Old.Alignment = *(volatile ULONGLONG *)&Head->Alignment;
        Entry->Next = Old.Next.Next;
        New.Next.Next = Entry;
        New.Depth = Old.Depth + 1;
        New.Sequence = Old.Sequence + 1;
    } while ((ULONGLONG)InterlockedCompareExchange64((volatile LONGLONG *)&Head->Alignment, (LONGLONG)New.Alignment,
                                                     (LONGLONG)Old.Alignment) != Old.Alignment);
    return Old.Next.Next;
}

// Takes the first entry, NULL if there is none. Any IRQL; no lock.
//
// Between reading the head and reading its Next, another thread may pop that entry and free its memory. Interrupts
// are off for these few instructions, which closes the gap on one processor; with more, the memory of entries must
// stay mapped while the list is in use.
PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER Head)
{
    SLIST_HEADER Old, New;
    BOOLEAN Enable = KeDisableInterrupts();

    do {
        Old.Alignment = *(volatile ULONGLONG *)&Head->Alignment;
        if (Old.Next.Next == NULL)
            break;
        New.Next.Next = Old.Next.Next->Next;
        New.Depth = Old.Depth - 1;
        New.Sequence = Old.Sequence;
    } while ((ULONGLONG)InterlockedCompareExchange64((volatile LONGLONG *)&Head->Alignment, (LONGLONG)New.Alignment,
                                                     (LONGLONG)Old.Alignment) != Old.Alignment);
    KeRestoreInterrupts(Enable);
    return Old.Next.Next;
}

// Appends Entry under Lock. Returns what was last before, NULL if the list was empty. Any IRQL: interrupts are off
// meanwhile.
PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PLIST_ENTRY Last;

    KefAcquireSpinLockAtDpcLevel(Lock);
    Last = IsListEmpty(Head) ? NULL : Head->Blink;
    InsertTailList(Head, Entry);
    KefReleaseSpinLockFromDpcLevel(Lock);
    KeRestoreInterrupts(Enable);
    return Last;
}

// Takes the first entry under Lock, NULL if there is none. Any IRQL: interrupts are off meanwhile.
PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY Head, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PLIST_ENTRY First;

    KefAcquireSpinLockAtDpcLevel(Lock);
    First = IsListEmpty(Head) ? NULL : RemoveHeadList(Head);
    KefReleaseSpinLockFromDpcLevel(Lock);
    KeRestoreInterrupts(Enable);
    return First;
}
