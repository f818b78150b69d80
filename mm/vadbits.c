// SPDX-License-Identifier: MIT
// The map of an address space: one bit for each 64 KB of it, set where a descriptor lies, so that room for a new one is
// found without a walk over all of them. The lowest free place is not below the hint. The map is made when room is
// first looked for; a process that has none (no memory for it) is searched through its tree. The address creation lock
// is held around everything here.

#include "mi.h"

#define MI_WORD_BITS 32u
#define MI_PAGES_A_BIT_SHIFT 4 // MM_ALLOCATION_GRANULARITY

static ULONG MiBitOfVpn(ULONG_PTR Vpn)
{
    return (ULONG)(Vpn >> MI_PAGES_A_BIT_SHIFT);
}

// Says that a descriptor lies at the pages.
VOID MiSetVadBits(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMM_VAD_MAP Map = &Process->VadMap;

    if (Map->BitMap.Buffer == NULL)
        return;
    RtlSetBits(&Map->BitMap, MiBitOfVpn(StartVpn), MiBitOfVpn(EndVpn) - MiBitOfVpn(StartVpn) + 1);
    if (MiBitOfVpn(StartVpn) <= Map->Hint && MiBitOfVpn(EndVpn) >= Map->Hint)
        Map->Hint = MiBitOfVpn(EndVpn) + 1;
}

// No descriptor covers the pages any more; their neighbours in the same 64 KB may still have one.
VOID MiClearVadBits(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMM_VAD_MAP Map = &Process->VadMap;
    ULONG First = MiBitOfVpn(StartVpn), Last = MiBitOfVpn(EndVpn);
    ULONG_PTR Mask = (1u << MI_PAGES_A_BIT_SHIFT) - 1;

    if (Map->BitMap.Buffer == NULL)
        return;
    if (MiFindOverlap(&Process->VadRoot, StartVpn & ~Mask, StartVpn | Mask) != NULL)
        First++;
    if (Last >= First && MiFindOverlap(&Process->VadRoot, EndVpn & ~Mask, EndVpn | Mask) != NULL)
        Last--;
    if (Last + 1 > First) { // the first may lie behind the last, at 0
        RtlClearBits(&Map->BitMap, First, Last - First + 1);
        if (Last >= Map->Bias)
            Map->Hint = min_of(Map->Hint, max_of(First, Map->Bias));
    }
}

// Gives the process its map, if there is memory for one. FALSE: there is none.
BOOLEAN MiMakeVadMap(PEPROCESS Process)
{
    PMM_VAD_MAP Map = &Process->VadMap;
    ULONG Bits = MiBitOfVpn(MI_VPN(MM_HIGHEST_VAD_ADDRESS)) + 1;
    PMMVAD Vad;

    if (Map->BitMap.Buffer != NULL)
        return TRUE;
    if (Process->Flags & PS_PROCESS_FLAGS_VM_DELETED)
        return FALSE;
    Map->BitMap.Buffer = ExAllocatePoolZero(PagedPool, ALIGN_UP_BY(Bits, MI_WORD_BITS) / 8, TAG_VAD_MAP);
    if (Map->BitMap.Buffer == NULL)
        return FALSE;
    Map->BitMap.SizeOfBitMap = Bits;
    // What lies below the bias is given out by a walk through the tree when nothing above it is left.
    Map->Hint = Map->Bias = MiBitOfVpn(MI_VPN(MM_LOWEST_USER_ADDRESS)) + MiMemoryBias();
    for (Vad = MiFirstVad(&Process->VadRoot); Vad != NULL; Vad = MiNextVad(Vad))
        MiSetVadBits(Process, Vad->StartingVpn, Vad->EndingVpn);
    return TRUE;
}

VOID MiDeleteVadMap(PEPROCESS Process)
{
    if (Process->VadMap.BitMap.Buffer != NULL)
        ExFreePoolWithTag(Process->VadMap.BitMap.Buffer, TAG_VAD_MAP);
    Process->VadMap.BitMap.Buffer = NULL;
}

// The lowest clear bit in [Bit, End), or End.
static ULONG MiNextClear(const ULONG *Words, ULONG Bit, ULONG End)
{
    ULONG Clear;

    while (Bit < End) {
        Clear = ~Words[Bit / MI_WORD_BITS] & (MAXULONG << (Bit % MI_WORD_BITS));
        if (Clear != 0)
            return min_of(End, (Bit & ~(MI_WORD_BITS - 1)) + (ULONG)__builtin_ctz(Clear));
        Bit = (Bit | (MI_WORD_BITS - 1)) + 1;
    }
    return End;
}

