// SPDX-License-Identifier: MIT
// The hash table of a working-set list: page number to entry, for shared pages whose frame remembers the entry in
// another address space. Open addressing; a removed key's followers move up. It doubles while there is memory; a page
// that finds no room is simply not in it. The working set lock is held.

#include "mi.h"

#define MI_HASH_KEY(Vpn) ((ULONG)(Vpn) << PAGE_SHIFT | 1u)
#define MI_HASH_ENTRIES_A_PAGE (PAGE_SIZE / sizeof(MMWSLE_HASH))

FORCEINLINE ULONG MiHashSlot(PMMWSL List, ULONG Key)
{
    return ((Key >> PAGE_SHIFT) * 0x9E3779B1u >> 12) & (List->HashTableSize - 1);
}

static VOID MiPutWsleHash(PMMWSL List, ULONG Key, ULONG Index)
{
    ULONG Slot = MiHashSlot(List, Key);

    while (List->HashTable[Slot].Key != 0)
        Slot = (Slot + 1) & (List->HashTableSize - 1);
    List->HashTable[Slot].Key = Key;
    List->HashTable[Slot].Index = Index;
}

static PMMWSLE_HASH MiFindWsleHash(PMMWSL List, ULONG Key)
{
    ULONG Slot = MiHashSlot(List, Key);

    for (; List->HashTable[Slot].Key != 0; Slot = (Slot + 1) & (List->HashTableSize - 1)) {
        if (List->HashTable[Slot].Key == Key)
            return &List->HashTable[Slot];
    }
    return NULL;
}

// Maps the memory of a table of twice the size and fills it. FALSE: no memory or no addresses; nothing has changed.
static BOOLEAN MiGrowWsleHash(PMMSUPPORT Vm)
{
    PMMWSL List = Vm->VmWorkingSetList;
    ULONG Size = max_of(2 * List->HashTableSize, MI_HASH_ENTRIES_A_PAGE), Index;
    BOOLEAN Small = List->HashTable == List->SmallHash;
    ULONG_PTR Va = List->HashBase + (Small ? 0 : List->HashTableSize * sizeof(MMWSLE_HASH));
    ULONG_PTR Start = Va, End = List->HashBase + Size * sizeof(MMWSLE_HASH);

    if (KeGetCurrentIrql() >= DISPATCH_LEVEL || End - 1 > List->HashEnd)
        return FALSE;
    for (; Va < End; Va += PAGE_SIZE) {
        if (!MiMapWorkingSetPage(Vm, (PVOID)Va)) {
            MiUnmapWorkingSetPages(Vm, Start, Va);
            return FALSE;
        }
    }
    List->HashTable = (PMMWSLE_HASH)List->HashBase;
    List->HashTableSize = Size;
    memset(List->HashTable, 0, Size * sizeof(MMWSLE_HASH));
    for (Index = 1; Index <= List->LastEntry; Index++) {
        if (List->Wsle[Index].u1.e1.Valid && List->Wsle[Index].u1.e1.Hashed)
            MiPutWsleHash(List, MI_HASH_KEY(List->Wsle[Index].u1.e1.VirtualPageNumber), Index);
    }
    return TRUE;
}

// Enters the entry Index, if there is room. At DISPATCH_LEVEL the table does not grow.
VOID MiInsertWsleHash(PMMSUPPORT Vm, ULONG Index)
{
    PMMWSL List = Vm->VmWorkingSetList;

    if (List->NonDirectCount >= List->HashTableSize - List->HashTableSize / 4 && !MiGrowWsleHash(Vm) &&
        List->NonDirectCount >= List->HashTableSize - List->HashTableSize / 8)
        return;
    MiPutWsleHash(List, MI_HASH_KEY(List->Wsle[Index].u1.e1.VirtualPageNumber), Index);
    List->Wsle[Index].u1.e1.Hashed = 1;
    List->NonDirectCount++;
}

// MI_WSLE_NONE: not there.
ULONG MiLookupWsleHash(PMMWSL List, ULONG Vpn)
{
    PMMWSLE_HASH Hash = MiFindWsleHash(List, MI_HASH_KEY(Vpn));

    return Hash == NULL ? MI_WSLE_NONE : Hash->Index;
}

// The entry of a page that is there has moved.
VOID MiUpdateWsleHash(PMMWSL List, ULONG Vpn, ULONG Index)
{
    MiFindWsleHash(List, MI_HASH_KEY(Vpn))->Index = Index;
}

// Takes a page out that is there.
VOID MiRemoveWsleHash(PMMWSL List, ULONG Vpn)
{
    ULONG Mask = List->HashTableSize - 1;
    ULONG Gap = (ULONG)(MiFindWsleHash(List, MI_HASH_KEY(Vpn)) - List->HashTable), Slot = Gap;

    for (;;) {
        ULONG Home;

        Slot = (Slot + 1) & Mask;
        if (List->HashTable[Slot].Key == 0)
            break;
        Home = MiHashSlot(List, List->HashTable[Slot].Key);
        if (((Slot - Home) & Mask) >= ((Slot - Gap) & Mask)) { // a search from Home passes the gap
            List->HashTable[Gap] = List->HashTable[Slot];
            Gap = Slot;
        }
    }
    List->HashTable[Gap].Key = 0;
    List->NonDirectCount--;
}
