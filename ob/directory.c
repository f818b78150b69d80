// SPDX-License-Identifier: MIT
// Directory objects and their services. Source: WDK, ZwCreateDirectoryObject; SDK, NtQueryDirectoryObject.

#include "obp.h"

POBJECT_TYPE ObpDirectoryObjectType;

#define QUERY_LARGEST_BUFFER 0x10000u

static const GENERIC_MAPPING ObpDirectoryMapping = {
    STANDARD_RIGHTS_READ | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
    STANDARD_RIGHTS_WRITE | DIRECTORY_CREATE_OBJECT | DIRECTORY_CREATE_SUBDIRECTORY,
    STANDARD_RIGHTS_EXECUTE | DIRECTORY_QUERY | DIRECTORY_TRAVERSE, DIRECTORY_ALL_ACCESS};

// Phase 0.
BOOLEAN ObpCreateDirectoryType(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Directory");
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};

    PAGED_CODE();
    Initializer.InvalidAttributes = OBJ_OPENLINK;
    Initializer.CaseInsensitive = TRUE;
    Initializer.GenericMapping = ObpDirectoryMapping;
    Initializer.ValidAccessMask = DIRECTORY_ALL_ACCESS;
    Initializer.PoolType = PagedPool;
    Initializer.DispatcherOffset = -1;
    return NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &ObpDirectoryObjectType));
}

// Makes a permanent directory. Name NULL: the root. *Directory (optional) is valid for ever. Phase 1.
NTSTATUS ObpCreatePermanentDirectory(PCWSTR Name, POBJECT_DIRECTORY *Directory)
{
    POBJECT_DIRECTORY New, Referenced;
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Path;
    HANDLE Handle;
    NTSTATUS Status;

    PAGED_CODE();
    if (Name != NULL)
        RtlInitUnicodeString(&Path, Name);
    InitializeObjectAttributes(&Attributes, Name != NULL ? &Path : NULL, OBJ_PERMANENT | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ObCreateObject(KernelMode, ObpDirectoryObjectType, &Attributes, KernelMode, NULL, sizeof(*New), 0, 0,
                            (PVOID *)&New);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObInsertObject(New, NULL, DIRECTORY_ALL_ACCESS, 1, (PVOID *)&Referenced, &Handle);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Directory != NULL)
        *Directory = Referenced; // keeps the additional reference
    else
        ObDereferenceObject(Referenced);
    return ObCloseHandle(Handle, KernelMode);
}

// Creates a directory. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    POBJECT_DIRECTORY Directory;
    HANDLE Local;
    NTSTATUS Status, Written;

    PAGED_CODE();
    Status = ObProbeHandle(Handle, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObCreateObject(Mode, ObpDirectoryObjectType, ObjectAttributes, Mode, NULL, sizeof(*Directory), 0, 0,
                            (PVOID *)&Directory);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObInsertObject(Directory, NULL, DesiredAccess, 0, NULL, &Local);
    if (!NT_SUCCESS(Status))
        return Status;
    Written = ObReturnHandle(Handle, Local, Mode);
    return NT_SUCCESS(Written) ? Status : Written;
}

// Opens a directory. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenDirectoryObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ObpOpenService(Handle, DesiredAccess, ObjectAttributes, ObpDirectoryObjectType);
}

// The entry with running number Index, NULL behind the last. The namespace is locked.
static POBJECT_HEADER_NAME_INFO ObpNthEntry(POBJECT_DIRECTORY Directory, ULONG Index)
{
    for (ULONG Bucket = 0; Bucket < OBP_DIRECTORY_BUCKETS; Bucket++) {
        for (POBJECT_HEADER_NAME_INFO Info = Directory->HashBuckets[Bucket]; Info != NULL; Info = Info->HashNext) {
            if (Index-- == 0)
                return Info;
        }
    }
    return NULL;
}

static ULONG ObpEntryLength(POBJECT_HEADER_NAME_INFO Info)
{
    return sizeof(OBJECT_DIRECTORY_INFORMATION) + Info->Name.Length + sizeof(WCHAR) +
           ObpNameInfoToHeader(Info)->Type->Name.Length + sizeof(WCHAR);
}

// Copies a string behind the entries; Target is where Buffer will go.
static VOID ObpPutString(PUCHAR Buffer, PVOID Target, PULONG Used, PUNICODE_STRING Copy, PCUNICODE_STRING String)
{
    RtlCopyMemory(Buffer + *Used, String->Buffer, String->Length);
    *(PWSTR)(PVOID)(Buffer + *Used + String->Length) = 0;
    Copy->Length = String->Length;
    Copy->MaximumLength = String->Length + sizeof(WCHAR);
    Copy->Buffer = (PWSTR)(PVOID)((PUCHAR)Target + *Used);
    *Used += Copy->MaximumLength;
}

