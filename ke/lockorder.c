// SPDX-License-Identifier: MIT
// The order in which classes of locks are taken (checked builds): a graph with an edge A -> B once somebody took B
// while holding A. An edge that would close a cycle is a deadlock waiting for its moment; it is reported when it is
// seen, whether or not the threads meet: 0xC4, 0x1001, with each lock of the cycle and the two places of each edge.
// Locks of one class are taken in the order of their addresses unless the class is known to nest in another way.
// Source: WDK, "Deadlock Detection"; the published idea of lock validators.

#include "ki.h"
#include "ke/lock.h"

#ifdef MICA_LOCKCHECK

#define LOCK_EDGES 1024u
#define LOCK_TEXT 2048u

typedef struct _KLOCK_EDGE {
    UCHAR From, To;
    PVOID FromPlace, ToPlace;
    PKTHREAD Thread;
} KLOCK_EDGE, *PKLOCK_EDGE;

ULONG KiLockEdges[LOCK_CLASSES][LOCK_CLASSES / 32];
static PKLOCK_CLASS KiLockClasses[LOCK_CLASSES];
static ULONG KiLockClassCount = 1; // index 0: classes that found no room
static KLOCK_EDGE KiLockEdgeList[LOCK_EDGES];
static ULONG KiLockEdgeCount;
static UCHAR KiLockFrom[LOCK_CLASSES]; // search: the class before this one on the way, 0: not reached
static CHAR KiLockText[LOCK_TEXT];

// Classes whose locks nest in an order of their own, and the class of the lock that a thread must then hold
// exclusively,
// so that no two threads nest at a time.
static const struct {
    PCSTR Name, Guard;
} KiNestingClasses[] = {
    {"Fcb->MainResource", "Vcb->Resource"}, // a rename holds the old and the new directory or file
    {"KtNesting->Lock", "KtGuard->Lock"},   // tests/kernel/ke/locks.c
};

// The order that is known before anybody takes a lock (docs/locks.md shows it as ranks): outer, inner. Who first takes
// two of these the wrong way round is told so, even if nobody has yet taken them the right way.
static const struct {
    PCSTR Outer, Inner;
} KiDeclaredOrder[] = {
    {"MmPageFileCreationLock", "Vcb->Resource"},
    {"Vcb->Resource", "Fcb->MainResource"},
    {"Fcb->MainResource", "Fcb->PagingIoResource"},
    {"Fcb->PagingIoResource", "Vcb->MetaResource"},
    {"Fcb->MainResource", "CcpMasterLock"},
    {"Vcb->Resource", "Process->ProcessLock"},
    {"Process->AddressCreationLock", "Process->WorkingSetLock"},
    {"Process->AddressCreationLock", "Pool->Mutex"},
    {"CcpMasterLock", "MiExtendLock"},
    {"MiExtendLock", "Pool->Mutex"},
    {"Port->Lock", "Queue->Lock"},
    {"Timer->Lock", "Thread->ActiveTimerListLock"},
    {"NpLock", "Pool->SpinLock"},
};

