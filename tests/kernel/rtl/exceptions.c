// SPDX-License-Identifier: MIT
// Laws of structured exception handling in kernel mode (rtl/exception.c, unwind.c, seh.c).

#include "ktest.h"

#define STATUS_FIRST ((NTSTATUS)0xE0000001)
#define STATUS_SECOND ((NTSTATUS)0xE0000002)

static PVOID RtlTestHead(VOID)
{
    PVOID Head;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Head));
    return Head;
}

KTEST(rtl, raised_status_reaches_the_handler_and_the_chain_is_restored)
{
    // Law: a handler sees the code that was raised, and afterwards fs:[0] is as it was.
    PVOID Before = RtlTestHead();
    volatile NTSTATUS Seen = 0;

    SEH_TRY
    {
        RtlRaiseStatus(STATUS_FIRST);
    }
    SEH_EXCEPT
    {
        Seen = SEH_CODE();
    }
    SEH_END
    expect_status(Seen, STATUS_FIRST);
    expect_eq(RtlTestHead(), Before);
}

KTEST(rtl, block_without_exception_leaves_no_frame)
{
    // Law: leaving a block normally takes its frame off, and the handler does not run.
    PVOID Before = RtlTestHead();
    volatile BOOLEAN Handled = FALSE;

    SEH_TRY
    {
        expect(RtlTestHead() != Before);
    }
    SEH_EXCEPT
    {
        Handled = TRUE;
    }
    SEH_END
    expect(!Handled);
    expect_eq(RtlTestHead(), Before);
}

static LONG NTAPI RtlTestSearch(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Pointers);
    (*(volatile ULONG *)Context)++;
    return EXCEPTION_CONTINUE_SEARCH;
}

KTEST(rtl, filter_that_searches_on_passes_to_the_outer_block)
{
    // Law: EXCEPTION_CONTINUE_SEARCH asks the next frame out; the inner handler never runs.
    volatile ULONG Asked = 0;
    volatile BOOLEAN Inner = FALSE, Outer = FALSE;

    SEH_TRY{SEH_TRY_FILTER(RtlTestSearch, (PVOID)&Asked){RtlRaiseStatus(STATUS_FIRST);
}
SEH_EXCEPT
{
    Inner = TRUE;
}
SEH_END
}
SEH_EXCEPT
{
    Outer = SEH_CODE() == STATUS_FIRST;
}
SEH_END
expect_eq(Asked, 1);
expect(!Inner);
expect(Outer);
}

static LONG NTAPI RtlTestContinue(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    *(PEXCEPTION_RECORD)Context = *Pointers->ExceptionRecord;
    return EXCEPTION_CONTINUE_EXECUTION;
}

KTEST(rtl, continued_exception_returns_to_the_raiser)
{
    // Law: EXCEPTION_CONTINUE_EXECUTION goes on behind RtlRaiseException with all registers kept; the record is the
    // caller's.
    EXCEPTION_RECORD Record, Seen;
    volatile BOOLEAN After = FALSE;

    RtlZeroMemory(&Record, sizeof(Record));
    RtlZeroMemory(&Seen, sizeof(Seen));
    Record.ExceptionCode = STATUS_FIRST;
    Record.NumberParameters = 1;
    Record.ExceptionInformation[0] = 42;
    SEH_TRY_FILTER(RtlTestContinue, &Seen)
    {
        RtlRaiseException(&Record);
        After = TRUE;
    }
    SEH_EXCEPT
    {
        expect(FALSE);
    }
    SEH_END
    expect(After);
    expect_status(Seen.ExceptionCode, STATUS_FIRST);
    expect_eq(Seen.ExceptionInformation[0], 42);
}

static LONG NTAPI RtlTestContinueFirst(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    return Pointers->ExceptionRecord->ExceptionCode == STATUS_FIRST ? EXCEPTION_CONTINUE_EXECUTION
                                                                    : EXCEPTION_CONTINUE_SEARCH;
}

KTEST(rtl, noncontinuable_exception_cannot_be_continued)
{
    // Law: continuing an exception that has EXCEPTION_NONCONTINUABLE raises STATUS_NONCONTINUABLE_EXCEPTION.
    volatile NTSTATUS Code = 0;

    SEH_TRY{SEH_TRY_FILTER(RtlTestContinueFirst, NULL){RtlRaiseStatus(STATUS_FIRST);
}
SEH_EXCEPT
{
    expect(FALSE);
}
SEH_END
}
SEH_EXCEPT
{
    Code = SEH_CODE();
}
SEH_END
expect_status(Code, STATUS_NONCONTINUABLE_EXCEPTION);
}

