// SPDX-License-Identifier: MIT
// Wide characters through streams. A stream holds bytes: in text mode each is one character of the "C" locale, in
// binary mode two bytes are one wide character.

#include "crt.h"

#undef getwc
#undef putwc
#undef getwchar
#undef putwchar

static int CrtpIsText(const FILE *File)
{
    return (unsigned)File->_file < FD_MAXIMUM && (CrtFds[File->_file].Flags & FD_TEXT) != 0;
}

wint_t __cdecl fgetwc(FILE *File)
{
    wchar_t Wide;
    int c;

    if (CrtpIsText(File)) {
        c = fgetc(File);
        return c == EOF ? WEOF : (wint_t)c;
    }
    return fread(&Wide, sizeof(Wide), 1, File) == 1 ? Wide : WEOF;
}

wint_t __cdecl getwc(FILE *File)
{
    return fgetwc(File);
}

wint_t __cdecl getwchar(void)
{
    return fgetwc(stdin);
}

wint_t __cdecl ungetwc(wint_t Character, FILE *File)
{
    if (Character == WEOF) {
        return WEOF;
    }
    if (CrtpIsText(File)) {
        return ungetc((unsigned char)Character, File) == EOF ? WEOF : Character;
    }
    if (ungetc(Character >> 8, File) == EOF || ungetc(Character & 0xFF, File) == EOF) {
        return WEOF;
    }
    return Character;
}

wint_t __cdecl fputwc(wchar_t Character, FILE *File)
{
    if (CrtpIsText(File)) {
        if (Character > 0xFF) {
            CrtFail(EILSEQ);
            return WEOF;
        }
        return fputc(Character, File) == EOF ? WEOF : Character;
    }
    return fwrite(&Character, sizeof(Character), 1, File) == 1 ? Character : WEOF;
}

wint_t __cdecl putwc(wchar_t Character, FILE *File)
{
    return fputwc(Character, File);
}

wint_t __cdecl putwchar(wchar_t Character)
{
    return fputwc(Character, stdout);
}

wchar_t *__cdecl fgetws(wchar_t *Buffer, int Size, FILE *File)
{
    wchar_t *Next = Buffer;
    wint_t c = 0;

    if (Size <= 0) {
        return NULL;
    }
    while (--Size > 0 && (c = fgetwc(File)) != WEOF) {
        *Next++ = c;
        if (c == '\n') {
            break;
        }
    }
    if (c == WEOF && Next == Buffer) {
        return NULL;
    }
    *Next = 0;
    return Buffer;
}

int __cdecl fputws(const wchar_t *Text, FILE *File)
{
    while (*Text != 0) {
        if (fputwc(*Text++, File) == WEOF) {
            return EOF;
        }
    }
    return 0;
}

int __cdecl _putws(const wchar_t *Text)
{
    return fputws(Text, stdout) == EOF || fputwc('\n', stdout) == WEOF ? EOF : 0;
}
