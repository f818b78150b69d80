// SPDX-License-Identifier: MIT
// Console text in and out, and the small console properties.

#include "k32.h"

#define CONSOLE_CHUNK 512u
#define TITLE_MAXIMUM 128u

static WCHAR BasepTitle[TITLE_MAXIMUM];
static UINT BasepInputPage = OEM_CODE_PAGE, BasepOutputPage = OEM_CODE_PAGE;

static HANDLE BasepConsoleHandle(HANDLE Handle)
{
    Handle = BaseRealHandle(Handle);
    if (!BaseIsConsole(Handle)) {
        SetLastError(ERROR_INVALID_HANDLE);
        return NULL;
    }
    return Handle;
}

WINBOOL WINAPI WriteConsoleA(HANDLE Console, const VOID *Buffer, DWORD Count, LPDWORD Written, LPVOID Reserved)
{
    DWORD Done;

    UNREFERENCED_PARAMETER(Reserved);
    Console = BasepConsoleHandle(Console);
    return Console != NULL && WriteFile(Console, Buffer, Count, Written == NULL ? &Done : Written, NULL);
}

WINBOOL WINAPI WriteConsoleW(HANDLE Console, const VOID *Buffer, DWORD Count, LPDWORD Written, LPVOID Reserved)
{
    const WCHAR *Text = Buffer;
    CHAR Chunk[CONSOLE_CHUNK];
    DWORD Total = 0, Done;
    ULONG Bytes;

    UNREFERENCED_PARAMETER(Reserved);
    Console = BasepConsoleHandle(Console);
    if (Console == NULL) {
        return FALSE;
    }
    while (Total < Count) {
        DWORD Part = min_of(Count - Total, CONSOLE_CHUNK);

        if (!BaseBool(RtlUnicodeToMultiByteN(Chunk, CONSOLE_CHUNK, &Bytes, Text + Total, Part * sizeof(WCHAR))) ||
            !WriteFile(Console, Chunk, Bytes, &Done, NULL)) {
            return FALSE;
        }
        Total += Part;
    }
    if (Written != NULL) {
        *Written = Total;
    }
    return TRUE;
}

WINBOOL WINAPI ReadConsoleA(HANDLE Console, LPVOID Buffer, DWORD Count, LPDWORD Read, LPVOID Control)
{
    UNREFERENCED_PARAMETER(Control);
    Console = BasepConsoleHandle(Console);
    return Console != NULL && ReadFile(Console, Buffer, Count, Read, NULL);
}

WINBOOL WINAPI ReadConsoleW(HANDLE Console, LPVOID Buffer, DWORD Count, LPDWORD Read, LPVOID Control)
{
    CHAR Chunk[CONSOLE_CHUNK];
    ULONG Bytes;
    DWORD Done;

    UNREFERENCED_PARAMETER(Control);
    Console = BasepConsoleHandle(Console);
    if (Console == NULL || !ReadFile(Console, Chunk, min_of(Count, CONSOLE_CHUNK), &Done, NULL) ||
        !BaseBool(RtlMultiByteToUnicodeN(Buffer, Count * sizeof(WCHAR), &Bytes, Chunk, Done))) {
        return FALSE;
    }
    *Read = Bytes / sizeof(WCHAR);
    return TRUE;
}

// The device delivers bytes: each becomes a key pressed, with its character and no scan code.
WINBOOL WINAPI ReadConsoleInputA(HANDLE Console, PINPUT_RECORD Records, DWORD Count, LPDWORD Read)
{
    CHAR Byte;
    DWORD Done;

    if (Count == 0 || !ReadConsoleA(Console, &Byte, 1, &Done, NULL)) {
        return FALSE;
    }
    *Read = Done;
    if (Done != 0) {
        RtlZeroMemory(Records, sizeof(*Records));
        Records->EventType = KEY_EVENT;
        Records->Event.KeyEvent.bKeyDown = TRUE;
        Records->Event.KeyEvent.wRepeatCount = 1;
        Records->Event.KeyEvent.uChar.AsciiChar = Byte;
    }
    return TRUE;
}

