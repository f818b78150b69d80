; SPDX-License-Identifier: MIT
; Changing stacks: from one thread to another, into a new thread, and from the boot stack to the idle thread's.

%include "offsets.inc"

extern KiBeginThread, KiExceptionExit, KeBugCheckEx

        section .text

; VOID FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread)
; DISPATCH_LEVEL, dispatcher lock held by OldThread and afterwards by NewThread. Returns when OldThread is switched to.
; The idle thread has no address space of its own: it runs in whatever is loaded, which saves loading CR3 twice.
        align   16
global KiSwapContext
KiSwapContext:
        push    ebp
        push    ebx
        push    esi
        push    edi
        push    dword [fs:KPCR.ExceptionList]
        mov     [ecx + KTHREAD.KernelStack], esp
        mov     esp, [edx + KTHREAD.KernelStack]
        mov     [fs:KPCR.CurrentThread], edx

        mov     eax, [edx + KTHREAD.InitialStack]
        mov     ecx, [edx + KTHREAD.StackLimit]
        mov     [fs:KPCR.StackBase], eax
        mov     [fs:KPCR.StackLimit], ecx
        mov     eax, [edx + KTHREAD.NpxArea]
        mov     ecx, [fs:KPCR.TSS]
        sub     eax, KTRAP_FRAME_LENGTH - KTRAP_FRAME.V86Es
        mov     [ecx + KTSS.Esp0], eax

        mov     eax, [edx + KTHREAD.Teb]
        mov     ecx, [fs:KPCR.GDT]
        mov     [ecx + KGDT_R3_TEB + 2], ax
        shr     eax, 16
        mov     [ecx + KGDT_R3_TEB + 4], al
        mov     [ecx + KGDT_R3_TEB + 7], ah

        cmp     edx, [fs:KPCR.IdleThread]
        je      .space
        mov     ebx, [edx + KTHREAD.ApcState.Process]
        mov     eax, [ebx + KPROCESS.DirectoryTableBase]
        cmp     eax, [fs:KPCR.LoadedDirectory]
        je      .space
        ; Who flushes translations of the new one has to reach us from before the first is loaded, and of the old one
        ; until the last is dropped.
        mov     [fs:KPCR.LoadedDirectory], eax
        mov     ecx, [fs:KPCR.SetMember]
        mov     esi, [fs:KPCR.LoadedProcess]
        mov     [fs:KPCR.LoadedProcess], ebx
        or      [ebx + KPROCESS.ActiveProcessors], ecx
        mov     cr3, eax
        not     ecx
        and     [esi + KPROCESS.ActiveProcessors], ecx
.space:
        xor     eax, eax                        ; CR0.TS: the FPU holds somebody else's state
        cmp     edx, [fs:KPCR.NpxThread]
        setne   al
        cmp     eax, [fs:KPCR.TaskSwitched]
        je      .fpu
        mov     [fs:KPCR.TaskSwitched], eax
        mov     ecx, cr0
        and     ecx, ~8
        lea     eax, [ecx + eax * 8]
        mov     cr0, eax
.fpu:
        pop     dword [fs:KPCR.ExceptionList]
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

; KiSwapContext "returns" here into a new thread (thread.c lays out its stack):
;     [esp] SystemRoutine  [esp+4] StartRoutine  [esp+8] StartContext  [esp+12] has a user context
; A user thread's trap frame lies directly above.
        align   16
global KiThreadStartup
KiThreadStartup:
        xor     ebp, ebp                        ; the end of every stack walk
        call    KiBeginThread
        pop     eax
        call    eax                             ; SystemRoutine(StartRoutine, StartContext), stdcall
        pop     ecx
        test    ecx, ecx
        jz      .none
        mov     ebp, esp
        jmp     KiExceptionExit
.none:  push    dword 0
        push    dword 0
        push    dword 0
        push    dword 0
        push    dword NO_USER_MODE_CONTEXT
        call    KeBugCheckEx

; DECLSPEC_NORETURN VOID KiSwitchToIdleStack(PVOID StackTop, PVOID Routine)
global KiSwitchToIdleStack
KiSwitchToIdleStack:
        mov     eax, [esp + 8]
        mov     esp, [esp + 4]
        xor     ebp, ebp
        call    eax
        int3
