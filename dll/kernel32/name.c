// SPDX-License-Identifier: MIT
// From a Dos path to the object attributes of an open.

#include "k32.h"

// Fills Name; BaseFreeName returns it. FALSE, with ERROR_PATH_NOT_FOUND, for a path that ntdll does not accept.
BOOL BaseOpenName(PBASE_NAME Name, LPCWSTR DosName)
{
    Name->NtName.Buffer = NULL;
    if (DosName == NULL || !RtlDosPathNameToNtPathName_U(DosName, &Name->NtName, NULL, NULL)) {
        Name->NtName.Buffer = NULL;
        return BaseFail(ERROR_PATH_NOT_FOUND);
    }
    InitializeObjectAttributes(&Name->Attributes, &Name->NtName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return TRUE;
}

// Undoes BaseOpenName; harmless when that failed.
VOID BaseFreeName(PBASE_NAME Name)
{
    if (Name->NtName.Buffer != NULL) {
        RtlFreeUnicodeString(&Name->NtName);
    }
}

// Opens an existing file, shared with everybody. The last error is left alone.
NTSTATUS BaseOpenPath(PHANDLE Handle, LPCWSTR DosName, ACCESS_MASK Access, ULONG Options)
{
    BASE_NAME Name AUTO_NAME;
    IO_STATUS_BLOCK IoStatus;

    if (!BaseOpenName(&Name, DosName)) {
        return STATUS_OBJECT_PATH_NOT_FOUND;
    }
    return NtOpenFile(Handle, Access, &Name.Attributes, &IoStatus,
                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, Options);
}
