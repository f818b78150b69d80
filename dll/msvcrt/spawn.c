// SPDX-License-Identifier: MIT
// Child processes: _spawn and _exec in their eight forms, system, _popen. Standard input, output and error go to the
// child; other descriptors do not.

#include "crt.h"
#include <process.h>

#define LIST_MAXIMUM 256
#define PIPE_BYTES 4096

// Adds one argument so that argv.c's rules give it back unchanged.
static char *CrtpQuote(char *To, const char *Argument)
{
    size_t Backslashes = 0;
    int Quote = *Argument == 0 || strpbrk(Argument, " \t\"") != NULL;

    if (Quote) {
        *To++ = '"';
    }
    for (; *Argument != 0; Argument++) {
        if (*Argument == '"') {
            while (Backslashes-- != 0) {
                *To++ = '\\';
            }
            *To++ = '\\';
            Backslashes = 0;
        } else {
            Backslashes = *Argument == '\\' ? Backslashes + 1 : 0;
        }
        *To++ = *Argument;
    }
    if (Quote) {
        while (Backslashes-- != 0) {
            *To++ = '\\';
        }
        *To++ = '"';
    }
    return To;
}

// The library joins arguments by blanks and leaves quoting to the caller; an argument with a blank in it that has no
// quotes of its own is quoted here, which such a caller could only have wanted.
static char *CrtpCommandLine(const char *const *Arguments)
{
    size_t Size = 1;
    char *Line, *Next;

    for (const char *const *Argument = Arguments; *Argument != NULL; Argument++) {
        Size += 2 * strlen(*Argument) + 4;
    }
    Line = Next = malloc(Size);
    for (const char *const *Argument = Arguments; Line != NULL && *Argument != NULL; Argument++) {
        if (Next != Line) {
            *Next++ = ' ';
        }
        if (**Argument == '"') {
            strcpy(Next, *Argument);
            Next += strlen(Next);
        } else {
            Next = CrtpQuote(Next, *Argument);
        }
    }
    if (Line != NULL) {
        *Next = 0;
    }
    return Line;
}

static char *CrtpEnvironmentBlock(const char *const *Environment)
{
    size_t Size = 2;
    char *Block, *Next;

    for (const char *const *Entry = Environment; *Entry != NULL; Entry++) {
        Size += strlen(*Entry) + 1;
    }
    Block = Next = calloc(1, Size);
    for (const char *const *Entry = Environment; Block != NULL && *Entry != NULL; Entry++) {
        strcpy(Next, *Entry);
        Next += strlen(Next) + 1;
    }
    return Block;
}

// Finds Name, with .exe when it has no extension, along PATH when asked.
static int CrtpFindProgram(const char *Name, int Search, char *Path)
{
    char *File;
    const char *Where = Search ? NULL : ".";

    if (SearchPathA(strpbrk(Name, "\\/:") != NULL ? NULL : Where, Name, ".exe", MAX_PATH, Path, &File) != 0) {
        return 1;
    }
    CrtFail(ENOENT);
    return 0;
}

static HANDLE CrtpStart(const char *Path, char *Line, char *Environment, int Detached)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Information;

    fflush(NULL);
    if (!CreateProcessA(Path, Line, NULL, NULL, TRUE, Detached ? DETACHED_PROCESS : 0, Environment, NULL, &Startup,
                        &Information)) {
        CrtFailLast();
        return NULL;
    }
    CloseHandle(Information.hThread);
    return Information.hProcess;
}

static intptr_t CrtpSpawn(int Mode, const char *Name, const char *const *Arguments, const char *const *Environment,
                          int Search)
{
    char Path[MAX_PATH], *Line, *Block = NULL;
    HANDLE Process = NULL;
    DWORD Code = 0;

    if (Name == NULL || Arguments == NULL || Arguments[0] == NULL) {
        return CrtFail(EINVAL);
    }
    if (!CrtpFindProgram(Name, Search, Path)) {
        return -1;
    }
    Line = CrtpCommandLine(Arguments);
    if (Environment != NULL) {
        Block = CrtpEnvironmentBlock(Environment);
    }
    if (Line != NULL && (Environment == NULL || Block != NULL)) {
        Process = CrtpStart(Path, Line, Block, Mode == _P_DETACH);
    }
    free(Line);
    free(Block);
    if (Process == NULL) {
        return -1;
    }
    if (Mode == _P_NOWAIT || Mode == _P_NOWAITO) {
        return (intptr_t)Process;
    }
    if (Mode != _P_DETACH) {
        WaitForSingleObject(Process, INFINITE);
        GetExitCodeProcess(Process, &Code);
    }
    CloseHandle(Process);
    if (Mode == _P_OVERLAY) {
        _exit((int)Code);
    }
    return (intptr_t)Code;
}

