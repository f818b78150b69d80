// SPDX-License-Identifier: MIT
// Executive resources: shared/exclusive locks that remember their owners, so that they can be taken again by one. The
// spin lock guards every field. Threads wait in two lines, each with a block on its own stack; a releaser takes blocks
// off a line, writes their threads into the owner table and then wakes them, so that a woken thread owns the resource
// already. Source: WDK, "Introduction to ERESOURCE Routines"; Windows Internals, "Executive Resources".
//
// ActiveEntries: threads that own it. OwnerEntry: the exclusive owner, or one of the shared ones; the rest stand in
// OwnerTable[1..size). There is always room for every owner and every shared waiter: who would not fit makes the table
// larger before it queues. An OwnerThread with both low bits set is no thread but an owner pointer.

#include "exp.h"

#define RESOURCE_TABLE_STEP 4
#define RESOURCE_OWNER_POINTER 3u
#define RESOURCE_PATIENCE (-500 * 10000ll) // 500 ms, then the owners are boosted
#define RESOURCE_BOOST_PRIORITY 14

typedef struct _RESOURCE_WAITER {
    struct _RESOURCE_WAITER *Next;
    PKTHREAD Thread;
    KEVENT Event;
} RESOURCE_WAITER, *PRESOURCE_WAITER;

typedef enum _RESOURCE_MANNER { ShareInTurn, ShareBeforeExclusive, ShareAfterExclusive } RESOURCE_MANNER;

// --- lines of waiters: circular, *Line is the last

static VOID ExpAppendWaiter(PVOID *Line, PRESOURCE_WAITER Waiter)
{
    PRESOURCE_WAITER Last = *Line;

    Waiter->Next = Last != NULL ? Last->Next : Waiter;
    if (Last != NULL)
        Last->Next = Waiter;
    *Line = Waiter;
}

static PRESOURCE_WAITER ExpTakeWaiter(PVOID *Line)
{
    PRESOURCE_WAITER Last = *Line, First = Last->Next;

    if (First == Last)
        *Line = NULL;
    else
        Last->Next = First->Next;
    return First;
}

// Wakes a chain of waiters that own the resource now; their blocks are gone as soon as their events are set.
static VOID ExpWakeWaiters(PRESOURCE_WAITER Waiter)
{
    while (Waiter != NULL) {
        PRESOURCE_WAITER Next = Waiter->Next;

        KeSetEvent(&Waiter->Event, EVENT_INCREMENT, FALSE);
        Waiter = Next;
    }
}

// --- owners; the spin lock is held

static ULONG ExpTableSize(PERESOURCE Resource)
{
    return Resource->OwnerTable != NULL ? Resource->OwnerTable[0].TableSize : 0;
}

// The entry of Owner, NULL if it has none. Owner 0: a free entry.
static POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    ULONG Size;

    if (Resource->OwnerEntry.OwnerThread == Owner)
        return &Resource->OwnerEntry;
    Size = ExpTableSize(Resource);
    for (ULONG Index = 1; Index < Size; Index++) {
        if (Resource->OwnerTable[Index].OwnerThread == Owner)
            return &Resource->OwnerTable[Index];
    }
    return NULL;
}

static VOID ExpAddOwner(PERESOURCE Resource, PKTHREAD Thread)
{
    POWNER_ENTRY Entry = ExpFindOwner(Resource, 0);

    ASSERT(Entry != NULL);
    Entry->OwnerThread = (ERESOURCE_THREAD)Thread;
    Entry->OwnerCount = 1;
    Resource->ActiveEntries++;
    Resource->ActiveCount = (SHORT)Resource->ActiveEntries;
}

static BOOLEAN ExpIsExclusive(PERESOURCE Resource)
{
    return (Resource->Flag & ResourceOwnedExclusive) != 0;
}

// Is there room for one owner or shared waiter more?
static BOOLEAN ExpHasRoom(PERESOURCE Resource)
{
    ULONG Size = ExpTableSize(Resource), Room = 1 + (Size != 0 ? Size - 1 : 0);

    return Resource->ActiveEntries + Resource->NumberOfSharedWaiters < Room;
}

