// SPDX-License-Identifier: MIT
// Laws of the border between user and kernel mode, without ntdll: a system thread puts a little code into the user half
// of the system process, lowers itself to ring 3, and comes back through a service table of our own.

#include "ke/ki.h"
#include "ktest.h"

// The code that runs in user mode; position independent. ebx = its own base throughout.
// Services (KtServices): 0 nothing, 1 sum of three, 2 the end, 3 NtContinue, 4 an exception arrived, 5 alertable sleep.
extern const UCHAR KtUserCode[], KtUserCodeEnd[], KtUserReturn[], KtUserException[], KtUserApc[];
extern const UCHAR KtUserCalls[], KtUserBadPointers[], KtUserFaults[], KtUserTraced[], KtUserAlertable[], KtUserFloat[],
    KtUserAfterFaults[];
extern const UCHAR KtUserFloatFault[], KtUserBreak[], KtUserBreakHere[], KtUserPoisoned[], KtUserPoisonedFast[];
__asm__(
    ".intel_syntax noprefix\n"
    ".section .rodata\n"
    ".balign 16\n"
    ".globl KtUserCode, KtUserCodeEnd, KtUserReturn, KtUserException, KtUserApc\n"
    ".globl KtUserCalls, KtUserBadPointers, KtUserFaults, KtUserTraced, KtUserAlertable, KtUserFloat, "
    "KtUserAfterFaults\n"
    ".globl KtUserFloatFault, KtUserBreak, KtUserBreakHere, KtUserPoisoned, KtUserPoisonedFast\n"
    "KtUserCode:\n"
    // eax = number, arguments behind the return address: by int 2Eh and by SYSENTER
    "KtSlow: lea edx, [esp+8]\n int 0x2E\n ret\n"
    ".globl KtFast\n"
    "KtFast: mov edx, esp\n sysenter\n"
    "KtUserReturn: ret\n"
    "KtNullSlow: mov eax, 0\n call KtSlow\n ret\n"
    "KtNullFast: mov eax, 0\n call KtFast\n ret\n"
    "KtSumSlow: mov eax, 1\n call KtSlow\n ret 12\n"
    "KtSumFast: mov eax, 1\n call KtFast\n ret 12\n"
    "KtDone: mov eax, 2\n call KtSlow\n ret 4\n"
    // KtUserCalls: every kind of call, with all the registers that must survive. Result: 0, or the step that failed.
    "KtUserCalls: mov esi, 0x11111111\n mov edi, 0x22222222\n mov ebp, esp\n mov ecx, 1000\n"
    "1: push ecx\n call KtNullSlow\n cmp eax, 0x600D\n mov edx, 1\n jne 9f\n"
    " call KtNullFast\n cmp eax, 0x600D\n mov edx, 2\n jne 9f\n"
    " push 3\n push 20\n push 100\n call KtSumSlow\n cmp eax, 123\n mov edx, 3\n jne 9f\n"
    " push 4\n push 30\n push 200\n call KtSumFast\n cmp eax, 234\n mov edx, 4\n jne 9f\n"
    " pop ecx\n mov edx, 5\n cmp esp, ebp\n jne 9f\n cmp esi, 0x11111111\n jne 9f\n cmp edi, 0x22222222\n jne 9f\n"
    " dec ecx\n jnz 1b\n"
    " mov edx, 0\n"
    "9: push edx\n call KtDone\n"
    // KtUserBadPointers: bad numbers and argument pointers. Result: 0, or the step that failed.
    "KtUserBadPointers: mov esi, 1\n"
    " mov eax, 1\n mov edx, 0x10\n int 0x2E\n cmp eax, 0xC0000005\n jne 9f\n inc esi\n"
    " mov eax, 1\n mov edx, 0x7FFEFFFC\n int 0x2E\n cmp eax, 0xC0000005\n jne 9f\n inc esi\n"
    " mov eax, 1\n mov edx, 0x80200000\n int 0x2E\n cmp eax, 0xC0000005\n jne 9f\n inc esi\n"
    " mov eax, 1\n mov edx, 0xFFFFFFFC\n int 0x2E\n cmp eax, 0xC0000005\n jne 9f\n inc esi\n"
    " mov eax, 0\n mov edx, 0xFFFFFFFC\n int 0x2E\n cmp eax, 0x600D\n jne 9f\n inc esi\n"
    " mov eax, 100\n mov edx, esp\n int 0x2E\n cmp eax, 0xC000001C\n jne 9f\n inc esi\n"
    " mov eax, 0x1000\n mov edx, esp\n int 0x2E\n cmp eax, 0xC000001C\n jne 9f\n inc esi\n"
    " mov eax, 0x2000\n mov edx, esp\n int 0x2E\n cmp eax, 0xC000001C\n jne 9f\n inc esi\n"
    " mov eax, 0xFFFFFFFF\n mov edx, esp\n int 0x2E\n cmp eax, 0xC000001C\n jne 9f\n inc esi\n"
    " mov eax, 0x1001\n call KtFast\n cmp eax, 0xC000001C\n jne 9f\n"
    " mov esi, 0\n"
    "9: push esi\n call KtDone\n"
    // KtUserFaults: each of these traps; the handler skips to the next (KtNoteException). Result: the address register.
    "KtUserFaults: xor edx, edx\n xor ecx, ecx\n mov eax, 1\n div ecx\n"
    " mov [0x1234], eax\n"
    " mov eax, [0x80200000]\n"
    " hlt\n nop\n"
    " in al, dx\n nop\n"
    " ud2\n"
    " int3\n nop\n"
    " int 0x80\n"
    " mov eax, 0x48\n mov gs, eax\n"
    " int 0x2C\n"
    " mov eax, 0x80200000\n jmp eax\n"
    "KtUserAfterFaults: push 0\n call KtDone\n"
    // KtUserTraced: SYSENTER with TF set; single steps are counted by KtNoteException.
    "KtUserTraced: pushfd\n or dword ptr [esp], 0x100\n popfd\n"
    " mov eax, 0\n call KtFast\n nop\n"
    " pushfd\n and dword ptr [esp], 0xFFFFFEFF\n popfd\n"
    " push eax\n call KtDone\n"
    // KtUserAlertable: sleeps until the APC has run. Result: the status.
    "KtUserAlertable: mov eax, 5\n call KtFast\n push eax\n call KtDone\n"
    // KtUserFloat: keeps a value in st(0) and xmm0 for a while. esi = value. Result: how often it was wrong.
    "KtUserFloat: mov ecx, 3000000\n xor edi, edi\n push esi\n fild dword ptr [esp]\n movd xmm0, esi\n"
    "1: movd eax, xmm0\n cmp eax, esi\n jne 2f\n fist dword ptr [esp]\n cmp [esp], esi\n je 3f\n"
    "2: inc edi\n"
    "3: dec ecx\n jnz 1b\n push edi\n call KtDone\n"
    // KtUserFloatFault: divides by zero with the exception unmasked; the fault comes at the next x87 instruction.
    "KtUserFloatFault: push 0x37B\n fldcw [esp]\n fld1\n fldz\n fdivp st(1), st\n fwait\n push 1\n call KtDone\n"
    // KtUserBreak: a hardware breakpoint is set on KtUserBreakHere.
    "KtUserBreak: nop\n"
    "KtUserBreakHere: nop\n push 0\n call KtDone\n"
    // KtUserPoisoned: service 6 spoils the frame it returns through, as esi says. Result: ds, es, fs, gs, 8 bits each.
    "KtUserPoisoned: push esi\n push esi\n mov eax, 6\n call KtSlow\n"
    "1: movzx ecx, ax\n cmp ecx, 0x600D\n mov eax, 0xBAD\n jne 2f\n"
    " mov eax, gs\n shl eax, 8\n mov ecx, fs\n or eax, ecx\n shl eax, 8\n mov ecx, es\n or eax, ecx\n shl eax, 8\n"
    " mov ecx, ds\n or eax, ecx\n"
    "2: push eax\n call KtDone\n"
    "KtUserPoisonedFast: push esi\n push esi\n mov eax, 6\n call KtFast\n jmp 1b\n"
    // What the kernel calls: esp = record, context
    "KtUserException: push dword ptr [esp+4]\n push dword ptr [esp+4]\n mov eax, 4\n call KtNote\n add esp, 8\n"
    " push 0\n push dword ptr [esp+8]\n mov eax, 3\n call KtNote\n int3\n"
    "KtNote: lea edx, [esp+4]\n int 0x2E\n ret\n"
    // esp = routine, context, two arguments, CONTEXT
    "KtUserApc: lea edi, [esp+16]\n mov dword ptr [ebx+0x8000], 0x0ABCDEF0\n push 1\n push edi\n mov eax, 3\n call "
    "KtNote\n int3\n"
    "KtUserCodeEnd:\n"
    ".text\n.att_syntax\n");

