// SPDX-License-Identifier: MIT
// Making threads: the stack, the first context, NtCreateThread; and ending them.

#include "k32.h"

#define DEFAULT_STACK_RESERVE 0x100000u
#define ALLOCATION_GRANULARITY 0x10000u
#define USER_CS 0x1Bu
#define USER_DS 0x23u
#define USER_TEB 0x3Bu
#define EFLAGS_INTERRUPTS 0x200u

// Reserves a stack in Process and commits its upper end with a guard page below it. Zero sizes mean those of the
// image of the calling process. The caller frees StackAllocationBase when it does not use the stack.
NTSTATUS BaseCreateStack(HANDLE Process, SIZE_T Commit, SIZE_T Reserve, PINITIAL_TEB Stack)
{
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(NtCurrentPeb()->ImageBaseAddress);
    PVOID Base = NULL, Top;
    SIZE_T Size, GuardSize = PAGE_SIZE;
    ULONG Old;
    NTSTATUS Status;

    if (Process == NtCurrentProcess() && Commit == 0 && Reserve == 0) {
        return RtlCreateUserStack(0, 0, 0, PAGE_SIZE, ALLOCATION_GRANULARITY, Stack);
    }
    if (Reserve == 0) {
        Reserve = Headers == NULL ? DEFAULT_STACK_RESERVE : Headers->OptionalHeader.SizeOfStackReserve;
    }
    if (Commit == 0) {
        Commit = Headers == NULL ? PAGE_SIZE : Headers->OptionalHeader.SizeOfStackCommit;
    }
    Commit = ROUND_TO_PAGES(max_of(Commit, (SIZE_T)PAGE_SIZE));
    if (Reserve <= Commit) {
        Reserve = Commit + PAGE_SIZE;
    }
    Reserve = ALIGN_UP_BY(Reserve, ALLOCATION_GRANULARITY);
    RtlZeroMemory(Stack, sizeof(*Stack));
    Status = NtAllocateVirtualMemory(Process, &Base, 0, &Reserve, MEM_RESERVE, PAGE_READWRITE);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Stack->StackAllocationBase = Base;
    Stack->StackBase = (PCHAR)Base + Reserve;
    Size = min_of(Commit + PAGE_SIZE, Reserve);
    Top = (PCHAR)Stack->StackBase - Size;
    Status = NtAllocateVirtualMemory(Process, &Top, 0, &Size, MEM_COMMIT, PAGE_READWRITE);
    if (NT_SUCCESS(Status)) {
        Stack->StackLimit = (PCHAR)Top + PAGE_SIZE;
        Status = NtProtectVirtualMemory(Process, &Top, &GuardSize, PAGE_READWRITE | PAGE_GUARD, &Old);
    }
    if (!NT_SUCCESS(Status)) {
        Size = 0;
        IGNORE_STATUS(NtFreeVirtualMemory(Process, &Base, &Size, MEM_RELEASE));
    }
    return Status;
}

// The context in which a new thread leaves ntdll's loader: at Thunk, with Start in eax and Parameter in ebx.
VOID BaseInitializeContext(PCONTEXT Context, PVOID Start, PVOID Parameter, PVOID Thunk, PVOID StackTop)
{
    RtlZeroMemory(Context, FIELD_OFFSET(CONTEXT, ExtendedRegisters)); // the rest counts only if a flag says so
    Context->ContextFlags = CONTEXT_FULL;
    Context->SegCs = USER_CS;
    Context->SegDs = USER_DS;
    Context->SegEs = USER_DS;
    Context->SegSs = USER_DS;
    Context->SegFs = USER_TEB;
    Context->EFlags = EFLAGS_INTERRUPTS;
    Context->Eax = (ULONG)(ULONG_PTR)Start;
    Context->Ebx = (ULONG)(ULONG_PTR)Parameter;
    Context->Esp = (ULONG)(ULONG_PTR)StackTop - RtlpStackOffset() - sizeof(PVOID);
    Context->Eip = (ULONG)(ULONG_PTR)Thunk;
}

