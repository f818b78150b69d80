// SPDX-License-Identifier: MIT
// The names of DLLs: what a caller writes, what the lists hold, and where files are looked for.
// Source: SDK documentation (LoadLibrary; "Dynamic-Link Library Search Order").

#include "ldrp.h"

BOOLEAN LdrpHasPath(PCUNICODE_STRING Name)
{
    USHORT i;

    for (i = 0; i < Name->Length / sizeof(WCHAR); i++) {
        if (RtlpIsSeparator(Name->Buffer[i]) || Name->Buffer[i] == ':')
            return TRUE;
    }
    return FALSE;
}

NTSTATUS LdrpCompleteName(PCUNICODE_STRING Given, PWSTR Text, PUNICODE_STRING Name)
{
    ULONG Units = Given->Length / sizeof(WCHAR), i;
    BOOLEAN Dot = FALSE;

    if (Units == 0)
        return STATUS_INVALID_PARAMETER;
    if (Units + 5 > LDRP_NAME_UNITS)
        return STATUS_NAME_TOO_LONG;
    memcpy(Text, Given->Buffer, Given->Length);
    Text[Units] = 0;
    for (i = Units; i-- > 0 && !RtlpIsSeparator(Text[i]);)
        Dot |= Text[i] == '.';
    if (!Dot)
        wcscat(Text, L".dll");
    else if (Text[Units - 1] == '.')
        Text[Units - 1] = 0;
    RtlInitUnicodeString(Name, Text);
    return STATUS_SUCCESS;
}

PLDRP_MODULE LdrpFindLoaded(PCUNICODE_STRING Name)
{
    WCHAR Full[LDRP_NAME_UNITS];
    UNICODE_STRING FullName;
    ULONG Bytes;

    if (!LdrpHasPath(Name))
        return LdrpFindByBaseName(Name);
    Bytes = RtlGetFullPathName_U(Name->Buffer, sizeof(Full), Full, NULL);
    if (Bytes == 0 || Bytes >= sizeof(Full))
        return NULL;
    RtlInitUnicodeString(&FullName, Full);
    return LdrpFindByFullName(&FullName);
}

// The directory of the program as a Dos path, from whatever form its name has.
static PWSTR LdrpImageDirectory(PWSTR Text, ULONG Room)
{
    PUNICODE_STRING Image = &LdrpImage->Entry.FullDllName;
    PCWSTR Rest = Image->Buffer;
    PWSTR Last;

    Text[0] = 0;
    if (_wcsnicmp(Rest, L"\\??\\", 4) == 0) {
        Rest += 4;
    } else if (_wcsnicmp(Rest, L"\\SystemRoot\\", 12) == 0) {
        wcscpy(Text, SharedUserData->NtSystemRoot);
        Rest += 11;
    }
    if (wcslen(Text) + wcslen(Rest) >= Room)
        return NULL;
    wcscat(Text, Rest);
    Last = wcsrchr(Text, '\\');
    if (Last == NULL)
        return NULL;
    Last[Last == Text + 2 ? 1 : 0] = 0; // a root keeps its separator
    return Text;
}

// Appends "Directory" "More" ";" at End, which stays as it is if Limit is too near. Returns the new end.
static PWSTR LdrpAppendDirectory(PWSTR End, PWSTR Limit, PCWSTR Directory, PCWSTR More)
{
    SIZE_T Units = wcslen(Directory), MoreUnits = wcslen(More);

    if (Units + MoreUnits + 2 > (SIZE_T)(Limit - End))
        return End;
    memcpy(End, Directory, Units * sizeof(WCHAR));
    memcpy(End + Units, More, MoreUnits * sizeof(WCHAR));
    End += Units + MoreUnits;
    End[0] = ';';
    End[1] = 0;
    return End + 1;
}

// The program's directory, System32, the system root, the current directory, and what PATH says: the order of Windows'
// safe search mode. Made when the first DLL is looked for; most processes find all theirs among the known ones.
// Loader lock held.
NTSTATUS LdrpBuildDefaultPath(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"PATH"), Value;
    ULONG Room = 0x2000;
    WCHAR Directory[LDRP_NAME_UNITS];
    PWSTR End, Limit;
    PCWSTR Root = SharedUserData->NtSystemRoot[0] == 0 ? L"C:\\WINDOWS" : (PCWSTR)SharedUserData->NtSystemRoot;

    if (LdrpDefaultPath != NULL)
        return STATUS_SUCCESS;
    LdrpDefaultPath = RtlpAlloc(Room * sizeof(WCHAR));
    if (LdrpDefaultPath == NULL)
        return STATUS_NO_MEMORY;
    LdrpDefaultPath[0] = 0;
    End = LdrpDefaultPath;
    Limit = LdrpDefaultPath + Room;
    if (LdrpImageDirectory(Directory, LDRP_NAME_UNITS) != NULL)
        End = LdrpAppendDirectory(End, Limit, Directory, L"");
    End = LdrpAppendDirectory(End, Limit, Root, L"\\System32");
    End = LdrpAppendDirectory(End, Limit, Root, L"");
    End = LdrpAppendDirectory(End, Limit, L".", L"");
    Value.Buffer = End;
    Value.Length = 0;
    Value.MaximumLength = (USHORT)((Limit - End) * sizeof(WCHAR));
    if (!NT_SUCCESS(RtlQueryEnvironmentVariable_U(NULL, &Name, &Value)))
        Value.Buffer[0] = 0;
    return STATUS_SUCCESS;
}
