// SPDX-License-Identifier: MIT
// Dos paths to full paths: relative to the current directory or drive, slashes and dots resolved, trailing dots and
// blanks of the last name dropped. Source: SDK documentation (GetFullPathName; "Naming Files, Paths, and Namespaces").

#include "ntdllp.h"

#define PATH_SLACK 16 // separators and prefixes that are added to a name

// A path under construction. Root: units that ".." cannot remove.
typedef struct _PATH_BUILDER {
    PWSTR Buffer;
    ULONG Room; // units
    ULONG Length;
    ULONG Root;
} PATH_BUILDER, *PPATH_BUILDER;

static VOID RtlpPut(PPATH_BUILDER Path, WCHAR Character)
{
    if (Path->Length < Path->Room)
        Path->Buffer[Path->Length] = Character;
    Path->Length++;
}

static VOID RtlpPutText(PPATH_BUILDER Path, PCWSTR Text, ULONG Units)
{
    for (; Units != 0; Units--, Text++)
        RtlpPut(Path, RtlpIsSeparator(*Text) ? '\\' : *Text);
}

static VOID RtlpRemoveLastName(PPATH_BUILDER Path)
{
    if (Path->Length > Path->Room)
        return; // too long already
    if (Path->Length > Path->Root && Path->Buffer[Path->Length - 1] == '\\')
        Path->Length--;
    while (Path->Length > Path->Root && Path->Buffer[Path->Length - 1] != '\\')
        Path->Length--;
}

// Appends one name between separators.
static VOID RtlpPutName(PPATH_BUILDER Path, PCWSTR Name, ULONG Units, BOOLEAN Last)
{
    if (Name[0] == '.' && (Units == 1 || (Units == 2 && Name[1] == '.'))) {
        if (Units == 2)
            RtlpRemoveLastName(Path);
        if (Last && Path->Length > Path->Root && Path->Length <= Path->Room && Path->Buffer[Path->Length - 1] == '\\')
            Path->Length--;
        return;
    }
    while (Units > 0 && (Name[Units - 1] == '.' || (Last && Name[Units - 1] == ' ')))
        Units--;
    if (Units == 0)
        return;
    RtlpPutText(Path, Name, Units);
    if (!Last)
        RtlpPut(Path, '\\');
}

// Appends all names of Rest. A separator at its end stays.
static VOID RtlpPutNames(PPATH_BUILDER Path, PCWSTR Rest)
{
    ULONG Units;

    for (;;) {
        while (RtlpIsSeparator(*Rest))
            Rest++;
        for (Units = 0; Rest[Units] != 0 && !RtlpIsSeparator(Rest[Units]); Units++)
            ;
        if (Units == 0)
            return;
        RtlpPutName(Path, Rest, Units, Rest[Units] == 0);
        Rest += Units;
    }
}

// The directory that "C:x" is relative to: the current one if it is on that drive, else the variable "=C:", else the
// root.
static VOID RtlpPutDriveDirectory(PPATH_BUILDER Path, WCHAR Drive)
{
    PUNICODE_STRING Current = &NtCurrentPeb()->ProcessParameters->CurrentDirectory.DosPath;
    WCHAR NameText[3] = {'=', RtlUpcaseUnicodeChar(Drive), ':'};
    UNICODE_STRING Name = {sizeof(NameText), sizeof(NameText), NameText};
    WCHAR ValueText[MAXIMUM_PATH];
    UNICODE_STRING Value = {0, sizeof(ValueText), ValueText};

    if (Current->Length >= DRIVE_ROOT_UNITS * sizeof(WCHAR) &&
        RtlUpcaseUnicodeChar(Current->Buffer[0]) == NameText[1]) {
        RtlpPutText(Path, Current->Buffer, Current->Length / sizeof(WCHAR));
    } else if (NT_SUCCESS(RtlQueryEnvironmentVariable_U(NULL, &Name, &Value)) &&
               Value.Length >= DRIVE_ROOT_UNITS * sizeof(WCHAR)) {
        RtlpPutText(Path, Value.Buffer, Value.Length / sizeof(WCHAR));
    } else {
        RtlpPut(Path, Drive);
        RtlpPut(Path, ':');
    }
    if (Path->Length > 0 && Path->Buffer[Path->Length - 1] != '\\')
        RtlpPut(Path, '\\');
    Path->Root = DRIVE_ROOT_UNITS;
}

