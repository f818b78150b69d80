// SPDX-License-Identifier: MIT
// Sorting and searching of the C library part of ntdll. The sort is a heap sort: no recursion, no memory of its own,
// and n log n comparisons whatever the input. Source: ISO C11 7.22.5.

#include "ntdllp.h"

typedef int(CDECL *PCOMPARE)(const void *First, const void *Second);

static VOID RtlpSwap(PCHAR a, PCHAR b, size_t Size)
{
    for (; Size != 0; Size--, a++, b++) {
        CHAR c = *a;

        *a = *b;
        *b = c;
    }
}

// Lets the element at Root sink until both its children are smaller.
static VOID RtlpSift(PCHAR Base, size_t Root, size_t Count, size_t Size, PCOMPARE Compare)
{
    size_t Child;

    while ((Child = 2 * Root + 1) < Count) {
        if (Child + 1 < Count && Compare(Base + Child * Size, Base + (Child + 1) * Size) < 0)
            Child++;
        if (Compare(Base + Root * Size, Base + Child * Size) >= 0)
            return;
        RtlpSwap(Base + Root * Size, Base + Child * Size, Size);
        Root = Child;
    }
}

void CDECL qsort(void *Base, size_t Count, size_t Size, PCOMPARE Compare)
{
    size_t i;

    for (i = Count / 2; i-- > 0;)
        RtlpSift(Base, i, Count, Size, Compare);
    for (i = Count; i-- > 1;) {
        RtlpSwap(Base, (PCHAR)Base + i * Size, Size);
        RtlpSift(Base, 0, i, Size, Compare);
    }
}

void *CDECL bsearch(const void *Key, const void *Base, size_t Count, size_t Size, PCOMPARE Compare)
{
    size_t Low = 0, High = Count;

    while (Low < High) {
        size_t Middle = Low + (High - Low) / 2;
        const char *Element = (const char *)Base + Middle * Size;
        int Order = Compare(Key, Element);

        if (Order == 0)
            return (void *)Element;
        if (Order < 0)
            High = Middle;
        else
            Low = Middle + 1;
    }
    return NULL;
}

// A linear search; *Count is the number of elements.
void *CDECL _lfind(const void *Key, const void *Base, unsigned *Count, unsigned Size, PCOMPARE Compare)
{
    const char *Element = Base;
    unsigned i;

    for (i = 0; i < *Count; i++, Element += Size) {
        if (Compare(Key, Element) == 0)
            return (void *)Element;
    }
    return NULL;
}
