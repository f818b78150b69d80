; SPDX-License-Identifier: MIT
; Where the kernel enters user mode, and where user mode enters the kernel. The kernel finds these by name (ps/sysdll.c)
; and lays out the stack as each comment says. Source: the published Native API; Windows Internals 6th ed. ch. 3.

%include "rtl/i386/asm.inc"

cdecl_name RtlpKeptStack
stdcall_name LdrpInitialize, 12
stdcall_name RtlpUserThreadStart, 8
stdcall_name RtlDispatchException, 8
stdcall_name RtlRaiseException, 4
stdcall_name RtlRaiseStatus, 4
stdcall_name RtlpRaiseAfter, 8
stdcall_name NtContinue, 8
stdcall_name NtRaiseException, 12
stdcall_name NtCallbackReturn, 12
stdcall_name NtFreeVirtualMemory, 16
stdcall_name NtTerminateThread, 8

        extern  RtlpKeptStack
        extern  LdrpInitialize
        extern  RtlpUserThreadStart
        extern  RtlDispatchException
        extern  RtlRaiseException
        extern  RtlRaiseStatus
        extern  RtlpRaiseAfter
        extern  NtContinue
        extern  NtRaiseException
        extern  NtCallbackReturn
        extern  NtFreeVirtualMemory
        extern  NtTerminateThread

stdcall_name LdrInitializeThunk, 12
stdcall_name KiUserApcDispatcher, 16
stdcall_name KiUserExceptionDispatcher, 8
stdcall_name KiUserCallbackDispatcher, 12
stdcall_name KiRaiseUserExceptionDispatcher, 0
stdcall_name KiFastSystemCall, 0
stdcall_name KiFastSystemCallRet, 0
stdcall_name KiIntSystemCall, 0
stdcall_name RtlUserThreadStart, 0
stdcall_name RtlpFreeStackAndTerminate, 8
stdcall_name DbgBreakPoint, 0
stdcall_name DbgUserBreakPoint, 0

TEB_ExceptionCode       equ 0x1A4
TEB_Peb                 equ 0x30
PEB_KernelCallbackTable equ 0x2C
TEB_Self                equ 0x18
TEB_StaticBufferEnd     equ 0xE00       ; within StaticUnicodeBuffer (C00h-E09h)
TEB_DeallocationStack   equ 0xE0C
MEM_RELEASE             equ 0x8000
EXCEPTION_RECORD_LENGTH equ 0x50

        section .text
        global  LdrInitializeThunk
        global  KiUserApcDispatcher
        global  KiUserExceptionDispatcher
        global  KiUserCallbackDispatcher
        global  KiRaiseUserExceptionDispatcher
        global  KiFastSystemCall
        global  KiFastSystemCallRet
        global  KiIntSystemCall
        global  RtlUserThreadStart
        global  RtlpFreeStackAndTerminate
        global  DbgBreakPoint
        global  DbgUserBreakPoint

; A stub's `call [7FFE0300]`: eax = service, [esp] = return to the stub, [esp + 8] = first argument.
; SYSEXIT comes back to KiFastSystemCallRet with esp = edx.
KiFastSystemCall:
        mov     edx, esp
        sysenter
        align   8
KiFastSystemCallRet:
        ret
        align   8
KiIntSystemCall:
        lea     edx, [esp + 8]
        int     0x2E
        ret

; A user APC. [esp] = NormalRoutine, NormalContext, SystemArgument1, SystemArgument2, then the CONTEXT to go on with.
        align   16
KiUserApcDispatcher:
        cld
        lea     edi, [esp + 16]
        pop     eax
        call    eax
        push    1                       ; TestAlert: deliver the next APC, if there is one
        push    edi
        call    NtContinue
        push    eax
        call    RtlRaiseStatus
        int3

; The first user APC of every thread: called by KiUserApcDispatcher, whose CONTEXT lies behind our three arguments.
; NT's loader gets it as its first argument.
        align   16
