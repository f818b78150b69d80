// SPDX-License-Identifier: MIT
// Stands for ntos.h when FAT's pure code is built natively: the same type names at the same sizes on a 64-bit host.

#ifndef MICA_TESTS_FATHOST_H
#define MICA_TESTS_FATHOST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VOID void
#define TRUE 1
#define FALSE 0
#define MAXULONG 0xFFFFFFFFu
#define FORCEINLINE static inline
#define C_ASSERT_SIZE(Type, Size) _Static_assert(sizeof(Type) == (Size), "size of " #Type)

typedef uint8_t UCHAR, BOOLEAN, *PUCHAR;
typedef uint16_t USHORT;
typedef uint16_t WCHAR;
typedef uint32_t ULONG;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG;

typedef char CHAR;
#define IGNORE_STATUS(Expression) ((void)(Expression))
static inline int RtlOemToUnicodeN(WCHAR *Unicode, ULONG UnicodeSize, ULONG *Result, const CHAR *Oem, ULONG OemSize)
{
    (void)UnicodeSize, (void)Result, (void)OemSize;
    *Unicode = (UCHAR)*Oem;
    return 0;
}

// The kernel's comes from rtl/; the tests need ASCII and Latin-1 only.
static inline WCHAR RtlUpcaseUnicodeChar(WCHAR Character)
{
    if ((Character >= 'a' && Character <= 'z') || (Character >= 0xE0 && Character <= 0xFE && Character != 0xF7))
        return (WCHAR)(Character - 0x20);
    return Character;
}

#endif
