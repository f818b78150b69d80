// SPDX-License-Identifier: MIT
// Laws of exceptions in kernel mode: each trap's status, filters, unwinding order, and what a handler finds.

#include "ktest.h"

static NTSTATUS KtCatch(VOID (*Routine)(VOID))
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        Routine();
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// An address the compiler knows nothing about.
static volatile ULONG *KtAt(ULONG Address)
{
    __asm__ volatile("" : "+r"(Address));
    return (volatile ULONG *)Address;
}

static VOID KtReadNull(VOID)
{
    (VOID) * KtAt(0x10);
}

static VOID KtWriteNull(VOID)
{
    *KtAt(0x7FFFFFF0) = 1;
}

static VOID KtDivide(VOID)
{
    __asm__ volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; movl $1, %%eax; divl %%ecx" : : : "eax", "ecx", "edx");
}

static VOID KtIllegal(VOID)
{
    __asm__ volatile("ud2");
}

static VOID KtBreak(VOID)
{
    __asm__ volatile("int3");
}

static VOID KtOverflow(VOID)
{
    __asm__ volatile("movb $0x7F, %%al; incb %%al; into" : : : "eax");
}

static VOID KtBound(VOID)
{
    static const LONG Limits[2] = {0, 10};

    __asm__ volatile("bound %0, %1" : : "r"(11l), "m"(Limits));
}

static VOID KtBadSelector(VOID)
{
    __asm__ volatile("movl $0x48, %%eax; movl %%eax, %%gs" : : : "eax");
}

static VOID KtRaise(VOID)
{
    ExRaiseStatus(STATUS_SHARING_VIOLATION);
}

KTEST(ke, exception_each_trap_has_its_status)
{
    // Law: every processor exception arrives with NT's status for it, and the code behind the block goes on.
    expect_status(KtCatch(KtReadNull), STATUS_ACCESS_VIOLATION);
    expect_status(KtCatch(KtWriteNull), STATUS_ACCESS_VIOLATION);
    expect_status(KtCatch(KtDivide), STATUS_INTEGER_DIVIDE_BY_ZERO);
    expect_status(KtCatch(KtIllegal), STATUS_ILLEGAL_INSTRUCTION);
    expect_status(KtCatch(KtBreak), STATUS_BREAKPOINT);
    expect_status(KtCatch(KtOverflow), STATUS_INTEGER_OVERFLOW);
    expect_status(KtCatch(KtBound), STATUS_ARRAY_BOUNDS_EXCEEDED);
    expect_status(KtCatch(KtBadSelector), STATUS_ACCESS_VIOLATION);
    expect_status(KtCatch(KtRaise), STATUS_SHARING_VIOLATION);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

typedef struct _KT_SEEN {
    EXCEPTION_RECORD Record;
    ULONG Eip;
    ULONG Calls;
    LONG Answer;
} KT_SEEN, *PKT_SEEN;

static LONG NTAPI KtFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    PKT_SEEN Seen = Context;

    Seen->Record = *Pointers->ExceptionRecord;
    Seen->Eip = Pointers->ContextRecord->Eip;
    Seen->Calls++;
    return Seen->Answer;
}

KTEST(ke, exception_record_tells_the_access)
{
    // Law: an access violation's parameters are the kind of access and the address; its address is the instruction's.
    KT_SEEN Seen = {.Answer = EXCEPTION_EXECUTE_HANDLER};
    volatile LONG Handled = 0;

    SEH_TRY_FILTER(KtFilter, &Seen)
    {
        *KtAt(0x1234) = 1;
    }
    SEH_EXCEPT
    {
        Handled++;
    }
    SEH_END
    expect_eq(Handled, 1);
    expect_eq(Seen.Record.NumberParameters, 2);
    expect_eq(Seen.Record.ExceptionInformation[0], EXCEPTION_WRITE_FAULT);
    expect_eq(Seen.Record.ExceptionInformation[1], 0x1234);
    expect_eq(Seen.Record.ExceptionAddress, Seen.Eip);
}

static LONG NTAPI KtSkipFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    ULONG *Calls = Context;

    ++*Calls;
    Pointers->ContextRecord->Eip += 2; // over ud2
    Pointers->ContextRecord->Eax = 0x55AA;
    return EXCEPTION_CONTINUE_EXECUTION;
}

KTEST(ke, exception_filter_may_continue_with_changed_registers)
{
    // Law: EXCEPTION_CONTINUE_EXECUTION goes on with the context as the filter left it.
    ULONG Calls = 0;
    volatile ULONG Eax = 0, Handled = 0;

    SEH_TRY_FILTER(KtSkipFilter, &Calls)
    {
        ULONG Value;

        __asm__ volatile("xorl %%eax, %%eax; ud2" : "=a"(Value) : : "memory");
        Eax = Value;
    }
    SEH_EXCEPT
    {
        Handled = 1;
    }
    SEH_END
    expect_eq(Calls, 1);
    expect_eq(Handled, 0);
    expect_eq(Eax, 0x55AA);
}

