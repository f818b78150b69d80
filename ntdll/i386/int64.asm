; SPDX-License-Identifier: MIT
; The 64-bit helpers that Microsoft's compiler calls by name, over libgcc's: two 64-bit arguments on the stack, removed
; by the callee. _alldvrm and _aulldvrm return the remainder in ebx:ecx. Source: SDK documentation (compiler helpers).

        extern  ___divdi3
        extern  ___moddi3
        extern  ___udivdi3
        extern  ___umoddi3

; %1: our name, %2: libgcc's.
%macro  two_argument_helper 2
        global  %1
        align   16
%1:
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        call    %2
        add     esp, 16
        ret     16
%endmacro

; %1: our name, %2: libgcc's remainder, %3: its quotient.
%macro  divide_and_remainder 3
        global  %1
        align   16
%1:
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        call    %2
        mov     ecx, eax
        mov     ebx, edx
        push    ecx
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        push    dword [esp + 16]
        call    %3
        add     esp, 16
        pop     ecx
        add     esp, 16
        ret     16
%endmacro

        section .text
        two_argument_helper __alldiv, ___divdi3
        two_argument_helper __allrem, ___moddi3
        two_argument_helper __aulldiv, ___udivdi3
        two_argument_helper __aullrem, ___umoddi3
        divide_and_remainder __alldvrm, ___moddi3, ___divdi3
        divide_and_remainder __aulldvrm, ___umoddi3, ___udivdi3

; The product of [esp + 4] and [esp + 12]; the low 64 bits are the same for signed and unsigned.
        global  __allmul
        align   16
__allmul:
        mov     ecx, [esp + 8]
        imul    ecx, [esp + 12]
        mov     eax, [esp + 4]
        mov     edx, [esp + 16]
        imul    edx, eax
        add     ecx, edx
        mul     dword [esp + 12]
        add     edx, ecx
        ret     16

; edx:eax shifted by cl; 64 and more shift everything out.
        global  __allshl
        align   16
__allshl:
        cmp     cl, 64
        jae     .none
        cmp     cl, 32
        jae     .high
        shld    edx, eax, cl
        shl     eax, cl
        ret
.high:  mov     edx, eax
        xor     eax, eax
        shl     edx, cl
        ret
.none:  xor     eax, eax
        xor     edx, edx
        ret

        global  __allshr
        align   16
__allshr:
        cmp     cl, 64
        jae     .sign
        cmp     cl, 32
        jae     .low
        shrd    eax, edx, cl
        sar     edx, cl
        ret
.low:   mov     eax, edx
        sar     edx, 31
        sar     eax, cl
        ret
.sign:  sar     edx, 31
        mov     eax, edx
        ret

        global  __aullshr
        align   16
__aullshr:
        cmp     cl, 64
        jae     .none
        cmp     cl, 32
        jae     .low
        shrd    eax, edx, cl
        shr     edx, cl
        ret
.low:   mov     eax, edx
        xor     edx, edx
        shr     eax, cl
        ret
.none:  xor     eax, eax
        xor     edx, edx
        ret

; Moves esp down by eax bytes, touching every page on the way so that the stack's guard page moves along.
        global  __alloca_probe
        global  __chkstk
        align   16
__alloca_probe:
__chkstk:
        push    ecx
        lea     ecx, [esp + 8]
.page:  cmp     eax, 0x1000
        jb      .rest
        sub     ecx, 0x1000
        test    [ecx], ecx
        sub     eax, 0x1000
        jmp     .page
.rest:  sub     ecx, eax
        test    [ecx], ecx
        mov     eax, esp
        mov     esp, ecx
        mov     ecx, [eax]
        jmp     dword [eax + 4]
