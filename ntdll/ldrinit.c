// SPDX-License-Identifier: MIT
// The start of a process and of each of its threads in user mode. The kernel's first user APC of every thread comes
// here (LdrInitializeThunk); the first thread builds the process, the others wait for it and only build themselves. On
// return the thread goes on with the CONTEXT that its creator gave it. Source: Windows Internals 6th ed. ch. 3 ("Image
// loader"), ch. 5.

#include "ldrp.h"

#define WAIT_STEP_100NS 300000ll // 30 ms, while another thread builds the process

RTL_CRITICAL_SECTION LdrpLoaderLock = RTLP_STATIC_CRITICAL_SECTION;
static volatile LONG LdrpProcessState; // 0: not begun, 1: under way, 2: done
static RTL_BITMAP LdrpTlsBitmap, LdrpTlsExpansionBitmap;

NTSTATUS LdrpInitializeThread(VOID);
VOID LdrpReportStartFailed(NTSTATUS Status);
VOID NTAPI LdrpInitialize(PCONTEXT Context, PVOID NtdllBase, PVOID Unused);

static VOID LdrpInitializePeb(PPEB Peb)
{
    InitializeListHead(&LdrpLdr.InLoadOrderModuleList);
    InitializeListHead(&LdrpLdr.InMemoryOrderModuleList);
    InitializeListHead(&LdrpLdr.InInitializationOrderModuleList);
    Peb->Ldr = &LdrpLdr;
    Peb->FastPebLock = &RtlpPebLock;
    Peb->LoaderLock = &LdrpLoaderLock;
    RtlInitializeBitMap(&LdrpTlsBitmap, Peb->TlsBitmapBits, TLS_MINIMUM_AVAILABLE_NT);
    RtlInitializeBitMap(&LdrpTlsExpansionBitmap, Peb->TlsExpansionBitmapBits, TLS_EXPANSION_SLOTS_NT);
    RtlSetBits(&LdrpTlsBitmap, 0, 1); // index 0 is never given out, as on NT
    Peb->TlsBitmap = &LdrpTlsBitmap;
    Peb->TlsExpansionBitmap = &LdrpTlsExpansionBitmap;
}

// The entries of the program and of ntdll, which the kernel has mapped.
static NTSTATUS LdrpInsertFirstModules(PPEB Peb, PVOID NtdllBase)
{
    WCHAR Text[LDRP_NAME_UNITS];
    UNICODE_STRING Name = {0, sizeof(Text), Text};
    PLDRP_MODULE Ntdll;
    PCWSTR Root = SharedUserData->NtSystemRoot[0] == 0 ? L"C:\\WINDOWS" : (PCWSTR)SharedUserData->NtSystemRoot;

    LdrpImage = LdrpAllocateModule(Peb->ImageBaseAddress, &Peb->ProcessParameters->ImagePathName);
    if (LdrpImage == NULL || !NT_SUCCESS(RtlAppendUnicodeToString(&Name, Root)) ||
        !NT_SUCCESS(RtlAppendUnicodeToString(&Name, L"\\System32\\ntdll.dll")))
        return STATUS_NO_MEMORY;
    Ntdll = LdrpAllocateModule(NtdllBase, &Name);
    if (Ntdll == NULL)
        return STATUS_NO_MEMORY;
    LdrpImage->Entry.LoadCount = Ntdll->Entry.LoadCount = LDRP_PINNED;
    LdrpImage->Entry.Flags |= LDRP_ENTRY_PROCESSED;
    Ntdll->Entry.Flags |= LDRP_ENTRY_PROCESSED;
    LdrpInsertModule(LdrpImage);
    LdrpInsertModule(Ntdll);
    InsertTailList(&LdrpLdr.InInitializationOrderModuleList, &Ntdll->Entry.InInitializationOrderLinks);
    return STATUS_SUCCESS;
}

VOID LdrpOpenKnownDlls(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\KnownDlls");
    OBJECT_ATTRIBUTES ObjectAttributes;

    InitializeObjectAttributes(&ObjectAttributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(NtOpenDirectoryObject(&LdrpKnownDlls, DIRECTORY_QUERY | DIRECTORY_TRAVERSE, &ObjectAttributes)))
        LdrpKnownDlls = NULL;
}

