// SPDX-License-Identifier: MIT
// The full name of an object: its type's own query-name procedure, or the names on the way up to the root.
// Source: WDK ntifs.h, ObQueryNameString.

#include "obp.h"

// The bytes of an object's path, without a terminator. The namespace is locked.
static ULONG ObpPathLength(POBJECT_HEADER Header)
{
    ULONG Length = 0;

    if (Header->Body == (PVOID)ObpRootDirectory)
        return sizeof(WCHAR);
    while (Header->Body != (PVOID)ObpRootDirectory) {
        POBJECT_HEADER_NAME_INFO Info = OBJECT_HEADER_TO_NAME_INFO(Header);

        if (Info == NULL || Info->Directory == NULL)
            return Length; // not, or no longer, under the root
        Length += sizeof(WCHAR) + Info->Name.Length;
        Header = OBJECT_TO_OBJECT_HEADER(Info->Directory);
    }
    return Length;
}

// Writes a path of Length bytes backwards. The namespace is locked.
static VOID ObpBuildPath(POBJECT_HEADER Header, PWSTR Buffer, ULONG Length)
{
    PUCHAR Position = (PUCHAR)Buffer + Length;

    if (Header->Body == (PVOID)ObpRootDirectory)
        *Buffer = OBJ_NAME_PATH_SEPARATOR;
    while (Position > (PUCHAR)Buffer && Header->Body != (PVOID)ObpRootDirectory) {
        POBJECT_HEADER_NAME_INFO Info = OBJECT_HEADER_TO_NAME_INFO(Header);

        Position -= Info->Name.Length;
        RtlCopyMemory(Position, Info->Name.Buffer, Info->Name.Length);
        Position -= sizeof(WCHAR);
        *(PWSTR)(PVOID)Position = OBJ_NAME_PATH_SEPARATOR;
        Header = OBJECT_TO_OBJECT_HEADER(Info->Directory);
    }
}

// Writes an object's full name behind *Information (kernel memory): NUL-terminated, Buffer pointing there. An object
// without a name has Length 0 and Buffer NULL. *ReturnLength: bytes written, or needed.
//
// PASSIVE_LEVEL; the caller holds a reference. STATUS_INFO_LENGTH_MISMATCH if Length is too small.
NTSTATUS NTAPI ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION Information, ULONG Length, PULONG ReturnLength)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Bytes;

    PAGED_CODE();
    if (Header->Type->TypeInfo.QueryNameProcedure != NULL) {
        return Header->Type->TypeInfo.QueryNameProcedure(Object, Header->NameInfoOffset != 0, Information, Length,
                                                         ReturnLength, KernelMode);
    }
    ObpLockNamespace(FALSE);
    Bytes = ObpPathLength(Header);
    *ReturnLength = sizeof(*Information) + (Bytes != 0 ? Bytes + sizeof(WCHAR) : 0);
    if (Length < *ReturnLength || Bytes > OBP_MAX_NAME_BYTES - sizeof(WCHAR)) {
        Status = STATUS_INFO_LENGTH_MISMATCH;
    } else {
        RtlZeroMemory(Information, sizeof(*Information));
        if (Bytes != 0) {
            PWSTR Buffer = (PWSTR)(Information + 1);

            ObpBuildPath(Header, Buffer, Bytes);
            Buffer[Bytes / sizeof(WCHAR)] = 0;
            Information->Name.Buffer = Buffer;
            Information->Name.Length = (USHORT)Bytes;
            Information->Name.MaximumLength = (USHORT)(Bytes + sizeof(WCHAR));
        }
    }
    ObpUnlockNamespace(FALSE);
    return Status;
}