// Makes the owner table larger. Called locked, returns unlocked: the caller looks at everything anew. Waits while there
// is no memory.
static VOID ExpGrowOwnerTable(PERESOURCE Resource, KIRQL OldIrql)
{
    ULONG OldSize = ExpTableSize(Resource), NewSize = max_of(OldSize, 1) + RESOURCE_TABLE_STEP;
    POWNER_ENTRY New, Surplus;

    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    while ((New = ExAllocatePoolZero(NonPagedPool, NewSize * sizeof(OWNER_ENTRY), TAG_EX_RESOURCE)) == NULL) {
        LARGE_INTEGER Delay = {.QuadPart = -10 * 10000};

        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Delay));
    }
    OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    Surplus = New;
    if (ExpTableSize(Resource) == OldSize) {
        if (OldSize != 0)
            RtlCopyMemory(New, Resource->OwnerTable, OldSize * sizeof(OWNER_ENTRY));
        New[0].TableSize = NewSize;
        Surplus = Resource->OwnerTable;
        Resource->OwnerTable = New;
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    if (Surplus != NULL)
        ExFreePoolWithTag(Surplus, TAG_EX_RESOURCE);
}

// Lets every shared waiter in. Returns them, to be woken after unlocking.
static PRESOURCE_WAITER ExpAdmitShared(PERESOURCE Resource)
{
    PRESOURCE_WAITER Chain = NULL, *Link = &Chain;

    while (Resource->SharedWaiters != NULL) {
        PRESOURCE_WAITER Waiter = ExpTakeWaiter(&Resource->SharedWaiters);

        Resource->NumberOfSharedWaiters--;
        ExpAddOwner(Resource, Waiter->Thread);
        *Link = Waiter;
        Link = &Waiter->Next;
        *Link = NULL;
    }
    return Chain;
}

static PRESOURCE_WAITER ExpAdmitExclusive(PERESOURCE Resource)
{
    PRESOURCE_WAITER Waiter = ExpTakeWaiter(&Resource->ExclusiveWaiters);

    Resource->NumberOfExclusiveWaiters--;
    Resource->Flag |= ResourceOwnedExclusive;
    ExpAddOwner(Resource, Waiter->Thread);
    Waiter->Next = NULL;
    return Waiter;
}

// --- waiting

static VOID ExpBoostOwner(ERESOURCE_THREAD Owner)
{
    PKTHREAD Thread = (PKTHREAD)Owner;

    if (Owner == 0 || (Owner & RESOURCE_OWNER_POINTER) == RESOURCE_OWNER_POINTER)
        return;
    if (Thread->Priority < KeGetCurrentThread()->Priority && Thread->Priority < RESOURCE_BOOST_PRIORITY)
        KeBoostPriorityThread(Thread, RESOURCE_BOOST_PRIORITY - Thread->BasePriority);
}

// The current thread has waited long: owners that are less important than it, and so may not get to run, are raised to
// 14, from where they fall again with every quantum. An owner cannot end while the spin lock is held.
static VOID ExpBoostOwners(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);

    if ((Resource->Flag & RESOURCE_NO_BOOST) == 0) {
        ULONG Size = ExpTableSize(Resource);

        ExpBoostOwner(Resource->OwnerEntry.OwnerThread);
        for (ULONG Index = 1; Index < Size; Index++)
            ExpBoostOwner(Resource->OwnerTable[Index].OwnerThread);
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
}

// Queues the current thread in a line until it has been let in. Called locked, returns unlocked.
static VOID ExpWaitForResource(PERESOURCE Resource, PVOID *Line, PULONG Number, PKLOCK_RECORD Record, KIRQL OldIrql)
{
    LARGE_INTEGER Patience = {.QuadPart = RESOURCE_PATIENCE};
    RESOURCE_WAITER Waiter;

    Waiter.Thread = KeGetCurrentThread();
    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    ExpAppendWaiter(Line, &Waiter);
    ++*Number;
    Resource->ContentionCount++;
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    KeWaitsForLock(Record);
    while (KeWaitForSingleObject(&Waiter.Event, WrResource, KernelMode, FALSE, &Patience) == STATUS_TIMEOUT)
        ExpBoostOwners(Resource);
}

// --- exclusive