typedef struct _OBP_LISTING {
    PUCHAR Buffer; // kernel copy of the answer
    PVOID Target;  // where it will go
    ULONG Length;
    ULONG Used;  // bytes of the answer
    ULONG Index; // entry to go on with next time
} OBP_LISTING, *POBP_LISTING;

// Lists entries from Listing->Index on, as many as fit: the fixed parts, an entry of zeros, the strings.
static NTSTATUS ObpListDirectory(POBJECT_DIRECTORY Directory, POBP_LISTING Listing, BOOLEAN Single)
{
    ULONG Count = 0, Needed = sizeof(OBJECT_DIRECTORY_INFORMATION), Strings;
    POBJECT_DIRECTORY_INFORMATION Entries = (PVOID)Listing->Buffer;
    POBJECT_HEADER_NAME_INFO Info;
    NTSTATUS Status = STATUS_SUCCESS;

    ObpLockNamespace(FALSE);
    while ((Info = ObpNthEntry(Directory, Listing->Index + Count)) != NULL &&
           Needed + ObpEntryLength(Info) <= Listing->Length) {
        Needed += ObpEntryLength(Info);
        Count++;
        if (Single)
            break;
    }
    if (Count == 0) {
        Status = Info == NULL ? STATUS_NO_MORE_ENTRIES : STATUS_BUFFER_TOO_SMALL;
        Needed = Info == NULL ? 0 : Needed + ObpEntryLength(Info);
    } else if (!Single && Info != NULL) {
        Status = STATUS_MORE_ENTRIES;
    }
    Strings = (Count + 1) * sizeof(OBJECT_DIRECTORY_INFORMATION);
    for (ULONG Entry = 0; Entry < Count; Entry++) {
        Info = ObpNthEntry(Directory, Listing->Index + Entry);
        ObpPutString(Listing->Buffer, Listing->Target, &Strings, &Entries[Entry].Name, &Info->Name);
        ObpPutString(Listing->Buffer, Listing->Target, &Strings, &Entries[Entry].TypeName,
                     &ObpNameInfoToHeader(Info)->Type->Name);
    }
    ObpUnlockNamespace(FALSE);
    Listing->Index += Count;
    Listing->Used = Needed;
    return Status;
}

// Copies a listing and its lengths to the caller.
static NTSTATUS ObpReturnListing(POBP_LISTING Listing, BOOLEAN Copy, PULONG Context, PULONG ReturnLength)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Copy)
            RtlCopyMemory(Listing->Target, Listing->Buffer, Listing->Used);
        *Context = Listing->Index;
        if (ReturnLength != NULL)
            *ReturnLength = Listing->Used;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS ObpReadContext(PULONG Context, BOOLEAN Restart, PULONG Index, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    *Index = 0;
    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForWriteType(Context);
        if (!Restart)
            *Index = *(volatile ULONG *)Context;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Lists a directory: OBJECT_DIRECTORY_INFORMATIONs, one of zeros behind the last, their strings. *Context is where
// the next call goes on. STATUS_MORE_ENTRIES (success), STATUS_NO_MORE_ENTRIES, STATUS_BUFFER_TOO_SMALL (not even one
// fits; *ReturnLength says what it takes). Needs DIRECTORY_QUERY. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryDirectoryObject(HANDLE Directory, PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry,
                                      BOOLEAN RestartScan, PULONG Context, PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    OBP_LISTING Listing = {.Target = Buffer, .Length = min_of(Length, QUERY_LARGEST_BUFFER)};
    POBJECT_DIRECTORY Object;
    NTSTATUS Status, Written;

    PAGED_CODE();
    Status = ObpProbeOutput(Buffer, Length, ReturnLength, Mode);
    if (NT_SUCCESS(Status))
        Status = ObpReadContext(Context, RestartScan, &Listing.Index, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status =
        ObReferenceObjectByHandle(Directory, DIRECTORY_QUERY, ObpDirectoryObjectType, Mode, (PVOID *)&Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Listing.Buffer =
        ExAllocatePoolZero(PagedPool, max_of(Listing.Length, sizeof(OBJECT_DIRECTORY_INFORMATION)), TAG_OB_QUERY);
    if (Listing.Buffer == NULL) {
        ObDereferenceObject(Object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = ObpListDirectory(Object, &Listing, ReturnSingleEntry);
    Written = ObpReturnListing(&Listing, NT_SUCCESS(Status) && Status != STATUS_NO_MORE_ENTRIES, Context, ReturnLength);
    ExFreePoolWithTag(Listing.Buffer, TAG_OB_QUERY);
    ObDereferenceObject(Object);
    return NT_SUCCESS(Written) ? Status : Written;
}
