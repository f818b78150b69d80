// SPDX-License-Identifier: MIT
// Laws of the access check and of descriptors (se/access.c, descriptor.c), as a table of cases.

#include "se/sep.h"
#include "ktest.h"

#define R1 0x01
#define R2 0x02
#define R4 0x04
#define ALL_RIGHTS (STANDARD_RIGHTS_REQUIRED | 0x07)

static GENERIC_MAPPING Mapping = {STANDARD_RIGHTS_READ | R1, STANDARD_RIGHTS_WRITE | R2, STANDARD_RIGHTS_EXECUTE | R4,
                                  ALL_RIGHTS};

// A user in one enabled group, one disabled group and one that only counts for denial; no privileges.
static SID User = {1, 1, {{0, 0, 0, 0, 0, 99}}, {1}}, Group = {1, 1, {{0, 0, 0, 0, 0, 99}}, {2}},
           Disabled = {1, 1, {{0, 0, 0, 0, 0, 99}}, {3}};
static SID DenyOnly = {1, 1, {{0, 0, 0, 0, 0, 99}}, {4}}, Stranger = {1, 1, {{0, 0, 0, 0, 0, 99}}, {5}};

typedef struct _ACE_PLAN {
    UCHAR Type;
    UCHAR Flags;
    PSID Sid;
    ACCESS_MASK Mask;
} ACE_PLAN;

#define ALLOW(s, m)                                                                                                    \
    {                                                                                                                  \
        ACCESS_ALLOWED_ACE_TYPE, 0, &(s), (m)                                                                          \
    }
#define DENY(s, m)                                                                                                     \
    {                                                                                                                  \
        ACCESS_DENIED_ACE_TYPE, 0, &(s), (m)                                                                           \
    }

typedef struct _CASE {
    PSID Owner;
    ULONG Count; // of entries; NO_DACL: none at all
    ACE_PLAN Entries[4];
    ACCESS_MASK Desired;
    ACCESS_MASK Granted; // 0: denied
} CASE;
#define NO_DACL 99

static const CASE Cases[] = {
    // no list: everything; an empty one: nothing, except for the owner
    {&Stranger, NO_DACL, {{0}}, R1 | DELETE, R1 | DELETE},
    {&Stranger, NO_DACL, {{0}}, MAXIMUM_ALLOWED, ALL_RIGHTS},
    {&Stranger, 0, {{0}}, R1, 0},
    {&Stranger, 0, {{0}}, MAXIMUM_ALLOWED, 0},
    {&User, 0, {{0}}, READ_CONTROL | WRITE_DAC, READ_CONTROL | WRITE_DAC},
    {&User, 0, {{0}}, R1, 0},
    {&User, 0, {{0}}, MAXIMUM_ALLOWED, READ_CONTROL | WRITE_DAC},
    {&Disabled, 0, {{0}}, READ_CONTROL, 0},
    // user, group, and who is neither
    {&Stranger, 1, {ALLOW(User, R1)}, R1, R1},
    {&Stranger, 1, {ALLOW(Group, R1)}, R1, R1},
    {&Stranger, 1, {ALLOW(Stranger, R1)}, R1, 0},
    {&Stranger, 1, {ALLOW(Disabled, R1)}, R1, 0},
    {&Stranger, 1, {ALLOW(DenyOnly, R1)}, R1, 0},
    // rights add up over entries; one that is missing denies all
    {&Stranger, 2, {ALLOW(User, R1), ALLOW(Group, R2)}, R1 | R2, R1 | R2},
    {&Stranger, 2, {ALLOW(User, R1), ALLOW(Group, R2)}, R1 | R2 | R4, 0},
    // the order counts
    {&Stranger, 2, {DENY(Group, R1), ALLOW(User, R1 | R2)}, R1, 0},
    {&Stranger, 2, {DENY(Group, R1), ALLOW(User, R1 | R2)}, R2, R2},
    {&Stranger, 2, {ALLOW(User, R1 | R2), DENY(Group, R1)}, R1, R1},
    {&Stranger, 2, {DENY(DenyOnly, R1), ALLOW(User, R1)}, R1, 0},
    {&Stranger, 2, {DENY(Stranger, R1), ALLOW(User, R1)}, R1, R1},
    {&Stranger, 3, {DENY(Group, R2), ALLOW(User, R1 | R2), ALLOW(User, R4)}, MAXIMUM_ALLOWED, R1 | R4},
    {&Stranger, 2, {ALLOW(User, R1), DENY(User, R1 | R2)}, MAXIMUM_ALLOWED, R1},
    {&Stranger, 1, {ALLOW(User, R1)}, MAXIMUM_ALLOWED | R1, R1},
    {&Stranger, 1, {ALLOW(User, R1)}, MAXIMUM_ALLOWED | R2, 0},
    // entries that are only for children, and generic bits in entries
    {&Stranger, 1, {{ACCESS_ALLOWED_ACE_TYPE, INHERIT_ONLY_ACE, &User, R1}}, R1, 0},
    {&Stranger, 1, {ALLOW(User, GENERIC_READ)}, R1 | READ_CONTROL, R1 | READ_CONTROL},
    {&Stranger, 1, {ALLOW(User, GENERIC_ALL)}, MAXIMUM_ALLOWED, ALL_RIGHTS},
    // privileges this user does not hold
    {&Stranger, NO_DACL, {{0}}, ACCESS_SYSTEM_SECURITY, 0},
};

