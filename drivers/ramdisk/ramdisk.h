// SPDX-License-Identifier: MIT
// A disk in memory: a Multiboot module whose name ends in .img. Its memory is mapped one window at a time.

#ifndef MICA_DRIVERS_RAMDISK_H
#define MICA_DRIVERS_RAMDISK_H

#include "driver.h"

#define SECTOR_SIZE 512u
#define WINDOW_SIZE 0x40000u // 256 KB

typedef struct _RAMDISK { // the device extension
    ULONGLONG PhysicalBase;
    ULONG Length;
    FAST_MUTEX Lock; // the window
    PVOID Window;    // NULL: nothing mapped
    ULONG WindowOffset;
    ULONG WindowLength;
} RAMDISK, *PRAMDISK;

NTCHECK RamdiskCopy(PRAMDISK Disk, ULONG Offset, PUCHAR Buffer, ULONG Length, BOOLEAN Write); // window.c

#endif
