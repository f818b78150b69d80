// SPDX-License-Identifier: MIT
// The session manager, the first user process: sets up what a session needs (page files among it), starts the shell,
// shuts down when it ends. With "/RUN ..." among the boot options hostrun.exe takes the shell's place (./mica run).

#include "smss.h"

#define SHELL L"cmd.exe"
#define HOST_RUNNER L"hostrun.exe"

// What follows the option in the command line, NULL if it is not there. Options are words of their own.
static PWSTR SmFindOption(PUNICODE_STRING CommandLine, PCWSTR Option)
{
    PWSTR Place = CommandLine->Buffer;
    SIZE_T Length = wcslen(Option);

    while ((Place = wcschr(Place, L'/')) != NULL) {
        if (_wcsnicmp(Place, Option, Length) == 0 && (Place == CommandLine->Buffer || Place[-1] == L' '))
            return Place + Length;
        Place++;
    }
    return NULL;
}

static VOID SmRunShell(PUNICODE_STRING CommandLine, PVOID Environment)
{
    UNICODE_STRING ShellCommand = RTL_CONSTANT_STRING(L"C:\\WINDOWS\\System32\\cmd.exe");
    BOOLEAN Host = SmFindOption(CommandLine, L"/RUN ") != NULL;
    NTSTATUS Status, ExitStatus = STATUS_SUCCESS;

    Status = SmRunAndWait(Host ? HOST_RUNNER : SHELL, Host ? CommandLine : &ShellCommand, Environment, &ExitStatus);
    if (!NT_SUCCESS(Status))
        DbgPrint("smss: %ws cannot be started: status 0x%08X\n", Host ? HOST_RUNNER : SHELL, Status);
}

VOID NTAPI NtProcessStartup(PPEB Peb);

// Entry point. Never returns: the session's end is the machine's.
VOID NTAPI NtProcessStartup(PPEB Peb)
{
    PVOID Environment = SmCreateEnvironment();

    SmCreatePageFiles(SmFindOption(&Peb->ProcessParameters->CommandLine, L"/PAGEFILE="));
    if (Environment != NULL)
        SmRunShell(&Peb->ProcessParameters->CommandLine, Environment);
    IGNORE_STATUS(NtShutdownSystem(ShutdownPowerOff));
    NtTerminateProcess(NtCurrentProcess(), STATUS_SUCCESS);
}
