// SPDX-License-Identifier: MIT
// The walk through a format string, once for bytes and once for wide characters: printf.c and wprintf.c define CH, the
// names and libmingwex's formatter, then include this file.
//
// libmingwex formats every conversion; this walk gives them to it one at a time, in its own (C99) spelling, and puts
// Microsoft's differences on top: which of %s %S %c %C is wide, 'h' 'l' 'w' and I64 before them, %p, exponents of three
// digits, and 1.#INF. Source: Microsoft's run-time library reference, "Format specification syntax".

typedef struct _SPEC {
    CH Flags[8];
    int Width;     // -1: none
    int Precision; // -1: none
    char Size;     // 0, 'h', 'l', 'q' (64 bits), 'L'
    CH Conversion;
} SPEC;

static void PutBytes(SINK *Sink, const CH *Text, size_t Length)
{
    Sink->Total += (int)Length;
    for (size_t i = 0; i < Length; i++) {
        if (Sink->Used == Sink->Size && Sink->File != NULL) {
            DRAIN(Sink);
        }
        if (Sink->Used < Sink->Size) {
            Sink->Buffer[Sink->Used++] = Text[i];
        }
    }
}

static void Pad(SINK *Sink, CH Character, int Count)
{
    while (Count-- > 0) {
        PutBytes(Sink, &Character, 1);
    }
}

static int HasFlag(const SPEC *Spec, CH Flag)
{
    for (const CH *Next = Spec->Flags; *Next != 0; Next++) {
        if (*Next == Flag) {
            return 1;
        }
    }
    return 0;
}

static const CH *ParseNumber(const CH *Next, int *Value, va_list *Arguments)
{
    if (*Next == '*') {
        *Value = va_arg(*Arguments, int);
        return Next + 1;
    }
    *Value = 0;
    while (*Next >= '0' && *Next <= '9') {
        *Value = *Value * 10 + (*Next++ - '0');
    }
    return Next;
}

static const CH *ParseSize(const CH *Next, char *Size)
{
    *Size = 0;
    for (;;) {
        if (*Next == 'h') {
            *Size = 'h';
        } else if (*Next == 'l' || *Next == 'w') {
            *Size = *Size == 'l' ? 'q' : 'l';
        } else if (*Next == 'L') {
            *Size = 'L';
        } else if (*Next == 'j') {
            *Size = 'q';
        } else if (*Next == 'I' && Next[1] == '6' && Next[2] == '4') {
            *Size = 'q';
            Next += 2;
        } else if (*Next == 'I' && Next[1] == '3' && Next[2] == '2') {
            Next += 2;
        } else if (*Next != 'I' && *Next != 'z' && *Next != 't') { // these three: 32 bits, as int
            return Next;
        }
        Next++;
    }
}

// Next points behind the percent sign. Returns the place behind the conversion.
static const CH *ParseSpec(const CH *Next, SPEC *Spec, va_list *Arguments)
{
    int Count = 0;

    while (*Next == '-' || *Next == '+' || *Next == ' ' || *Next == '#' || *Next == '0') {
        if (Count < 5 && !HasFlag(Spec, *Next)) {
            Spec->Flags[Count++] = *Next;
        }
        Next++;
    }
    Spec->Width = Spec->Precision = -1;
    if (*Next == '*' || (*Next >= '1' && *Next <= '9')) {
        Next = ParseNumber(Next, &Spec->Width, Arguments);
        if (Spec->Width < 0) {
            Spec->Width = -Spec->Width;
            if (!HasFlag(Spec, '-')) {
                Spec->Flags[Count] = '-';
            }
        }
    }
    if (*Next == '.') {
        Next = ParseNumber(Next + 1, &Spec->Precision, Arguments);
    }
    Next = ParseSize(Next, &Spec->Size);
    Spec->Conversion = *Next;
    return *Next == 0 ? Next : Next + 1;
}

