// SPDX-License-Identifier: MIT
// Laws of names and directories.

#include "fattest.h"

// The number of entries in a directory whose names match, "." and ".." included. (A handle keeps its first pattern.)
static ULONG FtCount(HANDLE Root, PCWSTR Pattern)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, 1500, TAG_FAT_NAME);
    UNICODE_STRING Name;
    IO_STATUS_BLOCK IoStatus;
    BOOLEAN Restart = TRUE;
    HANDLE Directory;
    ULONG Count = 0;

    expect_status(
        FtOpenEx(Root, L"", FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_OPEN, FILE_DIRECTORY_FILE, 0, &Directory, NULL),
        STATUS_SUCCESS);
    RtlInitUnicodeString(&Name, Pattern);
    while (NT_SUCCESS(ZwQueryDirectoryFile(Directory, NULL, NULL, NULL, &IoStatus, Buffer, 1500,
                                           FileBothDirectoryInformation, FALSE, &Name, Restart))) {
        PFILE_BOTH_DIR_INFORMATION Entry = (PFILE_BOTH_DIR_INFORMATION)Buffer;

        for (Count++; Entry->NextEntryOffset != 0; Count++)
            Entry = (PFILE_BOTH_DIR_INFORMATION)((PUCHAR)Entry + Entry->NextEntryOffset);
        Restart = FALSE;
    }
    ZwClose(Directory);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
    return Count;
}

static VOID FtQueryName(HANDLE File, FILE_INFORMATION_CLASS Class, PWSTR Name)
{
    UCHAR Buffer[sizeof(FILE_NAME_INFORMATION) + 520] ALIGNED(4);
    PFILE_NAME_INFORMATION Information = (PFILE_NAME_INFORMATION)Buffer;
    IO_STATUS_BLOCK IoStatus;

    Name[0] = 0;
    expect_status(ZwQueryInformationFile(File, &IoStatus, Buffer, sizeof(Buffer), Class), STATUS_SUCCESS);
    memcpy(Name, Information->FileName, Information->FileNameLength);
    Name[Information->FileNameLength / sizeof(WCHAR)] = 0;
}

static VOID FtTouch(HANDLE Directory, PCWSTR Name)
{
    HANDLE File;

    expect_status(FtOpen(Directory, Name, FILE_CREATE, 0, &File), STATUS_SUCCESS);
    ZwClose(File);
}