// "\\server\share\": the first two names cannot be removed. Returns the units of Name used.
static ULONG RtlpPutUncRoot(PPATH_BUILDER Path, PCWSTR Name)
{
    ULONG i = 2, Names = 0;

    while (Name[i] != 0 && Names < 2) {
        while (Name[i] != 0 && !RtlpIsSeparator(Name[i]))
            i++;
        Names++;
        if (Name[i] != 0)
            i++;
    }
    RtlpPutText(Path, Name, i);
    Path->Root = Path->Length;
    return i;
}

// Starts the path as its type demands; returns what is left of Name. The PEB lock is held.
static PCWSTR RtlpPutRoot(PPATH_BUILDER Path, PCWSTR Name, RTL_PATH_TYPE Type)
{
    PUNICODE_STRING Current = &NtCurrentPeb()->ProcessParameters->CurrentDirectory.DosPath;

    switch (Type) {
    case RtlPathTypeUncAbsolute:
        return Name + RtlpPutUncRoot(Path, Name);
    case RtlPathTypeLocalDevice:
    case RtlPathTypeRootLocalDevice:
        RtlpPutText(Path, Name, Type == RtlPathTypeLocalDevice ? 4 : 3);
        Path->Root = Path->Length;
        return Name + Path->Length;
    case RtlPathTypeDriveAbsolute:
        RtlpPutText(Path, Name, DRIVE_ROOT_UNITS);
        Path->Root = DRIVE_ROOT_UNITS;
        return Name + DRIVE_ROOT_UNITS;
    case RtlPathTypeDriveRelative:
        RtlpPutDriveDirectory(Path, Name[0]);
        return Name + 2;
    case RtlPathTypeRooted:
        RtlpPutText(Path, Current->Buffer, 2);
        RtlpPut(Path, '\\');
        Path->Root = DRIVE_ROOT_UNITS;
        return Name + 1;
    default:
        RtlpPutText(Path, Current->Buffer, Current->Length / sizeof(WCHAR));
        if (Path->Length > 0 && Path->Buffer[Path->Length - 1] != '\\')
            RtlpPut(Path, '\\');
        Path->Root = DRIVE_ROOT_UNITS;
        return Name;
    }
}

static VOID RtlpBuildFullPath(PPATH_BUILDER Path, PCWSTR Name)
{
    ULONG Device = RtlIsDosDeviceName_U(Name);
    RTL_PATH_TYPE Type = RtlDetermineDosPathNameType_U(Name);

    if (Device != 0) {
        RtlpPutText(Path, L"\\\\.\\", 4);
        RtlpPutText(Path, Name + (Device >> 16) / sizeof(WCHAR), (Device & 0xFFFF) / sizeof(WCHAR));
        return;
    }
    RtlAcquirePebLock();
    Name = RtlpPutRoot(Path, Name, Type);
    RtlReleasePebLock();
    RtlpPutNames(Path, Name);
}

static PWSTR RtlpFilePart(PWSTR Path)
{
    PWSTR Last = wcsrchr(Path, '\\');

    return Last == NULL || Last[1] == 0 ? NULL : Last + 1;
}

// The full form of Name. Size and the result are bytes; the result counts no terminator unless the buffer is too small,
// when it is the size needed. 0 for an empty name or without memory. *FilePart: the last name within Buffer, or NULL.
ULONG NTAPI RtlGetFullPathName_U(PCWSTR Name, ULONG Size, PWSTR Buffer, PWSTR *FilePart)
{
    PATH_BUILDER Path = {NULL, 0, 0, 0};
    ULONG Bytes;

    if (FilePart != NULL)
        *FilePart = NULL;
    if (Name == NULL || Name[0] == 0)
        return 0;
    Path.Room = wcslen(Name) + MAXIMUM_PATH + PATH_SLACK; // a current directory is no longer than that
    Path.Buffer = RtlpAlloc(Path.Room * sizeof(WCHAR));
    if (Path.Buffer == NULL)
        return 0;
    RtlpBuildFullPath(&Path, Name);
    Bytes = Path.Length * sizeof(WCHAR);
    if (Path.Length > Path.Room || Bytes > MAXIMUM_STRING_BYTES) {
        Bytes = 0;
    } else if (Bytes + sizeof(WCHAR) > Size) {
        Bytes += sizeof(WCHAR);
    } else {
        memcpy(Buffer, Path.Buffer, Bytes);
        Buffer[Path.Length] = 0;
        if (FilePart != NULL && Path.Length > Path.Root)
            *FilePart = RtlpFilePart(Buffer);
    }
    RtlpFree(Path.Buffer);
    return Bytes;
}
