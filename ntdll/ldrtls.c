// SPDX-License-Identifier: MIT
// Static thread-local storage: each module with a TLS directory has an index into the array at fs:[2Ch]; every thread
// has its own copy of the module's template there. A module that comes later gets its copies made in the threads that
// run already, too. Source: PE/COFF specification 6.7.

#include "ldrp.h"

#define MAXIMUM_TLS_MODULES 256
#define TLS_SPARE_SLOTS 8
#define MAXIMUM_TLS_TEMPLATE 0x1000000
#define PROCESS_LIST_ROOM 0x10000

static PLDRP_MODULE LdrpTlsModules[MAXIMUM_TLS_MODULES]; // by index
static ULONG LdrpTlsLimit;                               // no module has this index or a higher one

// A thread's array: what fs:[2Ch] points to is Slots.
typedef struct _LDRP_TLS_VECTOR {
    ULONG Capacity;
    PVOID Slots[];
} LDRP_TLS_VECTOR, *PLDRP_TLS_VECTOR;

static PLDRP_TLS_VECTOR LdrpVectorOf(PTEB Teb)
{
    return Teb->ThreadLocalStoragePointer == NULL
               ? NULL
               : CONTAINING_RECORD(Teb->ThreadLocalStoragePointer, LDRP_TLS_VECTOR, Slots);
}

static PIMAGE_TLS_DIRECTORY32 LdrpTlsDirectory(PLDRP_MODULE Module)
{
    ULONG Size;
    PIMAGE_TLS_DIRECTORY32 Directory =
        RtlImageDirectoryEntryToData(Module->Entry.DllBase, TRUE, IMAGE_DIRECTORY_ENTRY_TLS, &Size);

    return Directory != NULL && Size >= sizeof(*Directory) ? Directory : NULL;
}

// TRUE if [Address, Address + Size) lies in the module.
static BOOLEAN LdrpIsInModule(PLDRP_MODULE Module, ULONG Address, ULONG Size)
{
    ULONG Offset = Address - (ULONG)(ULONG_PTR)Module->Entry.DllBase;

    return Offset <= Module->Entry.SizeOfImage && Size <= Module->Entry.SizeOfImage - Offset;
}

static BOOLEAN LdrpIsTlsDirectoryValid(PLDRP_MODULE Module, PIMAGE_TLS_DIRECTORY32 Directory)
{
    ULONG Size = Directory->EndAddressOfRawData - Directory->StartAddressOfRawData;

    if (Directory->EndAddressOfRawData < Directory->StartAddressOfRawData ||
        Directory->SizeOfZeroFill > MAXIMUM_TLS_TEMPLATE)
        return FALSE;
    if (Size != 0 && !LdrpIsInModule(Module, Directory->StartAddressOfRawData, Size))
        return FALSE;
    return LdrpIsInModule(Module, Directory->AddressOfIndex, sizeof(ULONG));
}

// A fresh copy of a module's template; NULL without memory.
static PVOID LdrpCopyTemplate(PIMAGE_TLS_DIRECTORY32 Directory)
{
    ULONG Size = Directory->EndAddressOfRawData - Directory->StartAddressOfRawData;
    PCHAR Copy = RtlpAlloc(Size + Directory->SizeOfZeroFill);

    if (Copy == NULL)
        return NULL;
    memcpy(Copy, (PVOID)(ULONG_PTR)Directory->StartAddressOfRawData, Size);
    memset(Copy + Size, 0, Directory->SizeOfZeroFill);
    return Copy;
}

// Gives a thread room for Index. An array that is outgrown is not freed: its thread may be reading it.
static PLDRP_TLS_VECTOR LdrpGrowVector(PTEB Teb, ULONG Index)
{
    PLDRP_TLS_VECTOR Old = LdrpVectorOf(Teb), New;
    ULONG Capacity = Index + TLS_SPARE_SLOTS;

    if (Old != NULL && Index < Old->Capacity)
        return Old;
    New = RtlAllocateHeap(RtlProcessHeap(), HEAP_ZERO_MEMORY, sizeof(*New) + Capacity * sizeof(PVOID));
    if (New == NULL)
        return NULL;
    New->Capacity = Capacity;
    if (Old != NULL)
        memcpy(New->Slots, Old->Slots, Old->Capacity * sizeof(PVOID));
    InterlockedExchangePointer(&Teb->ThreadLocalStoragePointer, New->Slots);
    return New;
}

