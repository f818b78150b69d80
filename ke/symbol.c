// SPDX-License-Identifier: MIT
// Names for kernel addresses, from the table that the second link adds (tools/ksyms.py), and walking stacks of frames
// linked by ebp (the kernel keeps frame pointers).

#include "ki.h"

typedef struct _KSYMBOL {
    ULONG Address;
    PCSTR Name;
} KSYMBOL;
extern const KSYMBOL KiSymbolTable[] __attribute__((weak)); // sorted by address
extern const ULONG KiSymbolCount __attribute__((weak));
extern UCHAR KiTextStart[], KiTextEnd[], KiDataStart[], KiDataEnd[]; // linker.ld

BOOLEAN KiIsTextAddress(PVOID Address)
{
    return (ULONG_PTR)Address >= (ULONG_PTR)KiTextStart && (ULONG_PTR)Address < (ULONG_PTR)KiTextEnd;
}

// Is Address a variable of the image?
BOOLEAN KiIsImageData(PVOID Address)
{
    return (ULONG_PTR)Address >= (ULONG_PTR)KiDataStart && (ULONG_PTR)Address < (ULONG_PTR)KiDataEnd;
}

// Name and offset of the kernel symbol at or below Address: code, or a variable that has to do with locks. NULL if
// Address is not in the image. Any IRQL.
PCSTR KeLookupSymbol(PVOID Address, PULONG Offset)
{
    ULONG Low = 0, High, Middle;

    if (&KiSymbolCount == NULL || KiSymbolCount == 0 || (!KiIsTextAddress(Address) && !KiIsImageData(Address)) ||
        (ULONG_PTR)Address < KiSymbolTable[0].Address)
        return NULL;
    for (High = KiSymbolCount; High - Low > 1;) {
        Middle = Low + (High - Low) / 2;
        if (KiSymbolTable[Middle].Address <= (ULONG_PTR)Address)
            Low = Middle;
        else
            High = Middle;
    }
    *Offset = (ULONG)((ULONG_PTR)Address - KiSymbolTable[Low].Address);
    return KiSymbolTable[Low].Name;
}

// Is Address inside the current thread's kernel stack, or one of the processor's own?
BOOLEAN KiIsStackAddress(ULONG_PTR Address)
{
    PKTHREAD Thread = KeGetCurrentPrcb()->CurrentThread;
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);

    if (Address & (sizeof(ULONG) - 1))
        return FALSE;
    if (Thread != NULL && Address >= (ULONG_PTR)Thread->StackLimit && Address < (ULONG_PTR)Thread->InitialStack - 8)
        return TRUE;
    return Address >= Here && Address < Here + 0x2000 && MmIsAddressValid((PVOID)Address) &&
           MmIsAddressValid((PVOID)(Address + 4));
}

// Up to Count return addresses, innermost first, from the chain of frames at Ebp; stops at anything that is not in a
// kernel stack. Any IRQL. Returns how many.
ULONG KeWalkFrames(PVOID *Callers, ULONG Count, PVOID Ebp)
{
    ULONG_PTR *Frame = Ebp;
    ULONG Found = 0;

    while (Found < Count && KiIsStackAddress((ULONG_PTR)Frame)) {
        if (Frame[1] < (ULONG_PTR)MM_SYSTEM_RANGE_START)
            break;
        Callers[Found++] = (PVOID)Frame[1];
        if (Frame[0] <= (ULONG_PTR)Frame)
            break;
        Frame = (ULONG_PTR *)Frame[0];
    }
    return Found;
}
