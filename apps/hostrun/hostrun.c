// SPDX-License-Identifier: MIT
// Runs one program for ./mica run: its standard output and error are COM2 as it is, its exit code becomes a record on
// the host port. Command line: anything, then "/STDIN=..." perhaps, then "/RUN " and the program's command line.

#include "hostrun.h"

#define MAXIMUM_COMMAND 4096
#define MAXIMUM_REASON 400

// The text behind an option that stands as a word of its own; NULL if there is none.
static PCWSTR FindOption(PCWSTR Options, PCWSTR Option)
{
    int length = lstrlenW(Option);

    for (; *Options; Options++) {
        if (CompareStringW(LOCALE_INVARIANT, NORM_IGNORECASE, Options, min(length, lstrlenW(Options)), Option,
                           length) == CSTR_EQUAL)
            return Options + length;
    }
    return NULL;
}

static void ReportStartFailure(DWORD error, PCWSTR command)
{
    WCHAR reason[MAXIMUM_REASON];
    ULONG_PTR inserts[] = {(ULONG_PTR)L"it"};
    DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_ARGUMENT_ARRAY, NULL, error, 0, reason,
                                  MAXIMUM_REASON, (va_list *)inserts);

    while (length && (reason[length - 1] == L'\r' || reason[length - 1] == L'\n'))
        length--;
    reason[length] = 0;
    WriteRecord(L"norun %ws: error %u %ws\n", command, error, reason);
}

// Starts the command and waits for its end; FALSE if it did not start.
static BOOL RunCommand(PCWSTR command, HANDLE input, HANDLE serial, DWORD *code)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    static WCHAR line[MAXIMUM_COMMAND];

    lstrcpynW(line, command, MAXIMUM_COMMAND);
    startup.hStdInput = input;
    startup.hStdOutput = startup.hStdError = serial;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, L"D:\\", &startup, &process))
        return FALSE;
    CloseHandle(input);
    CloseHandle(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, code);
    CloseHandle(process.hProcess);
    return TRUE;
}

void Start(void);

void Start(void)
{
    HANDLE serial = OpenDevice(L"\\Device\\Serial1", SYNCHRONIZE | FILE_READ_DATA | FILE_WRITE_DATA, OBJ_INHERIT);
    PCWSTR options = GetCommandLineW(), command = FindOption(options, L"/RUN ");
    DWORD code = 0;

    if (command == NULL || serial == NULL)
        WriteRecord(L"norun there is no %ws\n", serial == NULL ? L"second serial port" : L"/RUN option");
    else if (RunCommand(command, OpenInput(options), serial, &code))
        WriteRecord(L"exit 0x%08X\n", code);
    else
        ReportStartFailure(GetLastError(), command);
    if (serial != NULL)
        FlushFileBuffers(serial);
    ExitProcess(0);
}
