// SPDX-License-Identifier: MIT
// FormatMessage: system errors and strings with inserts (%1..%99, %n, %0, %%). Works in UTF-16; the ANSI form converts
// at both ends. An insert's format between exclamation marks is honoured for one conversion (%1!d!).

#include "errtext.h"

#define MESSAGE_MAXIMUM 0x8000u
#define INSERT_MAXIMUM 512

typedef struct _BASE_MESSAGE {
    PWSTR Buffer; // MESSAGE_MAXIMUM characters
    ULONG Length;
    BOOL Ansi; // inserts are ANSI strings
    const ULONG_PTR *Array;
    va_list *List;
    ULONG_PTR Taken[99]; // values already drawn from List
    ULONG TakenCount;
} BASE_MESSAGE, *PBASE_MESSAGE;

static VOID BasepPut(PBASE_MESSAGE Message, WCHAR Character)
{
    if (Message->Length < MESSAGE_MAXIMUM - 1) {
        Message->Buffer[Message->Length++] = Character;
    }
}

static ULONG_PTR BasepArgument(PBASE_MESSAGE Message, ULONG Number)
{
    if (Message->Array != NULL) {
        return Message->Array[Number - 1];
    }
    while (Message->List != NULL && Message->TakenCount < Number) {
        Message->Taken[Message->TakenCount++] = va_arg(*Message->List, ULONG_PTR);
    }
    return Message->List == NULL ? 0 : Message->Taken[Number - 1];
}

static VOID BasepPutInsert(PBASE_MESSAGE Message, ULONG Number, PCWSTR Format)
{
    ULONG_PTR Value = BasepArgument(Message, Number);
    WCHAR Text[INSERT_MAXIMUM];
    WCHAR Last = *Format == 0 ? L's' : Format[wcslen(Format) - 1];
    PCWSTR Next = Text;

    Text[0] = 0;
    if (Last == L's' || Last == L'S') {
        // A plain string is of the call's own kind; !S! and !hs!/!ls! turn that round or fix it.
        BOOL Ansi = wcsstr(Format, L"h") != NULL || (wcsstr(Format, L"l") == NULL && (Last == L'S') != Message->Ansi);

        if (Value == 0) {
            Next = L"(null)";
        } else if (!Ansi) {
            Next = (PCWSTR)Value;
        } else {
            for (PCSTR Byte = (PCSTR)Value; *Byte != 0; Byte++) {
                BasepPut(Message, (UCHAR)*Byte);
            }
        }
    } else {
        WCHAR Full[32] = L"%";

        wcsncpy(Full + 1, Format, RTL_NUMBER_OF(Full) - 2);
        _snwprintf(Text, INSERT_MAXIMUM - 1, Full, (UINT)Value);
        Text[INSERT_MAXIMUM - 1] = 0;
    }
    while (*Next != 0) {
        BasepPut(Message, *Next++);
    }
}

// One %-sequence; Next points behind the percent sign. Returns where to go on, NULL at "%0".
static PCWSTR BasepSequence(PBASE_MESSAGE Message, PCWSTR Next, BOOL IgnoreInserts)
{
    WCHAR Format[32] = {0};
    ULONG Number = 0, Length = 0;

    if (*Next == L'0') {
        return NULL;
    }
    if (*Next < L'1' || *Next > L'9') {
        switch (*Next) {
        case L'n':
            BasepPut(Message, L'\r');
            BasepPut(Message, L'\n');
            break;
        case L't':
            BasepPut(Message, L'\t');
            break;
        default:
            BasepPut(Message, *Next);
            break;
        }
        return *Next == 0 ? Next : Next + 1;
    }
    if (IgnoreInserts) {
        BasepPut(Message, L'%');
        BasepPut(Message, *Next);
        return Next + 1;
    }
    for (int Digits = 0; Digits < 2 && *Next >= L'0' && *Next <= L'9'; Digits++) {
        Number = Number * 10 + (ULONG)(*Next++ - L'0');
    }
    if (*Next == L'!') {
        for (Next++; *Next != 0 && *Next != L'!'; Next++) {
            if (Length < RTL_NUMBER_OF(Format) - 1) {
                Format[Length++] = *Next;
            }
        }
        Next += *Next == L'!';
    }
    BasepPutInsert(Message, Number, Format);
    return Next;
}

static VOID BasepExpand(PBASE_MESSAGE Message, PCWSTR Source, BOOL IgnoreInserts)
{
    while (Source != NULL && *Source != 0) {
        if (*Source == L'%') {
            Source = BasepSequence(Message, Source + 1, IgnoreInserts);
        } else {
            BasepPut(Message, *Source++);
        }
    }
    Message->Buffer[Message->Length] = 0;
}

