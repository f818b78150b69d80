// SPDX-License-Identifier: MIT
// Memory blocks. Copies and fills use the processor's string instructions.

#include "crt.h"

void *__cdecl memcpy(void *Target, const void *Source, size_t Length)
{
    void *Result = Target;
    size_t Words = Length / 4;

    __asm__ volatile("rep movsl" : "+D"(Target), "+S"(Source), "+c"(Words) : : "memory");
    Length &= 3;
    __asm__ volatile("rep movsb" : "+D"(Target), "+S"(Source), "+c"(Length) : : "memory");
    return Result;
}

void *__cdecl memmove(void *Target, const void *Source, size_t Length)
{
    char *To = Target;
    const char *From = Source;

    if ((uintptr_t)To - (uintptr_t)From >= Length) {
        return memcpy(Target, Source, Length);
    }
    To += Length - 1;
    From += Length - 1;
    __asm__ volatile("std\n rep movsb\n cld" : "+D"(To), "+S"(From), "+c"(Length) : : "memory");
    return Target;
}

void *__cdecl memset(void *Target, int Value, size_t Length)
{
    void *Result = Target;
    unsigned Word = (unsigned char)Value * 0x01010101u;
    size_t Words = Length / 4;

    __asm__ volatile("rep stosl" : "+D"(Target), "+c"(Words) : "a"(Word) : "memory");
    Length &= 3;
    __asm__ volatile("rep stosb" : "+D"(Target), "+c"(Length) : "a"(Word) : "memory");
    return Result;
}

int __cdecl memcmp(const void *First, const void *Second, size_t Length)
{
    const unsigned char *a = First, *b = Second;

    for (; Length != 0; Length--, a++, b++) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

void *__cdecl memchr(const void *Block, int Character, size_t Length)
{
    const unsigned char *Byte = Block;

    for (; Length != 0; Length--, Byte++) {
        if (*Byte == (unsigned char)Character) {
            return (void *)Byte;
        }
    }
    return NULL;
}

void *__cdecl _memccpy(void *Target, const void *Source, int Character, size_t Length)
{
    unsigned char *To = Target;
    const unsigned char *From = Source;

    while (Length-- != 0) {
        *To++ = *From;
        if (*From++ == (unsigned char)Character) {
            return To;
        }
    }
    return NULL;
}

int __cdecl _memicmp(const void *First, const void *Second, size_t Length)
{
    const unsigned char *a = First, *b = Second;

    for (; Length != 0; Length--, a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, y = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;

        if (x != y) {
            return x - y;
        }
    }
    return 0;
}

void __cdecl _swab(char *Source, char *Target, int Count)
{
    for (; Count > 1; Count -= 2, Source += 2, Target += 2) {
        char First = Source[0];

        Target[0] = Source[1];
        Target[1] = First;
    }
}