// Has libmingwex format one value. Modifier is the C99 length modifier. Text longer than the local buffer is made in a
// heap block.
static void Emit(SINK *Sink, const SPEC *Spec, const char *Modifier, CH Conversion, ...)
{
    CH Format[24], Local[LOCAL_TEXT], *Text = Local;
    CH *Next = Format;
    va_list Arguments;
    int Length;

    *Next++ = '%';
    for (const CH *Flag = Spec->Flags; *Flag != 0; Flag++) {
        *Next++ = *Flag;
    }
    if (Spec->Width >= 0) {
        *Next++ = '*';
    }
    if (Spec->Precision >= 0) {
        *Next++ = '.';
        *Next++ = '*';
    }
    while (*Modifier != 0) {
        *Next++ = (CH)*Modifier++;
    }
    *Next++ = Conversion;
    *Next = 0;
    va_start(Arguments, Conversion);
    Length = FORMAT(Local, LOCAL_TEXT, Format, Arguments);
    va_end(Arguments);
    if (Length >= LOCAL_TEXT) {
        Text = malloc(((size_t)Length + 1) * sizeof(CH));
        if (Text == NULL) {
            return;
        }
        va_start(Arguments, Conversion);
        Length = FORMAT(Text, (size_t)Length + 1, Format, Arguments);
        va_end(Arguments);
    }
    if (Length > 0) {
        PutBytes(Sink, Text, (size_t)Length);
    }
    if (Text != Local) {
        free(Text);
    }
}

// The width and precision that Emit's format asks for come first among its arguments.
#define EMIT(Sink, Spec, Modifier, Conversion, Value)                                                                  \
    do {                                                                                                               \
        if ((Spec)->Width >= 0 && (Spec)->Precision >= 0) {                                                            \
            Emit(Sink, Spec, Modifier, Conversion, (Spec)->Width, (Spec)->Precision, Value);                           \
        } else if ((Spec)->Width >= 0) {                                                                               \
            Emit(Sink, Spec, Modifier, Conversion, (Spec)->Width, Value);                                              \
        } else if ((Spec)->Precision >= 0) {                                                                           \
            Emit(Sink, Spec, Modifier, Conversion, (Spec)->Precision, Value);                                          \
        } else {                                                                                                       \
            Emit(Sink, Spec, Modifier, Conversion, Value);                                                             \
        }                                                                                                              \
    } while (0)

static void PutInteger(SINK *Sink, SPEC *Spec, va_list *Arguments)
{
    int Signed = Spec->Conversion == 'd' || Spec->Conversion == 'i';

    if (Spec->Size == 'q') {
        EMIT(Sink, Spec, "ll", Spec->Conversion, va_arg(*Arguments, long long));
    } else if (Spec->Size == 'h') {
        int Value = va_arg(*Arguments, int);

        EMIT(Sink, Spec, "", Spec->Conversion, Signed ? (int)(short)Value : (int)(unsigned short)Value);
    } else {
        EMIT(Sink, Spec, "", Spec->Conversion, va_arg(*Arguments, int));
    }
}

// Eight upper-case digits.
static void PutPointer(SINK *Sink, SPEC *Spec, va_list *Arguments)
{
    SPEC Hex = *Spec;

    Hex.Precision = 2 * sizeof(void *);
    EMIT(Sink, &Hex, "", 'X', va_arg(*Arguments, unsigned));
}

// Formats a value without width into Text (a NUL at its end), widening a two-digit exponent to three.
static int FormatFloat(const SPEC *Spec, long double Value, CH *Text, int Size)
{
    CH Format[16], *Next = Format;
    int Length, i;

    *Next++ = '%';
    for (const CH *Flag = Spec->Flags; *Flag != 0; Flag++) {
        if (*Flag != '-' && *Flag != '0') {
            *Next++ = *Flag;
        }
    }
    *Next++ = '.';
    *Next++ = '*';
    *Next++ = 'L';
    *Next++ = Spec->Conversion;
    *Next = 0;
    Length = FORMAT_CALL(Text, (size_t)Size - 1, Format, Spec->Precision < 0 ? 6 : Spec->Precision, Value);
    if (Length < 0 || Length >= Size - 1 || Spec->Conversion == 'f' || Spec->Conversion == 'F') {
        return Length;
    }
    for (i = Length - 1; i > 0 && Text[i] >= '0' && Text[i] <= '9'; i--) {
    }
    if (i > 0 && Length - 1 - i == 2 && (Text[i] == '+' || Text[i] == '-') && (Text[i - 1] | 0x20) == 'e') {
        Text[Length + 1] = 0;
        Text[Length] = Text[Length - 1];
        Text[Length - 1] = Text[Length - 2];
        Text[Length - 2] = '0';
        Length++;
    }
    return Length;
}

