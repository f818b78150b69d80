// SPDX-License-Identifier: MIT
// The current directory: a Dos path that ends in a separator, and an open handle that keeps the directory from being
// deleted. The PEB lock guards both. Source: SDK documentation (SetCurrentDirectory), the published Native API.

#include "ntdllp.h"

static NTSTATUS RtlpOpenDirectory(PCWSTR Path, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING NtName;
    NTSTATUS Status;

    Status = RtlDosPathNameToNtPathName_U(Path, &NtName, NULL, NULL) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeObjectAttributes(&ObjectAttributes, &NtName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = NtOpenFile(Handle, FILE_TRAVERSE | SYNCHRONIZE, &ObjectAttributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT);
    RtlFreeUnicodeString(&NtName);
    return Status;
}

// Remembers the directory as that of its drive ("=C:"), for names such as "C:x" while another drive is current.
static VOID RtlpRememberDrive(PUNICODE_STRING Path)
{
    WCHAR NameText[3] = {'=', 0, ':'};
    UNICODE_STRING Name = {sizeof(NameText), sizeof(NameText), NameText}, Value = *Path;

    if (Path->Length < DRIVE_ROOT_UNITS * sizeof(WCHAR) || Path->Buffer[1] != ':')
        return;
    NameText[1] = RtlUpcaseUnicodeChar(Path->Buffer[0]);
    if (Value.Length > DRIVE_ROOT_UNITS * sizeof(WCHAR))
        Value.Length -= sizeof(WCHAR);
    IGNORE_STATUS(RtlSetEnvironmentVariable(NULL, &Name, &Value));
}

// Changes the directory. STATUS_OBJECT_NAME_INVALID, STATUS_NOT_A_DIRECTORY, STATUS_NAME_TOO_LONG and what opening it
// returns; nothing has changed then.
NTCHECK RtlSetCurrentDirectory_U(PUNICODE_STRING Path)
{
    PCURDIR Current = &NtCurrentPeb()->ProcessParameters->CurrentDirectory;
    WCHAR Name[MAXIMUM_PATH + 1], Full[MAXIMUM_PATH + 1];
    UNICODE_STRING FullString = {0, sizeof(Full), Full};
    HANDLE Handle, Old;
    ULONG Bytes;
    NTSTATUS Status;

    if (Path->Length >= sizeof(Name))
        return STATUS_NAME_TOO_LONG;
    memcpy(Name, Path->Buffer, Path->Length);
    Name[Path->Length / sizeof(WCHAR)] = 0;
    Bytes = RtlGetFullPathName_U(Name, sizeof(Full) - sizeof(WCHAR), Full, NULL);
    if (Bytes == 0)
        return STATUS_OBJECT_NAME_INVALID;
    if (Bytes + 2 * sizeof(WCHAR) > Current->DosPath.MaximumLength || Bytes > sizeof(Full) - 2 * sizeof(WCHAR))
        return STATUS_NAME_TOO_LONG;
    Status = RtlpOpenDirectory(Full, &Handle);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Full[Bytes / sizeof(WCHAR) - 1] != '\\') {
        wcscat(Full, L"\\");
        Bytes += sizeof(WCHAR);
    }
    FullString.Length = (USHORT)Bytes;
    RtlAcquirePebLock();
    RtlCopyUnicodeString(&Current->DosPath, &FullString);
    Old = Current->Handle;
    Current->Handle = Handle;
    RtlpRememberDrive(&FullString);
    RtlReleasePebLock();
    if (Old != NULL)
        NtClose(Old);
    return STATUS_SUCCESS;
}

// Copies the directory, without its last separator unless it is a root. Sizes as in RtlGetFullPathName_U.
ULONG NTAPI RtlGetCurrentDirectory_U(ULONG Size, PWSTR Buffer)
{
    PUNICODE_STRING Path = &NtCurrentPeb()->ProcessParameters->CurrentDirectory.DosPath;
    ULONG Bytes;

    RtlAcquirePebLock();
    Bytes = Path->Length;
    if (Bytes > DRIVE_ROOT_UNITS * sizeof(WCHAR) && Path->Buffer[Bytes / sizeof(WCHAR) - 1] == '\\')
        Bytes -= sizeof(WCHAR);
    if (Bytes + sizeof(WCHAR) <= Size) {
        memcpy(Buffer, Path->Buffer, Bytes);
        Buffer[Bytes / sizeof(WCHAR)] = 0;
    } else {
        Bytes += sizeof(WCHAR);
    }
    RtlReleasePebLock();
    return Bytes;
}

// At process start: opens the directory that the parent chose. If that cannot be, the drive of the system root; if even
// that cannot be opened, its name stands without a handle.
VOID RtlpInitializeCurrentDirectory(VOID)
{
    PCURDIR Current = &NtCurrentPeb()->ProcessParameters->CurrentDirectory;
    WCHAR RootText[DRIVE_ROOT_UNITS + 1] = L"C:\\", Copy[MAXIMUM_PATH + 1];
    UNICODE_STRING Root = {DRIVE_ROOT_UNITS * sizeof(WCHAR), sizeof(RootText), RootText};
    UNICODE_STRING Wanted = {0, sizeof(Copy), Copy};

    Current->Handle = NULL;
    if (SharedUserData->NtSystemRoot[0] != 0)
        RootText[0] = SharedUserData->NtSystemRoot[0];
    RtlCopyUnicodeString(&Wanted, &Current->DosPath);
    RtlCopyUnicodeString(&Current->DosPath, &Root); // what a relative name is relative to until it is set
    if (Wanted.Length != 0 && NT_SUCCESS(RtlSetCurrentDirectory_U(&Wanted)))
        return;
    IGNORE_STATUS(RtlSetCurrentDirectory_U(&Root));
}
