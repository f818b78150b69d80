// SPDX-License-Identifier: MIT
// The service descriptor tables: 0 is the executive's (generated from tools/services.tbl), 1 will be win32k's.

#include "ki.h"

KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[2];
C_ASSERT_SIZE(KSERVICE_TABLE_DESCRIPTOR, 16); // i386/service.asm finds table 1 by this

VOID KiInitializeServiceTable(VOID)
{
    KeServiceDescriptorTable[0].Base = KiServiceTable;
    KeServiceDescriptorTable[0].Limit = KiServiceLimit;
    KeServiceDescriptorTable[0].Number = KiArgumentTable;
}
