// SPDX-License-Identifier: MIT
// Child processes: this program starts itself with arguments, inherited handles, pipes, an environment and a current
// directory, and looks at how the children end.

#include "check.h"
#include <process.h>

static char Self[MAX_PATH];

static int BeChild(int argc, char **argv)
{
    char Text[64] = {0};
    DWORD Done;

    if (strcmp(argv[1], "exit") == 0) {
        return atoi(argv[2]);
    }
    if (strcmp(argv[1], "args") == 0) {
        return argc == 4 && strcmp(argv[2], "a b") == 0 && strcmp(argv[3], "c\"d") == 0 ? 0 : 1;
    }
    if (strcmp(argv[1], "echo") == 0) { // standard input to standard output, in capitals
        int c;

        while ((c = getchar()) != EOF) {
            putchar(c >= 'a' && c <= 'z' ? c - 32 : c);
        }
        fprintf(stderr, "to stderr");
        return 0;
    }
    if (strcmp(argv[1], "handle") == 0) { // writes to an inherited handle whose value it is told
        return WriteFile((HANDLE)(ULONG_PTR)strtoul(argv[2], NULL, 16), "inherited", 9, &Done, NULL) ? 0 : 1;
    }
    if (strcmp(argv[1], "env") == 0) {
        return getenv("CHILD") != NULL && strcmp(getenv("CHILD"), "yes") == 0 && getenv("PATH") == NULL ? 0 : 1;
    }
    if (strcmp(argv[1], "dir") == 0) {
        return GetCurrentDirectoryA(sizeof(Text), Text) != 0 && _stricmp(Text, "C:\\WINDOWS") == 0 ? 0 : 1;
    }
    if (strcmp(argv[1], "sleep") == 0) {
        Sleep(INFINITE);
    }
    if (strcmp(argv[1], "event") == 0) {
        HANDLE Event = OpenEventA(EVENT_MODIFY_STATE, FALSE, "MicaChildTest");

        return Event != NULL && SetEvent(Event) ? 0 : 1;
    }
    if (strcmp(argv[1], "crash") == 0) {
        *(volatile int *)4 = 0;
    }
    return 99;
}

static BOOL Start(const char *Arguments, BOOL Inherit, DWORD Flags, void *Environment, const char *Directory,
                  STARTUPINFOA *Startup, PROCESS_INFORMATION *Information)
{
    static STARTUPINFOA Plain = {.cb = sizeof(Plain)};
    char Line[512];

    sprintf(Line, "\"%s\" %s", Self, Arguments);
    return CreateProcessA(NULL, Line, NULL, NULL, Inherit, Flags, Environment, Directory,
                          Startup == NULL ? &Plain : Startup, Information);
}

static DWORD End(PROCESS_INFORMATION *Information)
{
    DWORD Code = 0xDEAD;

    CHECK_EQUAL(WaitForSingleObject(Information->hProcess, 30000), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(Information->hProcess, &Code));
    CHECK(CloseHandle(Information->hThread) && CloseHandle(Information->hProcess));
    return Code;
}

static DWORD RunChild(const char *Arguments, void *Environment, const char *Directory)
{
    PROCESS_INFORMATION Information;

    if (!Start(Arguments, FALSE, 0, Environment, Directory, NULL, &Information)) {
        CHECK(!"CreateProcess");
        return 0xDEAD;
    }
    return End(&Information);
}

static void ReadAll(HANDLE Pipe, const char *Expected)
{
    char Text[256];
    DWORD Total = 0, Done;

    while (Total < sizeof(Text) - 1 && ReadFile(Pipe, Text + Total, sizeof(Text) - 1 - Total, &Done, NULL) &&
           Done != 0) {
        Total += Done;
    }
    CHECK_EQUAL(GetLastError(), ERROR_BROKEN_PIPE);
    Text[Total] = 0;
    if (strcmp(Text, Expected) != 0) {
        Failures++;
        printf("pipe: expected <%s>, got <%s>\n", Expected, Text);
    }
}

