// SPDX-License-Identifier: MIT
// FindFirstFile: a directory handle and a buffer of entries between calls.
// Dos patterns are turned into the file system's (WDK, FsRtlIsNameInExpression): "*.*" means all, '?' also matches
// nothing at the end of a name, and a dot before a wildcard also matches the end of the name.

#include "k32.h"

#define FIND_BUFFER 4096u
#define DOS_QM L'>'
#define DOS_DOT L'"'
#define FIND_SIGNATURE 0x444E4946u // 'FIND'

typedef struct _BASE_FIND {
    ULONG Signature;
    HANDLE Directory;
    PFILE_BOTH_DIR_INFORMATION Next; // NULL: ask for more
    RTL_CRITICAL_SECTION Lock;
    UCHAR Buffer[FIND_BUFFER] ALIGNED(8);
} BASE_FIND, *PBASE_FIND;

// Fills a WIN32_FIND_DATAW from the file system's entry.
VOID BaseFindDataFromDirectory(WIN32_FIND_DATAW *Data, const FILE_BOTH_DIR_INFORMATION *Entry)
{
    ULONG Length = min_of(Entry->FileNameLength / sizeof(WCHAR), (ULONG)MAX_PATH - 1);
    ULONG Short = min_of((ULONG)(UCHAR)Entry->ShortNameLength / sizeof(WCHAR), 12ul);

    RtlZeroMemory(Data, sizeof(*Data));
    Data->dwFileAttributes = Entry->FileAttributes;
    Data->ftCreationTime = BaseFileTime(Entry->CreationTime);
    Data->ftLastAccessTime = BaseFileTime(Entry->LastAccessTime);
    Data->ftLastWriteTime = BaseFileTime(Entry->LastWriteTime);
    Data->nFileSizeHigh = (DWORD)Entry->EndOfFile.HighPart;
    Data->nFileSizeLow = Entry->EndOfFile.LowPart;
    memcpy(Data->cFileName, Entry->FileName, Length * sizeof(WCHAR));
    memcpy(Data->cAlternateFileName, Entry->ShortName, Short * sizeof(WCHAR));
}

// The ANSI form of the same.
VOID BaseFindDataToAnsi(WIN32_FIND_DATAA *Ansi, const WIN32_FIND_DATAW *Wide)
{
    memcpy(Ansi, Wide, FIELD_OFFSET(WIN32_FIND_DATAA, cFileName));
    BaseNarrowResult(Wide->cFileName, wcslen(Wide->cFileName), Ansi->cFileName, sizeof(Ansi->cFileName));
    BaseNarrowResult(Wide->cAlternateFileName, wcslen(Wide->cAlternateFileName), Ansi->cAlternateFileName,
                     sizeof(Ansi->cAlternateFileName));
}

static VOID BasepTranslatePattern(PUNICODE_STRING Pattern)
{
    ULONG Count = Pattern->Length / sizeof(WCHAR);

    if (Count == 3 && wcsncmp(Pattern->Buffer, L"*.*", 3) == 0) {
        Pattern->Length = sizeof(WCHAR);
        return;
    }
    for (ULONG i = 0; i < Count; i++) {
        PWSTR Here = Pattern->Buffer + i;

        if (*Here == L'?') {
            *Here = DOS_QM;
        } else if (*Here == L'.' && i + 1 < Count && (Here[1] == L'?' || Here[1] == L'*')) {
            *Here = DOS_DOT;
        }
    }
}

// Reads the next entry, from the buffer or, when that is used up, from the file system.
static NTSTATUS BasepNextEntry(PBASE_FIND Find, PUNICODE_STRING Pattern, WIN32_FIND_DATAW *Data)
{
    PFILE_BOTH_DIR_INFORMATION Entry = Find->Next;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;

    if (Entry == NULL) {
        Status = NtQueryDirectoryFile(Find->Directory, NULL, NULL, NULL, &IoStatus, Find->Buffer, FIND_BUFFER,
                                      FileBothDirectoryInformation, FALSE, Pattern, Pattern != NULL);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Entry = (PFILE_BOTH_DIR_INFORMATION)Find->Buffer;
    }
    BaseFindDataFromDirectory(Data, Entry);
    Find->Next =
        Entry->NextEntryOffset == 0 ? NULL : (PFILE_BOTH_DIR_INFORMATION)((PUCHAR)Entry + Entry->NextEntryOffset);
    return STATUS_SUCCESS;
}

