// SPDX-License-Identifier: MIT
// Files on both drives: create, write, seek, read, sizes, attributes, find, rename, copy, delete, directories; and the
// C library's streams in text and binary mode.

#include "check.h"
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

static char Root[4];

static const char *In(const char *Name)
{
    static char Paths[4][MAX_PATH];
    static int Next;
    char *Path = Paths[Next++ % 4];

    sprintf(Path, "%sMica files test%s%s", Root, *Name == 0 ? "" : "\\", Name);
    return Path;
}

static void ReadBack(HANDLE File)
{
    static unsigned char Buffer[70000];
    DWORD Done;
    int Wrong = 0;

    CHECK_EQUAL(SetFilePointer(File, 0, NULL, FILE_BEGIN), 0);
    CHECK(ReadFile(File, Buffer, sizeof(Buffer), &Done, NULL));
    CHECK_EQUAL(Done, 65536);
    for (int i = 0; i < 65536; i++) {
        Wrong += Buffer[i] != (unsigned char)(i * 7 + (i >> 8));
    }
    CHECK_EQUAL(Wrong, 0);
    CHECK(ReadFile(File, Buffer, 10, &Done, NULL) && Done == 0);
    CHECK_EQUAL(SetFilePointer(File, -3, NULL, FILE_END), 65533);
    CHECK(ReadFile(File, Buffer, 10, &Done, NULL) && Done == 3);
    CHECK_EQUAL(SetFilePointer(File, 1000, NULL, FILE_BEGIN), 1000);
    CHECK_EQUAL(SetFilePointer(File, 234, NULL, FILE_CURRENT), 1234);
    CHECK(ReadFile(File, Buffer, 1, &Done, NULL) && Buffer[0] == (unsigned char)(1234 * 7 + (1234 >> 8)));
}

