; SPDX-License-Identifier: MIT
; System services: int 2Eh, SYSENTER and Zw* build a KTRAP_FRAME and meet in KiServiceDispatch, with
;     eax = number   edx = the caller's arguments   esi = current thread   ebp = frame
; Every instruction here is paid at each call, so a frame has only what a service can need: the volatile registers and
; data segments of the caller are not in it (KTRAP_FRAME.DbgArgMark says so; context.c fills them in if somebody asks).
; Source: Intel SDM 2B, SYSENTER and SYSEXIT; 3A 5.8.7.

%include "offsets.inc"

extern KeBugCheckEx, MmSplitUserProbe, KiDeliverApcOnExit, KiExceptionExit, KiKernelExit

        section .text

; From user mode by SYSENTER: interrupts off, esp = &TSS.Esp0, edx = user esp (arguments at edx + 8), eax = number.
; A caller with TF set arrives at the second label by way of KiTrap01.
        align   16
global KiFastCallEntryTraced
KiFastCallEntryTraced:
        mov     ecx, KGDT_R3_DATA | 3
        mov     ds, ecx
        mov     es, ecx
        mov     esp, [esp]
        push    ecx
        push    edx
        pushfd
        or      dword [esp], 0x100
        mov     ecx, KI_FRAME_SERVICE           ; TF is only given back by IRET
        jmp     KiFastCallCommon
        align   16
global KiFastCallEntry
KiFastCallEntry:
        mov     ecx, KGDT_R3_DATA | 3
        mov     ds, ecx
        mov     es, ecx
        mov     esp, [esp]
        push    ecx                             ; HardwareSegSs
        push    edx                             ; HardwareEsp
        pushfd
        xor     ecx, ecx                        ; KI_FRAME_SYSENTER
KiFastCallCommon:
        or      byte [esp + 1], 2               ; interrupts were on
        push    dword 2
        popfd                                   ; NT, DF, AC are not ours
        push    dword KGDT_R3_CODE | 3
        push    dword [USER_SHARED_DATA_KERNEL + KUSER_SHARED_DATA.SystemCallReturn]
        push    dword 0
        push    ebp
        push    ebx
        push    esi
        push    edi
        push    dword KGDT_R3_TEB | 3
        mov     ebx, KGDT_R0_PCR
        mov     fs, ebx
        push    dword -1                        ; ExceptionList
        push    dword 1                         ; PreviousPreviousMode
        sub     esp, KTRAP_FRAME.PreviousPreviousMode
        mov     esi, [fs:KPCR.CurrentThread]
        mov     dword [fs:KPCR.ExceptionList], -1
        mov     [esp + KTRAP_FRAME.DbgArgMark], ecx
        mov     [esp + KTRAP_FRAME.DbgEbp], ebp
        mov     ebp, esp
        mov     byte [esi + KTHREAD.PreviousMode], 1
        mov     [esi + KTHREAD.TrapFrame], esp
        add     edx, 8
        sti

KiServiceDispatch:
        mov     edi, [esi + KTHREAD.ServiceTable]
        cmp     eax, [edi + KSERVICE_TABLE_DESCRIPTOR.Limit]
        jae     KiOtherServiceTable
        mov     ebx, [edi + KSERVICE_TABLE_DESCRIPTOR.Base]
        mov     edi, [edi + KSERVICE_TABLE_DESCRIPTOR.Number]
KiCallService:
        inc     dword [fs:KPCR.KeSystemCalls]
        movzx   ecx, byte [edi + eax]
        mov     ebx, [ebx + eax * 4]
        sub     esp, ecx
        shr     ecx, 2
        mov     edi, esp
        mov     esi, edx
        cmp     edx, MmSplitUserProbe
        jae     KiCheckArgumentPointer
KiCopyArguments:                                ; a fault here goes on at KiCopyArgumentsFault (pagefault.c)
        rep movsd
        call    ebx