// The highest clear bit below End, plus 1; Bottom if there is none at or above that.
static ULONG MiPreviousClear(const ULONG *Words, ULONG End, ULONG Bottom)
{
    ULONG Clear;

    while (End > Bottom) {
        Clear = ~Words[(End - 1) / MI_WORD_BITS] & (MAXULONG >> (MI_WORD_BITS - 1 - (End - 1) % MI_WORD_BITS));
        if (Clear != 0)
            return max_of(Bottom, ((End - 1) & ~(MI_WORD_BITS - 1)) + MI_WORD_BITS - (ULONG)__builtin_clz(Clear));
        End = (End - 1) & ~(MI_WORD_BITS - 1);
    }
    return Bottom;
}

// The lowest run of Count clear bits that begins at a multiple of Align and ends before End. MAXULONG: none.
static ULONG MiFindRun(PMM_VAD_MAP Map, ULONG Count, ULONG Align, ULONG End)
{
    ULONG Bit = MiNextClear(Map->BitMap.Buffer, Map->Hint, End);

    Map->Hint = max_of(Map->Hint, Bit); // below it everything is taken
    for (;;) {
        ULONG Start = ALIGN_UP_BY(Bit, Align), Used;

        if (Start >= End || End - Start < Count)
            return MAXULONG;
        for (Used = Start; Used < Start + Count; Used++) {
            if (Used % MI_WORD_BITS == 0 && Start + Count - Used >= MI_WORD_BITS &&
                Map->BitMap.Buffer[Used / MI_WORD_BITS] == 0) {
                Used += MI_WORD_BITS - 1;
                continue;
            }
            if (RtlTestBit(&Map->BitMap, Used))
                break;
        }
        if (Used >= Start + Count)
            return Start;
        Bit = MiNextClear(Map->BitMap.Buffer, Used, End);
    }
}

// The highest run of Count clear bits, begun at a multiple of Align, that ends before End. MAXULONG: none.
static ULONG MiFindRunFromTop(PMM_VAD_MAP Map, ULONG Count, ULONG Align, ULONG End)
{
    ULONG Bottom = MiBitOfVpn(MI_VPN(MM_LOWEST_USER_ADDRESS));

    for (;;) {
        ULONG Start, Used;

        End = MiPreviousClear(Map->BitMap.Buffer, End, Bottom);
        if (End < Bottom + Count)
            return MAXULONG;
        Start = ALIGN_DOWN_BY(End - Count, Align);
        if (Start < Bottom)
            return MAXULONG;
        for (Used = Start + Count; Used > Start; Used--) {
            if (Used % MI_WORD_BITS == 0 && Used - Start >= MI_WORD_BITS &&
                Map->BitMap.Buffer[Used / MI_WORD_BITS - 1] == 0) {
                Used -= MI_WORD_BITS - 1;
                continue;
            }
            if (RtlTestBit(&Map->BitMap, Used - 1))
                break;
        }
        if (Used <= Start)
            return Start;
        End = Used - 1;
    }
}

// Looks for room of Pages pages up to LastVpn in the map. Align: bytes, a multiple of the granularity. FALSE: there is
// no such run of whole 64 KB, or no map; between descriptors that begin elsewhere there may still be room.
BOOLEAN MiFindInVadMap(PEPROCESS Process, ULONG_PTR Pages, ULONG_PTR LastVpn, SIZE_T Align, BOOLEAN TopDown,
                       PULONG_PTR Vpn)
{
    ULONG Count = MiBitOfVpn(Pages + (1u << MI_PAGES_A_BIT_SHIFT) - 1), Bit;
    ULONG Step = (ULONG)(Align / MM_ALLOCATION_GRANULARITY), End = MiBitOfVpn(LastVpn + 1);

    if (!MiMakeVadMap(Process))
        return FALSE;
    Bit =
        TopDown ? MiFindRunFromTop(&Process->VadMap, Count, Step, End) : MiFindRun(&Process->VadMap, Count, Step, End);
    if (Bit == MAXULONG)
        return FALSE;
    *Vpn = (ULONG_PTR)Bit << MI_PAGES_A_BIT_SHIFT;
    return TRUE;
}
