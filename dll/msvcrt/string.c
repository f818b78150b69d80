// SPDX-License-Identifier: MIT
// Strings of bytes. Case is that of the "C" locale: ASCII.

#include "crt.h"

static int CrtpLower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

size_t __cdecl strlen(const char *String)
{
    const char *End = String;

    while (*End != 0) {
        End++;
    }
    return (size_t)(End - String);
}

char *__cdecl strcpy(char *Target, const char *Source)
{
    memcpy(Target, Source, strlen(Source) + 1);
    return Target;
}

char *__cdecl strcat(char *Target, const char *Source)
{
    strcpy(Target + strlen(Target), Source);
    return Target;
}

int __cdecl strcmp(const char *First, const char *Second)
{
    while (*First != 0 && *First == *Second) {
        First++;
        Second++;
    }
    return ((unsigned char)*First > (unsigned char)*Second) - ((unsigned char)*First < (unsigned char)*Second);
}

int __cdecl strncmp(const char *First, const char *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++) {
        if (*First != *Second) {
            return (unsigned char)*First < (unsigned char)*Second ? -1 : 1;
        }
        if (*First == 0) {
            break;
        }
    }
    return 0;
}

char *__cdecl strncpy(char *Target, const char *Source, size_t Count)
{
    char *Next = Target;

    for (; Count != 0 && *Source != 0; Count--) {
        *Next++ = *Source++;
    }
    memset(Next, 0, Count);
    return Target;
}

char *__cdecl strncat(char *Target, const char *Source, size_t Count)
{
    char *Next = Target + strlen(Target);

    for (; Count != 0 && *Source != 0; Count--) {
        *Next++ = *Source++;
    }
    *Next = 0;
    return Target;
}

char *__cdecl strchr(const char *String, int Character)
{
    for (;; String++) {
        if (*String == (char)Character) {
            return (char *)String;
        }
        if (*String == 0) {
            return NULL;
        }
    }
}

char *__cdecl strrchr(const char *String, int Character)
{
    const char *Last = NULL;

    for (;; String++) {
        if (*String == (char)Character) {
            Last = String;
        }
        if (*String == 0) {
            return (char *)Last;
        }
    }
}

char *__cdecl strstr(const char *String, const char *Pattern)
{
    size_t Length = strlen(Pattern);

    for (;; String++) {
        if (strncmp(String, Pattern, Length) == 0) {
            return (char *)String;
        }
        if (*String == 0) {
            return NULL;
        }
    }
}

static size_t CrtpSpan(const char *String, const char *Set, int Inside)
{
    const char *Next = String;

    while (*Next != 0 && (strchr(Set, *Next) != NULL) == Inside) {
        Next++;
    }
    return (size_t)(Next - String);
}

size_t __cdecl strspn(const char *String, const char *Set)
{
    return CrtpSpan(String, Set, 1);
}

size_t __cdecl strcspn(const char *String, const char *Set)
{
    return CrtpSpan(String, Set, 0);
}

char *__cdecl strpbrk(const char *String, const char *Set)
{
    String += strcspn(String, Set);
    return *String == 0 ? NULL : (char *)String;
}

char *__cdecl strtok_s(char *String, const char *Delimiters, char **Context)
{
    char *End;

    if (String == NULL) {
        String = *Context;
    }
    if (String == NULL) {
        return NULL;
    }
    String += strspn(String, Delimiters);
    if (*String == 0) {
        *Context = String;
        return NULL;
    }
    End = String + strcspn(String, Delimiters);
    *Context = End;
    if (*End != 0) {
        *End = 0;
        *Context = End + 1;
    }
    return String;
}

char *__cdecl strtok(char *String, const char *Delimiters)
{
    return strtok_s(String, Delimiters, &CrtThread()->TokenNext);
}

int __cdecl _stricmp(const char *First, const char *Second)
{
    while (*First != 0 && CrtpLower((unsigned char)*First) == CrtpLower((unsigned char)*Second)) {
        First++;
        Second++;
    }
    return CrtpLower((unsigned char)*First) - CrtpLower((unsigned char)*Second);
}

int __cdecl _strnicmp(const char *First, const char *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++) {
        int Difference = CrtpLower((unsigned char)*First) - CrtpLower((unsigned char)*Second);

        if (Difference != 0 || *First == 0) {
            return Difference;
        }
    }
    return 0;
}

int __cdecl _strcmpi(const char *First, const char *Second)
{
    return _stricmp(First, Second);
}

int __cdecl strcoll(const char *First, const char *Second)
{
    return strcmp(First, Second);
}

int __cdecl _stricoll(const char *First, const char *Second)
{
    return _stricmp(First, Second);
}

size_t __cdecl strxfrm(char *Target, const char *Source, size_t Count)
{
    size_t Length = strlen(Source);

    if (Count != 0) {
        strncpy(Target, Source, Count);
    }
    return Length;
}

char *__cdecl _strdup(const char *String)
{
    size_t Size;
    char *Copy;

    if (String == NULL) {
        return NULL;
    }
    Size = strlen(String) + 1;
    Copy = malloc(Size);
    return Copy == NULL ? NULL : memcpy(Copy, String, Size);
}

char *__cdecl _strlwr(char *String)
{
    for (char *Next = String; *Next != 0; Next++) {
        *Next = (char)CrtpLower((unsigned char)*Next);
    }
    return String;
}

char *__cdecl _strupr(char *String)
{
    for (char *Next = String; *Next != 0; Next++) {
        if (*Next >= 'a' && *Next <= 'z') {
            *Next = (char)(*Next - ('a' - 'A'));
        }
    }
    return String;
}

char *__cdecl _strrev(char *String)
{
    char *Low = String, *High = String + strlen(String);

    while (Low < --High) {
        char Saved = *Low;

        *Low++ = *High;
        *High = Saved;
    }
    return String;
}

char *__cdecl _strset(char *String, int Character)
{
    for (char *Next = String; *Next != 0; Next++) {
        *Next = (char)Character;
    }
    return String;
}

char *__cdecl _strnset(char *String, int Character, size_t Count)
{
    for (char *Next = String; *Next != 0 && Count != 0; Next++, Count--) {
        *Next = (char)Character;
    }
    return String;
}

errno_t __cdecl strcpy_s(char *Target, rsize_t Size, const char *Source)
{
    if (Target == NULL || Size == 0 || Source == NULL || strlen(Source) >= Size) {
        if (Target != NULL && Size != 0) {
            *Target = 0;
        }
        return Source != NULL && Target != NULL ? ERANGE : EINVAL;
    }
    strcpy(Target, Source);
    return 0;
}

errno_t __cdecl strcat_s(char *Target, rsize_t Size, const char *Source)
{
    size_t Used = Target == NULL ? 0 : strnlen(Target, Size);

    return Used >= Size ? EINVAL : strcpy_s(Target + Used, Size - Used, Source);
}