extern const UCHAR KtFast[];
static const UCHAR KtJumpToSlow[] = {0xEB, 0xF7}; // in KtFast's place on a processor without SYSENTER

#define KT_REGION 0x10000u

typedef struct _KT_USER {
    const UCHAR *Entry;
    ULONG Esi;
    PUCHAR Base;
    volatile ULONG Result;
    PETHREAD Thread;
} KT_USER, *PKT_USER;

static NTSTATUS KtCodes[24];
static ULONG KtCodeCount, KtSteps, KtBreaks, KtFloatStatus;
static ULONG KtFaultCount; // so many faults, then the end
static PKT_USER KtSingle;  // the one user thread of the tests that look inside

static NTSTATUS NTAPI KtServiceNull(VOID)
{
    return 0x600D;
}

static NTSTATUS NTAPI KtServiceSum(ULONG A, ULONG B, ULONG C)
{
    expect_eq(ExGetPreviousMode(), UserMode);
    return (NTSTATUS)(A + B + C);
}

static PKT_USER KtUserOfThread(VOID)
{
    return KeGetCurrentThread()->Win32Thread;
}

static NTSTATUS NTAPI KtServiceDone(ULONG Result)
{
    PKT_USER User = KtUserOfThread();
    PVOID Base = User->Base;
    SIZE_T Size = 0;

    User->Result = Result;
    KeGetCurrentThread()->ServiceTable = (PVOID *)KeServiceDescriptorTable;
    IGNORE_STATUS(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE));
    KeGetCurrentThread()->Win32Thread = NULL;
    return PsTerminateSystemThread(STATUS_SUCCESS);
}

