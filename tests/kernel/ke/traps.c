// SPDX-License-Identifier: MIT
// Laws of the traps that are more than an exception: NMI and double fault with their own tasks, and floating point in
// the kernel. User code that traps is tested by tests/user/traps.c and floats.c.

#include "ke/ki.h"
#include "ktest.h"

static ULONG KtNmiCount, KtNmiEip, KtNmiEsp, KtNmiEbx;

static BOOLEAN KtClaimNmi(PKTRAP_FRAME TrapFrame)
{
    KtNmiCount++;
    KtNmiEip = TrapFrame->Eip;
    KtNmiEsp = TrapFrame->TempEsp;
    KtNmiEbx = TrapFrame->Ebx;
    return TRUE;
}

extern const UCHAR KtNmiHere[];

// int 2 goes through the same task gate as the pin. Returns how many registers came back changed.
static __attribute__((noinline)) ULONG KtTakeNmi(VOID)
{
    ULONG Wrong;

    __asm__ volatile(
        "pushl %%ebp\n\tmovl $0x11, %%ebx\n\tmovl $0x22, %%ecx\n\tmovl $0x33, %%edx\n\tmovl $0x44, %%esi\n\t"
        "movl %%esp, %%ebp\n\tint $2\n\t.globl KtNmiHere\nKtNmiHere:\n\txorl %%eax, %%eax\n\t"
        "cmpl $0x11, %%ebx\n\tje 1f\n\tincl %%eax\n1:\tcmpl $0x22, %%ecx\n\tje 1f\n\tincl %%eax\n"
        "1:\tcmpl $0x33, %%edx\n\tje 1f\n\tincl %%eax\n1:\tcmpl $0x44, %%esi\n\tje 1f\n\tincl %%eax\n"
        "1:\tcmpl %%esp, %%ebp\n\tje 1f\n\tincl %%eax\n1:\tpopl %%ebp"
        : "=&a"(Wrong)
        :
        : "ebx", "ecx", "edx", "esi", "memory", "cc");
    return Wrong;
}

KTEST(ke, trap_nmi_that_is_claimed_goes_on)
{
    // Law: an NMI runs on its own stack and, claimed, returns to where the processor was: registers, address space, and
    // that time after time.
    ULONG Cr3 = KiReadCr3(), Time;

    KtNmiCount = 0;
    KiNmiClaim = KtClaimNmi;
    for (Time = 0; Time < 10; Time++)
        expect_eq(KtTakeNmi(), 0);
    KiNmiClaim = NULL;
    expect_eq(KtNmiCount, 10);
    expect_eq(KtNmiEip, KtNmiHere);
    expect_eq(KtNmiEbx, 0x11);
    expect(KtNmiEsp > (ULONG)KeGetCurrentThread()->StackLimit && KtNmiEsp < (ULONG)KeGetCurrentThread()->InitialStack);
    expect_eq(KiReadCr3(), Cr3);
}

static ULONG KtPop(VOID)
{
    ULONG Value = 0;

    __asm__ volatile("fistpl %0" : "=m"(Value));
    return Value;
}

static VOID KtPush(ULONG Value)
{
    __asm__ volatile("fildl %0" : : "m"(Value));
}

static KDPC KtFloatDpc;
static NTSTATUS KtFloatDpcStatus;

static VOID NTAPI KtFloatDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KFLOATING_SAVE Save;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtFloatDpcStatus = KeSaveFloatingPointState(&Save);
    if (!NT_SUCCESS(KtFloatDpcStatus))
        return;
    KtPush(77);
    KtPush(78);
    expect_eq(KtPop(), 78);
    KtFloatDpcStatus = KeRestoreFloatingPointState(&Save);
}

static VOID NTAPI KtFloatThread(PVOID Argument)
{
    KFLOATING_SAVE Save;
    ULONG Value = (ULONG)Argument, Round;

    expect_status(KeSaveFloatingPointState(&Save), STATUS_SUCCESS);
    KtPush(Value);
    for (Round = 0; Round < 20; Round++) {
        (VOID) KeYieldExecution();
        expect_eq(KtPop(), Value);
        KtPush(Value);
    }
    expect_status(KeRestoreFloatingPointState(&Save), STATUS_SUCCESS);
}

