// SPDX-License-Identifier: MIT
// Rtl: the run-time library that the kernel and ntdll share (rtl/), and the part only ntdll has (heaps, critical
// sections, vectored handlers, environment). Contracts stand at the definitions. Source: WDK documentation.

#ifndef MICA_NT_NTRTL_H
#define MICA_NT_NTRTL_H

#include "ntbase.h"
#include "ntimage.h"
#include "ntps.h"

// --- memory; the C names are exported by ntdll too, and gcc calls them on its own
#ifndef MICA_WIN32
void *CDECL memcpy(void *Destination, const void *Source, size_t Length);
void *CDECL memmove(void *Destination, const void *Source, size_t Length);
void *CDECL memset(void *Destination, int Value, size_t Length);
int CDECL memcmp(const void *First, const void *Second, size_t Length);
size_t CDECL strlen(const char *String);
int CDECL strcmp(const char *First, const char *Second);
int CDECL strncmp(const char *First, const char *Second, size_t Count);
char *CDECL strchr(const char *String, int Character);
char *CDECL strrchr(const char *String, int Character);
char *CDECL strstr(const char *String, const char *Pattern);
char *CDECL strcpy(char *Destination, const char *Source);
char *CDECL strncpy(char *Destination, const char *Source, size_t Count);
char *CDECL strcat(char *Destination, const char *Source);
int CDECL _stricmp(const char *First, const char *Second);
int CDECL _strnicmp(const char *First, const char *Second, size_t Count);
unsigned long CDECL strtoul(const char *String, char **End, int Base);
size_t CDECL wcslen(const WCHAR *String);
WCHAR *CDECL wcscpy(WCHAR *Destination, const WCHAR *Source);
WCHAR *CDECL wcsncpy(WCHAR *Destination, const WCHAR *Source, size_t Count);
WCHAR *CDECL wcscat(WCHAR *Destination, const WCHAR *Source);
int CDECL wcscmp(const WCHAR *First, const WCHAR *Second);
int CDECL wcsncmp(const WCHAR *First, const WCHAR *Second, size_t Count);
int CDECL _wcsicmp(const WCHAR *First, const WCHAR *Second);
int CDECL _wcsnicmp(const WCHAR *First, const WCHAR *Second, size_t Count);
WCHAR *CDECL wcschr(const WCHAR *String, WCHAR Character);
WCHAR *CDECL wcsrchr(const WCHAR *String, WCHAR Character);
WCHAR *CDECL wcsstr(const WCHAR *String, const WCHAR *Pattern);
// %c %s %S %ws %wZ %Z %d %i %u %x %X %p %o, flags - 0 # + space, width, precision, h l ll I64. Returns the length or
// -1 if it did not fit; always ends with a NUL when Count > 0.
int CDECL _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments);
int CDECL _snprintf(char *Buffer, size_t Count, const char *Format, ...);
int CDECL _snwprintf(WCHAR *Buffer, size_t Count, const WCHAR *Format, ...);

#define RtlCopyMemory(d, s, n) memcpy((d), (s), (n))
#define RtlMoveMemory(d, s, n) memmove((d), (s), (n))
#define RtlZeroMemory(d, n) __builtin_memset((d), 0, (n)) // small structures: in place
#define RtlFillMemory(d, n, v) memset((d), (v), (n))
#define RtlEqualMemory(a, b, n) (memcmp((a), (b), (n)) == 0)
SIZE_T NTAPI RtlCompareMemory(const VOID *First, const VOID *Second, SIZE_T Length);
#endif

// Allocation for shared Rtl code: paged pool in the kernel, the process heap in ntdll. NULL when there is none.
PVOID NTAPI RtlpAllocateMemory(SIZE_T Bytes, ULONG Tag);
VOID NTAPI RtlpFreeMemory(PVOID Memory, ULONG Tag);
#define TAG_RTL_STRING 0x53625452 // 'RTbS'