// Notes the exception's code and lets the code go on behind the instruction.
static NTSTATUS NTAPI KtServiceException(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    static const UCHAR Lengths[] = {2, 5, 5, 1, 1, 2, 1, 2, 2, 2};
    PKT_USER User = KtUserOfThread();

    KtFloatStatus = Context->FloatSave.StatusWord;
    if (Record->ExceptionCode == STATUS_SINGLE_STEP && (Context->Dr7 & 1)) {
        KtBreaks++;
        expect_eq(Context->Dr6 & 0xF, 1);
        expect_eq(Context->Eip, (ULONG)User->Base + (ULONG)(KtUserBreakHere - KtUserCode));
        Context->Dr7 = 0;
        return STATUS_SUCCESS;
    }
    if (Record->ExceptionCode == STATUS_SINGLE_STEP) {
        KtSteps++;
        expect(Context->Eip < MM_USER_PROBE_ADDRESS);
        Context->EFlags |= EFLAGS_TF;
        return STATUS_SUCCESS;
    }
    // The x87 reports late; where the processor tells which instruction it was, the record does.
    if (Record->ExceptionCode == STATUS_FLOAT_DIVIDE_BY_ZERO)
        expect((ULONG)Record->ExceptionAddress <= Context->Eip && (ULONG)Record->ExceptionAddress + 8 > Context->Eip);
    else
        expect_eq(Record->ExceptionAddress, Context->Eip);
    if (KtCodeCount + 1 < KtFaultCount && KtCodeCount < RTL_NUMBER_OF(Lengths))
        Context->Eip += Lengths[KtCodeCount];
    else
        Context->Eip = (ULONG)User->Base + (ULONG)(KtUserAfterFaults - KtUserCode);
    if (KtCodeCount < RTL_NUMBER_OF(KtCodes))
        KtCodes[KtCodeCount++] = Record->ExceptionCode;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI KtServiceSleep(VOID)
{
    LARGE_INTEGER Due = {.QuadPart = -5000000};

    return KeDelayExecutionThread(UserMode, TRUE, &Due);
}

static const ULONG KtPoison[] = {FIELD_OFFSET(KTRAP_FRAME, SegDs), FIELD_OFFSET(KTRAP_FRAME, SegEs),
                                 FIELD_OFFSET(KTRAP_FRAME, SegFs), FIELD_OFFSET(KTRAP_FRAME, SegGs),
                                 FIELD_OFFSET(KTRAP_FRAME, SegCs), FIELD_OFFSET(KTRAP_FRAME, HardwareSegSs)};
#define KT_POISON_ONLY 0x100 // leave the frame a service's

// Puts a selector that nobody may load into the frame through which this service returns.
static NTSTATUS NTAPI KtServicePoison(ULONG Which)
{
    PKTRAP_FRAME TrapFrame = KeGetCurrentThread()->TrapFrame;
    CONTEXT Context;

    if ((Which & KT_POISON_ONLY) == 0) {
        Context.ContextFlags = CONTEXT_FULL;
        KeContextFromKframes(TrapFrame, NULL, &Context);
        KeContextToKframes(TrapFrame, NULL, &Context, CONTEXT_CONTROL, UserMode); // eax stays the service's
    }
    *(PULONG)((PUCHAR)TrapFrame + KtPoison[Which & 7]) = 0x4B | (KtPoison[Which & 7] == 0x6C ? 1 : 0);
    return 0x600D;
}

static PVOID KtServices[] = {(PVOID)KtServiceNull,      (PVOID)KtServiceSum,   (PVOID)KtServiceDone,  (PVOID)NtContinue,
                             (PVOID)KtServiceException, (PVOID)KtServiceSleep, (PVOID)KtServicePoison};
static UCHAR KtArguments[] = {0, 12, 4, 8, 8, 0, 4};
static KSERVICE_TABLE_DESCRIPTOR KtTable[2] = {{KtServices, NULL, RTL_NUMBER_OF(KtServices), KtArguments},
                                               {NULL, NULL, 0, NULL}};

static VOID NTAPI KtUserThread(PVOID Argument)
{
    PKT_USER User = Argument;
    PKTHREAD Thread = KeGetCurrentThread();
    PVOID Base = NULL;
    SIZE_T Size = KT_REGION;
    CONTEXT Context;

    if (!NT_SUCCESS(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT | MEM_RESERVE,
                                            PAGE_EXECUTE_READWRITE))) {
        KtExpect(FALSE, "user memory in the system process", 1, 0, __FILE__, __LINE__);
        return;
    }
    User->Base = Base;
    RtlCopyMemory(Base, KtUserCode, (SIZE_T)(KtUserCodeEnd - KtUserCode));
    if ((KeFeatureBits & KF_SYSENTER) == 0)
        RtlCopyMemory((PUCHAR)Base + (KtFast - KtUserCode), KtJumpToSlow, sizeof(KtJumpToSlow));
    Thread->ServiceTable = (PVOID *)KtTable;
    Thread->Win32Thread = User;
    SharedUserData->SystemCallReturn = (ULONG)Base + (ULONG)(KtUserReturn - KtUserCode);
    KeUserExceptionDispatcher = (PUCHAR)Base + (KtUserException - KtUserCode);
    KeUserApcDispatcher = (PUCHAR)Base + (KtUserApc - KtUserCode);

    RtlZeroMemory(&Context, sizeof(Context));
    Context.Eip = (ULONG)Base + (ULONG)(User->Entry - KtUserCode);
    Context.Esp = (ULONG)Base + KT_REGION - 16;
    Context.Ebx = (ULONG)Base;
    Context.Esi = User->Esi;
    Context.SegDs = Context.SegEs = KGDT_R3_DATA | RPL_MASK;
    Context.SegFs = KGDT_R3_TEB | RPL_MASK;
    Context.EFlags = EFLAGS_IF;
    KeGetTrapFrame(Thread)->SegCs = KGDT_R3_CODE | RPL_MASK;
    KeGetTrapFrame(Thread)->DbgArgMark = KI_FRAME_FULL;
    if (User->Entry == KtUserBreak) {
        Context.Dr0 = (ULONG)Base + (ULONG)(KtUserBreakHere - KtUserCode);
        Context.Dr1 = (ULONG)KeSetEvent; // not for user mode to have
        Context.Dr7 = 0x2005;
    }
    KeContextToKframes(KeGetTrapFrame(Thread), NULL, &Context, CONTEXT_FULL | CONTEXT_DEBUG_REGISTERS, UserMode);
    expect(Thread->DebugRegisters[1] == 0 && (Thread->DebugRegisters[7] & 0x2000) == 0);
    __asm__ volatile("mov %0, %%ebp; jmp KiExceptionExit" : : "r"(KeGetTrapFrame(Thread)) : "memory");
}

