// SPDX-License-Identifier: MIT
// Run-down protection: references to something that will be torn down, which can be shut off and waited out.
// Count: references * 2 while open; a pointer to the waiter's block | 1 while running down; 1 when run down.
// Source: WDK, "Run-Down Protection".

#include "exp.h"

#define RUNDOWN_ACTIVE 1u
#define RUNDOWN_REFERENCE 2u

typedef struct _RUNDOWN_WAITER {
    volatile LONG Count; // references still out
    KEVENT Event;
} RUNDOWN_WAITER, *PRUNDOWN_WAITER;

static BOOLEAN ExpChangeRundown(PEX_RUNDOWN_REF Ref, ULONG_PTR New, ULONG_PTR Old)
{
    return (ULONG_PTR)InterlockedCompareExchange((volatile LONG *)&Ref->Count, (LONG)New, (LONG)Old) == Old;
}

// Opens the reference. Any IRQL.
VOID FASTCALL ExInitializeRundownProtection(PEX_RUNDOWN_REF Ref)
{
    Ref->Count = 0;
}

// Opens it again after it was run down. The caller has seen ExWaitForRundownProtectionRelease return. Any IRQL.
VOID FASTCALL ExReInitializeRundownProtection(PEX_RUNDOWN_REF Ref)
{
    ASSERT(Ref->Count == RUNDOWN_ACTIVE);
    InterlockedExchange((volatile LONG *)&Ref->Count, 0);
}

// Marks it as run down, as a wait on it would; for who knows that there are no references. Any IRQL.
VOID FASTCALL ExRundownCompleted(PEX_RUNDOWN_REF Ref)
{
    ASSERT((Ref->Count & ~(ULONG_PTR)RUNDOWN_ACTIVE) == 0);
    InterlockedExchange((volatile LONG *)&Ref->Count, RUNDOWN_ACTIVE);
}

// Takes Count references at once; FALSE, and none, if it is running down or run down. Any IRQL.
BOOLEAN FASTCALL ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF Ref, ULONG Count)
{
    ULONG_PTR Old;

    do {
        Old = Ref->Count;
        if (Old & RUNDOWN_ACTIVE)
            return FALSE;
    } while (!ExpChangeRundown(Ref, Old + Count * RUNDOWN_REFERENCE, Old));
    return TRUE;
}

BOOLEAN FASTCALL ExAcquireRundownProtection(PEX_RUNDOWN_REF Ref)
{
    return ExAcquireRundownProtectionEx(Ref, 1);
}

// Drops Count references; the last one wakes who waits for the run-down. IRQL <= DISPATCH_LEVEL.
VOID FASTCALL ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF Ref, ULONG Count)
{
    ULONG_PTR Old;

    do {
        Old = Ref->Count;
        if (Old & RUNDOWN_ACTIVE) {
            PRUNDOWN_WAITER Waiter = (PRUNDOWN_WAITER)(Old & ~(ULONG_PTR)RUNDOWN_ACTIVE);

            ASSERT(Waiter != NULL);
            if (InterlockedExchangeAdd(&Waiter->Count, -(LONG)Count) == (LONG)Count)
                KeSetEvent(&Waiter->Event, EVENT_INCREMENT, FALSE);
            return;
        }
        ASSERT(Old >= Count * RUNDOWN_REFERENCE);
    } while (!ExpChangeRundown(Ref, Old - Count * RUNDOWN_REFERENCE, Old));
}

VOID FASTCALL ExReleaseRundownProtection(PEX_RUNDOWN_REF Ref)
{
    ExReleaseRundownProtectionEx(Ref, 1);
}

// Lets no new reference in and waits until the old ones are gone. Once per initialization; a call after the end
// returns at once. IRQL <= APC_LEVEL.
VOID FASTCALL ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF Ref)
{
    RUNDOWN_WAITER Waiter;
    ULONG_PTR Old;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Ref->Count == RUNDOWN_ACTIVE || ExpChangeRundown(Ref, RUNDOWN_ACTIVE, 0))
        return;
    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    do {
        Old = Ref->Count;
        ASSERT((Old & RUNDOWN_ACTIVE) == 0);
        Waiter.Count = (LONG)(Old / RUNDOWN_REFERENCE);
    } while (!ExpChangeRundown(Ref, (ULONG_PTR)&Waiter | RUNDOWN_ACTIVE, Old));
    if (Old != 0)
        KeWaitForever(&Waiter.Event, WrRundown);
    Ref->Count = RUNDOWN_ACTIVE; // the block on this stack must not be found any more
}
