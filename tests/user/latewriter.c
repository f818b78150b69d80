// SPDX-License-Identifier: MIT
// The machine is shut down while a process still makes, writes and deletes files. What matters is what the disk looks
// like afterwards: the runner has fsck.fat look at it.

#include "check.h"

#define FILES 3
#define THREADS 6

static DWORD WINAPI WriteFiles(void *Which)
{
    for (int Round = 0;; Round++) {
        char Name[32];
        DWORD Written;
        HANDLE File;

        sprintf(Name, "D:\\LATE%d.DAT", (int)(INT_PTR)Which * FILES + Round % FILES);
        File = CreateFileA(Name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        if (File == INVALID_HANDLE_VALUE)
            continue;
        WriteFile(File, Name, sizeof(Name), &Written, NULL);
        SetFilePointer(File, Round % 64 * 4096, NULL, FILE_BEGIN);
        SetEndOfFile(File);
        FlushFileBuffers(File);
        CloseHandle(File);
        if (Round % 5 == 4)
            DeleteFileA(Name);
        if (Round == 20) { // the parent may go
            HANDLE Event = OpenEventA(EVENT_MODIFY_STATE, FALSE, "LateWriter");

            SetEvent(Event);
            CloseHandle(Event);
        }
    }
}

int main(int Count, char **Arguments)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Process;
    char Command[MAX_PATH];
    HANDLE Event;

    if (Count > 1) {
        for (int Which = 1; Which < THREADS; Which++)
            CloseHandle(CreateThread(NULL, 0, WriteFiles, (void *)(INT_PTR)Which, 0, NULL));
        WriteFiles(NULL);
    }
    Event = CreateEventA(NULL, FALSE, FALSE, "LateWriter");
    lstrcpyA(Command, Arguments[0]);
    lstrcatA(Command, " child");
    CHECK(CreateProcessA(NULL, Command, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Process));
    CHECK_EQUAL(WaitForSingleObject(Event, 20000), WAIT_OBJECT_0);
    return Verdict();
}
