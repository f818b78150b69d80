// SPDX-License-Identifier: MIT
// Helpers for the laws of fastfat and cc: short forms of the file services, on D:.

#ifndef MICA_TESTS_KERNEL_FAT_FATTEST_H
#define MICA_TESTS_KERNEL_FAT_FATTEST_H

#include "drivers/fastfat/fat.h"
#include "ktest.h"

#define FT_ROOT L"\\??\\D:\\"
#define FT_ALL (FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | DELETE | SYNCHRONIZE)
#define FT_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

NTSTATUS FtOpenEx(HANDLE Root, PCWSTR Name, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options,
                  ULONG Attributes, PHANDLE Handle, PULONG_PTR Information);
NTSTATUS FtOpen(HANDLE Root, PCWSTR Name, ULONG Disposition, ULONG Options, PHANDLE Handle);
NTSTATUS FtWrite(HANDLE File, ULONGLONG Offset, const VOID *Buffer, ULONG Length);
NTSTATUS FtRead(HANDLE File, ULONGLONG Offset, PVOID Buffer, ULONG Length, PULONG Done);
NTSTATUS FtSetSize(HANDLE File, ULONGLONG Size);
NTSTATUS FtDispose(HANDLE File, BOOLEAN Delete);
NTSTATUS FtDelete(HANDLE Root, PCWSTR Name);
NTSTATUS FtRename(HANDLE File, HANDLE Root, PCWSTR Name, BOOLEAN Replace);
ULONGLONG FtSize(HANDLE File);
ULONGLONG FtFreeClusters(HANDLE File);
// A fresh directory for a test, and its end (it must be empty then).
HANDLE FtMakeDirectory(PCWSTR Name);
VOID FtDropDirectory(HANDLE Directory);
// Makes Io's lists of spare IRPs as long as a test could: they keep what was needed at most, by chance more each time.
VOID FtWarmIrps(VOID);
// The file object behind a handle, referenced.
PFILE_OBJECT FtFileObject(HANDLE File);

#endif
