; SPDX-License-Identifier: MIT
; What structured exception handling cannot say in C: calling a handler under a guard frame, and taking or loading the
; registers of a caller. The walk over the frames is in rtl/exception.c and rtl/unwind.c.
; Source: the published description of x86 SEH (M. Pietrek, MSJ 1/1997), SDK documentation of RtlUnwind,
; RtlCaptureContext.

%include "rtl/i386/asm.inc"

stdcall_name RtlpExecuteHandlerForException, 20
stdcall_name RtlpExecuteHandlerForUnwind, 20
stdcall_name RtlCaptureContext, 4
stdcall_name RtlpLoadContext, 4
stdcall_name RtlRaiseException, 4
stdcall_name RtlUnwind, 16
stdcall_name RtlpRaiseException, 8
stdcall_name RtlpUnwind, 12

        extern  RtlpRaiseException
        extern  RtlpUnwind

EXCEPTION_CONTINUE_SEARCH_  equ 1       ; EXCEPTION_DISPOSITION
EXCEPTION_NESTED            equ 2
EXCEPTION_COLLIDED          equ 3
EXCEPTION_UNWIND_FLAGS      equ 0x66
RECORD_FLAGS                equ 4

; Fills the CONTEXT at %1 (a register other than eax) with everything but Eip, Esp, Ebp, Eax.
%macro  capture_registers 1
        mov     dword [%1 + CONTEXT_ContextFlags], CONTEXT_FULL_FLAGS
        mov     [%1 + CONTEXT_Edi], edi
        mov     [%1 + CONTEXT_Esi], esi
        mov     [%1 + CONTEXT_Ebx], ebx
        mov     [%1 + CONTEXT_Edx], edx
        mov     [%1 + CONTEXT_Ecx], ecx
        pushfd
        pop     dword [%1 + CONTEXT_EFlags]
        xor     eax, eax
        mov     ax, gs
        mov     [%1 + CONTEXT_SegGs], eax
        mov     ax, fs
        mov     [%1 + CONTEXT_SegFs], eax
        mov     ax, es
        mov     [%1 + CONTEXT_SegEs], eax
        mov     ax, ds
        mov     [%1 + CONTEXT_SegDs], eax
        mov     ax, cs
        mov     [%1 + CONTEXT_SegCs], eax
        mov     ax, ss
        mov     [%1 + CONTEXT_SegSs], eax
%endmacro

        section .text
        global  RtlpExecuteHandlerForException
        global  RtlpExecuteHandlerForUnwind
        global  RtlCaptureContext
        global  RtlpLoadContext
        global  RtlRaiseException
        global  RtlUnwind

; EXCEPTION_DISPOSITION NTAPI RtlpExecuteHandlerForException(Record, Frame, Context, DispatcherContext, Handler)
; Calls Handler(Record, Frame, Context, DispatcherContext) under a frame of our own, so that an exception inside the
; handler is recognised as nested.
RtlpExecuteHandlerForException:
        mov     edx, NestedExceptionHandler
        jmp     ExecuteHandler

; The same for a handler that is told to unwind: an unwind inside it is recognised as colliding.
RtlpExecuteHandlerForUnwind:
        mov     edx, CollidedUnwindHandler

ExecuteHandler:
        push    ebp
        mov     ebp, esp
        push    ebx
        push    esi
        push    edi
        push    dword [ebp + 12]        ; whose handler runs; the guard handlers report it
        push    edx
        push    dword [fs:0]
        mov     [fs:0], esp
        push    dword [ebp + 20]
        push    dword [ebp + 16]
        push    dword [ebp + 12]
        push    dword [ebp + 8]
        xor     ebx, ebx
        xor     esi, esi
        xor     edi, edi
        call    dword [ebp + 24]
        mov     esp, [fs:0]
        pop     dword [fs:0]
        lea     esp, [ebp - 12]
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret     20

; CDECL (Record, Frame, Context, DispatcherContext): the guard frame of an exception dispatch.
NestedExceptionHandler:
        mov     ecx, [esp + 4]
        mov     eax, EXCEPTION_CONTINUE_SEARCH_
        test    dword [ecx + RECORD_FLAGS], EXCEPTION_UNWIND_FLAGS
        jnz     .done
        mov     ecx, [esp + 8]
        mov     edx, [esp + 16]
        mov     eax, [ecx + 8]
        mov     [edx], eax
        mov     eax, EXCEPTION_NESTED
.done:  ret