// The same for a text of the table, which is ASCII and short.
static VOID BasepExpandAnsi(PBASE_MESSAGE Message, LPCSTR Source, BOOL IgnoreInserts)
{
    WCHAR Wide[256];
    ULONG Length;

    for (Length = 0; Source[Length] != 0 && Length < RTL_NUMBER_OF(Wide) - 1; Length++) {
        Wide[Length] = (UCHAR)Source[Length];
    }
    Wide[Length] = 0;
    BasepExpand(Message, Wide, IgnoreInserts);
}

// The message in a heap block that the caller frees; NULL, with the last error set.
static PWSTR BasepFormat(DWORD Flags, LPCWSTR Source, DWORD Id, BOOL Ansi, va_list *Arguments, PULONG Length)
{
    BASE_MESSAGE Message = {.Ansi = Ansi};
    LPCSTR Text;

    Message.Buffer = BaseAllocate(MESSAGE_MAXIMUM * sizeof(WCHAR));
    if (Message.Buffer == NULL) {
        return NULL;
    }
    if ((Flags & FORMAT_MESSAGE_ARGUMENT_ARRAY) != 0) {
        Message.Array = (const ULONG_PTR *)Arguments;
    } else {
        Message.List = Arguments;
    }
    if ((Flags & FORMAT_MESSAGE_FROM_STRING) != 0) {
        BasepExpand(&Message, Source, (Flags & FORMAT_MESSAGE_IGNORE_INSERTS) != 0);
    } else {
        Text = (Flags & FORMAT_MESSAGE_FROM_SYSTEM) != 0 ? BaseErrorText(Id) : NULL;
        if (Text == NULL) {
            BaseFreeMemory(Message.Buffer);
            SetLastError(ERROR_MR_MID_NOT_FOUND);
            return NULL;
        }
        BasepExpandAnsi(&Message, Text, (Flags & FORMAT_MESSAGE_IGNORE_INSERTS) != 0);
        BasepPut(&Message, L'\r');
        BasepPut(&Message, L'\n');
        Message.Buffer[Message.Length] = 0;
    }
    *Length = Message.Length;
    return Message.Buffer;
}

DWORD WINAPI FormatMessageW(DWORD Flags, LPCVOID Source, DWORD Id, DWORD Language, LPWSTR Buffer, DWORD Size,
                            va_list *Arguments)
{
    ULONG Length;
    PWSTR Text = BasepFormat(Flags, Source, Id, FALSE, Arguments, &Length);

    UNREFERENCED_PARAMETER(Language);
    if (Text == NULL) {
        return 0;
    }
    if ((Flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) != 0) {
        Size = max_of(Size, Length + 1);
        Buffer = *(PWSTR *)(PVOID)Buffer = LocalAlloc(0, Size * sizeof(WCHAR));
    }
    if (Buffer == NULL || Length >= Size) {
        SetLastError(Buffer == NULL ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INSUFFICIENT_BUFFER);
        Length = 0;
    } else {
        memcpy(Buffer, Text, (Length + 1) * sizeof(WCHAR));
    }
    BaseFreeMemory(Text);
    return Length;
}

DWORD WINAPI FormatMessageA(DWORD Flags, LPCVOID Source, DWORD Id, DWORD Language, LPSTR Buffer, DWORD Size,
                            va_list *Arguments)
{
    BASE_WIDE Wide AUTO_WIDE = {.Buffer = NULL};
    ULONG Length;
    PWSTR Text;

    UNREFERENCED_PARAMETER(Language);
    if ((Flags & FORMAT_MESSAGE_FROM_STRING) != 0 && !BaseWiden(&Wide, Source)) {
        return 0;
    }
    Text = BasepFormat(Flags, Wide.Buffer, Id, TRUE, Arguments, &Length);
    if (Text == NULL) {
        return 0;
    }
    if ((Flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) != 0) {
        Size = max_of(Size, Length + 1);
        Buffer = *(PSTR *)(PVOID)Buffer = LocalAlloc(0, Size);
    }
    if (Buffer == NULL || Length >= Size) {
        SetLastError(Buffer == NULL ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INSUFFICIENT_BUFFER);
        Length = 0;
    } else {
        Length = BaseNarrowResult(Text, Length, Buffer, Size);
    }
    BaseFreeMemory(Text);
    return Length;
}
