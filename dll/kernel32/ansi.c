// SPDX-License-Identifier: MIT
// ANSI arguments and results. The ANSI code page is 1252, so a character is a byte and lengths agree.

#include "k32.h"

// A zeroed block of the process heap. NULL, with the last error set, when there is none.
PVOID BaseAllocate(SIZE_T Bytes)
{
    PVOID Memory = RtlAllocateHeap(RtlProcessHeap(), HEAP_ZERO_MEMORY, Bytes);

    if (Memory == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    }
    return Memory;
}

// Returns a block of BaseAllocate; NULL is allowed.
VOID BaseFreeMemory(PVOID Memory)
{
    if (Memory != NULL) {
        RtlFreeHeap(RtlProcessHeap(), 0, Memory);
    }
}

// Makes Wide hold Ansi in UTF-16; the caller frees with BaseFreeWide. FALSE, with the last error set, without memory.
BOOL BaseWiden(PBASE_WIDE Wide, LPCSTR Ansi)
{
    SIZE_T Length;
    ULONG Result;

    Wide->Buffer = NULL;
    if (Ansi == NULL) {
        return TRUE;
    }
    Length = strlen(Ansi) + 1;
    Wide->Buffer = Length <= MAX_PATH ? Wide->Local : BaseAllocate(Length * sizeof(WCHAR));
    if (Wide->Buffer == NULL) {
        return FALSE;
    }
    return BaseBool(RtlMultiByteToUnicodeN(Wide->Buffer, Length * sizeof(WCHAR), &Result, Ansi, Length));
}

// Undoes BaseWiden.
VOID BaseFreeWide(PBASE_WIDE Wide)
{
    if (Wide->Buffer != Wide->Local) {
        BaseFreeMemory(Wide->Buffer);
    }
}

// See k32.h.
ULONG BaseNarrowResult(LPCWSTR Wide, ULONG Length, LPSTR Buffer, ULONG Size)
{
    ULONG Result;

    if (Length >= Size || Buffer == NULL) {
        return Length + 1;
    }
    if (!NT_SUCCESS(RtlUnicodeToMultiByteN(Buffer, Size - 1, &Result, Wide, Length * sizeof(WCHAR)))) {
        return 0;
    }
    Buffer[Result] = 0;
    return Result;
}
