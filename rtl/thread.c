// SPDX-License-Identifier: MIT
// Making a user thread: its stack and its first registers. Source: the published Native API; SDK documentation ("Thread
// Stack Size"). IRQL PASSIVE_LEVEL.

#include "rtlp.h"

#define ALLOCATION_GRANULARITY 0x10000
#define DEFAULT_STACK_RESERVE 0x100000
#define DEFAULT_STACK_COMMIT PAGE_SIZE
#define USER_CODE_SELECTOR 0x1B
#define USER_DATA_SELECTOR 0x23
#define USER_TEB_SELECTOR 0x3B
#define USER_EFLAGS 0x202 // interrupts on; bit 1 is always set
#define STACK_ALIGNMENT 16

#ifndef MICA_KERNEL
VOID NTAPI RtlUserThreadStart(VOID);
#endif

// Sizes of 0 mean the image's own (in ntdll) or the default.
static VOID RtlpStackSizes(PSIZE_T Reserve, PSIZE_T Commit)
{
    SIZE_T DefaultReserve = DEFAULT_STACK_RESERVE, DefaultCommit = DEFAULT_STACK_COMMIT;

#ifndef MICA_KERNEL
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(NtCurrentPeb()->ImageBaseAddress);

    if (Headers != NULL) {
        DefaultReserve = Headers->OptionalHeader.SizeOfStackReserve;
        DefaultCommit = Headers->OptionalHeader.SizeOfStackCommit;
    }
#endif
    if (*Reserve == 0)
        *Reserve = DefaultReserve;
    if (*Commit == 0)
        *Commit = DefaultCommit;
    if (*Commit >= *Reserve)
        *Reserve = ALIGN_UP_BY(*Commit, DEFAULT_STACK_RESERVE);
    *Commit = ROUND_TO_PAGES(*Commit);
    *Reserve = ALIGN_UP_BY(*Reserve, ALLOCATION_GRANULARITY);
}

// Reserves a stack, commits its top and puts a guard page below that, whose first touch lets the kernel move it down.
// Sizes of 0: the image's own. STATUS_NO_MEMORY and what the memory services return; nothing is left on failure.
NTCHECK RtlpCreateUserStack(HANDLE Process, SIZE_T Reserve, SIZE_T Commit, PINITIAL_TEB InitialTeb)
{
    PVOID Allocation = NULL, Base;
    SIZE_T Size, GuardSize;
    ULONG Old;
    NTSTATUS Status;

    if (Reserve > MAXLONG || Commit > MAXLONG)
        return STATUS_NO_MEMORY;
    RtlpStackSizes(&Reserve, &Commit);
    Size = Reserve;
    Status = ZwAllocateVirtualMemory(Process, &Allocation, 0, &Size, MEM_RESERVE, PAGE_READWRITE);
    if (!NT_SUCCESS(Status))
        return Status;
    GuardSize = Commit + PAGE_SIZE <= Reserve ? PAGE_SIZE : 0;
    Size = Commit + GuardSize;
    Base = (PCHAR)Allocation + Reserve - Size;
    Status = ZwAllocateVirtualMemory(Process, &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE);
    if (NT_SUCCESS(Status) && GuardSize != 0)
        Status = ZwProtectVirtualMemory(Process, &Base, &GuardSize, PAGE_READWRITE | PAGE_GUARD, &Old);
    if (!NT_SUCCESS(Status)) {
        Size = 0;
        IGNORE_STATUS(ZwFreeVirtualMemory(Process, &Allocation, &Size, MEM_RELEASE));
        return Status;
    }
    memset(InitialTeb, 0, sizeof(*InitialTeb));
    InitialTeb->StackBase = (PCHAR)Allocation + Reserve;
    InitialTeb->StackLimit = (PCHAR)Allocation + Reserve - Commit;
    InitialTeb->StackAllocationBase = Allocation;
    return STATUS_SUCCESS;
}

// The first registers: Start is called with Parameter on the stack. In user mode through RtlUserThreadStart, which ends
// the thread when Start returns; the kernel's only client is smss, whose entry point does not return.
static NTSTATUS RtlpInitializeContext(HANDLE Process, PCONTEXT Context, PUSER_THREAD_START_ROUTINE Start,
                                      PVOID Parameter, PVOID StackBase)
{
    ULONG_PTR Frame[2] = {0, (ULONG_PTR)Parameter};

    memset(Context, 0, sizeof(*Context));
    Context->ContextFlags = CONTEXT_FULL;
    Context->SegCs = USER_CODE_SELECTOR;
    Context->SegDs = Context->SegEs = Context->SegSs = USER_DATA_SELECTOR;
    Context->SegFs = USER_TEB_SELECTOR;
    Context->EFlags = USER_EFLAGS;
    Context->Eax = (ULONG_PTR)Start;
    Context->Ebx = (ULONG_PTR)Parameter;
#ifdef MICA_KERNEL
    Context->Eip = (ULONG_PTR)Start;
#else
    Context->Eip = (ULONG_PTR)RtlUserThreadStart;
    StackBase = (PCHAR)StackBase - RtlpStackOffset();
#endif
    Context->Esp = ALIGN_DOWN_BY(StackBase, STACK_ALIGNMENT) - STACK_ALIGNMENT - sizeof(ULONG);
    return ZwWriteVirtualMemory(Process, (PVOID)Context->Esp, Frame, sizeof(Frame), NULL);
}

// Makes a thread in Process that runs Start(Parameter). Thread and ClientId may be NULL. ZeroBits is not used.
// The thread's exit frees its stack only if it ends itself by RtlExitUserThread and friends; see ntdll/thread.c.
NTCHECK RtlCreateUserThread(HANDLE Process, PSECURITY_DESCRIPTOR Security, BOOLEAN Suspended, ULONG ZeroBits,
                            SIZE_T StackReserve, SIZE_T StackCommit, PUSER_THREAD_START_ROUTINE Start, PVOID Parameter,
                            PHANDLE Thread, PCLIENT_ID ClientId)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    INITIAL_TEB InitialTeb;
    CLIENT_ID Id;
    CONTEXT Context;
    HANDLE Handle;
    SIZE_T Zero = 0;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(ZeroBits);
    Status = RtlpCreateUserStack(Process, StackReserve, StackCommit, &InitialTeb);
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeObjectAttributes(&ObjectAttributes, NULL, 0, NULL, Security);
    Status = RtlpInitializeContext(Process, &Context, Start, Parameter, InitialTeb.StackBase);
    if (NT_SUCCESS(Status))
        Status = ZwCreateThread(&Handle, THREAD_ALL_ACCESS, &ObjectAttributes, Process, &Id, &Context, &InitialTeb,
                                Suspended);
    if (!NT_SUCCESS(Status)) {
        IGNORE_STATUS(ZwFreeVirtualMemory(Process, &InitialTeb.StackAllocationBase, &Zero, MEM_RELEASE));
        return Status;
    }
    if (ClientId != NULL)
        *ClientId = Id;
    if (Thread != NULL)
        *Thread = Handle;
    else
        ZwClose(Handle);
    return STATUS_SUCCESS;
}
