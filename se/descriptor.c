// SPDX-License-Identifier: MIT
// Security descriptors: reading either form, and capturing a caller's into a self-relative copy that can be trusted
// afterwards. Source: SDK, SECURITY_DESCRIPTOR, ACL; MS-DTYP 2.4.5, 2.4.6.

#include "sep.h"

#define DESCRIPTOR_CONTROL_KEPT (SE_DACL_PRESENT | SE_SACL_PRESENT | SE_OWNER_DEFAULTED)

static PVOID SepGetPart(PSECURITY_DESCRIPTOR Descriptor, PVOID Absolute, ULONG Relative)
{
    PISECURITY_DESCRIPTOR Header = Descriptor;

    if ((Header->Control & SE_SELF_RELATIVE) == 0)
        return Absolute;
    return Relative != 0 ? (PUCHAR)Descriptor + Relative : NULL;
}

// The owner; NULL if there is none. IRQL <= APC_LEVEL.
PSID SepGetOwner(PSECURITY_DESCRIPTOR Descriptor)
{
    PAGED_CODE();
    return SepGetPart(Descriptor, ((PISECURITY_DESCRIPTOR)Descriptor)->Owner,
                      ((PISECURITY_DESCRIPTOR_RELATIVE)Descriptor)->Owner);
}

// The group; NULL if there is none. IRQL <= APC_LEVEL.
PSID SepGetGroup(PSECURITY_DESCRIPTOR Descriptor)
{
    PAGED_CODE();
    return SepGetPart(Descriptor, ((PISECURITY_DESCRIPTOR)Descriptor)->Group,
                      ((PISECURITY_DESCRIPTOR_RELATIVE)Descriptor)->Group);
}

// The discretionary list; NULL if there is none (everything is allowed). IRQL <= APC_LEVEL.
PACL SepGetDacl(PSECURITY_DESCRIPTOR Descriptor)
{
    PAGED_CODE();
    if ((((PISECURITY_DESCRIPTOR)Descriptor)->Control & SE_DACL_PRESENT) == 0)
        return NULL;
    return SepGetPart(Descriptor, ((PISECURITY_DESCRIPTOR)Descriptor)->Dacl,
                      ((PISECURITY_DESCRIPTOR_RELATIVE)Descriptor)->Dacl);
}

// The system list; NULL if there is none. IRQL <= APC_LEVEL.
PACL SepGetSacl(PSECURITY_DESCRIPTOR Descriptor)
{
    PAGED_CODE();
    if ((((PISECURITY_DESCRIPTOR)Descriptor)->Control & SE_SACL_PRESENT) == 0)
        return NULL;
    return SepGetPart(Descriptor, ((PISECURITY_DESCRIPTOR)Descriptor)->Sacl,
                      ((PISECURITY_DESCRIPTOR_RELATIVE)Descriptor)->Sacl);
}

// Is Acl, in at most Available bytes of kernel memory, a list of whole entries with valid SIDs? IRQL <= APC_LEVEL.
BOOLEAN SepValidAcl(PACL Acl, ULONG Available)
{
    PUCHAR Ace = (PUCHAR)(Acl + 1), End = (PUCHAR)Acl + Acl->AclSize;

    PAGED_CODE();
    if (Available < sizeof(ACL) || Acl->AclSize < sizeof(ACL) || Acl->AclSize > Available || (Acl->AclSize & 3) != 0)
        return FALSE;
    for (USHORT Index = 0; Index < Acl->AceCount; Index++) {
        PACCESS_ALLOWED_ACE Entry = (PACCESS_ALLOWED_ACE)Ace;
        ULONG Rest = (ULONG)(End - Ace), Header = FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart);

        if (Rest < sizeof(ACE_HEADER) || Entry->Header.AceSize > Rest || Entry->Header.AceSize < sizeof(ACE_HEADER) ||
            (Entry->Header.AceSize & 3) != 0)
            return FALSE;
        if (Entry->Header.AceType <= ACCESS_DENIED_ACE_TYPE) {
            PISID Sid = (PISID)&Entry->SidStart;

            if (Entry->Header.AceSize < Header + 8 || !RtlValidSid(Sid) ||
                RtlLengthSid(Sid) > Entry->Header.AceSize - Header)
                return FALSE;
        }
        Ace += Entry->Header.AceSize;
    }
    return TRUE;
}

// A descriptor while it is being captured: each part's address, length and copy.
typedef struct _SEP_CAPTURE {
    SECURITY_DESCRIPTOR Header; // absolute, its parts still the caller's
    ULONG OwnerLength, GroupLength, DaclLength, SaclLength;
} SEP_CAPTURE, *PSEP_CAPTURE;