// The dispatchers in force before the test, put back behind it.
typedef struct _KT_SAVED {
    PVOID ApcDispatcher, ExceptionDispatcher;
    ULONG SystemCallReturn;
} KT_SAVED;

static KT_SAVED KtSave(VOID)
{
    return (KT_SAVED){KeUserApcDispatcher, KeUserExceptionDispatcher, SharedUserData->SystemCallReturn};
}

static VOID KtRestore(KT_SAVED Saved)
{
    KeUserApcDispatcher = Saved.ApcDispatcher;
    KeUserExceptionDispatcher = Saved.ExceptionDispatcher;
    SharedUserData->SystemCallReturn = Saved.SystemCallReturn;
}

static ULONG KtRunUserWith(const UCHAR *Entry, ULONG Esi)
{
    KT_USER User = {.Entry = Entry, .Esi = Esi, .Result = 0xDEAD};
    KT_SAVED Saved = KtSave();

    KtSingle = &User;
    KtCodeCount = KtSteps = KtBreaks = 0;
    KtJoin(KtStartThread(KtUserThread, &User, 8));
    KtRestore(Saved);
    return User.Result;
}

static ULONG KtRunUser(const UCHAR *Entry)
{
    return KtRunUserWith(Entry, 0);
}

KTEST(ke, exit_survives_a_bad_selector)
{
    // Law: a data selector in a trap frame that nobody may load becomes null on the way out; the rest of the frame, and
    // the result of the service, are as they were.
    static const ULONG Expected[] = {0x003B2300, 0x003B0023, 0x00002323, 0x003B2323};
    ULONG Which;

    for (Which = 0; Which < RTL_NUMBER_OF(Expected); Which++)
        expect_eq(KtRunUserWith(KtUserPoisoned, Which), Expected[Which]);
    expect_eq(KtRunUserWith(KtUserPoisoned, 2 | KT_POISON_ONLY) & 0xFFFFFF, 0x002323);
    expect_eq(KtRunUserWith(KtUserPoisonedFast, 2 | KT_POISON_ONLY) & 0xFFFFFF, 0x002323);
    expect_eq(KtRunUserWith(KtUserPoisonedFast, 1), 0x003B0023);
}

