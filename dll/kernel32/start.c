// SPDX-License-Identifier: MIT
// Where a process's first thread and every further thread begin in Win32, and where an exception that nobody wanted
// ends: one readable line on standard error and in the kernel's log, then the process dies with the exception's code.
// Source: Windows Internals ch. 5 ("Process and thread start"), SDK (UnhandledExceptionFilter).

#include "k32.h"

#define REPORT_STACK 8192

typedef DWORD(WINAPI *PBASE_PROCESS_START)(VOID);

static LPTOP_LEVEL_EXCEPTION_FILTER BasepTopFilter;

DECLSPEC_NORETURN VOID WINAPI BaseProcessStart(PBASE_PROCESS_START Start);

// The initial context has the start address in eax and the parameter in ebx; the frame chain must end here, so ebp is
// cleared and a null return address pushed.
__asm__(".globl _BaseProcessStartThunk\n"
        "_BaseProcessStartThunk:\n"
        "    xor %ebp, %ebp\n"
        "    push %eax\n"
        "    push $0\n"
        "    jmp _BaseProcessStart@4\n"
        ".globl _BaseThreadStartThunk\n"
        "_BaseThreadStartThunk:\n"
        "    xor %ebp, %ebp\n"
        "    push %ebx\n"
        "    push %eax\n"
        "    push $0\n"
        "    jmp _BaseThreadStart@8\n");

// What the exception is called in the message; NULL for a code without a common name.
LPCSTR BaseExceptionName(ULONG Code)
{
    switch (Code) {
    case EXCEPTION_ACCESS_VIOLATION:
        return "access violation";
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
        return "integer divide by zero";
    case EXCEPTION_INT_OVERFLOW:
        return "integer overflow";
    case EXCEPTION_ILLEGAL_INSTRUCTION:
        return "illegal instruction";
    case EXCEPTION_PRIV_INSTRUCTION:
        return "privileged instruction";
    case EXCEPTION_STACK_OVERFLOW:
        return "stack overflow";
    case EXCEPTION_BREAKPOINT:
        return "breakpoint";
    case EXCEPTION_SINGLE_STEP:
        return "single step";
    case EXCEPTION_GUARD_PAGE:
        return "guard page violation";
    case EXCEPTION_IN_PAGE_ERROR:
        return "in-page I/O error";
    case EXCEPTION_DATATYPE_MISALIGNMENT:
        return "datatype misalignment";
    case EXCEPTION_ARRAY_BOUNDS_EXCEEDED:
        return "array bounds exceeded";
    case EXCEPTION_FLT_DIVIDE_BY_ZERO:
        return "floating-point divide by zero";
    case EXCEPTION_FLT_INVALID_OPERATION:
        return "floating-point invalid operation";
    case EXCEPTION_NONCONTINUABLE_EXCEPTION:
        return "noncontinuable exception";
    default:
        return "unknown exception";
    }
}

static PCWSTR BasepProgramName(VOID)
{
    PWSTR Path = NtCurrentPeb()->ProcessParameters->ImagePathName.Buffer;
    PWSTR Last;

    if (Path == NULL) {
        return L"program";
    }
    Last = wcsrchr(Path, L'\\');
    return Last == NULL ? Path : Last + 1;
}

VOID NTAPI BasepReport(const EXCEPTION_RECORD *Record);

// Writes the line. Called by name from BasepReportSafely.
VOID NTAPI BasepReport(const EXCEPTION_RECORD *Record)
{
    HANDLE Error = NtCurrentPeb()->ProcessParameters->StandardError;
    CHAR Text[256];
    IO_STATUS_BLOCK IoStatus;
    int Length;

    Length = _snprintf(Text, sizeof(Text) - 1, "%ws: unhandled exception 0x%08X (%s) at 0x%08X", BasepProgramName(),
                       (UINT)Record->ExceptionCode, BaseExceptionName(Record->ExceptionCode),
                       (UINT)(ULONG_PTR)Record->ExceptionAddress);
    if (Length < 0) {
        Length = (int)sizeof(Text) - 1;
    }
    if (Record->ExceptionCode == (DWORD)EXCEPTION_ACCESS_VIOLATION && Record->NumberParameters >= 2) {
        ULONG_PTR Kind = Record->ExceptionInformation[0];
        int More = _snprintf(Text + Length, sizeof(Text) - 1 - Length, ", %s 0x%08X",
                             Kind == 0   ? "reading"
                             : Kind == 1 ? "writing"
                                         : "executing",
                             (UINT)Record->ExceptionInformation[1]);
        Length = More < 0 ? (int)sizeof(Text) - 1 : Length + More;
    }
    Text[Length] = 0;
    if (Error == NULL || !BaseIsConsole(Error)) {
        DbgPrint("%s\n", Text); // the log shares the console's serial line: once is enough there
    }
    Text[Length++] = '\n';
    if (Error != NULL) {
        IGNORE_STATUS(NtWriteFile(Error, NULL, NULL, NULL, &IoStatus, Text, Length, NULL, NULL));
    }
}

