// SPDX-License-Identifier: MIT
// Ob's private header.
//
// An object in memory; the parts in front exist only if the object needs them, the header knows how far away they
// are:
//
//   | OBP_EXCLUSIVE_INFO | OBP_HANDLE_INFO | OBJECT_HEADER_NAME_INFO | OBJECT_HEADER | body ...
//     OBJ_EXCLUSIVE        MaintainHandleCount   named                  ^ handles      ^ what everybody else holds
//
// Two counts: HandleCount counts handles; PointerCount counts references, of which each handle and the name's place
// in a directory hold one. The last handle takes a temporary object's name away; the last reference deletes the
// object.

#ifndef MICA_OB_OBP_H
#define MICA_OB_OBP_H

#include "ntos.h"

#define TAG_OB_NAME 0x6D4E624F        // 'ObNm'
#define TAG_OB_CREATE_INFO 0x6943624F // 'ObCi'
#define TAG_OB_HANDLE_INFO 0x6948624F // 'ObHi'
#define TAG_OB_QUERY 0x6551624F       // 'ObQe'

#define OBJ_NAME_PATH_SEPARATOR L'\\'
#define OBP_MAX_REPARSE 32
#define OBP_DIRECTORY_BUCKETS 37
#define OBP_MAX_TYPES 64
#define OBP_MAX_NAME_BYTES 0xFFFE

// Bits of a handle-table entry beside Ex's lock bit.
#define OBP_ENTRY_INHERIT 2u // = OBJ_INHERIT
#define OBP_ENTRY_PROTECT 4u // OBJ_PROTECT_CLOSE
#define OBP_HANDLE_ATTRIBUTES (OBJ_INHERIT | OBJ_PROTECT_CLOSE)

typedef struct _OBJECT_DIRECTORY {
    POBJECT_HEADER_NAME_INFO HashBuckets[OBP_DIRECTORY_BUCKETS]; // chained through HashNext
} OBJECT_DIRECTORY, *POBJECT_DIRECTORY;

typedef struct _OBJECT_SYMBOLIC_LINK {
    LARGE_INTEGER CreationTime;
    UNICODE_STRING LinkTarget;
} OBJECT_SYMBOLIC_LINK, *POBJECT_SYMBOLIC_LINK;

typedef struct _OBP_EXCLUSIVE_INFO {
    PEPROCESS Process; // the only one that may have handles
    ULONG Reserved;
} OBP_EXCLUSIVE_INFO, *POBP_EXCLUSIVE_INFO;

typedef struct _OBP_HANDLE_COUNT {
    PEPROCESS Process; // NULL: entry not in use
    ULONG Count;
} OBP_HANDLE_COUNT, *POBP_HANDLE_COUNT;

typedef struct _OBP_HANDLE_DATABASE {
    ULONG Size;
    OBP_HANDLE_COUNT Entries[];
} OBP_HANDLE_DATABASE, *POBP_HANDLE_DATABASE;

// Handles by process: one process in place, several in a database (Count == OBP_IN_DATABASE).
typedef struct _OBP_HANDLE_INFO {
    union {
        PEPROCESS Process;
        POBP_HANDLE_DATABASE Database;
    };
    ULONG Count;
} OBP_HANDLE_INFO, *POBP_HANDLE_INFO;
#define OBP_IN_DATABASE MAXULONG

// What a caller's OBJECT_ATTRIBUTES said, captured.
typedef struct _OBJECT_CREATE_INFORMATION {
    ULONG Attributes;
    HANDLE RootDirectory;
    PVOID ParseContext;
    KPROCESSOR_MODE ProbeMode;
    BOOLEAN HasQos;
    SECURITY_QUALITY_OF_SERVICE Qos;
    PSECURITY_DESCRIPTOR SecurityDescriptor; // captured; moves to the header on insertion
} OBJECT_CREATE_INFORMATION, *POBJECT_CREATE_INFORMATION;