KTEST(ke, exit_turns_a_bad_iret_into_an_exception)
{
    // Law: a code or stack selector that IRET refuses is an access violation of the user's at the address it would have
    // gone to.
    ULONG Which;

    for (Which = 4; Which < 6; Which++) {
        KtFaultCount = 1;
        expect_eq(KtRunUserWith(KtUserPoisoned, Which), 0);
        expect_eq(KtCodeCount, 1);
        expect_status(KtCodes[0], STATUS_ACCESS_VIOLATION);
        KtFaultCount = 1;
        expect_eq(KtRunUserWith(KtUserPoisoned, Which | KT_POISON_ONLY), 0);
        expect_eq(KtCodeCount, 1);
    }
}

KTEST(ke, service_calls_both_ways)
{
    // Law: int 2Eh and SYSENTER reach the same service with the same arguments, return its status, and keep the
    // caller's stack and non-volatile registers.
    expect_eq(KtRunUser(KtUserCalls), 0);
}

KTEST(ke, service_bad_numbers_and_pointers)
{
    // Law: an unknown number is STATUS_INVALID_SYSTEM_SERVICE, an argument pointer that cannot be read
    // STATUS_ACCESS_VIOLATION; nothing else happens.
    expect_eq(KtRunUser(KtUserBadPointers), 0);
}

