// SPDX-License-Identifier: MIT
// The printf family of the kernel and ntdll: integers, pointers, characters, narrow, wide and counted strings; no
// floating point (as NT's). One formatter serves 8-bit and 16-bit formats; a character too wide for an 8-bit buffer
// becomes '?'. All: any IRQL, as far as the memory itself may be touched. Source: SDK documentation ("Format
// specification syntax").

#include "rtlp.h"
#include "rtlformat.h"

typedef struct _FORMAT_SPEC {
    BOOLEAN Left, Plus, Space, Alternate, Zero;
    LONG Width;
    LONG Precision; // -1: not given
    enum { SizeNone, SizeShort, SizeLong, SizeLongLong } Size;
} FORMAT_SPEC, *PFORMAT_SPEC;

static WCHAR RtlpFormatUnit(const RTLP_FORMAT *Format, size_t Index)
{
    return Format->Wide ? ((const WCHAR *)Format->Text)[Index] : ((const UCHAR *)Format->Text)[Index];
}

static VOID RtlpEmit(PRTLP_FORMAT Format, WCHAR Character)
{
    if (Format->Length < Format->Count) {
        if (Format->Wide)
            ((WCHAR *)Format->Buffer)[Format->Length] = Character;
        else
            ((UCHAR *)Format->Buffer)[Format->Length] = Character < 256 ? Character : '?';
    }
    Format->Length++;
}

static VOID RtlpEmitMany(PRTLP_FORMAT Format, WCHAR Character, LONG Count)
{
    for (; Count > 0; Count--)
        RtlpEmit(Format, Character);
}

// Emits Length units of a narrow or wide text in a field.
static VOID RtlpEmitText(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, const VOID *Text, BOOLEAN Wide, LONG Length)
{
    LONG i;

    if (Spec->Precision >= 0 && Spec->Precision < Length)
        Length = Spec->Precision;
    if (!Spec->Left)
        RtlpEmitMany(Format, ' ', Spec->Width - Length);
    for (i = 0; i < Length; i++)
        RtlpEmit(Format, Wide ? ((const WCHAR *)Text)[i] : ((const UCHAR *)Text)[i]);
    if (Spec->Left)
        RtlpEmitMany(Format, ' ', Spec->Width - Length);
}

// The length of a terminated string, never looking behind the precision.
static LONG RtlpTextLength(const VOID *Text, BOOLEAN Wide, LONG Precision)
{
    LONG Length = 0;

    while ((Precision < 0 || Length < Precision) &&
           (Wide ? ((const WCHAR *)Text)[Length] : ((const UCHAR *)Text)[Length]) != 0)
        Length++;
    return Length;
}

static VOID RtlpEmitString(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, const VOID *Text, BOOLEAN Wide)
{
    if (Text == NULL) {
        Text = "(null)";
        Wide = FALSE;
    }
    RtlpEmitText(Format, Spec, Text, Wide, RtlpTextLength(Text, Wide, Spec->Precision));
}

static VOID RtlpEmitCounted(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, const UNICODE_STRING *String, BOOLEAN Wide)
{
    if (String == NULL || String->Buffer == NULL)
        RtlpEmitString(Format, Spec, NULL, FALSE);
    else
        RtlpEmitText(Format, Spec, String->Buffer, Wide, Wide ? String->Length / sizeof(WCHAR) : String->Length);
}

static VOID RtlpEmitNumber(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, ULONGLONG Value, ULONG Base, PCSTR DigitSet,
                           PCSTR Prefix)
{
    CHAR Digits[24]; // 22 octal digits are the most
    LONG Count = 0, PrefixLength = (LONG)strlen(Prefix), Zeros = 0;

    while (Value != 0)
        Digits[Count++] = DigitSet[RtlpDivide(&Value, Base)];
    if (Count == 0 && Spec->Precision != 0)
        Digits[Count++] = '0';
    if (Spec->Precision >= 0)
        Zeros = Spec->Precision - Count;
    else if (Spec->Zero && !Spec->Left)
        Zeros = Spec->Width - Count - PrefixLength;
    if (Zeros < 0)
        Zeros = 0;
    if (!Spec->Left)
        RtlpEmitMany(Format, ' ', Spec->Width - Count - PrefixLength - Zeros);
    while (*Prefix != 0)
        RtlpEmit(Format, *Prefix++);
    RtlpEmitMany(Format, '0', Zeros);
    for (LONG i = Count; i > 0; i--)
        RtlpEmit(Format, Digits[i - 1]);
    if (Spec->Left)
        RtlpEmitMany(Format, ' ', Spec->Width - Count - PrefixLength - Zeros);
}