// Collects the arguments of a variadic form. With an environment, it follows the NULL.
static const char *const *CrtpCollect(const char **List, const char *First, va_list *Arguments)
{
    int Count = 0;

    List[Count++] = First;
    while (List[Count - 1] != NULL && Count < LIST_MAXIMUM) {
        List[Count++] = va_arg(*Arguments, const char *);
    }
    List[Count - 1] = NULL;
    return List;
}

intptr_t __cdecl _spawnv(int Mode, const char *Name, const char *const *Arguments)
{
    return CrtpSpawn(Mode, Name, Arguments, NULL, 0);
}

intptr_t __cdecl _spawnve(int Mode, const char *Name, const char *const *Arguments, const char *const *Environment)
{
    return CrtpSpawn(Mode, Name, Arguments, Environment, 0);
}

intptr_t __cdecl _spawnvp(int Mode, const char *Name, const char *const *Arguments)
{
    return CrtpSpawn(Mode, Name, Arguments, NULL, 1);
}

intptr_t __cdecl _spawnvpe(int Mode, const char *Name, const char *const *Arguments, const char *const *Environment)
{
    return CrtpSpawn(Mode, Name, Arguments, Environment, 1);
}

intptr_t __cdecl _execv(const char *Name, const char *const *Arguments)
{
    return CrtpSpawn(_P_OVERLAY, Name, Arguments, NULL, 0);
}

intptr_t __cdecl _execve(const char *Name, const char *const *Arguments, const char *const *Environment)
{
    return CrtpSpawn(_P_OVERLAY, Name, Arguments, Environment, 0);
}

intptr_t __cdecl _execvp(const char *Name, const char *const *Arguments)
{
    return CrtpSpawn(_P_OVERLAY, Name, Arguments, NULL, 1);
}

intptr_t __cdecl _execvpe(const char *Name, const char *const *Arguments, const char *const *Environment)
{
    return CrtpSpawn(_P_OVERLAY, Name, Arguments, Environment, 1);
}

#define LIST_FORM(Header, Mode, Name, WithEnvironment, Search)                                                         \
    intptr_t __cdecl Header                                                                                            \
    {                                                                                                                  \
        const char *List[LIST_MAXIMUM];                                                                                \
        const char *const *Environment = NULL;                                                                         \
        va_list Arguments;                                                                                             \
                                                                                                                       \
        va_start(Arguments, First);                                                                                    \
        CrtpCollect(List, First, &Arguments);                                                                          \
        if (WithEnvironment) {                                                                                         \
            Environment = va_arg(Arguments, const char *const *);                                                      \
        }                                                                                                              \
        va_end(Arguments);                                                                                             \
        return CrtpSpawn(Mode, Name, List, Environment, Search);                                                       \
    }
LIST_FORM(_spawnl(int Mode, const char *Name, const char *First, ...), Mode, Name, 0, 0)
LIST_FORM(_spawnle(int Mode, const char *Name, const char *First, ...), Mode, Name, 1, 0)
LIST_FORM(_spawnlp(int Mode, const char *Name, const char *First, ...), Mode, Name, 0, 1)
LIST_FORM(_spawnlpe(int Mode, const char *Name, const char *First, ...), Mode, Name, 1, 1)
LIST_FORM(_execl(const char *Name, const char *First, ...), _P_OVERLAY, Name, 0, 0)
LIST_FORM(_execle(const char *Name, const char *First, ...), _P_OVERLAY, Name, 1, 0)
LIST_FORM(_execlp(const char *Name, const char *First, ...), _P_OVERLAY, Name, 0, 1)
LIST_FORM(_execlpe(const char *Name, const char *First, ...), _P_OVERLAY, Name, 1, 1)

