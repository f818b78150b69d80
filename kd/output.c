// SPDX-License-Identifier: MIT
// Where messages go. A message is written with interrupts off and under one lock, so that messages of two processors,
// or of an interrupt and what it interrupted, never mix inside a line. The lock knows its owner: a fault while a
// message is being written (and the bugcheck that follows) may print too.

#include "kdp.h"

#define BOOT_PCR ((PKPCR)0xFFDFF000) // processor 0's
#define NO_OWNER (-1l)
#define OWNER_POLLS 10000000u // then whoever holds the lock is taken for dead

BOOLEAN KdpLogEnabled = TRUE;
static volatile LONG KdpOwner = NO_OWNER;

// Before the PCR is set up, fs: leads nowhere and there is only processor 0.
static LONG KdpCurrentProcessor(VOID)
{
    return BOOT_PCR->SelfPcr == NULL ? 0 : KeGetPcr()->Number;
}

// Returns whether the lock was taken (FALSE: this processor has it already, or its owner was stopped with it or is
// stuck).
static BOOLEAN KdpAcquire(VOID)
{
    LONG Processor = KdpCurrentProcessor(), Owner;
    ULONG Polls = OWNER_POLLS;

    while ((Owner = InterlockedCompareExchange(&KdpOwner, Processor, NO_OWNER)) != NO_OWNER) {
        if (Owner == Processor || KiProcessorBlock[Owner]->Frozen || --Polls == 0)
            return FALSE;
        YieldProcessor();
    }
    return TRUE;
}

static VOID KdpRelease(BOOLEAN Taken)
{
    if (Taken)
        InterlockedExchange(&KdpOwner, NO_OWNER);
}

// Sends a message to COM1, line feeds as CR LF. Any IRQL.
VOID KdpWriteLog(PCSTR Text)
{
    BOOLEAN Enable = KeDisableInterrupts();
    BOOLEAN Taken = KdpAcquire();

    for (; *Text != '\0'; Text++) {
        if (*Text == '\n')
            HalPutDebugCharacter('\r');
        HalPutDebugCharacter((UCHAR)*Text);
    }
    KdpRelease(Taken);
    KeRestoreInterrupts(Enable);
}

// Sends a record to the host's port and ends the line. Any IRQL.
VOID KdpWriteHost(PCSTR Text)
{
    BOOLEAN Enable = KeDisableInterrupts();
    BOOLEAN Taken = KdpAcquire();

    for (; *Text != '\0'; Text++)
        HalPutHostCharacter((UCHAR)*Text);
    HalPutHostCharacter('\n');
    KdpRelease(Taken);
    KeRestoreInterrupts(Enable);
}