// Gives one thread its copy of the module's template.
static NTSTATUS LdrpAddToThread(PTEB Teb, PLDRP_MODULE Module)
{
    PLDRP_TLS_VECTOR Vector = LdrpGrowVector(Teb, Module->Entry.TlsIndex);
    PVOID Copy;

    if (Vector == NULL)
        return STATUS_NO_MEMORY;
    Copy = LdrpCopyTemplate(Module->Tls);
    if (Copy == NULL)
        return STATUS_NO_MEMORY;
    Vector->Slots[Module->Entry.TlsIndex] = Copy;
    return STATUS_SUCCESS;
}

// Takes it away.
static NTSTATUS LdrpRemoveFromThread(PTEB Teb, PLDRP_MODULE Module)
{
    PLDRP_TLS_VECTOR Vector = LdrpVectorOf(Teb);

    if (Vector != NULL && Module->Entry.TlsIndex < Vector->Capacity) {
        RtlpFree(Vector->Slots[Module->Entry.TlsIndex]);
        Vector->Slots[Module->Entry.TlsIndex] = NULL;
    }
    return STATUS_SUCCESS;
}

typedef NTSTATUS (*PLDRP_TLS_ACTION)(PTEB Teb, PLDRP_MODULE Module);

// Applies Action to a thread of this process by its id. Threads whose start has not come to the loader yet have no
// array and will make everything themselves; the loader lock keeps them from it meanwhile.
static NTSTATUS LdrpApplyById(CLIENT_ID Id, PLDRP_MODULE Module, PLDRP_TLS_ACTION Action)
{
    THREAD_BASIC_INFORMATION Basic;
    OBJECT_ATTRIBUTES ObjectAttributes;
    HANDLE Thread;
    NTSTATUS Status;

    InitializeObjectAttributes(&ObjectAttributes, NULL, 0, NULL, NULL);
    if (!NT_SUCCESS(NtOpenThread(&Thread, THREAD_QUERY_INFORMATION, &ObjectAttributes, &Id)))
        return STATUS_SUCCESS; // it has ended
    Status = NtQueryInformationThread(Thread, ThreadBasicInformation, &Basic, sizeof(Basic), NULL);
    if (NT_SUCCESS(Status) && Basic.TebBaseAddress != NULL && LdrpVectorOf(Basic.TebBaseAddress) != NULL)
        Status = Action(Basic.TebBaseAddress, Module);
    else
        Status = STATUS_SUCCESS;
    NtClose(Thread);
    return Status;
}

static PSYSTEM_PROCESS_INFORMATION LdrpQueryProcesses(VOID)
{
    ULONG Size = PROCESS_LIST_ROOM;
    PVOID Buffer = RtlpAlloc(Size);
    NTSTATUS Status;

    while (Buffer != NULL) {
        Status = NtQuerySystemInformation(SystemProcessInformation, Buffer, Size, NULL);
        if (NT_SUCCESS(Status))
            return Buffer;
        RtlpFree(Buffer);
        if (Status != STATUS_INFO_LENGTH_MISMATCH)
            return NULL;
        Size *= 2;
        Buffer = RtlpAlloc(Size);
    }
    return NULL;
}

static BOOLEAN LdrpIsOnlyThread(VOID)
{
    ULONG Only = FALSE;

    return NT_SUCCESS(NtQueryInformationThread(NtCurrentThread(), ThreadAmILastThread, &Only, sizeof(Only), NULL)) &&
           Only;
}

// Applies Action to every other thread of the process.
static NTSTATUS LdrpApplyToOtherThreads(PLDRP_MODULE Module, PLDRP_TLS_ACTION Action)
{
    PSYSTEM_PROCESS_INFORMATION Buffer, Process;
    CLIENT_ID Own = NtCurrentTeb()->ClientId;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i;

    if (LdrpIsOnlyThread())
        return STATUS_SUCCESS;
    Buffer = Process = LdrpQueryProcesses();
    if (Buffer == NULL)
        return STATUS_NO_MEMORY;
    while (Process->UniqueProcessId != Own.UniqueProcess && Process->NextEntryOffset != 0)
        Process = (PSYSTEM_PROCESS_INFORMATION)((PCHAR)Process + Process->NextEntryOffset);
    if (Process->UniqueProcessId == Own.UniqueProcess) {
        for (i = 0; i < Process->NumberOfThreads && NT_SUCCESS(Status); i++) {
            if (Process->Threads[i].ClientId.UniqueThread != Own.UniqueThread)
                Status = LdrpApplyById(Process->Threads[i].ClientId, Module, Action);
        }
    }
    RtlpFree(Buffer);
    return Status;
}