static LONGLONG RtlpTakeSigned(const FORMAT_SPEC *Spec, va_list *Arguments)
{
    if (Spec->Size == SizeLongLong)
        return va_arg(*Arguments, LONGLONG);
    return Spec->Size == SizeShort ? (SHORT)va_arg(*Arguments, int) : va_arg(*Arguments, int);
}

static ULONGLONG RtlpTakeUnsigned(const FORMAT_SPEC *Spec, va_list *Arguments)
{
    if (Spec->Size == SizeLongLong)
        return va_arg(*Arguments, ULONGLONG);
    return Spec->Size == SizeShort ? (USHORT)va_arg(*Arguments, unsigned) : va_arg(*Arguments, unsigned);
}

static VOID RtlpEmitSigned(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, va_list *Arguments)
{
    LONGLONG Value = RtlpTakeSigned(Spec, Arguments);
    PCSTR Sign = Value < 0 ? "-" : Spec->Plus ? "+" : Spec->Space ? " " : "";

    RtlpEmitNumber(Format, Spec, Value < 0 ? -(ULONGLONG)Value : (ULONGLONG)Value, 10, "0123456789", Sign);
}

static VOID RtlpEmitHex(PRTLP_FORMAT Format, const FORMAT_SPEC *Spec, BOOLEAN Upper, va_list *Arguments)
{
    ULONGLONG Value = RtlpTakeUnsigned(Spec, Arguments);
    PCSTR Prefix = !Spec->Alternate || Value == 0 ? "" : Upper ? "0X" : "0x";

    RtlpEmitNumber(Format, Spec, Value, 16, Upper ? "0123456789ABCDEF" : "0123456789abcdef", Prefix);
}

static VOID RtlpEmitPointer(PRTLP_FORMAT Format, PFORMAT_SPEC Spec, va_list *Arguments)
{
    Spec->Precision = 2 * sizeof(PVOID);
    RtlpEmitNumber(Format, Spec, (ULONG_PTR)va_arg(*Arguments, PVOID), 16, "0123456789ABCDEF", "");
}

static VOID RtlpEmitCharacter(PRTLP_FORMAT Format, PFORMAT_SPEC Spec, BOOLEAN Wide, va_list *Arguments)
{
    WCHAR Character = (WCHAR)va_arg(*Arguments, int);

    if (!Wide)
        Character &= 0xFF;
    Spec->Precision = -1;
    RtlpEmitText(Format, Spec, &Character, TRUE, 1);
}

static size_t RtlpReadNumber(const RTLP_FORMAT *Format, size_t At, PLONG Number, va_list *Arguments)
{
    if (RtlpFormatUnit(Format, At) == '*') {
        *Number = va_arg(*Arguments, int);
        return At + 1;
    }
    for (*Number = 0; RtlpFormatUnit(Format, At) >= '0' && RtlpFormatUnit(Format, At) <= '9'; At++)
        *Number = (LONG)((ULONG)*Number * 10 + RtlpFormatUnit(Format, At) - '0');
    return At;
}

static size_t RtlpReadFlags(const RTLP_FORMAT *Format, size_t At, PFORMAT_SPEC Spec)
{
    for (;; At++) {
        switch (RtlpFormatUnit(Format, At)) {
        case '-':
            Spec->Left = TRUE;
            break;
        case '+':
            Spec->Plus = TRUE;
            break;
        case ' ':
            Spec->Space = TRUE;
            break;
        case '#':
            Spec->Alternate = TRUE;
            break;
        case '0':
            Spec->Zero = TRUE;
            break;
        default:
            return At;
        }
    }
}

static size_t RtlpReadSize(const RTLP_FORMAT *Format, size_t At, PFORMAT_SPEC Spec)
{
    for (;; At++) {
        switch (RtlpFormatUnit(Format, At)) {
        case 'h':
            Spec->Size = SizeShort;
            break;
        case 'w':
            Spec->Size = SizeLong;
            break;
        case 'l':
            Spec->Size = Spec->Size == SizeLong ? SizeLongLong : SizeLong;
            break;
        case 'I':
            if (RtlpFormatUnit(Format, At + 1) == '6' && RtlpFormatUnit(Format, At + 2) == '4') {
                Spec->Size = SizeLongLong;
                At += 2;
            } else if (RtlpFormatUnit(Format, At + 1) == '3' && RtlpFormatUnit(Format, At + 2) == '2') {
                At += 2;
            }
            break;
        default:
            return At;
        }
    }
}

