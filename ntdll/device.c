// SPDX-License-Identifier: MIT
// What kind of Dos path a name is, and whether it means a DOS device wherever it stands ("NUL", "C:\x\com1.txt").
// Source: SDK documentation ("Naming Files, Paths, and Namespaces").

#include "ntdllp.h"

// See ntdllp.h.
RTL_PATH_TYPE NTAPI RtlDetermineDosPathNameType_U(PCWSTR Path)
{
    if (RtlpIsSeparator(Path[0])) {
        if (!RtlpIsSeparator(Path[1]))
            return RtlPathTypeRooted;
        if (Path[2] != '.' && Path[2] != '?')
            return RtlPathTypeUncAbsolute;
        if (RtlpIsSeparator(Path[3]))
            return RtlPathTypeLocalDevice;
        return Path[3] == 0 ? RtlPathTypeRootLocalDevice : RtlPathTypeUncAbsolute;
    }
    if (Path[0] != 0 && Path[1] == ':')
        return RtlpIsSeparator(Path[2]) ? RtlPathTypeDriveAbsolute : RtlPathTypeDriveRelative;
    return RtlPathTypeRelative;
}

static BOOLEAN RtlpIsName(PCWSTR Text, ULONG Units, PCWSTR Name)
{
    return wcslen(Name) == Units && _wcsnicmp(Text, Name, Units) == 0;
}

// Is a component's name, up to its first dot or colon, that of a device? Returns the units of the device's name, or 0.
static ULONG RtlpDeviceUnits(PCWSTR Text, ULONG Units)
{
    static const PCWSTR Names[] = {L"NUL", L"CON", L"AUX", L"PRN"};
    static const PCWSTR Consoles[] = {L"CONIN$", L"CONOUT$"};
    ULONG Base = 0, i;

    while (Base < Units && Text[Base] != '.' && Text[Base] != ':')
        Base++;
    while (Base > 0 && Text[Base - 1] == ' ')
        Base--;
    for (i = 0; i < RTL_NUMBER_OF(Names); i++) {
        if (RtlpIsName(Text, Base, Names[i]))
            return Base;
    }
    for (i = 0; i < RTL_NUMBER_OF(Consoles); i++) {
        if (RtlpIsName(Text, Units, Consoles[i]))
            return Units;
    }
    if (Base == 4 && Text[3] >= '1' && Text[3] <= '9' && (RtlpIsName(Text, 3, L"COM") || RtlpIsName(Text, 3, L"LPT")))
        return Base;
    return 0;
}

// See ntdllp.h. A device name after a UNC or device prefix does not count, except "\\.\CON", which names itself anyway.
ULONG NTAPI RtlIsDosDeviceName_U(PCWSTR Name)
{
    ULONG Units = wcslen(Name), Start = Units, Found;

    switch (RtlDetermineDosPathNameType_U(Name)) {
    case RtlPathTypeUncAbsolute:
    case RtlPathTypeLocalDevice:
    case RtlPathTypeRootLocalDevice:
        return 0;
    default:
        break;
    }
    if (Units > 0 && Name[Units - 1] == ':')
        Units--;
    Start = Units;
    while (Start > 0 && !RtlpIsSeparator(Name[Start - 1]) && !(Start == 2 && Name[1] == ':'))
        Start--;
    Found = RtlpDeviceUnits(Name + Start, Units - Start);
    return Found == 0 ? 0 : ((Start * sizeof(WCHAR)) << 16) | (Found * sizeof(WCHAR));
}