// --- doubly linked lists
#ifndef MICA_WIN32
FORCEINLINE VOID InitializeListHead(PLIST_ENTRY Head)
{
    Head->Flink = Head->Blink = Head;
}
FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *Head)
{
    return Head->Flink == Head;
}
// TRUE if the list is empty afterwards.
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY Flink = Entry->Flink, Blink = Entry->Blink;

    Blink->Flink = Flink;
    Flink->Blink = Blink;
    return Flink == Blink;
}
FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY Head)
{
    PLIST_ENTRY Entry = Head->Flink;

    RemoveEntryList(Entry);
    return Entry;
}
FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY Head)
{
    PLIST_ENTRY Entry = Head->Blink;

    RemoveEntryList(Entry);
    return Entry;
}
FORCEINLINE VOID InsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    Entry->Flink = Head;
    Entry->Blink = Head->Blink;
    Head->Blink->Flink = Entry;
    Head->Blink = Entry;
}
FORCEINLINE VOID InsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    Entry->Flink = Head->Flink;
    Entry->Blink = Head;
    Head->Flink->Blink = Entry;
    Head->Flink = Entry;
}
#endif

// --- strings
VOID NTAPI RtlInitAnsiString(PANSI_STRING Destination, PCSTR Source);
VOID NTAPI RtlInitString(PSTRING Destination, PCSTR Source);
VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source);
NTCHECK RtlInitUnicodeStringEx(PUNICODE_STRING Destination, PCWSTR Source);
LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInsensitive);
BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING First, PCUNICODE_STRING Second, BOOLEAN CaseInsensitive);
BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING Prefix, PCUNICODE_STRING String, BOOLEAN CaseInsensitive);
BOOLEAN NTAPI RtlEqualString(const STRING *First, const STRING *Second, BOOLEAN CaseInsensitive);
VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTCHECK RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTCHECK RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);
NTCHECK RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING Source, PUNICODE_STRING Destination);
#define RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE 1
BOOLEAN NTAPI RtlCreateUnicodeString(PUNICODE_STRING Destination, PCWSTR Source);
VOID NTAPI RtlFreeUnicodeString(PUNICODE_STRING String);
VOID NTAPI RtlFreeAnsiString(PANSI_STRING String);
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR Character);
WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR Character);
NTCHECK RtlUpcaseUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate);
NTCHECK RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInsensitive, ULONG Algorithm, PULONG Hash);
NTCHECK RtlAnsiStringToUnicodeString(PUNICODE_STRING Destination, PCANSI_STRING Source, BOOLEAN Allocate);
NTCHECK RtlUnicodeStringToAnsiString(PANSI_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate);
// The ANSI code page is 1252. Sizes are in bytes; characters without a mapping become '?'.
NTCHECK RtlMultiByteToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR MultiByte, ULONG MultiByteSize);
NTCHECK RtlOemToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR Oem, ULONG OemSize);
NTCHECK RtlUnicodeToOemN(PCHAR Oem, ULONG OemSize, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize);
NTCHECK RtlUnicodeToMultiByteN(PCHAR MultiByte, ULONG MultiByteSize, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize);
NTCHECK RtlMultiByteToUnicodeSize(PULONG Size, PCSTR MultiByte, ULONG MultiByteSize);
NTCHECK RtlUnicodeToMultiByteSize(PULONG Size, PCWSTR Unicode, ULONG UnicodeSize);
NTCHECK RtlUTF8ToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR Utf8, ULONG Utf8Size);
NTCHECK RtlUnicodeToUTF8N(PCHAR Utf8, ULONG Utf8Size, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize);
NTCHECK RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTCHECK RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);
// Matches a name against an upper-cased expression with * ? and the DOS forms < > " (WDK: FsRtlIsNameInExpression).
BOOLEAN NTAPI RtlIsNameInExpression(PCUNICODE_STRING Expression, PCUNICODE_STRING Name, BOOLEAN IgnoreCase);

// --- bitmaps
typedef struct _RTL_BITMAP {
    ULONG SizeOfBitMap; // bits
    PULONG Buffer;
} RTL_BITMAP, *PRTL_BITMAP;
VOID NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMap, PULONG Buffer, ULONG Bits);
VOID NTAPI RtlClearAllBits(PRTL_BITMAP BitMap);
VOID NTAPI RtlSetAllBits(PRTL_BITMAP BitMap);
VOID NTAPI RtlSetBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count);
VOID NTAPI RtlClearBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count);
BOOLEAN NTAPI RtlTestBit(PRTL_BITMAP BitMap, ULONG Bit);
BOOLEAN NTAPI RtlAreBitsClear(PRTL_BITMAP BitMap, ULONG Start, ULONG Count);
BOOLEAN NTAPI RtlAreBitsSet(PRTL_BITMAP BitMap, ULONG Start, ULONG Count);
ULONG NTAPI RtlFindClearBits(PRTL_BITMAP BitMap, ULONG Count, ULONG Hint);
ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMap, ULONG Count, ULONG Hint);
ULONG NTAPI RtlNumberOfSetBits(PRTL_BITMAP BitMap);

