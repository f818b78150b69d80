; SPDX-License-Identifier: MIT
; The two halves of SEH_TRY (inc/nt/seh.h): remember where the block began, and come back there a second time.
; Like setjmp and longjmp for the registers that a function must preserve. Any module that uses SEH_TRY can link this
; file and rtl/seh.c.

%include "rtl/i386/asm.inc"

fastcall_name SehSaveContext, 4
fastcall_name SehResumeContext, 4

        section .text
        global  SehSaveContext
        global  SehResumeContext

; ULONG FASTCALL SehSaveContext(PULONG Resume): ecx = Ebx, Esi, Edi, Ebp, Esp, Eip of the return.
SehSaveContext:
        mov     [ecx], ebx
        mov     [ecx + 4], esi
        mov     [ecx + 8], edi
        mov     [ecx + 12], ebp
        lea     eax, [esp + 4]
        mov     [ecx + 16], eax
        mov     eax, [esp]
        mov     [ecx + 20], eax
        xor     eax, eax
        ret

; VOID FASTCALL SehResumeContext(PULONG Resume): SehSaveContext returns again, with 1.
SehResumeContext:
        mov     ebx, [ecx]
        mov     esi, [ecx + 4]
        mov     edi, [ecx + 8]
        mov     ebp, [ecx + 12]
        mov     esp, [ecx + 16]
        cld
        mov     eax, 1
        jmp     dword [ecx + 20]