// Everything from here to SepCopyPart touches the caller's memory, inside SEH_TRY.
static ULONG SepProbeSid(PSID Sid, KPROCESSOR_MODE Mode)
{
    ULONG Count;

    if (Sid == NULL)
        return 0;
    if (Mode != KernelMode)
        ProbeForRead(Sid, 8, 1);
    Count = ((volatile SID *)Sid)->SubAuthorityCount;
    if (Count > SEP_MAX_SID_SUBAUTHORITIES)
        ExRaiseStatus(STATUS_INVALID_SID);
    if (Mode != KernelMode)
        ProbeForRead(Sid, 8 + 4 * Count, 1);
    return 8 + 4 * Count;
}

static ULONG SepProbeAcl(PACL Acl, KPROCESSOR_MODE Mode)
{
    ULONG Size;

    if (Acl == NULL)
        return 0;
    if (Mode != KernelMode)
        ProbeForRead(Acl, sizeof(ACL), 1);
    Size = ((volatile ACL *)Acl)->AclSize;
    if (Size < sizeof(ACL) || (Size & 3) != 0)
        ExRaiseStatus(STATUS_INVALID_ACL);
    if (Mode != KernelMode)
        ProbeForRead(Acl, Size, 1);
    return Size;
}

static VOID SepProbeDescriptor(PSEP_CAPTURE Capture, PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode)
{
    SECURITY_DESCRIPTOR_RELATIVE Relative;

    if (Mode != KernelMode)
        ProbeForRead(Source, sizeof(Relative), sizeof(ULONG));
    Relative = *(volatile SECURITY_DESCRIPTOR_RELATIVE *)Source;
    if (Relative.Revision != SECURITY_DESCRIPTOR_REVISION)
        ExRaiseStatus(STATUS_UNKNOWN_REVISION);
    Capture->Header.Control = Relative.Control;
    if (Relative.Control & SE_SELF_RELATIVE) {
        Capture->Header.Owner = Relative.Owner != 0 ? (PUCHAR)Source + Relative.Owner : NULL;
        Capture->Header.Group = Relative.Group != 0 ? (PUCHAR)Source + Relative.Group : NULL;
        Capture->Header.Sacl = Relative.Sacl != 0 ? (PACL)(PVOID)((PUCHAR)Source + Relative.Sacl) : NULL;
        Capture->Header.Dacl = Relative.Dacl != 0 ? (PACL)(PVOID)((PUCHAR)Source + Relative.Dacl) : NULL;
    } else {
        Capture->Header.Owner = (PSID)(ULONG_PTR)Relative.Owner;
        Capture->Header.Group = (PSID)(ULONG_PTR)Relative.Group;
        Capture->Header.Sacl = (PACL)(ULONG_PTR)Relative.Sacl;
        Capture->Header.Dacl = (PACL)(ULONG_PTR)Relative.Dacl;
    }
    if ((Relative.Control & SE_DACL_PRESENT) == 0)
        Capture->Header.Dacl = NULL;
    if ((Relative.Control & SE_SACL_PRESENT) == 0)
        Capture->Header.Sacl = NULL;
    Capture->OwnerLength = SepProbeSid(Capture->Header.Owner, Mode);
    Capture->GroupLength = SepProbeSid(Capture->Header.Group, Mode);
    Capture->DaclLength = SepProbeAcl(Capture->Header.Dacl, Mode);
    Capture->SaclLength = SepProbeAcl(Capture->Header.Sacl, Mode);
}

static ULONG SepCopyPart(PUCHAR Base, PULONG Used, const VOID *Part, ULONG Length)
{
    ULONG Offset = *Used;

    if (Length == 0)
        return 0;
    RtlCopyMemory(Base + Offset, Part, Length);
    *Used += Length;
    return Offset;
}

// The copy is in kernel memory and cannot change any more: is it sound, as lengths may have changed since the probe?
static BOOLEAN SepValidCapture(PISECURITY_DESCRIPTOR_RELATIVE Copy, PSEP_CAPTURE Capture)
{
    PSID Owner = SepGetOwner(Copy), Group = SepGetGroup(Copy);
    PACL Dacl = SepGetDacl(Copy), Sacl = SepGetSacl(Copy);

    return (Owner == NULL || (RtlValidSid(Owner) && RtlLengthSid(Owner) <= Capture->OwnerLength)) &&
           (Group == NULL || (RtlValidSid(Group) && RtlLengthSid(Group) <= Capture->GroupLength)) &&
           (Dacl == NULL || SepValidAcl(Dacl, Capture->DaclLength)) &&
           (Sacl == NULL || SepValidAcl(Sacl, Capture->SaclLength));
}

