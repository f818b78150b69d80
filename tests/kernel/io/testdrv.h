// SPDX-License-Identifier: MIT
// A driver for tests: one device whose bytes are known (byte n is n & 0xFF, KT_DEVICE_BYTES of them) and whose requests
// can be made to wait.

#ifndef MICA_TESTS_KERNEL_IO_TESTDRV_H
#define MICA_TESTS_KERNEL_IO_TESTDRV_H

#include "io/iop.h"
#include "ktest.h"

#define KT_DEVICE_NAME L"\\Device\\KtIo"
#define KT_LINK_NAME L"\\??\\KtIo"
#define KT_DEVICE_BYTES 256
#define KT_IOCTL_INVERT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define KT_IOCTL_WRITE_ONLY CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS)

typedef struct _KT_DEVICE {
    BOOLEAN Hold; // reads wait until KtReleaseRead
    CCHAR Boost;  // that KtReleaseRead gives the reader
    PIRP Held;
    ULONG Creates, Cleanups, Closes;
    UCHAR Written[KT_DEVICE_BYTES];
} KT_DEVICE, *PKT_DEVICE;

// Starts the driver; NULL after a failed expectation. KtStopDriver takes everything away again.
PKT_DEVICE KtStartDriver(ULONG Flags);
VOID KtStopDriver(VOID);
PDEVICE_OBJECT KtDeviceObject(VOID);
// Completes the read that waits.
VOID KtReleaseRead(PKT_DEVICE Device, NTSTATUS Status, ULONG Information);
NTSTATUS KtOpen(PCWSTR Name, ACCESS_MASK Access, ULONG Options, PHANDLE Handle);

#endif
