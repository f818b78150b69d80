// SPDX-License-Identifier: MIT
// Laws of executive resources (ex/resource.c).

#include "ktest.h"

static ERESOURCE Resource;
static volatile LONG Readers, PeakReaders, Writers, Broken;
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
            LONG Now;

            ExAcquireResourceSharedLite(&Resource, TRUE);
            Now = InterlockedIncrement(&Readers);
            if (Now > PeakReaders)
                PeakReaders = Now;
            if (Writers != 0)
                InterlockedIncrement(&Broken);
        }
        IGNORE_STATUS(ZwYieldExecution());
        InterlockedDecrement(Write ? &Writers : &Readers);
        ExReleaseResourceLite(&Resource);
        KeLeaveCriticalRegion();
    }
}

KTEST(ex, resource_excludes_under_load)
{
    // Law: with many readers and writers a writer is always alone and readers share; in the end the resource is free.
    PETHREAD Threads[8];

    Readers = PeakReaders = Writers = Broken = 0;
    expect_status(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(ReadOrWrite, NULL, 8);
    KeSetEvent(&Gate, 0, FALSE);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(Broken, 0);
    expect(PeakReaders > 1);
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
    Writer = KtStartThread(WriteOnce, NULL, 16); // both run at once and wait
    Reader = KtStartThread(ReadOnce, NULL, 16);
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
