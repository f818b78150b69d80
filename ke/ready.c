// SPDX-License-Identifier: MIT
// Which thread runs where. Each processor has 32 ready queues, the highest non-empty one first, and Prcb->NextThread:
// a thread that has been chosen to follow the current one (state Standby), never less important than what is in the
// queues. The idle thread is in no queue; its priority is below all others. A processor with nothing to do takes a
// thread that waits for another one. Everything here runs under the dispatcher lock.
// Source: Windows Internals, "Thread Scheduling", "Multiprocessor Systems".

#include "ki.h"

KAFFINITY KiIdleSummary;

FORCEINLINE ULONG KiLowestBit(KAFFINITY Set)
{
    return (ULONG)__builtin_ctzl(Set);
}

static VOID KiRemoveReadyThread(PKTHREAD Thread)
{
    ASSERT(Thread->State == Ready);
    if (RemoveEntryList(&Thread->WaitListEntry))
        KiProcessorBlock[Thread->NextProcessor]->ReadySummary &= ~(1ul << Thread->Priority);
}

// The most important thread that waits for another processor and may run here.
static PKTHREAD KiStealReadyThread(PKPRCB Prcb)
{
    PKTHREAD Best = NULL;
    ULONG Number;

    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        PKPRCB Other = KiProcessorBlock[Number];
        KPRIORITY Priority;

        for (Priority = MAXIMUM_PRIORITY - 1; Priority > (Best != NULL ? Best->Priority : -1); Priority--) {
            PLIST_ENTRY Queue = &Other->DispatcherReadyListHead[Priority], Entry;

            if ((Other->ReadySummary >> Priority & 1) == 0)
                continue;
            for (Entry = Queue->Flink; Entry != Queue; Entry = Entry->Flink) {
                PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, WaitListEntry);

                if (Thread->Affinity & Prcb->SetMember) {
                    Best = Thread;
                    break;
                }
            }
        }
    }
    if (Best != NULL)
        KiRemoveReadyThread(Best);
    return Best;
}

PKTHREAD KiTakeNextThread(PKPRCB Prcb)
{
    PKTHREAD Next = Prcb->NextThread;

    Prcb->NextThread = NULL;
    if (Next == NULL)
        Next = KiSelectReadyThread(Prcb, 0);
    if (Next == NULL && KeNumberProcessors > 1)
        Next = KiStealReadyThread(Prcb);
    return Next != NULL ? Next : Prcb->IdleThread;
}

VOID KiMakeStandby(PKPRCB Prcb, PKTHREAD Thread)
{
    Thread->State = Standby;
    Thread->NextProcessor = Prcb->Number;
    Prcb->NextThread = Thread;
    KiIdleSummary &= ~Prcb->SetMember;
}

VOID KiRequestDispatch(PKPRCB Prcb)
{
    if (Prcb != KeGetCurrentPrcb())
        KiSendIpi(Prcb->SetMember, KI_IPI_DISPATCH);
}

// The processor for a thread that becomes runnable: an idle one (best the ideal one, then the last one, then this one),
// else the ideal one, or the last one if the thread can run there at once and not on the ideal one.
static PKPRCB KiChooseProcessor(PKTHREAD Thread)
{
    KAFFINITY Allowed = Thread->Affinity & KeActiveProcessors, Idle = KiIdleSummary & Allowed;
    ULONG Ideal = Thread->IdealProcessor, Last = Thread->NextProcessor;
    PKPRCB Prcb = KeGetCurrentPrcb();

    ASSERT(Allowed != 0);
    if (Idle != 0) {
        if (Idle >> Ideal & 1)
            return KiProcessorBlock[Ideal];
        if (Idle >> Last & 1)
            return KiProcessorBlock[Last];
        return (Idle & Prcb->SetMember) ? Prcb : KiProcessorBlock[KiLowestBit(Idle)];
    }
    if ((Allowed >> Ideal & 1) == 0)
        return (Allowed >> Last & 1) ? KiProcessorBlock[Last] : KiProcessorBlock[KiLowestBit(Allowed)];
    Prcb = KiProcessorBlock[Ideal];
    if (Last != Ideal && (Allowed >> Last & 1) && Thread->Priority <= Prcb->CurrentThread->Priority &&
        Thread->Priority > KiProcessorBlock[Last]->CurrentThread->Priority)
        return KiProcessorBlock[Last];
    return Prcb;
}