typedef struct _ACL_SPACE {
    ACL Header;
    UCHAR Entries[256];
} ACL_SPACE;

static VOID BuildAcl(ACL_SPACE *Space, const ACE_PLAN *Plans, ULONG Count)
{
    PUCHAR Next = Space->Entries;

    Space->Header.AclRevision = ACL_REVISION;
    Space->Header.Sbz1 = 0;
    Space->Header.Sbz2 = 0;
    Space->Header.AceCount = (USHORT)Count;
    for (ULONG Index = 0; Index < Count; Index++) {
        PACCESS_ALLOWED_ACE Ace = (PVOID)Next;

        Ace->Header.AceType = Plans[Index].Type;
        Ace->Header.AceFlags = Plans[Index].Flags;
        Ace->Header.AceSize = (USHORT)(FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart) + RtlLengthSid(Plans[Index].Sid));
        Ace->Mask = Plans[Index].Mask;
        RtlCopyMemory(&Ace->SidStart, Plans[Index].Sid, RtlLengthSid(Plans[Index].Sid));
        Next += Ace->Header.AceSize;
    }
    Space->Header.AclSize = (USHORT)(Next - (PUCHAR)Space);
}

static PTOKEN PlainToken(VOID)
{
    const SID_AND_ATTRIBUTES Sids[] = {
        {&User, 0}, {&Group, SE_GROUP_ENABLED}, {&Disabled, 0}, {&DenyOnly, SE_GROUP_USE_FOR_DENY_ONLY}};
    SEP_TOKEN_PLAN Plan = {RTL_NUMBER_OF(Sids), Sids, 0, 0, NULL};
    PTOKEN Token;

    NT_VERIFY(NT_SUCCESS(SepCreateToken(&Plan, &Token)));
    return Token;
}

KTEST(se, access_check_walks_the_list_in_order)
{
    // Law: SDK, "How DACLs Control Access to an Object", case by case; the index of a failing case is in the high
    // half.
    SECURITY_SUBJECT_CONTEXT Subject = {.PrimaryToken = PlainToken()};

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Cases); Index++) {
        const CASE *Case = &Cases[Index];
        SECURITY_DESCRIPTOR Descriptor = {.Revision = SECURITY_DESCRIPTOR_REVISION, .Owner = Case->Owner};
        ACL_SPACE Acl;
        ACCESS_MASK Granted;
        NTSTATUS Status;
        BOOLEAN Allowed;

        if (Case->Count != NO_DACL) {
            BuildAcl(&Acl, Case->Entries, Case->Count);
            Descriptor.Control = SE_DACL_PRESENT;
            Descriptor.Dacl = &Acl.Header;
        }
        Allowed =
            SeAccessCheck(&Descriptor, &Subject, FALSE, Case->Desired, 0, NULL, &Mapping, UserMode, &Granted, &Status);
        expect_eq(Index << 24 | Granted, Index << 24 | Case->Granted);
        expect_eq(Index << 24 | Allowed, Index << 24 | (Case->Granted != 0));
        expect_eq(Allowed, NT_SUCCESS(Status));
    }
    ObDereferenceObject(Subject.PrimaryToken);
}

