// SPDX-License-Identifier: MIT
// RtlCloneUserProcess: a process that has everything the caller has, and goes on where the caller does, as POSIX's fork.
// The locks of the loader, the PEB and the heaps are held meanwhile, so that the clone, which has no other thread,
// finds what they guard whole; there they are its own. Handles that the clone does not inherit mean nothing to it.
// Source: the published Native API.

#include "heap.h"
#include "ldrp.h"

#define CLONE_FLAGS                                                                                                    \
    (RTL_CLONE_PROCESS_FLAGS_CREATE_SUSPENDED | RTL_CLONE_PROCESS_FLAGS_INHERIT_HANDLES |                              \
     RTL_CLONE_PROCESS_FLAGS_NO_SYNCHRONIZE)

NTSTATUS NTAPI RtlpMarkClone(PCONTEXT Context) __attribute__((returns_twice)); // i386/markclone.asm

static VOID RtlpLockForClone(ULONG Flags)
{
    if (Flags & RTL_CLONE_PROCESS_FLAGS_NO_SYNCHRONIZE)
        return;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    RtlAcquirePebLock();
    RtlpLockAllHeaps();
}

// Clone: it is the clone that gives the locks up, which another thread of another process took.
static VOID RtlpUnlockForClone(ULONG Flags, BOOLEAN Clone)
{
    if (Flags & RTL_CLONE_PROCESS_FLAGS_NO_SYNCHRONIZE)
        return;
    RtlpUnlockAllHeaps(Clone);
    if (Clone) {
        RtlUpdateClonedCriticalSection(&RtlpPebLock);
        RtlUpdateClonedCriticalSection(&LdrpLoaderLock);
    }
    RtlReleasePebLock();
    RtlLeaveCriticalSection(&LdrpLoaderLock);
}

// The first steps of a clone: ntdll's own handles are made anew.
static VOID RtlpBecomeClone(ULONG Flags)
{
    NtCurrentPeb()->ProcessParameters->CurrentDirectory.Handle = NULL; // the name counts
    RtlpInitializeKeyedEvent();
    LdrpOpenKnownDlls();
    RtlpUnlockForClone(Flags, TRUE);
}

static VOID RtlpInitializeCloneContext(PCONTEXT Context)
{
    memset(Context, 0, sizeof(*Context));
    Context->ContextFlags = CONTEXT_FULL;
    Context->Eax = (ULONG)STATUS_PROCESS_CLONED;
}

// What the caller's TEB has and the new thread's must have too: everything but its address and its ids.
static NTSTATUS RtlpCopyTeb(HANDLE Process, HANDLE Thread)
{
    static const struct {
        ULONG Start, End;
    } Pieces[] = {
        {0, FIELD_OFFSET(TEB, NtTib.Self)},
        {FIELD_OFFSET(TEB, EnvironmentPointer), FIELD_OFFSET(TEB, ClientId)},
        {FIELD_OFFSET(TEB, ActiveRpcHandle), FIELD_OFFSET(TEB, RealClientId)},
        {FIELD_OFFSET(TEB, GdiCachedProcessHandle), FIELD_OFFSET(TEB, StaticUnicodeString)},
        {FIELD_OFFSET(TEB, StaticUnicodeBuffer), sizeof(TEB)},
    };
    PUCHAR Mine = (PUCHAR)NtCurrentTeb();
    THREAD_BASIC_INFORMATION Basic;
    NTSTATUS Status = NtQueryInformationThread(Thread, ThreadBasicInformation, &Basic, sizeof(Basic), NULL);
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Pieces) && NT_SUCCESS(Status); Index++)
        Status = NtWriteVirtualMemory(Process, (PUCHAR)Basic.TebBaseAddress + Pieces[Index].Start,
                                      Mine + Pieces[Index].Start, Pieces[Index].End - Pieces[Index].Start, NULL);
    return Status;
}

