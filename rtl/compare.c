// SPDX-License-Identifier: MIT
// Comparing and hashing counted strings. Case-insensitive means: after upper-casing every unit.
// Source: WDK documentation. Any IRQL, as far as the strings may be touched.

#include "rtlp.h"

#define HASH_STRING_ALGORITHM_DEFAULT 0
#define HASH_STRING_ALGORITHM_X65599 1
#define HASH_MULTIPLIER 65599

static LONG RtlpCompareUnits(const WCHAR *First, const WCHAR *Second, ULONG Count, BOOLEAN CaseInsensitive)
{
    ULONG i;
    WCHAR a, b;

    for (i = 0; i < Count; i++) {
        a = First[i];
        b = Second[i];
        if (a == b)
            continue;
        if (CaseInsensitive) {
            a = RtlUpcaseUnicodeChar(a);
            b = RtlUpcaseUnicodeChar(b);
        }
        if (a != b)
            return (LONG)a - (LONG)b;
    }
    return 0;
}

// Negative, zero, positive, as First sorts before, with, after Second; a prefix sorts first.
LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInsensitive)
{
    ULONG a = First->Length / sizeof(WCHAR), b = Second->Length / sizeof(WCHAR);
    LONG Result = RtlpCompareUnits(First->Buffer, Second->Buffer, min_of(a, b), CaseInsensitive);

    return Result != 0 ? Result : (LONG)a - (LONG)b;
}

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInsensitive)
{
    return First->Length == Second->Length &&
           RtlpCompareUnits(First->Buffer, Second->Buffer, First->Length / sizeof(WCHAR), CaseInsensitive) == 0;
}

// TRUE if String begins with Prefix.
BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING Prefix, PCUNICODE_STRING String, BOOLEAN CaseInsensitive)
{
    return Prefix->Length <= String->Length &&
           RtlpCompareUnits(Prefix->Buffer, String->Buffer, Prefix->Length / sizeof(WCHAR), CaseInsensitive) == 0;
}

// 8-bit strings: ASCII case only.
BOOLEAN NTAPI RtlEqualString(const STRING *First, const STRING *Second, BOOLEAN CaseInsensitive)
{
    USHORT i;

    if (First->Length != Second->Length)
        return FALSE;
    if (!CaseInsensitive)
        return memcmp(First->Buffer, Second->Buffer, First->Length) == 0;
    for (i = 0; i < First->Length; i++) {
        if (_strnicmp(First->Buffer + i, Second->Buffer + i, 1) != 0)
            return FALSE;
    }
    return TRUE;
}

// The hash that NT publishes for names: each unit added to 65599 times the value so far.
// STATUS_INVALID_PARAMETER for an unknown algorithm.
NTCHECK RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInsensitive, ULONG Algorithm, PULONG Hash)
{
    ULONG Value = 0;
    USHORT i;

    if (String == NULL || Hash == NULL || Algorithm > HASH_STRING_ALGORITHM_X65599)
        return STATUS_INVALID_PARAMETER;
    for (i = 0; i < String->Length / sizeof(WCHAR); i++)
        Value =
            Value * HASH_MULTIPLIER + (CaseInsensitive ? RtlUpcaseUnicodeChar(String->Buffer[i]) : String->Buffer[i]);
    *Hash = Value;
    return STATUS_SUCCESS;
}
