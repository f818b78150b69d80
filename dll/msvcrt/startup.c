// SPDX-License-Identifier: MIT
// What a program's start-up code asks for: arguments, environment, the initializer tables, and the variables that
// belong to them.

#include "crt.h"
#include <math.h>
#include <signal.h>

#undef _acmdln
#undef _wcmdln
#undef __argc
#undef __argv
#undef __wargv
#undef __initenv
#undef __winitenv
#undef _environ
#undef _wenviron
#undef _fmode
#undef _commode
#undef _pgmptr
#undef _wpgmptr
#undef _osver
#undef _winver
#undef _winmajor
#undef _winminor
#undef _osplatform
#undef __setusermatherr // math.h gives it another name, for programs

char *_acmdln;
wchar_t *_wcmdln;
int __argc;
char **__argv;
wchar_t **__wargv;
char **__initenv;
wchar_t **__winitenv;
extern char **_environ;
extern wchar_t **_wenviron;
int _fmode = 0;
int _commode = 0;
char *_pgmptr;
wchar_t *_wpgmptr;
unsigned _osver = 7601, _winver = 0x0601, _winmajor = 6, _winminor = 1, _osplatform = 2;
int _adjust_fdiv = 0; // no processor here divides wrongly
static int CrtpAppType;
static int(__cdecl *CrtpUserMathError)(struct _exception *);

typedef void(__cdecl *CRT_INITIALIZER)(void);

// Calls a table of functions, of which some places are empty.
void __cdecl _initterm(CRT_INITIALIZER *First, CRT_INITIALIZER *Last)
{
    for (; First < Last; First++) {
        if (*First != NULL) {
            (*First)();
        }
    }
}

// Wide text in the ANSI code page, malloc'ed. NULL without memory.
char *CrtNarrow(const wchar_t *Wide)
{
    int Size = WideCharToMultiByte(CP_ACP, 0, Wide, -1, NULL, 0, NULL, NULL);
    char *Narrow = malloc((size_t)Size + 1);

    if (Narrow != NULL) {
        Narrow[0] = 0;
        WideCharToMultiByte(CP_ACP, 0, Wide, -1, Narrow, Size, NULL, NULL);
    }
    return Narrow;
}

// The reverse.
wchar_t *CrtWiden(const char *Narrow)
{
    int Size = MultiByteToWideChar(CP_ACP, 0, Narrow, -1, NULL, 0);
    wchar_t *Wide = malloc(((size_t)Size + 1) * sizeof(wchar_t));

    if (Wide != NULL) {
        Wide[0] = 0;
        MultiByteToWideChar(CP_ACP, 0, Narrow, -1, Wide, Size);
    }
    return Wide;
}

static void CrtpSetProgramName(void)
{
    wchar_t Name[MAX_PATH];

    Name[GetModuleFileNameW(NULL, Name, MAX_PATH - 1)] = 0;
    _wpgmptr = _wcsdup(Name);
    _pgmptr = CrtNarrow(Name);
}

// Parses the command line once; Expand asks for wildcards to be replaced by the names that match.
static int CrtpMakeArguments(int Expand)
{
    if (__wargv != NULL) {
        return 1;
    }
    CrtpSetProgramName();
    __argc = CrtParseCommandLine(GetCommandLineW(), &__wargv, Expand);
    if (__argc < 0) {
        return 0;
    }
    __argv = calloc((size_t)__argc + 1, sizeof(char *));
    if (__argv == NULL) {
        return 0;
    }
    for (int i = 0; i < __argc; i++) {
        __argv[i] = CrtNarrow(__wargv[i]);
        if (__argv[i] == NULL) {
            return 0;
        }
    }
    return 1;
}

int __cdecl __getmainargs(int *Count, char ***Arguments, char ***Environment, int Expand, void *StartInfo);
int __cdecl __getmainargs(int *Count, char ***Arguments, char ***Environment, int Expand, void *StartInfo)
{
    (void)StartInfo;
    if (!CrtpMakeArguments(Expand)) {
        return -1;
    }
    *Count = __argc;
    *Arguments = __argv;
    *Environment = __initenv = _environ;
    return 0;
}

