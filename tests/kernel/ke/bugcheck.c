// SPDX-License-Identifier: MIT
// Tests that end the machine: each runs alone, and the host reads the code. And what a bugcheck needs: names for
// addresses.

#include "ktest.h"

KTEST(ke, symbols_name_kernel_code)
{
    // Law: an address inside a kernel function is looked up as that function; one outside the image's code as nothing.
    ULONG Offset = 99;
    PCSTR Name = KeLookupSymbol((PVOID)((ULONG_PTR)KeSetEvent + 5), &Offset);

    expect(Name != NULL && strcmp(Name, "KeSetEvent") == 0);
    expect_eq(Offset, 5);
    expect(KeLookupSymbol((PVOID)0x1000, &Offset) == NULL);
    expect(KeLookupSymbol(&Offset, &Offset) == NULL);
}

static __attribute__((noinline)) ULONG KtWalkHere(PVOID *Callers)
{
    return KeWalkFrames(Callers, 8, __builtin_frame_address(0));
}

KTEST(ke, symbols_walk_names_the_callers)
{
    // Law: the frame walk gives the return addresses of the callers, innermost first, and ends at the thread's start.
    PVOID Callers[8];
    ULONG Offset, Count = KtWalkHere(Callers);
    PCSTR Name;

    expect(Count >= 2 && Count < 8);
    Name = KeLookupSymbol(Callers[0], &Offset);
    expect(Name != NULL && strncmp(Name, "ke_symbols_walk", 15) == 0);
}

KTEST_BUGCHECK(ke, bugcheck_fault_at_dispatch_level,
               IRQL_NOT_LESS_OR_EQUAL){// Law: touching unmapped memory at DISPATCH_LEVEL is bugcheck 0xA, SEH or not.
                                       SEH_TRY{KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);

(VOID) * (volatile ULONG *)0x1000;
KfLowerIrql(Old);
}
SEH_EXCEPT
{
}
SEH_END
}

KTEST_BUGCHECK(ke, bugcheck_bad_system_address, PAGE_FAULT_IN_NONPAGED_AREA){
    // Law: kernel code that touches a system address where nothing is ends in 0x50, SEH or not.
    SEH_TRY{*(volatile ULONG *)(MM_SYSTEM_PTE_END & ~0xFFFul) = 1;
}
SEH_EXCEPT
{
}
SEH_END
}

KTEST_BUGCHECK(ke, bugcheck_executing_data, ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY)
{
    // Law: the kernel's data cannot be executed (on a processor with NX).
    static volatile UCHAR Code[] = {0xC3}; // ret

    ((VOID(*)(VOID))(ULONG_PTR)Code)();
}

KTEST_BUGCHECK(ke, bugcheck_unhandled_exception, KMODE_EXCEPTION_NOT_HANDLED)
{
    // Law: an exception in a system thread that no frame takes is bugcheck 0x1E.
    ExRaiseStatus(STATUS_UNSUCCESSFUL);
}

static __attribute__((noinline)) ULONG KtEatStack(ULONG Depth)
{
    volatile UCHAR Space[512];

    Space[0] = (UCHAR)Depth;
    return Depth == 0 ? 0 : KtEatStack(Depth - 1) + Space[0];
}

KTEST_BUGCHECK(ke, bugcheck_kernel_stack_overflow, UNEXPECTED_KERNEL_MODE_TRAP)
{
    // Law: running off the kernel stack is a double fault with a stack of its own: 0x7F with 8.
    expect(KtEatStack(1000) != 0);
}

KTEST_BUGCHECK(ke, bugcheck_spin_lock_taken_twice, SPIN_LOCK_ALREADY_OWNED)
{
    // Law: a checked build names the lock that would deadlock.
    static KSPIN_LOCK Lock;
    KIRQL Old = KfAcquireSpinLock(&Lock);

    KefAcquireSpinLockAtDpcLevel(&Lock);
    KfReleaseSpinLock(&Lock, Old);
}

KTEST_BUGCHECK(ke, bugcheck_lowering_upwards, IRQL_NOT_LESS_OR_EQUAL)
{
    // Law: lowering the IRQL to a higher one is a bug.
    KfLowerIrql(DISPATCH_LEVEL);
}

KTEST_BUGCHECK(ke, bugcheck_failed_assertion, MANUALLY_INITIATED_CRASH)
{
    // Law: an assertion that does not hold stops a checked build.
    ASSERT(KeGetCurrentIrql() == HIGH_LEVEL);
}

static volatile LONG KtTalkers;

// Writes to the log for ever.
static VOID NTAPI KtTalk(PVOID Context)
{
    KeSetSystemAffinityThread(1ul << (ULONG)(ULONG_PTR)Context);
    DbgPrint("alive %u\n", KeGetCurrentProcessorNumber());
    InterlockedIncrement(&KtTalkers);
    for (;;)
        DbgPrint("alive %u\n", KeGetCurrentProcessorNumber());
}

KTEST_BUGCHECK(ke, bugcheck_stops_all_processors, MANUALLY_INITIATED_CRASH)
{
    // Law: a bugcheck on the last processor stops all others, whatever they do, before it shows anything; what it shows
    // is its own. (tests/e2e/test_traps.py reads the log.)
    ULONG Number;

    KtTalkers = 0;
    KeSetSystemAffinityThread(1ul << (KeNumberProcessors - 1));
    for (Number = 0; Number + 1 < (ULONG)KeNumberProcessors; Number++) {
        PETHREAD Thread = KtStartThread(KtTalk, (PVOID)(ULONG_PTR)Number, 6);

        (VOID) KeSetAffinityThread(&Thread->Tcb, KeActiveProcessors);
    }
    while (KtTalkers + 1 < KeNumberProcessors)
        (VOID) KeYieldExecution();
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, KeGetCurrentProcessorNumber(), 0, 0, 0);
}
