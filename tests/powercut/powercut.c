// SPDX-License-Identifier: MIT
// What ./mica powercut runs until the power fails: creates, extends, overwrites, cuts, renames, deletes and flushes
// files, by plain writes and through views, and tells on standard output what must survive from here on:
//   t NAME             is about to change: nothing is promised of it any more
//   f NAME SIZE HASH   was flushed with this content
//   g NAME             was deleted, and a flush has come since: it must not be there
// Arguments: SEED OPERATIONS. Exit code: the number of calls that failed.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 14
#define LARGEST 60000u
#define NAMES 24
// The plugin tools/powercut.c begins to count where it sees this.
#define MARK_BEGIN() __asm__ volatile(".byte 0x0F, 0x1F, 0x80, 0x02, 0x00, 0xED, 0x5E")

static struct {
    int name; // -1: there is none
    unsigned size;
    unsigned char *data;
} files[FILES];
static int gone[NAMES], failures;
static unsigned seed;

static unsigned chance(unsigned limit)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % limit;
}

static const char *path(int name)
{
    static char paths[2][MAX_PATH];
    static int next;
    char *text = paths[next++ % 2];

    sprintf(text,
            name % 3 == 0   ? "D:\\f%d.dat"
            : name % 3 == 1 ? "D:\\a longer name, number %d.text"
                            : "D:\\folder\\F%d",
            name);
    return text;
}

static void say(const char *line)
{
    DWORD done;

    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)strlen(line), &done, NULL);
}

static void touch(int name)
{
    char line[MAX_PATH + 4];

    gone[name] = 0;
    sprintf(line, "t %s\n", path(name));
    say(line);
}

static int works(int done, const char *what)
{
    char line[100];

    if (!done) {
        failures++;
        sprintf(line, "! %s failed, error %lu\n", what, GetLastError());
        say(line);
    }
    return done;
}

static HANDLE open(int name, DWORD disposition)
{
    HANDLE file = CreateFileA(path(name), GENERIC_READ | GENERIC_WRITE, 0, NULL, disposition, 0, NULL);

    works(file != INVALID_HANDLE_VALUE, "open");
    return file;
}

static int is_used(int name)
{
    for (int i = 0; i < FILES; i++)
        if (files[i].name == name)
            return 1;
    return 0;
}

static int free_name(void)
{
    int name = (int)chance(NAMES);

    while (is_used(name))
        name = (name + 1) % NAMES;
    return name;
}

// Writes so many new bytes at an offset, in the model and in the file.
static void write_at(HANDLE file, int i, unsigned offset, unsigned length)
{
    DWORD done;

    for (unsigned k = 0; k < length; k++)
        files[i].data[offset + k] = (unsigned char)chance(256);
    SetFilePointer(file, (LONG)offset, NULL, FILE_BEGIN);
    works(WriteFile(file, files[i].data + offset, length, &done, NULL) && done == length, "write");
    if (offset + length > files[i].size)
        files[i].size = offset + length;
}

static void create(int i)
{
    HANDLE file;

    files[i].name = free_name();
    files[i].size = 0;
    touch(files[i].name);
    file = open(files[i].name, CREATE_ALWAYS);
    write_at(file, i, 0, 1 + chance(chance(2) ? 3000 : 30000));
    CloseHandle(file);
}

static void change(int i)
{
    HANDLE file = open(files[i].name, OPEN_EXISTING);
    unsigned room = LARGEST - files[i].size, length = 1 + chance(9000);

    touch(files[i].name);
    if (chance(2) && room > length)
        write_at(file, i, files[i].size, length);
    else if (files[i].size > 1)
        write_at(file, i, chance(files[i].size / 2), 1 + chance(files[i].size / 2));
    CloseHandle(file);
}

static void cut(int i)
{
    HANDLE file = open(files[i].name, OPEN_EXISTING);
    unsigned size = chance(files[i].size + 1);

    touch(files[i].name);
    SetFilePointer(file, (LONG)size, NULL, FILE_BEGIN);
    works(SetEndOfFile(file), "set end");
    files[i].size = size;
    CloseHandle(file);
}

static void change_view(int i)
{
    HANDLE file, section;
    unsigned char *view;

    if (files[i].size == 0)
        return;
    file = open(files[i].name, OPEN_EXISTING);
    touch(files[i].name);
    section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0, NULL);
    view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    if (works(view != NULL, "map")) {
        for (unsigned k = chance(files[i].size); k < files[i].size; k += 1 + chance(5000))
            view[k] = files[i].data[k] = (unsigned char)chance(256);
        works(FlushViewOfFile(view, 0), "flush view");
        UnmapViewOfFile(view);
    }
    CloseHandle(section);
    CloseHandle(file);
}

static void move(int i)
{
    int name = free_name();

    touch(files[i].name);
    touch(name);
    works(MoveFileExA(path(files[i].name), path(name), MOVEFILE_REPLACE_EXISTING), "rename");
    gone[files[i].name] = 1;
    files[i].name = name;
}

static void drop(int i)
{
    touch(files[i].name);
    works(DeleteFileA(path(files[i].name)), "delete");
    gone[files[i].name] = 1;
    files[i].name = -1;
}

// Everything that happened to names before this is on the disk with it.
static void flush(int i)
{
    HANDLE file = open(files[i].name, OPEN_EXISTING);
    unsigned hash = 2166136261u; // FNV-1a
    char line[MAX_PATH + 40];

    if (works(FlushFileBuffers(file), "flush")) {
        for (unsigned k = 0; k < files[i].size; k++)
            hash = (hash ^ files[i].data[k]) * 16777619u;
        sprintf(line, "f %s %u %08x\n", path(files[i].name), files[i].size, hash);
        say(line);
        for (int name = 0; name < NAMES; name++) {
            if (!gone[name])
                continue;
            gone[name] = 0;
            sprintf(line, "g %s\n", path(name));
            say(line);
        }
    }
    CloseHandle(file);
}

static void step(void)
{
    int i = (int)chance(FILES);

    if (files[i].name < 0) {
        create(i);
        return;
    }
    switch (chance(12)) {
    case 0:
        drop(i);
        break;
    case 1:
        move(i);
        break;
    case 2:
        cut(i);
        break;
    case 3:
        change_view(i);
        break;
    case 4:
        Sleep(chance(400)); // lazy writers come in between
        break;
    case 5:
    case 6:
    case 7:
        change(i);
        break;
    default:
        flush(i);
        break;
    }
}

int main(int count, char **arguments)
{
    int operations = count > 2 ? atoi(arguments[2]) : 100;

    seed = count > 1 ? (unsigned)atoi(arguments[1]) * 7919u + 1 : 1;
    for (int i = 0; i < FILES; i++) {
        files[i].name = -1;
        files[i].data = malloc(LARGEST + 1);
    }
    works(CreateDirectoryA("D:\\folder", NULL), "make folder");
    MARK_BEGIN();
    while (operations-- > 0)
        step();
    return failures;
}
