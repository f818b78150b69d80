// SPDX-License-Identifier: MIT
// Ob: objects, handles, directories, symbolic links. Contracts stand at the definitions in ob/.
// Source: WDK (ntifs.h, ntddk.h), Windows Internals, "Object Manager".

#ifndef MICA_NTOS_OB_H
#define MICA_NTOS_OB_H

#include "ke.h"
#include "ex.h"
#include "se.h"

typedef enum _OB_OPEN_REASON {
    ObCreateHandle,
    ObOpenHandle,
    ObDuplicateHandle,
    ObInheritHandle,
    ObMaxOpenReason
} OB_OPEN_REASON;

typedef VOID(NTAPI *OB_DUMP_METHOD)(PVOID Object, PVOID Control);
typedef NTSTATUS(NTAPI *OB_OPEN_METHOD)(OB_OPEN_REASON Reason, PEPROCESS Process, PVOID Object,
                                        ACCESS_MASK GrantedAccess, ULONG HandleCount);
// ProcessHandleCount and SystemHandleCount are the counts before this close.
typedef VOID(NTAPI *OB_CLOSE_METHOD)(PEPROCESS Process, PVOID Object, ACCESS_MASK GrantedAccess,
                                     ULONG ProcessHandleCount, ULONG SystemHandleCount);
typedef VOID(NTAPI *OB_DELETE_METHOD)(PVOID Object); // at PASSIVE_LEVEL, the last reference is gone
// Called when a name's rest reaches the object: consumes CompleteName's RemainingName. STATUS_REPARSE restarts with
// CompleteName.
typedef NTSTATUS(NTAPI *OB_PARSE_METHOD)(PVOID ParseObject, struct _OBJECT_TYPE *ObjectType, PACCESS_STATE AccessState,
                                         KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                                         PUNICODE_STRING RemainingName, PVOID Context,
                                         PSECURITY_QUALITY_OF_SERVICE SecurityQos, PVOID *Object);
typedef NTSTATUS(NTAPI *OB_QUERYNAME_METHOD)(PVOID Object, BOOLEAN HasObjectName, POBJECT_NAME_INFORMATION Name,
                                             ULONG Length, PULONG ReturnLength, KPROCESSOR_MODE Mode);
typedef BOOLEAN(NTAPI *OB_OKAYTOCLOSE_METHOD)(PEPROCESS Process, PVOID Object, HANDLE Handle, KPROCESSOR_MODE Mode);

typedef struct _OBJECT_TYPE_INITIALIZER {
    USHORT Length;
    BOOLEAN
    UseDefaultObject; // wait on an always-signaled event (objects without a DISPATCHER_HEADER at DefaultWaitOffset)
    BOOLEAN CaseInsensitive;
    ULONG InvalidAttributes;
    GENERIC_MAPPING GenericMapping;
    ACCESS_MASK ValidAccessMask;
    BOOLEAN SecurityRequired;
    BOOLEAN MaintainHandleCount;
    BOOLEAN MaintainTypeList;
    POOL_TYPE PoolType;
    ULONG DefaultPagedPoolCharge;
    ULONG DefaultNonPagedPoolCharge;
    LONG DispatcherOffset; // where the DISPATCHER_HEADER lies in the body; -1: cannot be waited for; file objects:
                           // offset of Event
    OB_DUMP_METHOD DumpProcedure;
    OB_OPEN_METHOD OpenProcedure;
    OB_CLOSE_METHOD CloseProcedure;
    OB_DELETE_METHOD DeleteProcedure;
    OB_PARSE_METHOD ParseProcedure;
    OB_QUERYNAME_METHOD QueryNameProcedure;
    OB_OKAYTOCLOSE_METHOD OkayToCloseProcedure;
} OBJECT_TYPE_INITIALIZER, *POBJECT_TYPE_INITIALIZER;

typedef struct _OBJECT_TYPE {
    LIST_ENTRY TypeList; // of all objects, if MaintainTypeList
    UNICODE_STRING Name;
    UCHAR Index;
    ULONG TotalNumberOfObjects;
    ULONG TotalNumberOfHandles;
    ULONG HighWaterNumberOfObjects;
    ULONG HighWaterNumberOfHandles;
    OBJECT_TYPE_INITIALIZER TypeInfo;
    ULONG Key; // pool tag
} OBJECT_TYPE, *POBJECT_TYPE;

// The header in front of every object; the optional parts lie in front of it (name, handle information).
typedef struct _OBJECT_HEADER_NAME_INFO {
    struct _OBJECT_DIRECTORY *Directory; // holds a reference while linked
    UNICODE_STRING Name;
    struct _OBJECT_HEADER_NAME_INFO *HashNext; // unused outside a directory
} OBJECT_HEADER_NAME_INFO, *POBJECT_HEADER_NAME_INFO;

typedef struct _OBJECT_HEADER {
    volatile LONG PointerCount; // references, those of handles included
    union {
        volatile LONG HandleCount;
        PVOID NextToFree; // while deletion is put off
    };
    POBJECT_TYPE Type;
    UCHAR NameInfoOffset; // bytes in front of the header; 0: no name
    UCHAR HandleInfoOffset;
    UCHAR QuotaInfoOffset;
    UCHAR Flags;            // OB_FLAG_*
    PVOID ObjectCreateInfo; // until inserted
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    LIST_ENTRY TypeLinks; // if MaintainTypeList
    ULONGLONG Body[] ALIGNED(8);
} OBJECT_HEADER, *POBJECT_HEADER;
#define OBJECT_TO_OBJECT_HEADER(o) ((POBJECT_HEADER)((PCHAR)(o)-FIELD_OFFSET(OBJECT_HEADER, Body)))
#define OBJECT_HEADER_TO_NAME_INFO(h)                                                                                  \
    ((h)->NameInfoOffset ? (POBJECT_HEADER_NAME_INFO)((PCHAR)(h) - (h)->NameInfoOffset) : NULL)
