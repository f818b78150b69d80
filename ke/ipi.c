// SPDX-License-Identifier: MIT
// What one processor asks of the others: to take an APC or a DPC, to switch threads, or to call a routine (a packet).
// Requests are bits in the target's block, so several become one interrupt. One packet is under way at a time; whoever
// wants to send the next one waits with interrupts on, so that it can serve the one under way.
// Source: Windows Internals, "Interprocessor interrupts"; WDK (KeIpiGenericCall).

#include "ki.h"

static struct {
    volatile ULONG Lock;
    PKI_PACKET_WORKER Worker;
    PVOID Argument;
    volatile KAFFINITY Pending; // who has not called it yet
} KiPacket;

// Asks every processor of Targets (never this one) for Request, KI_IPI_*. Any IRQL.
VOID KiSendIpi(KAFFINITY Targets, ULONG Request)
{
    KAFFINITY Left;

    ASSERT((Targets & KeGetPcr()->SetMember) == 0);
    KdTrace(IpiSend, Targets, Request, 0, 0);
    for (Left = Targets; Left != 0; Left &= Left - 1)
        __atomic_fetch_or(&KiProcessorBlock[__builtin_ctzl(Left)]->IpiRequests, Request, __ATOMIC_SEQ_CST);
    HalRequestIpi(Targets);
}

// Another processor wants something. IPI_LEVEL.
VOID KiIpiInterrupt(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    ULONG Requests = __atomic_exchange_n(&Prcb->IpiRequests, 0, __ATOMIC_SEQ_CST);

    Prcb->IpiCount++;
    KdTrace(IpiReceive, Requests, 0, 0, 0);
    if (Requests & KI_IPI_PACKET) {
        KiPacket.Worker(KiPacket.Argument);
        __atomic_fetch_and(&KiPacket.Pending, ~Prcb->SetMember, __ATOMIC_RELEASE);
    }
    if (Requests & KI_IPI_DISPATCH)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    if (Requests & KI_IPI_APC)
        HalRequestSoftwareInterrupt(APC_LEVEL);
}

FORCEINLINE BOOLEAN KiInterruptsOn(VOID)
{
    ULONG Flags;

    __asm__ volatile("pushfl; popl %0" : "=r"(Flags));
    return (Flags & EFLAGS_IF) != 0;
}

// With interrupts off this processor could not serve the one it waits for.
static VOID KiLockPacket(PKI_PACKET_WORKER Worker, PVOID Argument, KAFFINITY Targets)
{
    ASSERT(Targets == 0 || KiInterruptsOn());
    ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL && KeGetCurrentIrql() < IPI_LEVEL);
    while (__atomic_exchange_n(&KiPacket.Lock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    KiPacket.Worker = Worker;
    KiPacket.Argument = Argument;
    KiPacket.Pending = Targets;
}

static VOID KiUnlockPacket(VOID)
{
    while (__atomic_load_n(&KiPacket.Pending, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    __atomic_store_n(&KiPacket.Lock, 0, __ATOMIC_RELEASE);
}

// See ki.h.
VOID KiSendPacket(KAFFINITY Targets, PKI_PACKET_WORKER Worker, PVOID Argument)
{
    if (Targets == 0)
        return;
    KiLockPacket(Worker, Argument, Targets);
    KiSendIpi(Targets, KI_IPI_PACKET);
    KiUnlockPacket();
}

// KeIpiGenericCall: nobody begins before all have arrived.
typedef struct _KI_GENERIC_CALL {
    PKIPI_BROADCAST_WORKER Worker;
    ULONG_PTR Argument;
    volatile LONG Missing;
} KI_GENERIC_CALL, *PKI_GENERIC_CALL;

static VOID KiRunGenericCall(PVOID Argument)
{
    PKI_GENERIC_CALL Call = Argument;

    __atomic_fetch_sub(&Call->Missing, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&Call->Missing, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    (VOID) Call->Worker(Call->Argument);
}

// Calls Worker(Argument) on every processor at IPI_LEVEL, all at the same time; returns what it returned here.
// IRQL < IPI_LEVEL, interrupts on. Source: WDK.
ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER Worker, ULONG_PTR Argument)
{
    KI_GENERIC_CALL Call = {Worker, Argument, 0};
    KIRQL OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL)), CallIrql;
    KAFFINITY Targets = KeActiveProcessors & ~KeGetPcr()->SetMember;
    ULONG_PTR Result;

    Call.Missing = __builtin_popcountl(Targets) + 1;
    KiLockPacket(KiRunGenericCall, &Call, Targets);
    if (Targets != 0)
        KiSendIpi(Targets, KI_IPI_PACKET);
    CallIrql = KfRaiseIrql(IPI_LEVEL);
    __atomic_fetch_sub(&Call.Missing, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&Call.Missing, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    Result = Worker(Argument);
    KfLowerIrql(CallIrql);
    KiUnlockPacket();
    KfLowerIrql(OldIrql);
    return Result;
}

// The processors that run, a bit each. Any IRQL.
KAFFINITY NTAPI KeQueryActiveProcessors(VOID)
{
    return KeActiveProcessors;
}
