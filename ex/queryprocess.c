// SPDX-License-Identifier: MIT
// SystemProcessInformation and SystemHandleInformation: walks over all processes.
// Source: SDK (winternl.h); the Native API as published.

#include "exp.h"

static ULONG ExpImageNameLength(PEPROCESS Process)
{
    ULONG Length = 0;

    while (Length < sizeof(Process->ImageFileName) && Process->ImageFileName[Length] != 0)
        Length++;
    return Length;
}

static VOID ExpDescribeThread(PSYSTEM_THREAD_INFORMATION Information, PETHREAD Thread)
{
    ULONGLONG Tick = KeMaximumIncrement;

    Information->KernelTime.QuadPart = (LONGLONG)(Thread->Tcb.KernelTime * Tick);
    Information->UserTime.QuadPart = (LONGLONG)(Thread->Tcb.UserTime * Tick);
    Information->CreateTime = Thread->CreateTime;
    Information->WaitTime = Thread->Tcb.WaitTime;
    Information->StartAddress = (PVOID)Thread->StartAddress;
    Information->ClientId = Thread->Cid;
    Information->Priority = Thread->Tcb.Priority;
    Information->BasePriority = Thread->Tcb.BasePriority;
    Information->ContextSwitches = Thread->Tcb.ContextSwitches;
    Information->ThreadState = Thread->Tcb.State;
    Information->WaitReason = Thread->Tcb.WaitReason; // of the last wait if it does not wait now
}

static VOID ExpDescribeProcess(PSYSTEM_PROCESS_INFORMATION Information, PEPROCESS Process)
{
    ULONG User, Kernel = KeQueryRuntimeProcess(&Process->Pcb, &User);

    Information->CreateTime = Process->CreateTime;
    Information->KernelTime.QuadPart = (LONGLONG)((ULONGLONG)Kernel * KeMaximumIncrement);
    Information->UserTime.QuadPart = (LONGLONG)((ULONGLONG)User * KeMaximumIncrement);
    Information->BasePriority = Process->Pcb.BasePriority;
    Information->UniqueProcessId = Process->UniqueProcessId;
    Information->InheritedFromUniqueProcessId = Process->InheritedFromUniqueProcessId;
    Information->HandleCount = ObGetProcessHandleCount(Process);
    Information->SessionId = Process->SessionId;
    Information->PageDirectoryBase = Process->Pcb.DirectoryTableBase;
    MmQueryProcessVm(Process, &Information->VirtualMemoryCounters);
    Information->PrivatePageCount = Process->CommitCharge * PAGE_SIZE;
    Information->IoCounters = Process->IoCounters;
}

// Writes one process with its threads and its name at Offset, as far as Length goes; returns the offset behind it.
static ULONG ExpPutProcess(PVOID Buffer, ULONG Length, ULONG Offset, PEPROCESS Process)
{
    PSYSTEM_PROCESS_INFORMATION Information = (PVOID)((PUCHAR)Buffer + Offset);
    ULONG End = Offset + sizeof(*Information), Characters = ExpImageNameLength(Process), Threads = 0;
    BOOLEAN Fits = End <= Length;

    if (Fits)
        ExpDescribeProcess(Information, Process);
    for (PETHREAD Thread = PsGetNextProcessThread(Process, NULL); Thread != NULL;
         Thread = PsGetNextProcessThread(Process, Thread)) {
        End += sizeof(SYSTEM_THREAD_INFORMATION);
        if (End > Length)
            continue;
        ExpDescribeThread(&Information->Threads[Threads++], Thread);
    }
    if (Fits)
        Information->NumberOfThreads = Threads;
    if (Characters != 0 && End + (Characters + 1) * sizeof(WCHAR) <= Length) {
        PWSTR Name = (PWSTR)((PUCHAR)Buffer + End);

        for (ULONG Index = 0; Index < Characters; Index++)
            Name[Index] = (UCHAR)Process->ImageFileName[Index];
        Information->ImageName.Length = (USHORT)(Characters * sizeof(WCHAR));
        Information->ImageName.MaximumLength = Information->ImageName.Length + sizeof(WCHAR);
        Information->ImageName.Buffer = (PWSTR)(ULONG_PTR)End; // an offset until it is known where the answer goes
    }
    if (Characters != 0)
        End += (Characters + 1) * sizeof(WCHAR);
    return (ULONG)ALIGN_UP_BY(End, sizeof(ULONGLONG));
}