// Gives a module with a TLS directory its index, and the running threads their copies. Nothing for one without.
// STATUS_INVALID_IMAGE_FORMAT, STATUS_NO_MEMORY.
NTSTATUS LdrpRegisterTls(PLDRP_MODULE Module)
{
    PIMAGE_TLS_DIRECTORY32 Directory = LdrpTlsDirectory(Module);
    ULONG Index;
    NTSTATUS Status;

    if (Directory == NULL)
        return STATUS_SUCCESS;
    if (!LdrpIsTlsDirectoryValid(Module, Directory))
        return STATUS_INVALID_IMAGE_FORMAT;
    for (Index = 0; Index < MAXIMUM_TLS_MODULES && LdrpTlsModules[Index] != NULL; Index++)
        ;
    if (Index == MAXIMUM_TLS_MODULES)
        return STATUS_NO_MEMORY;
    LdrpTlsModules[Index] = Module;
    LdrpTlsLimit = max_of(LdrpTlsLimit, Index + 1);
    Module->Entry.TlsIndex = (USHORT)Index;
    Module->Tls = Directory;
    *(PULONG)(ULONG_PTR)Directory->AddressOfIndex = Index;
    if (LdrpStarting)
        return STATUS_SUCCESS; // the only thread makes its copies when everything is loaded
    Status = LdrpAddToThread((PTEB)NtCurrentTeb(), Module);
    if (NT_SUCCESS(Status))
        Status = LdrpApplyToOtherThreads(Module, LdrpAddToThread);
    return Status;
}

// The index and the threads' copies are free again.
VOID LdrpUnregisterTls(PLDRP_MODULE Module)
{
    if (Module->Entry.TlsIndex == LDRP_NO_TLS)
        return;
    IGNORE_STATUS(LdrpRemoveFromThread((PTEB)NtCurrentTeb(), Module));
    IGNORE_STATUS(LdrpApplyToOtherThreads(Module, LdrpRemoveFromThread));
    LdrpTlsModules[Module->Entry.TlsIndex] = NULL;
    while (LdrpTlsLimit > 0 && LdrpTlsModules[LdrpTlsLimit - 1] == NULL)
        LdrpTlsLimit--;
    Module->Entry.TlsIndex = LDRP_NO_TLS;
    Module->Tls = NULL;
}

// Makes the calling thread's array and its copies of all templates.
NTSTATUS LdrpCreateThreadTls(VOID)
{
    PTEB Teb = (PTEB)NtCurrentTeb();
    ULONG Limit = LdrpTlsLimit, i;
    NTSTATUS Status = STATUS_SUCCESS;

    if (LdrpGrowVector(Teb, Limit) == NULL)
        return STATUS_NO_MEMORY;
    for (i = 0; i < Limit && NT_SUCCESS(Status); i++) {
        if (LdrpTlsModules[i] != NULL)
            Status = LdrpAddToThread(Teb, LdrpTlsModules[i]);
    }
    return Status;
}

// The thread ends.
VOID LdrpDeleteThreadTls(VOID)
{
    PTEB Teb = (PTEB)NtCurrentTeb();
    PLDRP_TLS_VECTOR Vector = LdrpVectorOf(Teb);
    ULONG i;

    if (Vector == NULL)
        return;
    Teb->ThreadLocalStoragePointer = NULL;
    for (i = 0; i < Vector->Capacity; i++)
        RtlpFree(Vector->Slots[i]);
    RtlpFree(Vector);
}

// Calls the routines that the module's TLS directory lists.
VOID LdrpCallTlsCallbacks(PLDRP_MODULE Module, ULONG Reason)
{
    PIMAGE_TLS_DIRECTORY32 Directory = Module->Tls;
    PULONG Callback;

    if (Directory == NULL || Directory->AddressOfCallBacks == 0)
        return;
    for (Callback = (PULONG)(ULONG_PTR)Directory->AddressOfCallBacks;
         LdrpIsInModule(Module, (ULONG)(ULONG_PTR)Callback, sizeof(ULONG)) && *Callback != 0; Callback++)
        LdrpCallInitRoutine((PVOID)(ULONG_PTR)*Callback, Module->Entry.DllBase, Reason, NULL);
}
