; SPDX-License-Identifier: MIT
; Where a processor other than the first begins: in real mode, at the start of a page below 1 MB to which
; hal/processor.c copied this code. It turns PAE paging on with tables that also map that page to itself, and from
; there on runs in the kernel. Source: Intel SDM 3A 8.4.4 (MP initialization), 9.9 (mode switching).
;
; The page ends with HALP_TRAMPOLINE (halp.h), filled by processor.c: offsets below.

PARAMETERS              equ 0xF00
P_CODE                  equ PARAMETERS + 0      ; dd physical address of .protected, dw selector
P_GDTR_PHYSICAL         equ PARAMETERS + 8      ; dw limit, dd base
P_GDTR                  equ PARAMETERS + 16     ; the same through the kernel's map
P_CR0                   equ PARAMETERS + 24
P_CR3                   equ PARAMETERS + 28     ; temporary
P_CR4                   equ PARAMETERS + 32
P_EFER                  equ PARAMETERS + 36     ; 0: there is none
P_KERNEL_CR3            equ PARAMETERS + 40
P_STACK                 equ PARAMETERS + 44
P_ENTRY                 equ PARAMETERS + 48
P_ARGUMENT              equ PARAMETERS + 52
P_ARRIVED               equ PARAMETERS + 56
P_PAGE                  equ PARAMETERS + 60     ; the page through the kernel's map

SELECTOR_DATA           equ 0x10
CR0_PROTECTED           equ 1
CR4_PGE                 equ 0x80
MSR_EFER                equ 0xC0000080

global HalpTrampolineStart, HalpTrampolineProtected, HalpTrampolineEnd

section .rodata progbits alloc noexec nowrite align=16
bits 16
HalpTrampolineStart:
        cli
        cld
        mov     ax, cs
        mov     ds, ax
        xor     ebx, ebx
        mov     bx, ax
        shl     ebx, 4                          ; the page's address
        o32 lgdt [P_GDTR_PHYSICAL]
        mov     eax, CR0_PROTECTED
        mov     cr0, eax
        jmp     dword far [P_CODE]

bits 32
        align   4
HalpTrampolineProtected:
        mov     ax, SELECTOR_DATA
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        xor     eax, eax
        mov     fs, ax
        mov     gs, ax
        mov     eax, [ebx + P_CR4]
        and     eax, ~CR4_PGE                   ; only after paging is on (SDM 3A 4.10.2.4)
        mov     cr4, eax
        mov     eax, [ebx + P_EFER]
        test    eax, eax
        jz      .noefer
        xor     edx, edx
        mov     ecx, MSR_EFER
        wrmsr
.noefer:
        mov     eax, [ebx + P_CR3]
        mov     cr3, eax
        mov     eax, [ebx + P_CR0]
        mov     cr0, eax
        mov     ebx, [ebx + P_PAGE]
        mov     eax, HalpProcessorInKernel
        jmp     eax
HalpTrampolineEnd:

section .text progbits alloc exec nowrite align=16
; In the kernel's map, still with the temporary tables. ebx = the trampoline page.
HalpProcessorInKernel:
        lgdt    [ebx + P_GDTR]
        mov     eax, [ebx + P_KERNEL_CR3]
        mov     cr3, eax
        mov     eax, [ebx + P_CR4]
        mov     cr4, eax
        mov     esp, [ebx + P_STACK]
        mov     eax, [ebx + P_ENTRY]
        xor     ebp, ebp                        ; the end of every stack walk
        push    dword [ebx + P_ARGUMENT]
        push    ebp                             ; nobody to return to
        mov     dword [ebx + P_ARRIVED], 1      ; the page may be used again from now on
        jmp     eax