KTEST(se, kernel_mode_and_no_descriptor_get_everything)
{
    // Law: kernel mode passes every check, and what has no descriptor refuses nobody.
    SECURITY_SUBJECT_CONTEXT Subject = {.PrimaryToken = PlainToken()};
    ACL Empty = {.AclRevision = ACL_REVISION, .AclSize = sizeof(ACL)};
    SECURITY_DESCRIPTOR Descriptor = {
        .Revision = SECURITY_DESCRIPTOR_REVISION, .Control = SE_DACL_PRESENT, .Dacl = &Empty};
    ACCESS_MASK Granted;
    NTSTATUS Status;

    expect(SeAccessCheck(&Descriptor, &Subject, FALSE, R1 | R2, 0, NULL, &Mapping, KernelMode, &Granted, &Status));
    expect_eq(Granted, R1 | R2);
    expect(SeAccessCheck(NULL, &Subject, FALSE, MAXIMUM_ALLOWED, R4, NULL, &Mapping, UserMode, &Granted, &Status));
    expect_eq(Granted, ALL_RIGHTS);
    expect(!SeAccessCheck(&Descriptor, &Subject, FALSE, R1, 0, NULL, &Mapping, UserMode, &Granted, &Status));
    expect_status(Status, STATUS_ACCESS_DENIED);
    ObDereferenceObject(Subject.PrimaryToken);
}

KTEST(se, opens_pass_the_access_check)
{
    // Law: a handle to a named object is only made with the rights its list allows the opener, here the system's
    // token.
    const ACE_PLAN Plan[] = {{ACCESS_ALLOWED_ACE_TYPE, 0, SeWorldSid, EVENT_MODIFY_STATE}};
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\KtGuarded");
    SECURITY_DESCRIPTOR Descriptor = {
        .Revision = SECURITY_DESCRIPTOR_REVISION, .Owner = &Stranger, .Control = SE_DACL_PRESENT};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Event, Again;
    ACL_SPACE Acl;

    BuildAcl(&Acl, Plan, 1);
    Descriptor.Dacl = &Acl.Header;
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, &Descriptor);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_FORCE_ACCESS_CHECK, NULL, NULL); // as user mode would be checked
    expect_status(ZwOpenEvent(&Again, EVENT_MODIFY_STATE, &Attributes), STATUS_SUCCESS);
    ZwClose(Again);
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, &Attributes), STATUS_ACCESS_DENIED);
    expect_status(ZwOpenEvent(&Again, SYNCHRONIZE, &Attributes), STATUS_ACCESS_DENIED);
    Attributes.Attributes = 0;
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, &Attributes), STATUS_SUCCESS); // kernel mode
    ZwClose(Again);
    ZwClose(Event);
}

KTEST(se, captured_descriptors_are_checked_copies)
{
    // Law: either form is captured into an independent self-relative copy; damaged lists and SIDs are refused without
    // a leak.
    const ACE_PLAN Plan[] = {ALLOW(User, R1), DENY(Group, R2)};
    SECURITY_DESCRIPTOR Descriptor = {
        .Revision = SECURITY_DESCRIPTOR_REVISION, .Owner = &User, .Control = SE_DACL_PRESENT};
    PSECURITY_DESCRIPTOR Copy, Second;
    ACL_SPACE Acl;

    BuildAcl(&Acl, Plan, 2);
    Descriptor.Dacl = &Acl.Header;
    expect_status(SeCaptureSecurityDescriptor(&Descriptor, KernelMode, &Copy), STATUS_SUCCESS);
    expect_status(SeCaptureSecurityDescriptor(Copy, KernelMode, &Second), STATUS_SUCCESS);
    expect_eq(SeLengthSecurityDescriptor(Copy), SeLengthSecurityDescriptor(Second));
    expect(RtlEqualMemory(Copy, Second, SeLengthSecurityDescriptor(Copy)));
    expect(RtlEqualSid(SepGetOwner(Second), &User));
    SeReleaseSecurityDescriptor(Second);
    SeReleaseSecurityDescriptor(Copy);
    Descriptor.Owner = NULL; // the creator becomes the owner
    expect_status(SeCaptureSecurityDescriptor(&Descriptor, KernelMode, &Copy), STATUS_SUCCESS);
    expect(RtlEqualSid(SepGetOwner(Copy), SeLocalSystemSid));
    SeReleaseSecurityDescriptor(Copy);
    Acl.Header.AceCount = 50;
    expect(!NT_SUCCESS(SeCaptureSecurityDescriptor(&Descriptor, KernelMode, &Copy)));
    Acl.Header.AceCount = 2;
    ((PACE_HEADER)Acl.Entries)->AceSize = 2;
    expect(!NT_SUCCESS(SeCaptureSecurityDescriptor(&Descriptor, KernelMode, &Copy)));
    expect_status(SeCaptureSecurityDescriptor(&Descriptor, UserMode, &Copy),
                  STATUS_ACCESS_VIOLATION); // a kernel address
    Descriptor.Revision = 7;
    expect_status(SeCaptureSecurityDescriptor(&Descriptor, KernelMode, &Copy), STATUS_UNKNOWN_REVISION);
}
