// SPDX-License-Identifier: MIT
// Names that drivers make: symbolic links (\??\COM1), directories (\Device\Harddisk0), and finding a device by name.
// Source: WDK documentation (IoCreateSymbolicLink, IoGetDeviceObjectPointer).

#include "iop.h"

// Makes a permanent symbolic link.
//
// PASSIVE_LEVEL. STATUS_OBJECT_NAME_COLLISION if the name is taken.
NTSTATUS NTAPI IoCreateSymbolicLink(PUNICODE_STRING Link, PUNICODE_STRING Target)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Link, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateSymbolicLinkObject(&Handle, SYMBOLIC_LINK_ALL_ACCESS, &Attributes, Target);
    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    return Status;
}

// Removes a symbolic link's name.
//
// PASSIVE_LEVEL. STATUS_OBJECT_NAME_NOT_FOUND.
NTSTATUS NTAPI IoDeleteSymbolicLink(PUNICODE_STRING Link)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Link, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenSymbolicLinkObject(&Handle, DELETE, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ZwMakeTemporaryObject(Handle);
    ZwClose(Handle);
    return Status;
}

// Makes a link from one constant name to another.
//
// PASSIVE_LEVEL. As IoCreateSymbolicLink.
NTSTATUS NTAPI IopCreateLinkTo(PCWSTR Link, PCWSTR Target)
{
    UNICODE_STRING LinkName, TargetName;

    RtlInitUnicodeString(&LinkName, Link);
    RtlInitUnicodeString(&TargetName, Target);
    return IoCreateSymbolicLink(&LinkName, &TargetName);
}

// Makes a permanent object directory; one that is there already will do.
//
// PASSIVE_LEVEL.
NTSTATUS NTAPI IopCreateDirectory(PCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING DirectoryName;
    HANDLE Handle;
    NTSTATUS Status;

    RtlInitUnicodeString(&DirectoryName, Name);
    InitializeObjectAttributes(&Attributes, &DirectoryName,
                               OBJ_PERMANENT | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE | OBJ_OPENIF, NULL, NULL);
    Status = ZwCreateDirectoryObject(&Handle, DIRECTORY_ALL_ACCESS, &Attributes);
    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    return NT_SUCCESS(Status) ? STATUS_SUCCESS : Status;
}

// Finds a device by name: opens it and gives the top of its stack.
//
// PASSIVE_LEVEL. The caller drops the reference to *File when it no longer needs *Device. The open's status on failure.
NTSTATUS NTAPI IoGetDeviceObjectPointer(PUNICODE_STRING Name, ACCESS_MASK DesiredAccess, PFILE_OBJECT *File,
                                        PDEVICE_OBJECT *Device)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Handle;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = IoCreateFile(&Handle, DesiredAccess, &Attributes, &IoStatus, NULL, 0, FILE_SHARE_READ | FILE_SHARE_WRITE,
                          FILE_OPEN, 0, NULL, 0, CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, 0, IoFileObjectType, KernelMode, (PVOID *)File, NULL);
    if (NT_SUCCESS(Status))
        *Device = IopTopDevice(*File);
    ObCloseHandle(Handle, KernelMode);
    return Status;
}