WINBOOL WINAPI ReadConsoleInputW(HANDLE Console, PINPUT_RECORD Records, DWORD Count, LPDWORD Read)
{
    if (!ReadConsoleInputA(Console, Records, Count, Read)) {
        return FALSE;
    }
    if (*Read != 0) {
        Records->Event.KeyEvent.uChar.UnicodeChar = (UCHAR)Records->Event.KeyEvent.uChar.AsciiChar;
    }
    return TRUE;
}

WINBOOL WINAPI FlushConsoleInputBuffer(HANDLE Console)
{
    DWORD Ready, Done;
    CHAR Byte;

    Console = BasepConsoleHandle(Console);
    if (Console == NULL) {
        return FALSE;
    }
    while (GetNumberOfConsoleInputEvents(Console, &Ready) && Ready != 0 && ReadFile(Console, &Byte, 1, &Done, NULL) &&
           Done != 0) {
    }
    return TRUE;
}

WINBOOL WINAPI SetConsoleTitleW(LPCWSTR Title)
{
    wcsncpy(BasepTitle, Title, TITLE_MAXIMUM - 1);
    return TRUE;
}

WINBOOL WINAPI SetConsoleTitleA(LPCSTR Title)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Title) && SetConsoleTitleW(Wide.Buffer);
}

DWORD WINAPI GetConsoleTitleW(LPWSTR Title, DWORD Size)
{
    DWORD Length = min_of((DWORD)wcslen(BasepTitle), Size == 0 ? 0 : Size - 1);

    if (Size != 0) {
        memcpy(Title, BasepTitle, Length * sizeof(WCHAR));
        Title[Length] = 0;
    }
    return Length;
}

DWORD WINAPI GetConsoleTitleA(LPSTR Title, DWORD Size)
{
    DWORD Length = wcslen(BasepTitle);

    return Length < Size ? BaseNarrowResult(BasepTitle, Length, Title, Size) : 0;
}

static BOOL BasepIsPage(UINT Page)
{
    return Page == ANSI_CODE_PAGE || Page == OEM_CODE_PAGE || Page == CP_UTF8;
}

UINT WINAPI GetConsoleCP(VOID)
{
    return BasepInputPage;
}

UINT WINAPI GetConsoleOutputCP(VOID)
{
    return BasepOutputPage;
}

WINBOOL WINAPI SetConsoleCP(UINT Page)
{
    if (!BasepIsPage(Page)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    BasepInputPage = Page;
    return TRUE;
}

WINBOOL WINAPI SetConsoleOutputCP(UINT Page)
{
    if (!BasepIsPage(Page)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    BasepOutputPage = Page;
    return TRUE;
}

// There is one console and no windows.
HWND WINAPI GetConsoleWindow(VOID)
{
    return NULL;
}

WINBOOL WINAPI AllocConsole(VOID)
{
    return BaseFail(ERROR_ACCESS_DENIED); // every process already has the console
}

WINBOOL WINAPI GetConsoleCursorInfo(HANDLE Console, PCONSOLE_CURSOR_INFO Information)
{
    if (BasepConsoleHandle(Console) == NULL) {
        return FALSE;
    }
    Information->dwSize = 25;
    Information->bVisible = TRUE;
    return TRUE;
}

// Lets the cursor be; it is always there.
WINBOOL WINAPI SetConsoleCursorInfo(HANDLE Console, const CONSOLE_CURSOR_INFO *Information)
{
    if (BasepConsoleHandle(Console) == NULL) {
        return FALSE;
    }
    return Information->bVisible ? TRUE : BaseFail(ERROR_NOT_SUPPORTED);
}

COORD WINAPI GetLargestConsoleWindowSize(HANDLE Console)
{
    CONSOLE_SCREEN_BUFFER_INFO Screen;
    COORD None = {0, 0};

    return GetConsoleScreenBufferInfo(Console, &Screen) ? Screen.dwSize : None;
}
