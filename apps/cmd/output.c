// SPDX-License-Identifier: MIT
// Where text leaves the interpreter: the console takes characters, files and pipes get bytes of the OEM code page.

#include <stdarg.h>

#include "cmd.h"

void Print(HANDLE output, const WCHAR *text)
{
    int length = lstrlenW(text), size;
    DWORD mode, written;
    char bytes[512];

    if (GetConsoleMode(output, &mode)) {
        WriteConsoleW(output, text, (DWORD)length, &written, NULL);
        return;
    }
    while (length > 0) {
        int part = length < 256 ? length : 256;

        size = WideCharToMultiByte(CP_OEMCP, 0, text, part, bytes, sizeof(bytes), NULL, NULL);
        if (!WriteFile(output, bytes, (DWORD)size, &written, NULL))
            return;
        text += part;
        length -= part;
    }
}

static int FormatNumber(WCHAR *text, ULONGLONG value, unsigned base, BOOL negative)
{
    WCHAR digits[24];
    int count = 0, length = 0;

    do {
        digits[count++] = L"0123456789ABCDEF"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[count++] = L'-';
    while (count)
        text[length++] = digits[--count];
    text[length] = 0;
    return length;
}

void PrintFormat(HANDLE output, const WCHAR *format, ...)
{
    WCHAR line[1200], number[32];
    int length = 0;
    va_list arguments;

    va_start(arguments, format);
    for (; *format && length < 1100; format++) {
        const WCHAR *text = number;
        int width = 0, size, signedValue;
        BOOL left = FALSE;
        WCHAR fill = L' ';

        if (*format != L'%') {
            line[length++] = *format;
            continue;
        }
        for (format++; *format == L'-' || *format == L'0'; format++) {
            left |= *format == L'-';
            fill = *format == L'0' ? L'0' : fill;
        }
        for (; *format >= L'0' && *format <= L'9'; format++)
            width = width * 10 + (*format - L'0');
        if (*format == L's') {
            text = va_arg(arguments, const WCHAR *);
        } else if (*format == L'U') {
            FormatNumber(number, va_arg(arguments, ULONGLONG), 10, FALSE);
        } else if (*format == L'd') {
            signedValue = va_arg(arguments, int);
            FormatNumber(number, signedValue < 0 ? 0u - (unsigned)signedValue : (unsigned)signedValue, 10,
                         signedValue < 0);
        } else {
            FormatNumber(number, va_arg(arguments, unsigned), *format == L'x' ? 16 : 10, FALSE);
        }
        size = lstrlenW(text);
        for (; !left && width > size && length < 1100; width--)
            line[length++] = fill;
        for (; *text && length < 1100; width--)
            line[length++] = *text++;
        for (; left && width > 0 && length < 1100; width--)
            line[length++] = L' ';
    }
    va_end(arguments);
    line[length] = 0;
    Print(output, line);
}

int PrintError(DWORD error, const WCHAR *subject)
{
    HANDLE output = GetStdHandle(STD_ERROR_HANDLE);
    WCHAR text[300];

    if (!FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, text, 300, NULL)) {
        PrintFormat(output, L"error %u", error);
        text[0] = 0;
    }
    for (int end = lstrlenW(text); end > 0 && text[end - 1] <= L' '; end--)
        text[end - 1] = 0;
    PrintFormat(output, subject ? L"%s - %s\r\n" : L"%s\r\n", text, subject);
    return 1;
}
