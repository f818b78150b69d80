// SPDX-License-Identifier: MIT
// The end of an object. Delete procedures run at PASSIVE_LEVEL with APCs possible (they may wait for I/O), so a last
// dereference made elsewhere leaves the object on a list for a worker thread.

#include "obp.h"

static POBJECT_HEADER volatile ObpDeferredList; // linked through NextToFree
static WORK_QUEUE_ITEM ObpDeferredWork;

// Takes everything an object holds away from it and frees it. PASSIVE_LEVEL; nobody refers to it.
VOID ObpDeleteObject(POBJECT_HEADER Header)
{
    POBJECT_HEADER_NAME_INFO Name = OBJECT_HEADER_TO_NAME_INFO(Header);
    POBP_HANDLE_INFO Handles = ObpHandleInfo(Header);
    POBJECT_TYPE Type = Header->Type;
    ULONG Front = max_of(Header->QuotaInfoOffset, max_of(Header->HandleInfoOffset, Header->NameInfoOffset));

    ASSERT(Header->PointerCount == 0 && Header->HandleCount == 0);
    ASSERT(Name == NULL || Name->Directory == NULL);
    ObpDropCreateInformation(Header);
    if (Type->TypeInfo.DeleteProcedure != NULL)
        Type->TypeInfo.DeleteProcedure(Header->Body);
    ObpUnlinkFromType(Header);
    SeReleaseSecurityDescriptor(Header->SecurityDescriptor);
    if (Name != NULL)
        ObpFreeName(&Name->Name);
    if (Handles != NULL && Handles->Count == OBP_IN_DATABASE)
        ExFreePoolWithTag(Handles->Database, TAG_OB_HANDLE_INFO);
    ExFreePoolWithTag((PUCHAR)Header - Front, Type->Key);
}

// Worker thread: deletes what has piled up.
static VOID NTAPI ObpDeleteDeferred(PVOID Parameter)
{
    POBJECT_HEADER Header = InterlockedExchangePointer((PVOID volatile *)&ObpDeferredList, NULL);

    UNREFERENCED_PARAMETER(Parameter);
    while (Header != NULL) {
        POBJECT_HEADER Next = Header->NextToFree;

        Header->HandleCount = 0;
        ObpDeleteObject(Header);
        Header = Next;
    }
}

// Puts an object on the list. Whoever finds the list empty queues the work item; the worker empties the list in one
// step after the item has left its queue, so the item is never queued twice.
static VOID ObpDeferDeletion(POBJECT_HEADER Header)
{
    POBJECT_HEADER Old;

    do {
        Old = ObpDeferredList;
        Header->NextToFree = Old;
    } while (InterlockedCompareExchangePointer((PVOID volatile *)&ObpDeferredList, Header, Old) != Old);
    if (Old == NULL)
        ExQueueWorkItem(&ObpDeferredWork, CriticalWorkQueue);
}

// The caller has taken the last reference away: deletes the object, at once at PASSIVE_LEVEL with APCs possible, else
// in a worker thread. One reference too many taken away is a bugcheck. IRQL <= DISPATCH_LEVEL.
VOID ObLastReferenceGone(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    LONG Count = Header->PointerCount;

    if (Count != 0)
        KeBugCheckEx(REFERENCE_BY_POINTER, (ULONG_PTR)Header->Type, (ULONG_PTR)Object, 0, (ULONG_PTR)Count);
    if (KeGetCurrentIrql() == PASSIVE_LEVEL && KeGetCurrentThread()->SpecialApcDisable == 0)
        ObpDeleteObject(Header);
    else
        ObpDeferDeletion(Header);
}

// Drops a reference; the last one deletes the object. IRQL <= DISPATCH_LEVEL. Returns the new count.
LONG FASTCALL ObfDereferenceObject(PVOID Object)
{
    LONG Count = InterlockedDecrement(&OBJECT_TO_OBJECT_HEADER(Object)->PointerCount);

    if (Count <= 0)
        ObLastReferenceGone(Object);
    return Count;
}

// Phase 0.
BOOLEAN ObpInitDeletion(VOID)
{
    ExInitializeWorkItem(&ObpDeferredWork, ObpDeleteDeferred, NULL);
    return TRUE;
}