// Flags, width, precision, size; returns the index of the conversion character.
static size_t RtlpReadSpec(const RTLP_FORMAT *Format, size_t At, PFORMAT_SPEC Spec, va_list *Arguments)
{
    *Spec = (FORMAT_SPEC){.Precision = -1};
    At = RtlpReadFlags(Format, At, Spec);
    At = RtlpReadNumber(Format, At, &Spec->Width, Arguments);
    if (Spec->Width < 0) {
        Spec->Left = TRUE;
        Spec->Width = -Spec->Width;
    }
    if (RtlpFormatUnit(Format, At) == '.')
        At = RtlpReadNumber(Format, At + 1, &Spec->Precision, Arguments);
    return RtlpReadSize(Format, At, Spec);
}

// The meaning of %s and %c follows the format's own width; h and l (or w) override, %S and %C are the other one.
static BOOLEAN RtlpIsWideArgument(const RTLP_FORMAT *Format, const FORMAT_SPEC *Spec, BOOLEAN Other)
{
    if (Spec->Size == SizeShort)
        return FALSE;
    if (Spec->Size == SizeLong)
        return TRUE;
    return Format->Wide != Other;
}

static VOID RtlpConvert(PRTLP_FORMAT Format, PFORMAT_SPEC Spec, WCHAR Conversion, va_list *Arguments)
{
    switch (Conversion) {
    case 'd':
    case 'i':
        RtlpEmitSigned(Format, Spec, Arguments);
        break;
    case 'u':
        RtlpEmitNumber(Format, Spec, RtlpTakeUnsigned(Spec, Arguments), 10, "0123456789", "");
        break;
    case 'o':
        RtlpEmitNumber(Format, Spec, RtlpTakeUnsigned(Spec, Arguments), 8, "01234567", Spec->Alternate ? "0" : "");
        break;
    case 'x':
    case 'X':
        RtlpEmitHex(Format, Spec, Conversion == 'X', Arguments);
        break;
    case 'p':
        RtlpEmitPointer(Format, Spec, Arguments);
        break;
    case 'c':
    case 'C':
        RtlpEmitCharacter(Format, Spec, RtlpIsWideArgument(Format, Spec, Conversion == 'C'), Arguments);
        break;
    case 's':
    case 'S':
        RtlpEmitString(Format, Spec, va_arg(*Arguments, PVOID), RtlpIsWideArgument(Format, Spec, Conversion == 'S'));
        break;
    case 'Z':
        RtlpEmitCounted(Format, Spec, va_arg(*Arguments, PVOID), Spec->Size == SizeLong);
        break;
    default:
        RtlpEmit(Format, Conversion);
        break;
    }
}

// Formats into Format->Buffer. Returns the length, or -1 if it and its terminator did not fit; the buffer then ends
// with the terminator all the same (if it has room for one unit).
int RtlpFormat(PRTLP_FORMAT Format, va_list Arguments)
{
    va_list Copy;
    size_t At = 0, Last;
    FORMAT_SPEC Spec;
    WCHAR Unit;

    va_copy(Copy, Arguments);
    while ((Unit = RtlpFormatUnit(Format, At)) != 0) {
        if (Unit != '%') {
            RtlpEmit(Format, Unit);
            At++;
            continue;
        }
        At = RtlpReadSpec(Format, At + 1, &Spec, &Copy);
        if (RtlpFormatUnit(Format, At) == 0)
            break;
        RtlpConvert(Format, &Spec, RtlpFormatUnit(Format, At), &Copy);
        At++;
    }
    va_end(Copy);
    if (Format->Count == 0)
        return -1;
    Last = min_of(Format->Length, Format->Count - 1);
    if (Format->Wide)
        ((WCHAR *)Format->Buffer)[Last] = 0;
    else
        ((CHAR *)Format->Buffer)[Last] = 0;
    return Format->Length < Format->Count ? (int)Format->Length : -1;
}

// See inc/nt/ntrtl.h.
int CDECL _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments)
{
    RTLP_FORMAT State = {Format, Buffer, Count, 0, FALSE};

    return RtlpFormat(&State, Arguments);
}

int CDECL _snprintf(char *Buffer, size_t Count, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnprintf(Buffer, Count, Format, Arguments);
    va_end(Arguments);
    return Length;
}

// Count is in units; %s means a wide string here.
int CDECL _snwprintf(WCHAR *Buffer, size_t Count, const WCHAR *Format, ...)
{
    RTLP_FORMAT State = {Format, Buffer, Count, 0, TRUE};
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = RtlpFormat(&State, Arguments);
    va_end(Arguments);
    return Length;
}