// What Microsoft's library prints for what is no number: 1.#INF, 1.#QNAN, -1.#IND, with zeros up to the precision.
static int FormatSpecial(const SPEC *Spec, long double Value, CH *Text, int Size)
{
    const char *Tag = Value != Value ? (__builtin_signbit(Value) ? "#IND" : "#QNAN") : "#INF";
    int Precision = Spec->Precision < 0 ? 6 : Spec->Precision, Length = 0, Digits = 0;

    if (__builtin_signbit(Value)) {
        Text[Length++] = '-';
    } else if (HasFlag(Spec, '+')) {
        Text[Length++] = '+';
    } else if (HasFlag(Spec, ' ')) {
        Text[Length++] = ' ';
    }
    Text[Length++] = '1';
    Text[Length++] = '.';
    for (; *Tag != 0; Digits++) {
        Text[Length++] = (CH)*Tag++;
    }
    if ((Spec->Conversion | 0x20) != 'g') {
        for (; Digits < Precision && Length < Size - 8; Digits++) {
            Text[Length++] = '0';
        }
    }
    if ((Spec->Conversion | 0x20) == 'e') {
        Text[Length++] = Spec->Conversion;
        Text[Length++] = '+';
        for (int i = 0; i < 3; i++) {
            Text[Length++] = '0';
        }
    }
    Text[Length] = 0;
    return Length;
}

static void PutFloat(SINK *Sink, SPEC *Spec, va_list *Arguments)
{
    long double Value = Spec->Size == 'L' ? va_arg(*Arguments, long double) : va_arg(*Arguments, double);
    int Size = (Spec->Precision < 0 ? 6 : Spec->Precision) + FLOAT_TEXT, Length, Fill, Sign;
    CH Local[LOCAL_TEXT], *Text = Size <= LOCAL_TEXT ? Local : malloc((size_t)Size * sizeof(CH));
    int Special = Value != Value || Value - Value != 0;

    if (Text == NULL) {
        return;
    }
    Length = Special ? FormatSpecial(Spec, Value, Text, Size) : FormatFloat(Spec, Value, Text, Size);
    Fill = Spec->Width > Length ? Spec->Width - Length : 0;
    if (HasFlag(Spec, '-')) {
        PutBytes(Sink, Text, (size_t)Length);
        Pad(Sink, ' ', Fill);
    } else if (HasFlag(Spec, '0') && !Special) {
        Sign = *Text == '-' || *Text == '+' || *Text == ' ';
        PutBytes(Sink, Text, (size_t)Sign);
        Pad(Sink, '0', Fill);
        PutBytes(Sink, Text + Sign, (size_t)(Length - Sign));
    } else {
        Pad(Sink, ' ', Fill);
        PutBytes(Sink, Text, (size_t)Length);
    }
    if (Text != Local) {
        free(Text);
    }
}

// Strings and characters: the lower-case letters are of the function's own kind, the upper-case ones of the other.
static int IsWide(const SPEC *Spec)
{
    int Upper = Spec->Conversion == 'S' || Spec->Conversion == 'C';

    if (Spec->Size == 'h') {
        return 0;
    }
    return Spec->Size == 'l' || Spec->Size == 'q' ? 1 : OWN_IS_WIDE != Upper;
}

