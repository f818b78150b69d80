// SPDX-License-Identifier: MIT
// Laws of process parameters (rtl/procparm.c), and of an exception that meets a damaged chain (rtl/exception.c).

#include "ktest.h"

#define TAG_TEST 0x74736554 // 'Test'

static UNICODE_STRING RtlTestImage = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\x.exe");
static UNICODE_STRING RtlTestCommand = RTL_CONSTANT_STRING(L"x \"a b\" c");
static UNICODE_STRING RtlTestDirectory = RTL_CONSTANT_STRING(L"C:\\");

static BOOLEAN RtlTestLiesInside(PRTL_USER_PROCESS_PARAMETERS Parameters, const UNICODE_STRING *String)
{
    PCHAR Start = (PCHAR)Parameters, Text = (PCHAR)String->Buffer;

    return Text >= Start && Text + String->MaximumLength <= Start + Parameters->Length;
}

KTEST(rtl, process_parameters_survive_a_move_to_another_address)
{
    // Law: a denormalized block means the same wherever it is copied and normalized again.
    PRTL_USER_PROCESS_PARAMETERS Parameters, Moved;

    expect_status(RtlCreateProcessParameters(&Parameters, &RtlTestImage, NULL, &RtlTestDirectory, &RtlTestCommand, NULL,
                                             NULL, NULL, NULL, NULL),
                  STATUS_SUCCESS);
    expect_eq(Parameters->Flags & RTL_USER_PROC_PARAMS_NORMALIZED, 0);
    Moved = ExAllocatePoolWithTag(PagedPool, Parameters->Length, TAG_TEST);
    expect(Moved != NULL);
    RtlCopyMemory(Moved, Parameters, Parameters->Length);
    IGNORE_STATUS(RtlDestroyProcessParameters(Parameters));
    expect(RtlNormalizeProcessParams(Moved) == Moved);
    expect(RtlEqualUnicodeString(&Moved->ImagePathName, &RtlTestImage, FALSE));
    expect(RtlEqualUnicodeString(&Moved->CommandLine, &RtlTestCommand, FALSE));
    expect(RtlEqualUnicodeString(&Moved->CurrentDirectory.DosPath, &RtlTestDirectory, FALSE));
    expect_eq(Moved->WindowTitle.Length, 0);
    expect(RtlTestLiesInside(Moved, &Moved->ImagePathName));
    expect(RtlTestLiesInside(Moved, &Moved->CurrentDirectory.DosPath));
    expect(Moved->CurrentDirectory.DosPath.MaximumLength >= 260 * sizeof(WCHAR)); // room for any directory
    ExFreePool(Moved);
}

KTEST(rtl, normalizing_twice_changes_nothing)
{
    // Law: normalize and denormalize are each other's inverse, and each is idempotent.
    PRTL_USER_PROCESS_PARAMETERS Parameters;
    PWSTR Text;

    expect_status(
        RtlCreateProcessParameters(&Parameters, &RtlTestImage, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        STATUS_SUCCESS);
    Text = RtlNormalizeProcessParams(Parameters)->CommandLine.Buffer;
    expect_eq(RtlNormalizeProcessParams(Parameters)->CommandLine.Buffer, Text);
    expect(RtlEqualUnicodeString(&Parameters->CommandLine, &RtlTestImage, FALSE)); // not given: the image's name
    RtlDeNormalizeProcessParams(RtlDeNormalizeProcessParams(Parameters));
    expect_eq((PCHAR)Parameters->CommandLine.Buffer + (ULONG_PTR)Parameters, Text);
    IGNORE_STATUS(RtlDestroyProcessParameters(Parameters));
}

KTEST_BUGCHECK(rtl, exception_with_a_damaged_chain_is_not_handled, KMODE_EXCEPTION_NOT_HANDLED)
{
    // Law: a frame outside the stack is never called; the exception stays unhandled.
    EXCEPTION_REGISTRATION_RECORD *Elsewhere = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Elsewhere), TAG_TEST);

    Elsewhere->Next = EXCEPTION_CHAIN_END;
    Elsewhere->Handler = NULL;
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Elsewhere) : "memory");
    RtlRaiseStatus((NTSTATUS)0xE0000001);
}