// --- time
typedef struct _TIME_FIELDS {
    SHORT Year, Month, Day, Hour, Minute, Second, Milliseconds, Weekday;
} TIME_FIELDS, *PTIME_FIELDS;
VOID NTAPI RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS Fields);
BOOLEAN NTAPI RtlTimeFieldsToTime(PTIME_FIELDS Fields, PLARGE_INTEGER Time);

// --- images
PIMAGE_NT_HEADERS32 NTAPI RtlImageNtHeader(PVOID Base);
PVOID NTAPI RtlImageDirectoryEntryToData(PVOID Base, BOOLEAN MappedAsImage, USHORT Entry, PULONG Size);
// The address of an exported routine of a mapped image by name, NULL if there is none (forwarders not followed).
PVOID NTAPI RtlFindExportedRoutineByName(PVOID Base, PCSTR Name);

// --- exceptions (rtl/exception.c)
BOOLEAN NTAPI RtlDispatchException(PEXCEPTION_RECORD Record, PCONTEXT Context);
VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD Record);
DECLSPEC_NORETURN VOID NTAPI RtlRaiseStatus(NTSTATUS Status);
#ifndef MICA_WIN32
VOID NTAPI RtlUnwind(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD Record, PVOID ReturnValue);
VOID NTAPI RtlCaptureContext(PCONTEXT Context);
#endif

// --- security identifiers
BOOLEAN NTAPI RtlValidSid(PSID Sid);
ULONG NTAPI RtlLengthSid(PSID Sid);
BOOLEAN NTAPI RtlEqualSid(PSID First, PSID Second);
ULONG NTAPI RtlLengthRequiredSid(ULONG SubAuthorityCount);
NTCHECK RtlCopySid(ULONG Length, PSID Destination, PSID Source);
NTCHECK RtlInitializeSid(PSID Sid, SID_IDENTIFIER_AUTHORITY *Authority, UCHAR SubAuthorityCount);
PULONG NTAPI RtlSubAuthoritySid(PSID Sid, ULONG Index);

ULONG NTAPI RtlUniform(PULONG Seed);
ULONG NTAPI RtlRandomEx(PULONG Seed);
ULONG NTAPI RtlNtStatusToDosError(NTSTATUS Status);
ULONG NTAPI RtlNtStatusToDosErrorNoTeb(NTSTATUS Status);

// --- processes (rtl/process.c): kernel (smss) and ntdll
NTCHECK RtlCreateProcessParameters(PRTL_USER_PROCESS_PARAMETERS *Parameters, PUNICODE_STRING ImagePathName,
                                   PUNICODE_STRING DllPath, PUNICODE_STRING CurrentDirectory,
                                   PUNICODE_STRING CommandLine, PVOID Environment, PUNICODE_STRING WindowTitle,
                                   PUNICODE_STRING DesktopInfo, PUNICODE_STRING ShellInfo, PUNICODE_STRING RuntimeData);
NTCHECK RtlDestroyProcessParameters(PRTL_USER_PROCESS_PARAMETERS Parameters);
PRTL_USER_PROCESS_PARAMETERS NTAPI RtlNormalizeProcessParams(PRTL_USER_PROCESS_PARAMETERS Parameters);
PRTL_USER_PROCESS_PARAMETERS NTAPI RtlDeNormalizeProcessParams(PRTL_USER_PROCESS_PARAMETERS Parameters);
// The process is created with its first thread suspended; handles are the caller's.
NTCHECK RtlCreateUserProcess(PUNICODE_STRING ImageNtPath, ULONG Attributes, PRTL_USER_PROCESS_PARAMETERS Parameters,
                             PSECURITY_DESCRIPTOR ProcessSecurity, PSECURITY_DESCRIPTOR ThreadSecurity, HANDLE Parent,
                             BOOLEAN InheritHandles, HANDLE DebugPort, HANDLE ExceptionPort,
                             PRTL_USER_PROCESS_INFORMATION Information);