// The exception may be that the stack is full: the report has one of its own. The first thread to come here ends the
// process; others wait for that.
static VOID BasepReportSafely(const EXCEPTION_RECORD *Record)
{
    static UCHAR Stack[REPORT_STACK] ALIGNED(16);
    static LONG Reporting;

    if (__atomic_exchange_n(&Reporting, 1, __ATOMIC_SEQ_CST) != 0) {
        Sleep(INFINITE);
    }
    __asm__ volatile("mov %%esp, %%esi\n"
                     "mov %0, %%esp\n"
                     "push %1\n"
                     "call _BasepReport@4\n"
                     "mov %%esi, %%esp"
                     :
                     : "r"(Stack + REPORT_STACK), "r"(Record)
                     : "eax", "ecx", "edx", "esi", "memory", "cc");
}

LPTOP_LEVEL_EXCEPTION_FILTER WINAPI SetUnhandledExceptionFilter(LPTOP_LEVEL_EXCEPTION_FILTER Filter)
{
    return __atomic_exchange_n(&BasepTopFilter, Filter, __ATOMIC_SEQ_CST);
}

// Asks the program's own filter first. What that leaves ends the process, here and now: unwinding or detaching DLLs
// in a process known to be broken could hang it.
LONG WINAPI UnhandledExceptionFilter(PEXCEPTION_POINTERS Pointers)
{
    LPTOP_LEVEL_EXCEPTION_FILTER Filter = BasepTopFilter;

    if (Filter != NULL) {
        LONG Answer = Filter(Pointers);

        if (Answer != EXCEPTION_CONTINUE_SEARCH) {
            return Answer;
        }
    }
    BasepReportSafely(Pointers->ExceptionRecord);
    NtTerminateProcess(NtCurrentProcess(), (NTSTATUS)Pointers->ExceptionRecord->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

// The last frame of every thread's chain: the __except (UnhandledExceptionFilter(...)) of BaseProcessStart.
static EXCEPTION_DISPOSITION CDECL BasepTopHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context,
                                                   PVOID Dispatcher)
{
    EXCEPTION_POINTERS Pointers = {Record, Context};

    UNREFERENCED_PARAMETER(Frame);
    UNREFERENCED_PARAMETER(Dispatcher);
    if ((Record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) != 0) {
        return ExceptionContinueSearch;
    }
    switch (UnhandledExceptionFilter(&Pointers)) {
    case EXCEPTION_CONTINUE_EXECUTION:
        return ExceptionContinueExecution;
    case EXCEPTION_EXECUTE_HANDLER:
        NtTerminateProcess(NtCurrentProcess(), (NTSTATUS)Record->ExceptionCode);
        break;
    default:
        break;
    }
    return ExceptionContinueSearch;
}

static VOID BasepPushTopFrame(EXCEPTION_REGISTRATION_RECORD *Frame)
{
    Frame->Next = (EXCEPTION_REGISTRATION_RECORD *)-1;
    Frame->Handler = (PEXCEPTION_ROUTINE)(PVOID)BasepTopHandler;
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Frame) : "memory");
}

// Entered from BaseProcessStartThunk when ntdll's loader is done; runs the program's entry point.
VOID WINAPI BaseProcessStart(PBASE_PROCESS_START Start)
{
    EXCEPTION_REGISTRATION_RECORD Frame;

    BasepPushTopFrame(&Frame);
    IGNORE_STATUS(NtSetInformationThread(NtCurrentThread(), ThreadQuerySetWin32StartAddress, &Start, sizeof(Start)));
    ExitThread(Start());
}

// Entered from BaseThreadStartThunk; runs a thread's routine.
VOID WINAPI BaseThreadStart(LPTHREAD_START_ROUTINE Start, PVOID Parameter)
{
    EXCEPTION_REGISTRATION_RECORD Frame;

    BasepPushTopFrame(&Frame);
    ExitThread(Start(Parameter));
}
