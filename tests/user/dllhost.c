// SPDX-License-Identifier: MIT
// A DLL of its own: linked statically, and a copy of it loaded by LoadLibrary at a base that is taken.

#include "check.h"

__declspec(dllimport) extern int TestValue;
__declspec(dllimport) int TestAdd(int First, int Second);
__declspec(dllimport) const char *TestName(int Index);
__declspec(dllimport) int TestAttached(void);
__declspec(dllimport) int TestThreads(void);

static DWORD WINAPI Nothing(LPVOID Parameter)
{
    return (DWORD)(ULONG_PTR)Parameter;
}

static void Static(void)
{
    HMODULE Module = GetModuleHandleA("testdll.dll");
    char Path[MAX_PATH];
    HANDLE Thread;

    CHECK(Module != NULL);
    CHECK_EQUAL(TestAttached(), 1);
    CHECK_EQUAL(TestAdd(2, 3), 5);
    CHECK_EQUAL(TestValue, 1234);
    CHECK(strcmp(TestName(2), "two") == 0);
    CHECK((PVOID)GetProcAddress(Module, "TestAdd") == (PVOID)TestAdd);
    CHECK_FAILS(GetProcAddress(Module, "NoSuchFunction") != NULL, ERROR_PROC_NOT_FOUND);
    CHECK(GetModuleFileNameA(Module, Path, sizeof(Path)) != 0 && _stricmp(Path, "D:\\testdll.dll") == 0);
    Thread = CreateThread(NULL, 0, Nothing, NULL, 0, NULL);
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    CHECK_EQUAL(TestThreads(), 101);
}

static void Counted(void)
{
    HMODULE First = LoadLibraryA("testdll.dll"), Second = LoadLibraryA("D:\\TESTDLL.DLL");

    CHECK(First == GetModuleHandleA("testdll") && Second == First);
    CHECK(FreeLibrary(First) && FreeLibrary(Second));
    CHECK(GetModuleHandleA("testdll.dll") != NULL); // the static link holds it
}

// The copy has the same preferred base as the original, which sits there.
static void BaseTaken(void)
{
    HMODULE Original = GetModuleHandleA("testdll.dll"), Copy;
    const char *(*Name)(int);
    int (*Attached)(void);

    CHECK(CopyFileA("D:\\testdll.dll", "D:\\copydll.dll", FALSE));
    Copy = LoadLibraryA("copydll.dll");
    CHECK(Copy != NULL && Copy != Original);
    if (Copy == NULL) {
        return;
    }
    Name = (PVOID)GetProcAddress(Copy, "TestName");
    Attached = (PVOID)GetProcAddress(Copy, "TestAttached");
    CHECK(Name != NULL && strcmp(Name(1), "one") == 0 && Name(1) != TestName(1));
    CHECK(Attached != NULL && Attached() == 1);
    CHECK_EQUAL(*(int *)(PVOID)GetProcAddress(Copy, "TestValue"), 1234);
    TestValue = 99;
    CHECK_EQUAL(*(int *)(PVOID)GetProcAddress(Copy, "TestValue"), 1234);
    CHECK(FreeLibrary(Copy));
    CHECK(GetModuleHandleA("copydll.dll") == NULL);
    CHECK(DeleteFileA("D:\\copydll.dll"));
}

static void Missing(void)
{
    HANDLE File = CreateFileA("D:\\bad.dll", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD Done;

    CHECK_FAILS(LoadLibraryA("nosuch.dll") != NULL, ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(GetModuleHandleA("nosuch.dll") != NULL, ERROR_MOD_NOT_FOUND);
    CHECK(WriteFile(File, "this is no image", 16, &Done, NULL) && CloseHandle(File));
    CHECK_FAILS(LoadLibraryA("D:\\bad.dll") != NULL, ERROR_BAD_EXE_FORMAT);
    CHECK(DeleteFileA("D:\\bad.dll"));
}

int main(void)
{
    Static();
    Counted();
    BaseTaken();
    Missing();
    return Verdict();
}
