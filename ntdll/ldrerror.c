// SPDX-License-Identifier: MIT
// A program that cannot start says why: one hard error with the names of the DLL and the export. A failing LoadLibrary
// only returns its status. Source: the message texts of the statuses (SDK, ntstatus.h).

#include "ldrp.h"

static BOOLEAN LdrpReported; // the first report names the cause; what follows from it is not news

// Raises a hard error whose parameters are counted strings (the bits of Mask) or numbers.
static VOID LdrpHardError(NTSTATUS Status, ULONG Count, ULONG Mask, PULONG_PTR Parameters)
{
    ULONG Response;

    if (LdrpReported)
        return;
    LdrpReported = TRUE;
    IGNORE_STATUS(NtRaiseHardError(Status, Count, Mask, Parameters, OptionOk, &Response));
}

// "The program can't start because %1 is missing." %2: where it was looked for.
VOID LdrpReportDllNotFound(PCUNICODE_STRING Name, PLDRP_MODULE For, NTSTATUS Status)
{
    PUNICODE_STRING DllPath = &NtCurrentPeb()->ProcessParameters->DllPath;
    UNICODE_STRING Path;
    ULONG_PTR Parameters[2] = {(ULONG_PTR)Name, (ULONG_PTR)&Path};

    UNREFERENCED_PARAMETER(For);
    if (!LdrpStarting)
        return;
    if (DllPath->Length != 0)
        Path = *DllPath;
    else
        RtlInitUnicodeString(&Path, LdrpDefaultPath);
    LdrpHardError(Status, 2, 3, Parameters);
}

// "The procedure entry point %1 could not be located in %2."
VOID LdrpReportExportNotFound(PLDRP_MODULE Module, PCSTR Name, ULONG Ordinal, PLDRP_MODULE For)
{
    ANSI_STRING Ansi;
    UNICODE_STRING Wide = {0, 0, NULL};
    ULONG_PTR Parameters[2] = {Ordinal, (ULONG_PTR)&Module->Entry.BaseDllName};

    UNREFERENCED_PARAMETER(For);
    if (!LdrpStarting)
        return;
    if (Name == NULL) {
        LdrpHardError(STATUS_ORDINAL_NOT_FOUND, 2, 2, Parameters);
        return;
    }
    RtlInitAnsiString(&Ansi, Name);
    if (!NT_SUCCESS(RtlAnsiStringToUnicodeString(&Wide, &Ansi, TRUE)))
        return;
    Parameters[0] = (ULONG_PTR)&Wide;
    LdrpHardError(STATUS_ENTRYPOINT_NOT_FOUND, 2, 3, Parameters);
    RtlFreeUnicodeString(&Wide);
}

// "Initialization of the dynamic link library %1 failed."
VOID LdrpReportInitFailed(PLDRP_MODULE Module)
{
    ULONG_PTR Parameters[2] = {(ULONG_PTR)&Module->Entry.BaseDllName, (ULONG_PTR)&LdrpImage->Entry.FullDllName};

    LdrpHardError(STATUS_DLL_INIT_FAILED, 2, 3, Parameters);
}

// "%1 is not a valid Windows image." The kernel is told the status that found it out.
VOID LdrpReportBadImage(PCUNICODE_STRING Name, NTSTATUS Status)
{
    ULONG_PTR Parameters[1] = {(ULONG_PTR)Name};

    if (LdrpStarting)
        LdrpHardError(Status, 1, 1, Parameters);
}

// Any other reason why the process cannot start: "The application failed to initialize properly (%1)."
VOID LdrpReportStartFailed(NTSTATUS Status)
{
    ULONG_PTR Parameters[1] = {(ULONG_PTR)Status};

    LdrpHardError(STATUS_APP_INIT_FAILURE, 1, 0, Parameters);
}
