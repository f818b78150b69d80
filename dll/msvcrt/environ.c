// SPDX-License-Identifier: MIT
// The environment as arrays of strings, kept in step with kernel32's.

#include "crt.h"

#undef _environ
#undef _wenviron
char **_environ;
wchar_t **_wenviron;
extern char *_acmdln;
extern wchar_t *_wcmdln;

static wchar_t **CrtpCopyBlock(const wchar_t *Block)
{
    size_t Count = 0, i = 0;
    wchar_t **List;

    for (const wchar_t *Next = Block; *Next != 0; Next += wcslen(Next) + 1) {
        Count++;
    }
    List = calloc(Count + 1, sizeof(*List));
    for (const wchar_t *Next = Block; List != NULL && *Next != 0; Next += wcslen(Next) + 1) {
        if (*Next != L'=') { // the hidden "=C:" variables
            List[i++] = _wcsdup(Next);
        }
    }
    return List;
}

// Makes both arrays and the command line pointers, at process attach. FALSE without memory.
int CrtInitializeEnvironment(void)
{
    wchar_t *Block = GetEnvironmentStringsW();
    size_t Count = 0;

    _acmdln = GetCommandLineA();
    _wcmdln = GetCommandLineW();
    if (Block == NULL) {
        return 0;
    }
    _wenviron = CrtpCopyBlock(Block);
    FreeEnvironmentStringsW(Block);
    if (_wenviron == NULL) {
        return 0;
    }
    while (_wenviron[Count] != NULL) {
        Count++;
    }
    _environ = calloc(Count + 1, sizeof(*_environ));
    for (size_t i = 0; _environ != NULL && i < Count; i++) {
        _environ[i] = CrtNarrow(_wenviron[i]);
    }
    return _environ != NULL;
}

// The index of Name's entry, or of the NULL at the end.
static size_t CrtpFind(const char *Name, size_t Length)
{
    size_t i = 0;

    while (_environ[i] != NULL && (_strnicmp(_environ[i], Name, Length) != 0 || _environ[i][Length] != '=')) {
        i++;
    }
    return i;
}

char *__cdecl getenv(const char *Name)
{
    size_t Length = strlen(Name);
    char *Entry;

    _lock(LOCK_ENVIRONMENT);
    Entry = _environ[CrtpFind(Name, Length)];
    _unlock(LOCK_ENVIRONMENT);
    return Entry == NULL ? NULL : Entry + Length + 1;
}

wchar_t *__cdecl _wgetenv(const wchar_t *Name)
{
    size_t Length = wcslen(Name);

    for (wchar_t **Entry = _wenviron; *Entry != NULL; Entry++) {
        if (_wcsnicmp(*Entry, Name, Length) == 0 && (*Entry)[Length] == L'=') {
            return *Entry + Length + 1;
        }
    }
    return NULL;
}

errno_t __cdecl getenv_s(size_t *Needed, char *Buffer, size_t Size, const char *Name)
{
    char *Value = getenv(Name);

    *Needed = Value == NULL ? 0 : strlen(Value) + 1;
    if (Size != 0) {
        *Buffer = 0;
    }
    return Value == NULL ? 0 : strcpy_s(Buffer, Size, Value);
}

// Both arrays have the same order, so one index serves both. The old strings are not freed: getenv gave them out.
static int CrtpReplace(size_t Index, char *Narrow, wchar_t *Wide)
{
    size_t Count = Index;
    void *New;

    if (_environ[Index] != NULL && Narrow == NULL) {
        do {
            _environ[Count] = _environ[Count + 1];
            _wenviron[Count] = _wenviron[Count + 1];
        } while (_environ[Count++] != NULL);
        return 0;
    }
    if (_environ[Index] == NULL && Narrow != NULL) {
        New = realloc(_environ, (Index + 2) * sizeof(*_environ));
        if (New == NULL) {
            return -1;
        }
        _environ = New;
        New = realloc(_wenviron, (Index + 2) * sizeof(*_wenviron));
        if (New == NULL) {
            return -1;
        }
        _wenviron = New;
        _environ[Index + 1] = NULL;
        _wenviron[Index + 1] = NULL;
    }
    if (Narrow != NULL) {
        _environ[Index] = Narrow;
        _wenviron[Index] = Wide;
    }
    return 0;
}

// "NAME=value" sets, "NAME=" removes.
int __cdecl _putenv(const char *Assignment)
{
    const char *Equals = strchr(Assignment, '=');
    char *Narrow = NULL, *Name;
    wchar_t *Wide = NULL;
    size_t Length;
    int Result;

    if (Equals == NULL || Equals == Assignment) {
        return CrtFail(EINVAL);
    }
    Length = (size_t)(Equals - Assignment);
    Name = _strdup(Assignment);
    if (Name == NULL) {
        return -1;
    }
    Name[Length] = 0;
    if (Equals[1] != 0) {
        Narrow = _strdup(Assignment);
        Wide = CrtWiden(Assignment);
    }
    _lock(LOCK_ENVIRONMENT);
    Result = CrtpReplace(CrtpFind(Name, Length), Narrow, Wide);
    _unlock(LOCK_ENVIRONMENT);
    if (Result == 0 && !SetEnvironmentVariableA(Name, Narrow == NULL ? NULL : Equals + 1) && Narrow != NULL) {
        Result = CrtFailLast();
    }
    free(Name);
    return Result;
}

errno_t __cdecl _putenv_s(const char *Name, const char *Value)
{
    size_t Size = strlen(Name) + strlen(Value) + 2;
    char *Assignment = malloc(Size);
    int Result;

    if (Assignment == NULL) {
        return ENOMEM;
    }
    _snprintf(Assignment, Size, "%s=%s", Name, Value);
    Result = _putenv(Assignment);
    free(Assignment);
    return Result == 0 ? 0 : errno;
}

int __cdecl _wputenv(const wchar_t *Assignment)
{
    char *Narrow = CrtNarrow(Assignment);
    int Result = Narrow == NULL ? -1 : _putenv(Narrow);

    free(Narrow);
    return Result;
}
