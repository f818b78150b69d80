// SPDX-License-Identifier: MIT
// Where the program's standard input comes from. What the host knew beforehand lies on D: or is nothing; the rest comes
// over COM2: DLE DLE is a DLE, DLE EOT the end. A thread decodes it into a pipe; it dies with this process.

#include "hostrun.h"

#define DLE 0x10
#define EOT 0x04
#define CHUNK 512

typedef struct _PUMP {
    HANDLE Serial;
    HANDLE Pipe;
} PUMP;

static PUMP Pump;

// Decodes in place. Returns the length; sets *end when the end came.
static DWORD Decode(unsigned char *data, DWORD length, BOOL *escaped, BOOL *end)
{
    DWORD out = 0;

    for (DWORD index = 0; index < length && !*end; index++) {
        if (*escaped) {
            *escaped = FALSE;
            if (data[index] == EOT)
                *end = TRUE;
            else
                data[out++] = data[index];
        } else if (data[index] == DLE) {
            *escaped = TRUE;
        } else {
            data[out++] = data[index];
        }
    }
    return out;
}

static DWORD WINAPI PumpInput(void *unused)
{
    unsigned char data[CHUNK];
    BOOL escaped = FALSE, end = FALSE;
    DWORD got, written;

    (void)unused;
    while (!end && ReadFile(Pump.Serial, data, sizeof(data), &got, NULL)) {
        got = Decode(data, got, &escaped, &end);
        if (got && !WriteFile(Pump.Pipe, data, got, &written, NULL))
            break; // the program has closed its input
    }
    CloseHandle(Pump.Pipe);
    return 0;
}

static HANDLE StartPump(void)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    HANDLE end;

    // A handle of its own: a read that waits on the inherited one would hold up the program's writes.
    Pump.Serial = OpenDevice(L"\\Device\\Serial1", SYNCHRONIZE | FILE_READ_DATA, 0);
    if (Pump.Serial == NULL || !CreatePipe(&end, &Pump.Pipe, &inherit, 0))
        return NULL;
    SetHandleInformation(Pump.Pipe, HANDLE_FLAG_INHERIT, 0);
    WriteRecord(L"input\n"); // the host may send: what comes before the port is open would be lost
    CloseHandle(CreateThread(NULL, 0, PumpInput, NULL, 0, NULL));
    return end;
}

HANDLE OpenInput(PCWSTR Options)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    static const WCHAR word[] = L"/STDIN=";
    WCHAR name[MAX_PATH];
    int length = 0;

    for (; *Options; Options++) {
        if (CompareStringW(LOCALE_INVARIANT, NORM_IGNORECASE, Options, min(7, lstrlenW(Options)), word, 7) ==
            CSTR_EQUAL)
            break;
        if (Options[0] == L'/' && Options[1] == L'R' && Options[2] == L'U' && Options[3] == L'N' && Options[4] == L' ')
            return StartPump(); // what follows is the program's own
    }
    if (!*Options)
        return StartPump();
    for (Options += 7; *Options && *Options != L' ' && length < MAX_PATH - 1; Options++)
        name[length++] = *Options;
    name[length] = 0;
    return CreateFileW(name, GENERIC_READ, FILE_SHARE_READ, &inherit, OPEN_EXISTING, 0, NULL);
}
