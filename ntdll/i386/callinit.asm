; SPDX-License-Identifier: MIT
; Calling a DLL's entry point. Some are declared with the wrong calling convention or spoil registers: whatever they do
; to esp, ebx, esi and edi, the loader goes on.

%include "rtl/i386/asm.inc"

stdcall_name LdrpCallInitRoutine, 16

        section .text
        global  LdrpCallInitRoutine

; BOOLEAN NTAPI LdrpCallInitRoutine(PVOID Routine, PVOID Base, ULONG Reason, PVOID Context)
LdrpCallInitRoutine:
        push    ebp
        mov     ebp, esp
        push    ebx
        push    esi
        push    edi
        push    dword [ebp + 20]
        push    dword [ebp + 16]
        push    dword [ebp + 12]
        call    dword [ebp + 8]
        lea     esp, [ebp - 12]
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret     16