intptr_t __cdecl _cwait(int *Status, intptr_t Process, int Action)
{
    DWORD Code;

    (void)Action;
    if (WaitForSingleObject((HANDLE)Process, INFINITE) != WAIT_OBJECT_0 ||
        !GetExitCodeProcess((HANDLE)Process, &Code)) {
        return CrtFail(ECHILD);
    }
    if (Status != NULL) {
        *Status = (int)Code;
    }
    CloseHandle((HANDLE)Process);
    return Process;
}

int __cdecl _getpid(void)
{
    return (int)GetCurrentProcessId();
}

// "cmd /c <command>", malloc'ed.
static char *CrtpShellLine(const char *Command, char *Shell)
{
    const char *Comspec = getenv("ComSpec");
    size_t Size = strlen(Command) + MAX_PATH + 16;
    char *Line = malloc(Size);

    strncpy(Shell, Comspec == NULL ? "C:\\WINDOWS\\system32\\cmd.exe" : Comspec, MAX_PATH - 1);
    Shell[MAX_PATH - 1] = 0;
    if (Line != NULL) {
        _snprintf(Line, Size, "\"%s\" /c %s", Shell, Command);
    }
    return Line;
}

int __cdecl system(const char *Command)
{
    char Shell[MAX_PATH], *Line;
    HANDLE Process;
    DWORD Code = 0;

    if (Command == NULL) {
        return _access(getenv("ComSpec") == NULL ? "C:\\WINDOWS\\system32\\cmd.exe" : getenv("ComSpec"), 0) == 0;
    }
    Line = CrtpShellLine(Command, Shell);
    Process = Line == NULL ? NULL : CrtpStart(Shell, Line, NULL, 0);
    free(Line);
    if (Process == NULL) {
        return -1;
    }
    WaitForSingleObject(Process, INFINITE);
    GetExitCodeProcess(Process, &Code);
    CloseHandle(Process);
    return (int)Code;
}

int __cdecl _wsystem(const wchar_t *Command)
{
    char *Narrow = Command == NULL ? NULL : CrtNarrow(Command);
    int Result = system(Narrow);

    free(Narrow);
    return Result;
}

static HANDLE CrtpPipeProcesses[FD_MAXIMUM]; // by the descriptor of the stream that _popen returned

static HANDLE CrtpStartPiped(const char *Command, HANDLE End, int Reading)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION Information;
    char Shell[MAX_PATH], *Line = CrtpShellLine(Command, Shell);
    BOOL Started;

    Startup.hStdInput = Reading ? GetStdHandle(STD_INPUT_HANDLE) : End;
    Startup.hStdOutput = Reading ? End : GetStdHandle(STD_OUTPUT_HANDLE);
    Startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    fflush(NULL);
    Started = Line != NULL && CreateProcessA(Shell, Line, NULL, NULL, TRUE, 0, NULL, NULL, &Startup, &Information);
    free(Line);
    if (!Started) {
        CrtFailLast();
        return NULL;
    }
    CloseHandle(Information.hThread);
    return Information.hProcess;
}

FILE *__cdecl _popen(const char *Command, const char *Mode)
{
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, TRUE};
    int Reading = *Mode == 'r', Fd;
    HANDLE Read, Write, Own, Other, Process;
    FILE *File;

    if (!CreatePipe(&Read, &Write, &Security, PIPE_BYTES)) {
        CrtFailLast();
        return NULL;
    }
    Own = Reading ? Read : Write;
    Other = Reading ? Write : Read;
    SetHandleInformation(Own, HANDLE_FLAG_INHERIT, 0);
    Process = CrtpStartPiped(Command, Other, Reading);
    CloseHandle(Other);
    Fd = Process == NULL ? -1 : _open_osfhandle((intptr_t)Own, strchr(Mode, 'b') != NULL ? _O_BINARY : _O_TEXT);
    if (Fd < 0) {
        CloseHandle(Own);
        return NULL;
    }
    File = _fdopen(Fd, Mode);
    if (File != NULL) {
        CrtpPipeProcesses[Fd] = Process;
    }
    return File;
}

int __cdecl _pclose(FILE *File)
{
    int Fd = File->_file, Status = -1;
    HANDLE Process = (unsigned)Fd < FD_MAXIMUM ? CrtpPipeProcesses[Fd] : NULL;

    if (Process == NULL) {
        return CrtFail(EBADF);
    }
    CrtpPipeProcesses[Fd] = NULL;
    fclose(File);
    _cwait(&Status, (intptr_t)Process, 0);
    return Status;
}
