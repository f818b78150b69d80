// SPDX-License-Identifier: MIT
// UTF-8 to and from UTF-16. Ill-formed input becomes U+FFFD, one for each maximal ill-formed part, and the status says
// so. Source: Unicode standard 3.9 (table 3-7: well-formed byte sequences), WDK documentation of the two functions.
// Any IRQL, as far as the strings may be touched.

#include "rtlp.h"

#define REPLACEMENT 0xFFFD

static BOOLEAN RtlpIsTrail(const UCHAR *Text, ULONG At, ULONG Size, UCHAR Low, UCHAR High)
{
    return At < Size && Text[At] >= Low && Text[At] <= High;
}

// Decodes one character at Text[*At] and moves *At behind it. Returns MAXULONG for an ill-formed part.
static ULONG RtlpDecodeUtf8(const UCHAR *Text, PULONG At, ULONG Size)
{
    UCHAR Lead = Text[(*At)++];
    UCHAR Low = 0x80, High = 0xBF; // the bounds of the second byte
    ULONG Trails, Value;

    if (Lead < 0x80)
        return Lead;
    if (Lead < 0xC2 || Lead > 0xF4)
        return MAXULONG;
    Trails = Lead < 0xE0 ? 1 : Lead < 0xF0 ? 2 : 3;
    Value = Lead & (0x3F >> Trails);
    if (Lead == 0xE0)
        Low = 0xA0; // no overlong forms
    else if (Lead == 0xED)
        High = 0x9F; // no surrogates
    else if (Lead == 0xF0)
        Low = 0x90;
    else if (Lead == 0xF4)
        High = 0x8F; // nothing above 10FFFF
    for (; Trails != 0; Trails--) {
        if (!RtlpIsTrail(Text, *At, Size, Low, High))
            return MAXULONG;
        Value = (Value << 6) | (Text[(*At)++] & 0x3F);
        Low = 0x80;
        High = 0xBF;
    }
    return Value;
}

// Converts; Unicode NULL: only *Result, the bytes needed. STATUS_SOME_NOT_MAPPED if a part was ill-formed,
// STATUS_BUFFER_TOO_SMALL if it did not fit (what fits is there).
NTCHECK RtlUTF8ToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR Utf8, ULONG Utf8Size)
{
    const UCHAR *Text = (const UCHAR *)Utf8;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG At = 0, Out = 0, Value, Units, Room = UnicodeSize / sizeof(WCHAR);

    if (Result == NULL || (Utf8 == NULL && Utf8Size != 0))
        return STATUS_INVALID_PARAMETER;
    while (At < Utf8Size) {
        Value = RtlpDecodeUtf8(Text, &At, Utf8Size);
        if (Value == MAXULONG) {
            Value = REPLACEMENT;
            Status = STATUS_SOME_NOT_MAPPED;
        }
        Units = Value < 0x10000 ? 1 : 2;
        if (Unicode != NULL && Out + Units > Room) {
            Status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        if (Unicode != NULL && Units == 1)
            Unicode[Out] = (WCHAR)Value;
        if (Unicode != NULL && Units == 2) {
            Unicode[Out] = (WCHAR)(0xD7C0 + (Value >> 10));
            Unicode[Out + 1] = (WCHAR)(0xDC00 + (Value & 0x3FF));
        }
        Out += Units;
    }
    *Result = Out * sizeof(WCHAR);
    return Status;
}

// The code point at Unicode[*At]; MAXULONG for a surrogate without its other half.
static ULONG RtlpDecodeUtf16(PCWSTR Unicode, PULONG At, ULONG Units)
{
    ULONG Value = Unicode[(*At)++];

    if (Value < 0xD800 || Value > 0xDFFF)
        return Value;
    if (Value > 0xDBFF || *At >= Units || Unicode[*At] < 0xDC00 || Unicode[*At] > 0xDFFF)
        return MAXULONG;
    return 0x10000 + ((Value & 0x3FF) << 10) + (Unicode[(*At)++] & 0x3FF);
}

static ULONG RtlpEncodeUtf8(UCHAR Bytes[4], ULONG Value)
{
    if (Value < 0x80) {
        Bytes[0] = (UCHAR)Value;
        return 1;
    }
    if (Value < 0x800) {
        Bytes[0] = (UCHAR)(0xC0 | (Value >> 6));
        Bytes[1] = (UCHAR)(0x80 | (Value & 0x3F));
        return 2;
    }
    if (Value < 0x10000) {
        Bytes[0] = (UCHAR)(0xE0 | (Value >> 12));
        Bytes[1] = (UCHAR)(0x80 | ((Value >> 6) & 0x3F));
        Bytes[2] = (UCHAR)(0x80 | (Value & 0x3F));
        return 3;
    }
    Bytes[0] = (UCHAR)(0xF0 | (Value >> 18));
    Bytes[1] = (UCHAR)(0x80 | ((Value >> 12) & 0x3F));
    Bytes[2] = (UCHAR)(0x80 | ((Value >> 6) & 0x3F));
    Bytes[3] = (UCHAR)(0x80 | (Value & 0x3F));
    return 4;
}

// Converts; Utf8 NULL: only *Result, the bytes needed. Statuses as above.
NTCHECK RtlUnicodeToUTF8N(PCHAR Utf8, ULONG Utf8Size, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG At = 0, Out = 0, Value, Count;
    UCHAR Bytes[4];

    if (Result == NULL || (Unicode == NULL && UnicodeSize != 0) || (UnicodeSize & 1))
        return STATUS_INVALID_PARAMETER;
    while (At < UnicodeSize / sizeof(WCHAR)) {
        Value = RtlpDecodeUtf16(Unicode, &At, UnicodeSize / sizeof(WCHAR));
        if (Value == MAXULONG) {
            Value = REPLACEMENT;
            Status = STATUS_SOME_NOT_MAPPED;
        }
        Count = RtlpEncodeUtf8(Bytes, Value);
        if (Utf8 != NULL && Out + Count > Utf8Size) {
            Status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        if (Utf8 != NULL)
            memcpy(Utf8 + Out, Bytes, Count);
        Out += Count;
    }
    *Result = Out;
    return Status;
}
