// SPDX-License-Identifier: MIT
// Laws of tokens and their services (se/token.c, tokenservice.c).

#include "se/sep.h"
#include "ktest.h"

#define TEST_TAG 0x6553744B

static NTSTATUS Query(HANDLE Token, TOKEN_INFORMATION_CLASS Class, PVOID *Buffer)
{
    ULONG Length = 0, Again;

    expect_status(ZwQueryInformationToken(Token, Class, NULL, 0, &Length), STATUS_BUFFER_TOO_SMALL);
    *Buffer = ExAllocatePoolWithTag(PagedPool, Length, TEST_TAG);
    return ZwQueryInformationToken(Token, Class, *Buffer, Length, &Again);
}

KTEST(se, system_token_is_local_system)
{
    // Law: the system's token names S-1-5-18, its groups Administrators and Everyone, and holds its privileges
    // enabled.
    PTOKEN_PRIVILEGES Privileges;
    PTOKEN_GROUPS Groups;
    PTOKEN_OWNER Owner;
    PTOKEN_USER User;
    BOOLEAN Admins = FALSE, World = FALSE;
    HANDLE Token;

    expect_status(ZwOpenProcessToken(NtCurrentProcess(), TOKEN_QUERY, &Token), STATUS_SUCCESS);
    expect_status(Query(Token, TokenUser, (PVOID *)&User), STATUS_SUCCESS);
    expect(RtlEqualSid(User->User.Sid, SeLocalSystemSid));
    expect_status(Query(Token, TokenOwner, (PVOID *)&Owner), STATUS_SUCCESS);
    expect(RtlEqualSid(Owner->Owner, SeAliasAdminsSid));
    expect_status(Query(Token, TokenGroups, (PVOID *)&Groups), STATUS_SUCCESS);
    for (ULONG Index = 0; Index < Groups->GroupCount; Index++) {
        Admins = Admins || RtlEqualSid(Groups->Groups[Index].Sid, SeAliasAdminsSid);
        World = World || RtlEqualSid(Groups->Groups[Index].Sid, SeWorldSid);
    }
    expect(Admins && World);
    expect_status(Query(Token, TokenPrivileges, (PVOID *)&Privileges), STATUS_SUCCESS);
    expect_eq(Privileges->PrivilegeCount, SE_MAX_WELL_KNOWN_PRIVILEGE - SE_MIN_WELL_KNOWN_PRIVILEGE + 1);
    expect(Privileges->Privileges[0].Attributes & SE_PRIVILEGE_ENABLED);
    ExFreePoolWithTag(Privileges, TEST_TAG);
    ExFreePoolWithTag(Groups, TEST_TAG);
    ExFreePoolWithTag(Owner, TEST_TAG);
    ExFreePoolWithTag(User, TEST_TAG);
    ZwClose(Token);
}

KTEST(se, token_services_check_their_arguments)
{
    // Law: unknown classes, handles of another type and unknown processes are refused.
    HANDLE Token, Event;
    ULONG Length;

    expect_status(ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_QUERY, OBJ_KERNEL_HANDLE, &Token), STATUS_SUCCESS);
    expect((LONG)(LONG_PTR)Token < 0);
    expect_status(ZwQueryInformationToken(Token, (TOKEN_INFORMATION_CLASS)77, NULL, 0, &Length),
                  STATUS_INVALID_INFO_CLASS);
    ZwClose(Token);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwQueryInformationToken(Event, TokenUser, NULL, 0, &Length), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(ZwOpenProcessToken(Event, TOKEN_QUERY, &Token), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(ZwOpenProcessToken((HANDLE)0x7770, TOKEN_QUERY, &Token), STATUS_INVALID_HANDLE);
    ZwClose(Event);
}

KTEST(se, privileges_are_asked_of_the_token)
{
    // Law: kernel mode holds every privilege; user mode those its token holds.
    expect(SeSinglePrivilegeCheck(SE_SHUTDOWN_PRIVILEGE, KernelMode));
    expect(SeSinglePrivilegeCheck(SE_SHUTDOWN_PRIVILEGE, UserMode)); // this is the system's token
    expect(!SeSinglePrivilegeCheck(SE_MAX_WELL_KNOWN_PRIVILEGE + 1, UserMode));
}
