; SPDX-License-Identifier: MIT
; The way in and the way out of every exception and interrupt: one KTRAP_FRAME (inc/ntos/ke.h), one handler call, one
; exit. A stub pushes an error code where the processor does not, puts the handler into ebp and jumps to KiCommonTrap.
; In kernel mode ds = es = the flat user data selector and fs = the PCR, always; nothing else is ever loaded.
; Source: Intel SDM 3A chapter 6.

%include "offsets.inc"

%define DR6_CLEAR 0xFFFF0FF0
%define DR6_SINGLE_STEP 0x4000
%define EFLAGS_IF 0x200
%define EFLAGS_IOPL 0x3000
%define EFLAGS_NT 0x4000
%define EFLAGS_VM 0x20000

extern KiDeliverApcOnExit

; A vector whose processor pushes no error code, and one where it does.
%macro  TRAP 2
        align   16
global KiTrap%1
KiTrap%1:
        push    dword 0
        push    ebp
        mov     ebp, %2
        jmp     KiCommonTrap
        extern  %2
%endmacro
%macro  TRAP_ERROR 2
        align   16
global KiTrap%1
KiTrap%1:
        push    ebp
        mov     ebp, %2
        jmp     KiCommonTrap
        extern  %2
%endmacro

        section .text

        TRAP 00, KiDivideError
        TRAP 03, KiBreakpoint
        TRAP 04, KiOverflow
        TRAP 05, KiBoundRange
        TRAP 06, KiInvalidOpcode
        TRAP 07, KiNpxNotAvailable
        TRAP 09, KiSegmentOverrun
        TRAP_ERROR 0A, KiInvalidTss
        TRAP_ERROR 0B, KiSegmentNotPresent
        TRAP_ERROR 0C, KiStackFault
        TRAP_ERROR 0D, KiGeneralProtection
        TRAP_ERROR 0E, KiPageFault
        TRAP 0F, KiReservedTrap
        TRAP 10, KiNpxError
        TRAP_ERROR 11, KiAlignmentCheck
        TRAP 12, KiMachineCheck
        TRAP 13, KiSimdError
        TRAP 14, KiReservedTrap
        TRAP 29, KiFastFail
        TRAP 2A, KiGetTickCountTrap
        TRAP 2B, KiCallbackReturnTrap
        TRAP 2C, KiAssertionTrap
        TRAP 2D, KiDebugServiceTrap

; The debug trap. It alone can come before an entry has set itself up, because two things are held back until then: the
; step of a SYSENTER with TF set (on a stack that is only a few words, i386/service.asm), and a watched word that
; `mov ss` has read, until behind the INT or SYSENTER that follows (Intel SDM 3A 6.8.3). fs tells: it is still the
; user's. SYSENTER with TF goes on at the traced entry, which remembers TF; the watch is dropped. No frame is made.
        align   16
global KiTrap01
extern KiDebugTrap, KiFastCallEntry, KiFastCallEntryTraced
KiTrap01:
        test    byte [esp + 4], 1
        jnz     .trap
        push    eax
        mov     eax, fs
        cmp     ax, KGDT_R0_PCR
        jne     .entry
        pop     eax
.trap:  push    dword 0
        push    ebp
        mov     ebp, KiDebugTrap
        jmp     KiCommonTrap
.entry: mov     eax, dr6
        push    eax
        mov     eax, DR6_CLEAR
        mov     dr6, eax
        pop     eax
        cmp     dword [esp + 4], KiFastCallEntry
        jne     .back
        test    ah, DR6_SINGLE_STEP >> 8
        jz      .back
        mov     dword [esp + 4], KiFastCallEntryTraced
.back:  and     dword [esp + 12], ~0x100
        pop     eax
        iretd

; The interrupt lines; ErrCode carries the line. Any other vector: KiUnexpectedInterrupt.
extern KiInterruptTrap
%assign line 0
%rep    HAL_VECTOR_COUNT
        align   16
KiInterruptLine %+ line:
        push    dword line
        push    ebp
        mov     ebp, KiInterruptTrap
        jmp     KiCommonTrap
%assign line line + 1
%endrep
        align   16