; eax = the service's status, ebp = frame.
KiServiceExit:
        mov     esp, ebp
        cli
        test    byte [esp + KTRAP_FRAME.SegCs], 1
        jz      KiServiceKernelExit
        mov     ecx, [fs:KPCR.CurrentThread]
        cmp     byte [ecx + KTHREAD.ApcState.UserApcPending], 0
        jne     KiServiceApc
        cmp     byte [fs:KPCR.Irql], 0
        jne     KiServiceRaisedIrql
        cmp     dword [ecx + KTHREAD.KernelApcDisable], 0 ; and SpecialApcDisable behind it
        jne     KiServiceApcsDisabled
        cmp     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_SYSENTER
        jne     .iret
        mov     ecx, [esp + KTRAP_FRAME.HardwareEsp]
        mov     edx, [esp + KTRAP_FRAME.Eip]
        lea     esp, [esp + KTRAP_FRAME.SegFs]
.fastfs: pop    fs
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        add     esp, KTRAP_FRAME.EFlags - KTRAP_FRAME.ErrCode
        and     byte [esp + 1], ~2
        popfd
        sti                                     ; takes effect behind SYSEXIT
        sysexit
.iret:  cmp     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_FULL
        jae     .full
        lea     esp, [esp + KTRAP_FRAME.SegFs]
.fs:    pop     fs
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        add     esp, 4
.back:  iretd
.full:  je      KiExceptionExit
        mov     [esp + KTRAP_FRAME.Eax], eax    ; KI_FRAME_RESULT
        jmp     KiExceptionExit

; A service that is traced: what KiServiceDispatch calls in its place, with eax = number and the arguments behind the
; return address, which is not needed: everything ends at KiServiceExit.
        align   16
global KiTracedService
extern KiTraceService, KiTraceServiceEnd
KiTracedService:
        add     esp, 4
        mov     edi, eax
        mov     ecx, eax
        mov     edx, esp
        call    KiTraceService
        call    eax
        mov     esi, eax
        mov     ecx, edi
        mov     edx, eax
        call    KiTraceServiceEnd
        mov     eax, esi
        jmp     KiServiceExit

; int 2Eh from user mode: an interrupt gate.
        align   16
global KiSystemService
KiSystemService:
        push    dword 0
        push    ebp
        push    ebx
        push    esi
        push    edi
        push    fs
        mov     ecx, KGDT_R0_PCR
        mov     fs, ecx
        push    dword -1
        push    dword 1
        sub     esp, KTRAP_FRAME.PreviousPreviousMode
        mov     ecx, KGDT_R3_DATA | 3
        mov     ds, ecx
        mov     es, ecx
        cld
        mov     esi, [fs:KPCR.CurrentThread]
        mov     dword [fs:KPCR.ExceptionList], -1
        mov     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_SERVICE
        mov     [esp + KTRAP_FRAME.DbgEbp], ebp
        mov     ebp, esp
        mov     ecx, [ebp + KTRAP_FRAME.Eip]
        mov     [ebp + KTRAP_FRAME.DbgEip], ecx
        mov     byte [esi + KTHREAD.PreviousMode], 1
        mov     [esi + KTHREAD.TrapFrame], ebp
        sti
        jmp     KiServiceDispatch

; A Zw* stub called us: return address, KGDT_R0_CODE and EFlags are on the stack, as if by an interrupt.
        align   16
global KiSystemServiceFromKernel
KiSystemServiceFromKernel:
        push    dword 0
        push    ebp
        push    ebx
        push    esi
        push    edi
        push    dword KGDT_R0_PCR
        mov     esi, [fs:KPCR.CurrentThread]
        push    dword [fs:KPCR.ExceptionList]
        movzx   ecx, byte [esi + KTHREAD.PreviousMode]
        push    ecx
        sub     esp, KTRAP_FRAME.PreviousPreviousMode
        mov     ecx, [esi + KTHREAD.TrapFrame]
        mov     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_SERVICE
        mov     dword [esp + KTRAP_FRAME.TempSegCs], 0
        mov     [esp + KTRAP_FRAME.DbgArgPointer], ecx
        mov     [esp + KTRAP_FRAME.DbgEbp], ebp
        mov     ebp, esp
        mov     ecx, [ebp + KTRAP_FRAME.Eip]
        mov     [ebp + KTRAP_FRAME.DbgEip], ecx
        mov     byte [esi + KTHREAD.PreviousMode], 0
        mov     [esi + KTHREAD.TrapFrame], ebp
        jmp     KiServiceDispatch

