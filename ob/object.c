// SPDX-License-Identifier: MIT
// An object's memory and its references: ObCreateObject lays out header and body; references count up and down.

#include "obp.h"

// Allocates and fills the header and the parts in front of it, body zeroed. PointerCount is 1. NULL: no memory.
POBJECT_HEADER ObpAllocateObject(POBJECT_TYPE Type, ULONG BodySize, BOOLEAN Named, BOOLEAN Exclusive)
{
    ULONG Name = Named ? sizeof(OBJECT_HEADER_NAME_INFO) : 0;
    ULONG Handle = Type != NULL && Type->TypeInfo.MaintainHandleCount ? sizeof(OBP_HANDLE_INFO) : 0;
    ULONG Front = Name + Handle + (Exclusive ? sizeof(OBP_EXCLUSIVE_INFO) : 0),
          Total = Front + sizeof(OBJECT_HEADER) + BodySize;
    POOL_TYPE Pool = Type != NULL ? Type->TypeInfo.PoolType : NonPagedPool;
    POBJECT_HEADER Header;
    PUCHAR Memory;

    if (Total < BodySize)
        return NULL;
    Memory = ExAllocatePoolZero(Pool, Total, Type != NULL ? Type->Key : TAG_OB_QUERY);
    if (Memory == NULL)
        return NULL;
    Header = (POBJECT_HEADER)(Memory + Front);
    Header->PointerCount = 1;
    Header->Type = Type;
    Header->NameInfoOffset = (UCHAR)Name;
    Header->HandleInfoOffset = (UCHAR)(Handle != 0 ? Name + Handle : 0);
    Header->QuotaInfoOffset = (UCHAR)(Exclusive ? Front : 0);
    return Header;
}

// Creates an object of Type with a zeroed body of BodySize bytes, capturing Attributes (optional, probed if ProbeMode
// is UserMode). It has no handle and is under no name until ObInsertObject.
//
// PASSIVE_LEVEL. The caller owns the reference to *Object. STATUS_INVALID_PARAMETER (attributes the type does not
// take), STATUS_PRIVILEGE_NOT_HELD (OBJ_PERMANENT), STATUS_INSUFFICIENT_RESOURCES, a capture's failure. Source: WDK
// ntifs.h.
NTSTATUS NTAPI ObCreateObject(KPROCESSOR_MODE ProbeMode, POBJECT_TYPE Type, POBJECT_ATTRIBUTES Attributes,
                              KPROCESSOR_MODE OwnershipMode, PVOID ParseContext, ULONG BodySize, ULONG PagedCharge,
                              ULONG NonPagedCharge, PVOID *Object)
{
    POBJECT_CREATE_INFORMATION Information;
    UNICODE_STRING Name;
    POBJECT_HEADER Header;
    NTSTATUS Status;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(PagedCharge);
    UNREFERENCED_PARAMETER(NonPagedCharge);
    Information = ObpAllocateCreateInformation();
    if (Information == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ObpCaptureAttributes(Attributes, ProbeMode, Information, &Name);
    if (NT_SUCCESS(Status) && (Information->Attributes & Type->TypeInfo.InvalidAttributes) != 0)
        Status = STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(Status) && (Information->Attributes & OBJ_PERMANENT) != 0 &&
        !SeSinglePrivilegeCheck(SE_CREATE_PERMANENT_PRIVILEGE, ProbeMode))
        Status = STATUS_PRIVILEGE_NOT_HELD;
    if (!NT_SUCCESS(Status))
        goto Cleanup;
    Information->ParseContext = ParseContext;
    Header = ObpAllocateObject(Type, BodySize, Name.Buffer != NULL, (Information->Attributes & OBJ_EXCLUSIVE) != 0);
    if (Header == NULL) {
        Status = STATUS_INSUFFICIENT_RESOURCES;
        goto Cleanup;
    }
    Header->Flags = OB_FLAG_NEW_OBJECT | (OwnershipMode == KernelMode ? OB_FLAG_KERNEL_OBJECT : 0) |
                    (Information->Attributes & OBJ_PERMANENT ? OB_FLAG_PERMANENT : 0) |
                    (Information->Attributes & OBJ_EXCLUSIVE ? OB_FLAG_EXCLUSIVE : 0);
    Header->ObjectCreateInfo = Information;
    if (Header->NameInfoOffset != 0)
        OBJECT_HEADER_TO_NAME_INFO(Header)->Name = Name;
    ObpLinkToType(Header);
    *Object = Header->Body;
    return STATUS_SUCCESS;

Cleanup:
    ObpFreeName(&Name);
    ObpFreeCreateInformation(Information);
    return Status;
}

// The object is inserted, or was made by a parse procedure and gets its first handle: what it was created with is not
// needed any more. IRQL <= APC_LEVEL.
VOID ObpDropCreateInformation(POBJECT_HEADER Header)
{
    POBJECT_CREATE_INFORMATION Information = Header->ObjectCreateInfo;

    Header->Flags &= ~OB_FLAG_NEW_OBJECT;
    Header->ObjectCreateInfo = NULL;
    if (Information == NULL)
        return;
    if (Header->SecurityDescriptor == NULL) {
        Header->SecurityDescriptor = Information->SecurityDescriptor;
        Information->SecurityDescriptor = NULL;
    }
    ObpFreeCreateInformation(Information);
}

// Adds a reference; the caller must hold one already or know that somebody does. Any IRQL. Returns the new count.
LONG FASTCALL ObfReferenceObject(PVOID Object)
{
    LONG Count = InterlockedIncrement(&OBJECT_TO_OBJECT_HEADER(Object)->PointerCount);

    ASSERT(Count > 1);
    return Count;
}

// Adds a reference unless the last one is already gone (then FALSE). The memory must still be there: the caller holds
// a lock that the delete procedure takes. Any IRQL.
BOOLEAN ObReferenceObjectSafe(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    LONG Old;

    do {
        Old = Header->PointerCount;
        if (Old == 0)
            return FALSE;
    } while (InterlockedCompareExchange(&Header->PointerCount, Old + 1, Old) != Old);
    return TRUE;
}

// Adds a reference after comparing the type (NULL: any). A pointer is proof enough of access.
// IRQL <= DISPATCH_LEVEL. STATUS_OBJECT_TYPE_MISMATCH. Source: WDK, ObReferenceObjectByPointer.
NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type,
                                          KPROCESSOR_MODE Mode)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    UNREFERENCED_PARAMETER(Mode);
    if (Type != NULL && OBJECT_TO_OBJECT_HEADER(Object)->Type != Type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    ObReferenceObject(Object);
    return STATUS_SUCCESS;
}
