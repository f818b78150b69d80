// SPDX-License-Identifier: MIT
// Handles and names used by several threads at once, on all processors there are: what one takes away the others see
// whole or not at all, and in the end nothing is left (ex/handle.c, ob/).

#include "obtest.h"

#define RACERS 4
#define ROUNDS 400
#define SHARED_SLOTS 4
#define NAME L"\\BaseNamedObjects\\ob-race"

typedef struct _OB_RACE {
    HANDLE volatile Slots[SHARED_SLOTS];
    volatile LONG Running, Wrong, Opened;
    KEVENT Done;
} OB_RACE;

static OB_RACE ObRace;

static VOID ObRaceEnds(VOID)
{
    if (InterlockedDecrement(&ObRace.Running) == 0)
        KeSetEvent(&ObRace.Done, 0, FALSE);
    IGNORE_STATUS(PsTerminateSystemThread(STATUS_SUCCESS));
}

static VOID ObRaceRun(PKSTART_ROUTINE Routine)
{
    KeInitializeEvent(&ObRace.Done, NotificationEvent, FALSE);
    ObRace.Running = RACERS;
    ObRace.Wrong = ObRace.Opened = 0;
    for (ULONG_PTR Index = 0; Index < RACERS; Index++) {
        HANDLE Thread;

        expect_status(PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, (PVOID)Index),
                      STATUS_SUCCESS);
        expect_status(ZwClose(Thread), STATUS_SUCCESS);
    }
    KeWaitForever(&ObRace.Done, Executive);
    expect_eq(ObRace.Wrong, 0);
}

// Puts duplicates of an event into shared slots, uses whatever is there, and closes what others put there.
static VOID NTAPI ObRaceHandles(PVOID Context)
{
    ULONG Random = (ULONG)(ULONG_PTR)Context * 7919 + 1;
    HANDLE Own, New;

    if (!NT_SUCCESS(ZwCreateEvent(&Own, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE)))
        InterlockedIncrement(&ObRace.Wrong);
    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        HANDLE volatile *Slot = &ObRace.Slots[(Random = Random * 1103515245 + 12345) >> 16 & (SHARED_SLOTS - 1)];
        HANDLE Other = *Slot;
        NTSTATUS Status;

        if (Other != NULL) { // perhaps closed by now, perhaps another object's: both are answers
            Status = ZwSetEvent(Other, NULL);
            if (!NT_SUCCESS(Status) && Status != STATUS_INVALID_HANDLE && Status != STATUS_OBJECT_TYPE_MISMATCH)
                InterlockedIncrement(&ObRace.Wrong);
        }
        Status = ZwDuplicateObject(NtCurrentProcess(), Own, NtCurrentProcess(), &New, 0, 0, DUPLICATE_SAME_ACCESS);
        if (!NT_SUCCESS(Status)) {
            InterlockedIncrement(&ObRace.Wrong);
            continue;
        }
        Other = InterlockedExchangePointer((PVOID volatile *)Slot, New);
        if (Other != NULL && ZwClose(Other) != STATUS_SUCCESS) // nobody else closes what was taken out of a slot
            InterlockedIncrement(&ObRace.Wrong);
    }
    if (ZwClose(Own) != STATUS_SUCCESS)
        InterlockedIncrement(&ObRace.Wrong);
    ObRaceEnds();
}

KTEST_MP(ob, handles_survive_a_race)
{
    // Law: a handle is open until it is closed once: each close of an open handle succeeds, and a use at the same time
    // finds the object or an invalid handle, nothing else.
    ULONG Before = ObGetProcessHandleCount(PsInitialSystemProcess);

    ObRaceRun(ObRaceHandles);
    for (ULONG Index = 0; Index < SHARED_SLOTS; Index++) {
        HANDLE Left = InterlockedExchangePointer((PVOID volatile *)&ObRace.Slots[Index], NULL);

        if (Left != NULL)
            expect_status(ZwClose(Left), STATUS_SUCCESS);
    }
    expect_eq(ObGetProcessHandleCount(PsInitialSystemProcess), Before);
}

// Creates or opens one name, and lets it go again at once.
static VOID NTAPI ObRaceNames(PVOID Context)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(NAME);
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Event;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Context);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_OPENIF | OBJ_CASE_INSENSITIVE, NULL, NULL);
    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        Status = ZwCreateEvent(&Event, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE);
        if (Status == STATUS_OBJECT_NAME_EXISTS)
            InterlockedIncrement(&ObRace.Opened);
        if (!NT_SUCCESS(Status) || ZwSetEvent(Event, NULL) != STATUS_SUCCESS || ZwClose(Event) != STATUS_SUCCESS)
            InterlockedIncrement(&ObRace.Wrong);
    }
    ObRaceEnds();
}

KTEST_MP(ob, names_survive_a_race)
{
    // Law: create-or-open of a temporary name always succeeds, however often the last handle goes meanwhile; after the
    // last one the name is free.
    UNICODE_STRING Name = RTL_CONSTANT_STRING(NAME);
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Event;

    ObRaceRun(ObRaceNames);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    expect_status(ZwOpenEvent(&Event, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}
