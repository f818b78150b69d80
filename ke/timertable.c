// SPDX-License-Identifier: MIT
// The timer table: 256 buckets, each a list sorted by due time; a timer lies in the bucket of its due time's
// 13.1 ms slot (modulo 256), so that a clock tick looks only at the slots that have begun since the last one.
// Due times are interrupt time. Everything but KiTimersDue runs under the dispatcher lock; processor
// 0 expires timers.

#include "ki.h"

#define KI_TIMER_BUCKETS 256u
#define KI_SLOT_SHIFT 17 // 131072 * 100 ns

// Time: when the first timer of the list is due, for the clock interrupt, which looks without the lock: High2Time is
// written first and High1Time last, and who sees them differ takes the timer for due.
static struct {
    LIST_ENTRY Entry;
    volatile KSYSTEM_TIME Time;
} KiTimerTable[KI_TIMER_BUCKETS];
static ULONGLONG KiTimerSlot;          // every timer of an earlier slot has expired
static volatile ULONG KiTimerSeen;     // the clock interrupt need not look at earlier slots again
static volatile BOOLEAN KiTimerMissed; // but a timer has come to one of them since

FORCEINLINE PLIST_ENTRY KiTimerBucket(ULONGLONG Slot)
{
    return &KiTimerTable[(ULONG)Slot % KI_TIMER_BUCKETS].Entry;
}

FORCEINLINE PKTIMER KiTimerOf(PLIST_ENTRY Entry)
{
    return CONTAINING_RECORD(Entry, KTIMER, TimerListEntry);
}

static VOID KiNoteFirstTimer(ULONG Index)
{
    PLIST_ENTRY Bucket = &KiTimerTable[Index].Entry;
    ULARGE_INTEGER Due = {.QuadPart = ~0ull};

    if (!IsListEmpty(Bucket))
        Due = KiTimerOf(Bucket->Flink)->DueTime;
    KiTimerTable[Index].Time.High2Time = (LONG)Due.HighPart;
    KiTimerTable[Index].Time.LowPart = Due.LowPart;
    KiTimerTable[Index].Time.High1Time = (LONG)Due.HighPart;
}

VOID KiInitializeTimerTable(VOID)
{
    ULONG Index;

    for (Index = 0; Index < KI_TIMER_BUCKETS; Index++) {
        InitializeListHead(&KiTimerTable[Index].Entry);
        KiNoteFirstTimer(Index);
    }
}

// Interrupt time at which a caller's DueTime (negative: relative; else system time) is reached.
ULONGLONG KiDueTime(LARGE_INTEGER DueTime, PBOOLEAN Absolute)
{
    LARGE_INTEGER SystemTime;
    ULONGLONG Now = KeQueryInterruptTime(), Due;

    *Absolute = DueTime.QuadPart >= 0;
    if (!*Absolute) {
        Due = Now - (ULONGLONG)DueTime.QuadPart;
        return (LONGLONG)Due < 0 ? 0x7FFFFFFFFFFFFFFFull : Due;
    }
    KeQuerySystemTime(&SystemTime);
    if (DueTime.QuadPart <= SystemTime.QuadPart)
        return Now;
    return Now + (ULONGLONG)(DueTime.QuadPart - SystemTime.QuadPart);
}

// Links the timer into the table, due at DueTime (at the next tick if that has passed).
// Returns FALSE in that case: the caller may prefer to signal it at once.
BOOLEAN KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime, BOOLEAN Absolute)
{
    ULONGLONG Slot = DueTime >> KI_SLOT_SHIFT;
    PLIST_ENTRY Bucket, Entry;

    ASSERT(!Timer->Header.Inserted);
    Timer->DueTime.QuadPart = DueTime;
    Timer->Header.Absolute = Absolute;
    Timer->Header.Inserted = TRUE;
    if (Slot < KiTimerSlot)
        Slot = KiTimerSlot;
    Bucket = KiTimerBucket(Slot);
    for (Entry = Bucket->Blink; Entry != Bucket; Entry = Entry->Blink)
        if (KiTimerOf(Entry)->DueTime.QuadPart <= DueTime)
            break;
    InsertHeadList(Entry, &Timer->TimerListEntry);
    if (Bucket->Flink == &Timer->TimerListEntry)
        KiNoteFirstTimer((ULONG)Slot % KI_TIMER_BUCKETS);
    KeMemoryBarrier(); // either the clock interrupt sees the timer, or we see that it has passed the slot
    if ((LONG)((ULONG)Slot - KiTimerSeen) < 0)
        KiTimerMissed = TRUE;
    return DueTime > KeQueryInterruptTime();
}

// Its neighbours tell whether it was the first of its list: then one of them is the list's head.
VOID KiRemoveTimer(PKTIMER Timer)
{
    PLIST_ENTRY Before = Timer->TimerListEntry.Blink;
    ULONG_PTR Offset = (ULONG_PTR)Before - (ULONG_PTR)KiTimerTable;

    ASSERT(Timer->Header.Inserted);
    Timer->Header.Inserted = FALSE;
    RemoveEntryList(&Timer->TimerListEntry);
    if (Offset < sizeof(KiTimerTable))
        KiNoteFirstTimer((ULONG)(Offset / sizeof(KiTimerTable[0])));
}

