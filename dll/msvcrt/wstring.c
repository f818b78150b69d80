// SPDX-License-Identifier: MIT
// Wide strings: the same functions over 16-bit characters.

#include "crt.h"

size_t __cdecl wcslen(const wchar_t *String)
{
    const wchar_t *End = String;

    while (*End != 0) {
        End++;
    }
    return (size_t)(End - String);
}

wchar_t *__cdecl wcscpy(wchar_t *Target, const wchar_t *Source)
{
    return memcpy(Target, Source, (wcslen(Source) + 1) * sizeof(wchar_t));
}

wchar_t *__cdecl wcscat(wchar_t *Target, const wchar_t *Source)
{
    wcscpy(Target + wcslen(Target), Source);
    return Target;
}

int __cdecl wcscmp(const wchar_t *First, const wchar_t *Second)
{
    while (*First != 0 && *First == *Second) {
        First++;
        Second++;
    }
    return (*First > *Second) - (*First < *Second);
}

int __cdecl wcsncmp(const wchar_t *First, const wchar_t *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++) {
        if (*First != *Second) {
            return *First < *Second ? -1 : 1;
        }
        if (*First == 0) {
            break;
        }
    }
    return 0;
}

wchar_t *__cdecl wcsncpy(wchar_t *Target, const wchar_t *Source, size_t Count)
{
    wchar_t *Next = Target;

    for (; Count != 0 && *Source != 0; Count--) {
        *Next++ = *Source++;
    }
    for (; Count != 0; Count--) {
        *Next++ = 0;
    }
    return Target;
}

wchar_t *__cdecl wcsncat(wchar_t *Target, const wchar_t *Source, size_t Count)
{
    wchar_t *Next = Target + wcslen(Target);

    for (; Count != 0 && *Source != 0; Count--) {
        *Next++ = *Source++;
    }
    *Next = 0;
    return Target;
}

wchar_t *__cdecl wcschr(const wchar_t *String, wchar_t Character)
{
    for (;; String++) {
        if (*String == Character) {
            return (wchar_t *)String;
        }
        if (*String == 0) {
            return NULL;
        }
    }
}

wchar_t *__cdecl wcsrchr(const wchar_t *String, wchar_t Character)
{
    const wchar_t *Last = NULL;

    for (;; String++) {
        if (*String == Character) {
            Last = String;
        }
        if (*String == 0) {
            return (wchar_t *)Last;
        }
    }
}

wchar_t *__cdecl wcsstr(const wchar_t *String, const wchar_t *Pattern)
{
    size_t Length = wcslen(Pattern);

    for (;; String++) {
        if (wcsncmp(String, Pattern, Length) == 0) {
            return (wchar_t *)String;
        }
        if (*String == 0) {
            return NULL;
        }
    }
}

static size_t CrtpSpan(const wchar_t *String, const wchar_t *Set, int Inside)
{
    const wchar_t *Next = String;

    while (*Next != 0 && (wcschr(Set, *Next) != NULL) == Inside) {
        Next++;
    }
    return (size_t)(Next - String);
}

size_t __cdecl wcsspn(const wchar_t *String, const wchar_t *Set)
{
    return CrtpSpan(String, Set, 1);
}

size_t __cdecl wcscspn(const wchar_t *String, const wchar_t *Set)
{
    return CrtpSpan(String, Set, 0);
}

wchar_t *__cdecl wcspbrk(const wchar_t *String, const wchar_t *Set)
{
    String += wcscspn(String, Set);
    return *String == 0 ? NULL : (wchar_t *)String;
}

wchar_t *__cdecl wcstok(wchar_t *String, const wchar_t *Delimiters)
{
    wchar_t **Context = &CrtThread()->WideTokenNext;
    wchar_t *End;

    if (String == NULL) {
        String = *Context;
    }
    if (String == NULL) {
        return NULL;
    }
    String += wcsspn(String, Delimiters);
    if (*String == 0) {
        *Context = String;
        return NULL;
    }
    End = String + wcscspn(String, Delimiters);
    *Context = End;
    if (*End != 0) {
        *End = 0;
        *Context = End + 1;
    }
    return String;
}

int __cdecl _wcsicmp(const wchar_t *First, const wchar_t *Second)
{
    while (*First != 0 && towlower(*First) == towlower(*Second)) {
        First++;
        Second++;
    }
    return (int)towlower(*First) - (int)towlower(*Second);
}

int __cdecl _wcsnicmp(const wchar_t *First, const wchar_t *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++) {
        int Difference = (int)towlower(*First) - (int)towlower(*Second);

        if (Difference != 0 || *First == 0) {
            return Difference;
        }
    }
    return 0;
}

int __cdecl wcscoll(const wchar_t *First, const wchar_t *Second)
{
    return wcscmp(First, Second);
}

int __cdecl _wcsicoll(const wchar_t *First, const wchar_t *Second)
{
    return _wcsicmp(First, Second);
}

size_t __cdecl wcsxfrm(wchar_t *Target, const wchar_t *Source, size_t Count)
{
    if (Count != 0) {
        wcsncpy(Target, Source, Count);
    }
    return wcslen(Source);
}

wchar_t *__cdecl _wcsdup(const wchar_t *String)
{
    wchar_t *Copy = String == NULL ? NULL : malloc((wcslen(String) + 1) * sizeof(wchar_t));

    return Copy == NULL ? NULL : wcscpy(Copy, String);
}

wchar_t *__cdecl _wcslwr(wchar_t *String)
{
    for (wchar_t *Next = String; *Next != 0; Next++) {
        *Next = towlower(*Next);
    }
    return String;
}

wchar_t *__cdecl _wcsupr(wchar_t *String)
{
    for (wchar_t *Next = String; *Next != 0; Next++) {
        *Next = towupper(*Next);
    }
    return String;
}

wchar_t *__cdecl _wcsrev(wchar_t *String)
{
    wchar_t *Low = String, *High = String + wcslen(String);

    while (Low < --High) {
        wchar_t Saved = *Low;

        *Low++ = *High;
        *High = Saved;
    }
    return String;
}

errno_t __cdecl wcscpy_s(wchar_t *Target, rsize_t Size, const wchar_t *Source)
{
    if (Target == NULL || Size == 0 || Source == NULL || wcslen(Source) >= Size) {
        if (Target != NULL && Size != 0) {
            *Target = 0;
        }
        return Source != NULL && Target != NULL ? ERANGE : EINVAL;
    }
    wcscpy(Target, Source);
    return 0;
}

errno_t __cdecl wcscat_s(wchar_t *Target, rsize_t Size, const wchar_t *Source)
{
    size_t Used = Target == NULL ? 0 : wcsnlen(Target, Size);

    return Used >= Size ? EINVAL : wcscpy_s(Target + Used, Size - Used, Source);
}
