// SPDX-License-Identifier: MIT
// The list of pipe names, and the lifetime of instances: an instance is linked to its name while an end is open, and
// freed when the last file object on it is closed. All under NpLock.

#include "npfs.h"

// Finds a pipe by its name, which begins with a backslash.
//
// DISPATCH_LEVEL, NpLock held. NULL if there is none.
PNP_FCB NpFindPipe(PUNICODE_STRING Name)
{
    for (PLIST_ENTRY Link = NpPipes.Flink; Link != &NpPipes; Link = Link->Flink) {
        PNP_FCB Fcb = CONTAINING_RECORD(Link, NP_FCB, Link);

        if (RtlEqualUnicodeString(&Fcb->Name, Name, TRUE))
            return Fcb;
    }
    return NULL;
}

// Takes an instance off its name when both ends are closed; the name goes with its last instance.
//
// DISPATCH_LEVEL, NpLock held.
VOID NpUnlinkInstance(PNP_CCB Ccb)
{
    PNP_FCB Fcb = Ccb->Fcb;

    RemoveEntryList(&Ccb->Link);
    InitializeListHead(&Ccb->Link);
    Fcb->CurrentInstances--;
    if (IsListEmpty(&Fcb->Instances)) {
        RemoveEntryList(&Fcb->Link);
        InitializeListHead(&Fcb->Link);
    }
}

// Drops a file object's reference to an instance.
//
// DISPATCH_LEVEL, NpLock held.
VOID NpReleaseCcb(PNP_CCB Ccb)
{
    PNP_FCB Fcb = Ccb->Fcb;

    if (--Ccb->References != 0)
        return;
    ASSERT(IsListEmpty(&Ccb->Link));
    ExFreePoolWithTag(Ccb, TAG_NPFS);
    if (--Fcb->References == 0)
        ExFreePoolWithTag(Fcb, TAG_NPFS);
}