// capture.c
NTSTATUS ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode,
                              POBJECT_CREATE_INFORMATION Information, PUNICODE_STRING Name);
VOID ObpReleaseCreateInformation(POBJECT_CREATE_INFORMATION Information);
NTSTATUS ObpCaptureName(PUNICODE_STRING Captured, PUNICODE_STRING Source, KPROCESSOR_MODE Mode);
VOID ObpFreeName(PUNICODE_STRING Name);
VOID ObpInitCapture(VOID);
POBJECT_CREATE_INFORMATION ObpAllocateCreateInformation(VOID);
VOID ObpFreeCreateInformation(POBJECT_CREATE_INFORMATION Information);

// object.c
POBJECT_HEADER ObpAllocateObject(POBJECT_TYPE Type, ULONG BodySize, BOOLEAN Named, BOOLEAN Exclusive);
VOID ObpDeleteObject(POBJECT_HEADER Header);
VOID ObpDropCreateInformation(POBJECT_HEADER Header);
FORCEINLINE POBP_HANDLE_INFO ObpHandleInfo(POBJECT_HEADER Header)
{
    return Header->HandleInfoOffset != 0 ? (POBP_HANDLE_INFO)((PCHAR)Header - Header->HandleInfoOffset) : NULL;
}
FORCEINLINE POBP_EXCLUSIVE_INFO ObpExclusiveInfo(POBJECT_HEADER Header)
{
    return Header->QuotaInfoOffset != 0 ? (POBP_EXCLUSIVE_INFO)((PCHAR)Header - Header->QuotaInfoOffset) : NULL;
}
FORCEINLINE POBJECT_HEADER ObpNameInfoToHeader(POBJECT_HEADER_NAME_INFO Info)
{
    return (POBJECT_HEADER)(Info + 1);
}

// type.c
extern POBJECT_TYPE ObpObjectTypes[OBP_MAX_TYPES]; // by Index - 1
extern ULONG ObpTypeCount;
NTSTATUS ObpCreateTypeDirectory(POBJECT_DIRECTORY Directory);
VOID ObpLinkToType(POBJECT_HEADER Header);
VOID ObpUnlinkFromType(POBJECT_HEADER Header);

// name.c: the namespace. One push lock guards every directory's buckets and every name's Directory pointer.
extern EX_PUSH_LOCK ObpNamespaceLock;
extern POBJECT_DIRECTORY ObpRootDirectory;
VOID ObpLockNamespace(BOOLEAN Exclusive);
VOID ObpUnlockNamespace(BOOLEAN Exclusive);
POBJECT_HEADER_NAME_INFO ObpFindName(POBJECT_DIRECTORY Directory, PCUNICODE_STRING Name);
VOID ObpInsertName(POBJECT_DIRECTORY Directory, POBJECT_HEADER Header, PUNICODE_STRING Path,
                   PCUNICODE_STRING Component);
VOID ObpDeleteName(POBJECT_HEADER Header);

// lookup.c
typedef struct _OBP_LOOKUP {
    UNICODE_STRING Name; // pool memory; parse procedures may replace it; the caller of ObpLookupName frees what is left
    POBJECT_CREATE_INFORMATION Information;
    POBJECT_TYPE Type; // NULL: any
    KPROCESSOR_MODE Mode;
    PVOID ParseContext;
    PACCESS_STATE AccessState;
    POBJECT_HEADER Insert; // to be put under this name if it is free
    BOOLEAN Inserted;
} OBP_LOOKUP, *POBP_LOOKUP;
NTSTATUS ObpLookupName(POBP_LOOKUP Lookup, PVOID *Object);

// access.c
NTSTATUS ObpCheckAccess(PVOID Object, PACCESS_STATE State, KPROCESSOR_MODE Mode);

// handlecount.c
NTSTATUS ObpIncrementHandleCount(OB_OPEN_REASON Reason, POBJECT_HEADER Header, PEPROCESS Process,
                                 ACCESS_MASK GrantedAccess, ULONG Attributes);
