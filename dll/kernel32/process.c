// SPDX-License-Identifier: MIT
// CreateProcess, in the steps that Windows Internals ch. 5 tells: find the file, make the section, the process, its
// parameters, the stack, the first thread (suspended), and let it go. The thread starts in ntdll's loader and comes to
// BaseProcessStartThunk, which lies at one address in every process because kernel32 is never relocated.

#include "k32.h"

#define PRIORITY_FLAGS                                                                                                 \
    (IDLE_PRIORITY_CLASS | NORMAL_PRIORITY_CLASS | HIGH_PRIORITY_CLASS | REALTIME_PRIORITY_CLASS |                     \
     BELOW_NORMAL_PRIORITY_CLASS | ABOVE_NORMAL_PRIORITY_CLASS)

static NTSTATUS BasepMakeProcess(PBASE_IMAGE Image, const SECURITY_ATTRIBUTES *Security, BOOL Inherit, PHANDLE Process,
                                 PPEB *Peb)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Unused;
    PROCESS_BASIC_INFORMATION Basic;
    NTSTATUS Status = NtCreateProcessEx(
        Process, PROCESS_ALL_ACCESS, BaseObjectAttributes(&Attributes, &Unused, Security, NULL), NtCurrentProcess(),
        Inherit ? PROCESS_CREATE_FLAGS_INHERIT_HANDLES : 0, Image->Section, NULL, NULL, 0);

    if (!NT_SUCCESS(Status)) {
        *Process = NULL;
        return Status;
    }
    Status = NtQueryInformationProcess(*Process, ProcessBasicInformation, &Basic, sizeof(Basic), NULL);
    *Peb = Basic.PebBaseAddress;
    return Status;
}

static NTSTATUS BasepMakeFirstThread(HANDLE Process, PPEB Peb, PBASE_IMAGE Image, const SECURITY_ATTRIBUTES *Security,
                                     PHANDLE Thread, PCLIENT_ID Id)
{
    INITIAL_TEB Stack;
    CONTEXT Context;
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Unused;
    NTSTATUS Status =
        BaseCreateStack(Process, Image->Information.CommittedStackSize, Image->Information.MaximumStackSize, &Stack);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    BaseInitializeContext(&Context, Image->Information.TransferAddress, Peb, (PVOID)BaseProcessStartThunk,
                          Stack.StackBase);
    return NtCreateThread(Thread, THREAD_ALL_ACCESS, BaseObjectAttributes(&Attributes, &Unused, Security, NULL),
                          Process, Id, &Context, &Stack, TRUE);
}