// The clone's only thread: on the caller's stack, as the caller was when it called RtlpMarkClone.
static NTSTATUS RtlpCreateCloneThread(PRTL_USER_PROCESS_INFORMATION Information, PSECURITY_DESCRIPTOR Security,
                                      PCONTEXT Context)
{
    PTEB Teb = (PTEB)NtCurrentTeb();
    INITIAL_TEB Stack = {.StackBase = Teb->NtTib.StackBase,
                         .StackLimit = Teb->NtTib.StackLimit,
                         .StackAllocationBase = Teb->DeallocationStack};
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, Security);
    Status = NtCreateThread(&Information->Thread, THREAD_ALL_ACCESS, &Attributes, Information->Process,
                            &Information->ClientId, Context, &Stack, TRUE);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = RtlpCopyTeb(Information->Process, Information->Thread);
    if (NT_SUCCESS(Status))
        return NtQueryInformationProcess(Information->Process, ProcessImageInformation, &Information->ImageInformation,
                                         sizeof(Information->ImageInformation), NULL);
    NtClose(Information->Thread);
    return Status;
}

static NTSTATUS RtlpMakeClone(ULONG Flags, PSECURITY_DESCRIPTOR ProcessSecurity, PSECURITY_DESCRIPTOR ThreadSecurity,
                              HANDLE DebugPort, PRTL_USER_PROCESS_INFORMATION Information, PCONTEXT Context)
{
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, ProcessSecurity);
    Status =
        NtCreateProcessEx(&Information->Process, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(),
                          (Flags & RTL_CLONE_PROCESS_FLAGS_INHERIT_HANDLES) ? PROCESS_CREATE_FLAGS_INHERIT_HANDLES : 0,
                          NULL, DebugPort, NULL, 0);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = RtlpCreateCloneThread(Information, ThreadSecurity, Context);
    if (NT_SUCCESS(Status)) {
        Information->Length = sizeof(*Information);
        if (!(Flags & RTL_CLONE_PROCESS_FLAGS_CREATE_SUSPENDED))
            IGNORE_STATUS(NtResumeThread(Information->Thread, NULL));
    } else {
        IGNORE_STATUS(NtTerminateProcess(Information->Process, Status));
        NtClose(Information->Process);
    }
    return Status;
}

// A section that the caller of RtlCloneUserProcess held is the clone's: it has the same owner under another id, and
// nobody waits. For the clone.
VOID NTAPI RtlUpdateClonedCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    Section->OwningThread = NtCurrentTeb()->ClientId.UniqueThread;
    Section->LockCount = Section->RecursionCount - 1;
    Section->LockSemaphore = NULL;
}

// Clones the calling process, with the calling thread alone. Returns twice: STATUS_SUCCESS to the caller, which gets
// the clone's handles, and STATUS_PROCESS_CLONED to the clone. What the clone is a clone of: see mm/clonespace.c.
NTCHECK RtlCloneUserProcess(ULONG Flags, PSECURITY_DESCRIPTOR ProcessSecurity, PSECURITY_DESCRIPTOR ThreadSecurity,
                            HANDLE DebugPort, PRTL_USER_PROCESS_INFORMATION Information)
{
    USHORT ControlWord;
    CONTEXT Context;
    NTSTATUS Status;

    if (Flags & ~(ULONG)CLONE_FLAGS)
        return STATUS_INVALID_PARAMETER;
    RtlpLockForClone(Flags);
    RtlpInitializeCloneContext(&Context);
    __asm__ volatile("fnstcw %0" : "=m"(ControlWord));
    Status = RtlpMarkClone(&Context);
    if (Status == STATUS_PROCESS_CLONED) {
        __asm__ volatile("fldcw %0" : : "m"(ControlWord));
        RtlpBecomeClone(Flags);
        return Status;
    }
    Status = RtlpMakeClone(Flags, ProcessSecurity, ThreadSecurity, DebugPort, Information, &Context);
    RtlpUnlockForClone(Flags, FALSE);
    return Status;
}
