// SPDX-License-Identifier: MIT
// Laws of the namespace (ob/name.c, lookup.c, insert.c, link.c, directory.c, queryname.c).

#include "obtest.h"

static OBJECT_ATTRIBUTES Attributes;
static UNICODE_STRING Name;

static POBJECT_ATTRIBUTES Named(PCWSTR Path, ULONG Flags, HANDLE Root)
{
    RtlInitUnicodeString(&Name, Path);
    InitializeObjectAttributes(&Attributes, &Name, Flags, Root, NULL);
    return &Attributes;
}

static NTSTATUS OpenEvent(PCWSTR Path)
{
    HANDLE Handle;
    NTSTATUS Status = ZwOpenEvent(&Handle, EVENT_ALL_ACCESS, Named(Path, OBJ_CASE_INSENSITIVE, NULL));

    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    return Status;
}

static HANDLE CreateEventAt(PCWSTR Path)
{
    HANDLE Handle = NULL;

    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, Named(Path, 0, NULL), NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    return Handle;
}

KTEST(ob, names_are_found_whatever_their_case)
{
    // Law: letters of different case are the same letter; a temporary name goes with the last handle.
    HANDLE Event = CreateEventAt(L"\\BaseNamedObjects\\KtMixedCase");

    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtMixedCase"), STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\BASENAMEDOBJECTS\\KTMIXEDCASE"), STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\basenamedobjects\\ktmixedcase"), STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtMixedCas"), STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(Event);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtMixedCase"), STATUS_OBJECT_NAME_NOT_FOUND);
}

KTEST(ob, bad_paths_have_their_statuses)
{
    // Law: WDK's statuses tell syntax, missing way, missing name and wrong type apart.
    HANDLE Event = CreateEventAt(L"\\BaseNamedObjects\\KtPath");

    expect_status(OpenEvent(L""), STATUS_OBJECT_PATH_SYNTAX_BAD);
    expect_status(OpenEvent(L"BaseNamedObjects\\KtPath"), STATUS_OBJECT_PATH_SYNTAX_BAD);
    expect_status(OpenEvent(L"\\KtNowhere\\KtPath"), STATUS_OBJECT_PATH_NOT_FOUND);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtNowhere"), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\\\KtPath"), STATUS_OBJECT_NAME_INVALID);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\"), STATUS_OBJECT_NAME_INVALID);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtPath\\Below"), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(OpenEvent(L"\\BaseNamedObjects"), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(OpenEvent(L"\\"), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Event);
}