// Takes the resource exclusively or queues for it. Checked builds know the place.
static BOOLEAN ExpAcquireExclusive(PERESOURCE Resource, BOOLEAN Wait, PVOID Place)
{
    ULONG Flags = LOCK_RECURSIVE | (Wait ? 0 : LOCK_TRY);
    PKLOCK_RECORD Record = KeBeginLock(Resource, LockKindResource, Flags, Place);
    PKTHREAD Self = KeGetCurrentThread();
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    if (Resource->ActiveEntries == 0) {
        Resource->Flag |= ResourceOwnedExclusive;
        ExpAddOwner(Resource, Self);
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    } else if (ExpIsExclusive(Resource) && Resource->OwnerEntry.OwnerThread == (ERESOURCE_THREAD)Self) {
        Resource->OwnerEntry.OwnerCount++;
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    } else if (!Wait) {
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
        return FALSE;
    } else {
        ASSERT(ExpFindOwner(Resource, (ERESOURCE_THREAD)Self) == NULL); // a shared owner would wait for itself
        ExpWaitForResource(Resource, &Resource->ExclusiveWaiters, &Resource->NumberOfExclusiveWaiters, Record, OldIrql);
    }
    KeOwnLock(Resource, Record, LockKindResource, Flags, Place);
    UNREFERENCED_PARAMETER(Place);
    UNREFERENCED_PARAMETER(Flags);
    return TRUE;
}

// Waits for exclusive ownership; a thread that has it already gets it once more. Returns FALSE only if Wait is FALSE
// and the resource is not to be had at once.
//
// IRQL <= APC_LEVEL, normal kernel APCs disabled. Must not be called by a shared owner with Wait: it would wait for
// itself.
BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    return ExpAcquireExclusive(Resource, Wait, __builtin_return_address(0));
}

// --- shared

// May the thread whose entry is Owner (or NULL) share the resource at once?
static BOOLEAN ExpMayShare(PERESOURCE Resource, POWNER_ENTRY Owner, RESOURCE_MANNER Manner)
{
    if (Resource->ActiveEntries == 0 || (ExpIsExclusive(Resource) && Owner != NULL))
        return TRUE;
    if (ExpIsExclusive(Resource))
        return FALSE;
    switch (Manner) {
    case ShareBeforeExclusive:
        return TRUE;
    case ShareAfterExclusive:
        return Resource->NumberOfExclusiveWaiters == 0;
    default:
        return Owner != NULL || Resource->NumberOfExclusiveWaiters == 0;
    }
}

static BOOLEAN ExpAcquireShared(PERESOURCE Resource, BOOLEAN Wait, RESOURCE_MANNER Manner, PVOID Place)
{
    ULONG Flags = LOCK_RECURSIVE | LOCK_SHARED | (Wait ? 0 : LOCK_TRY);
    PKLOCK_RECORD Record = KeBeginLock(Resource, LockKindResource, Flags, Place);
    PKTHREAD Self = KeGetCurrentThread();

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    for (;;) {
        KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
        POWNER_ENTRY Owner = ExpFindOwner(Resource, (ERESOURCE_THREAD)Self);
        BOOLEAN Granted = ExpMayShare(Resource, Owner, Manner);

        if (!Granted && !Wait) {
            KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
            return FALSE;
        }
        if (Owner == NULL && !ExpHasRoom(Resource)) {
            ExpGrowOwnerTable(Resource, OldIrql);
            continue;
        }
        if (!Granted) {
            ASSERT(Owner == NULL); // an owner that lets an exclusive waiter pass would wait for itself
            ExpWaitForResource(Resource, &Resource->SharedWaiters, &Resource->NumberOfSharedWaiters, Record, OldIrql);
            break;
        }
        if (Owner != NULL)
            Owner->OwnerCount++;
        else
            ExpAddOwner(Resource, Self);
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
        break;
    }
    KeOwnLock(Resource, Record, LockKindResource, Flags, Place);
    UNREFERENCED_PARAMETER(Place);
    UNREFERENCED_PARAMETER(Flags);
    return TRUE;
}

// Waits for shared ownership; an owner (of either kind) gets it once more at once. New shared owners queue behind
// exclusive waiters. Returns FALSE only if Wait is FALSE and the resource is not to be had at once.
//
// IRQL <= APC_LEVEL, normal kernel APCs disabled.
BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    return ExpAcquireShared(Resource, Wait, ShareInTurn, __builtin_return_address(0));
}

