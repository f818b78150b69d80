// SPDX-License-Identifier: MIT
// Laws of rtl/bitmap.c, against a model of one byte a bit.

#include "hosttest.h"

#define MAXIMUM_BITS 300
#define ROUNDS 4000

static UCHAR Model[MAXIMUM_BITS];
static PULONG Words;

static BOOLEAN ModelIs(ULONG Start, ULONG Count, UCHAR Value)
{
    ULONG i;

    for (i = 0; i < Count; i++) {
        if (Model[Start + i] != Value)
            return FALSE;
    }
    return TRUE;
}

static ULONG ModelFind(ULONG Bits, ULONG Count, ULONG Hint)
{
    ULONG i;

    for (i = Hint; i + Count <= Bits; i++) {
        if (ModelIs(i, Count, 0))
            return i;
    }
    for (i = 0; i < Hint && i + Count <= Bits; i++) {
        if (ModelIs(i, Count, 0))
            return i;
    }
    return MAXULONG;
}

static VOID CheckOnce(PRTL_BITMAP Map, ULONG Bits)
{
    ULONG Start = HostRandom() % Bits, Count = HostRandom() % (Bits - Start + 1), Want = HostRandom() % 40 + 1, i,
          Ones = 0;

    switch (HostRandom() % 4) {
    case 0:
        RtlSetBits(Map, Start, Count);
        memset(Model + Start, 1, Count);
        break;
    case 1:
        RtlClearBits(Map, Start, Count);
        memset(Model + Start, 0, Count);
        break;
    case 2:
        expect_eq(RtlFindClearBits(Map, Want, Start), ModelFind(Bits, Want, Start));
        break;
    default:
        i = RtlFindClearBitsAndSet(Map, Want, Start);
        expect_eq(i, ModelFind(Bits, Want, Start));
        if (i != MAXULONG)
            memset(Model + i, 1, Want);
        break;
    }
    expect_eq(RtlAreBitsClear(Map, Start, Count), Count != 0 && ModelIs(Start, Count, 0));
    expect_eq(RtlAreBitsSet(Map, Start, Count), Count != 0 && ModelIs(Start, Count, 1));
    for (i = 0; i < Bits; i++) {
        Ones += Model[i];
        expect_eq(RtlTestBit(Map, i), Model[i]);
    }
    expect_eq(RtlNumberOfSetBits(Map), Ones);
}

HOST_TEST(a_bitmap_is_an_array_of_bits)
{
    RTL_BITMAP Map;
    ULONG Round, Bits = 0;

    for (Round = 0; Round < ROUNDS; Round++) {
        if (Round % 200 == 0) {
            Bits = HostRandom() % MAXIMUM_BITS + 1;
            Words = HostGuarded((Bits + 31) / 32 * 4);
            RtlInitializeBitMap(&Map, Words, Bits);
            RtlClearAllBits(&Map);
            memset(Model, 0, sizeof(Model));
        }
        CheckOnce(&Map, Bits);
    }
    RtlSetAllBits(&Map);
    expect_eq(RtlNumberOfSetBits(&Map), Bits);
}

HOST_TEST(ranges_outside_the_bitmap_change_nothing)
{
    ULONG Buffer[2] = {0, 0};
    RTL_BITMAP Map;

    RtlInitializeBitMap(&Map, Buffer, 40);
    RtlSetBits(&Map, 39, 2);
    RtlSetBits(&Map, MAXULONG, 2);
    RtlSetBits(&Map, 2, MAXULONG);
    expect_eq(Buffer[0] | Buffer[1], 0);
    expect(!RtlTestBit(&Map, 40) && !RtlAreBitsClear(&Map, 30, 11));
    expect_eq(RtlFindClearBits(&Map, 41, 0), MAXULONG);
}