static NTSTATUS BasepCreateThread(HANDLE Process, const SECURITY_ATTRIBUTES *Security, PINITIAL_TEB Stack,
                                  PCONTEXT Context, BOOL Suspended, PHANDLE Thread, PCLIENT_ID Id)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Unused;

    return NtCreateThread(Thread, THREAD_ALL_ACCESS, BaseObjectAttributes(&Attributes, &Unused, Security, NULL),
                          Process, Id, Context, Stack, Suspended != 0);
}

HANDLE WINAPI CreateRemoteThread(HANDLE Process, LPSECURITY_ATTRIBUTES Security, SIZE_T StackSize,
                                 LPTHREAD_START_ROUTINE Start, LPVOID Parameter, DWORD Flags, LPDWORD ThreadId)
{
    BOOL ReserveOnly = (Flags & STACK_SIZE_PARAM_IS_A_RESERVATION) != 0;
    INITIAL_TEB Stack;
    CONTEXT Context;
    CLIENT_ID Id;
    HANDLE Thread = NULL;
    NTSTATUS Status = BaseCreateStack(Process, ReserveOnly ? 0 : StackSize, ReserveOnly ? StackSize : 0, &Stack);

    if (NT_SUCCESS(Status)) {
        BaseInitializeContext(&Context, (PVOID)Start, Parameter, (PVOID)BaseThreadStartThunk, Stack.StackBase);
        Status = BasepCreateThread(Process, Security, &Stack, &Context, (Flags & CREATE_SUSPENDED) != 0, &Thread, &Id);
        if (!NT_SUCCESS(Status)) {
            SIZE_T Size = 0;

            IGNORE_STATUS(NtFreeVirtualMemory(Process, &Stack.StackAllocationBase, &Size, MEM_RELEASE));
        }
    }
    if (!BaseBool(Status)) {
        return NULL;
    }
    if (ThreadId != NULL) {
        *ThreadId = (DWORD)(ULONG_PTR)Id.UniqueThread;
    }
    return Thread;
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES Security, SIZE_T StackSize, LPTHREAD_START_ROUTINE Start,
                           LPVOID Parameter, DWORD Flags, LPDWORD ThreadId)
{
    return CreateRemoteThread(NtCurrentProcess(), Security, StackSize, Start, Parameter, Flags, ThreadId);
}

VOID WINAPI ExitThread(DWORD Code)
{
    RtlExitUserThread((NTSTATUS)Code);
}

WINBOOL WINAPI TerminateThread(HANDLE Thread, DWORD Code)
{
    return BaseBool(NtTerminateThread(Thread, (NTSTATUS)Code));
}

VOID WINAPI FreeLibraryAndExitThread(HMODULE Module, DWORD Code)
{
    IGNORE_STATUS(LdrUnloadDll(Module));
    ExitThread(Code);
}

static DWORD WINAPI BasepRunWorkItem(LPVOID Parameter)
{
    struct {
        LPTHREAD_START_ROUTINE Routine;
        PVOID Context;
    } Item;

    memcpy(&Item, Parameter, sizeof(Item));
    BaseFreeMemory(Parameter);
    return Item.Routine(Item.Context);
}

// Each work item has a thread of its own.
WINBOOL WINAPI QueueUserWorkItem(LPTHREAD_START_ROUTINE Routine, PVOID Context, ULONG Flags)
{
    PVOID *Item = BaseAllocate(2 * sizeof(PVOID));
    HANDLE Thread;

    UNREFERENCED_PARAMETER(Flags);
    if (Item == NULL) {
        return FALSE;
    }
    Item[0] = (PVOID)Routine;
    Item[1] = Context;
    Thread = CreateThread(NULL, 0, BasepRunWorkItem, Item, 0, NULL);
    if (Thread == NULL) {
        BaseFreeMemory(Item);
        return FALSE;
    }
    NtClose(Thread);
    return TRUE;
}