static void Pipes(void)
{
    SECURITY_ATTRIBUTES Inheritable = {sizeof(Inheritable), NULL, TRUE};
    STARTUPINFOA Startup = {.cb = sizeof(Startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION Information;
    HANDLE InRead, InWrite, OutRead, OutWrite, ErrRead, ErrWrite;
    DWORD Done, Flags;

    CHECK(CreatePipe(&InRead, &InWrite, &Inheritable, 0) && CreatePipe(&OutRead, &OutWrite, &Inheritable, 0) &&
          CreatePipe(&ErrRead, &ErrWrite, &Inheritable, 0));
    CHECK(SetHandleInformation(InWrite, HANDLE_FLAG_INHERIT, 0) &&
          SetHandleInformation(OutRead, HANDLE_FLAG_INHERIT, 0) &&
          SetHandleInformation(ErrRead, HANDLE_FLAG_INHERIT, 0));
    CHECK(GetHandleInformation(InRead, &Flags) && Flags == HANDLE_FLAG_INHERIT);
    Startup.hStdInput = InRead;
    Startup.hStdOutput = OutWrite;
    Startup.hStdError = ErrWrite;
    CHECK(Start("echo", TRUE, 0, NULL, NULL, &Startup, &Information));
    CloseHandle(InRead);
    CloseHandle(OutWrite);
    CloseHandle(ErrWrite);
    CHECK(WriteFile(InWrite, "through a pipe\n", 15, &Done, NULL) && Done == 15);
    CloseHandle(InWrite);
    ReadAll(OutRead, "THROUGH A PIPE\r\n");
    ReadAll(ErrRead, "to stderr");
    CHECK_EQUAL(End(&Information), 0);
    CloseHandle(OutRead);
    CloseHandle(ErrRead);
}

static void Inherited(void)
{
    SECURITY_ATTRIBUTES Inheritable = {sizeof(Inheritable), NULL, TRUE};
    HANDLE File = CreateFileA("D:\\inherited.tmp", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                              &Inheritable, CREATE_ALWAYS, 0, NULL);
    PROCESS_INFORMATION Information;
    char Arguments[32], Text[16] = {0};
    DWORD Done;

    CHECK(File != INVALID_HANDLE_VALUE);
    sprintf(Arguments, "handle %lx", (unsigned long)(ULONG_PTR)File);
    CHECK(Start(Arguments, TRUE, 0, NULL, NULL, NULL, &Information));
    CHECK_EQUAL(End(&Information), 0);
    CHECK_EQUAL(SetFilePointer(File, 0, NULL, FILE_BEGIN), 0);
    CHECK(ReadFile(File, Text, 15, &Done, NULL) && strcmp(Text, "inherited") == 0);
    CHECK(CloseHandle(File) && DeleteFileA("D:\\inherited.tmp"));
}

static void Ends(void)
{
    PROCESS_INFORMATION Information;
    DWORD Code;

    CHECK_EQUAL(RunChild("exit 42", NULL, NULL), 42);
    CHECK_EQUAL(RunChild("exit -1", NULL, NULL), 0xFFFFFFFF);
    CHECK_EQUAL(RunChild("args \"a b\" c\\\"d", NULL, NULL), 0);
    CHECK_EQUAL(RunChild("env", "CHILD=yes\0OTHER=1\0", NULL), 0);
    CHECK_EQUAL(RunChild("dir", NULL, "C:\\WINDOWS"), 0);
    CHECK(Start("sleep", FALSE, 0, NULL, NULL, NULL, &Information));
    CHECK_EQUAL(WaitForSingleObject(Information.hProcess, 50), WAIT_TIMEOUT);
    CHECK(GetExitCodeProcess(Information.hProcess, &Code) && Code == STILL_ACTIVE);
    CHECK(TerminateProcess(Information.hProcess, 55));
    CHECK_EQUAL(End(&Information), 55);
    CHECK(Start("exit 3", FALSE, CREATE_SUSPENDED, NULL, NULL, NULL, &Information));
    CHECK_EQUAL(WaitForSingleObject(Information.hProcess, 50), WAIT_TIMEOUT);
    CHECK_EQUAL(ResumeThread(Information.hThread), 1);
    CHECK_EQUAL(End(&Information), 3);
    CHECK_EQUAL(RunChild("crash", NULL, NULL), EXCEPTION_ACCESS_VIOLATION);
}

static void SharedEvent(void)
{
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, "MicaChildTest"), Opened;
    PROCESS_INFORMATION Information;

    CHECK(Start("event", FALSE, 0, NULL, NULL, NULL, &Information));
    CHECK_EQUAL(WaitForSingleObject(Event, 30000), WAIT_OBJECT_0);
    Opened = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_INFORMATION, FALSE, Information.dwProcessId);
    CHECK(Opened != NULL && CloseHandle(Opened));
    CHECK_EQUAL(End(&Information), 0);
    CloseHandle(Event);
}

static void BadPrograms(void)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Information;
    char NoSuch[] = "nosuchprogram.exe argument", Bad[] = "D:\\bad.exe";
    HANDLE File;
    DWORD Done;

    CHECK_FAILS(CreateProcessA(NULL, NoSuch, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Information),
                ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(CreateProcessA("D:\\nosuch.exe", NULL, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Information),
                ERROR_FILE_NOT_FOUND);
    File = CreateFileA("D:\\bad.exe", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK(WriteFile(File, "MZ and nothing more that would make an image", 44, &Done, NULL) && CloseHandle(File));
    CHECK_FAILS(CreateProcessA(NULL, Bad, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Information),
                ERROR_BAD_EXE_FORMAT);
    CHECK(DeleteFileA("D:\\bad.exe"));
    CHECK_FAILS(CreateProcessA(NULL, Self, NULL, NULL, FALSE, 0, NULL, "D:\\nowhere", &Startup, &Information),
                ERROR_DIRECTORY);
}

static void Library(void)
{
    char Line[64];
    FILE *Pipe;

    CHECK_EQUAL(_spawnl(_P_WAIT, Self, "child", "exit", "17", NULL), 17);
    CHECK_EQUAL(_spawnl(_P_WAIT, Self, "child", "args", "a b", "c\"d", NULL), 0);
    CHECK_EQUAL(system("exit 9"), 9);
    Pipe = _popen("echo from cmd", "r");
    CHECK(Pipe != NULL && fgets(Line, sizeof(Line), Pipe) != NULL && strcmp(Line, "from cmd\n") == 0);
    CHECK_EQUAL(Pipe == NULL ? -1 : _pclose(Pipe), 0);
}

int main(int argc, char **argv)
{
    CHECK(GetModuleFileNameA(NULL, Self, sizeof(Self)) != 0);
    if (argc > 1) {
        return BeChild(argc, argv);
    }
    Ends();
    Pipes();
    Inherited();
    SharedEvent();
    BadPrograms();
    Library();
    return Verdict();
}
