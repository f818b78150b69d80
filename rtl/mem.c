// SPDX-License-Identifier: MIT
// Memory: copy, move, set, compare. GCC calls the four C names on its own, so this file must not be compiled into calls
// of itself. The string instructions are used because a doubleword a step is the least work there is without SSE.
// All: any IRQL, as far as the memory itself may be touched.

#include "rtlp.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define SMALL_COPY 16 // below this, aligning the pointers costs more than it saves

// Copies Length bytes; the areas must not overlap. Returns Destination.
void *CDECL memcpy(void *Destination, const void *Source, size_t Length)
{
    void *To = Destination;
    const void *From = Source;
    size_t Count;

    Count = Length >> 2;
    __asm__ volatile("rep movsl" : "+D"(To), "+S"(From), "+c"(Count) : : "memory");
    Count = Length & 3;
    __asm__ volatile("rep movsb" : "+D"(To), "+S"(From), "+c"(Count) : : "memory");
    return Destination;
}

// Copies downwards, from the last byte to the first. The direction flag is up again at the end of the one statement.
static void RtlpCopyBackwards(char *To, const char *From, size_t Length)
{
    size_t Count = Length & 3, Words = Length >> 2;

    To += Length - 1;
    From += Length - 1;
    __asm__ volatile("std\n\t"
                     "rep movsb\n\t"
                     "sub $3, %%edi\n\t"
                     "sub $3, %%esi\n\t"
                     "mov %3, %%ecx\n\t"
                     "rep movsl\n\t"
                     "cld"
                     : "+D"(To), "+S"(From), "+c"(Count)
                     : "r"(Words)
                     : "memory", "cc");
}

// Copies Length bytes between areas that may overlap. Returns Destination.
void *CDECL memmove(void *Destination, const void *Source, size_t Length)
{
    if ((ULONG_PTR)Destination - (ULONG_PTR)Source >= Length)
        return memcpy(Destination, Source, Length);
    RtlpCopyBackwards(Destination, Source, Length);
    return Destination;
}

// Fills Length bytes with the low byte of Value. Returns Destination.
void *CDECL memset(void *Destination, int Value, size_t Length)
{
    void *To = Destination;
    ULONG Pattern = (UCHAR)Value * 0x01010101u;
    size_t Count;

    if (Length >= SMALL_COPY) {
        Count = -(ULONG_PTR)To & 3;
        Length -= Count;
        __asm__ volatile("rep stosb" : "+D"(To), "+c"(Count) : "a"(Pattern) : "memory");
    }
    Count = Length >> 2;
    __asm__ volatile("rep stosl" : "+D"(To), "+c"(Count) : "a"(Pattern) : "memory");
    Count = Length & 3;
    __asm__ volatile("rep stosb" : "+D"(To), "+c"(Count) : "a"(Pattern) : "memory");
    return Destination;
}

// Compares as unsigned bytes: negative, zero or positive.
int CDECL memcmp(const void *First, const void *Second, size_t Length)
{
    const UCHAR *a = First, *b = Second;

    while (Length >= sizeof(ULONG) && *(const ULONG *)a == *(const ULONG *)b) {
        a += sizeof(ULONG);
        b += sizeof(ULONG);
        Length -= sizeof(ULONG);
    }
    for (; Length != 0; a++, b++, Length--) {
        if (*a != *b)
            return *a - *b;
    }
    return 0;
}

// Returns how many bytes at the start of the two areas are equal (WDK: RtlCompareMemory).
SIZE_T NTAPI RtlCompareMemory(const VOID *First, const VOID *Second, SIZE_T Length)
{
    const UCHAR *a = First, *b = Second;
    SIZE_T Equal = 0;

    while (Equal < Length && a[Equal] == b[Equal])
        Equal++;
    return Equal;
}