global KiSpuriousInterrupt
extern HalSpuriousInterrupts
KiSpuriousInterrupt:
        lock inc dword [ss:HalSpuriousInterrupts]       ; ds may be user mode's
        iretd
        align   16
global KiUnexpectedInterrupt
extern KiUnexpectedInterruptTrap
KiUnexpectedInterrupt:
        push    dword 0
        push    ebp
        mov     ebp, KiUnexpectedInterruptTrap
        jmp     KiCommonTrap

; ebp = VOID FASTCALL handler(PKTRAP_FRAME); on the stack: the interrupted ebp, the error code, what the processor
; pushed.
        align   16
KiCommonTrap:
        push    ebx
        push    esi
        push    edi
        push    fs
        mov     ebx, KGDT_R0_PCR
        mov     fs, ebx
        push    dword [fs:KPCR.ExceptionList]
        push    dword -1
        push    eax
        push    ecx
        push    edx
        push    ds
        push    es
        push    gs
        sub     esp, KTRAP_FRAME.SegGs
        mov     ebx, KGDT_R3_DATA | 3
        mov     ds, ebx
        mov     es, ebx
        cld
        mov     eax, ebp
        mov     ebp, esp
        test    byte [ebp + KTRAP_FRAME.EFlags + 2], EFLAGS_VM >> 16
        jnz     KiVirtual8086
KiFrameMade:
        mov     ebx, [ebp + KTRAP_FRAME.Ebp]
        mov     esi, [ebp + KTRAP_FRAME.Eip]
        mov     [ebp + KTRAP_FRAME.DbgEbp], ebx
        mov     [ebp + KTRAP_FRAME.DbgEip], esi
        mov     dword [ebp + KTRAP_FRAME.DbgArgMark], KI_FRAME_FULL
        mov     dword [ebp + KTRAP_FRAME.TempSegCs], 0
        test    byte [ebp + KTRAP_FRAME.SegCs], 1
        jz      .call
        mov     dword [fs:KPCR.ExceptionList], -1
        ; User mode runs with interrupts on and without I/O, whatever the emulator's oddities below have saved.
        or      dword [ebp + KTRAP_FRAME.EFlags], EFLAGS_IF
        and     dword [ebp + KTRAP_FRAME.EFlags], ~EFLAGS_IOPL
.call:  mov     ecx, ebp
        call    eax

; ebp = a complete frame. User APCs are delivered here; nothing but the frame decides where it goes.
global KiExceptionExit
KiExceptionExit:
        mov     esp, ebp
        cli
        test    byte [esp + KTRAP_FRAME.SegCs], 1
        jz      KiKernelExit
        mov     ebx, [fs:KPCR.CurrentThread]
        cmp     byte [ebx + KTHREAD.ApcState.UserApcPending], 0
        jne     .apc
        lea     esp, [esp + KTRAP_FRAME.SegGs]
.gs:    pop     gs
.es:    pop     es
.ds:    pop     ds
        pop     edx
        pop     ecx
        pop     eax
        add     esp, 8
.fs:    pop     fs
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        add     esp, 4
.iret:  iretd
.apc:   mov     ecx, ebp
        call    KiDeliverApcOnExit
        jmp     KiExceptionExit

; Back to kernel mode, where ds, es, fs, gs never change.
global KiKernelExit
KiKernelExit:
        mov     eax, [esp + KTRAP_FRAME.ExceptionList]
        mov     [fs:KPCR.ExceptionList], eax
        cmp     dword [esp + KTRAP_FRAME.TempSegCs], 0
        jne     .newstack
        lea     esp, [esp + KTRAP_FRAME.Edx]
        pop     edx
        pop     ecx
        pop     eax
        add     esp, 12
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        add     esp, 4
        iretd
