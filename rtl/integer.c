// SPDX-License-Identifier: MIT
// Numbers in counted strings. Source: WDK documentation. Any IRQL, as far as the strings may be touched.

#include "rtlp.h"

static BOOLEAN RtlpIsBase(ULONG Base)
{
    return Base == 2 || Base == 8 || Base == 10 || Base == 16;
}

// Writes Value in Base (0: 10; 2, 8, 10, 16) with a terminator if there is room for one.
// STATUS_INVALID_PARAMETER, STATUS_BUFFER_OVERFLOW.
NTCHECK RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR Digits[32];
    UNICODE_STRING Text;
    ULONG At = RTL_NUMBER_OF(Digits);

    if (Base == 0)
        Base = 10;
    if (!RtlpIsBase(Base))
        return STATUS_INVALID_PARAMETER;
    do {
        Digits[--At] = "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    Text.Buffer = &Digits[At];
    Text.Length = Text.MaximumLength = (USHORT)((RTL_NUMBER_OF(Digits) - At) * sizeof(WCHAR));
    if (Text.Length > String->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    RtlCopyUnicodeString(String, &Text);
    return STATUS_SUCCESS;
}

static ULONG RtlpDigit(WCHAR Character)
{
    if (Character >= '0' && Character <= '9')
        return Character - '0';
    Character |= 0x20;
    return Character >= 'a' && Character <= 'f' ? Character - 'a' + 10u : 99;
}

// The base that a prefix 0x, 0o or 0b names; moves *At behind it. 10 without one.
static ULONG RtlpReadPrefix(PCUNICODE_STRING String, PULONG At)
{
    ULONG Count = String->Length / sizeof(WCHAR), Base = 10;

    if (*At + 1 >= Count || String->Buffer[*At] != '0')
        return 10;
    switch (String->Buffer[*At + 1]) {
    case 'x':
        Base = 16;
        break;
    case 'o':
        Base = 8;
        break;
    case 'b':
        Base = 2;
        break;
    default:
        return 10;
    }
    *At += 2;
    return Base;
}

// Reads blanks, a sign, and digits up to the first character that is none; overflow wraps, no digits give 0.
// Base 0: by prefix. STATUS_INVALID_PARAMETER for another base.
NTCHECK RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    ULONG Count = String->Length / sizeof(WCHAR), At = 0, Result = 0;
    BOOLEAN Negative = FALSE;

    if (Base != 0 && !RtlpIsBase(Base))
        return STATUS_INVALID_PARAMETER;
    while (At < Count && String->Buffer[At] != 0 && String->Buffer[At] <= ' ')
        At++;
    if (At < Count && (String->Buffer[At] == '-' || String->Buffer[At] == '+'))
        Negative = String->Buffer[At++] == '-';
    if (Base == 0)
        Base = RtlpReadPrefix(String, &At);
    for (; At < Count && RtlpDigit(String->Buffer[At]) < Base; At++)
        Result = Result * Base + RtlpDigit(String->Buffer[At]);
    *Value = Negative ? -Result : Result;
    return STATUS_SUCCESS;
}
