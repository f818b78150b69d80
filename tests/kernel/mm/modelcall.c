// SPDX-License-Identifier: MIT
// The model's steps around the memory of a region: writes by service, locks, write watch, flushes, and what takes pages
// out of memory. None but the first changes what the region holds.

#include "model.h"

// NtWriteVirtualMemory stops where a write would fail; what comes before is written.
static VOID MtStepWriteCopy(PMT_REGION Region)
{
    UCHAR Value = (UCHAR)KtRandom();
    ULONG First, Count, Index;
    NTSTATUS Expected = STATUS_SUCCESS, Status;
    SIZE_T Done = 0;

    MtChoosePart(Region, &First, &Count);
    memset(MtBuffer, Value, Count * PAGE_SIZE);
    for (Index = First; Index < First + Count; Index++) {
        Expected = MtExpectedTouch(Region, Index, TRUE);
        if (Expected != STATUS_SUCCESS)
            break;
    }
    Status = ZwWriteVirtualMemory(NtCurrentProcess(), MT_PAGE(Region->Base, First), MtBuffer, Count * PAGE_SIZE, &Done);
    expect_eq(Done, (Index - First) * PAGE_SIZE);
    expect_status(Status, Expected == STATUS_ACCESS_VIOLATION ? STATUS_PARTIAL_COPY : Expected);
    if (Expected == STATUS_GUARD_PAGE_VIOLATION)
        Region->Page[Index].Protect &= ~(ULONG)PAGE_GUARD;
    while (Index-- > First) {
        MtNoteWrite(Region, Index);
        Region->Page[Index].MaybeZero = FALSE;
        MtValueOf(Region, Index)[0] = MtValueOf(Region, Index)[1] = Value;
        MtCompare(Region, Index);
    }
}

// Takes everything out of memory that may go, in one of several ways.
static VOID MtTrim(VOID)
{
    switch (KtRandom() % 4) {
    case 0:
        MiTrimProcess(PsGetCurrentProcess());
        break;
    case 1:
        MmEmptyWorkingSet(PsGetCurrentProcess());
        break;
    case 2:
        MtPageOut();
        break;
    default:
        expect_status(MmMemoryListCommand(KtRandom() % (MemoryPurgeLowPriorityStandbyList + 1)), STATUS_SUCCESS);
        break;
    }
}

static NTSTATUS MtExpectedLock(PMT_REGION Region, ULONG First, ULONG Count)
{
    ULONG Least = PsGetCurrentProcess()->Vm.MinimumWorkingSetSize, Index;

    if (Count > Least)
        return STATUS_WORKING_SET_QUOTA;
    for (Index = First; Index < First + Count; Index++) {
        ULONG Protect = Region->Page[Index].Protect;

        if (!MtIsCommitted(Region, Index) || (Protect & 0xFF) == PAGE_NOACCESS || (Protect & PAGE_GUARD))
            return STATUS_ACCESS_VIOLATION;
    }
    return Count + MI_FLUID_LOCKED > Least ? STATUS_WORKING_SET_QUOTA : STATUS_SUCCESS;
}

// Locked pages stay whatever is done to the others, and are unlocked once.
static VOID MtStepLock(PMT_REGION Region)
{
    NTSTATUS Expected;
    ULONG First, Count, Index;
    PVOID Base;
    SIZE_T Size;

    MtChoosePart(Region, &First, &Count);
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    Expected = MtExpectedLock(Region, First, Count);
    expect_status(ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), Expected);
    if (Expected != STATUS_SUCCESS)
        return;
    MtTrim();
    for (Index = First; Index < First + Count; Index++) {
        expect(MiGetPteAddress(MT_PAGE(Region->Base, Index))->u.Hard.Valid);
        MtCompare(Region, Index);
    }
    expect_status(ZwUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    expect_status(ZwUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_NOT_LOCKED);
}

static BOOLEAN MtWasTold(PVOID Va, PVOID *Told, ULONG_PTR Count)
{
    while (Count-- > 0) {
        if (Told[Count] == Va)
            return TRUE;
    }
    return FALSE;
}

// What was written is told, and nothing else; told with a reset, it is not told again.
static VOID MtStepWatch(PMT_REGION Region)
{
    PVOID Told[MT_MOST_PAGES];
    ULONG_PTR Found = MT_MOST_PAGES;
    ULONG First, Count, Index, Flags = (KtRandom() & 1) ? WRITE_WATCH_FLAG_RESET : 0, Granularity = 0;
    NTSTATUS Status;

    MtChoosePart(Region, &First, &Count);
    Status = ZwGetWriteWatch(NtCurrentProcess(), Flags, MT_PAGE(Region->Base, First), Count * PAGE_SIZE, Told, &Found,
                             &Granularity);
    expect_status(Status, Region->Watched ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER_1);
    if (!Region->Watched)
        return;
    expect(Found <= Count && Granularity == PAGE_SIZE);
    for (Index = First; Index < First + Count; Index++) {
        PMT_PAGE_MODEL Page = &Region->Page[Index];

        if (Page->Watch != MtPerhapsWritten)
            expect_eq(MtWasTold(MT_PAGE(Region->Base, Index), Told, Found), Page->Watch == MtWritten);
        if (Flags != 0)
            Page->Watch = MtNotWritten;
    }
}

static VOID MtStepFlushView(PMT_REGION Region)
{
    BOOLEAN OfFile = Region->Section != NULL && Region->Section->File != NULL;
    IO_STATUS_BLOCK IoStatus;
    ULONG First, Count;
    PVOID Base;
    SIZE_T Size;

    MtChoosePart(Region, &First, &Count);
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    expect_status(ZwFlushVirtualMemory(NtCurrentProcess(), &Base, &Size, &IoStatus),
                  OfFile ? STATUS_SUCCESS : STATUS_NOT_MAPPED_DATA);
}

// One of these calls.
VOID MtStepAround(PMT_REGION Region)
{
    switch (KtRandom() % 6) {
    case 0:
    case 1:
        MtStepWriteCopy(Region);
        break;
    case 2:
        MtStepLock(Region);
        break;
    case 3:
        MtStepWatch(Region);
        break;
    case 4:
        MtStepFlushView(Region);
        break;
    default:
        MtTrim();
        break;
    }
}
