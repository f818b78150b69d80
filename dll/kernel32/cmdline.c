// SPDX-License-Identifier: MIT
// The command line and the start-up information, as the parent left them in the process parameters.

#include "k32.h"

static PSTR BasepCommandLineA;
static CHAR BasepEmpty[1];

// Makes the ANSI copy, once, at process attach.
VOID BaseInitializeCommandLine(VOID)
{
    PUNICODE_STRING Wide = &NtCurrentPeb()->ProcessParameters->CommandLine;
    SIZE_T Length = Wide->Length / sizeof(WCHAR);
    ULONG Result;

    BasepCommandLineA = BaseAllocate(Length + 1);
    if (BasepCommandLineA == NULL ||
        (Length != 0 &&
         !NT_SUCCESS(RtlUnicodeToMultiByteN(BasepCommandLineA, Length, &Result, Wide->Buffer, Wide->Length)))) {
        BasepCommandLineA = BasepEmpty;
    }
}

LPSTR WINAPI GetCommandLineA(VOID)
{
    return BasepCommandLineA;
}

LPWSTR WINAPI GetCommandLineW(VOID)
{
    return NtCurrentPeb()->ProcessParameters->CommandLine.Buffer;
}

VOID WINAPI GetStartupInfoW(LPSTARTUPINFOW Startup)
{
    PRTL_USER_PROCESS_PARAMETERS Parameters = NtCurrentPeb()->ProcessParameters;

    RtlZeroMemory(Startup, sizeof(*Startup));
    Startup->cb = sizeof(*Startup);
    Startup->lpDesktop = Parameters->DesktopInfo.Buffer;
    Startup->lpTitle = Parameters->WindowTitle.Buffer;
    Startup->dwX = Parameters->StartingX;
    Startup->dwY = Parameters->StartingY;
    Startup->dwXSize = Parameters->CountX;
    Startup->dwYSize = Parameters->CountY;
    Startup->dwXCountChars = Parameters->CountCharsX;
    Startup->dwYCountChars = Parameters->CountCharsY;
    Startup->dwFillAttribute = Parameters->FillAttribute;
    Startup->dwFlags = Parameters->WindowFlags;
    Startup->wShowWindow = (WORD)Parameters->ShowWindowFlags;
    Startup->hStdInput = Parameters->StandardInput;
    Startup->hStdOutput = Parameters->StandardOutput;
    Startup->hStdError = Parameters->StandardError;
}

static PSTR BasepAnsiOf(PUNICODE_STRING String)
{
    PSTR Ansi = BaseAllocate(String->Length / sizeof(WCHAR) + 1);

    return Ansi == NULL || String->Length == 0 ? Ansi
                                               : (BaseNarrowResult(String->Buffer, String->Length / sizeof(WCHAR), Ansi,
                                                                   String->Length / sizeof(WCHAR) + 1),
                                                  Ansi);
}

// The two strings belong to the process and are made once.
VOID WINAPI GetStartupInfoA(LPSTARTUPINFOA Startup)
{
    static PSTR Desktop, Title;
    PRTL_USER_PROCESS_PARAMETERS Parameters = NtCurrentPeb()->ProcessParameters;
    STARTUPINFOW Wide;

    RtlAcquirePebLock();
    if (Title == NULL) {
        Title = BasepAnsiOf(&Parameters->WindowTitle);
        Desktop = BasepAnsiOf(&Parameters->DesktopInfo);
    }
    RtlReleasePebLock();
    GetStartupInfoW(&Wide);
    memcpy(Startup, &Wide, sizeof(*Startup));
    Startup->lpTitle = Title;
    Startup->lpDesktop = Desktop;
}