static void WriteAndSeek(void)
{
    static unsigned char Data[65536];
    HANDLE File = CreateFileA(In("data.bin"), GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    DWORD Done;
    LARGE_INTEGER Size;

    CHECK(File != INVALID_HANDLE_VALUE);
    for (int i = 0; i < 65536; i++) {
        Data[i] = (unsigned char)(i * 7 + (i >> 8));
    }
    CHECK(WriteFile(File, Data, sizeof(Data), &Done, NULL) && Done == sizeof(Data));
    CHECK(GetFileSizeEx(File, &Size) && Size.QuadPart == 65536);
    ReadBack(File);
    CHECK_FAILS(CreateFileA(In("data.bin"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_SHARING_VIOLATION);
    CHECK_EQUAL(SetFilePointer(File, 100, NULL, FILE_BEGIN), 100);
    CHECK(SetEndOfFile(File));
    CHECK_EQUAL(GetFileSize(File, NULL), 100);
    CHECK_EQUAL(SetFilePointer(File, 5000, NULL, FILE_BEGIN), 5000);
    CHECK(WriteFile(File, "end", 3, &Done, NULL) && Done == 3);
    CHECK_EQUAL(GetFileSize(File, NULL), 5003);
    CHECK_FAILS(SetFilePointer(File, -1, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER, ERROR_NEGATIVE_SEEK);
    CHECK(FlushFileBuffers(File));
    CHECK(CloseHandle(File));
    CHECK_FAILS(CreateFileA(In("data.bin"), GENERIC_READ, 0, NULL, CREATE_NEW, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_FILE_EXISTS);
    CHECK_FAILS(CreateFileA(In("nothing"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(CreateFileA(In("no\\thing"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_PATH_NOT_FOUND);
    CHECK_FAILS(CreateFileA(In(""), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_ACCESS_DENIED);
}

static void Attributes(void)
{
    WIN32_FILE_ATTRIBUTE_DATA Data;
    struct _stat Stat;

    CHECK_EQUAL(GetFileAttributesA(In("")) & FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_DIRECTORY);
    CHECK_EQUAL(GetFileAttributesA(In("data.bin")) & FILE_ATTRIBUTE_DIRECTORY, 0);
    CHECK_FAILS(GetFileAttributesA(In("nothing")) != INVALID_FILE_ATTRIBUTES, ERROR_FILE_NOT_FOUND);
    CHECK(GetFileAttributesExA(In("data.bin"), GetFileExInfoStandard, &Data) && Data.nFileSizeLow == 5003);
    CHECK(SetFileAttributesA(In("data.bin"), FILE_ATTRIBUTE_READONLY));
    CHECK_EQUAL(GetFileAttributesA(In("data.bin")) & FILE_ATTRIBUTE_READONLY, FILE_ATTRIBUTE_READONLY);
    CHECK_FAILS(CreateFileA(In("data.bin"), GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_ACCESS_DENIED);
    CHECK_FAILS(DeleteFileA(In("data.bin")), ERROR_ACCESS_DENIED);
    CHECK(SetFileAttributesA(In("data.bin"), FILE_ATTRIBUTE_NORMAL));
    CHECK_EQUAL(_stat(In("data.bin"), &Stat), 0);
    CHECK(Stat.st_size == 5003 && (Stat.st_mode & _S_IFREG) != 0 && Stat.st_mtime > 1600000000);
}

static int CountMatches(const char *Pattern)
{
    WIN32_FIND_DATAA Data;
    HANDLE Find = FindFirstFileA(In(Pattern), &Data);
    int Count = 0;

    if (Find == INVALID_HANDLE_VALUE) {
        CHECK_EQUAL(GetLastError(), ERROR_FILE_NOT_FOUND);
        return 0;
    }
    do {
        Count += Data.cFileName[0] != '.';
    } while (FindNextFileA(Find, &Data));
    CHECK_EQUAL(GetLastError(), ERROR_NO_MORE_FILES);
    CHECK(FindClose(Find));
    return Count;
}

static void Make(const char *Name)
{
    HANDLE File = CreateFileA(In(Name), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);

    CHECK(File != INVALID_HANDLE_VALUE);
    CloseHandle(File);
}

static void Find(void)
{
    WIN32_FIND_DATAA Data;
    HANDLE Handle;
    char Name[64];

    CHECK(CreateDirectoryA(In("find"), NULL));
    CHECK_FAILS(CreateDirectoryA(In("find"), NULL), ERROR_ALREADY_EXISTS);
    for (int i = 0; i < 60; i++) {
        sprintf(Name, "find\\A file with a long name %02d.%s", i, i % 3 == 0 ? "txt" : "dat");
        Make(Name);
    }
    CHECK_EQUAL(CountMatches("find\\*"), 60);
    CHECK_EQUAL(CountMatches("find\\*.*"), 60);
    CHECK_EQUAL(CountMatches("find\\*.txt"), 20);
    CHECK_EQUAL(CountMatches("find\\*long*0?.dat"), 10); // '?' before a dot also matches nothing: 10, 20, 40, 50
    CHECK_EQUAL(CountMatches("find\\nothing*"), 0);
    Handle = FindFirstFileA(In("find\\a FILE with a long NAME 07.dat"), &Data);
    CHECK(Handle != INVALID_HANDLE_VALUE && strcmp(Data.cFileName, "A file with a long name 07.dat") == 0);
    CHECK(FindClose(Handle));
    CHECK_FAILS(FindFirstFileA(In("nowhere\\*"), &Data) != INVALID_HANDLE_VALUE, ERROR_PATH_NOT_FOUND);
    CHECK_FAILS(RemoveDirectoryA(In("find")), ERROR_DIR_NOT_EMPTY);
    for (int i = 0; i < 60; i++) {
        sprintf(Name, "find\\A file with a long name %02d.%s", i, i % 3 == 0 ? "txt" : "dat");
        CHECK(DeleteFileA(In(Name)));
    }
    CHECK(RemoveDirectoryA(In("find")));
    CHECK_FAILS(RemoveDirectoryA(In("find")), ERROR_FILE_NOT_FOUND);
}

static void MoveAndCopy(void)
{
    CHECK(CopyFileA(In("data.bin"), In("copy.bin"), TRUE));
    CHECK_FAILS(CopyFileA(In("data.bin"), In("copy.bin"), TRUE), ERROR_FILE_EXISTS);
    CHECK(MoveFileA(In("copy.bin"), In("A new and longer name.bin")));
    CHECK_FAILS(DeleteFileA(In("copy.bin")), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(MoveFileA(In("A new and longer name.bin"), In("data.bin")), ERROR_ALREADY_EXISTS);
    CHECK(MoveFileExA(In("A new and longer name.bin"), In("data.bin"), MOVEFILE_REPLACE_EXISTING));
    CHECK(CreateDirectoryA(In("sub"), NULL));
    CHECK(MoveFileA(In("data.bin"), In("sub\\data.bin")));
    CHECK(MoveFileA(In("sub"), In("renamed")));
    CHECK(DeleteFileA(In("renamed\\data.bin")));
    CHECK(RemoveDirectoryA(In("renamed")));
}

static void CurrentDirectory(void)
{
    char Old[MAX_PATH], New[MAX_PATH], Full[MAX_PATH], *Part;

    CHECK(GetCurrentDirectoryA(sizeof(Old), Old) != 0);
    CHECK(SetCurrentDirectoryA(In("")));
    CHECK(GetCurrentDirectoryA(sizeof(New), New) != 0 && _stricmp(New, In("")) == 0);
    Make("here");
    CHECK(GetFileAttributesA("here") != INVALID_FILE_ATTRIBUTES);
    CHECK(GetFullPathNameA("a\\..\\here", sizeof(Full), Full, &Part) != 0 && _stricmp(Full, In("here")) == 0);
    CHECK(Part != NULL && strcmp(Part, "here") == 0);
    CHECK(DeleteFileA("here"));
    CHECK_FAILS(SetCurrentDirectoryA(In("nowhere")), ERROR_FILE_NOT_FOUND);
    CHECK(SetCurrentDirectoryA(Old));
}

static void Streams(void)
{
    char Line[64];
    long Second;
    FILE *File = fopen(In("text.txt"), "w");

    CHECK(File != NULL);
    CHECK(fprintf(File, "line %d\nline two\n", 1) == 16 && fputs("last", File) >= 0);
    CHECK_EQUAL(fclose(File), 0);
    File = fopen(In("text.txt"), "rb");
    CHECK_EQUAL(fread(Line, 1, sizeof(Line), File), 22); // each line feed became two bytes
    CHECK(memcmp(Line, "line 1\r\nline two\r\nlast", 22) == 0);
    CHECK(feof(File));
    CHECK_EQUAL(fclose(File), 0);
    File = fopen(In("text.txt"), "r+");
    CHECK(fgets(Line, sizeof(Line), File) != NULL && strcmp(Line, "line 1\n") == 0);
    Second = ftell(File);
    CHECK_EQUAL(Second, 8);
    CHECK_EQUAL(getc(File), 'l');
    CHECK_EQUAL(ungetc('L', File), 'L');
    CHECK(fgets(Line, sizeof(Line), File) != NULL && strcmp(Line, "Line two\n") == 0);
    CHECK_EQUAL(fseek(File, Second, SEEK_SET), 0);
    CHECK(fgets(Line, sizeof(Line), File) != NULL && strcmp(Line, "line two\n") == 0);
    CHECK_EQUAL(fseek(File, 0, SEEK_END), 0);
    CHECK_EQUAL(fputs(" word", File) >= 0, 1);
    rewind(File);
    CHECK(fscanf(File, "%*s %*d %*s %*s %63s", Line) == 1 && strcmp(Line, "last") == 0);
    CHECK_EQUAL(fclose(File), 0);
    File = fopen(In("text.txt"), "a");
    CHECK(File != NULL && fputs("!", File) >= 0 && fclose(File) == 0);
    File = fopen(In("text.txt"), "rb");
    CHECK_EQUAL(_filelength(_fileno(File)), 28);
    CHECK_EQUAL(fclose(File), 0);
    CHECK_EQUAL(remove(In("text.txt")), 0);
    CHECK(fopen(In("text.txt"), "r") == NULL && errno == ENOENT);
}

static void OneDrive(char Letter)
{
    ULARGE_INTEGER Available, Total;

    sprintf(Root, "%c:\\", Letter);
    CHECK(GetDriveTypeA(Root) == DRIVE_FIXED);
    CHECK(GetDiskFreeSpaceExA(Root, &Available, &Total, NULL) && Available.QuadPart <= Total.QuadPart);
    CHECK(CreateDirectoryA(In(""), NULL));
    WriteAndSeek();
    Attributes();
    Find();
    MoveAndCopy();
    CurrentDirectory();
    Streams();
    CHECK(RemoveDirectoryA(In("")));
}

static void AcrossDrives(void)
{
    strcpy(Root, "C:\\");
    CHECK(CreateDirectoryA(In(""), NULL));
    Make("wanderer");
    CHECK(MoveFileA(In("wanderer"), "D:\\wanderer"));
    CHECK(DeleteFileA("D:\\wanderer"));
    CHECK(RemoveDirectoryA(In("")));
}

// What has no position says so before anything else that may be wrong.
static void NoPosition(void)
{
    HANDLE Read, Write;

    CHECK(CreatePipe(&Read, &Write, NULL, 0));
    for (DWORD Method = FILE_BEGIN; Method <= FILE_END + 1; Method++) {
        CHECK_FAILS(SetFilePointer(Read, 0, NULL, Method) != INVALID_SET_FILE_POINTER, ERROR_SEEK_ON_DEVICE);
    }
    CHECK_FAILS(SetFilePointer(Write, -1, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER, ERROR_SEEK_ON_DEVICE);
    CHECK(CloseHandle(Read) && CloseHandle(Write));
    CHECK_FAILS(SetFilePointer(Read, 0, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER, ERROR_INVALID_HANDLE);
}

int main(void)
{
    CHECK_EQUAL(GetLogicalDrives() & 0xC, 0xC);
    NoPosition();
    OneDrive('C');
    OneDrive('D');
    AcrossDrives();
    return Verdict();
}
