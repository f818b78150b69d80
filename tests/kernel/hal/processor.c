// SPDX-License-Identifier: MIT
// Laws of starting and interrupting processors. They are about processors that ke/ has not started, so they say
// something only where there are such.

#include "hal/halp.h"
#include "ktest.h"

#define STACK_SIZE 0x1000u

static UCHAR ArrivalStack[STACK_SIZE] ALIGNED(16);
static volatile struct {
    ULONG ApicId, Cr3, Esp, Flags;
    PVOID Argument;
} Arrival;

// Runs on the new processor, without a PCR; it stops there, and can be started again.
static VOID NTAPI Arrive(PVOID Argument)
{
    ULONG Register;

    __asm__ volatile("mov %%cr3, %0" : "=r"(Register));
    Arrival.Cr3 = Register;
    __asm__ volatile("mov %%esp, %0" : "=r"(Register));
    Arrival.Esp = Register;
    __asm__ volatile("pushfl; popl %0" : "=r"(Register));
    Arrival.Flags = Register;
    Arrival.ApicId = HalpQueryApicId();
    __atomic_store_n(&Arrival.Argument, Argument, __ATOMIC_RELEASE);
    for (;;)
        __asm__ volatile("cli; hlt");
}

KTEST(hal, started_processor_arrives_as_asked)
{
    // Law: a started processor comes to Entry with the Argument, stack and address space given, interrupts off, and is
    // the one that the tables list under its number.
    ULONG Number, Cr3, Polls;

    __asm__ volatile("mov %%cr3, %0" : "=r"(Cr3));
    for (Number = 1; Number < HalQueryProcessorCount(); Number++) {
        PVOID Argument = (PVOID)(Number * 0x1111);

        if (KeActiveProcessors >> Number & 1)
            continue;
        expect(HalStartProcessor(Number, Cr3, ArrivalStack + STACK_SIZE, Arrive, Argument));
        for (Polls = 0; Polls < 10000 && Arrival.Argument != Argument; Polls++)
            KeStallExecutionProcessor(10);
        expect_eq(Arrival.Argument, Argument);
        expect_eq(Arrival.ApicId, HalpMachine.ApicId[Number]);
        expect_eq(Arrival.Cr3, Cr3);
        expect_eq(Arrival.Flags & EFLAGS_IF, 0);
        expect(Arrival.Esp > (ULONG)ArrivalStack && Arrival.Esp < (ULONG)ArrivalStack + STACK_SIZE);
    }
}

KTEST(hal, processor_that_is_not_there_does_not_start)
{
    // Law: a number that no processor has, or processor 0, is refused at once.
    expect(!HalStartProcessor(0, 0, NULL, Arrive, NULL));
    expect(!HalStartProcessor(HalQueryProcessorCount(), 0, NULL, Arrive, NULL));
}
