// SPDX-License-Identifier: MIT
// Messages for the kernel's log, and the version of the system.
// Source: WDK documentation (DbgPrint, RtlGetVersion).

#include "ntdllp.h"

#define MESSAGE_ROOM 512
#define PLATFORM_WIN32_NT 2
#define PRODUCT_WORKSTATION 1

// Formats with ASCII text and writes it to the log; longer text is cut.
static ULONG RtlpPrint(PCSTR Prefix, PCSTR Format, va_list Arguments)
{
    CHAR Text[MESSAGE_ROOM];
    WCHAR Wide[MESSAGE_ROOM];
    UNICODE_STRING String = {0, sizeof(Wide), Wide};
    ANSI_STRING Ansi;
    int Length = _snprintf(Text, sizeof(Text), "%s", Prefix);

    if (Length < 0)
        Length = 0;
    _vsnprintf(Text + Length, sizeof(Text) - Length, Format, Arguments);
    RtlInitAnsiString(&Ansi, Text);
    if (!NT_SUCCESS(RtlAnsiStringToUnicodeString(&String, &Ansi, FALSE)))
        return STATUS_UNSUCCESSFUL;
    return NtDisplayString(&String);
}

ULONG CDECL DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;
    ULONG Status;

    va_start(Arguments, Format);
    Status = RtlpPrint("", Format, Arguments);
    va_end(Arguments);
    return Status;
}

// Every component and level is printed: there are no filters.
ULONG CDECL DbgPrintEx(ULONG Component, ULONG Level, PCSTR Format, ...)
{
    va_list Arguments;
    ULONG Status;

    UNREFERENCED_PARAMETER(Component);
    UNREFERENCED_PARAMETER(Level);
    va_start(Arguments, Format);
    Status = RtlpPrint("", Format, Arguments);
    va_end(Arguments);
    return Status;
}

ULONG NTAPI vDbgPrintEx(ULONG Component, ULONG Level, PCSTR Format, va_list Arguments)
{
    UNREFERENCED_PARAMETER(Component);
    UNREFERENCED_PARAMETER(Level);
    return RtlpPrint("", Format, Arguments);
}

ULONG NTAPI vDbgPrintExWithPrefix(PCSTR Prefix, ULONG Component, ULONG Level, PCSTR Format, va_list Arguments)
{
    UNREFERENCED_PARAMETER(Component);
    UNREFERENCED_PARAMETER(Level);
    return RtlpPrint(Prefix, Format, Arguments);
}

typedef struct _RTL_VERSION_INFORMATION {
    ULONG Size;
    ULONG Major, Minor, Build, PlatformId;
    WCHAR ServicePack[128];
    USHORT ServicePackMajor, ServicePackMinor; // from here only in OSVERSIONINFOEXW
    USHORT SuiteMask;
    UCHAR ProductType;
    UCHAR Reserved;
} RTL_VERSION_INFORMATION, *PRTL_VERSION_INFORMATION;

// Fills an OSVERSIONINFOW or OSVERSIONINFOEXW, as its size field says. STATUS_INVALID_PARAMETER for another size.
NTCHECK RtlGetVersion(PVOID VersionInformation)
{
    PRTL_VERSION_INFORMATION Version = VersionInformation;
    PPEB Peb = NtCurrentPeb();

    if (Version->Size != FIELD_OFFSET(RTL_VERSION_INFORMATION, ServicePackMajor) && Version->Size != sizeof(*Version))
        return STATUS_INVALID_PARAMETER;
    Version->Major = Peb->OSMajorVersion;
    Version->Minor = Peb->OSMinorVersion;
    Version->Build = Peb->OSBuildNumber;
    Version->PlatformId = PLATFORM_WIN32_NT;
    memset(Version->ServicePack, 0, sizeof(Version->ServicePack));
    if (Version->Size == sizeof(*Version)) {
        Version->ServicePackMajor = Version->ServicePackMinor = Version->SuiteMask = 0;
        Version->ProductType = PRODUCT_WORKSTATION;
        Version->Reserved = 0;
    }
    return STATUS_SUCCESS;
}

// The build number carries F0000000h in a free build.
VOID NTAPI RtlGetNtVersionNumbers(PULONG Major, PULONG Minor, PULONG Build)
{
    if (Major != NULL)
        *Major = NtCurrentPeb()->OSMajorVersion;
    if (Minor != NULL)
        *Minor = NtCurrentPeb()->OSMinorVersion;
    if (Build != NULL)
        *Build = 0xF0000000 | NtCurrentPeb()->OSBuildNumber;
}
