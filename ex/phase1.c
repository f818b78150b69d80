// SPDX-License-Identifier: MIT
// Phase 1 of the executive's start, in the first system thread: interrupts and scheduling work. It ends by starting
// smss.exe, or the kernel tests, and then serves no further purpose.

#include "exp.h"
#if DBG
#include "ktest.h"
#endif

static VOID ExpCheckPhase1(BOOLEAN Success, ULONG Code)
{
    if (!Success)
        KeBugCheckEx(Code, 0, 0, 0, 0);
}

// smss gets the boot options behind its name, as NT's does.
static NTSTATUS ExpBuildParameters(PRTL_USER_PROCESS_PARAMETERS *Parameters, PUNICODE_STRING CommandLine)
{
    UNICODE_STRING Image = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\smss.exe");
    UNICODE_STRING Path = RTL_CONSTANT_STRING(L"C:\\WINDOWS\\System32");
    UNICODE_STRING Directory = RTL_CONSTANT_STRING(L"C:\\");
    PCSTR Options = KeLoaderBlock->LoadOptions;
    ULONG Written;
    NTSTATUS Status;

    CommandLine->Length = 0;
    Status = RtlAppendUnicodeStringToString(CommandLine, &Image);
    if (NT_SUCCESS(Status))
        Status = RtlAppendUnicodeToString(CommandLine, L" ");
    if (!NT_SUCCESS(Status))
        return Status;
    Status =
        RtlUTF8ToUnicodeN(CommandLine->Buffer + CommandLine->Length / sizeof(WCHAR),
                          CommandLine->MaximumLength - CommandLine->Length, &Written, Options, (ULONG)strlen(Options));
    if (!NT_SUCCESS(Status))
        return Status;
    CommandLine->Length += (USHORT)Written;
    return RtlCreateProcessParameters(Parameters, &Image, &Path, &Directory, CommandLine, NULL, NULL, NULL, NULL, NULL);
}

static NTSTATUS ExpStartSessionManager(VOID)
{
    UNICODE_STRING Image = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\smss.exe");
    UNICODE_STRING CommandLine = {0, (LOADER_MAX_OPTIONS + 64) * sizeof(WCHAR), NULL};
    PRTL_USER_PROCESS_PARAMETERS Parameters = NULL;
    RTL_USER_PROCESS_INFORMATION Information;
    NTSTATUS Status;

    CommandLine.Buffer = ExAllocatePoolWithTag(PagedPool, CommandLine.MaximumLength, TAG_RTL_STRING);
    if (CommandLine.Buffer == NULL)
        return STATUS_NO_MEMORY;
    Status = ExpBuildParameters(&Parameters, &CommandLine);
    ExFreePoolWithTag(CommandLine.Buffer, TAG_RTL_STRING);
    if (!NT_SUCCESS(Status))
        return Status;
    Information.Length = sizeof(Information);
    Status = RtlCreateUserProcess(&Image, OBJ_CASE_INSENSITIVE, Parameters, NULL, NULL, NtCurrentProcess(), FALSE, NULL,
                                  NULL, &Information);
    IGNORE_STATUS(RtlDestroyProcessParameters(Parameters));
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ZwResumeThread(Information.Thread, NULL);
    ZwClose(Information.Thread);
    if (NT_SUCCESS(Status))
        Status = ZwWaitForSingleObject(Information.Process, FALSE, NULL);
    ZwClose(Information.Process);
    return NT_SUCCESS(Status) ? STATUS_UNSUCCESSFUL : Status; // smss must never end
}

// Phase 1 itself, which is not needed any more when it has been. FALSE: there is no ntdll.
INIT_CODE static BOOLEAN ExpPhase1(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    HalInitSystem(1, LoaderBlock);
    ExpCheckPhase1(KeInitSystem(), PHASE1_INITIALIZATION_FAILED);
    ExpInitializeTime();
    ExpCheckPhase1(ObInitSystem(1), OBJECT1_INITIALIZATION_FAILED);
    ExpCheckPhase1(SeInitSystem(1), SECURITY1_INITIALIZATION_FAILED);
    if (PsInitialSystemProcess->Token == NULL)
        ExpCheckPhase1(NT_SUCCESS(SeInitProcess(NULL, PsInitialSystemProcess)), SECURITY1_INITIALIZATION_FAILED);
    ExpInitializeResolution();
    ExpCheckPhase1(ExInitObjects(), PHASE1_INITIALIZATION_FAILED);
    ExpCheckPhase1(ExInitWorkerThreads(), PHASE1_INITIALIZATION_FAILED);
    ExpCheckPhase1(MmInitSystem(1, LoaderBlock), MEMORY1_INITIALIZATION_FAILED);
    ExpCheckPhase1(CcInitializeCacheManager(), CACHE_INITIALIZATION_FAILED);
    ExpCheckPhase1(IoInitSystem(LoaderBlock), IO1_INITIALIZATION_FAILED);
    return PsInitSystem(1);
}

// The start routine of the first system thread. StartContext is the loader block.
STARTUP_CODE VOID NTAPI Phase1Initialization(PVOID StartContext)
{
    BOOLEAN HasNtdll = ExpPhase1(StartContext);
    NTSTATUS Status;

    MmFreeInitSections();
#if DBG
    KeStartChaos();
    if (KeFindBootOption("KTEST=") != NULL)
        KtRunTests(KeFindBootOption("KTEST=")); // most of them need no disk and no user mode
#endif
    ExpCheckPhase1(HasNtdll, PROCESS1_INITIALIZATION_FAILED);
    Status = ExpStartSessionManager();
    KeBugCheckEx(SESSION5_INITIALIZATION_FAILED, (ULONG_PTR)Status, 0, 0, 0);
}
