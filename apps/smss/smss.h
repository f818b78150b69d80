// SPDX-License-Identifier: MIT
// The session manager's private header.

#ifndef MICA_SMSS_H
#define MICA_SMSS_H

#include "nt.h"

// The environment block of the first Win32 process, in a page of its own; NULL when there is no memory.
PVOID SmCreateEnvironment(VOID);
// Starts an image of System32 with the console as its three standard handles and waits for it. Returns its exit status.
NTSTATUS SmRunAndWait(PCWSTR ImageName, PUNICODE_STRING CommandLine, PVOID Environment, PNTSTATUS ExitStatus);

// Creates the page files that the boot option /PAGEFILE= asks for (Options: what follows it), or one on C: that suits
// the machine if it is NULL.
VOID SmCreatePageFiles(PCWSTR Options);

#endif