VOID ObpDecrementHandleCount(POBJECT_HEADER Header, PEPROCESS Process, ACCESS_MASK GrantedAccess);

// handle.c
extern PHANDLE_TABLE ObpKernelHandleTable;
NTSTATUS ObpCreateHandle(OB_OPEN_REASON Reason, PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes,
                         PHANDLE Handle);
// The handle table of a process, safe until ObpReleaseProcessTable; NULL (nothing to release) if it has none any
// more. The current thread's own process loses its table only with its last thread, and that is running here: no
// lock.
PHANDLE_TABLE ObpAcquireOtherTable(PEPROCESS Process);
VOID ObpReleaseOtherTable(VOID);
FORCEINLINE PHANDLE_TABLE ObpAcquireProcessTable(PEPROCESS Process)
{
    return &Process->Pcb == KeGetCurrentThread()->Process ? Process->ObjectTable : ObpAcquireOtherTable(Process);
}
FORCEINLINE VOID ObpReleaseProcessTable(PEPROCESS Process)
{
    if (&Process->Pcb != KeGetCurrentThread()->Process)
        ObpReleaseOtherTable();
}
// OBJ_* of a handle-table entry, and the bits of an entry for OBJ_*.
FORCEINLINE ULONG ObpEntryAttributes(const HANDLE_TABLE_ENTRY *Entry)
{
    return (Entry->Value & OBP_ENTRY_INHERIT) | (Entry->Value & OBP_ENTRY_PROTECT ? OBJ_PROTECT_CLOSE : 0);
}
FORCEINLINE ULONG_PTR ObpEntryBits(ULONG Attributes)
{
    return (Attributes & OBJ_INHERIT) | (Attributes & OBJ_PROTECT_CLOSE ? OBP_ENTRY_PROTECT : 0);
}
PHANDLE_TABLE ObpDetachProcessTable(PEPROCESS Process);
NTSTATUS ObpReferenceEntry(PHANDLE_TABLE Table, HANDLE Handle, POBJECT_HEADER *Header,
                           POBJECT_HANDLE_INFORMATION Information);
FORCEINLINE BOOLEAN ObpIsKernelHandle(HANDLE Handle, KPROCESSOR_MODE Mode)
{
    return Mode == KernelMode && (LONG)(LONG_PTR)Handle < 0;
}
FORCEINLINE HANDLE ObpStripKernelHandle(HANDLE Handle)
{
    return (HANDLE)((ULONG_PTR)Handle & ~(ULONG_PTR)OBJ_HANDLE_KERNEL_FLAG);
}

// close.c
NTSTATUS ObpCloseTableHandle(PEPROCESS Process, PHANDLE_TABLE Table, HANDLE Handle, KPROCESSOR_MODE Mode,
                             BOOLEAN TableAcquired);

// link.c, directory.c
NTSTATUS NTAPI ObpParseSymbolicLink(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                                    KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                                    PUNICODE_STRING RemainingName, PVOID Context,
                                    PSECURITY_QUALITY_OF_SERVICE SecurityQos, PVOID *Object);
BOOLEAN ObpCreateLinkType(VOID);
BOOLEAN ObpCreateDirectoryType(VOID);
NTSTATUS ObpCreatePermanentDirectory(PCWSTR Name, POBJECT_DIRECTORY *Directory);
NTSTATUS ObpCreatePermanentLink(PCWSTR Name, PCWSTR Target);

// delete.c
BOOLEAN ObpInitDeletion(VOID);

// service.c
NTSTATUS ObpOpenService(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        POBJECT_TYPE Type);

// query.c
NTSTATUS ObpCopyOut(PVOID Target, const VOID *Source, ULONG Length, PULONG ReturnLength);
NTSTATUS ObpProbeOutput(PVOID Information, ULONG Length, PULONG ReturnLength, KPROCESSOR_MODE Mode);

#endif
