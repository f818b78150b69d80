// SPDX-License-Identifier: MIT
// The base types of the NT interface, for the kernel and ntdll. The Win32 DLLs are compiled with MICA_WIN32 and
// take the same names from mingw-w64's windows.h instead, so that the compiler compares the two worlds.
// Source: SDK documentation ("Windows Data Types"), winnt.h's documented layouts.

#ifndef MICA_NT_NTTYPES_H
#define MICA_NT_NTTYPES_H

#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define ALIGNED(n) __attribute__((aligned(n)))

#ifdef MICA_WIN32

#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>

typedef LONG NTSTATUS, *PNTSTATUS;
typedef CCHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef UCHAR KIRQL, *PKIRQL;

#else

#define NTAPI __attribute__((stdcall))
#define FASTCALL __attribute__((fastcall))
#define CDECL __attribute__((cdecl))
#define WINAPI NTAPI
#define CALLBACK NTAPI
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define FORCEINLINE static inline __attribute__((always_inline))
#define UNALIGNED
#define CONST const
#define VOID void
#define IN
#define OUT
#define OPTIONAL

typedef void *PVOID, **PPVOID;
typedef const void *PCVOID;
typedef char CHAR, CCHAR, *PCHAR, *PSTR;
typedef const char *PCSTR, *PCSZ, *LPCSTR;
typedef char *LPSTR;
typedef signed char INT8, SCHAR;
typedef unsigned char UCHAR, BYTE, UINT8, BOOLEAN, *PUCHAR, *PBYTE, *PBOOLEAN;
typedef short SHORT, INT16, *PSHORT;
typedef unsigned short USHORT, WORD, UINT16, *PUSHORT, *PWORD;
typedef int INT, INT32, BOOL, *PINT, *PBOOL;
typedef unsigned int UINT, UINT32, *PUINT;
typedef long LONG, *PLONG, LONG32;
typedef unsigned long ULONG, DWORD, ULONG32, LOGICAL, *PULONG, *PDWORD, *PLOGICAL;
typedef long long LONGLONG, LONG64, INT64, *PLONGLONG;
typedef unsigned long long ULONGLONG, ULONG64, UINT64, DWORD64, DWORDLONG, *PULONGLONG, *PULONG64;
typedef long LONG_PTR, INT_PTR, SSIZE_T, *PLONG_PTR;
typedef unsigned long ULONG_PTR, UINT_PTR, DWORD_PTR, SIZE_T, KAFFINITY, *PULONG_PTR, *PSIZE_T, *PKAFFINITY;
typedef unsigned short WCHAR, *PWCHAR, *PWSTR, *LPWSTR;
typedef const WCHAR *PCWSTR, *LPCWSTR, *PCWCH;
typedef LONG NTSTATUS, *PNTSTATUS;
typedef PVOID HANDLE, *PHANDLE;
typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef ULONG LCID, EXECUTION_STATE;
typedef USHORT LANGID;
typedef CCHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef UCHAR KIRQL, *PKIRQL;
typedef ULONGLONG PHYSICAL_ADDRESS_VALUE;

#define TRUE 1
#define FALSE 0
#ifndef NULL
#define NULL ((void *)0)
#endif
#define MAXULONG 0xFFFFFFFFul
#define MAXLONG 0x7FFFFFFFl
#define MINLONG ((LONG)0x80000000)
#define MAXUSHORT 0xFFFF
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY, SLIST_ENTRY, *PSLIST_ENTRY;

typedef union _SLIST_HEADER {
    ULONGLONG Alignment;
    struct {
        SLIST_ENTRY Next;
        USHORT Depth;
        USHORT Sequence;
    };
} SLIST_HEADER, *PSLIST_HEADER;

#define FIELD_OFFSET(Type, Field) ((LONG) __builtin_offsetof(Type, Field))
#define RTL_FIELD_SIZE(Type, Field) (sizeof(((Type *)0)->Field))
#define CONTAINING_RECORD(Address, Type, Field) ((Type *)((PCHAR)(Address) - __builtin_offsetof(Type, Field)))
#define RTL_NUMBER_OF(a) (sizeof(a) / sizeof((a)[0]))
#define ARRAYSIZE RTL_NUMBER_OF
#define UNREFERENCED_PARAMETER(p) ((void)(p))
#define LOBYTE(w) ((UCHAR)((ULONG_PTR)(w)&0xFF))
#define HIBYTE(w) ((UCHAR)(((ULONG_PTR)(w) >> 8) & 0xFF))