KiServiceKernelExit:
        mov     ecx, [fs:KPCR.CurrentThread]
        mov     edx, [esp + KTRAP_FRAME.DbgArgPointer]
        mov     ebx, [esp + KTRAP_FRAME.PreviousPreviousMode]
        mov     [ecx + KTHREAD.TrapFrame], edx
        mov     [ecx + KTHREAD.PreviousMode], bl
        cmp     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_FULL
        jae     .full
        mov     edx, [esp + KTRAP_FRAME.ExceptionList]
        mov     [fs:KPCR.ExceptionList], edx
        lea     esp, [esp + KTRAP_FRAME.Edi]
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        add     esp, 4
        iretd
.full:  je      KiKernelExit
        mov     [esp + KTRAP_FRAME.Eax], eax
        jmp     KiKernelExit

; The arguments are above user space: fine for a kernel caller, and for a user who has none.
KiCheckArgumentPointer:
        test    byte [ebp + KTRAP_FRAME.SegCs], 1
        jz      KiCopyArguments
        test    ecx, ecx
        jz      KiCopyArguments
KiCopyArgumentsFault:
        mov     eax, STATUS_ACCESS_VIOLATION
        jmp     KiServiceExit

; Bit 12 chooses the second of the thread's tables; a descriptor has 16 bytes.
KiOtherServiceTable:
        test    eax, ~0x1FFF
        jnz     KiInvalidService
        mov     ecx, eax
        shr     ecx, 8
        and     ecx, 0x10
        add     ecx, [esi + KTHREAD.ServiceTable]
        and     eax, 0xFFF
        cmp     eax, [ecx + KSERVICE_TABLE_DESCRIPTOR.Limit]
        jae     KiInvalidService
        mov     ebx, [ecx + KSERVICE_TABLE_DESCRIPTOR.Base]
        mov     edi, [ecx + KSERVICE_TABLE_DESCRIPTOR.Number]
        jmp     KiCallService

KiInvalidService:
        mov     eax, STATUS_INVALID_SYSTEM_SERVICE
        jmp     KiServiceExit

; eax becomes part of the context that the APC returns to, unless the service (NtContinue) has set all of that itself.
KiServiceApc:
        cmp     dword [esp + KTRAP_FRAME.DbgArgMark], KI_FRAME_FULL
        je      .full
        mov     [esp + KTRAP_FRAME.Eax], eax
.full:  mov     ecx, ebp
        call    KiDeliverApcOnExit
        mov     eax, [ebp + KTRAP_FRAME.Eax]
        jmp     KiServiceExit

KiServiceRaisedIrql:
        movzx   edx, byte [fs:KPCR.Irql]
        sti
        push    dword 0
        push    dword 0
        push    edx
        push    dword [ebp + KTRAP_FRAME.Eip]
        push    dword IRQL_GT_ZERO_AT_SYSTEM_SERVICE
        call    KeBugCheckEx

KiServiceApcsDisabled:
        sti
        push    dword 0
        push    dword 0
        push    dword [ecx + KTHREAD.KernelApcDisable]
        push    dword [ebp + KTRAP_FRAME.Eip]
        push    dword APC_INDEX_MISMATCH
        call    KeBugCheckEx

        section .rodata
; As KiExitPoints in trap.asm.
global KiServiceExitPoints
        align   4
KiServiceExitPoints:
        dd KiServiceExit.fastfs, KTRAP_FRAME.SegFs
        dd KiServiceExit.fs, KTRAP_FRAME.SegFs
        dd KiServiceExit.back, KTRAP_FRAME.Eip
        dd 0, 0

        section .fixups progbits alloc noexec nowrite align=4
        dd      KiCopyArguments, KiCopyArgumentsFault