LdrInitializeThunk:
        nop     dword [eax + 0x5EED0001] ; does nothing: ./mica bench finds the first user instruction by it
        lea     eax, [esp + 16]
        mov     [esp + 4], eax
        xor     ebp, ebp
        jmp     LdrpInitialize

; An exception. [esp] = PEXCEPTION_RECORD, [esp + 4] = PCONTEXT; no return address.
        align   16
KiUserExceptionDispatcher:
        cld
        mov     esi, [esp]
        mov     ebx, [esp + 4]
        push    ebx
        push    esi
        call    RtlDispatchException
        test    al, al
        jz      .unhandled
        push    0                       ; TestAlert
        push    ebx
        call    NtContinue
        jmp     .failed
.unhandled:
        push    0                       ; FirstChance
        push    ebx
        push    esi
        call    NtRaiseException
.failed:
        push    esi
        push    eax
        call    RtlpRaiseAfter          ; does not return
        int3

; The kernel wants an exception raised where a system service returns: TEB.ExceptionCode says which.
        align   16
KiRaiseUserExceptionDispatcher:
        push    ebp
        mov     ebp, esp
        sub     esp, EXCEPTION_RECORD_LENGTH
        mov     eax, [fs:TEB_ExceptionCode]
        mov     [esp], eax              ; ExceptionCode
        xor     eax, eax
        mov     [esp + 4], eax          ; ExceptionFlags
        mov     [esp + 8], eax          ; ExceptionRecord
        mov     [esp + 16], eax         ; NumberParameters
        mov     eax, esp
        push    eax
        call    RtlRaiseException       ; fills ExceptionAddress
        mov     eax, [esp]
        mov     esp, ebp
        pop     ebp
        ret

; A call from win32k. [esp] = a dummy return address, then ApiNumber, InputBuffer, InputLength.
        align   16
KiUserCallbackDispatcher:
        mov     eax, [esp + 4]
        mov     edx, [fs:TEB_Peb]
        mov     edx, [edx + PEB_KernelCallbackTable]
        push    dword [esp + 12]
        push    dword [esp + 12]
        call    dword [edx + eax * 4]
        push    eax                     ; status
        push    0
        push    0
        call    NtCallbackReturn
        push    eax
        call    RtlRaiseStatus
        int3

; Where a thread made by RtlCreateUserThread begins: eax = routine, ebx = its parameter.
        align   16
RtlUserThreadStart:
        xor     ebp, ebp
        push    ebx
        push    eax
        push    ebp                     ; no return address: the frames end here
        jmp     RtlpUserThreadStart

; VOID NTAPI RtlpFreeStackAndTerminate(NTSTATUS Status, PVOID Keep): nobody else could free the stack we stand on, so
; the last two calls are made from the TEB's static buffer, as NT does. Keep: the stack's upper end if it may be kept
; for the next thread, should none be kept yet.
        align   16
RtlpFreeStackAndTerminate:
        mov     ebx, [esp + 4]
        mov     edx, [esp + 8]
        mov     edi, [fs:TEB_Self]
        mov     esi, [edi + TEB_DeallocationStack]
        lea     esp, [edi + TEB_StaticBufferEnd]
        mov     dword [edi + TEB_DeallocationStack], 0
        test    edx, edx
        jz      .free
        xor     eax, eax
        lock cmpxchg [RtlpKeptStack], edx
        je      .again
.free:
        push    0                       ; the size: all of it
        mov     eax, esp
        push    esi
        mov     ecx, esp
        push    MEM_RELEASE
        push    eax
        push    ecx
        push    -1                      ; NtCurrentProcess()
        call    NtFreeVirtualMemory
.again: push    ebx
        push    -2                      ; NtCurrentThread()
        call    NtTerminateThread
        jmp     .again

        align   16
DbgBreakPoint:
        int3
        ret
        align   4
DbgUserBreakPoint:
        int3
        ret
