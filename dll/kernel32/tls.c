// SPDX-License-Identifier: MIT
// Thread local storage (slots in the TEB, allocated by a bitmap in the PEB) and fiber local storage, which here is one
// array per thread, kept in a TLS slot of kernel32's own, with callbacks when the thread ends.

#include "k32.h"

#define FLS_SLOTS 128

static ULONG BasepFlsTls = TLS_OUT_OF_INDEXES;
static PFLS_CALLBACK_FUNCTION BasepFlsCallbacks[FLS_SLOTS];
static UCHAR BasepFlsUsed[FLS_SLOTS];

static VOID BasepClearExpansion(ULONG Index)
{
    TEB *Teb = BaseTeb();

    if (Teb->TlsExpansionSlots != NULL) {
        Teb->TlsExpansionSlots[Index] = NULL;
    }
}

DWORD WINAPI TlsAlloc(VOID)
{
    PEB *Peb = NtCurrentPeb();
    TEB *Teb = BaseTeb();
    ULONG Index;

    RtlAcquirePebLock();
    Index = RtlFindClearBitsAndSet(Peb->TlsBitmap, 1, 0);
    if (Index != MAXULONG) {
        Teb->TlsSlots[Index] = NULL;
    } else {
        Index = Peb->TlsExpansionBitmap == NULL ? MAXULONG : RtlFindClearBitsAndSet(Peb->TlsExpansionBitmap, 1, 0);
        if (Index != MAXULONG) {
            BasepClearExpansion(Index);
            Index += TLS_MINIMUM_AVAILABLE_NT;
        }
    }
    RtlReleasePebLock();
    if (Index == MAXULONG) {
        SetLastError(ERROR_NO_MORE_ITEMS);
        return TLS_OUT_OF_INDEXES;
    }
    return Index;
}

WINBOOL WINAPI TlsFree(DWORD Index)
{
    PEB *Peb = NtCurrentPeb();
    BOOL Expansion = Index >= TLS_MINIMUM_AVAILABLE_NT;
    PRTL_BITMAP Map = Expansion ? Peb->TlsExpansionBitmap : Peb->TlsBitmap;
    ULONG Bit = Expansion ? Index - TLS_MINIMUM_AVAILABLE_NT : Index;
    BOOL Freed = FALSE;

    RtlAcquirePebLock();
    if (Map != NULL && Bit < Map->SizeOfBitMap && RtlAreBitsSet(Map, Bit, 1)) {
        RtlClearBits(Map, Bit, 1);
        IGNORE_STATUS(NtSetInformationThread(NtCurrentThread(), ThreadZeroTlsCell, &Index, sizeof(Index)));
        Freed = TRUE;
    }
    RtlReleasePebLock();
    return Freed ? TRUE : BaseFail(ERROR_INVALID_PARAMETER);
}

LPVOID WINAPI TlsGetValue(DWORD Index)
{
    TEB *Teb = BaseTeb();

    if (Index < TLS_MINIMUM_AVAILABLE_NT) {
        Teb->LastErrorValue = ERROR_SUCCESS;
        return Teb->TlsSlots[Index];
    }
    Index -= TLS_MINIMUM_AVAILABLE_NT;
    if (Index >= TLS_EXPANSION_SLOTS_NT) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    Teb->LastErrorValue = ERROR_SUCCESS;
    return Teb->TlsExpansionSlots == NULL ? NULL : Teb->TlsExpansionSlots[Index];
}

WINBOOL WINAPI TlsSetValue(DWORD Index, LPVOID Value)
{
    TEB *Teb = BaseTeb();

    if (Index < TLS_MINIMUM_AVAILABLE_NT) {
        Teb->TlsSlots[Index] = Value;
        return TRUE;
    }
    Index -= TLS_MINIMUM_AVAILABLE_NT;
    if (Index >= TLS_EXPANSION_SLOTS_NT) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Teb->TlsExpansionSlots == NULL) {
        Teb->TlsExpansionSlots = BaseAllocate(TLS_EXPANSION_SLOTS_NT * sizeof(PVOID));
        if (Teb->TlsExpansionSlots == NULL) {
            return FALSE;
        }
    }
    Teb->TlsExpansionSlots[Index] = Value;
    return TRUE;
}

// Takes the TLS slot that holds each thread's FLS array. Called once, at process attach.
VOID BaseInitializeFls(VOID)
{
    BasepFlsTls = TlsAlloc();
}

static PVOID *BasepFlsArray(BOOL Create)
{
    PVOID *Array = TlsGetValue(BasepFlsTls);

    if (Array == NULL && Create) {
        Array = BaseAllocate(FLS_SLOTS * sizeof(PVOID));
        if (Array != NULL && !TlsSetValue(BasepFlsTls, Array)) {
            BaseFreeMemory(Array);
            Array = NULL;
        }
    }
    return Array;
}

DWORD WINAPI FlsAlloc(PFLS_CALLBACK_FUNCTION Callback)
{
    DWORD Index;

    RtlAcquirePebLock();
    for (Index = 1; Index < FLS_SLOTS && BasepFlsUsed[Index]; Index++) {
    }
    if (Index < FLS_SLOTS) {
        BasepFlsUsed[Index] = TRUE;
        BasepFlsCallbacks[Index] = Callback;
    }
    RtlReleasePebLock();
    if (Index == FLS_SLOTS) {
        SetLastError(ERROR_NO_MORE_ITEMS);
        return FLS_OUT_OF_INDEXES;
    }
    return Index;
}

static BOOL BasepFlsValid(DWORD Index)
{
    return Index < FLS_SLOTS && BasepFlsUsed[Index];
}

// Only the calling thread's value gets its callback.
WINBOOL WINAPI FlsFree(DWORD Index)
{
    PVOID *Array = BasepFlsArray(FALSE);

    if (!BasepFlsValid(Index)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Array != NULL && Array[Index] != NULL) {
        if (BasepFlsCallbacks[Index] != NULL) {
            BasepFlsCallbacks[Index](Array[Index]);
        }
        Array[Index] = NULL;
    }
    BasepFlsUsed[Index] = FALSE;
    return TRUE;
}

PVOID WINAPI FlsGetValue(DWORD Index)
{
    PVOID *Array = BasepFlsArray(FALSE);

    if (!BasepFlsValid(Index)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    SetLastError(ERROR_SUCCESS);
    return Array == NULL ? NULL : Array[Index];
}

WINBOOL WINAPI FlsSetValue(DWORD Index, PVOID Value)
{
    PVOID *Array;

    if (!BasepFlsValid(Index)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    Array = BasepFlsArray(TRUE);
    if (Array == NULL) {
        return FALSE;
    }
    Array[Index] = Value;
    return TRUE;
}

// Runs the ending thread's callbacks and frees its array. Called at thread and process detach.
VOID BaseRunFlsCallbacks(VOID)
{
    PVOID *Array = BasepFlsArray(FALSE);

    if (Array == NULL) {
        return;
    }
    for (ULONG i = 0; i < FLS_SLOTS; i++) {
        if (BasepFlsUsed[i] && Array[i] != NULL && BasepFlsCallbacks[i] != NULL) {
            BasepFlsCallbacks[i](Array[i]);
        }
    }
    TlsSetValue(BasepFlsTls, NULL);
    BaseFreeMemory(Array);
}