KTEST(fat, long_names_have_aliases_of_their_own)
{
    // Law: each long name gets an 8.3 alias that no other file of the directory has, and both names open the file.
    static const PCWSTR Names[] = {L"The first long name.html",  L"The first long name.htm",
                                   L"The second long name.html", L"The third long name.html",
                                   L"The fourth long name.html", L"The fifth long name.html",
                                   L"The sixth long name.html",  L"\x00C4rger \x65E5\x672C.txt"};
    HANDLE Directory = FtMakeDirectory(L"A directory with a long name"), File;
    WCHAR Alias[ARRAYSIZE(Names)][16], Path[280];

    for (ULONG i = 0; i < ARRAYSIZE(Names); i++)
        FtTouch(Directory, Names[i]);
    for (ULONG i = 0; i < ARRAYSIZE(Names); i++) {
        expect_status(FtOpen(Directory, Names[i], FILE_OPEN, 0, &File), STATUS_SUCCESS);
        FtQueryName(File, FileAlternateNameInformation, Alias[i]);
        ZwClose(File);
        expect(wcslen(Alias[i]) <= 12);
        for (ULONG j = 0; j < i; j++)
            expect(_wcsicmp(Alias[i], Alias[j]) != 0);
        expect_status(FtOpen(Directory, Alias[i], FILE_OPEN, 0, &File), STATUS_SUCCESS);
        FtQueryName(File, FileNameInformation, Path);
        expect(wcscmp(wcsrchr(Path, '\\') + 1, Names[i]) == 0);
        ZwClose(File);
    }
    expect_eq(FtCount(Directory, L"*.html"), 6);
    expect_eq(FtCount(Directory, L"*"), ARRAYSIZE(Names) + 2);
    for (ULONG i = 0; i < ARRAYSIZE(Names); i++)
        expect_status(FtDelete(Directory, Names[i]), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(fat, names_keep_their_case_and_ignore_it)
{
    // Law: a name is shown as it was given and found in any case; a rename may change the case alone.
    HANDLE Directory = FtMakeDirectory(L"ftcase"), File;
    WCHAR Path[280];

    FtTouch(Directory, L"readme.TXT");
    expect_status(FtOpen(Directory, L"README.txt", FILE_CREATE, 0, &File), STATUS_OBJECT_NAME_COLLISION);
    expect_status(FtOpen(Directory, L"Readme.Txt", FILE_OPEN, 0, &File), STATUS_SUCCESS);
    FtQueryName(File, FileNameInformation, Path);
    expect(wcscmp(Path, L"\\ftcase\\readme.TXT") == 0);
    expect_status(FtRename(File, NULL, L"ReadMe.txt", FALSE), STATUS_SUCCESS);
    FtQueryName(File, FileNameInformation, Path);
    expect(wcscmp(Path, L"\\ftcase\\ReadMe.txt") == 0);
    ZwClose(File);
    expect_eq(FtCount(Directory, L"*"), 3);
    expect_eq(FtCount(Directory, L"READ*"), 1);
    expect_eq(FtCount(Directory, L"r?adme.txt"), 1);
    expect_status(FtDelete(Directory, L"README.TXT"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(fat, names_that_are_no_names_are_refused)
{
    // Law: reserved characters, empty components and paths through files have their own statuses, and make nothing.
    static const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } Cases[] = {{L"a*b", STATUS_OBJECT_NAME_INVALID},
                 {L"a?b", STATUS_OBJECT_NAME_INVALID},
                 {L"a<b", STATUS_OBJECT_NAME_INVALID},
                 {L"a|b", STATUS_OBJECT_NAME_INVALID},
                 {L"a\"b", STATUS_OBJECT_NAME_INVALID},
                 {L"x\\\\y", STATUS_OBJECT_PATH_NOT_FOUND},
                 {L"none\\file", STATUS_OBJECT_PATH_NOT_FOUND},
                 {L"f\\file", STATUS_OBJECT_PATH_NOT_FOUND},
                 {L"..", STATUS_OBJECT_NAME_INVALID}};
    HANDLE Directory = FtMakeDirectory(L"ftbad"), File;

    FtTouch(Directory, L"f");
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++)
        expect_status(FtOpen(Directory, Cases[i].Name, FILE_OPEN_IF, 0, &File), Cases[i].Status);
    expect_eq(FtCount(Directory, L"*"), 3);
    expect_status(FtDelete(Directory, L"f"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(fat, directory_of_many_files_shows_each_once)
{
    // Law: a directory grows as needed, shows every file once, is not removed while it has any, and finds them all.
    enum { Count = 120 };
    HANDLE Directory = FtMakeDirectory(L"ftmany"), File;
    WCHAR Name[64];

    for (ULONG i = 0; i < Count; i++) {
        _snwprintf(Name, ARRAYSIZE(Name), L"file number %u of many", i);
        FtTouch(Directory, Name);
    }
    expect_eq(FtCount(Directory, L"*"), Count + 2);
    expect_eq(FtCount(Directory, L"*number 7*"), 11);
    expect_status(FtDispose(Directory, TRUE), STATUS_DIRECTORY_NOT_EMPTY);
    for (ULONG i = 0; i < Count; i++) {
        _snwprintf(Name, ARRAYSIZE(Name), L"FILE NUMBER %u OF MANY", i);
        expect_status(FtDelete(Directory, Name), STATUS_SUCCESS);
        expect_status(FtOpen(Directory, Name, FILE_OPEN, 0, &File), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    expect_eq(FtCount(Directory, L"*"), 2);
    FtDropDirectory(Directory);
}

KTEST(fat, rename_moves_and_replaces)
{
    // Law: a rename keeps the content, replaces only if asked and only a closed file, and never puts a directory below
    // itself.
    HANDLE Directory = FtMakeDirectory(L"ftmove"), Sub, File, Other;
    UCHAR Byte;
    ULONG Done;

    // Io opens the target directory without FILE_SHARE_DELETE: Sub must not have DELETE access.
    expect_status(
        FtOpenEx(Directory, L"sub", FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_CREATE, FILE_DIRECTORY_FILE, 0, &Sub, NULL),
        0);
    FtTouch(Sub, L"target");
    expect_status(FtOpen(Directory, L"source", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(FtWrite(File, 0, "S", 1), STATUS_SUCCESS);
    expect_status(FtRename(File, Sub, L"target", FALSE), STATUS_OBJECT_NAME_COLLISION);
    expect_status(FtOpen(Sub, L"target", FILE_OPEN, 0, &Other), STATUS_SUCCESS);
    expect_status(FtRename(File, Sub, L"target", TRUE), STATUS_ACCESS_DENIED);
    ZwClose(Other);
    expect_status(FtRename(File, Sub, L"target", TRUE), STATUS_SUCCESS);
    expect_status(FtOpen(Sub, L"target", FILE_OPEN, 0, &Other), STATUS_SUCCESS);
    expect_status(FtRead(Other, 0, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_eq(Byte, 'S');
    ZwClose(Other);
    expect_eq(FtCount(Sub, L"*"), 3);
    expect_eq(FtCount(Directory, L"*"), 3);
    expect_status(FtOpenEx(Directory, L"sub", DELETE, FT_SHARE_ALL, FILE_OPEN, 0, 0, &Other, NULL), STATUS_SUCCESS);
    expect_status(FtRename(Other, NULL, L"other", FALSE), STATUS_ACCESS_DENIED); // File is open below it
    ZwClose(File);
    expect_status(FtRename(Other, NULL, L"other", FALSE), STATUS_SUCCESS);
    expect_status(FtRename(Other, NULL, L"sub", FALSE), STATUS_SUCCESS);
    ZwClose(Other);
    expect_status(FtDelete(Sub, L"target"), STATUS_SUCCESS);
    ZwClose(Sub);
    expect_status(FtDelete(Directory, L"sub"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(fat, directory_is_not_moved_into_itself)
{
    // Law: a directory cannot go below itself; into another directory it takes its files along.
    HANDLE Root = FtMakeDirectory(L"ftself"), Outer, Inner, Other;

    expect_status(
        FtOpenEx(Root, L"a", FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_CREATE, FILE_DIRECTORY_FILE, 0, &Outer, NULL), 0);
    expect_status(
        FtOpenEx(Outer, L"b", FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_CREATE, FILE_DIRECTORY_FILE, 0, &Inner, NULL), 0);
    expect_status(
        FtOpenEx(Root, L"c", FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_CREATE, FILE_DIRECTORY_FILE, 0, &Other, NULL), 0);
    FtTouch(Inner, L"file");
    ZwClose(Inner);
    expect_status(FtOpenEx(Root, L"a", DELETE, FT_SHARE_ALL, FILE_OPEN, 0, 0, &Inner, NULL), STATUS_SUCCESS);
    expect_status(FtRename(Inner, NULL, L"A", FALSE), STATUS_SUCCESS);
    ZwClose(Inner);
    expect_status(FtOpenEx(Outer, L"b", DELETE, FT_SHARE_ALL, FILE_OPEN, 0, 0, &Inner, NULL), STATUS_SUCCESS);
    expect_status(FtRename(Inner, Inner, L"d", FALSE), STATUS_SHARING_VIOLATION);
    expect_status(FtRename(Inner, Other, L"d", FALSE), STATUS_SUCCESS);
    ZwClose(Inner);
    expect_eq(FtCount(Outer, L"*"), 2);
    expect_status(FtDelete(Other, L"d\\FILE"), STATUS_SUCCESS);
    expect_status(FtDelete(Other, L"d"), STATUS_SUCCESS);
    ZwClose(Outer);
    ZwClose(Other);
    expect_status(FtDelete(Root, L"a"), STATUS_SUCCESS);
    expect_status(FtDelete(Root, L"c"), STATUS_SUCCESS);
    FtDropDirectory(Root);
}
