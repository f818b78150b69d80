// SPDX-License-Identifier: MIT
// The full name of an open file: its device's name in the name space, then the file system's name for it.

#include "iop.h"

#define IOP_NAME_BUFFER 2048 // bytes: more than any path that kernel32 can pass

static NTSTATUS IopFileSystemName(PFILE_OBJECT File, PFILE_NAME_INFORMATION Name, ULONG Length)
{
    IO_STATUS_BLOCK IoStatus;

    Name->FileNameLength = 0;
    if (File->Flags & FO_DIRECT_DEVICE_OPEN)
        return STATUS_SUCCESS;
    return IopQueryFile(File, FileNameInformation, Name, Length, &IoStatus);
}

// Puts the two halves together in the caller's buffer.
static NTSTATUS IopJoinNames(POBJECT_NAME_INFORMATION Target, ULONG Length, PULONG ReturnLength, PUNICODE_STRING Device,
                             PFILE_NAME_INFORMATION Rest)
{
    ULONG NameLength = Device->Length + Rest->FileNameLength;
    ULONG Needed = sizeof(OBJECT_NAME_INFORMATION) + NameLength + sizeof(WCHAR);
    volatile NTSTATUS Status = STATUS_SUCCESS;

    *ReturnLength = Needed;
    if (Length < sizeof(OBJECT_NAME_INFORMATION))
        return STATUS_INFO_LENGTH_MISMATCH;
    if (Length < Needed)
        return STATUS_BUFFER_OVERFLOW;
    SEH_TRY
    {
        PWSTR Text = (PWSTR)(Target + 1);

        memcpy(Text, Device->Buffer, Device->Length);
        memcpy((PCHAR)Text + Device->Length, Rest->FileName, Rest->FileNameLength);
        Text[NameLength / sizeof(WCHAR)] = 0;
        Target->Name.Buffer = Text;
        Target->Name.Length = (USHORT)NameLength;
        Target->Name.MaximumLength = (USHORT)(NameLength + sizeof(WCHAR));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Gives an open file's name, e.g. \Device\Harddisk0\Partition1\dir\file.
//
// Length: bytes at Name.   *Returned: bytes needed.   PASSIVE_LEVEL.
// STATUS_INFO_LENGTH_MISMATCH or STATUS_BUFFER_OVERFLOW if it does not fit.
NTSTATUS NTAPI IoQueryFileName(PFILE_OBJECT File, POBJECT_NAME_INFORMATION Name, ULONG Length, PULONG Returned)
{
    POBJECT_NAME_INFORMATION Device = ExAllocatePoolWithTag(NonPagedPool, 2 * IOP_NAME_BUFFER, TAG_IO_NAME);
    PFILE_NAME_INFORMATION Rest;
    ULONG Ignored;
    NTSTATUS Status;

    *Returned = 0;
    if (Device == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Rest = (PFILE_NAME_INFORMATION)((PCHAR)Device + IOP_NAME_BUFFER);
    Status = ObQueryNameString(File->DeviceObject, Device, IOP_NAME_BUFFER, &Ignored);
    if (NT_SUCCESS(Status))
        Status = IopFileSystemName(File, Rest, IOP_NAME_BUFFER);
    if (NT_SUCCESS(Status))
        Status = IopJoinNames(Name, Length, Returned, &Device->Name, Rest);
    ExFreePoolWithTag(Device, TAG_IO_NAME);
    return Status;
}

// The query-name procedure of file objects (ObQueryNameString, NtQueryObject).
//
// PASSIVE_LEVEL. As IoQueryFileName.
NTSTATUS NTAPI IopQueryNameFile(PVOID Object, BOOLEAN HasObjectName, POBJECT_NAME_INFORMATION Name, ULONG Length,
                                PULONG ReturnLength, KPROCESSOR_MODE Mode)
{
    UNREFERENCED_PARAMETER(HasObjectName);
    UNREFERENCED_PARAMETER(Mode);
    return IoQueryFileName(Object, Name, Length, ReturnLength);
}
