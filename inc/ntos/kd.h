// SPDX-License-Identifier: MIT
// Kd: the kernel's log and its boot options. A full debugger stub comes later (docs/status.md).

#ifndef MICA_NTOS_KD_H
#define MICA_NTOS_KD_H

#include "ke.h"

VOID KdInitSystem(PLOADER_PARAMETER_BLOCK LoaderBlock); // before anything prints
ULONG CDECL vDbgPrint(PCSTR Format, va_list Arguments);
// Also shown on the screen while there is no console (bugcheck, boot).
VOID KdPrintBoot(PCSTR Format, ...);
// One record line for the host on port E9 (./mica reads them): "test ke.x pass", "exit 3". No-op without /HOSTPORT.
VOID CDECL KdHostRecord(PCSTR Format, ...);
extern BOOLEAN KdHostPortEnabled;

#endif