static LONG NTAPI KtRaiseEspFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Pointers->ContextRecord->Eip += 2; // over ud2
    Pointers->ContextRecord->Esp += 48;
    return EXCEPTION_CONTINUE_EXECUTION;
}

KTEST(ke, exception_filter_may_move_the_stack_pointer)
{
    // Law: the context's Esp counts in kernel mode too, where the processor's own return would keep it.
    volatile ULONG Difference = 99, Handled = 0;

    SEH_TRY_FILTER(KtRaiseEspFilter, NULL)
    {
        ULONG Value;

        __asm__ volatile("movl %%esp, %%eax; subl $48, %%esp; ud2; subl %%esp, %%eax" : "=a"(Value) : : "memory");
        Difference = Value;
    }
    SEH_EXCEPT
    {
        Handled = 1;
    }
    SEH_END
    expect_eq(Difference, 0);
    expect_eq(Handled, 0);
}

static ULONG KtOrder[8], KtCount;

static LONG NTAPI KtOrderFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Pointers);
    if (KtCount < RTL_NUMBER_OF(KtOrder))
        KtOrder[KtCount++] = (ULONG)(ULONG_PTR)Context & 0xFF;
    return (ULONG_PTR)Context & 0x100 ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH;
}

static VOID KtInnermost(VOID){SEH_TRY_FILTER(KtOrderFilter, (PVOID)1){KtReadNull();
}
SEH_EXCEPT
{
    KtOrder[KtCount++] = 0xBAD;
}
SEH_END
}

KTEST(ke, exception_filters_are_asked_from_inside_out)
{
    // Law: frames are asked innermost first; the one that takes it runs its handler once, the others do not.
    PEXCEPTION_REGISTRATION_RECORD Before, After;
    volatile ULONG Handled = 0;

    KtCount = 0;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Before));
    SEH_TRY_FILTER(KtOrderFilter, (PVOID)3){SEH_TRY_FILTER(KtOrderFilter, (PVOID)0x102){KtInnermost();
}
SEH_EXCEPT
{
    Handled++;
}
SEH_END
}
SEH_EXCEPT
{
    Handled = 100;
}
SEH_END
__asm__ volatile("mov %%fs:0, %0" : "=r"(After));
expect_eq(Handled, 1);
expect_eq(KtCount, 2);
expect(KtOrder[0] == 1 && KtOrder[1] == 2);
expect_eq(After, Before);
}

KTEST(ke, exception_inside_a_handler)
{
    // Law: an exception in a handler goes to the frames outside it.
    volatile NTSTATUS Inner = 0, Outer = 0;

    SEH_TRY{SEH_TRY{KtReadNull();
}
SEH_EXCEPT
{
    Inner = SEH_CODE();
    KtDivide();
}
SEH_END
}
SEH_EXCEPT
{
    Outer = SEH_CODE();
}
SEH_END
expect_status(Inner, STATUS_ACCESS_VIOLATION);
expect_status(Outer, STATUS_INTEGER_DIVIDE_BY_ZERO);
}

KTEST(ke, exception_many_leave_the_stack_as_it_was)
{
    // Law: handling exceptions costs no stack for good.
    ULONG Index;

    for (Index = 0; Index < 5000; Index++)
        expect_status(KtCatch(Index & 1 ? KtReadNull : KtRaise),
                      Index & 1 ? STATUS_ACCESS_VIOLATION : STATUS_SHARING_VIOLATION);
}

static KDPC KtDpc;
static NTSTATUS KtDpcStatus;

static VOID NTAPI KtDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PEXCEPTION_REGISTRATION_RECORD Chain;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Chain));
    expect_eq(Chain, EXCEPTION_CHAIN_END);
    KtDpcStatus = KtCatch(KtRaise);
}

KTEST(ke, exception_in_a_dpc_is_its_own)
{
    // Law: a DPC may use SEH; frames of the thread it interrupted are not asked.
    volatile ULONG Handled = 0;

    SEH_TRY
    {
        KeInitializeDpc(&KtDpc, KtDpcRoutine, NULL);
        expect(KeInsertQueueDpc(&KtDpc, NULL, NULL));
    }
    SEH_EXCEPT
    {
        Handled = 1;
    }
    SEH_END
    expect_status(KtDpcStatus, STATUS_SHARING_VIOLATION);
    expect_eq(Handled, 0);
}

KTEST(ke, exception_kernel_does_not_execute_user_pages)
{
    // Law: on a processor with SMEP, kernel mode that jumps into user memory gets an access violation.
    PVOID Base = NULL;
    SIZE_T Size = PAGE_SIZE;
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if ((KeFeatureBits & KF_SMEP) == 0)
        return;
    expect_status(
        ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE),
        STATUS_SUCCESS);
    *(volatile UCHAR *)Base = 0xC3; // ret
    SEH_TRY
    {
        ((VOID(*)(VOID))Base)();
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    expect_status(Status, STATUS_ACCESS_VIOLATION);
    Size = 0;
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
}
