// SPDX-License-Identifier: MIT
// The host runner's private header.

#ifndef MICA_HOSTRUN_H
#define MICA_HOSTRUN_H

#include "nt.h"

// The program's standard input as the boot option /STDIN= says: NUL, a file, or what comes over COM2. Inheritable.
HANDLE OpenInput(PCWSTR Options);
// One record for ./mica on port E9. Text is UTF-16, sent as it is narrowed to ASCII.
void WriteRecord(PCWSTR Format, ...);
HANDLE OpenDevice(PCWSTR NtName, ACCESS_MASK Access, ULONG Attributes);

#endif