// As ExAcquireResourceSharedLite, but passes exclusive waiters.
BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return ExpAcquireShared(Resource, Wait, ShareBeforeExclusive, __builtin_return_address(0));
}

// As ExAcquireResourceSharedLite, but lets exclusive waiters go first even if the caller is a shared owner; such a
// caller must not wait.
BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return ExpAcquireShared(Resource, Wait, ShareAfterExclusive, __builtin_return_address(0));
}

// --- release

// Gives up one acquisition of Thread (or of an owner pointer) and, with the last one, hands the resource on: to the
// shared waiters after an exclusive owner, to an exclusive waiter after shared ones. IRQL <= DISPATCH_LEVEL. Not an
// owner: bugcheck 0xE3.
VOID NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    POWNER_ENTRY Entry = ExpFindOwner(Resource, Thread);
    PRESOURCE_WAITER Woken = NULL;

    if (Entry == NULL || Thread == 0)
        KeBugCheckEx(RESOURCE_NOT_OWNED, (ULONG_PTR)Resource, Thread, (ULONG_PTR)Resource->OwnerTable, 0);
    if (Thread == ExGetCurrentResourceThread())
        KeDisownLock(Resource, LockKindResource, Thread);
    else if ((Thread & RESOURCE_OWNER_POINTER) == 0)
        KeMoveLock(Resource, (PKTHREAD)Thread, FALSE);
    if (--Entry->OwnerCount == 0) {
        Entry->OwnerThread = 0;
        Resource->ActiveCount = (SHORT)--Resource->ActiveEntries;
        if (Resource->ActiveEntries == 0) {
            BOOLEAN WasExclusive = ExpIsExclusive(Resource);

            Resource->Flag &= ~ResourceOwnedExclusive;
            if (Resource->SharedWaiters != NULL && (WasExclusive || Resource->ExclusiveWaiters == NULL))
                Woken = ExpAdmitShared(Resource);
            else if (Resource->ExclusiveWaiters != NULL)
                Woken = ExpAdmitExclusive(Resource);
        }
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    ExpWakeWaiters(Woken);
}

// ExReleaseResourceForThreadLite for the current thread.
VOID FASTCALL ExReleaseResourceLite(PERESOURCE Resource)
{
    ExReleaseResourceForThreadLite(Resource, ExGetCurrentResourceThread());
}

// Makes the exclusive owner a shared one and lets the shared waiters in. IRQL <= DISPATCH_LEVEL; the exclusive owner.
VOID NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    PRESOURCE_WAITER Woken;

    ASSERT(ExpIsExclusive(Resource) && Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread());
    Resource->Flag &= ~ResourceOwnedExclusive;
    Woken = ExpAdmitShared(Resource);
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    ExpWakeWaiters(Woken);
}

// The current thread's ownership becomes OwnerPointer's (an address in system space with both low bits set), which
// ExReleaseResourceForThreadLite gives up; the thread may end before. IRQL <= DISPATCH_LEVEL; an owner.
// Source: WDK, ExSetResourceOwnerPointer.
VOID NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    POWNER_ENTRY Entry = ExpFindOwner(Resource, ExGetCurrentResourceThread());
    POWNER_ENTRY Other = ExpFindOwner(Resource, (ERESOURCE_THREAD)OwnerPointer);

    ASSERT(((ULONG_PTR)OwnerPointer & RESOURCE_OWNER_POINTER) == RESOURCE_OWNER_POINTER);
    if (Entry == NULL)
        KeBugCheckEx(RESOURCE_NOT_OWNED, (ULONG_PTR)Resource, ExGetCurrentResourceThread(), 0, 0);
    KeMoveLock(Resource, KeGetCurrentThread(), TRUE);
    if (Other != NULL) {
        Other->OwnerCount += Entry->OwnerCount;
        Entry->OwnerThread = 0;
        Resource->ActiveCount = (SHORT)--Resource->ActiveEntries;
    } else {
        Entry->OwnerThread = (ERESOURCE_THREAD)OwnerPointer;
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
}