; The guard frame of an unwind.
CollidedUnwindHandler:
        mov     ecx, [esp + 4]
        mov     eax, EXCEPTION_CONTINUE_SEARCH_
        test    dword [ecx + RECORD_FLAGS], EXCEPTION_UNWIND_FLAGS
        jz      .done
        mov     ecx, [esp + 8]
        mov     edx, [esp + 16]
        mov     eax, [ecx + 8]
        mov     [edx], eax
        mov     eax, EXCEPTION_COLLIDED
.done:  ret

; VOID NTAPI RtlCaptureContext(PCONTEXT Context): the caller's registers as they are after the call.
RtlCaptureContext:
        push    ebx
        mov     ebx, [esp + 8]
        mov     [ebx + CONTEXT_Eax], eax
        capture_registers ebx
        mov     eax, [esp]
        mov     [ebx + CONTEXT_Ebx], eax
        mov     [ebx + CONTEXT_Ebp], ebp
        mov     eax, [esp + 4]
        mov     [ebx + CONTEXT_Eip], eax
        lea     eax, [esp + 12]
        mov     [ebx + CONTEXT_Esp], eax
        mov     eax, [ebx + CONTEXT_Eax]
        pop     ebx
        ret     4

; VOID NTAPI RtlpLoadContext(PCONTEXT Context): loads the integer and control registers and goes on there, in the same
; mode and on the same kind of stack. Does not return. Context may lie below or above the new stack pointer: everything
; is read before esp changes, and the three words we need on the new stack lie below it.
RtlpLoadContext:
        mov     ecx, [esp + 4]
        mov     edi, [ecx + CONTEXT_Edi]
        mov     esi, [ecx + CONTEXT_Esi]
        mov     ebx, [ecx + CONTEXT_Ebx]
        mov     ebp, [ecx + CONTEXT_Ebp]
        push    dword [ecx + CONTEXT_Eax]
        push    dword [ecx + CONTEXT_Ecx]
        push    dword [ecx + CONTEXT_Edx]
        mov     edx, [ecx + CONTEXT_Esp]
        mov     eax, [ecx + CONTEXT_Eip]
        mov     ecx, [ecx + CONTEXT_EFlags]
        sub     edx, 20
        mov     [edx + 16], eax
        mov     [edx + 12], ecx
        mov     eax, [esp + 8]
        mov     ecx, [esp + 4]
        mov     [edx + 8], ecx
        mov     ecx, [esp]
        mov     esp, edx
        mov     [esp + 4], ecx
        mov     ecx, [esp + 8]
        mov     edx, [esp + 4]
        lea     esp, [esp + 12]
        popfd
        ret

; VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD Record): the exception happens at the caller.
RtlRaiseException:
        push    ebp
        mov     ebp, esp
        sub     esp, CONTEXT_LENGTH
        mov     [esp + CONTEXT_Eax], eax
        capture_registers esp
        mov     eax, [ebp]
        mov     [esp + CONTEXT_Ebp], eax
        lea     eax, [ebp + 12]
        mov     [esp + CONTEXT_Esp], eax
        mov     eax, [ebp + 4]
        mov     [esp + CONTEXT_Eip], eax
        mov     ecx, [ebp + 8]
        mov     [ecx + 12], eax         ; EXCEPTION_RECORD.ExceptionAddress
        mov     edx, esp
        push    edx
        push    ecx
        call    RtlpRaiseException      ; does not return
        int3

; VOID NTAPI RtlUnwind(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD Record, PVOID ReturnValue)
; Returns to its caller (as on Windows for x86, where every TargetIp is that address) with ReturnValue in eax, after the
; handlers of all frames below TargetFrame have run. Handlers may change the context it returns with.
RtlUnwind:
        push    ebp
        mov     ebp, esp
        sub     esp, CONTEXT_LENGTH
        capture_registers esp
        mov     eax, [ebp + 20]
        mov     [esp + CONTEXT_Eax], eax
        mov     eax, [ebp]
        mov     [esp + CONTEXT_Ebp], eax
        lea     eax, [ebp + 24]
        mov     [esp + CONTEXT_Esp], eax
        mov     eax, [ebp + 4]
        mov     [esp + CONTEXT_Eip], eax
        mov     edx, esp
        push    edx                     ; for RtlpLoadContext
        push    edx
        push    dword [ebp + 16]
        push    dword [ebp + 8]
        call    RtlpUnwind
        call    RtlpLoadContext
        int3
