// SPDX-License-Identifier: MIT
// Calling the DLLs: attach in initialization order (a DLL after everything it depends on), detach in reverse; per
// process and per thread. Source: SDK documentation (DllMain).

#include "ldrp.h"

static BOOLEAN LdrpCallDll(PLDRP_MODULE Module, ULONG Reason, PVOID Reserved)
{
    if (Module->Entry.EntryPoint == NULL || !(Module->Entry.Flags & LDRP_IMAGE_DLL))
        return TRUE;
    return LdrpCallInitRoutine(Module->Entry.EntryPoint, Module->Entry.DllBase, Reason, Reserved);
}

// Attaches the modules that have not been yet. Context: not NULL if they came with the program (DllMain sees it).
// STATUS_DLL_INIT_FAILED, after a report, if one of them refuses.
NTSTATUS LdrpRunInitializers(PCONTEXT Context)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InInitializationOrderModuleList;

    for (Links = Head->Flink; Links != Head; Links = Links->Flink) {
        PLDRP_MODULE Module = LdrpModuleOf(Links, InInitializationOrderLinks);

        if (Module->Entry.Flags & LDRP_ENTRY_PROCESSED)
            continue;
        Module->Entry.Flags |= LDRP_ENTRY_PROCESSED | LDRP_PROCESS_ATTACH_CALLED;
        LdrpCallTlsCallbacks(Module, DLL_PROCESS_ATTACH);
        if (!LdrpCallDll(Module, DLL_PROCESS_ATTACH, Context)) {
            if (Context != NULL)
                LdrpReportInitFailed(Module);
            return STATUS_DLL_INIT_FAILED;
        }
    }
    return STATUS_SUCCESS;
}

// Tells a module that it goes: Reserved is NULL when it is unloaded, not NULL when the process ends.
VOID LdrpRunDetach(PLDRP_MODULE Module, PVOID Reserved)
{
    if (!(Module->Entry.Flags & LDRP_PROCESS_ATTACH_CALLED))
        return;
    Module->Entry.Flags &= ~LDRP_PROCESS_ATTACH_CALLED;
    LdrpCallDll(Module, DLL_PROCESS_DETACH, Reserved);
    LdrpCallTlsCallbacks(Module, DLL_PROCESS_DETACH);
}

// The process ends; the calling thread is the last. Every DLL is told, the last attached first.
VOID NTAPI LdrShutdownProcess(VOID)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InInitializationOrderModuleList;

    if (LdrpLdr.ShutdownInProgress || !LdrpLdr.Initialized)
        return;
    LdrpLdr.ShutdownThreadId = NtCurrentTeb()->ClientId.UniqueThread;
    LdrpLdr.ShutdownInProgress = TRUE;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    LdrpCallTlsCallbacks(LdrpImage, DLL_PROCESS_DETACH);
    for (Links = Head->Blink; Links != Head; Links = Links->Blink)
        LdrpRunDetach(LdrpModuleOf(Links, InInitializationOrderLinks), (PVOID)1);
    RtlLeaveCriticalSection(&LdrpLoaderLock);
}

static BOOLEAN LdrpWantsThreads(PLDRP_MODULE Module)
{
    return (Module->Entry.Flags & (LDRP_PROCESS_ATTACH_CALLED | LDRP_DONT_CALL_FOR_THREADS)) ==
           LDRP_PROCESS_ATTACH_CALLED;
}

// A thread starts: its thread-local storage, then DLL_THREAD_ATTACH for every DLL that wants it.
NTSTATUS LdrpInitializeThread(VOID)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InInitializationOrderModuleList;
    NTSTATUS Status;

    RtlEnterCriticalSection(&LdrpLoaderLock);
    Status = LdrpCreateThreadTls();
    for (Links = Head->Flink; Links != Head && NT_SUCCESS(Status); Links = Links->Flink) {
        PLDRP_MODULE Module = LdrpModuleOf(Links, InInitializationOrderLinks);

        if (!LdrpWantsThreads(Module))
            continue;
        LdrpCallTlsCallbacks(Module, DLL_THREAD_ATTACH);
        LdrpCallDll(Module, DLL_THREAD_ATTACH, NULL);
    }
    if (NT_SUCCESS(Status))
        LdrpCallTlsCallbacks(LdrpImage, DLL_THREAD_ATTACH);
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// A thread ends by itself. Called on it.
VOID NTAPI LdrShutdownThread(VOID)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InInitializationOrderModuleList;

    if (!LdrpLdr.Initialized)
        return;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    LdrpCallTlsCallbacks(LdrpImage, DLL_THREAD_DETACH);
    for (Links = Head->Blink; Links != Head; Links = Links->Blink) {
        PLDRP_MODULE Module = LdrpModuleOf(Links, InInitializationOrderLinks);

        if (!LdrpWantsThreads(Module))
            continue;
        LdrpCallDll(Module, DLL_THREAD_DETACH, NULL);
        LdrpCallTlsCallbacks(Module, DLL_THREAD_DETACH);
    }
    LdrpDeleteThreadTls();
    RtlpFree(NtCurrentTeb()->TlsExpansionSlots);
    NtCurrentTeb()->TlsExpansionSlots = NULL;
    RtlLeaveCriticalSection(&LdrpLoaderLock);
}