.newstack:
        ; A handler changed Esp (KeContextToKframes): an IRET to the same ring does not load it, so the three words go
        ; to the new stack. It lies above this frame, or just at its end.
        mov     ecx, [esp + KTRAP_FRAME.TempEsp]
        sub     ecx, 12
        mov     [esp + KTRAP_FRAME.TempEsp], ecx
        mov     eax, [esp + KTRAP_FRAME.Eip]
        mov     edx, [esp + KTRAP_FRAME.SegCs]
        mov     ebx, [esp + KTRAP_FRAME.EFlags]
        mov     [ecx], eax
        mov     [ecx + 4], edx
        mov     [ecx + 8], ebx
        mov     edx, [esp + KTRAP_FRAME.Edx]
        mov     ecx, [esp + KTRAP_FRAME.Ecx]
        mov     eax, [esp + KTRAP_FRAME.Eax]
        mov     edi, [esp + KTRAP_FRAME.Edi]
        mov     esi, [esp + KTRAP_FRAME.Esi]
        mov     ebx, [esp + KTRAP_FRAME.Ebx]
        mov     ebp, [esp + KTRAP_FRAME.Ebp]
        mov     esp, [esp + KTRAP_FRAME.TempEsp]
        iretd

; A saved VM flag. Either it is wrong: QEMU's CMPXCHG8B in user mode can leave any flags to the interrupt (ntatomic.h);
; the frame is as usual then, and the interrupted segments are not 0, as they are from virtual-8086 mode.
; Or: nobody is let into virtual-8086 mode, but QEMU lets an IRET of ring 3 set VM, which the SDM (2A, IRET) does not.
; The trap pushed four words more: the frame moves to where the thread's frame belongs, and the thread goes on in its
; flat segments, whatever the trap was.
KiVirtual8086:
        cmp     word [ebp + KTRAP_FRAME.SegDs], 0
        je      .real
        and     dword [ebp + KTRAP_FRAME.EFlags], ~(EFLAGS_VM | EFLAGS_NT)
        jmp     KiFrameMade
.real:
        lea     esi, [ebp + KTRAP_FRAME.V86Es - 4]
        lea     edi, [ebp + KTRAP_FRAME.V86Es + 12]
        mov     ecx, KTRAP_FRAME.V86Es / 4
        std
        rep movsd
        cld
        add     ebp, 16
        mov     esp, ebp
        mov     dword [ebp + KTRAP_FRAME.SegCs], KGDT_R3_CODE | 3
        mov     dword [ebp + KTRAP_FRAME.HardwareSegSs], KGDT_R3_DATA | 3
        mov     dword [ebp + KTRAP_FRAME.SegDs], KGDT_R3_DATA | 3
        mov     dword [ebp + KTRAP_FRAME.SegEs], KGDT_R3_DATA | 3
        mov     dword [ebp + KTRAP_FRAME.SegFs], KGDT_R3_TEB | 3
        mov     dword [ebp + KTRAP_FRAME.SegGs], 0
        and     dword [ebp + KTRAP_FRAME.EFlags], ~(EFLAGS_VM | EFLAGS_NT)
        jmp     KiFrameMade

; Entered through task gates, each with a stack of its own (descriptor.c): the interrupted registers are in the main
; TSS.
global KiTrap02, KiTrap08
extern KiNonMaskableInterrupt, KiDoubleFault
KiTrap02:
        call    KiNonMaskableInterrupt
        iretd
        jmp     KiTrap02
KiTrap08:
        call    KiDoubleFault
        jmp     KiTrap08

        section .rodata
; For exitfault.c: the instructions of the exit that fault on a bad selector, and what each has esp point at.
global KiExitPoints
        align   4
KiExitPoints:
        dd KiExceptionExit.gs, KTRAP_FRAME.SegGs
        dd KiExceptionExit.es, KTRAP_FRAME.SegEs
        dd KiExceptionExit.ds, KTRAP_FRAME.SegDs
        dd KiExceptionExit.fs, KTRAP_FRAME.SegFs
        dd KiExceptionExit.iret, KTRAP_FRAME.Eip
        dd 0, 0

; For descriptor.c: exceptions 0-14h (0 for those with a task gate), and the lines.
global KiTrapEntries, KiInterruptLines
        align   4
KiTrapEntries:
        dd KiTrap00, KiTrap01, 0, KiTrap03, KiTrap04, KiTrap05, KiTrap06, KiTrap07
        dd 0, KiTrap09, KiTrap0A, KiTrap0B, KiTrap0C, KiTrap0D, KiTrap0E, KiTrap0F
        dd KiTrap10, KiTrap11, KiTrap12, KiTrap13, KiTrap14
KiInterruptLines:
%assign line 0
%rep    HAL_VECTOR_COUNT
        dd KiInterruptLine %+ line
%assign line line + 1
%endrep