static LONG NTAPI RtlTestRaiseInFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Pointers->ExceptionRecord->ExceptionCode == STATUS_FIRST)
        RtlRaiseStatus(STATUS_SECOND);
    return EXCEPTION_CONTINUE_SEARCH;
}

KTEST(rtl, exception_inside_a_filter_is_nested_and_reaches_the_outer_block)
{
    // Law: an exception in a filter is dispatched anew; the outer handler gets the new one.
    volatile NTSTATUS Code = 0;

    SEH_TRY{SEH_TRY_FILTER(RtlTestRaiseInFilter, NULL){RtlRaiseStatus(STATUS_FIRST);
}
SEH_EXCEPT
{
    expect(FALSE);
}
SEH_END
}
SEH_EXCEPT
{
    Code = SEH_CODE();
}
SEH_END
expect_status(Code, STATUS_SECOND);
}

typedef struct _RTL_TEST_FRAME {
    EXCEPTION_REGISTRATION_RECORD Record;
    ULONG Unwound; // the order in which it was told, from 1
} RTL_TEST_FRAME;

static volatile ULONG RtlTestOrder;

static EXCEPTION_DISPOSITION CDECL RtlTestHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context,
                                                  PVOID Dispatcher)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Dispatcher);
    if (Record->ExceptionFlags & EXCEPTION_UNWINDING)
        ((RTL_TEST_FRAME *)Frame)->Unwound = ++RtlTestOrder;
    return ExceptionContinueSearch;
}

static VOID RtlTestPush(RTL_TEST_FRAME *Frame)
{
    Frame->Record.Next = RtlTestHead();
    Frame->Record.Handler = RtlTestHandler;
    Frame->Unwound = 0;
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Frame) : "memory");
}

KTEST(rtl, unwind_tells_every_inner_frame_once_innermost_first)
{
    // Law: RtlUnwind calls each frame below the target with EXCEPTION_UNWINDING, innermost first, and not the target.
    PVOID Before = RtlTestHead();
    RTL_TEST_FRAME Frames[3]; // an array: the higher index lies higher, so push from the top
    volatile BOOLEAN Handled = FALSE;

    RtlTestOrder = 0;
    SEH_TRY
    {
        RtlTestPush(&Frames[2]);
        RtlTestPush(&Frames[1]);
        RtlTestPush(&Frames[0]);
        RtlRaiseStatus(STATUS_FIRST);
    }
    SEH_EXCEPT
    {
        Handled = TRUE;
    }
    SEH_END
    expect(Handled);
    expect_eq(Frames[0].Unwound, 1);
    expect_eq(Frames[1].Unwound, 2);
    expect_eq(Frames[2].Unwound, 3);
    expect_eq(RtlTestHead(), Before);
}

KTEST(rtl, user_address_fault_is_an_access_violation)
{
    // Law: touching an unmapped user address in kernel mode raises STATUS_ACCESS_VIOLATION with the address.
    volatile NTSTATUS Code = 0;

    SEH_TRY
    {
        *(volatile ULONG *)0x1000 = 1;
    }
    SEH_EXCEPT
    {
        Code = SEH_CODE();
    }
    SEH_END
    expect_status(Code, STATUS_ACCESS_VIOLATION);
}

static ULONG RtlTestDeep(ULONG Depth)
{
    volatile ULONG Local = Depth;

    if (Depth == 0) {
        EXCEPTION_RECORD Record = {.ExceptionCode = STATUS_SECOND};

        RtlRaiseException(&Record);
        return Local;
    }
    return RtlTestDeep(Depth - 1) + Local;
}

KTEST(rtl, handler_keeps_the_locals_of_its_function)
{
    // Law: callee-saved registers and the frame are the function's own when its handler runs.
    volatile ULONG a = KtRandom(), b = a ^ 0x5A5A5A5A;
    volatile ULONG Sum = 0;
    ULONG Round;

    for (Round = 0; Round < 100; Round++) {
        SEH_TRY
        {
            Sum += RtlTestDeep(Round % 10);
        }
        SEH_EXCEPT
        {
            Sum++;
        }
        SEH_END
    }
    expect_eq(Sum, 100);
    expect_eq(a ^ b, 0x5A5A5A5A);
}

static BOOLEAN RtlTestReturnsFromBlock(VOID)
{
    SEH_TRY
    {
        return TRUE;
    }
    SEH_EXCEPT
    {
        return FALSE;
    }
    SEH_END
    return FALSE;
}

KTEST(rtl, return_out_of_a_block_takes_the_frame_along)
{
    // Law: leaving a block by return removes its frame (the cleanup attribute does it).
    PVOID Before = RtlTestHead();

    expect(RtlTestReturnsFromBlock());
    expect_eq(RtlTestHead(), Before);
}
