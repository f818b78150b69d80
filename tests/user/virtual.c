// SPDX-License-Identifier: MIT
// VirtualAlloc, VirtualProtect, VirtualQuery, VirtualFree, guard pages, and mapped files.

#include "check.h"

#define PAGE 4096

static int Faulted;

// Counts a fault and steps over the two-byte access that Touch makes.
static LONG CALLBACK StepOver(PEXCEPTION_POINTERS Pointers)
{
    DWORD Code = Pointers->ExceptionRecord->ExceptionCode;

    if (Code == EXCEPTION_ACCESS_VIOLATION) {
        Faulted++;
        Pointers->ContextRecord->Eip += 2;
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    if (Code == EXCEPTION_GUARD_PAGE) {
        Faulted += 100;
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

static void TouchRead(volatile char *Address)
{
    __asm__ volatile(".byte 0x8A, 0x01" : : "c"(Address) : "eax", "memory"); // mov al, [ecx]
}

static void TouchWrite(volatile char *Address)
{
    __asm__ volatile(".byte 0x88, 0x01" : : "c"(Address), "a"(0) : "memory"); // mov [ecx], al
}

static int FaultsRead(char *Address)
{
    Faulted = 0;
    TouchRead(Address);
    return Faulted;
}

static int FaultsWrite(char *Address)
{
    Faulted = 0;
    TouchWrite(Address);
    return Faulted;
}

static MEMORY_BASIC_INFORMATION Query(void *Address)
{
    MEMORY_BASIC_INFORMATION Information = {0};

    CHECK_EQUAL(VirtualQuery(Address, &Information, sizeof(Information)), sizeof(Information));
    return Information;
}

static void ReserveAndCommit(void)
{
    char *Base = VirtualAlloc(NULL, 16 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    MEMORY_BASIC_INFORMATION Information = Query(Base);

    CHECK(Base != NULL && ((ULONG_PTR)Base & 0xFFFF) == 0);
    CHECK(Information.State == MEM_RESERVE && Information.RegionSize == 16 * PAGE &&
          Information.AllocationBase == Base);
    CHECK_EQUAL(FaultsRead(Base), 1);
    CHECK(VirtualAlloc(Base + 4 * PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE) == Base + 4 * PAGE);
    CHECK_EQUAL(FaultsWrite(Base + 4 * PAGE), 0);
    CHECK_EQUAL(FaultsWrite(Base + 6 * PAGE), 1);
    CHECK(Base[5 * PAGE] == 0);
    Base[5 * PAGE] = 42;
    Information = Query(Base + 4 * PAGE + 17);
    CHECK(Information.State == MEM_COMMIT && Information.Protect == PAGE_READWRITE && Information.Type == MEM_PRIVATE);
    CHECK(Information.BaseAddress == Base + 4 * PAGE && Information.RegionSize == 2 * PAGE);
    CHECK(Information.AllocationProtect == PAGE_NOACCESS);
    CHECK(VirtualFree(Base + 5 * PAGE, PAGE, MEM_DECOMMIT));
    CHECK_EQUAL(FaultsRead(Base + 5 * PAGE), 1);
    CHECK(VirtualAlloc(Base + 5 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL && Base[5 * PAGE] == 0);
    CHECK_FAILS(VirtualFree(Base, PAGE, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(VirtualFree(Base + PAGE, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE));
    CHECK_EQUAL(Query(Base).State, MEM_FREE);
    CHECK_FAILS(VirtualFree(Base, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
}

static void Protection(void)
{
    static const unsigned char Return7[] = {0xB8, 7, 0, 0, 0, 0xC3}; // mov eax, 7; ret
    char *Base = VirtualAlloc(NULL, 3 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD Old = 0;

    CHECK(Base != NULL);
    CHECK(VirtualProtect(Base + PAGE, 1, PAGE_READONLY, &Old) && Old == PAGE_READWRITE);
    CHECK_EQUAL(FaultsRead(Base + PAGE), 0);
    CHECK_EQUAL(FaultsWrite(Base + PAGE), 1);
    CHECK_EQUAL(FaultsWrite(Base + 2 * PAGE), 0);
    CHECK(Query(Base + PAGE).Protect == PAGE_READONLY && Query(Base + PAGE).RegionSize == PAGE);
    CHECK(VirtualProtect(Base + PAGE, PAGE, PAGE_NOACCESS, &Old) && Old == PAGE_READONLY);
    CHECK_EQUAL(FaultsRead(Base + PAGE), 1);
    memcpy(Base, Return7, sizeof(Return7));
    CHECK(VirtualProtect(Base, PAGE, PAGE_EXECUTE_READ, &Old));
    CHECK_EQUAL(((int (*)(void))Base)(), 7);
    CHECK_FAILS(VirtualProtect(Base, PAGE, 0x1234, &Old), ERROR_INVALID_PARAMETER);
    CHECK(VirtualProtect(Base + PAGE, PAGE, PAGE_READWRITE | PAGE_GUARD, &Old));
    CHECK_EQUAL(FaultsRead(Base + PAGE), 100); // once, then it is an ordinary page
    CHECK_EQUAL(FaultsRead(Base + PAGE), 0);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE));
    CHECK_FAILS(VirtualProtect(Base, PAGE, PAGE_READONLY, &Old), ERROR_INVALID_ADDRESS);
}

static void Placement(void)
{
    char *Base = VirtualAlloc((void *)0x30000000, 0x20000, MEM_RESERVE, PAGE_READWRITE);

    CHECK(Base == (char *)0x30000000);
    CHECK_FAILS(VirtualAlloc((void *)0x30010000, PAGE, MEM_RESERVE, PAGE_READWRITE) != NULL, ERROR_INVALID_ADDRESS);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE));
    CHECK(VirtualAlloc(NULL, 0, MEM_COMMIT, PAGE_READWRITE) == NULL);
    CHECK(VirtualAlloc(NULL, 0x7FFFFFFF, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == NULL);
    CHECK(VirtualAlloc((void *)0xC0001000, PAGE, MEM_RESERVE, PAGE_READWRITE) == NULL);
    Base = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE);
    CHECK(Base > (char *)0x70000000);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE));
}

static void SharedMemory(void)
{
    HANDLE Mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000, "MicaVirtualTest");
    char *First = MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0, 0), *Second, *Copy;

    CHECK(Mapping != NULL && First != NULL);
    Second = MapViewOfFile(Mapping, FILE_MAP_READ, 0, 0x10000, 0x1000);
    CHECK(Second != NULL && Second != First);
    First[0x10010] = 'x';
    CHECK_EQUAL(Second[0x10], 'x');
    CHECK_EQUAL(FaultsWrite(Second), 1);
    Copy = MapViewOfFile(Mapping, FILE_MAP_COPY, 0, 0, 0);
    CHECK(Copy != NULL && Copy[0x10010] == 'x');
    Copy[0x10010] = 'y';
    CHECK_EQUAL(First[0x10010], 'x');
    CHECK(Query(First).Type == MEM_MAPPED);
    CHECK(UnmapViewOfFile(First) && UnmapViewOfFile(Second) && UnmapViewOfFile(Copy));
    CHECK(CloseHandle(Mapping));
}

static void MappedFile(void)
{
    HANDLE File = CreateFileA("D:\\mapped.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL), Mapping;
    char *View, Text[16] = {0};
    DWORD Done;

    CHECK(File != INVALID_HANDLE_VALUE && WriteFile(File, "mapped contents", 15, &Done, NULL));
    Mapping = CreateFileMappingA(File, NULL, PAGE_READWRITE, 0, 0, NULL);
    CHECK(Mapping != NULL);
    View = MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0, 0);
    CHECK(View != NULL && memcmp(View, "mapped contents", 15) == 0);
    memcpy(View, "MAPPED", 6);
    CHECK(FlushViewOfFile(View, 0));
    CHECK(UnmapViewOfFile(View) && CloseHandle(Mapping));
    CHECK_EQUAL(SetFilePointer(File, 0, NULL, FILE_BEGIN), 0);
    CHECK(ReadFile(File, Text, 15, &Done, NULL) && Done == 15 && strcmp(Text, "MAPPED contents") == 0);
    CHECK(CloseHandle(File) && DeleteFileA("D:\\mapped.tmp"));
}

int main(void)
{
    PVOID Handler = AddVectoredExceptionHandler(1, StepOver);

    ReserveAndCommit();
    Protection();
    Placement();
    SharedMemory();
    MappedFile();
    CHECK(RemoveVectoredExceptionHandler(Handler));
    return Verdict();
}
