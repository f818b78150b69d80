// SPDX-License-Identifier: MIT
// Fibers: stacks that a thread switches between by itself. The current one is in the TEB (FiberData); one that does not
// run keeps its callee-saved registers on its own stack and its stack's bounds and frame chain here.

#include "k32.h"

typedef struct _BASE_FIBER {
    PVOID Parameter; // GetFiberData() is the first word of what the TEB points to
    PVOID ExceptionList;
    PVOID StackBase;
    PVOID StackLimit;
    PVOID DeallocationStack;
    PVOID Esp;
} BASE_FIBER, *PBASE_FIBER;

#define TEB_FLAGS_OFFSET 0xFCA // SameTebFlags; bit 2 says HasFiberData
#define HAS_FIBER_DATA 4u

// BasepSwitchStack(&From->Esp, To->Esp): saves the registers that a callee must keep, and takes the other's.
VOID CDECL BasepSwitchStack(PVOID *From, PVOID To);
__asm__(".globl _BasepSwitchStack\n"
        "_BasepSwitchStack:\n"
        "    mov 4(%esp), %eax\n"
        "    mov 8(%esp), %edx\n"
        "    push %ebp\n"
        "    push %ebx\n"
        "    push %esi\n"
        "    push %edi\n"
        "    mov %esp, (%eax)\n"
        "    mov %edx, %esp\n"
        "    pop %edi\n"
        "    pop %esi\n"
        "    pop %ebx\n"
        "    pop %ebp\n"
        "    ret\n");

static volatile USHORT *BasepTebFlags(VOID)
{
    return (volatile USHORT *)((PCHAR)BaseTeb() + TEB_FLAGS_OFFSET);
}

WINBOOL WINAPI IsThreadAFiber(VOID)
{
    return (*BasepTebFlags() & HAS_FIBER_DATA) != 0;
}

LPVOID WINAPI ConvertThreadToFiberEx(LPVOID Parameter, DWORD Flags)
{
    PBASE_FIBER Fiber;

    UNREFERENCED_PARAMETER(Flags); // x87 state is never in use across a call
    if (IsThreadAFiber()) {
        SetLastError(ERROR_ALREADY_FIBER);
        return NULL;
    }
    Fiber = BaseAllocate(sizeof(*Fiber));
    if (Fiber != NULL) {
        Fiber->Parameter = Parameter;
        BaseTeb()->NtTib.FiberData = Fiber;
        *BasepTebFlags() |= HAS_FIBER_DATA;
    }
    return Fiber;
}

LPVOID WINAPI ConvertThreadToFiber(LPVOID Parameter)
{
    return ConvertThreadToFiberEx(Parameter, 0);
}

WINBOOL WINAPI ConvertFiberToThread(VOID)
{
    if (!IsThreadAFiber()) {
        return BaseFail(ERROR_ALREADY_THREAD);
    }
    BaseFreeMemory(BaseTeb()->NtTib.FiberData);
    BaseTeb()->NtTib.FiberData = NULL;
    *BasepTebFlags() &= (USHORT)~HAS_FIBER_DATA;
    return TRUE;
}

// A new fiber's stack looks as if BasepSwitchStack had been called from BaseFiberStart: four registers, the address to
// return to, and what a thread's start finds there (a null return address, the routine, its parameter).
LPVOID WINAPI CreateFiberEx(SIZE_T Commit, SIZE_T Reserve, DWORD Flags, LPFIBER_START_ROUTINE Routine, LPVOID Parameter)
{
    PBASE_FIBER Fiber = BaseAllocate(sizeof(*Fiber));
    INITIAL_TEB Stack;
    PULONG_PTR Top;

    UNREFERENCED_PARAMETER(Flags);
    if (Fiber == NULL) {
        return NULL;
    }
    if (!BaseBool(BaseCreateStack(NtCurrentProcess(), Commit, Reserve, &Stack))) {
        BaseFreeMemory(Fiber);
        return NULL;
    }
    Top = (PULONG_PTR)Stack.StackBase;
    *--Top = (ULONG_PTR)Parameter;
    *--Top = (ULONG_PTR)Routine;
    *--Top = 0;
    *--Top = (ULONG_PTR)BaseThreadStart;
    Top -= 4;
    Fiber->Parameter = Parameter;
    Fiber->ExceptionList = (PVOID)-1;
    Fiber->StackBase = Stack.StackBase;
    Fiber->StackLimit = Stack.StackLimit;
    Fiber->DeallocationStack = Stack.StackAllocationBase;
    Fiber->Esp = Top;
    return Fiber;
}

LPVOID WINAPI CreateFiber(SIZE_T Commit, LPFIBER_START_ROUTINE Routine, LPVOID Parameter)
{
    return CreateFiberEx(Commit, 0, 0, Routine, Parameter);
}

VOID WINAPI SwitchToFiber(LPVOID Target)
{
    TEB *Teb = BaseTeb();
    PBASE_FIBER From = Teb->NtTib.FiberData, To = Target;

    From->ExceptionList = Teb->NtTib.ExceptionList;
    From->StackBase = Teb->NtTib.StackBase;
    From->StackLimit = Teb->NtTib.StackLimit;
    From->DeallocationStack = Teb->DeallocationStack;
    Teb->NtTib.ExceptionList = To->ExceptionList;
    Teb->NtTib.StackBase = To->StackBase;
    Teb->NtTib.StackLimit = To->StackLimit;
    Teb->DeallocationStack = To->DeallocationStack;
    Teb->NtTib.FiberData = To;
    BasepSwitchStack(&From->Esp, To->Esp);
}

// Deleting the running fiber ends its thread, as documented.
VOID WINAPI DeleteFiber(LPVOID Target)
{
    PBASE_FIBER Fiber = Target;
    SIZE_T Size = 0;

    if (Fiber == BaseTeb()->NtTib.FiberData) {
        ExitThread(1);
    }
    IGNORE_STATUS(NtFreeVirtualMemory(NtCurrentProcess(), &Fiber->DeallocationStack, &Size, MEM_RELEASE));
    BaseFreeMemory(Fiber);
}