#endif // MICA_WIN32

#include <ntstatus.h>

#define NT_SUCCESS(Status) ((NTSTATUS)(Status) >= 0)
#define NT_INFORMATION(Status) ((((ULONG)(Status)) >> 30) == 1)
#define NT_WARNING(Status) ((((ULONG)(Status)) >> 30) == 2)
#define NT_ERROR(Status) ((((ULONG)(Status)) >> 30) == 3)

// A function whose status the caller must look at.
#define NTCHECK MUST_CHECK NTSTATUS NTAPI
// Says in the code that a failure is deliberately of no consequence here.
#define IGNORE_STATUS(Expression)                                                                                      \
    do {                                                                                                               \
        NTSTATUS Ignored_ = (Expression);                                                                              \
        (void)Ignored_;                                                                                                \
    } while (0)

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN_BY(v, a) ((ULONG_PTR)(v) & ~((ULONG_PTR)(a)-1))
#define ALIGN_UP_BY(v, a) (((ULONG_PTR)(v) + ((a)-1)) & ~((ULONG_PTR)(a)-1))
#define C_ASSERT_SIZE(Type, Size) _Static_assert(sizeof(Type) == (Size), "size of " #Type)
#define C_ASSERT_OFFSET(Type, Field, Offset)                                                                           \
    _Static_assert(__builtin_offsetof(Type, Field) == (Offset), #Type "." #Field)

#define PAGE_SIZE 0x1000u
#define PAGE_SHIFT 12
#define BYTE_OFFSET(Va) ((ULONG)((ULONG_PTR)(Va) & (PAGE_SIZE - 1)))
#define PAGE_ALIGN(Va) ((PVOID)((ULONG_PTR)(Va) & ~(ULONG_PTR)(PAGE_SIZE - 1)))
#define ROUND_TO_PAGES(Size) (((ULONG_PTR)(Size) + PAGE_SIZE - 1) & ~(ULONG_PTR)(PAGE_SIZE - 1))
#define BYTES_TO_PAGES(Size) (((ULONG)(Size) >> PAGE_SHIFT) + (((ULONG)(Size) & (PAGE_SIZE - 1)) != 0))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(Va, Size)                                                                       \
    ((ULONG)((BYTE_OFFSET(Va) + (ULONG_PTR)(Size) + (PAGE_SIZE - 1)) >> PAGE_SHIFT))

typedef struct _UNICODE_STRING {
    USHORT Length;        // bytes, without a terminator
    USHORT MaximumLength; // bytes
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, ANSI_STRING, OEM_STRING, *PSTRING, *PANSI_STRING, *POEM_STRING;
typedef const STRING *PCSTRING, *PCANSI_STRING, *PCOEM_STRING;

#define RTL_CONSTANT_STRING(s)                                                                                         \
    {                                                                                                                  \
        sizeof(s) - sizeof((s)[0]), sizeof(s), (void *)(s)                                                             \
    }

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define OBJ_VALID_ATTRIBUTES 0x000007F2

#define InitializeObjectAttributes(p, n, a, r, s)                                                                      \
    do {                                                                                                               \
        (p)->Length = sizeof(OBJECT_ATTRIBUTES);                                                                       \
        (p)->RootDirectory = (r);                                                                                      \
        (p)->Attributes = (a);                                                                                         \
        (p)->ObjectName = (n);                                                                                         \
        (p)->SecurityDescriptor = (s);                                                                                 \
        (p)->SecurityQualityOfService = NULL;                                                                          \
    } while (0)

typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

#define NtCurrentProcess() ((HANDLE)(LONG_PTR)-1)
#define NtCurrentThread() ((HANDLE)(LONG_PTR)-2)
#define ZwCurrentProcess NtCurrentProcess
#define ZwCurrentThread NtCurrentThread

typedef struct _IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        PVOID Pointer;
    };
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

typedef VOID(NTAPI *PIO_APC_ROUTINE)(PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG Reserved);

// A system time with its high half stored twice, so that a reader without a lock sees a torn update.
typedef struct _KSYSTEM_TIME {
    ULONG LowPart;
    LONG High1Time;
    LONG High2Time;
} KSYSTEM_TIME, *PKSYSTEM_TIME;

typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;

#endif
