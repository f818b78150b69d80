// SPDX-License-Identifier: MIT
// The boot options: words of the boot line, such as /HOSTPORT, /MAXMEM=64, KTEST=ke.*. What follows /RUN is somebody
// else's command line, so no option is found in there.

#include "bootp.h"

#define RUN_OPTION "/RUN "

PLOADER_PARAMETER_BLOCK KeLoaderBlock;

// Finds Name at the start of a word of Options, in any case, not behind /RUN. An option that does not end in '=' or ' '
// must be a whole word. Returns what follows it, NULL if it is not there.
PCSTR BootpFindOption(PCSTR Options, PCSTR Name)
{
    SIZE_T Length = strlen(Name);
    BOOLEAN WholeWord = Length != 0 && Name[Length - 1] != '=' && Name[Length - 1] != ' ';
    PCSTR Word = Options;

    while (*Word != '\0') {
        if (_strnicmp(Word, Name, Length) == 0 && (!WholeWord || Word[Length] == ' ' || Word[Length] == '\0'))
            return Word + Length;
        if (_strnicmp(Word, RUN_OPTION, sizeof(RUN_OPTION) - 1) == 0)
            return NULL;
        while (*Word != '\0' && *Word != ' ')
            Word++;
        while (*Word == ' ')
            Word++;
    }
    return NULL;
}

// Finds a boot option such as "/MAXMEM=" (see BootpFindOption). Any IRQL.
PCSTR KeFindBootOption(PCSTR Name)
{
    return KeLoaderBlock == NULL ? NULL : BootpFindOption(KeLoaderBlock->LoadOptions, Name);
}
