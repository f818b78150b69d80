; SPDX-License-Identifier: MIT
; The place where a clone of the process begins: a call that returns twice, here with 0, in the clone with the status
; that the context has in Eax.

%include "rtl/i386/asm.inc"

stdcall_name RtlpMarkClone, 4

CONTEXT_SegFs   equ 0x90
CONTEXT_SegEs   equ 0x94
CONTEXT_SegDs   equ 0x98
CONTEXT_Edi     equ 0x9C
CONTEXT_Esi     equ 0xA0
CONTEXT_Ebx     equ 0xA4
CONTEXT_Ebp     equ 0xB4
CONTEXT_Eip     equ 0xB8
CONTEXT_SegCs   equ 0xBC
CONTEXT_EFlags  equ 0xC0
CONTEXT_Esp     equ 0xC4
CONTEXT_SegSs   equ 0xC8

        section .text
        global  RtlpMarkClone

; NTSTATUS NTAPI RtlpMarkClone(PCONTEXT Context): fills in what its caller expects to find again; zeroed before.
RtlpMarkClone:
        mov     ecx, [esp + 4]
        mov     [ecx + CONTEXT_Edi], edi
        mov     [ecx + CONTEXT_Esi], esi
        mov     [ecx + CONTEXT_Ebx], ebx
        mov     [ecx + CONTEXT_Ebp], ebp
        mov     eax, [esp]
        mov     [ecx + CONTEXT_Eip], eax
        lea     eax, [esp + 8]
        mov     [ecx + CONTEXT_Esp], eax
        pushfd
        pop     dword [ecx + CONTEXT_EFlags]
        mov     [ecx + CONTEXT_SegCs], cs
        mov     [ecx + CONTEXT_SegDs], ds
        mov     [ecx + CONTEXT_SegEs], es
        mov     [ecx + CONTEXT_SegFs], fs
        mov     [ecx + CONTEXT_SegSs], ss
        xor     eax, eax
        ret     4
