// SPDX-License-Identifier: MIT
// Security identifiers: revision, authority, up to 15 sub-authorities. Source: SDK documentation (SID).
// Any IRQL, as far as the SIDs may be touched.

#include "rtlp.h"

#ifndef SID_REVISION
#define SID_REVISION 1
#define SID_MAX_SUB_AUTHORITIES 15
#endif

// TRUE if the SID has the known revision and a possible length. The caller knows that its first bytes are readable.
BOOLEAN NTAPI RtlValidSid(PSID Sid)
{
    PISID Id = Sid;

    return Id != NULL && (Id->Revision & 0x0F) == SID_REVISION && Id->SubAuthorityCount <= SID_MAX_SUB_AUTHORITIES;
}

ULONG NTAPI RtlLengthRequiredSid(ULONG SubAuthorityCount)
{
    return FIELD_OFFSET(SID, SubAuthority) + SubAuthorityCount * sizeof(ULONG);
}

// The length in bytes of a valid SID.
ULONG NTAPI RtlLengthSid(PSID Sid)
{
    return RtlLengthRequiredSid(((PISID)Sid)->SubAuthorityCount);
}

BOOLEAN NTAPI RtlEqualSid(PSID First, PSID Second)
{
    PISID a = First, b = Second;

    return a->Revision == b->Revision && a->SubAuthorityCount == b->SubAuthorityCount &&
           memcmp(a, b, RtlLengthSid(a)) == 0;
}

// STATUS_BUFFER_TOO_SMALL.
NTCHECK RtlCopySid(ULONG Length, PSID Destination, PSID Source)
{
    if (RtlLengthSid(Source) > Length)
        return STATUS_BUFFER_TOO_SMALL;
    memmove(Destination, Source, RtlLengthSid(Source));
    return STATUS_SUCCESS;
}

// Writes the head of a SID; the caller fills the sub-authorities. STATUS_INVALID_PARAMETER for too many of them.
NTCHECK RtlInitializeSid(PSID Sid, SID_IDENTIFIER_AUTHORITY *Authority, UCHAR SubAuthorityCount)
{
    PISID Id = Sid;

    if (SubAuthorityCount > SID_MAX_SUB_AUTHORITIES)
        return STATUS_INVALID_PARAMETER;
    Id->Revision = SID_REVISION;
    Id->SubAuthorityCount = SubAuthorityCount;
    Id->IdentifierAuthority = *Authority;
    return STATUS_SUCCESS;
}

PULONG NTAPI RtlSubAuthoritySid(PSID Sid, ULONG Index)
{
    return &((PISID)Sid)->SubAuthority[Index];
}