// Lays the parts out one behind the other. NULL: no memory. Inside SEH_TRY.
static PISECURITY_DESCRIPTOR_RELATIVE SepLayOut(PSEP_CAPTURE Capture, PTOKEN Token, PVOID volatile *Memory)
{
    PISECURITY_DESCRIPTOR_RELATIVE Copy;
    ULONG Used = sizeof(*Copy);

    if (Capture->Header.Owner == NULL) {
        Capture->Header.Owner = Token->UserAndGroups[0].Sid;
        Capture->OwnerLength = RtlLengthSid(Capture->Header.Owner);
        Capture->Header.Control |= SE_OWNER_DEFAULTED;
    }
    Copy = ExAllocatePoolZero(
        PagedPool, Used + Capture->OwnerLength + Capture->GroupLength + Capture->DaclLength + Capture->SaclLength,
        TAG_SE_DESCRIPTOR);
    if (Copy == NULL)
        return NULL;
    *Memory = Copy;
    Copy->Revision = SECURITY_DESCRIPTOR_REVISION;
    Copy->Control = (Capture->Header.Control & DESCRIPTOR_CONTROL_KEPT) | SE_SELF_RELATIVE;
    Copy->Owner = SepCopyPart((PUCHAR)Copy, &Used, Capture->Header.Owner, Capture->OwnerLength);
    Copy->Group = SepCopyPart((PUCHAR)Copy, &Used, Capture->Header.Group, Capture->GroupLength);
    Copy->Dacl = SepCopyPart((PUCHAR)Copy, &Used, Capture->Header.Dacl, Capture->DaclLength);
    Copy->Sacl = SepCopyPart((PUCHAR)Copy, &Used, Capture->Header.Sacl, Capture->SaclLength);
    return Copy;
}

// See se.h. STATUS_ACCESS_VIOLATION, STATUS_UNKNOWN_REVISION, STATUS_INVALID_SID, STATUS_INVALID_ACL,
// STATUS_INVALID_SECURITY_DESCR, STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL.
NTSTATUS NTAPI SeCaptureSecurityDescriptor(PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode,
                                           PSECURITY_DESCRIPTOR *Captured)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PVOID volatile Memory = NULL;
    SEP_CAPTURE Capture;
    PTOKEN Token;

    PAGED_CODE();
    *Captured = NULL;
    if (Source == NULL)
        return STATUS_SUCCESS;
    RtlZeroMemory(&Capture, sizeof(Capture));
    Token = SepReferenceCurrentToken();
    SEH_TRY
    {
        SepProbeDescriptor(&Capture, Source, Mode);
        if (SepLayOut(&Capture, Token, &Memory) == NULL)
            Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    ObDereferenceObject(Token);
    if (NT_SUCCESS(Status) && !SepValidCapture(Memory, &Capture))
        Status = STATUS_INVALID_SECURITY_DESCR;
    if (NT_SUCCESS(Status))
        *Captured = Memory;
    else if (Memory != NULL)
        ExFreePoolWithTag(Memory, TAG_SE_DESCRIPTOR);
    return Status;
}

// Frees a captured descriptor; NULL is fine. IRQL <= APC_LEVEL.
VOID SeReleaseSecurityDescriptor(PSECURITY_DESCRIPTOR Captured)
{
    PAGED_CODE();
    if (Captured != NULL)
        ExFreePoolWithTag(Captured, TAG_SE_DESCRIPTOR);
}

// The bytes of a captured descriptor, 0 for NULL. IRQL <= APC_LEVEL.
ULONG SeLengthSecurityDescriptor(PSECURITY_DESCRIPTOR Captured)
{
    PSID Owner, Group;
    PACL Dacl, Sacl;

    PAGED_CODE();
    if (Captured == NULL)
        return 0;
    Owner = SepGetOwner(Captured);
    Group = SepGetGroup(Captured);
    Dacl = SepGetDacl(Captured);
    Sacl = SepGetSacl(Captured);
    return sizeof(SECURITY_DESCRIPTOR_RELATIVE) + (Owner != NULL ? RtlLengthSid(Owner) : 0) +
           (Group != NULL ? RtlLengthSid(Group) : 0) + (Dacl != NULL ? Dacl->AclSize : 0) +
           (Sacl != NULL ? Sacl->AclSize : 0);
}