KTEST(ob, openif_opens_what_exists)
{
    // Law: creating a taken name is a collision, with OBJ_OPENIF the existing object is opened; another type never
    // is.
    HANDLE First = CreateEventAt(L"\\BaseNamedObjects\\KtOpenIf"), Second;
    LONG Previous;

    expect_status(ZwCreateEvent(&Second, EVENT_ALL_ACCESS, Named(L"\\BaseNamedObjects\\KtOpenIf", 0, NULL),
                                NotificationEvent, FALSE),
                  STATUS_OBJECT_NAME_COLLISION);
    expect_status(ZwCreateEvent(&Second, EVENT_ALL_ACCESS, Named(L"\\BaseNamedObjects\\ktopenif", OBJ_OPENIF, NULL),
                                NotificationEvent, FALSE),
                  STATUS_OBJECT_NAME_EXISTS);
    expect_status(ZwSetEvent(First, NULL), STATUS_SUCCESS);
    expect_status(ZwSetEvent(Second, &Previous), STATUS_SUCCESS);
    expect_eq(Previous, 1); // the same event
    ZwClose(Second);
    expect_status(
        ZwCreateMutant(&Second, MUTANT_ALL_ACCESS, Named(L"\\BaseNamedObjects\\KtOpenIf", OBJ_OPENIF, NULL), FALSE),
        STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(First);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtOpenIf"), STATUS_OBJECT_NAME_NOT_FOUND);
}

KTEST(ob, permanent_names_stay_until_made_temporary)
{
    // Law: a permanent object outlives its handles; made temporary without handles it goes at once.
    POB_TEST_OBJECT Object;
    PVOID Found;
    HANDLE Handle;

    ObTestBegin();
    Handle = ObTestInsert(ObTestCreate(L"\\BaseNamedObjects\\KtPermanent", OBJ_PERMANENT), OB_TEST_ALL_ACCESS);
    expect_status(ObCloseHandle(Handle, KernelMode), STATUS_SUCCESS);
    expect_eq(ObTest.Deleted, 0);
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\KtPermanent");
    expect_status(ObReferenceObjectByName(&Name, 0, NULL, 0, ObTestType, KernelMode, NULL, &Found), STATUS_SUCCESS);
    Object = Found;
    ObMakeTemporaryObject(Object);
    expect_eq(ObTest.Deleted, 0);
    expect_status(ObReferenceObjectByName(&Name, 0, NULL, 0, ObTestType, KernelMode, NULL, &Found),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    ObDereferenceObject(Object);
    expect_eq(ObTest.Deleted, 1);
}

static HANDLE Link(PCWSTR Path, PCWSTR Target)
{
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    RtlInitUnicodeString(&String, Target);
    expect_status(ZwCreateSymbolicLinkObject(&Handle, SYMBOLIC_LINK_ALL_ACCESS, Named(Path, 0, NULL), &String),
                  STATUS_SUCCESS);
    return Handle;
}

KTEST(ob, links_are_followed_and_read)
{
    // Law: a link stands for its target in front of the rest of a name, and can be opened and read itself.
    HANDLE Event = CreateEventAt(L"\\BaseNamedObjects\\KtTarget"), First = Link(L"\\??\\KtLink", L"\\BaseNamedObjects");
    HANDLE Second = Link(L"\\??\\KtLink2", L"\\DosDevices\\KtLink\\KtTarget"), Opened;
    WCHAR Buffer[32];
    UNICODE_STRING Target = {0, sizeof(Buffer), Buffer}, Small = {0, 4, Buffer},
                   Expected = RTL_CONSTANT_STRING(L"\\BaseNamedObjects");
    ULONG Length;

    expect_status(OpenEvent(L"\\??\\KtLink\\KtTarget"), STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\??\\KtLink2"), STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\??\\KtLink\\KtNothing"), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_status(ZwOpenSymbolicLinkObject(&Opened, SYMBOLIC_LINK_QUERY, Named(L"\\??\\ktlink", 0, NULL)),
                  STATUS_SUCCESS);
    expect_status(ZwQuerySymbolicLinkObject(Opened, &Target, &Length), STATUS_SUCCESS);
    expect(RtlEqualUnicodeString(&Target, &Expected, FALSE));
    expect_eq(Length, Expected.Length);
    expect_status(ZwQuerySymbolicLinkObject(Opened, &Small, &Length), STATUS_BUFFER_TOO_SMALL);
    expect_eq(Length, Expected.Length);
    ZwClose(Opened);
    ZwClose(Second);
    ZwClose(First);
    ZwClose(Event);
    expect_status(OpenEvent(L"\\??\\KtLink2"), STATUS_OBJECT_NAME_NOT_FOUND);
}

KTEST(ob, link_loops_end)
{
    // Law: links that lead to each other, or grow for ever, end in a failure, not in a hang.
    HANDLE First = Link(L"\\??\\KtLoop1", L"\\??\\KtLoop2"), Second = Link(L"\\??\\KtLoop2", L"\\??\\KtLoop1");
    HANDLE Growing = Link(L"\\??\\KtGrow", L"\\??\\KtGrow\\x"), Relative = Link(L"\\??\\KtRelative", L"KtLoop1");

    expect(!NT_SUCCESS(OpenEvent(L"\\??\\KtLoop1")));
    expect(!NT_SUCCESS(OpenEvent(L"\\??\\KtLoop1\\x")));
    expect(!NT_SUCCESS(OpenEvent(L"\\??\\KtGrow")));
    expect_status(OpenEvent(L"\\??\\KtRelative"), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ZwClose(Relative);
    ZwClose(Growing);
    ZwClose(Second);
    ZwClose(First);
}

KTEST(ob, names_may_be_relative_to_a_directory)
{
    // Law: a name without a leading separator is looked up under RootDirectory, which must be something that contains
    // names.
    HANDLE Directory, Event, Again;

    expect_status(
        ZwCreateDirectoryObject(&Directory, DIRECTORY_ALL_ACCESS, Named(L"\\BaseNamedObjects\\KtDir", 0, NULL)),
        STATUS_SUCCESS);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, Named(L"Inner", 0, Directory), NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtDir\\Inner"), STATUS_SUCCESS);
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, Named(L"inner", 0, Directory)), STATUS_SUCCESS);
    ZwClose(Again);
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, Named(L"\\Inner", 0, Directory)),
                  STATUS_OBJECT_PATH_SYNTAX_BAD);
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, Named(L"Inner", 0, Event)), STATUS_OBJECT_TYPE_MISMATCH);
    expect_status(ZwOpenEvent(&Again, EVENT_ALL_ACCESS, Named(L"Inner", 0, (HANDLE)0x7770)), STATUS_INVALID_HANDLE);
    ZwClose(Directory);
    expect_status(OpenEvent(L"\\BaseNamedObjects\\KtDir\\Inner"),
                  STATUS_OBJECT_PATH_NOT_FOUND); // the directory's name is gone
    ZwClose(Event);
}