KTEST(ke, user_exceptions_reach_the_dispatcher)
{
    // Law: every fault of user code arrives at the user's dispatcher with NT's status, and NtContinue goes on.
    static const NTSTATUS Expected[] = {STATUS_INTEGER_DIVIDE_BY_ZERO,
                                        STATUS_ACCESS_VIOLATION,
                                        STATUS_ACCESS_VIOLATION,
                                        STATUS_PRIVILEGED_INSTRUCTION,
                                        STATUS_PRIVILEGED_INSTRUCTION,
                                        STATUS_ILLEGAL_INSTRUCTION,
                                        STATUS_BREAKPOINT,
                                        STATUS_ACCESS_VIOLATION,
                                        STATUS_ACCESS_VIOLATION,
                                        STATUS_ASSERTION_FAILURE,
                                        STATUS_ACCESS_VIOLATION};
    ULONG Index;

    KtFaultCount = RTL_NUMBER_OF(Expected);
    expect_eq(KtRunUser(KtUserFaults), 0);
    expect_eq(KtCodeCount, RTL_NUMBER_OF(Expected));
    for (Index = 0; Index < RTL_NUMBER_OF(Expected); Index++)
        expect_status(KtCodes[Index], Expected[Index]);
}

KTEST(ke, user_float_exception_has_its_status)
{
    // Law: an unmasked x87 exception arrives with its status, and the context holds the FPU's registers.
    KtFaultCount = 1;
    expect_eq(KtRunUser(KtUserFloatFault), 0);
    expect_eq(KtCodeCount, 1);
    expect_status(KtCodes[0], STATUS_FLOAT_DIVIDE_BY_ZERO);
    expect(KtFloatStatus & 4);
}

KTEST(ke, user_hardware_breakpoint)
{
    // Law: a thread's debug registers work in user mode; kernel addresses and the kernel's bits of Dr7 are refused.
    expect_eq(KtRunUser(KtUserBreak), 0);
    expect_eq(KtBreaks, 1);
}

KTEST(ke, user_single_step_over_sysenter)
{
    // Law: tracing a system call steps over it, into user code only.
    expect_eq(KtRunUser(KtUserTraced), 0x600D);
    expect_eq(KtSteps,
              13); // the instructions from the first traced one to int 2Eh, SYSENTER itself being part of the call
}

static VOID NTAPI KtUserApcKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1,
                                         PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

KTEST(ke, user_apc_ends_an_alertable_wait)
{
    // Law: a user APC is delivered when its thread waits alertably; the wait returns STATUS_USER_APC behind it.
    KT_USER User = {.Entry = KtUserAlertable, .Result = 0xDEAD};
    KT_SAVED Saved = KtSave();
    KAPC Apc;
    PETHREAD Thread;
    LARGE_INTEGER Due = {.QuadPart = -500000};
    ULONGLONG Before = KeQueryInterruptTime();

    Thread = KtStartThread(KtUserThread, &User, 8);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Due));
    KeInitializeApc(&Apc, &Thread->Tcb, OriginalApcEnvironment, KtUserApcKernelRoutine, NULL, (PKNORMAL_ROUTINE)0x10000,
                    UserMode, NULL);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtJoin(Thread);
    KtRestore(Saved);
    expect_eq(User.Result, STATUS_USER_APC);
    expect(KeQueryInterruptTime() - Before < 4000000);
}

KTEST(ke, user_floating_point_is_each_threads_own)
{
    // Law: x87 and SSE registers belong to the thread, however often it is preempted.
    KT_USER Users[3];
    PETHREAD Threads[3];
    KT_SAVED Saved = KtSave();
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Users); Index++) {
        Users[Index] = (KT_USER){.Entry = KtUserFloat, .Esi = 1000 + Index, .Result = 0xDEAD};
        Threads[Index] = KtStartThread(KtUserThread, &Users[Index], 8);
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Users); Index++) {
        KtJoin(Threads[Index]);
        expect_eq(Users[Index].Result, 0);
    }
    KtRestore(Saved);
}
