// SPDX-License-Identifier: MIT
// The service descriptor tables: 0 is the executive's (generated from tools/services.tbl), 1 will be win32k's.

#include "ki.h"

#define TAG_KE_TRACE 0x7254654B // 'KeTr'

KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[2];
C_ASSERT_SIZE(KSERVICE_TABLE_DESCRIPTOR, 16); // i386/service.asm finds table 1 by this

// Where a service begins and ends while calls are traced (i386/service.asm). KiTraceService returns the service.
PVOID FASTCALL KiTraceService(ULONG Number, const ULONG *Arguments);
VOID FASTCALL KiTraceServiceEnd(ULONG Number, NTSTATUS Status);
extern const UCHAR KiTracedService[];
static PVOID *KiUntracedTable;

PVOID FASTCALL KiTraceService(ULONG Number, const ULONG *Arguments)
{
    ULONG Count = KiArgumentTable[Number] / sizeof(ULONG);

    KdTrace(ServiceBegin, Number, Count > 0 ? Arguments[0] : 0, Count > 1 ? Arguments[1] : 0,
            Count > 2 ? Arguments[2] : 0);
    KeChaosPoint(ChaosService);
    return KiUntracedTable[Number];
}

VOID FASTCALL KiTraceServiceEnd(ULONG Number, NTSTATUS Status)
{
    KeChaosPoint(ChaosService);
    KdTrace(ServiceEnd, Number, Status, 0, 0);
}

// From here on every service is called by way of KiTracedService: its table is replaced, so that calls that are not
// traced pay nothing. Phase 0, there are pools.
VOID KeTraceServices(VOID)
{
    ULONG Index, Limit = KeServiceDescriptorTable[0].Limit;
    PVOID *Table;

    if (KiUntracedTable != NULL)
        return;
    Table = ExAllocatePoolWithTag(NonPagedPool, Limit * sizeof(PVOID), TAG_KE_TRACE);
    if (Table == NULL)
        return;
    for (Index = 0; Index < Limit; Index++)
        Table[Index] = (PVOID)KiTracedService;
    KiUntracedTable = KeServiceDescriptorTable[0].Base;
    KeServiceDescriptorTable[0].Base = Table;
}

VOID KiInitializeServiceTable(VOID)
{
    KeServiceDescriptorTable[0].Base = KiServiceTable;
    KeServiceDescriptorTable[0].Limit = KiServiceLimit;
    KeServiceDescriptorTable[0].Number = KiArgumentTable;
}
