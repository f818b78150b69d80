// SPDX-License-Identifier: MIT
// Memory routines that are macros for C code but exports for programs. Source: WDK documentation.

#include "ntdllp.h"

#undef RtlMoveMemory
#undef RtlZeroMemory
#undef RtlFillMemory

VOID NTAPI RtlMoveMemory(PVOID Destination, const VOID *Source, SIZE_T Length)
{
    memmove(Destination, Source, Length);
}

VOID NTAPI RtlZeroMemory(PVOID Destination, SIZE_T Length)
{
    memset(Destination, 0, Length);
}

VOID NTAPI RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Value)
{
    memset(Destination, Value, Length);
}

// Fills with a doubleword pattern; Length is rounded down to one.
VOID NTAPI RtlFillMemoryUlong(PVOID Destination, SIZE_T Length, ULONG Pattern)
{
    PULONG p = Destination;

    for (Length /= sizeof(ULONG); Length != 0; Length--)
        *p++ = Pattern;
}

// How many bytes at the start are a repetition of Pattern.
SIZE_T NTAPI RtlCompareMemoryUlong(PVOID Memory, SIZE_T Length, ULONG Pattern)
{
    PULONG p = Memory;
    SIZE_T n = 0;

    while (n < Length / sizeof(ULONG) && p[n] == Pattern)
        n++;
    return n * sizeof(ULONG);
}
