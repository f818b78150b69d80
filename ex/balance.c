// SPDX-License-Identifier: MIT
// The thread that keeps Ex's reserves in proportion: once a second it looks at the worker queues and the lookaside
// lists, and in between whenever a queue is found without a thread that could run. Source: Windows Internals, "System
// Worker Threads" (the worker thread balance manager), "Look-aside lists".

#include "exp.h"

#define BALANCE_PRIORITY 16
#define BALANCE_PERIOD_MS 1000

static KTIMER ExpBalanceTimer;
static KEVENT ExpBalanceEvent;
static BOOLEAN ExpBalanceReady;

// A worker queue needs a thread now. IRQL <= DISPATCH_LEVEL.
VOID ExpWakeBalanceThread(VOID)
{
    if (ExpBalanceReady)
        KeSetEvent(&ExpBalanceEvent, 0, FALSE);
}

static VOID NTAPI ExpBalanceThread(PVOID Context)
{
    PVOID Objects[] = {&ExpBalanceTimer, &ExpBalanceEvent};

    UNREFERENCED_PARAMETER(Context);
    KeSetPriorityThread(KeGetCurrentThread(), BALANCE_PRIORITY);
    for (;;) {
        NTSTATUS Status = KeWaitForMultipleObjects(RTL_NUMBER_OF(Objects), Objects, WaitAny, Executive, KernelMode,
                                                   FALSE, NULL, NULL);

        ExpCheckWorkQueues(Status == STATUS_WAIT_0);
        if (Status != STATUS_WAIT_0)
            continue;
        ExpAdjustLookasides();
        if (!MmResourcesAvailable(MM_POOL_NONPAGED, PAGE_SIZE, LowPoolPriority))
            ExDrainPool(); // memory is short: what only waits for another use goes back
    }
}

// Starts the thread. Phase 1, PASSIVE_LEVEL. FALSE: it could not be created.
BOOLEAN ExpInitBalanceThread(VOID)
{
    LARGE_INTEGER Due = {.QuadPart = -BALANCE_PERIOD_MS * 10000ll};
    HANDLE Handle;

    KeInitializeEvent(&ExpBalanceEvent, SynchronizationEvent, FALSE);
    KeInitializeTimerEx(&ExpBalanceTimer, SynchronizationTimer);
    KeSetTimerEx(&ExpBalanceTimer, Due, BALANCE_PERIOD_MS, NULL);
    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, ExpBalanceThread, NULL)))
        return FALSE;
    ObCloseHandle(Handle, KernelMode);
    ExpBalanceReady = TRUE;
    return TRUE;
}
