// SPDX-License-Identifier: MIT
// Laws of the copy through SSE registers, which runs at DISPATCH_LEVEL and gives up at the first page that is not
// there.

#include "mmtest.h"

#define MT_COPY_BYTES (6 * PAGE_SIZE)

static NTSTATUS MtCopyBuffer(PVOID To, const VOID *From, SIZE_T Length)
{
    SEH_TRY
    {
        MmCopyBuffer(To, From, Length);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

KTEST(mm, block_copies_are_exact)
{
    // Law: MmCopyBuffer moves exactly its bytes, at any alignment, from and to pages that are not in memory yet.
    PUCHAR From = MtAllocate(MT_COPY_BYTES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Round, Index, Wrong = 0;

    for (Index = 0; Index < MT_COPY_BYTES; Index++)
        From[Index] = (UCHAR)(Index * 7 + Index / 251);
    for (Round = 0; Round < 40; Round++) {
        PUCHAR To = MtAllocate(MT_COPY_BYTES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        ULONG Source = KtRandom() % PAGE_SIZE, Target = KtRandom() % PAGE_SIZE;
        ULONG Length = KtRandom() % (MT_COPY_BYTES - PAGE_SIZE);

        expect_status(MtCopyBuffer(To + Target, From + Source, Length), STATUS_SUCCESS);
        for (Index = 0; Index < Length; Index++)
            Wrong += To[Target + Index] != From[Source + Index];
        Wrong += To[Target + Length] != 0 || (Target != 0 && To[Target - 1] != 0);
        expect_status(MtFree(To), STATUS_SUCCESS);
    }
    expect_eq(Wrong, 0);
    expect_status(MtFree(From), STATUS_SUCCESS);
}

KTEST(mm, block_copy_stops_at_the_bad_page)
{
    // Law: a page that may not be touched raises the access violation, with everything before it copied, at the
    // caller's IRQL and with the caller's SSE registers.
    PUCHAR To = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PUCHAR From = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Old;

    memset(From, 0xA7, 4 * PAGE_SIZE);
    expect_status(MtProtect(MT_PAGE(To, 2), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_status(MtCopyBuffer(To + 1000, From, 3 * PAGE_SIZE), STATUS_ACCESS_VIOLATION);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    expect_eq(MT_PAGE(To, 2)[-1], 0xA7);
    expect_eq(*MT_PAGE(To, 2), 0);
    expect_status(MtCopyBuffer(To, MT_PAGE(From, 4), PAGE_SIZE), STATUS_ACCESS_VIOLATION); // nothing is mapped there
    expect_status(MtFree(From), STATUS_SUCCESS);
    expect_status(MtFree(To), STATUS_SUCCESS);
}
