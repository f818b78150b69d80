// SPDX-License-Identifier: MIT
// Directories as hash tables, and the bond between a name and its object: a name in a directory holds a reference to
// the object and one to the directory. Names compare without regard to case, as Windows has it for its whole
// namespace.

#include "obp.h"

EX_PUSH_LOCK ObpNamespaceLock;
POBJECT_DIRECTORY ObpRootDirectory;

// Locks all directories. IRQL <= APC_LEVEL; enters a critical region.
VOID ObpLockNamespace(BOOLEAN Exclusive)
{
    KeEnterCriticalRegion();
    if (Exclusive)
        ExAcquirePushLockExclusive(&ObpNamespaceLock);
    else
        ExAcquirePushLockShared(&ObpNamespaceLock);
}

// Undoes ObpLockNamespace.
VOID ObpUnlockNamespace(BOOLEAN Exclusive)
{
    if (Exclusive)
        ExReleasePushLockExclusive(&ObpNamespaceLock);
    else
        ExReleasePushLockShared(&ObpNamespaceLock);
    KeLeaveCriticalRegion();
}

static ULONG ObpHashName(PCUNICODE_STRING Name)
{
    ULONG Hash = 0;

    for (ULONG Index = 0; Index < Name->Length / sizeof(WCHAR); Index++) {
        WCHAR Character = Name->Buffer[Index];

        if (Character >= L'a')
            Character = Character <= L'z' ? Character - (L'a' - L'A') : RtlUpcaseUnicodeChar(Character);
        Hash = Hash * 31 + Character;
    }
    return Hash % OBP_DIRECTORY_BUCKETS;
}

// The entry of Name in Directory, NULL if there is none. The namespace is locked.
POBJECT_HEADER_NAME_INFO ObpFindName(POBJECT_DIRECTORY Directory, PCUNICODE_STRING Name)
{
    POBJECT_HEADER_NAME_INFO Info = Directory->HashBuckets[ObpHashName(Name)];

    while (Info != NULL && !RtlEqualUnicodeString(&Info->Name, Name, TRUE))
        Info = Info->HashNext;
    return Info;
}

// Puts an object into Directory under Component, which lies within Path; the object takes Path's buffer over. The
// namespace is locked exclusively and the name is free.
VOID ObpInsertName(POBJECT_DIRECTORY Directory, POBJECT_HEADER Header, PUNICODE_STRING Path, PCUNICODE_STRING Component)
{
    POBJECT_HEADER_NAME_INFO Info = OBJECT_HEADER_TO_NAME_INFO(Header), *Bucket;

    ASSERT(Info != NULL && Info->Directory == NULL && Info->Name.Buffer == NULL);
    Info->Name.Length = Component->Length;
    Info->Name.MaximumLength = Path->MaximumLength;
    Info->Name.Buffer = Path->Buffer;
    RtlMoveMemory(Path->Buffer, Component->Buffer, Component->Length);
    RtlZeroMemory(Path, sizeof(*Path));
    Bucket = &Directory->HashBuckets[ObpHashName(&Info->Name)];
    Info->HashNext = *Bucket;
    Info->Directory = Directory;
    *Bucket = Info;
    ObReferenceObject(Directory);
    ObReferenceObject(Header->Body);
}

// Takes the name of a temporary object without handles out of its directory, which may delete both. Others are left
// alone. The caller holds a reference. PASSIVE_LEVEL, or <= APC_LEVEL (deletion is then put off).
VOID ObpDeleteName(POBJECT_HEADER Header)
{
    POBJECT_HEADER_NAME_INFO Info = OBJECT_HEADER_TO_NAME_INFO(Header), *Link;
    POBJECT_DIRECTORY Directory = NULL;

    if (Info == NULL || Info->Directory == NULL || (Header->Flags & OB_FLAG_PERMANENT) != 0)
        return;
    ObpLockNamespace(TRUE);
    if (Info->Directory != NULL && Header->HandleCount == 0 && (Header->Flags & OB_FLAG_PERMANENT) == 0) {
        Directory = Info->Directory;
        for (Link = &Directory->HashBuckets[ObpHashName(&Info->Name)]; *Link != Info; Link = &(*Link)->HashNext)
            ASSERT(*Link != NULL);
        *Link = Info->HashNext;
        Info->HashNext = NULL;
        Info->Directory = NULL;
    }
    ObpUnlockNamespace(TRUE);
    if (Directory != NULL) {
        ObDereferenceObject(Header->Body);
        ObDereferenceObject(Directory);
    }
}

// Makes a permanent object temporary: its name goes with its last handle, or now if it has none.
// IRQL <= APC_LEVEL; the caller holds a reference. Source: WDK, ObMakeTemporaryObject.
VOID NTAPI ObMakeTemporaryObject(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);

    ObpLockNamespace(TRUE);
    Header->Flags &= ~OB_FLAG_PERMANENT;
    ObpUnlockNamespace(TRUE);
    ObpDeleteName(Header);
}
