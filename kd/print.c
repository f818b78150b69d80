// SPDX-License-Identifier: MIT
// The kernel's log (DbgPrint), messages for the person at the screen, and records for the host. All of them format
// into a buffer on the caller's stack and hand it to output.c as a whole; all may be called at any IRQL.

#include "kdp.h"

BOOLEAN KdHostPortEnabled;

// Reads the options that decide where output goes. Before anything prints; interrupts off.
VOID KdInitSystem(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    UNREFERENCED_PARAMETER(LoaderBlock);
    KdHostPortEnabled = KeFindBootOption("/HOSTPORT") != NULL;
    KdpLogEnabled = KeFindBootOption("/NODEBUGLOG") == NULL;
}

// Formats into the log. Returns STATUS_SUCCESS, as the WDK says.
ULONG CDECL vDbgPrint(PCSTR Format, va_list Arguments)
{
    CHAR Line[KD_LINE_SIZE];

    if (!KdpLogEnabled)
        return (ULONG)STATUS_SUCCESS;
    _vsnprintf(Line, sizeof(Line), Format, Arguments);
    KdpWriteLog(Line);
    return (ULONG)STATUS_SUCCESS;
}

ULONG CDECL DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;
    ULONG Status;

    va_start(Arguments, Format);
    Status = vDbgPrint(Format, Arguments);
    va_end(Arguments);
    return Status;
}

// A message for the log (/NODEBUGLOG or not: it is about the boot or the end) and the screen.
VOID KdPrintBoot(PCSTR Format, ...)
{
    CHAR Line[KD_LINE_SIZE];
    va_list Arguments;

    va_start(Arguments, Format);
    _vsnprintf(Line, sizeof(Line), Format, Arguments);
    va_end(Arguments);
    KdpWriteLog(Line);
    HalDisplayString(Line);
}

// One record line for the host; line ends inside it are the caller's fault. No-op without /HOSTPORT.
VOID CDECL KdHostRecord(PCSTR Format, ...)
{
    CHAR Line[KD_LINE_SIZE];
    va_list Arguments;

    if (!KdHostPortEnabled)
        return;
    va_start(Arguments, Format);
    _vsnprintf(Line, sizeof(Line), Format, Arguments);
    va_end(Arguments);
    KdpWriteHost(Line);
}