// May the current thread take another lock of a class that it holds one of?
static BOOLEAN KiMayNest(PKLOCK_CLASS Class)
{
    PKTHREAD Thread = KeGetCurrentThread();

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(KiNestingClasses); Index++) {
        if (strcmp(KiNestingClasses[Index].Name, Class->Name) != 0)
            continue;
        for (ULONG Held = 0; Held < Thread->LocksHeld; Held++) {
            PKHELD_LOCK Lock = &Thread->HeldLocks[Held];

            if (Lock->Record != NULL && (Lock->Flags & LOCK_SHARED) == 0 &&
                strcmp(Lock->Record->Class->Name, KiNestingClasses[Index].Guard) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

// Enters the declared edges between a new class and those there are. Records locked.
static VOID KiDeclareOrder(PKLOCK_CLASS Class)
{
    for (ULONG Pair = 0; Pair < RTL_NUMBER_OF(KiDeclaredOrder); Pair++) {
        BOOLEAN Outer = strcmp(KiDeclaredOrder[Pair].Outer, Class->Name) == 0;
        PCSTR Other = Outer ? KiDeclaredOrder[Pair].Inner : KiDeclaredOrder[Pair].Outer;

        if (!Outer && strcmp(KiDeclaredOrder[Pair].Inner, Class->Name) != 0)
            continue;
        for (ULONG Index = 1; Index < KiLockClassCount; Index++) {
            if (strcmp(KiLockClasses[Index]->Name, Other) != 0)
                continue;
            KiLockEdges[Outer ? Class->Index : Index][(Outer ? Index : Class->Index) / 32] |=
                1u << ((Outer ? Index : Class->Index) % 32);
        }
    }
}

// Finds the class a place belongs to, or makes it one. Records locked.
VOID KiAddLockClass(PKLOCK_CLASS Class)
{
    if (*Class->Name == '&')
        Class->Name++;
    if (strstr(Class->Name, "->") != NULL) {
        for (ULONG Index = 1; Index < KiLockClassCount; Index++) {
            if (strcmp(KiLockClasses[Index]->Name, Class->Name) == 0) {
                Class->Same = KiLockClasses[Index];
                return;
            }
        }
    }
    Class->Same = Class;
    if (KiLockClassCount == LOCK_CLASSES)
        return; // index 0
    KiLockClasses[KiLockClassCount] = Class;
    Class->Index = (UCHAR)KiLockClassCount++;
    KiDeclareOrder(Class);
}

static BOOLEAN KiHasEdge(ULONG From, ULONG To)
{
    return (KiLockEdges[From][To / 32] & 1u << (To % 32)) != 0;
}

// Is there a way From -> ... -> To? Leaves it in KiLockFrom, backwards. Records locked.
static BOOLEAN KiFindLockPath(ULONG From, ULONG To)
{
    static UCHAR Queue[LOCK_CLASSES];
    ULONG Head = 0, Tail = 0;

    RtlZeroMemory(KiLockFrom, sizeof(KiLockFrom));
    KiLockFrom[From] = (UCHAR)From;
    Queue[Tail++] = (UCHAR)From;
    while (Head < Tail) {
        ULONG At = Queue[Head++];

        if (At == To)
            return TRUE;
        for (ULONG Next = 1; Next < KiLockClassCount; Next++) {
            if (KiHasEdge(At, Next) && KiLockFrom[Next] == 0) {
                KiLockFrom[Next] = (UCHAR)At;
                Queue[Tail++] = (UCHAR)Next;
            }
        }
    }
    return FALSE;
}

static VOID CDECL KiAppendLockText(PCSTR Format, ...)
{
    SIZE_T Length = strlen(KiLockText);
    va_list Arguments;

    va_start(Arguments, Format);
    (VOID) _vsnprintf(KiLockText + Length, LOCK_TEXT - 1 - Length, Format, Arguments);
    va_end(Arguments);
    KiLockText[LOCK_TEXT - 1] = '\0';
}

static VOID KiAppendStep(PCSTR From, PVOID FromPlace, PCSTR To, PVOID ToPlace, PKTHREAD Thread)
{
    ULONG FromOffset = 0, ToOffset = 0;
    PCSTR FromName = KeLookupSymbol(FromPlace, &FromOffset), ToName = KeLookupSymbol(ToPlace, &ToOffset);

    KiAppendLockText("    %s at %s+0x%X, then %s at %s+0x%X (thread %08X)\n", From, FromName != NULL ? FromName : "?",
                     FromOffset, To, ToName != NULL ? ToName : "?", ToOffset, (ULONG)Thread);
}

static VOID KiAppendKnownStep(ULONG From, ULONG To)
{
    for (ULONG Index = 0; Index < KiLockEdgeCount; Index++) {
        PKLOCK_EDGE Edge = &KiLockEdgeList[Index];

        if (Edge->From == From && Edge->To == To) {
            KiAppendStep(KiLockClasses[From]->Name, Edge->FromPlace, KiLockClasses[To]->Name, Edge->ToPlace,
                         Edge->Thread);
            return;
        }
    }
    KiAppendLockText("    %s, then %s (declared)\n", KiLockClasses[From]->Name, KiLockClasses[To]->Name);
}

// The cycle Held -> Lock -> ... -> Held as text: first the step that closes it, then those that were seen before.
// Records locked, KiFindLockPath(To, From) has been successful.
static VOID KiDescribeCycle(PKHELD_LOCK Held, PKLOCK_CLASS FromClass, PKLOCK_CLASS ToClass, PVOID Place)
{
    ULONG To = ToClass->Index, At = FromClass->Index, Depth = 0;
    UCHAR Way[LOCK_CLASSES];

    KiLockText[0] = '\0';
    KiAppendLockText("Lock order violated. Cycle: %s", FromClass->Name);
    for (; At != To; At = KiLockFrom[At])
        Way[Depth++] = (UCHAR)At;
    Way[Depth++] = (UCHAR)To;
    for (ULONG Index = Depth; Index-- > 0;)
        KiAppendLockText(" -> %s", KiLockClasses[Way[Index]]->Name);
    KiAppendLockText("\n  now\n");
    KiAppendStep(FromClass->Name, Held->Place, ToClass->Name, Place, KeGetCurrentThread());
    KiAppendLockText("  before\n");
    for (ULONG Index = Depth; Index-- > 1;)
        KiAppendKnownStep(Way[Index], Way[Index - 1]);
}

static VOID KiAddEdge(ULONG From, ULONG To, PVOID FromPlace, PVOID ToPlace)
{
    KiLockEdges[From][To / 32] |= 1u << (To % 32);
    if (KiLockEdgeCount < LOCK_EDGES)
        KiLockEdgeList[KiLockEdgeCount++] =
            (KLOCK_EDGE){(UCHAR)From, (UCHAR)To, FromPlace, ToPlace, KeGetCurrentThread()};
}

static VOID KiCheckSameClass(PKHELD_LOCK Held, PKLOCK_CLASS Class, PVOID Lock, PVOID Place)
{
    if ((ULONG_PTR)Lock > (ULONG_PTR)Held->Lock || KiMayNest(Class))
        return;
    KiLockText[0] = '\0';
    KiAppendLockText("Two locks of the class %s are not taken in the order of their addresses: %08X, then %08X\n",
                     Class->Name, (ULONG)Held->Lock, (ULONG)Lock);
    KiAppendStep(Class->Name, Held->Place, Class->Name, Place, KeGetCurrentThread());
    KiLockViolation(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_ORDER_VIOLATION, KiLockText, Lock, (ULONG_PTR)Place,
                    (ULONG_PTR)Held->Lock);
}

// An order that was not seen before: remembers it, unless it contradicts what was. Any IRQL.
VOID KiLearnLockOrder(PKHELD_LOCK Held, PKLOCK_RECORD Record, PVOID Lock, PVOID Place)
{
    PKLOCK_CLASS FromClass = Held->Record->Class, ToClass = Record->Class;
    ULONG From = FromClass->Index, To = ToClass->Index;
    BOOLEAN Enable, Cycle;

    if (FromClass == ToClass) {
        KiCheckSameClass(Held, FromClass, Lock, Place);
        return;
    }
    if (From == 0 || To == 0)
        return;
    Enable = KiLockLockRecords();
    Cycle = KiFindLockPath(To, From);
    if (Cycle)
        KiDescribeCycle(Held, FromClass, ToClass, Place);
    else
        KiAddEdge(From, To, Held->Place, Place);
    KiUnlockLockRecords(Enable);
    if (Cycle)
        KiLockViolation(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_ORDER_VIOLATION, KiLockText, Lock, (ULONG_PTR)Place,
                        (ULONG_PTR)Held->Lock);
}

// See lockcheck.h. PASSIVE_LEVEL; nobody uses those locks meanwhile.
VOID KeForgetLockOrder(PCSTR Prefix)
{
    BOOLEAN Enable = KiLockLockRecords();

    for (ULONG Index = 1; Index < KiLockClassCount; Index++) {
        if (strncmp(KiLockClasses[Index]->Name, Prefix, strlen(Prefix)) != 0)
            continue;
        RtlZeroMemory(KiLockEdges[Index], sizeof(KiLockEdges[Index]));
        for (ULONG Other = 1; Other < KiLockClassCount; Other++)
            KiLockEdges[Other][Index / 32] &= ~(1u << (Index % 32));
    }
    KiUnlockLockRecords(Enable);
}
#endif
