// SPDX-License-Identifier: MIT
// Interlocked singly linked lists: the header's depth and sequence change with its first entry in one 8-byte exchange,
// so a list that went away and came back between look and exchange is noticed.

#include "k32.h"

static BOOL BasepExchangeHeader(PSLIST_HEADER Header, ULONGLONG Old, ULONGLONG New)
{
    return __sync_bool_compare_and_swap(&Header->Alignment, Old, New);
}

VOID WINAPI InitializeSListHead(PSLIST_HEADER Header)
{
    Header->Alignment = 0;
}

PSLIST_ENTRY WINAPI InterlockedPushEntrySList(PSLIST_HEADER Header, PSLIST_ENTRY Entry)
{
    for (;;) {
        SLIST_HEADER Old = *Header, New = Old;

        Entry->Next = Old.Next.Next;
        New.Next.Next = Entry;
        New.Depth++;
        New.Sequence++;
        if (BasepExchangeHeader(Header, Old.Alignment, New.Alignment)) {
            return Old.Next.Next;
        }
    }
}

PSLIST_ENTRY WINAPI InterlockedPopEntrySList(PSLIST_HEADER Header)
{
    for (;;) {
        SLIST_HEADER Old = *Header, New = Old;

        if (Old.Next.Next == NULL) {
            return NULL;
        }
        New.Next.Next = Old.Next.Next->Next;
        New.Depth--;
        New.Sequence++;
        if (BasepExchangeHeader(Header, Old.Alignment, New.Alignment)) {
            return Old.Next.Next;
        }
    }
}

PSLIST_ENTRY WINAPI InterlockedFlushSList(PSLIST_HEADER Header)
{
    for (;;) {
        SLIST_HEADER Old = *Header, New = Old;

        New.Next.Next = NULL;
        New.Depth = 0;
        New.Sequence++;
        if (BasepExchangeHeader(Header, Old.Alignment, New.Alignment)) {
            return Old.Next.Next;
        }
    }
}

USHORT WINAPI QueryDepthSList(PSLIST_HEADER Header)
{
    return Header->Depth;
}