int __cdecl __wgetmainargs(int *Count, wchar_t ***Arguments, wchar_t ***Environment, int Expand, void *StartInfo);
int __cdecl __wgetmainargs(int *Count, wchar_t ***Arguments, wchar_t ***Environment, int Expand, void *StartInfo)
{
    (void)StartInfo;
    if (!CrtpMakeArguments(Expand)) {
        return -1;
    }
    *Count = __argc;
    *Arguments = __wargv;
    *Environment = __winitenv = _wenviron;
    return 0;
}

void __cdecl __set_app_type(int Type)
{
    CrtpAppType = Type;
}

void __cdecl __setusermatherr(int(__cdecl *Handler)(struct _exception *));
void __cdecl __setusermatherr(int(__cdecl *Handler)(struct _exception *))
{
    CrtpUserMathError = Handler;
}

// libmingwex's mathematics reports errors here.
void __cdecl __mingw_raise_matherr(int Type, const char *Name, double First, double Second, double Result);
void __cdecl __mingw_raise_matherr(int Type, const char *Name, double First, double Second, double Result)
{
    struct _exception Exception = {Type, (char *)Name, First, Second, Result};

    if (CrtpUserMathError != NULL) {
        CrtpUserMathError(&Exception);
    }
}

// A run-time error by its number; the texts are those of Microsoft's library.
void __cdecl _amsg_exit(int Number)
{
    static const char *const Texts[] = {"R6008 - not enough space for arguments",
                                        "R6009 - not enough space for environment"};
    char Line[80];
    DWORD Done;

    _snprintf(Line, sizeof(Line), "\nruntime error %s\n", Number == 8 || Number == 9 ? Texts[Number - 8] : "");
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), Line, strlen(Line), &Done, NULL);
    _exit(255);
}

// Assertions that fail: the message on stderr, then abort.
void __cdecl _assert(const char *Message, const char *File, unsigned Line)
{
    fprintf(stderr, "Assertion failed: %s, file %s, line %u\n", Message, File, Line);
    fflush(stderr);
    abort();
}

void __cdecl _wassert(const wchar_t *Message, const wchar_t *File, unsigned Line)
{
    fprintf(stderr, "Assertion failed: %ls, file %ls, line %u\n", Message, File, Line);
    fflush(stderr);
    abort();
}

#define POINTER_TO(Type, Name, Variable)                                                                               \
    Type *__cdecl Name(void);                                                                                          \
    Type *__cdecl Name(void)                                                                                           \
    {                                                                                                                  \
        return &(Variable);                                                                                            \
    }
POINTER_TO(int, __p___argc, __argc)
POINTER_TO(char **, __p___argv, __argv)
POINTER_TO(wchar_t **, __p___wargv, __wargv)
POINTER_TO(char *, __p__acmdln, _acmdln)
POINTER_TO(wchar_t *, __p__wcmdln, _wcmdln)
POINTER_TO(char **, __p___initenv, __initenv)
POINTER_TO(wchar_t **, __p___winitenv, __winitenv)
POINTER_TO(char **, __p__environ, _environ)
POINTER_TO(wchar_t **, __p__wenviron, _wenviron)
POINTER_TO(int, __p__fmode, _fmode)
POINTER_TO(int, __p__commode, _commode)
POINTER_TO(char *, __p__pgmptr, _pgmptr)
POINTER_TO(wchar_t *, __p__wpgmptr, _wpgmptr)
POINTER_TO(unsigned, __p__osver, _osver)
POINTER_TO(unsigned, __p__winver, _winver)
POINTER_TO(unsigned, __p__winmajor, _winmajor)
POINTER_TO(unsigned, __p__winminor, _winminor)

FILE *__cdecl __p__iob(void);
FILE *__cdecl __p__iob(void)
{
    return _iob;
}