#define RTL_CLONE_PROCESS_FLAGS_CREATE_SUSPENDED 0x00000001
#define RTL_CLONE_PROCESS_FLAGS_INHERIT_HANDLES 0x00000002
#define RTL_CLONE_PROCESS_FLAGS_NO_SYNCHRONIZE 0x00000004
NTCHECK RtlCloneUserProcess(ULONG Flags, PSECURITY_DESCRIPTOR ProcessSecurity, PSECURITY_DESCRIPTOR ThreadSecurity,
                            HANDLE DebugPort, PRTL_USER_PROCESS_INFORMATION Information);
typedef ULONG(NTAPI *PUSER_THREAD_START_ROUTINE)(PVOID Parameter);
NTCHECK RtlCreateUserThread(HANDLE Process, PSECURITY_DESCRIPTOR Security, BOOLEAN Suspended, ULONG ZeroBits,
                            SIZE_T StackReserve, SIZE_T StackCommit, PUSER_THREAD_START_ROUTINE Start, PVOID Parameter,
                            PHANDLE Thread, PCLIENT_ID ClientId);
// Reserves a user stack in Process with a guard page below the committed part (rtl/process.c).
NTCHECK RtlpCreateUserStack(HANDLE Process, SIZE_T Reserve, SIZE_T Commit, PINITIAL_TEB InitialTeb);

#ifndef MICA_KERNEL
// --- ntdll only
#ifndef MICA_WIN32
#define NtCurrentTeb()                                                                                                 \
    ({                                                                                                                 \
        struct _TEB *Teb_;                                                                                             \
        __asm__("mov %%fs:0x18, %0" : "=r"(Teb_));                                                                     \
        Teb_;                                                                                                          \
    })
#endif
#define NtCurrentPeb() (((TEB *)NtCurrentTeb())->ProcessEnvironmentBlock)
#define RtlProcessHeap() (NtCurrentPeb()->ProcessHeap)
PVOID NTAPI RtlCreateHeap(ULONG Flags, PVOID Base, SIZE_T Reserve, SIZE_T Commit, PVOID Lock, PVOID Parameters);
PVOID NTAPI RtlDestroyHeap(PVOID Heap);
#ifndef MICA_WIN32
PVOID NTAPI RtlAllocateHeap(PVOID Heap, ULONG Flags, SIZE_T Size);
BOOLEAN NTAPI RtlFreeHeap(PVOID Heap, ULONG Flags, PVOID Memory);
PVOID NTAPI RtlReAllocateHeap(PVOID Heap, ULONG Flags, PVOID Memory, SIZE_T Size);
SIZE_T NTAPI RtlSizeHeap(PVOID Heap, ULONG Flags, PVOID Memory);
#else
PVOID NTAPI RtlAllocateHeap(PVOID Heap, ULONG Flags, SIZE_T Size);
BOOLEAN NTAPI RtlFreeHeap(PVOID Heap, ULONG Flags, PVOID Memory);
PVOID NTAPI RtlReAllocateHeap(PVOID Heap, ULONG Flags, PVOID Memory, SIZE_T Size);
SIZE_T NTAPI RtlSizeHeap(PVOID Heap, ULONG Flags, const VOID *Memory);
#endif
BOOLEAN NTAPI RtlValidateHeap(PVOID Heap, ULONG Flags, PVOID Memory);
BOOLEAN NTAPI RtlLockHeap(PVOID Heap);
BOOLEAN NTAPI RtlUnlockHeap(PVOID Heap);
ULONG NTAPI RtlGetProcessHeaps(ULONG Count, PVOID *Heaps);
NTCHECK RtlInitializeCriticalSection(PRTL_CRITICAL_SECTION Section);
NTCHECK RtlInitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION Section, ULONG SpinCount);
NTSTATUS NTAPI RtlEnterCriticalSection(PRTL_CRITICAL_SECTION Section);
VOID NTAPI RtlUpdateClonedCriticalSection(PRTL_CRITICAL_SECTION Section);
BOOLEAN NTAPI RtlTryEnterCriticalSection(PRTL_CRITICAL_SECTION Section);
NTSTATUS NTAPI RtlLeaveCriticalSection(PRTL_CRITICAL_SECTION Section);
NTSTATUS NTAPI RtlDeleteCriticalSection(PRTL_CRITICAL_SECTION Section);
PVOID NTAPI RtlAddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);
ULONG NTAPI RtlRemoveVectoredExceptionHandler(PVOID Handle);
PVOID NTAPI RtlAddVectoredContinueHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);
ULONG NTAPI RtlRemoveVectoredContinueHandler(PVOID Handle);
VOID NTAPI RtlAcquirePebLock(VOID);
VOID NTAPI RtlReleasePebLock(VOID);
PVOID NTAPI RtlEncodePointer(PVOID Pointer);
PVOID NTAPI RtlDecodePointer(PVOID Pointer);
NTCHECK RtlCreateEnvironment(BOOLEAN Inherit, PVOID *Environment);
SIZE_T RtlpEnvironmentLength(PCWSTR Environment); // not exported; units, with both terminators
VOID NTAPI RtlDestroyEnvironment(PVOID Environment);
NTCHECK RtlQueryEnvironmentVariable_U(PVOID Environment, PUNICODE_STRING Name, PUNICODE_STRING Value);
NTCHECK RtlSetEnvironmentVariable(PVOID *Environment, PUNICODE_STRING Name, PUNICODE_STRING Value);
NTCHECK RtlExpandEnvironmentStrings_U(PVOID Environment, PUNICODE_STRING Source, PUNICODE_STRING Destination,
                                      PULONG Length);