static VOID KiReadyOnProcessor(PKTHREAD Thread, PKPRCB Prcb)
{
    PKTHREAD Chosen = Prcb->NextThread;

    KdTrace(Ready, KdTraceThreadId(Thread), Prcb->Number, Thread->Priority, 0);
    if (Chosen != NULL && Thread->Priority > Chosen->Priority) {
        KiMakeStandby(Prcb, Thread);
        if (Chosen != Prcb->IdleThread)
            KiInsertReady(Prcb, Chosen, TRUE);
    } else if (Chosen == NULL && Thread->Priority > Prcb->CurrentThread->Priority) {
        KiMakeStandby(Prcb, Thread);
        KiRequestDispatch(Prcb);
    } else {
        KiInsertReady(Prcb, Thread, FALSE);
    }
}

// It is chosen to run next if it is more important than what is running or chosen there, else it waits at the end of
// its queue. Without its kernel stack it has to wait for that first. A switch on this processor happens when the
// dispatcher lock is given up.
VOID KiReadyThread(PKTHREAD Thread)
{
    ASSERT_DISPATCHER_LOCKED();
    if (__builtin_expect(!Thread->KernelStackResident, 0)) {
        KiRequestInSwap(Thread);
        return;
    }
    KiReadyOnProcessor(Thread, KeNumberProcessors == 1 ? KeGetCurrentPrcb() : KiChooseProcessor(Thread));
}

// The current thread has to leave this processor, but stays runnable. FALSE: it belongs into this one's queue; else it
// has been given to another processor, an idle one or one that it may run on.
BOOLEAN KiRequeueElsewhere(PKTHREAD Thread)
{
    if ((Thread->Affinity & KeGetCurrentPrcb()->SetMember) != 0 && (Thread->Affinity & KiIdleSummary) == 0)
        return FALSE;
    KiReadyOnProcessor(Thread, KiChooseProcessor(Thread));
    return TRUE;
}

// Chooses anew what follows the current thread of Prcb: something more important, or, if that may not stay there,
// whatever there is.
static VOID KiChooseAgain(PKPRCB Prcb)
{
    PKTHREAD Thread = Prcb->CurrentThread, Next;
    BOOLEAN Leaves = (Thread->Affinity & Prcb->SetMember) == 0;

    Prcb->NextThread = NULL;
    Next = KiSelectReadyThread(Prcb, Leaves ? 0 : Thread->Priority + 1);
    if (Next != NULL)
        KiMakeStandby(Prcb, Next);
    else if (Leaves)
        Prcb->NextThread = Prcb->IdleThread;
    else if (Thread == Prcb->IdleThread)
        KiIdleSummary |= Prcb->SetMember;
    if (Prcb->NextThread != NULL)
        KiRequestDispatch(Prcb);
}

// The priority of the thread that runs on Prcb, or of the one chosen to follow it, is another now: the choice stands
// only if it would be made again.
static VOID KiReviewChoice(PKPRCB Prcb)
{
    PKTHREAD Chosen = Prcb->NextThread;

    if (Chosen == Prcb->IdleThread)
        Chosen = NULL;
    if (Chosen != NULL)
        KiInsertReady(Prcb, Chosen, TRUE);
    KiChooseAgain(Prcb);
    if (Chosen != NULL && Chosen->State == Ready) { // it has lost this turn; perhaps another processor has one
        KiRemoveReadyThread(Chosen);
        KiReadyThread(Chosen);
    }
}

// Changes the current priority of a thread in any state.
VOID KiSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    PKPRCB Prcb = KiProcessorBlock[Thread->NextProcessor];

    ASSERT_DISPATCHER_LOCKED();
    ASSERT(Priority >= 0 && Priority < MAXIMUM_PRIORITY);
    if (Priority == Thread->Priority)
        return;
    if (Thread->State == Ready) {
        KiRemoveReadyThread(Thread);
        Thread->Priority = (SCHAR)Priority;
        KiReadyThread(Thread);
        return;
    }
    Thread->Priority = (SCHAR)Priority;
    if (Thread->State == Running || Thread->State == Standby)
        KiReviewChoice(Prcb);
}

// Binds a thread in any state to the processors of Affinity; it leaves a processor that is not among them at once (the
// current thread when the dispatcher lock is given up).
VOID KiSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity)
{
    PKPRCB Prcb = KiProcessorBlock[Thread->NextProcessor];

    ASSERT_DISPATCHER_LOCKED();
    ASSERT((Affinity & KeActiveProcessors) != 0);
    Thread->Affinity = Affinity;
    if (Affinity & Prcb->SetMember)
        return;
    if (Thread->State == Ready) {
        KiRemoveReadyThread(Thread);
        KiReadyThread(Thread);
    } else if (Thread->State == Standby) {
        KiChooseAgain(Prcb);
        KiReadyThread(Thread);
    } else if (Thread->State == Running && Prcb->NextThread == NULL) {
        KiChooseAgain(Prcb);
    }
}
