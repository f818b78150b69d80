// SPDX-License-Identifier: MIT
// The balance-set manager, once a second: a thread that has been ready for about four seconds without running gets the
// highest priority that is not real-time, for a long quantum, after which it is where it was. So a thread that holds a
// lock and is starved by more important ones gets on. Memory's own once-a-second work is Mm's (mm/wsmanager.c).
// Source: Windows Internals, "Priority Boosts for CPU Starvation".

#include "ki.h"

#define KI_STARVED_TICKS 256u // 4 s
#define KI_BOOST_PRIORITY (LOW_REALTIME_PRIORITY - 1)
#define KI_BOOST_QUANTA 4
#define KI_SCAN_MAXIMUM 16u  // threads looked at in a pass
#define KI_BOOST_MAXIMUM 10u // and boosted
#define KI_BALANCE_PRIORITY LOW_REALTIME_PRIORITY
#define KI_BALANCE_PERIOD (-10000000ll) // 1 s

static VOID KiBoostStarved(PKTHREAD Thread)
{
    KiSetPriorityThread(Thread, KI_BOOST_PRIORITY);
    Thread->PriorityDecrement = (SCHAR)(KI_BOOST_PRIORITY - Thread->BasePriority);
    Thread->Quantum = (SCHAR)(Thread->QuantumReset * KI_BOOST_QUANTA);
}

// Looks at the ready threads of a processor, the next pass goes on where this one stopped (*Priority). Dispatcher lock
// held.
static VOID KiScanReadyQueues(PKPRCB Prcb, KPRIORITY *Priority)
{
    ULONG Scanned = 0, Boosted = 0, Levels;
    PLIST_ENTRY Queue, Entry, Next;

    for (Levels = 1; Levels < KI_BOOST_PRIORITY && Scanned < KI_SCAN_MAXIMUM; Levels++) {
        *Priority = *Priority > 1 ? *Priority - 1 : KI_BOOST_PRIORITY - 1;
        Queue = &Prcb->DispatcherReadyListHead[*Priority];
        for (Entry = Queue->Flink; Entry != Queue && Scanned < KI_SCAN_MAXIMUM; Entry = Next, Scanned++) {
            PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, WaitListEntry);

            Next = Entry->Flink;
            if (KeTickCount.LowPart - Thread->WaitTime >= KI_STARVED_TICKS && Boosted < KI_BOOST_MAXIMUM) {
                KiBoostStarved(Thread);
                Boosted++;
            }
        }
    }
}

static VOID NTAPI KiBalanceSetManager(PVOID Context)
{
    LARGE_INTEGER Period = {.QuadPart = KI_BALANCE_PERIOD};
    KPRIORITY Priority[MAXIMUM_PROCESSORS] = {0};
    ULONG Number;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Context);
    (VOID) KeSetPriorityThread(KeGetCurrentThread(), KI_BALANCE_PRIORITY);
    for (;;) {
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Period));
        for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
            OldIrql = KiLockDispatcherDatabase();
            KiScanReadyQueues(KiProcessorBlock[Number], &Priority[Number]);
            KiUnlockDispatcherDatabase(OldIrql);
        }
        MmBalanceWorkingSets();
        KiRequestOutSwap();
    }
}

// Phase 1, PASSIVE_LEVEL. FALSE: no memory.
BOOLEAN KiStartBalanceSetManager(VOID)
{
    HANDLE Handle;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, KiBalanceSetManager, NULL)))
        return FALSE;
    ZwClose(Handle);
    return TRUE;
}
