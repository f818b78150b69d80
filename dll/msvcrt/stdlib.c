// SPDX-License-Identifier: MIT
// Sorting, searching, random numbers and small arithmetic.

#include "crt.h"
#include <search.h>

typedef int(__cdecl *CRT_COMPARE)(const void *, const void *);

static void CrtpSwap(char *First, char *Second, size_t Width)
{
    while (Width-- != 0) {
        char Saved = *First;

        *First++ = *Second;
        *Second++ = Saved;
    }
}

static void CrtpSift(char *Base, size_t Root, size_t Count, size_t Width, CRT_COMPARE Compare)
{
    size_t Child;

    while ((Child = 2 * Root + 1) < Count) {
        if (Child + 1 < Count && Compare(Base + Child * Width, Base + (Child + 1) * Width) < 0) {
            Child++;
        }
        if (Compare(Base + Root * Width, Base + Child * Width) >= 0) {
            return;
        }
        CrtpSwap(Base + Root * Width, Base + Child * Width, Width);
        Root = Child;
    }
}

// A heap sort: never worse than n log n, no recursion, no memory. Like Microsoft's it is not stable.
void __cdecl qsort(void *Array, size_t Count, size_t Width, CRT_COMPARE Compare)
{
    char *Base = Array;

    for (size_t Root = Count / 2; Root-- > 0;) {
        CrtpSift(Base, Root, Count, Width, Compare);
    }
    for (size_t Last = Count; Last > 1;) {
        Last--;
        CrtpSwap(Base, Base + Last * Width, Width);
        CrtpSift(Base, 0, Last, Width, Compare);
    }
}

void *__cdecl bsearch(const void *Key, const void *Array, size_t Count, size_t Width, CRT_COMPARE Compare)
{
    const char *Base = Array;

    while (Count != 0) {
        const char *Middle = Base + Count / 2 * Width;
        int Order = Compare(Key, Middle);

        if (Order == 0) {
            return (void *)Middle;
        }
        if (Order > 0) {
            Base = Middle + Width;
            Count -= Count / 2 + 1;
        } else {
            Count /= 2;
        }
    }
    return NULL;
}

void *__cdecl _lfind(const void *Key, const void *Array, unsigned *Count, unsigned Width, CRT_COMPARE Compare)
{
    const char *Item = Array;

    for (unsigned i = 0; i < *Count; i++, Item += Width) {
        if (Compare(Key, Item) == 0) {
            return (void *)Item;
        }
    }
    return NULL;
}

void *__cdecl _lsearch(const void *Key, void *Array, unsigned *Count, unsigned Width, CRT_COMPARE Compare)
{
    void *Found = _lfind(Key, Array, Count, Width, Compare);

    if (Found == NULL) {
        Found = memcpy((char *)Array + *Count * Width, Key, Width);
        (*Count)++;
    }
    return Found;
}

// The library's published generator: 15 bits of a linear congruence, one state per thread.
void __cdecl srand(unsigned Seed)
{
    CrtThread()->RandomSeed = Seed;
}

int __cdecl rand(void)
{
    CRT_THREAD *Thread = CrtThread();

    Thread->RandomSeed = Thread->RandomSeed * 214013u + 2531011u;
    return (int)(Thread->RandomSeed >> 16 & RAND_MAX);
}

errno_t __cdecl rand_s(unsigned *Value)
{
    LARGE_INTEGER Counter;

    if (Value == NULL) {
        return EINVAL;
    }
    QueryPerformanceCounter(&Counter);
    *Value = (unsigned)rand() << 30 ^ (unsigned)rand() << 15 ^ (unsigned)rand() ^ Counter.LowPart;
    return 0;
}

int __cdecl abs(int Value)
{
    return Value < 0 ? -Value : Value;
}

long __cdecl labs(long Value)
{
    return Value < 0 ? -Value : Value;
}

long long __cdecl _abs64(long long Value)
{
    return Value < 0 ? -Value : Value;
}

div_t __cdecl div(int Numerator, int Denominator)
{
    div_t Result = {Numerator / Denominator, Numerator % Denominator};

    return Result;
}

ldiv_t __cdecl ldiv(long Numerator, long Denominator)
{
    ldiv_t Result = {Numerator / Denominator, Numerator % Denominator};

    return Result;
}

#undef _rotl
#undef _rotr
#undef _lrotl
#undef _lrotr
unsigned __cdecl _rotl(unsigned Value, int Shift)
{
    Shift &= 31;
    return Shift == 0 ? Value : Value << Shift | Value >> (32 - Shift);
}

unsigned __cdecl _rotr(unsigned Value, int Shift)
{
    return _rotl(Value, 32 - (Shift & 31));
}

unsigned long __cdecl _lrotl(unsigned long Value, int Shift)
{
    return _rotl(Value, Shift);
}

unsigned long __cdecl _lrotr(unsigned long Value, int Shift)
{
    return _rotr(Value, Shift);
}
