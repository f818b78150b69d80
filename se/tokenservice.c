// SPDX-License-Identifier: MIT
// Token services: opening a process's token and reading it. Source: SDK, OpenProcessToken, GetTokenInformation.

#include "sep.h"

#define TOKEN_HANDLE_ATTRIBUTES (OBJ_INHERIT | OBJ_KERNEL_HANDLE)

// Opens the primary token of a process, which needs PROCESS_QUERY_INFORMATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenProcessTokenEx(HANDLE Process, ACCESS_MASK DesiredAccess, ULONG Attributes, PHANDLE Token)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PACCESS_TOKEN Object;
    PEPROCESS Target;
    HANDLE Local;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObProbeHandle(Token, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Mode != KernelMode)
        Attributes &= ~OBJ_KERNEL_HANDLE;
    Status = ObReferenceObjectByHandle(Process, PROCESS_QUERY_INFORMATION, PsProcessType, Mode, (PVOID *)&Target, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Object = Target->Token;
    if (Object == NULL) {
        Status = STATUS_NO_TOKEN;
    } else {
        Status = ObOpenObjectByPointer(Object, Attributes & TOKEN_HANDLE_ATTRIBUTES, NULL, DesiredAccess,
                                       SeTokenObjectType, Mode, &Local);
    }
    ObDereferenceObject(Target); // the process holds its token, which the handle now holds too
    return NT_SUCCESS(Status) ? ObReturnHandle(Token, Local, Mode) : Status;
}

// NtOpenProcessTokenEx without handle attributes.
NTSTATUS NTAPI NtOpenProcessToken(HANDLE Process, ACCESS_MASK DesiredAccess, PHANDLE Token)
{
    PAGED_CODE();
    return NtOpenProcessTokenEx(Process, DesiredAccess, 0, Token);
}

static ULONG SepPutSid(PUCHAR Buffer, PVOID Target, PULONG Used, PSID Sid, PSID *Pointer)
{
    ULONG Length = RtlLengthSid(Sid);

    if (Buffer != NULL) {
        RtlCopyMemory(Buffer + *Used, Sid, Length);
        *Pointer = (PUCHAR)Target + *Used;
    }
    *Used += Length;
    return Length;
}

// Writes an answer that will be copied to Target, or with Buffer NULL only measures it. Returns its length.
static ULONG SepDescribeToken(PTOKEN Token, TOKEN_INFORMATION_CLASS Class, PUCHAR Buffer, PVOID Target)
{
    PTOKEN_GROUPS Groups = (PTOKEN_GROUPS)Buffer;
    PTOKEN_PRIVILEGES Privileges = (PTOKEN_PRIVILEGES)Buffer;
    ULONG Used;

    switch (Class) {
    case TokenUser:
        Used = sizeof(TOKEN_USER);
        SepPutSid(Buffer, Target, &Used, Token->UserAndGroups[0].Sid, &((PTOKEN_USER)Buffer)->User.Sid);
        if (Buffer != NULL)
            ((PTOKEN_USER)Buffer)->User.Attributes = Token->UserAndGroups[0].Attributes;
        return Used;
    case TokenOwner:
        Used = sizeof(TOKEN_OWNER);
        SepPutSid(Buffer, Target, &Used, Token->UserAndGroups[Token->DefaultOwnerIndex].Sid,
                  &((PTOKEN_OWNER)Buffer)->Owner);
        return Used;
    case TokenGroups:
        Used = FIELD_OFFSET(TOKEN_GROUPS, Groups) + (Token->UserAndGroupCount - 1) * sizeof(SID_AND_ATTRIBUTES);
        for (ULONG Index = 1; Index < Token->UserAndGroupCount; Index++) {
            SepPutSid(Buffer, Target, &Used, Token->UserAndGroups[Index].Sid, &Groups->Groups[Index - 1].Sid);
            if (Buffer != NULL)
                Groups->Groups[Index - 1].Attributes = Token->UserAndGroups[Index].Attributes;
        }
        if (Buffer != NULL)
            Groups->GroupCount = Token->UserAndGroupCount - 1;
        return Used;
    default: // TokenPrivileges
        Used = FIELD_OFFSET(TOKEN_PRIVILEGES, Privileges) + Token->PrivilegeCount * sizeof(LUID_AND_ATTRIBUTES);
        if (Buffer != NULL) {
            Privileges->PrivilegeCount = Token->PrivilegeCount;
            RtlCopyMemory(Privileges->Privileges, Token->Privileges,
                          Token->PrivilegeCount * sizeof(LUID_AND_ATTRIBUTES));
        }
        return Used;
    }
}

// Copies an answer (Buffer NULL: nothing) and its length to the caller.
static NTSTATUS SepReturnAnswer(PVOID Information, const VOID *Buffer, ULONG Length, PULONG ReturnLength)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        *ReturnLength = Length;
        if (Buffer != NULL)
            RtlCopyMemory(Information, Buffer, Length);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS SepQueryToken(PTOKEN Token, TOKEN_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                              PULONG ReturnLength)
{
    ULONG Needed = SepDescribeToken(Token, Class, NULL, NULL);
    PUCHAR Buffer;
    NTSTATUS Status;

    if (Length < Needed) {
        Status = SepReturnAnswer(Information, NULL, Needed, ReturnLength);
        return NT_SUCCESS(Status) ? STATUS_BUFFER_TOO_SMALL : Status;
    }
    Buffer = ExAllocatePoolZero(PagedPool, Needed, TAG_SE_QUERY);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SepDescribeToken(Token, Class, Buffer, Information);
    Status = SepReturnAnswer(Information, Buffer, Needed, ReturnLength);
    ExFreePoolWithTag(Buffer, TAG_SE_QUERY);
    return Status;
}

// Reads TokenUser, TokenGroups, TokenPrivileges or TokenOwner. *ReturnLength is written in every case but errors.
// STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_INFO_CLASS, STATUS_ACCESS_VIOLATION. Needs TOKEN_QUERY. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryInformationToken(HANDLE Token, TOKEN_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                                       PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PTOKEN Object;

    PAGED_CODE();
    if (Class != TokenUser && Class != TokenGroups && Class != TokenPrivileges && Class != TokenOwner)
        return STATUS_INVALID_INFO_CLASS;
    if (Mode != KernelMode) {
        SEH_TRY
        {
            ProbeForWrite(Information, Length, sizeof(ULONG));
            ProbeForWriteType(ReturnLength);
        }
        SEH_EXCEPT
        {
            Status = SEH_CODE();
        }
        SEH_END
        if (!NT_SUCCESS(Status))
            return Status;
    }
    Status = ObReferenceObjectByHandle(Token, TOKEN_QUERY, SeTokenObjectType, Mode, (PVOID *)&Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = SepQueryToken(Object, Class, Information, Length, ReturnLength);
    ObDereferenceObject(Object);
    return Status;
}