// The idle process comes first: no name, id 0, a thread for each processor. It is in no list. Returns the offset behind
// it.
static ULONG ExpPutIdleProcess(PVOID Buffer, ULONG Length)
{
    ULONG Count = (ULONG)KeNumberProcessors;
    ULONG End = sizeof(SYSTEM_PROCESS_INFORMATION) + Count * sizeof(SYSTEM_THREAD_INFORMATION);
    PSYSTEM_PROCESS_INFORMATION Information = Buffer;

    if (End > Length)
        return End;
    Information->NumberOfThreads = Count;
    for (ULONG Index = 0; Index < Count; Index++) {
        PETHREAD Thread = CONTAINING_RECORD(KiProcessorBlock[Index]->IdleThread, ETHREAD, Tcb);

        ExpDescribeThread(&Information->Threads[Index], Thread);
        Information->KernelTime.QuadPart += Information->Threads[Index].KernelTime.QuadPart;
    }
    Information->NextEntryOffset = End;
    return End;
}

// SystemProcessInformation: every process with its threads. The image names' Buffers are offsets until
// ExpRelocateProcesses. PASSIVE_LEVEL.
NTSTATUS ExpQueryProcesses(PVOID Buffer, ULONG Length, PULONG Needed)
{
    ULONG Last = 0, Offset = ExpPutIdleProcess(Buffer, Length);

    PAGED_CODE();
    for (PEPROCESS Process = PsGetNextProcess(NULL); Process != NULL; Process = PsGetNextProcess(Process)) {
        ULONG Next = ExpPutProcess(Buffer, Length, Offset, Process);

        if (Next <= Length)
            ((PSYSTEM_PROCESS_INFORMATION)(PVOID)((PUCHAR)Buffer + Offset))->NextEntryOffset = Next - Offset;
        Last = Offset;
        Offset = Next;
    }
    *Needed = Offset;
    if (Offset > Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    ((PSYSTEM_PROCESS_INFORMATION)(PVOID)((PUCHAR)Buffer + Last))->NextEntryOffset = 0;
    return STATUS_SUCCESS;
}

// Makes the image names of an answer point into Target, where it will be copied.
VOID ExpRelocateProcesses(PVOID Buffer, PVOID Target)
{
    PSYSTEM_PROCESS_INFORMATION Information = Buffer;

    PAGED_CODE();
    for (;;) {
        if (Information->ImageName.Length != 0)
            Information->ImageName.Buffer = (PWSTR)((ULONG_PTR)Target + (ULONG_PTR)Information->ImageName.Buffer);
        if (Information->NextEntryOffset == 0)
            return;
        Information = (PVOID)((PUCHAR)Information + Information->NextEntryOffset);
    }
}

typedef struct _EXP_HANDLE_WALK {
    PSYSTEM_HANDLE_INFORMATION Information;
    ULONG Capacity;
    PEPROCESS Process;
} EXP_HANDLE_WALK, *PEXP_HANDLE_WALK;

static BOOLEAN ExpDescribeHandle(HANDLE Handle, POBJECT_HEADER Header, ACCESS_MASK GrantedAccess, ULONG Attributes,
                                 PVOID Context)
{
    PEXP_HANDLE_WALK Walk = Context;
    ULONG Index = Walk->Information->NumberOfHandles++;

    if (Index < Walk->Capacity) {
        PSYSTEM_HANDLE_TABLE_ENTRY_INFO Entry = &Walk->Information->Handles[Index];

        Entry->UniqueProcessId = (USHORT)(ULONG_PTR)Walk->Process->UniqueProcessId;
        Entry->ObjectTypeIndex = Header->Type->Index;
        Entry->HandleAttributes = (UCHAR)Attributes;
        Entry->HandleValue = (USHORT)(ULONG_PTR)Handle;
        Entry->Object = Header->Body;
        Entry->GrantedAccess = GrantedAccess;
    }
    return FALSE;
}

// SystemHandleInformation: every handle of every process. PASSIVE_LEVEL.
NTSTATUS ExpQueryHandles(PVOID Buffer, ULONG Length, PULONG Needed)
{
    const ULONG Fixed = FIELD_OFFSET(SYSTEM_HANDLE_INFORMATION, Handles);
    EXP_HANDLE_WALK Walk = {.Information = Buffer};
    PEPROCESS Process;

    PAGED_CODE();
    *Needed = Fixed;
    if (Length < Fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    Walk.Capacity = (Length - Fixed) / sizeof(SYSTEM_HANDLE_TABLE_ENTRY_INFO);
    for (Process = PsGetNextProcess(NULL); Process != NULL; Process = PsGetNextProcess(Process)) {
        Walk.Process = Process;
        ObEnumerateHandles(Process, ExpDescribeHandle, &Walk);
    }
    *Needed = Fixed + Walk.Information->NumberOfHandles * sizeof(SYSTEM_HANDLE_TABLE_ENTRY_INFO);
    return *Needed <= Length ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}
