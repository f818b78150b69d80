// SPDX-License-Identifier: MIT
// Laws of executive resources (ex/resource.c).

#include "ktest.h"

// Lets the others run: those of this processor and, where processors take turns, the other processors.
static VOID Rest(VOID)
{
    IGNORE_STATUS(ZwYieldExecution());
    YieldProcessor();
}

static ERESOURCE Resource;
static volatile LONG Readers, Writers, Broken;
static KEVENT Gate;

static VOID NTAPI TryBoth(PVOID Context)
{
    PULONG Result = Context; // bit 0: shared possible, bit 1: exclusive possible

    KeEnterCriticalRegion();
    if (ExAcquireResourceSharedLite(&Resource, FALSE)) {
        *Result |= 1;
        ExReleaseResourceLite(&Resource);
    }
    if (ExAcquireResourceExclusiveLite(&Resource, FALSE)) {
        *Result |= 2;
        ExReleaseResourceLite(&Resource);
    }
    KeLeaveCriticalRegion();
}

static ULONG WhatOthersCanDo(VOID)
{
    ULONG Result = 0;

    KtJoin(KtStartThread(TryBoth, &Result, 8));
    return Result;
}

KTEST(ex, resource_shared_admits_shared_exclusive_admits_none)
{
    // Law: beside a shared owner only shared ones get in, beside an exclusive one nobody; a converted one is shared.
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    expect_eq(WhatOthersCanDo(), 3);
    expect(ExAcquireResourceSharedLite(&Resource, TRUE));
    expect_eq(WhatOthersCanDo(), 1);
    ExReleaseResourceLite(&Resource);
    expect(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    expect(ExIsResourceAcquiredExclusiveLite(&Resource));
    expect_eq(WhatOthersCanDo(), 0);
    ExConvertExclusiveToSharedLite(&Resource);
    expect(!ExIsResourceAcquiredExclusiveLite(&Resource));
    expect_eq(ExIsResourceAcquiredSharedLite(&Resource), 1);
    expect_eq(WhatOthersCanDo(), 1);
    ExReleaseResourceLite(&Resource);
    expect_eq(WhatOthersCanDo(), 3);
    KeLeaveCriticalRegion();
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

KTEST(ex, resource_is_recursive)
{
    // Law: an owner may take it again, exclusive owners shared too; it is free after as many releases.
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    expect(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    expect(ExAcquireResourceExclusiveLite(&Resource, FALSE));
    expect(ExAcquireResourceSharedLite(&Resource, FALSE));
    expect_eq(ExIsResourceAcquiredSharedLite(&Resource), 3);
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    expect_eq(WhatOthersCanDo(), 0);
    ExReleaseResourceLite(&Resource);
    expect(ExAcquireResourceSharedLite(&Resource, TRUE));
    expect(ExAcquireResourceSharedLite(&Resource, FALSE));
    ExReleaseResourceLite(&Resource);
    expect_eq(WhatOthersCanDo(), 1);
    ExReleaseResourceLite(&Resource);
    expect_eq(Resource.ActiveCount, 0);
    KeLeaveCriticalRegion();
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

static VOID NTAPI ReadOrWrite(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForever(&Gate, Executive);
    for (ULONG Turn = 0; Turn < 100; Turn++) {
        BOOLEAN Write = (KtRandom() & 3) == 0;

        KeEnterCriticalRegion();
        if (Write) {
            ExAcquireResourceExclusiveLite(&Resource, TRUE);
            if (InterlockedIncrement(&Writers) != 1 || Readers != 0)
                InterlockedIncrement(&Broken);
        } else {
            ExAcquireResourceSharedLite(&Resource, TRUE);
            InterlockedIncrement(&Readers);
            if (Writers != 0)
                InterlockedIncrement(&Broken);
        }
        Rest();
        InterlockedDecrement(Write ? &Writers : &Readers);
        ExReleaseResourceLite(&Resource);
        KeLeaveCriticalRegion();
    }
}

KTEST(ex, resource_excludes_under_load)
{
    // Law: with many readers and writers a writer is always alone; in the end the resource is free.
    PETHREAD Threads[8];

    Readers = Writers = Broken = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(ReadOrWrite, NULL, 8);
    KeSetEvent(&Gate, 0, FALSE);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(Broken, 0);
    expect_eq(Resource.ActiveCount, 0);
    expect_eq(Resource.NumberOfSharedWaiters + Resource.NumberOfExclusiveWaiters, 0);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

static volatile LONG Order, WriterTurn, ReaderTurn;

static VOID NTAPI WriteOnce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    WriterTurn = InterlockedIncrement(&Order);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

static VOID NTAPI ReadOnce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    ReaderTurn = InterlockedIncrement(&Order);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

KTEST(ex, resource_writers_do_not_starve)
{
    // Law: a new shared owner waits behind a waiting exclusive one, but who owns it already gets in.
    PETHREAD Writer, Reader;

    Order = WriterTurn = ReaderTurn = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    Writer = KtStartThread(WriteOnce, NULL, 16);
    while (ExGetExclusiveWaiterCount(&Resource) == 0)
        Rest();
    Reader = KtStartThread(ReadOnce, NULL, 16);
    while (ExGetSharedWaiterCount(&Resource) == 0)
        Rest();
    expect_eq(Order, 0);
    expect(ExAcquireResourceSharedLite(&Resource, FALSE));
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    KtJoin(Writer);
    KtJoin(Reader);
    expect_eq(WriterTurn, 1);
    expect_eq(ReaderTurn, 2);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

KTEST_BUGCHECK(ex, resource_release_by_a_stranger_is_caught, RESOURCE_NOT_OWNED)
{
    // Law: releasing a resource one does not own is bugcheck 0xE3.
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    ExReleaseResourceLite(&Resource);
}

static volatile LONG SharedIn;

static VOID NTAPI ShareStarving(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    expect(!ExAcquireResourceSharedLite(&Resource, FALSE));
    expect(!ExAcquireSharedWaitForExclusive(&Resource, FALSE));
    expect(ExAcquireSharedStarveExclusive(&Resource, TRUE));
    SharedIn = InterlockedIncrement(&Order);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

KTEST(ex, resource_starve_exclusive_passes_the_line)
{
    // Law: behind a waiting exclusive owner an ordinary sharer waits, one that starves exclusive owners does not, and
    // one
    // that waits for them does so even if it is an owner.
    PETHREAD Writer, Sharer;

    Order = WriterTurn = SharedIn = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    Writer = KtStartThread(WriteOnce, NULL, 16);
    while (ExGetExclusiveWaiterCount(&Resource) == 0)
        Rest();
    expect(!ExAcquireSharedWaitForExclusive(&Resource, FALSE));
    Sharer = KtStartThread(ShareStarving, NULL, 16);
    KtJoin(Sharer);
    expect_eq(SharedIn, 1);
    expect_eq(WriterTurn, 0);
    expect_eq(Resource.ContentionCount, 1);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    KtJoin(Writer);
    expect_eq(WriterTurn, 2);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

static VOID NTAPI OwnAndEnd(PVOID Context)
{
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExSetResourceOwnerPointer(&Resource, Context);
    KeLeaveCriticalRegion();
}

KTEST(ex, resource_ownership_outlives_its_thread_by_a_pointer)
{
    // Law: after ExSetResourceOwnerPointer the thread may end; whoever knows the pointer releases, as often as it was
    // acquired.
    PVOID Owner = (PVOID)((ULONG_PTR)&Resource | 3);

    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KtJoin(KtStartThread(OwnAndEnd, Owner, 8));
    KeEnterCriticalRegion();
    expect(!ExAcquireResourceSharedLite(&Resource, FALSE));
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Owner);
    expect(!ExAcquireResourceSharedLite(&Resource, FALSE));
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Owner);
    expect(ExAcquireResourceExclusiveLite(&Resource, FALSE));
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    expect_status(ExReinitializeResourceLite(&Resource), STATUS_SUCCESS);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

KTEST(ex, resource_conversion_lets_sharers_in)
{
    // Law: an exclusive owner that becomes a shared one lets every waiting sharer in and stays an owner.
    PETHREAD Readers2[6];

    Order = ReaderTurn = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Readers2); Index++)
        Readers2[Index] = KtStartThread(ReadOnce, NULL, 16);
    while (ExGetSharedWaiterCount(&Resource) != RTL_NUMBER_OF(Readers2))
        Rest();
    expect_eq(Order, 0);
    ExConvertExclusiveToSharedLite(&Resource);
    expect(!ExIsResourceAcquiredExclusiveLite(&Resource));
    expect_eq(ExIsResourceAcquiredSharedLite(&Resource), 1);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Readers2); Index++)
        KtJoin(Readers2[Index]);
    expect_eq(Order, RTL_NUMBER_OF(Readers2));
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    expect_eq(Resource.ActiveEntries, 0);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

static volatile LONG HogStops, OwnerHas;
static KEVENT OwnerGo;

static VOID NTAPI OwnSlowly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(1);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    OwnerHas = 1;
    KeWaitForever(&OwnerGo, Executive);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

static VOID NTAPI Hog(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(1);
    while (HogStops == 0)
        KtKeepProcessor();
}

static VOID NTAPI WantIt(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(1);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    HogStops = 1;
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

KTEST(ex, resource_owner_is_boosted_for_who_waits)
{
    // Law: an owner that is kept from running by a thread of middling priority is boosted for a waiter of a higher one,
    // which would wait for ever otherwise (priority inversion).
    PETHREAD Owner, Middle, Waiter;

    HogStops = OwnerHas = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeInitializeEvent(&OwnerGo, NotificationEvent, FALSE);
    Owner = KtStartThread(OwnSlowly, NULL, 9);
    while (OwnerHas == 0)
        Rest();
    KeSetPriorityThread(&Owner->Tcb, 2);
    Owner->Tcb.BasePriority = 2;
    Waiter = KtStartThread(WantIt, NULL, 12);
    while (ExGetExclusiveWaiterCount(&Resource) == 0)
        Rest();
    KeSetEvent(&OwnerGo, 0, FALSE);
    Middle = KtStartThread(Hog, NULL, 10);
    KtJoin(Waiter);
    KtJoin(Middle);
    KtJoin(Owner);
    expect_status(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}
