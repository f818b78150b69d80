// SPDX-License-Identifier: MIT
// The 3 GB split. Limits of the address space are constants in the code, as fast as constants are; which of two values
// they have is decided here, before anything has read one: with /3GB every word of the image that contains such a limit
// (tools/splits.py lists them) is changed.

#include "bootp.h"

// From the second link on; see the Makefile.
extern const ULONG BootSplitChanges[] __attribute__((weak));

// Gives processes 3 GB of address space. The identity map is still there: the image's pages are written through it.
// Reloading CR3, which follows, makes the processor forget what it has read of them.
VOID BootpMoveSplit(VOID)
{
    const ULONG *Word = BootSplitChanges;

    if (Word == NULL)
        return;
    while (*Word != 0) {
        ULONG Delta = *Word++;

        for (; *Word != 0; Word++)
            *(volatile ULONG *)(*Word - KSEG0_BASE) += Delta;
        Word++;
    }
}
