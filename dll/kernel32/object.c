// SPDX-License-Identifier: MIT
// Object names, results of creates and opens, timeouts, pseudo handles: what all the object functions share.
// Win32 names live in \BaseNamedObjects; the prefixes Global\ and Local\ both mean that one directory.

#include "k32.h"

static HANDLE BasepNamedObjects;

// Opens \BaseNamedObjects once; a loser of the race closes its handle.
static HANDLE BasepNamedObjectsDirectory(VOID)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle, Nothing = NULL;

    if (BasepNamedObjects != NULL) {
        return BasepNamedObjects;
    }
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects");
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(NtOpenDirectoryObject(&Handle, DIRECTORY_QUERY | DIRECTORY_TRAVERSE | DIRECTORY_CREATE_OBJECT,
                                          &Attributes))) {
        return NULL;
    }
    if (!__atomic_compare_exchange_n(&BasepNamedObjects, &Nothing, Handle, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        NtClose(Handle);
    }
    return BasepNamedObjects;
}

static LPCWSTR BasepStripPrefix(LPCWSTR Name)
{
    if (_wcsnicmp(Name, L"Global\\", 7) == 0) {
        return Name + 7;
    }
    if (_wcsnicmp(Name, L"Local\\", 6) == 0) {
        return Name + 6;
    }
    return Name;
}

// See k32.h.
POBJECT_ATTRIBUTES BaseObjectAttributes(POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING String,
                                        const SECURITY_ATTRIBUTES *Security, LPCWSTR Name)
{
    ULONG Flags = 0;

    if (Name == NULL && Security == NULL) {
        return NULL;
    }
    if (Security != NULL && Security->bInheritHandle) {
        Flags |= OBJ_INHERIT;
    }
    InitializeObjectAttributes(Attributes, NULL, Flags, NULL, Security == NULL ? NULL : Security->lpSecurityDescriptor);
    if (Name != NULL) {
        RtlInitUnicodeString(String, BasepStripPrefix(Name));
        Attributes->ObjectName = String;
        Attributes->RootDirectory = BasepNamedObjectsDirectory();
        Attributes->Attributes |= OBJ_OPENIF;
    }
    return Attributes;
}

// See k32.h. A name taken by another type is ERROR_INVALID_HANDLE, as the SDK tells.
HANDLE BaseCreated(NTSTATUS Status, const HANDLE *Handle)
{
    if (!NT_SUCCESS(Status)) {
        if (Status == STATUS_OBJECT_TYPE_MISMATCH) {
            SetLastError(ERROR_INVALID_HANDLE);
        } else {
            BaseSetLastNTError(Status);
        }
        return NULL;
    }
    SetLastError(Status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return *Handle;
}

// The handle of an open that succeeded; NULL, with the last error set, for one that failed.
HANDLE BaseOpened(NTSTATUS Status, const HANDLE *Handle)
{
    return BaseBool(Status) ? *Handle : NULL;
}

// See k32.h.
HANDLE BaseStandardHandle(HANDLE Handle)
{
    PRTL_USER_PROCESS_PARAMETERS Parameters = NtCurrentPeb()->ProcessParameters;

    switch ((LONG_PTR)Handle) {
    case (LONG)STD_INPUT_HANDLE:
        return Parameters->StandardInput;
    case (LONG)STD_OUTPUT_HANDLE:
        return Parameters->StandardOutput;
    case (LONG)STD_ERROR_HANDLE:
        return Parameters->StandardError;
    default:
        return Handle;
    }
}