static NTSTATUS LdrpPrepareProcess(PVOID NtdllBase)
{
    PPEB Peb = NtCurrentPeb();
    NTSTATUS Status;

    LdrpInitializePeb(Peb);
    if (RtlNormalizeProcessParams(Peb->ProcessParameters) == NULL)
        return STATUS_INVALID_PARAMETER;
    RtlpInitializeKeyedEvent();
    RtlpInitializeHeapManager();
    if (Peb->ProcessHeap == NULL)
        return STATUS_NO_MEMORY;
    Status = LdrpInsertFirstModules(Peb, NtdllBase);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlpInitializeCurrentDirectory();
    LdrpOpenKnownDlls();
    return STATUS_SUCCESS;
}

// The program's image: as LdrpLoadModule does for a DLL, but it is mapped already and not in the initialization order.
static NTSTATUS LdrpPrepareImage(VOID)
{
    volatile NTSTATUS Status;

    SEH_TRY
    {
        Status = LdrpRelocateImage(LdrpImage);
        if (NT_SUCCESS(Status))
            Status = LdrpWalkImports(NULL, LdrpImage);
        if (NT_SUCCESS(Status))
            Status = LdrpRegisterTls(LdrpImage);
    }
    SEH_EXCEPT
    {
        Status = STATUS_INVALID_IMAGE_FORMAT;
    }
    SEH_END
    if (Status == STATUS_INVALID_IMAGE_FORMAT)
        LdrpReportBadImage(&LdrpImage->Entry.BaseDllName, Status);
    return Status;
}

// What the program was linked with is never unloaded.
static VOID LdrpPinModules(VOID)
{
    PLIST_ENTRY Links;

    for (Links = LdrpLdr.InLoadOrderModuleList.Flink; Links != &LdrpLdr.InLoadOrderModuleList; Links = Links->Flink) {
        LdrpModuleOf(Links, InLoadOrderLinks)->Entry.LoadCount = LDRP_PINNED;
        LdrpModuleOf(Links, InLoadOrderLinks)->Entry.Flags |= LDRP_STATIC_LINK;
    }
}

static NTSTATUS LdrpInitializeProcess(PCONTEXT Context, PVOID NtdllBase)
{
    NTSTATUS Status;

    LdrpStarting = TRUE;
    Status = LdrpPrepareProcess(NtdllBase);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    Status = LdrpPrepareImage();
    if (NT_SUCCESS(Status)) {
        LdrpPinModules();
        Status = LdrpCreateThreadTls();
    }
    if (NT_SUCCESS(Status)) {
        LdrpStarting = FALSE;
        LdrpLdr.Initialized = TRUE;
        Status = LdrpRunInitializers(Context);
    }
    if (NT_SUCCESS(Status)) {
        LdrpImage->Entry.Flags |= LDRP_PROCESS_ATTACH_CALLED;
        LdrpCallTlsCallbacks(LdrpImage, DLL_PROCESS_ATTACH);
    }
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

static VOID LdrpWaitForProcess(VOID)
{
    LARGE_INTEGER Step = {.QuadPart = -WAIT_STEP_100NS};

    while (LdrpProcessState != 2)
        IGNORE_STATUS(NtDelayExecution(FALSE, &Step));
}

// Context: what the thread goes on with afterwards. A process that cannot start ends here with the reason as its exit
// status; so does a thread without memory for its thread-local storage.
VOID NTAPI LdrpInitialize(PCONTEXT Context, PVOID NtdllBase, PVOID Unused)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Unused);
    if (NtCurrentPeb()->InheritedAddressSpace) { // the first thread of a clone: everything is there
        NtCurrentPeb()->InheritedAddressSpace = FALSE;
        return;
    }
    if (InterlockedCompareExchange(&LdrpProcessState, 1, 0) == 0) {
        Status = LdrpInitializeProcess(Context, NtdllBase);
        if (!NT_SUCCESS(Status)) {
            LdrpReportStartFailed(Status);
            NtTerminateProcess(NtCurrentProcess(), Status);
        }
        LdrpProcessState = 2;
        return;
    }
    LdrpWaitForProcess();
    Status = LdrpInitializeThread();
    if (!NT_SUCCESS(Status))
        NtTerminateThread(NtCurrentThread(), Status);
}