#define OB_FLAG_NEW_OBJECT 0x01
#define OB_FLAG_KERNEL_OBJECT 0x02
#define OB_FLAG_PERMANENT 0x10
#define OB_FLAG_EXCLUSIVE 0x08

typedef struct _OBJECT_HANDLE_INFORMATION {
    ULONG HandleAttributes;
    ACCESS_MASK GrantedAccess;
} OBJECT_HANDLE_INFORMATION, *POBJECT_HANDLE_INFORMATION;

extern POBJECT_TYPE ObpTypeObjectType, ObpDirectoryObjectType, ObpSymbolicLinkObjectType;

BOOLEAN ObInitSystem(ULONG Phase); // 0: types, system handle table; 1: \, \ObjectTypes, \BaseNamedObjects, \Device,
                                   // \Driver, \??, \KnownDlls, ...
NTCHECK ObCreateObjectType(PUNICODE_STRING TypeName, POBJECT_TYPE_INITIALIZER Initializer,
                           PSECURITY_DESCRIPTOR Security, POBJECT_TYPE *Type);
NTCHECK ObCreateObject(KPROCESSOR_MODE ProbeMode, POBJECT_TYPE Type, POBJECT_ATTRIBUTES Attributes,
                       KPROCESSOR_MODE OwnershipMode, PVOID ParseContext, ULONG BodySize, ULONG PagedCharge,
                       ULONG NonPagedCharge, PVOID *Object); // body zeroed
// Names it and/or makes a handle. Always consumes the creator's reference. STATUS_OBJECT_NAME_EXISTS with OBJ_OPENIF.
NTCHECK ObInsertObject(PVOID Object, PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess, ULONG AdditionalReferences,
                       PVOID *ReferencedObject, PHANDLE Handle);
NTCHECK ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode,
                                  PVOID *Object, POBJECT_HANDLE_INFORMATION Information);
NTCHECK ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode);
BOOLEAN ObReferenceObjectSafe(PVOID Object); // FALSE if it is already being deleted
NTCHECK ObReferenceObjectByName(PUNICODE_STRING Name, ULONG Attributes, PACCESS_STATE AccessState,
                                ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode, PVOID ParseContext,
                                PVOID *Object);
LONG FASTCALL ObfReferenceObject(PVOID Object);
LONG FASTCALL
ObfDereferenceObject(PVOID Object);     // <= DISPATCH_LEVEL (deletion is deferred to a worker above PASSIVE_LEVEL)
VOID ObLastReferenceGone(PVOID Object); // what ObfDereferenceObject does when the count has reached 0
#define ObReferenceObject(o) ObfReferenceObject(o)
#define ObDereferenceObject(o) ObfDereferenceObject(o)
NTCHECK ObOpenObjectByName(POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type, KPROCESSOR_MODE Mode,
                           PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess, PVOID ParseContext, PHANDLE Handle);
NTCHECK ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE AccessState,
                              ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode, PHANDLE Handle);
NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE Mode);
NTCHECK ObDuplicateObject(PEPROCESS SourceProcess, HANDLE SourceHandle, PEPROCESS TargetProcess, PHANDLE TargetHandle,
                          ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options, KPROCESSOR_MODE Mode);
NTCHECK ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION Information, ULONG Length, PULONG ReturnLength);
VOID NTAPI ObMakeTemporaryObject(PVOID Object);
// Gives a new process its handle table; with Parent, copies of its inheritable handles.
NTCHECK ObInitProcess(PEPROCESS Parent, PEPROCESS Process);
VOID ObKillProcess(PEPROCESS Process); // closes every handle; last thread's context
ULONG ObGetProcessHandleCount(PEPROCESS Process);
// The object a wait on Object means: its dispatcher header, NULL if the type cannot be waited for.
PVOID ObGetWaitObject(PVOID Object);
// Runs a delete procedure that was put off because of the IRQL (a worker thread).
// Services with a PHANDLE result: can it be written; write it (if that faults the handle is closed again).
NTCHECK ObProbeHandle(PHANDLE Handle, KPROCESSOR_MODE Mode);
NTCHECK ObReturnHandle(PHANDLE Handle, HANDLE Value, KPROCESSOR_MODE Mode);
// Calls Callback for each handle of Process, entry locked; FALSE if it has no handle table (any more). For information
// classes.
typedef BOOLEAN (*POB_ENUMERATE_HANDLE_ROUTINE)(HANDLE Handle, POBJECT_HEADER Header, ACCESS_MASK GrantedAccess,
                                                ULONG Attributes, PVOID Context);
BOOLEAN ObEnumerateHandles(PEPROCESS Process, POB_ENUMERATE_HANDLE_ROUTINE Callback, PVOID Context);
#define OBJ_PROTECT_CLOSE 0x00000001
#define OBJ_HANDLE_KERNEL_FLAG 0x80000000u // kernel handles have the top bit set

#endif