// Dos paths (ntdll/path.c). NtName is allocated; RtlFreeUnicodeString returns it.
BOOLEAN NTAPI RtlDosPathNameToNtPathName_U(PCWSTR DosName, PUNICODE_STRING NtName, PWSTR *FilePart, PVOID Reserved);
ULONG NTAPI RtlGetFullPathName_U(PCWSTR Name, ULONG Size, PWSTR Buffer, PWSTR *FilePart);
ULONG NTAPI RtlGetCurrentDirectory_U(ULONG Size, PWSTR Buffer);
NTCHECK RtlSetCurrentDirectory_U(PUNICODE_STRING Path);
BOOLEAN NTAPI RtlDoesFileExists_U(PCWSTR Name);
ULONG NTAPI RtlGetLastWin32Error(VOID);
VOID NTAPI RtlSetLastWin32Error(ULONG Error);
ULONG NTAPI RtlSetLastWin32ErrorAndNtStatusFromNtStatus(NTSTATUS Status);
DECLSPEC_NORETURN VOID NTAPI RtlExitUserThread(NTSTATUS Status);
DECLSPEC_NORETURN VOID NTAPI RtlExitUserProcess(NTSTATUS Status);
VOID NTAPI RtlFreeUserThreadStack(HANDLE Process, HANDLE Thread);
NTSTATUS NTAPI RtlCreateUserStack(SIZE_T Commit, SIZE_T Reserve, ULONG_PTR ZeroBits, SIZE_T PageSize,
                                  ULONG_PTR ReserveAlignment, PINITIAL_TEB Stack);
VOID NTAPI RtlFreeUserStack(PVOID AllocationBase);
ULONG CDECL DbgPrint(PCSTR Format, ...);
VOID NTAPI DbgBreakPoint(VOID);
NTCHECK RtlGetVersion(PVOID VersionInformation);
#endif

// The process's own choices of addresses: the next of its random numbers, 0 if nothing shall be random (mm/aslr.c). The
// finalizer of MurmurHash3 mixes a counter in steps of the golden ratio.
FORCEINLINE ULONG RtlpLayoutNumber(PPEB Peb)
{
    volatile LONG *State = (volatile LONG *)&Peb->SystemReserved[0];
    ULONG Value = *State == 0 ? 0 : (ULONG)InterlockedExchangeAdd(State, (LONG)0x9E3779B9u);

    Value = (Value ^ (Value >> 16)) * 0x85EBCA6Bu;
    return Value ^ (Value >> 13);
}

// How far below its end a stack is used first: up to half a page, as Windows does it since Vista.
#define RtlpStackOffset() (RtlpLayoutNumber(NtCurrentPeb()) & 0x7F0u)

#endif
