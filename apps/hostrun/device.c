// SPDX-License-Identifier: MIT
// Native opens of devices that have no DOS name, and the records for the host.

#include <stdarg.h>

#include "hostrun.h"

// NULL if the device is not there.
HANDLE OpenDevice(PCWSTR NtName, ACCESS_MASK Access, ULONG Attributes)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;
    UNICODE_STRING name;
    HANDLE handle;

    RtlInitUnicodeString(&name, NtName);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | Attributes, NULL, NULL);
    if (!NT_SUCCESS(NtOpenFile(&handle, Access, &attributes, &status, FILE_SHARE_READ | FILE_SHARE_WRITE,
                               FILE_SYNCHRONOUS_IO_NONALERT)))
        return NULL;
    return handle;
}

// %ws, %u and %08X are what the records use.
static void AppendNumber(char *text, unsigned *length, unsigned value, unsigned base, unsigned width)
{
    char digits[12];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789ABCDEF"[value % base];
        value /= base;
    } while (value || count < width);
    while (count)
        text[(*length)++] = digits[--count];
}

void WriteRecord(PCWSTR Format, ...)
{
    HANDLE port = OpenDevice(L"\\Device\\HostPort", SYNCHRONIZE | FILE_WRITE_DATA, 0);
    char text[640];
    unsigned length = 0;
    va_list arguments;
    DWORD written;

    va_start(arguments, Format);
    for (; *Format && length < 500; Format++) {
        if (*Format != L'%') {
            text[length++] = (char)*Format;
        } else if (Format[1] == L'w') {
            PCWSTR string = va_arg(arguments, PCWSTR);

            while (*string && length < 500) {
                text[length++] = *string < 0x80 ? (char)*string : '?';
                string++;
            }
            Format += 2;
        } else if (Format[1] == L'u') {
            AppendNumber(text, &length, va_arg(arguments, unsigned), 10, 1);
            Format += 1;
        } else {
            AppendNumber(text, &length, va_arg(arguments, unsigned), 16, 8);
            Format += 3;
        }
    }
    va_end(arguments);
    if (length == 500)
        text[length++] = '\n';
    if (port != NULL) {
        WriteFile(port, text, length, &written, NULL);
        CloseHandle(port);
    }
}