// A current directory must exist before the child is made; the child gets the full path.
static BOOL BasepCheckDirectory(LPCWSTR Directory, PWSTR Full)
{
    DWORD Attributes;

    if (GetFullPathNameW(Directory, MAX_PATH, Full, NULL) >= MAX_PATH) {
        return BaseFail(ERROR_DIRECTORY);
    }
    Attributes = GetFileAttributesW(Full);
    if (Attributes == INVALID_FILE_ATTRIBUTES || (Attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
        return BaseFail(ERROR_DIRECTORY);
    }
    return TRUE;
}

// Everything from the section on. On failure no process is left.
static BOOL BasepStart(PBASE_PUSH Push, const SECURITY_ATTRIBUTES *ProcessSecurity,
                       const SECURITY_ATTRIBUTES *ThreadSecurity, LPPROCESS_INFORMATION Result)
{
    HANDLE Thread = NULL;
    CLIENT_ID Id;
    NTSTATUS Status = BasepMakeProcess(Push->Image, ProcessSecurity, Push->InheritHandles, &Push->Process, &Push->Peb);

    if (NT_SUCCESS(Status)) {
        Status = BasePushParameters(Push);
    }
    if (NT_SUCCESS(Status)) {
        Status = BasepMakeFirstThread(Push->Process, Push->Peb, Push->Image, ThreadSecurity, &Thread, &Id);
    }
    if (!NT_SUCCESS(Status)) {
        if (Push->Process != NULL) {
            NtTerminateProcess(Push->Process, Status);
            NtClose(Push->Process);
        }
        return BaseBool(Status);
    }
    if ((Push->Flags & PRIORITY_FLAGS) != 0) {
        SetPriorityClass(Push->Process, Push->Flags & PRIORITY_FLAGS);
    }
    if ((Push->Flags & CREATE_SUSPENDED) == 0) {
        IGNORE_STATUS(NtResumeThread(Thread, NULL));
    }
    Result->hProcess = Push->Process;
    Result->hThread = Thread;
    Result->dwProcessId = (DWORD)(ULONG_PTR)Id.UniqueProcess;
    Result->dwThreadId = (DWORD)(ULONG_PTR)Id.UniqueThread;
    return TRUE;
}

static BOOL BasepIsBatchFile(LPCWSTR Path)
{
    SIZE_T Length = wcslen(Path);

    return Length > 4 && (_wcsicmp(Path + Length - 4, L".bat") == 0 || _wcsicmp(Path + Length - 4, L".cmd") == 0);
}

// "cmd /c <command line>", in a heap block.
static PWSTR BasepBatchCommand(LPCWSTR CommandLine)
{
    static const WCHAR Prefix[] = L"\"" SYSTEM_DIRECTORY L"\\cmd.exe\" /c ";
    PWSTR Command = BaseAllocate((RTL_NUMBER_OF(Prefix) + wcslen(CommandLine)) * sizeof(WCHAR));

    if (Command != NULL) {
        wcscpy(Command, Prefix);
        wcscat(Command, CommandLine);
    }
    return Command;
}

// "<name>" when the caller gave no command line: the child still wants its argv[0].
static PWSTR BasepQuoted(LPCWSTR Name)
{
    PWSTR Quoted = BaseAllocate((wcslen(Name) + 3) * sizeof(WCHAR));

    if (Quoted != NULL) {
        wcscpy(Quoted, L"\"");
        wcscat(Quoted, Name);
        wcscat(Quoted, L"\"");
    }
    return Quoted;
}

static BOOL BasepCreate(PBASE_PUSH Push, LPCWSTR Path, const SECURITY_ATTRIBUTES *ProcessSecurity,
                        const SECURITY_ATTRIBUTES *ThreadSecurity, LPPROCESS_INFORMATION Result)
{
    BASE_IMAGE Image;
    PWSTR Batch = NULL;
    BOOL Done = FALSE;

    if (BasepIsBatchFile(Path)) {
        Batch = BasepBatchCommand(Push->CommandLine);
        if (Batch == NULL) {
            return FALSE;
        }
        Push->CommandLine = Batch;
        Path = SYSTEM_DIRECTORY L"\\cmd.exe";
    }
    if (BaseOpenImage(Path, &Image)) {
        Push->Image = &Image;
        Done = BasepStart(Push, ProcessSecurity, ThreadSecurity, Result);
        BaseCloseImage(&Image);
    }
    BaseFreeMemory(Batch);
    return Done;
}

WINBOOL WINAPI CreateProcessW(LPCWSTR Application, LPWSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessSecurity,
                              LPSECURITY_ATTRIBUTES ThreadSecurity, WINBOOL Inherit, DWORD Flags, LPVOID Environment,
                              LPCWSTR Directory, LPSTARTUPINFOW Startup, LPPROCESS_INFORMATION Result)
{
    WCHAR FullDirectory[MAX_PATH];
    BASE_PUSH Push = {.Startup = Startup, .InheritHandles = Inherit != 0, .Flags = Flags, .Environment = Environment};
    PWSTR Path, Quoted = NULL, WideEnvironment = NULL;
    BOOL Done = FALSE;

    if (Startup == NULL || Result == NULL || (Application == NULL && CommandLine == NULL)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    RtlZeroMemory(Result, sizeof(*Result));
    if (Directory != NULL && !BasepCheckDirectory(Directory, FullDirectory)) {
        return FALSE;
    }
    Push.CurrentDirectory = Directory == NULL ? NULL : FullDirectory;
    if (Environment != NULL && (Flags & CREATE_UNICODE_ENVIRONMENT) == 0) {
        WideEnvironment = BaseWidenEnvironment(Environment);
        if (WideEnvironment == NULL) {
            return FALSE;
        }
        Push.Environment = WideEnvironment;
    }
    Path = BaseFindProgram(Application, CommandLine);
    if (Path != NULL) {
        Quoted = CommandLine == NULL ? BasepQuoted(Application) : NULL;
        Push.CommandLine = CommandLine == NULL ? Quoted : CommandLine;
        Done = Push.CommandLine != NULL && BasepCreate(&Push, Path, ProcessSecurity, ThreadSecurity, Result);
    }
    BaseFreeMemory(Quoted);
    BaseFreeMemory(Path);
    BaseFreeMemory(WideEnvironment);
    return Done;
}

WINBOOL WINAPI CreateProcessA(LPCSTR Application, LPSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessSecurity,
                              LPSECURITY_ATTRIBUTES ThreadSecurity, WINBOOL Inherit, DWORD Flags, LPVOID Environment,
                              LPCSTR Directory, LPSTARTUPINFOA Startup, LPPROCESS_INFORMATION Result)
{
    BASE_WIDE WideApplication AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideCommand AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideDirectory AUTO_WIDE = {.Buffer = NULL};
    STARTUPINFOW Wide;

    if (Startup == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    memcpy(&Wide, Startup, sizeof(Wide)); // the two differ only in the strings, which nothing reads here
    Wide.lpTitle = NULL;
    Wide.lpDesktop = NULL;
    if (!BaseWiden(&WideApplication, Application) || !BaseWiden(&WideCommand, CommandLine) ||
        !BaseWiden(&WideDirectory, Directory)) {
        return FALSE;
    }
    return CreateProcessW(WideApplication.Buffer, WideCommand.Buffer, ProcessSecurity, ThreadSecurity, Inherit, Flags,
                          Environment, WideDirectory.Buffer, &Wide, Result);
}

UINT WINAPI WinExec(LPCSTR CommandLine, UINT Show)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup), .wShowWindow = (WORD)Show};
    PROCESS_INFORMATION Information;
    CHAR Copy[MAX_PATH * 2];

    if (strlen(CommandLine) >= sizeof(Copy)) {
        return ERROR_FILE_NOT_FOUND;
    }
    strcpy(Copy, CommandLine);
    if (!CreateProcessA(NULL, Copy, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Information)) {
        return GetLastError();
    }
    CloseHandle(Information.hThread);
    CloseHandle(Information.hProcess);
    return 33; // any value above 31 says that it runs
}
