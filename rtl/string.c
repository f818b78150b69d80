// SPDX-License-Identifier: MIT
// C strings of 8-bit characters. Case folding here is ASCII's, as in the C locale.
// All: any IRQL, as far as the memory itself may be touched. Semantics: ISO C11 7.24, SDK documentation for the _names.

#include "rtlp.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

static int RtlpAsciiLower(int Character)
{
    return Character >= 'A' && Character <= 'Z' ? Character + ('a' - 'A') : Character;
}

// Characters before the terminator.
size_t CDECL strlen(const char *String)
{
    const char *p = String;

    while (*p != 0)
        p++;
    return p - String;
}

// Compares as unsigned characters.
int CDECL strcmp(const char *First, const char *Second)
{
    while (*First != 0 && *First == *Second) {
        First++;
        Second++;
    }
    return (UCHAR)*First - (UCHAR)*Second;
}

// Compares at most Count characters.
int CDECL strncmp(const char *First, const char *Second, size_t Count)
{
    for (; Count != 0; First++, Second++, Count--) {
        if (*First != *Second)
            return (UCHAR)*First - (UCHAR)*Second;
        if (*First == 0)
            break;
    }
    return 0;
}

// The first Character in String (its terminator included), NULL if there is none.
char *CDECL strchr(const char *String, int Character)
{
    for (;; String++) {
        if (*String == (char)Character)
            return (char *)String;
        if (*String == 0)
            return NULL;
    }
}

// The last Character in String (its terminator included), NULL if there is none.
char *CDECL strrchr(const char *String, int Character)
{
    const char *Found = NULL;

    for (;; String++) {
        if (*String == (char)Character)
            Found = String;
        if (*String == 0)
            return (char *)Found;
    }
}

// Where Pattern first occurs in String; String itself for an empty pattern, NULL if nowhere.
char *CDECL strstr(const char *String, const char *Pattern)
{
    size_t Length = strlen(Pattern);

    for (;; String++) {
        if (strncmp(String, Pattern, Length) == 0)
            return (char *)String;
        if (*String == 0)
            return NULL;
    }
}

// Copies with the terminator. The caller knows that it fits.
char *CDECL strcpy(char *Destination, const char *Source)
{
    char *p = Destination;

    while ((*p++ = *Source++) != 0)
        ;
    return Destination;
}

// Copies at most Count characters and pads with zeros; no terminator if Source is as long as that.
char *CDECL strncpy(char *Destination, const char *Source, size_t Count)
{
    size_t i;

    for (i = 0; i < Count && Source[i] != 0; i++)
        Destination[i] = Source[i];
    for (; i < Count; i++)
        Destination[i] = 0;
    return Destination;
}

// Appends with the terminator. The caller knows that it fits.
char *CDECL strcat(char *Destination, const char *Source)
{
    strcpy(Destination + strlen(Destination), Source);
    return Destination;
}

// strcmp without regard to ASCII case.
int CDECL _stricmp(const char *First, const char *Second)
{
    return _strnicmp(First, Second, (size_t)-1);
}

// strncmp without regard to ASCII case.
int CDECL _strnicmp(const char *First, const char *Second, size_t Count)
{
    for (; Count != 0; First++, Second++, Count--) {
        int a = RtlpAsciiLower((UCHAR)*First), b = RtlpAsciiLower((UCHAR)*Second);

        if (a != b)
            return a - b;
        if (a == 0)
            break;
    }
    return 0;
}

static int RtlpDigitValue(int Character)
{
    if (Character >= '0' && Character <= '9')
        return Character - '0';
    Character = RtlpAsciiLower(Character);
    return Character >= 'a' && Character <= 'z' ? Character - 'a' + 10 : 99;
}

// Reads a number as C11 7.22.1.4 says; overflow gives MAXULONG. Base 0: by the prefix 0x or 0.
unsigned long CDECL strtoul(const char *String, char **End, int Base)
{
    const char *p = String;
    ULONG Value = 0;
    BOOLEAN Negative = FALSE, Any = FALSE, Overflow = FALSE;

    while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        p++;
    if (*p == '+' || *p == '-')
        Negative = *p++ == '-';
    if ((Base == 0 || Base == 16) && p[0] == '0' && (p[1] | 0x20) == 'x' && RtlpDigitValue(p[2]) < 16) {
        p += 2;
        Base = 16;
    } else if (Base == 0) {
        Base = *p == '0' ? 8 : 10;
    }
    for (; RtlpDigitValue(*p) < Base; p++) {
        ULONGLONG Next = (ULONGLONG)Value * Base + RtlpDigitValue(*p);

        Overflow |= Next > MAXULONG;
        Value = (ULONG)Next;
        Any = TRUE;
    }
    if (End != NULL)
        *End = (char *)(Any ? p : String);
    if (Overflow)
        return MAXULONG;
    return Negative ? -Value : Value;
}