static void PutUnits(SINK *Sink, const SPEC *Spec, const void *Text, int Wide, int Length)
{
    int Fill = Spec->Width > Length ? Spec->Width - Length : 0;

    if (!HasFlag(Spec, '-')) {
        Pad(Sink, HasFlag(Spec, '0') ? '0' : ' ', Fill);
    }
    for (int i = 0; i < Length; i++) {
        CH Unit = Wide ? FROM_WIDE(((const wchar_t *)Text)[i]) : (CH)((const unsigned char *)Text)[i];

        PutBytes(Sink, &Unit, 1);
    }
    if (HasFlag(Spec, '-')) {
        Pad(Sink, ' ', Fill);
    }
}

static void PutString(SINK *Sink, const SPEC *Spec, va_list *Arguments)
{
    const void *Text = va_arg(*Arguments, const void *);
    int Wide = IsWide(Spec), Length = 0;

    if (Text == NULL) {
        Text = "(null)";
        Wide = 0;
    }
    while ((Spec->Precision < 0 || Length < Spec->Precision) &&
           (Wide ? ((const wchar_t *)Text)[Length] != 0 : ((const char *)Text)[Length] != 0)) {
        Length++;
    }
    if (!Wide && Spec->Width < 0 && sizeof(CH) == 1) {
        PutBytes(Sink, Text, (size_t)Length);
    } else {
        PutUnits(Sink, Spec, Text, Wide, Length);
    }
}

static void PutCharacter(SINK *Sink, const SPEC *Spec, va_list *Arguments)
{
    int Value = va_arg(*Arguments, int);
    wchar_t Wide = (wchar_t)Value;
    char Byte = (char)Value;

    if (IsWide(Spec)) {
        PutUnits(Sink, Spec, &Wide, 1, 1);
    } else {
        PutUnits(Sink, Spec, &Byte, 0, 1);
    }
}

static void StoreCount(SINK *Sink, const SPEC *Spec, va_list *Arguments)
{
    void *Target = va_arg(*Arguments, void *);

    if (Spec->Size == 'h') {
        *(short *)Target = (short)Sink->Total;
    } else if (Spec->Size == 'q') {
        *(long long *)Target = Sink->Total;
    } else {
        *(int *)Target = Sink->Total;
    }
}

static void PutConversion(SINK *Sink, SPEC *Spec, va_list *Arguments)
{
    switch (Spec->Conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        PutInteger(Sink, Spec, Arguments);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        PutFloat(Sink, Spec, Arguments);
        break;
    case 'a':
    case 'A':
        if (Spec->Size == 'L') {
            EMIT(Sink, Spec, "L", Spec->Conversion, va_arg(*Arguments, long double));
        } else {
            EMIT(Sink, Spec, "", Spec->Conversion, va_arg(*Arguments, double));
        }
        break;
    case 's':
    case 'S':
        PutString(Sink, Spec, Arguments);
        break;
    case 'c':
    case 'C':
        PutCharacter(Sink, Spec, Arguments);
        break;
    case 'p':
        PutPointer(Sink, Spec, Arguments);
        break;
    case 'n':
        StoreCount(Sink, Spec, Arguments);
        break;
    default: // an unknown conversion stands for itself
        if (Spec->Conversion != 0) {
            PutBytes(Sink, &Spec->Conversion, 1);
        }
        break;
    }
}

// Formats into the sink. Returns the number of characters produced, whether they found room or not.
int WALK(SINK *Sink, const CH *Format, va_list List)
{
    va_list Arguments;

    va_copy(Arguments, List);
    while (*Format != 0) {
        const CH *Literal = Format;

        while (*Format != 0 && *Format != '%') {
            Format++;
        }
        PutBytes(Sink, Literal, (size_t)(Format - Literal));
        if (*Format == '%') {
            SPEC Spec = {{0}, -1, -1, 0, 0};

            Format = ParseSpec(Format + 1, &Spec, &Arguments);
            PutConversion(Sink, &Spec, &Arguments);
        }
    }
    va_end(Arguments);
    if (Sink->File != NULL) {
        DRAIN(Sink);
    }
    return Sink->Total;
}
