// SPDX-License-Identifier: MIT
// Named pipes and overlapped I/O: a server thread and a client, reads that wait, peeks, and what happens when an end
// closes.

#include "check.h"

#define PIPE_NAME "\\\\.\\pipe\\MicaPipeTest"

static DWORD WINAPI Client(LPVOID Parameter)
{
    HANDLE Pipe = CreateFileA(PIPE_NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    char Text[16] = {0};
    DWORD Done;

    (void)Parameter;
    if (Pipe == INVALID_HANDLE_VALUE) {
        return 1;
    }
    if (!WriteFile(Pipe, "question", 8, &Done, NULL) || Done != 8) {
        return 2;
    }
    if (!ReadFile(Pipe, Text, sizeof(Text), &Done, NULL) || Done != 6 || strcmp(Text, "answer") != 0) {
        return 3;
    }
    return CloseHandle(Pipe) ? 0 : 4;
}

static void ServerAndClient(void)
{
    HANDLE Pipe = CreateNamedPipeA(PIPE_NAME, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE | PIPE_WAIT, 1, 512, 512, 0, NULL),
           Thread;
    char Text[16] = {0};
    DWORD Done, Code;

    CHECK(Pipe != INVALID_HANDLE_VALUE);
    CHECK(GetFileType(Pipe) == FILE_TYPE_PIPE);
    Thread = CreateThread(NULL, 0, Client, NULL, 0, NULL);
    CHECK(ConnectNamedPipe(Pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
    CHECK(ReadFile(Pipe, Text, sizeof(Text), &Done, NULL) && Done == 8 && strcmp(Text, "question") == 0);
    CHECK(WriteFile(Pipe, "answer", 6, &Done, NULL) && Done == 6);
    CHECK_EQUAL(WaitForSingleObject(Thread, 10000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code));
    CHECK_EQUAL(Code, 0);
    CHECK_FAILS(ReadFile(Pipe, Text, sizeof(Text), &Done, NULL), ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(Thread) && CloseHandle(Pipe));
    CHECK_FAILS(CreateFileA(PIPE_NAME, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_FILE_NOT_FOUND);
}

static void Anonymous(void)
{
    HANDLE Read, Write;
    char Text[16] = {0};
    DWORD Done, Available;

    CHECK(CreatePipe(&Read, &Write, NULL, 0));
    CHECK(PeekNamedPipe(Read, NULL, 0, NULL, &Available, NULL) && Available == 0);
    CHECK(WriteFile(Write, "abcdef", 6, &Done, NULL));
    CHECK(PeekNamedPipe(Read, Text, 3, &Done, &Available, NULL) && Done == 3 && Available == 6 &&
          memcmp(Text, "abc", 3) == 0);
    CHECK(ReadFile(Read, Text, 4, &Done, NULL) && Done == 4);
    CHECK(CloseHandle(Write));
    CHECK(ReadFile(Read, Text, 4, &Done, NULL) && Done == 2 && memcmp(Text, "ef", 2) == 0);
    CHECK_FAILS(ReadFile(Read, Text, 4, &Done, NULL), ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(Read));
    CHECK(CreatePipe(&Read, &Write, NULL, 0) && CloseHandle(Read));
    CHECK_FAILS(WriteFile(Write, "x", 1, &Done, NULL), ERROR_NO_DATA);
    CHECK(CloseHandle(Write));
}

static void Overlapped(void)
{
    HANDLE Pipe = CreateNamedPipeA(PIPE_NAME, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 512, 512,
                                   0, NULL),
           Writer;
    OVERLAPPED Request = {0};
    char Text[16] = {0};
    DWORD Done;

    Request.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(Pipe != INVALID_HANDLE_VALUE && Request.hEvent != NULL);
    Writer = CreateFileA(PIPE_NAME, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(Writer != INVALID_HANDLE_VALUE);
    CHECK_FAILS(ReadFile(Pipe, Text, sizeof(Text), NULL, &Request), ERROR_IO_PENDING);
    CHECK_FAILS(GetOverlappedResult(Pipe, &Request, &Done, FALSE), ERROR_IO_INCOMPLETE);
    CHECK_EQUAL(WaitForSingleObject(Request.hEvent, 20), WAIT_TIMEOUT);
    CHECK(WriteFile(Writer, "late", 4, &Done, NULL));
    CHECK(GetOverlappedResult(Pipe, &Request, &Done, TRUE) && Done == 4 && strcmp(Text, "late") == 0);
    CHECK_FAILS(ReadFile(Pipe, Text, sizeof(Text), NULL, &Request), ERROR_IO_PENDING);
    CHECK(CancelIo(Pipe));
    CHECK_FAILS(GetOverlappedResult(Pipe, &Request, &Done, TRUE), ERROR_OPERATION_ABORTED);
    CHECK(CloseHandle(Writer) && CloseHandle(Pipe) && CloseHandle(Request.hEvent));
}

static void OverlappedFile(void)
{
    HANDLE File = CreateFileA("D:\\overlap.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    OVERLAPPED Request = {0};
    char Text[16] = {0};
    DWORD Done;

    CHECK(File != INVALID_HANDLE_VALUE);
    Request.Offset = 1000;
    CHECK(WriteFile(File, "at 1000", 7, NULL, &Request) || GetLastError() == ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(File, &Request, &Done, TRUE) && Done == 7);
    Request.Offset = 1003;
    CHECK(ReadFile(File, Text, 10, NULL, &Request) || GetLastError() == ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(File, &Request, &Done, TRUE) && Done == 4 && strcmp(Text, "1000") == 0);
    Request.Offset = 5000;
    CHECK(!ReadFile(File, Text, 10, NULL, &Request) &&
          (GetLastError() == ERROR_HANDLE_EOF || GetLastError() == ERROR_IO_PENDING));
    CHECK_FAILS(GetOverlappedResult(File, &Request, &Done, TRUE), ERROR_HANDLE_EOF);
    CHECK(CloseHandle(File));
    CHECK(GetFileAttributesA("D:\\overlap.tmp") == INVALID_FILE_ATTRIBUTES);
}

int main(void)
{
    ServerAndClient();
    Anonymous();
    Overlapped();
    OverlappedFile();
    return Verdict();
}