static BOOLEAN NameIs(HANDLE Handle, PCWSTR Expected)
{
    UCHAR Buffer[256];
    POBJECT_NAME_INFORMATION Information = (PVOID)Buffer;
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Expected);
    return NT_SUCCESS(ZwQueryObject(Handle, ObjectNameInformation, Buffer, sizeof(Buffer), NULL)) &&
           RtlEqualUnicodeString(&Information->Name, &String, FALSE);
}

KTEST(ob, query_name_is_the_full_path)
{
    // Law: an object's name is its path from the root, in the case it was created with; nameless ones have an empty
    // name.
    HANDLE Event = CreateEventAt(L"\\basenamedobjects\\KtName"), Nameless, Root;
    ULONG Length;

    expect(NameIs(Event, L"\\BaseNamedObjects\\KtName"));
    expect_status(ZwQueryObject(Event, ObjectNameInformation, NULL, 0, &Length), STATUS_INFO_LENGTH_MISMATCH);
    expect_eq(Length, sizeof(OBJECT_NAME_INFORMATION) + sizeof(L"\\BaseNamedObjects\\KtName"));
    expect_status(ZwCreateEvent(&Nameless, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect(NameIs(Nameless, L""));
    expect_status(ZwOpenDirectoryObject(&Root, DIRECTORY_QUERY, Named(L"\\", 0, NULL)), STATUS_SUCCESS);
    expect(NameIs(Root, L"\\"));
    ZwClose(Root);
    ZwClose(Nameless);
    ZwClose(Event);
}

KTEST(ob, directory_listing_is_complete)
{
    // Law: listing entry by entry gives every object once, with its type, and then STATUS_NO_MORE_ENTRIES.
    UCHAR Buffer[256];
    POBJECT_DIRECTORY_INFORMATION Entry = (PVOID)Buffer;
    UNICODE_STRING EventType = RTL_CONSTANT_STRING(L"Event");
    ULONG Context = 0, Count = 0, Length;
    HANDLE Directory, Events[50];
    WCHAR Path[] = L"E00";
    NTSTATUS Status;

    expect_status(ZwCreateDirectoryObject(&Directory, DIRECTORY_ALL_ACCESS, NULL), STATUS_SUCCESS);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Events); Index++) {
        Path[1] = (WCHAR)(L'0' + Index / 10);
        Path[2] = (WCHAR)(L'0' + Index % 10);
        expect_status(
            ZwCreateEvent(&Events[Index], EVENT_ALL_ACCESS, Named(Path, 0, Directory), NotificationEvent, FALSE),
            STATUS_SUCCESS);
    }
    while (NT_SUCCESS(Status =
                          ZwQueryDirectoryObject(Directory, Buffer, sizeof(Buffer), TRUE, FALSE, &Context, &Length))) {
        if (Status == STATUS_NO_MORE_ENTRIES)
            break;
        expect(RtlEqualUnicodeString(&Entry->TypeName, &EventType, FALSE));
        expect_eq(Entry->Name.Length, 3 * sizeof(WCHAR));
        Count++;
    }
    expect_status(Status, STATUS_NO_MORE_ENTRIES);
    expect_eq(Count, RTL_NUMBER_OF(Events));
    expect_status(ZwQueryDirectoryObject(Directory, Buffer, sizeof(Buffer), FALSE, TRUE, &Context, &Length),
                  STATUS_MORE_ENTRIES);
    expect(Context > 1 && Context < RTL_NUMBER_OF(Events));
    expect_status(ZwQueryDirectoryObject(Directory, Buffer, 20, TRUE, TRUE, &Context, &Length),
                  STATUS_BUFFER_TOO_SMALL);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Events); Index++)
        ZwClose(Events[Index]);
    ZwClose(Directory);
}

KTEST(ob, create_refuses_bad_attributes)
{
    // Law: a wrong length, unknown bits, an odd name length or a huge name without memory behind it are refused
    // without a leak.
    HANDLE Handle;

    Named(L"\\BaseNamedObjects\\KtBad", 0, NULL)->Length = 20;
    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_INVALID_PARAMETER);
    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, Named(L"\\BaseNamedObjects\\KtBad", 0x80000000, NULL),
                                NotificationEvent, FALSE),
                  STATUS_INVALID_PARAMETER);
    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, Named(L"\\BaseNamedObjects\\KtBad", OBJ_OPENLINK, NULL),
                                NotificationEvent, FALSE),
                  STATUS_INVALID_PARAMETER);
    Named(L"\\BaseNamedObjects\\KtBad", 0, NULL)->ObjectName->Length -= 1;
    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_OBJECT_NAME_INVALID);
    Name.Length = 0xFFFE;
    Name.Buffer = (PWSTR)0x10000; // nothing is mapped there in the system process
    expect_status(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
}
