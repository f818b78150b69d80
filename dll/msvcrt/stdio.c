// SPDX-License-Identifier: MIT
// Characters, lines and blocks through streams.

#include "crt.h"

static int CrtpGet(FILE *File)
{
    return --File->_cnt >= 0 ? (unsigned char)*File->_ptr++ : _filbuf(File);
}

int __cdecl fgetc(FILE *File)
{
    int c;

    CrtLockStream(File);
    c = CrtpGet(File);
    CrtUnlockStream(File);
    return c;
}

int __cdecl getc(FILE *File)
{
    return fgetc(File);
}

int __cdecl getchar(void)
{
    return fgetc(stdin);
}

int __cdecl _fgetchar(void)
{
    return fgetc(stdin);
}

int __cdecl fputc(int Character, FILE *File)
{
    char Byte = (char)Character;
    size_t Done;

    CrtLockStream(File);
    Done = CrtPut(File, &Byte, 1);
    CrtEndWrite(File);
    CrtUnlockStream(File);
    return Done == 1 ? (unsigned char)Byte : EOF;
}

int __cdecl putc(int Character, FILE *File)
{
    return fputc(Character, File);
}

int __cdecl putchar(int Character)
{
    return fputc(Character, stdout);
}

int __cdecl _fputchar(int Character)
{
    return fputc(Character, stdout);
}

int __cdecl ungetc(int Character, FILE *File)
{
    int Result = EOF;

    if (Character == EOF) {
        return EOF;
    }
    CrtLockStream(File);
    if ((File->_flag & _IOREAD) != 0 || (File->_flag & (_IORW | _IOWRT)) == _IORW) {
        CrtGiveBuffer(File);
        if (File->_cnt <= 0) {
            File->_cnt = 0;
            File->_ptr = File->_base + 1;
        }
        if (File->_ptr > File->_base) {
            *--File->_ptr = (char)Character;
            File->_cnt++;
            File->_flag = (File->_flag & ~_IOEOF) | _IOREAD;
            Result = (unsigned char)Character;
        }
    }
    CrtUnlockStream(File);
    return Result;
}

char *__cdecl fgets(char *Buffer, int Size, FILE *File)
{
    char *Next = Buffer;
    int c = 0;

    if (Size <= 0) {
        return NULL;
    }
    CrtLockStream(File);
    while (--Size > 0 && (c = CrtpGet(File)) != EOF) {
        *Next++ = (char)c;
        if (c == '\n') {
            break;
        }
    }
    CrtUnlockStream(File);
    if (c == EOF && Next == Buffer) {
        return NULL;
    }
    *Next = 0;
    return Buffer;
}

char *__cdecl gets(char *Buffer)
{
    char *Next = Buffer;
    int c;

    CrtLockStream(stdin);
    while ((c = CrtpGet(stdin)) != EOF && c != '\n') {
        *Next++ = (char)c;
    }
    CrtUnlockStream(stdin);
    if (c == EOF && Next == Buffer) {
        return NULL;
    }
    *Next = 0;
    return Buffer;
}

int __cdecl fputs(const char *Text, FILE *File)
{
    size_t Length = strlen(Text), Done;

    CrtLockStream(File);
    Done = CrtPut(File, Text, Length);
    CrtEndWrite(File);
    CrtUnlockStream(File);
    return Done == Length ? 0 : EOF;
}

int __cdecl puts(const char *Text)
{
    size_t Length = strlen(Text), Done;

    CrtLockStream(stdout);
    Done = CrtPut(stdout, Text, Length) + CrtPut(stdout, "\n", 1);
    CrtEndWrite(stdout);
    CrtUnlockStream(stdout);
    return Done == Length + 1 ? 0 : EOF;
}

// Takes what the buffer has; what is left and larger than a buffer is read past it.
static size_t CrtpTake(FILE *File, char *Target, size_t Length)
{
    size_t Done = 0;

    while (Done < Length) {
        size_t Part = Length - Done;

        if (File->_cnt > 0) {
            if (Part > (size_t)File->_cnt) {
                Part = (size_t)File->_cnt;
            }
            memcpy(Target + Done, File->_ptr, Part);
            File->_ptr += Part;
            File->_cnt -= (int)Part;
            Done += Part;
        } else {
            int c = _filbuf(File);

            if (c == EOF) {
                break;
            }
            Target[Done++] = (char)c;
        }
    }
    return Done;
}

size_t __cdecl fread(void *Buffer, size_t Size, size_t Count, FILE *File)
{
    size_t Done;

    if (Size == 0 || Count == 0) {
        return 0;
    }
    CrtLockStream(File);
    Done = CrtpTake(File, Buffer, Size * Count);
    CrtUnlockStream(File);
    return Done / Size;
}

size_t __cdecl fwrite(const void *Buffer, size_t Size, size_t Count, FILE *File)
{
    size_t Done;

    if (Size == 0 || Count == 0) {
        return 0;
    }
    CrtLockStream(File);
    Done = CrtPut(File, Buffer, Size * Count);
    CrtEndWrite(File);
    CrtUnlockStream(File);
    return Done / Size;
}

int __cdecl _getw(FILE *File)
{
    int Value;

    return fread(&Value, sizeof(Value), 1, File) == 1 ? Value : EOF;
}

int __cdecl _putw(int Value, FILE *File)
{
    return fwrite(&Value, sizeof(Value), 1, File) == 1 ? Value : EOF;
}

#undef feof
#undef ferror
#undef _fileno
int __cdecl feof(FILE *File)
{
    return File->_flag & _IOEOF;
}

int __cdecl ferror(FILE *File)
{
    return File->_flag & _IOERR;
}

void __cdecl clearerr(FILE *File)
{
    File->_flag &= ~(_IOERR | _IOEOF);
    if ((unsigned)File->_file < FD_MAXIMUM) {
        CrtFds[File->_file].Flags &= (unsigned char)~FD_EOF;
    }
}

int __cdecl _fileno(FILE *File)
{
    return File->_file;
}
