// SPDX-License-Identifier: MIT
// Starts D:\m0.exe, D:\m1.exe ...: mutated images. What becomes of each does not matter; that the system goes on does.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0, started = 0;

    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    for (int index = 0; index < count; index++) {
        STARTUPINFOA startup = {.cb = sizeof(startup)};
        PROCESS_INFORMATION process;
        char name[32];

        snprintf(name, sizeof(name), "D:\\m%d.exe", index);
        if (!CreateProcessA(name, NULL, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
            continue;
        started++;
        if (WaitForSingleObject(process.hProcess, 500) != WAIT_OBJECT_0) {
            TerminateProcess(process.hProcess, 1);
            if (WaitForSingleObject(process.hProcess, 10000) != WAIT_OBJECT_0) {
                printf("%s cannot be ended\n", name);
                return 1;
            }
        }
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
    printf("%d of %d started\n", started, count);
    return 0;
}