// Has a timer expired? From the clock interrupt of processor 0, without the lock. Looks at the slots that have begun
// since the last look.
BOOLEAN KiTimersDue(ULONGLONG Now)
{
    ULONG Slot = KiTimerSeen, Last = (ULONG)(Now >> KI_SLOT_SHIFT);

    if (Slot != Last) {
        if (Last - Slot >= KI_TIMER_BUCKETS)
            Slot = Last - KI_TIMER_BUCKETS + 1;
        KiTimerSeen = Last;
        KeMemoryBarrier();
    }
    for (; (LONG)(Last - Slot) >= 0; Slot++) {
        volatile KSYSTEM_TIME *Time = &KiTimerTable[Slot % KI_TIMER_BUCKETS].Time;
        ULONG High = (ULONG)Time->High1Time;
        ULONGLONG Due = (ULONGLONG)High << 32 | Time->LowPart;

        if (Due <= Now || High != (ULONG)Time->High2Time)
            return TRUE;
    }
    return KiTimerMissed;
}

// Signals a timer: its waiters wake, its DPC is queued, a periodic one starts again. It is not in the table.
VOID KiSignalTimer(PKTIMER Timer)
{
    LARGE_INTEGER Time;

    Timer->Header.SignalState = 1;
    KdTrace(TimerExpire, Timer, Timer->Dpc != NULL ? Timer->Dpc->DeferredRoutine : NULL, Timer->Period, 0);
    if (!IsListEmpty(&Timer->Header.WaitListHead))
        KiWaitTest(Timer, 0);
    if (Timer->Period != 0) {
        ULONGLONG Period = (ULONGLONG)(ULONG)Timer->Period * 10000, Next = Timer->DueTime.QuadPart + Period;
        ULONGLONG Now = KeQueryInterruptTime();

        (VOID) KiInsertTimer(Timer, Next > Now ? Next : Now + 1, FALSE);
    }
    if (Timer->Dpc != NULL) {
        KeQuerySystemTime(&Time);
        (VOID) KeInsertQueueDpc(Timer->Dpc, (PVOID)Time.LowPart, (PVOID)(ULONG_PTR)Time.HighPart);
    }
}

// Signals every timer that is due, in order of due time within a slot and slot by slot. DISPATCH_LEVEL, from the DPC
// level of the clock interrupt; dispatcher lock not held.
VOID KiTimerExpiration(VOID)
{
    ULONGLONG Now = KeQueryInterruptTime(), Last = Now >> KI_SLOT_SHIFT, Slot;
    PLIST_ENTRY Bucket;
    PKTIMER Timer;

    KiLockDispatcherAtDpcLevel();
    KiTimerMissed = FALSE;
    Slot = KiTimerSlot;
    if (Last - Slot >= KI_TIMER_BUCKETS)
        Slot = Last - KI_TIMER_BUCKETS + 1;
    KiTimerSlot = Last;
    for (; Slot <= Last; Slot++) {
        Bucket = KiTimerBucket(Slot);
        while (!IsListEmpty(Bucket) && (Timer = KiTimerOf(Bucket->Flink))->DueTime.QuadPart <= Now) {
            KiRemoveTimer(Timer);
            KiSignalTimer(Timer);
        }
    }
    KiUnlockDispatcherFromDpcLevel();
}

// The system time was set forward by Delta: timers that wait for a system time are due that much earlier.
VOID KiShiftAbsoluteTimers(LONGLONG Delta)
{
    LIST_ENTRY Absolute;
    PLIST_ENTRY Entry, Next;
    ULONG Index;

    InitializeListHead(&Absolute);
    for (Index = 0; Index < KI_TIMER_BUCKETS; Index++) {
        for (Entry = KiTimerTable[Index].Entry.Flink; Entry != &KiTimerTable[Index].Entry; Entry = Next) {
            Next = Entry->Flink;
            if (KiTimerOf(Entry)->Header.Absolute) {
                KiRemoveTimer(KiTimerOf(Entry));
                InsertTailList(&Absolute, Entry);
            }
        }
    }
    while (!IsListEmpty(&Absolute)) {
        PKTIMER Timer = KiTimerOf(RemoveHeadList(&Absolute));
        LONGLONG Due = (LONGLONG)Timer->DueTime.QuadPart - Delta;

        (VOID) KiInsertTimer(Timer, Due > 0 ? (ULONGLONG)Due : 0, TRUE);
    }
}

// How many timers are set (the test runner's leak check). IRQL <= DISPATCH_LEVEL.
ULONG KiCountTimers(VOID)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PLIST_ENTRY Entry;
    ULONG Index, Count = 0;

    for (Index = 0; Index < KI_TIMER_BUCKETS; Index++)
        for (Entry = KiTimerTable[Index].Entry.Flink; Entry != &KiTimerTable[Index].Entry; Entry = Entry->Flink)
            Count++;
    KiUnlockDispatcherDatabase(OldIrql);
    return Count;
}
