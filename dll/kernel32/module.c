// SPDX-License-Identifier: MIT
// Modules: ntdll's loader under Win32's names.

#include "k32.h"

// A name without an extension means a DLL; a dot at its end says that there is none.
static BOOL BasepDllName(LPCWSTR Name, PWSTR Buffer, PUNICODE_STRING String)
{
    SIZE_T Length = wcslen(Name);
    LPCWSTR Dot = wcsrchr(Name, L'.');

    if (Length == 0 || Length > MAX_PATH - 5) {
        return BaseFail(Length == 0 ? ERROR_INVALID_PARAMETER : ERROR_FILENAME_EXCED_RANGE);
    }
    wcscpy(Buffer, Name);
    for (PWSTR Slash = Buffer; *Slash != 0; Slash++) {
        if (*Slash == L'/') {
            *Slash = L'\\';
        }
    }
    if (Dot == NULL || wcschr(Dot, L'\\') != NULL || wcschr(Dot, L'/') != NULL) {
        wcscat(Buffer, L".dll");
    } else if (Dot[1] == 0) {
        Buffer[Length - 1] = 0;
    }
    RtlInitUnicodeString(String, Buffer);
    return TRUE;
}

// Maps a file as data. The low bit of the handle says that it is no loaded module.
static HMODULE BasepLoadAsData(LPCWSTR Name)
{
    WCHAR Path[MAX_PATH];
    HANDLE File, Mapping;
    PVOID Base = NULL;

    if (SearchPathW(NULL, Name, L".dll", MAX_PATH, Path, NULL) == 0) {
        return NULL;
    }
    File = CreateFileW(Path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (File == INVALID_HANDLE_VALUE) {
        return NULL;
    }
    Mapping = CreateFileMappingW(File, NULL, PAGE_READONLY, 0, 0, NULL);
    NtClose(File);
    if (Mapping != NULL) {
        Base = MapViewOfFile(Mapping, FILE_MAP_READ, 0, 0, 0);
        NtClose(Mapping);
    }
    return Base == NULL ? NULL : (HMODULE)((ULONG_PTR)Base | 1);
}

HMODULE WINAPI LoadLibraryExW(LPCWSTR Name, HANDLE File, DWORD Flags)
{
    WCHAR Buffer[MAX_PATH];
    UNICODE_STRING String;
    ULONG Characteristics = (Flags & DONT_RESOLVE_DLL_REFERENCES) != 0 ? IMAGE_FILE_EXECUTABLE_IMAGE : 0;
    PWSTR Path;
    PVOID Base = NULL;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(File);
    if (Name == NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if ((Flags & (LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_AS_DATAFILE_EXCLUSIVE)) != 0) {
        return BasepLoadAsData(Name);
    }
    if (!BasepDllName(Name, Buffer, &String)) {
        return NULL;
    }
    Path = BaseComputeDllPath((Flags & LOAD_WITH_ALTERED_SEARCH_PATH) != 0 && wcschr(Buffer, L'\\') != NULL
                                  ? Buffer
                                  : NtCurrentPeb()->ProcessParameters->ImagePathName.Buffer);
    if (Path == NULL) {
        return NULL;
    }
    Status = LdrLoadDll(Path, Characteristics == 0 ? NULL : &Characteristics, &String, &Base);
    BaseFreeMemory(Path);
    return BaseBool(Status) ? Base : NULL;
}

HMODULE WINAPI LoadLibraryW(LPCWSTR Name)
{
    return LoadLibraryExW(Name, NULL, 0);
}

HMODULE WINAPI LoadLibraryExA(LPCSTR Name, HANDLE File, DWORD Flags)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? LoadLibraryExW(Wide.Buffer, File, Flags) : NULL;
}

HMODULE WINAPI LoadLibraryA(LPCSTR Name)
{
    return LoadLibraryExA(Name, NULL, 0);
}

WINBOOL WINAPI FreeLibrary(HMODULE Module)
{
    if (((ULONG_PTR)Module & 1) != 0) {
        return UnmapViewOfFile((LPCVOID)((ULONG_PTR)Module & ~(ULONG_PTR)1));
    }
    if (Module == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    return BaseBool(LdrUnloadDll(Module));
}

static BOOL BasepModuleByAddress(LPCVOID Address, HMODULE *Module)
{
    PLDR_DATA_TABLE_ENTRY Entry;

    if (!NT_SUCCESS(LdrFindEntryForAddress((PVOID)Address, &Entry))) {
        return BaseFail(ERROR_MOD_NOT_FOUND);
    }
    *Module = Entry->DllBase;
    return TRUE;
}

WINBOOL WINAPI GetModuleHandleExW(DWORD Flags, LPCWSTR Name, HMODULE *Module)
{
    BOOL ByAddress = (Flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) != 0;
    WCHAR Buffer[MAX_PATH];
    UNICODE_STRING String;
    PVOID Base = NULL;
    ULONG LdrFlags = 0;

    if (Module == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    *Module = NULL;
    if (Name == NULL) {
        *Module = (HMODULE)NtCurrentPeb()->ImageBaseAddress;
        return TRUE;
    }
    if (ByAddress) {
        PLDR_DATA_TABLE_ENTRY Entry;

        if (!BasepModuleByAddress(Name, Module)) {
            return FALSE;
        }
        if ((Flags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT) != 0 ||
            !NT_SUCCESS(LdrFindEntryForAddress(*Module, &Entry))) {
            return TRUE;
        }
        String = Entry->FullDllName;
    } else if (!BasepDllName(Name, Buffer, &String)) {
        return FALSE;
    }
    if ((Flags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT) != 0) {
        LdrFlags = LDR_GET_DLL_HANDLE_EX_UNCHANGED_REFCOUNT;
    } else if ((Flags & GET_MODULE_HANDLE_EX_FLAG_PIN) != 0) {
        LdrFlags = LDR_GET_DLL_HANDLE_EX_PIN;
    }
    if (!NT_SUCCESS(LdrGetDllHandleEx(LdrFlags, NULL, NULL, &String, &Base))) {
        return ByAddress ? TRUE : BaseFail(ERROR_MOD_NOT_FOUND);
    }
    *Module = Base;
    return TRUE;
}

WINBOOL WINAPI GetModuleHandleExA(DWORD Flags, LPCSTR Name, HMODULE *Module)
{
    BASE_WIDE Wide AUTO_WIDE = {.Buffer = NULL};

    if ((Flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) != 0) {
        return GetModuleHandleExW(Flags, (LPCWSTR)Name, Module);
    }
    return BaseWiden(&Wide, Name) && GetModuleHandleExW(Flags, Wide.Buffer, Module);
}

HMODULE WINAPI GetModuleHandleW(LPCWSTR Name)
{
    HMODULE Module;

    return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, Name, &Module) ? Module : NULL;
}

HMODULE WINAPI GetModuleHandleA(LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? GetModuleHandleW(Wide.Buffer) : NULL;
}

FARPROC WINAPI GetProcAddress(HMODULE Module, LPCSTR Name)
{
    BOOL ByOrdinal = (ULONG_PTR)Name < 0x10000;
    ANSI_STRING String;
    PVOID Address = NULL;
    NTSTATUS Status;

    if (Module == NULL) {
        Module = NtCurrentPeb()->ImageBaseAddress;
    }
    if (!ByOrdinal) {
        RtlInitAnsiString(&String, Name);
    }
    Status =
        LdrGetProcedureAddress(Module, ByOrdinal ? NULL : &String, ByOrdinal ? (ULONG)(ULONG_PTR)Name : 0, &Address);
    if (!NT_SUCCESS(Status)) {
        SetLastError(Status == STATUS_DLL_NOT_FOUND ? ERROR_MOD_NOT_FOUND : ERROR_PROC_NOT_FOUND);
        return NULL;
    }
    return (FARPROC)Address;
}

// Copies the name by the rule of Windows XP: cut to the buffer, and the buffer's size returned when it was too small.
DWORD WINAPI GetModuleFileNameW(HMODULE Module, LPWSTR Buffer, DWORD Size)
{
    PLDR_DATA_TABLE_ENTRY Entry;
    DWORD Length;

    if (Module == NULL) {
        Module = NtCurrentPeb()->ImageBaseAddress;
    }
    if (!NT_SUCCESS(LdrFindEntryForAddress(Module, &Entry)) || Entry->DllBase != Module) {
        SetLastError(ERROR_MOD_NOT_FOUND);
        return 0;
    }
    Length = Entry->FullDllName.Length / sizeof(WCHAR);
    if (Length < Size) {
        memcpy(Buffer, Entry->FullDllName.Buffer, Length * sizeof(WCHAR));
        Buffer[Length] = 0;
        SetLastError(ERROR_SUCCESS);
        return Length;
    }
    if (Size != 0) {
        memcpy(Buffer, Entry->FullDllName.Buffer, Size * sizeof(WCHAR));
        Buffer[Size - 1] = 0;
    }
    SetLastError(ERROR_INSUFFICIENT_BUFFER);
    return Size;
}

DWORD WINAPI GetModuleFileNameA(HMODULE Module, LPSTR Buffer, DWORD Size)
{
    WCHAR Wide[MAX_PATH];
    DWORD Length = GetModuleFileNameW(Module, Wide, MAX_PATH), Part, Bytes;

    if (Length == 0 || Size == 0) {
        return 0;
    }
    Part = min_of(Length, Size - 1);
    if (!BaseBool(RtlUnicodeToMultiByteN(Buffer, Size, &Bytes, Wide, Part * sizeof(WCHAR)))) {
        return 0;
    }
    Buffer[Bytes] = 0;
    if (Part < Length) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return Size;
    }
    return Bytes;
}

WINBOOL WINAPI DisableThreadLibraryCalls(HMODULE Module)
{
    return BaseBool(LdrDisableThreadCalloutsForDll(Module));
}
