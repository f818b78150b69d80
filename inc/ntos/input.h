// SPDX-License-Identifier: MIT
// Between a keyboard's port driver and whoever reads keys, as in the WDK (ntddkbd.h, kbdmou.h): the reader connects a
// callback with an internal device control, and then gets scan codes at DISPATCH_LEVEL.

#ifndef MICA_NTOS_INPUT_H
#define MICA_NTOS_INPUT_H

#include "io.h"

typedef struct _KEYBOARD_INPUT_DATA {
    USHORT UnitId;
    USHORT MakeCode; // scan code set 1, without the break bit
    USHORT Flags;
    USHORT Reserved;
    ULONG ExtraInformation;
} KEYBOARD_INPUT_DATA, *PKEYBOARD_INPUT_DATA;
#define KEY_MAKE 0
#define KEY_BREAK 1
#define KEY_E0 2
#define KEY_E1 4

typedef VOID(NTAPI *PSERVICE_CALLBACK_ROUTINE)(PDEVICE_OBJECT ClassDevice, PKEYBOARD_INPUT_DATA Start,
                                               PKEYBOARD_INPUT_DATA End, PULONG Consumed);
typedef struct _CONNECT_DATA {
    PDEVICE_OBJECT ClassDeviceObject;
    PVOID ClassService; // PSERVICE_CALLBACK_ROUTINE
} CONNECT_DATA, *PCONNECT_DATA;

// Type3InputBuffer: CONNECT_DATA. STATUS_SHARING_VIOLATION if somebody is connected already.
#define IOCTL_INTERNAL_KEYBOARD_CONNECT CTL_CODE(FILE_DEVICE_KEYBOARD, 0x0080, METHOD_NEITHER, FILE_ANY_ACCESS)

#endif
