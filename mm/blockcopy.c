// SPDX-License-Identifier: MIT
// Clearing and copying memory through an SSE register: a third, and half, of the instructions that rep stos and rep
// movs take under an emulator. The register and CR0.TS are put back, so whoever owns this processor's FPU does not
// notice (Intel SDM 1, 10.4); at DISPATCH_LEVEL the thread is neither switched nor moved meanwhile.

#include "mi.h"

#define MI_BLOCK 256u // bytes a step of the loops
#define MI_BLOCK_COPY_MINIMUM 512u

// Moves 64 bytes at offset o of a block, both pointers relative to the end.
#define MI_MOVE_16(o) "movups " #o "(%1,%2), %%xmm0\n\tmovups %%xmm0, " #o "(%0,%2)\n\t"
#define MI_MOVE_64(a, b, c, d) MI_MOVE_16(a) MI_MOVE_16(b) MI_MOVE_16(c) MI_MOVE_16(d)
#define MI_CLEAR_64(a, b, c, d)                                                                                        \
    "movaps %%xmm0, " #a "(%0,%1)\n\tmovaps %%xmm0, " #b "(%0,%1)\n\tmovaps %%xmm0, " #c                               \
    "(%0,%1)\n\tmovaps %%xmm0, " #d "(%0,%1)\n\t"

// Clears a page. IRQL >= DISPATCH_LEVEL. The processor has SSE.
VOID MiZeroWithSse(PVOID Page)
{
    PUCHAR End = (PUCHAR)Page + PAGE_SIZE;
    LONG Offset = -(LONG)PAGE_SIZE;
    UCHAR Saved[16];
    ULONG Cr0;

    __asm__ volatile("mov %%cr0, %0; clts" : "=r"(Cr0) : : "memory");
    __asm__ volatile("movups %%xmm0, (%2)\n\t"
                     "xorps %%xmm0, %%xmm0\n"
                     "1:\t" MI_CLEAR_64(0, 16, 32, 48) MI_CLEAR_64(64, 80, 96, 112) MI_CLEAR_64(128, 144, 160, 176)
                         MI_CLEAR_64(192, 208, 224, 240) "add $256, %1\n\t"
                                                         "jnz 1b\n\t"
                                                         "movups (%2), %%xmm0"
                     : "+r"(End), "+r"(Offset)
                     : "r"(Saved)
                     : "memory", "cc");
    __asm__ volatile("mov %0, %%cr0" : : "r"(Cr0) : "memory");
}

// Copies Length bytes, a multiple of MI_BLOCK, not 0. IRQL >= DISPATCH_LEVEL. The processor has SSE. Returns how many
// were not copied: a page fault in here goes to MiSseCopyEnd (MmIsBlockCopy), at the last block's beginning.
static __attribute__((noinline)) ULONG MiCopyWithSse(PVOID To, const VOID *From, ULONG Length)
{
    PUCHAR Target = (PUCHAR)To + Length;
    const UCHAR *Source = (const UCHAR *)From + Length;
    LONG Offset = -(LONG)Length;
    UCHAR Saved[16];
    ULONG Cr0;

    __asm__ volatile("mov %%cr0, %0; clts" : "=r"(Cr0) : : "memory");
    __asm__ volatile("movups %%xmm0, (%3)\n"
                     "MiSseCopyStart:\n"
                     "1:\t" MI_MOVE_64(0, 16, 32, 48) MI_MOVE_64(64, 80, 96, 112) MI_MOVE_64(128, 144, 160, 176)
                         MI_MOVE_64(192, 208, 224, 240) "add $256, %2\n\t"
                                                        "jnz 1b\n"
                                                        "MiSseCopyEnd:\n\t"
                                                        "movups (%3), %%xmm0"
                     : "+r"(Target), "+r"(Source), "+r"(Offset)
                     : "r"(Saved)
                     : "memory", "cc");
    __asm__ volatile("mov %0, %%cr0" : : "r"(Cr0) : "memory");
    return (ULONG)-Offset;
}

// Copies a page that is mapped at both places. IRQL >= DISPATCH_LEVEL.
VOID MiCopyMappedPage(PVOID To, const VOID *From)
{
    ULONG Count = PAGE_SIZE / sizeof(ULONG);

    if (KeFeatureBits & KF_XMMI)
        MiCopyWithSse(To, From, PAGE_SIZE);
    else
        __asm__ volatile("rep movsl" : "+D"(To), "+S"(From), "+c"(Count) : : "memory");
}

// Did this instruction fault in the copying loop? Then *Eip becomes where the loop ends early. Any IRQL.
BOOLEAN MmIsBlockCopy(PULONG Eip)
{
    extern UCHAR MiSseCopyStart[], MiSseCopyEnd[];

    if (*Eip < (ULONG)MiSseCopyStart || *Eip >= (ULONG)MiSseCopyEnd)
        return FALSE;
    *Eip = (ULONG)MiSseCopyEnd;
    return TRUE;
}

// Copies as memcpy does, for large buffers. A page that is not there is left to memcpy, at the caller's IRQL, where it
// is faulted in; so what an access raises is raised as from memcpy.
//
// IRQL <= APC_LEVEL; the buffers may be user addresses and do not overlap.
VOID MmCopyBuffer(PVOID To, const VOID *From, SIZE_T Length)
{
    while (Length >= MI_BLOCK_COPY_MINIMUM && (KeFeatureBits & KF_XMMI)) {
        ULONG Piece = min_of(Length, PAGE_SIZE) & ~(MI_BLOCK - 1), Left;
        KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL); // a page at a time: others want the processor too

        Left = MiCopyWithSse(To, From, Piece);
        KfLowerIrql(OldIrql);
        if (Left != 0)
            memcpy((PUCHAR)To + Piece - Left, (const UCHAR *)From + Piece - Left, Left);
        To = (PUCHAR)To + Piece;
        From = (const UCHAR *)From + Piece;
        Length -= Piece;
    }
    if (Length != 0)
        memcpy(To, From, Length);
}