KTEST(ke, float_belongs_to_the_kernel_between_save_and_restore)
{
    // Law: between KeSaveFloatingPointState and its counterpart the FPU is the thread's own: other threads, an NMI and
    // DPCs that use it too do not disturb it; the pairs nest.
    KFLOATING_SAVE Outer, Inner;
    PETHREAD Threads[2];
    ULONG Index;

    expect_status(KeSaveFloatingPointState(&Outer), STATUS_SUCCESS);
    KtPush(1234);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(KtFloatThread, (PVOID)(100 + Index), KeGetCurrentThread()->Priority);
    for (Index = 0; Index < 20; Index++)
        (VOID) KeYieldExecution();
    KeInitializeDpc(&KtFloatDpc, KtFloatDpcRoutine, NULL);
    expect(KeInsertQueueDpc(&KtFloatDpc, NULL, NULL));
    expect_status(KtFloatDpcStatus, STATUS_SUCCESS);
    expect_status(KeSaveFloatingPointState(&Inner), STATUS_SUCCESS);
    KtPush(5);
    KiNmiClaim = KtClaimNmi;
    expect_eq(KtTakeNmi(), 0);
    KiNmiClaim = NULL;
    expect_eq(KtPop(), 5);
    expect_status(KeRestoreFloatingPointState(&Inner), STATUS_SUCCESS);
    expect_eq(KtPop(), 1234);
    expect_status(KeRestoreFloatingPointState(&Outer), STATUS_SUCCESS);
    expect_status(KeRestoreFloatingPointState(&Outer), STATUS_ILLEGAL_FLOAT_CONTEXT);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
}

KTEST(ke, float_state_can_leave_the_processor)
{
    // Law: after KiSaveNpxForSwitch the thread's state is in memory and no FPU's; it comes back at the next use.
    PKTHREAD Thread = KeGetCurrentThread();
    KFLOATING_SAVE Save;
    KIRQL OldIrql;

    expect_status(KeSaveFloatingPointState(&Save), STATUS_SUCCESS);
    KtPush(4321);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    expect_eq(KeGetCurrentPrcb()->NpxThread, Thread);
    KiSaveNpxForSwitch(Thread);
    expect_eq(KeGetCurrentPrcb()->NpxThread, NULL);
    __asm__ volatile("fninit"); // what another thread may do to it
    KiWriteCr0(KiReadCr0() | CR0_TS);
    KeGetCurrentPrcb()->TaskSwitched = TRUE; // as KiSwapContext does for a thread whose state is not loaded
    KfLowerIrql(OldIrql);
    expect_eq(KtPop(), 4321);
    expect_status(KeRestoreFloatingPointState(&Save), STATUS_SUCCESS);
}

static VOID NTAPI KtFloatWanderer(PVOID Context)
{
    ULONG Round, Value = (ULONG)(ULONG_PTR)Context;
    KFLOATING_SAVE Save;

    expect_status(KeSaveFloatingPointState(&Save), STATUS_SUCCESS);
    for (Round = 0; Round < 3 * (ULONG)KeNumberProcessors; Round++) {
        KtPush(Value + Round);
        KeSetSystemAffinityThread(1ul << (Value + Round) % (ULONG)KeNumberProcessors);
        expect_eq(KtPop(), Value + Round);
    }
    KeRevertToUserAffinityThread();
    expect_status(KeRestoreFloatingPointState(&Save), STATUS_SUCCESS);
}

KTEST_MP(ke, float_state_follows_its_thread)
{
    // Law: a thread that goes on on another processor finds its floating-point registers there, with others about that
    // use them too.
    PETHREAD Threads[4];
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(KtFloatWanderer, (PVOID)(1000 * (Index + 1) + Index), 8);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
}

KTEST(ke, float_save_needs_dispatch_level_at_most)
{
    // Law: an interrupt routine must not use the FPU.
    KFLOATING_SAVE Save;
    KIRQL OldIrql = KfRaiseIrql(HIGH_LEVEL);
    NTSTATUS Status = KeSaveFloatingPointState(&Save);

    KfLowerIrql(OldIrql);
    expect_status(Status, STATUS_ILLEGAL_FLOAT_CONTEXT);
}

KTEST_BUGCHECK(ke, bugcheck_nmi, NMI_HARDWARE_FAILURE)
{
    // Law: an NMI that nobody asked for stops the system.
    expect_eq(KtTakeNmi(), 0);
}

KTEST_BUGCHECK(ke, bugcheck_float_in_the_kernel, UNEXPECTED_KERNEL_MODE_TRAP)
{
    // Law: kernel code that uses the FPU without KeSaveFloatingPointState is found out: 0x7F with 7.
    KiFlushNpxState(KeGetCurrentThread());
    KiWriteCr0(KiReadCr0() | CR0_TS);
    KtPush(1);
}