static NTSTATUS BasepOpenFind(PBASE_FIND Find, PBASE_NAME Name, PWSTR FilePart, WIN32_FIND_DATAW *Data)
{
    UNICODE_STRING Pattern;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;

    RtlInitUnicodeString(&Pattern, FilePart);
    Name->NtName.Length -= Pattern.Length;
    BasepTranslatePattern(&Pattern);
    Status = NtOpenFile(&Find->Directory, FILE_LIST_DIRECTORY | SYNCHRONIZE, &Name->Attributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT);
    if (!NT_SUCCESS(Status)) {
        // The name before the pattern is a directory; that it is missing is a missing path, not a missing file.
        return Status == STATUS_OBJECT_NAME_NOT_FOUND || Status == STATUS_NOT_A_DIRECTORY ? STATUS_OBJECT_PATH_NOT_FOUND
                                                                                          : Status;
    }
    Status = RtlInitializeCriticalSection(&Find->Lock);
    if (NT_SUCCESS(Status)) {
        Status = BasepNextEntry(Find, &Pattern, Data);
        if (NT_SUCCESS(Status)) {
            Find->Signature = FIND_SIGNATURE;
            return Status;
        }
        RtlDeleteCriticalSection(&Find->Lock);
    }
    NtClose(Find->Directory);
    return Status;
}

HANDLE WINAPI FindFirstFileW(LPCWSTR FileName, LPWIN32_FIND_DATAW Data)
{
    BASE_NAME Name AUTO_NAME = {.NtName.Buffer = NULL};
    PWSTR FilePart = NULL;
    PBASE_FIND Find;
    NTSTATUS Status;

    if (FileName == NULL || !RtlDosPathNameToNtPathName_U(FileName, &Name.NtName, &FilePart, NULL)) {
        Name.NtName.Buffer = NULL;
        SetLastError(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    if (FilePart == NULL) {
        SetLastError(ERROR_FILE_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    InitializeObjectAttributes(&Name.Attributes, &Name.NtName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Find = BaseAllocate(sizeof(*Find));
    if (Find == NULL) {
        return INVALID_HANDLE_VALUE;
    }
    Status = BasepOpenFind(Find, &Name, FilePart, Data);
    if (!NT_SUCCESS(Status)) {
        BaseFreeMemory(Find);
        if (Status == STATUS_NO_MORE_FILES) {
            Status = STATUS_NO_SUCH_FILE;
        }
        BaseSetLastNTError(Status);
        return INVALID_HANDLE_VALUE;
    }
    return Find;
}

static PBASE_FIND BasepFindHandle(HANDLE Handle)
{
    PBASE_FIND Find = Handle;

    if (Find == NULL || Handle == INVALID_HANDLE_VALUE || IsBadWritePtr(Find, sizeof(*Find)) ||
        Find->Signature != FIND_SIGNATURE) {
        SetLastError(ERROR_INVALID_HANDLE);
        return NULL;
    }
    return Find;
}

WINBOOL WINAPI FindNextFileW(HANDLE Handle, LPWIN32_FIND_DATAW Data)
{
    PBASE_FIND Find = BasepFindHandle(Handle);
    NTSTATUS Status;

    if (Find == NULL) {
        return FALSE;
    }
    RtlEnterCriticalSection(&Find->Lock);
    Status = BasepNextEntry(Find, NULL, Data);
    RtlLeaveCriticalSection(&Find->Lock);
    return BaseBool(Status);
}

WINBOOL WINAPI FindClose(HANDLE Handle)
{
    PBASE_FIND Find = BasepFindHandle(Handle);

    if (Find == NULL) {
        return FALSE;
    }
    Find->Signature = 0;
    NtClose(Find->Directory);
    RtlDeleteCriticalSection(&Find->Lock);
    BaseFreeMemory(Find);
    return TRUE;
}

HANDLE WINAPI FindFirstFileA(LPCSTR FileName, LPWIN32_FIND_DATAA Data)
{
    BASE_WIDE Wide AUTO_WIDE;
    WIN32_FIND_DATAW WideData;
    HANDLE Handle;

    if (!BaseWiden(&Wide, FileName)) {
        return INVALID_HANDLE_VALUE;
    }
    Handle = FindFirstFileW(Wide.Buffer, &WideData);
    if (Handle != INVALID_HANDLE_VALUE) {
        BaseFindDataToAnsi(Data, &WideData);
    }
    return Handle;
}

WINBOOL WINAPI FindNextFileA(HANDLE Handle, LPWIN32_FIND_DATAA Data)
{
    WIN32_FIND_DATAW WideData;

    if (!FindNextFileW(Handle, &WideData)) {
        return FALSE;
    }
    BaseFindDataToAnsi(Data, &WideData);
    return TRUE;
}

HANDLE WINAPI FindFirstFileExW(LPCWSTR FileName, FINDEX_INFO_LEVELS Level, LPVOID Data, FINDEX_SEARCH_OPS Search,
                               LPVOID Filter, DWORD Flags)
{
    UNREFERENCED_PARAMETER(Search);
    UNREFERENCED_PARAMETER(Flags);
    if (Level > FindExInfoBasic || Filter != NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    return FindFirstFileW(FileName, Data);
}

HANDLE WINAPI FindFirstFileExA(LPCSTR FileName, FINDEX_INFO_LEVELS Level, LPVOID Data, FINDEX_SEARCH_OPS Search,
                               LPVOID Filter, DWORD Flags)
{
    UNREFERENCED_PARAMETER(Search);
    UNREFERENCED_PARAMETER(Flags);
    if (Level > FindExInfoBasic || Filter != NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    return FindFirstFileA(FileName, Data);
}
