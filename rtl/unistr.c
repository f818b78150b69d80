// SPDX-License-Identifier: MIT
// Counted strings: making, copying, appending, freeing. A UNICODE_STRING's lengths are bytes; a terminator behind the
// text is a courtesy that nobody may rely on. Source: WDK documentation. Any IRQL unless memory is allocated
// (<= APC_LEVEL then), as far as the strings themselves may be touched.

#include "rtlp.h"

#define MAXIMUM_UNICODE_STRING_BYTES 0xFFFE

// Makes a counted string of a terminated one (NULL: an empty string without buffer). The buffer is shared, not copied.
VOID NTAPI RtlInitString(PSTRING Destination, PCSTR Source)
{
    SIZE_T Length = Source == NULL ? 0 : min_of(strlen(Source), MAXUSHORT - 1u);

    Destination->Buffer = (PCHAR)Source;
    Destination->Length = (USHORT)Length;
    Destination->MaximumLength = Source == NULL ? 0 : (USHORT)(Length + 1);
}

VOID NTAPI RtlInitAnsiString(PANSI_STRING Destination, PCSTR Source)
{
    RtlInitString(Destination, Source);
}

// As RtlInitString; a text too long for a counted string is cut.
VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source)
{
    SIZE_T Bytes = Source == NULL ? 0 : wcslen(Source) * sizeof(WCHAR);

    Bytes = min_of(Bytes, MAXIMUM_UNICODE_STRING_BYTES - sizeof(WCHAR));
    Destination->Buffer = (PWSTR)Source;
    Destination->Length = (USHORT)Bytes;
    Destination->MaximumLength = Source == NULL ? 0 : (USHORT)(Bytes + sizeof(WCHAR));
}

// As RtlInitUnicodeString, but STATUS_NAME_TOO_LONG instead of cutting.
NTCHECK RtlInitUnicodeStringEx(PUNICODE_STRING Destination, PCWSTR Source)
{
    if (Source != NULL && wcslen(Source) * sizeof(WCHAR) > MAXIMUM_UNICODE_STRING_BYTES - sizeof(WCHAR))
        return STATUS_NAME_TOO_LONG;
    RtlInitUnicodeString(Destination, Source);
    return STATUS_SUCCESS;
}

static VOID RtlpTerminateIfRoom(PUNICODE_STRING String)
{
    if (String->Length + sizeof(WCHAR) <= String->MaximumLength)
        String->Buffer[String->Length / sizeof(WCHAR)] = 0;
}

// Copies as much of Source (NULL: nothing) as fits.
VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    Destination->Length = 0;
    if (Source == NULL)
        return;
    Destination->Length = min_of(Source->Length, Destination->MaximumLength & ~1u);
    memmove(Destination->Buffer, Source->Buffer, Destination->Length);
    RtlpTerminateIfRoom(Destination);
}

// STATUS_BUFFER_TOO_SMALL if it does not fit; nothing is changed then.
NTCHECK RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    if ((ULONG)Destination->Length + Source->Length > Destination->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove((PCHAR)Destination->Buffer + Destination->Length, Source->Buffer, Source->Length);
    Destination->Length += Source->Length;
    RtlpTerminateIfRoom(Destination);
    return STATUS_SUCCESS;
}

// The same for a terminated string (NULL: nothing).
NTCHECK RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    UNICODE_STRING String;

    if (Source == NULL)
        return STATUS_SUCCESS;
    if (wcslen(Source) * sizeof(WCHAR) > MAXIMUM_UNICODE_STRING_BYTES - sizeof(WCHAR))
        return STATUS_BUFFER_TOO_SMALL;
    RtlInitUnicodeString(&String, Source);
    return RtlAppendUnicodeStringToString(Destination, &String);
}

// Allocates a copy, with a terminator if Flags say so; the caller frees it with RtlFreeUnicodeString.
// STATUS_INVALID_PARAMETER, STATUS_NAME_TOO_LONG, STATUS_NO_MEMORY.
NTCHECK RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING Source, PUNICODE_STRING Destination)
{
    BOOLEAN Terminate = (Flags & RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE) != 0;
    SIZE_T Bytes;

    if (Source == NULL || Destination == NULL || (Source->Length & 1) || Source->Length > Source->MaximumLength)
        return STATUS_INVALID_PARAMETER;
    Bytes = Source->Length + (Terminate ? sizeof(WCHAR) : 0);
    if (Bytes > MAXIMUM_UNICODE_STRING_BYTES)
        return STATUS_NAME_TOO_LONG;
    *Destination = (UNICODE_STRING){0, 0, NULL};
    if (Bytes == 0)
        return STATUS_SUCCESS;
    Destination->Buffer = RtlpAllocateMemory(Bytes, TAG_RTL_STRING);
    if (Destination->Buffer == NULL)
        return STATUS_NO_MEMORY;
    Destination->MaximumLength = (USHORT)Bytes;
    RtlCopyUnicodeString(Destination, Source);
    return STATUS_SUCCESS;
}

// Allocates a terminated copy; FALSE when there is no memory or the text is too long.
BOOLEAN NTAPI RtlCreateUnicodeString(PUNICODE_STRING Destination, PCWSTR Source)
{
    UNICODE_STRING String;

    return NT_SUCCESS(RtlInitUnicodeStringEx(&String, Source)) &&
           NT_SUCCESS(RtlDuplicateUnicodeString(RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE, &String, Destination));
}

// Frees a buffer that Rtl allocated and empties the string. An empty string stays as it is.
VOID NTAPI RtlFreeUnicodeString(PUNICODE_STRING String)
{
    if (String->Buffer != NULL)
        RtlpFreeMemory(String->Buffer, TAG_RTL_STRING);
    *String = (UNICODE_STRING){0, 0, NULL};
}

VOID NTAPI RtlFreeAnsiString(PANSI_STRING String)
{
    if (String->Buffer != NULL)
        RtlpFreeMemory(String->Buffer, TAG_RTL_STRING);
    *String = (ANSI_STRING){0, 0, NULL};
}
