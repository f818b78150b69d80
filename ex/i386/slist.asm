; SPDX-License-Identifier: MIT
; Taking the first entry of a sequenced list. Between the load of the head and the load of the head's Next, another
; processor may pop that entry and free its memory. The second load has a label: if it faults and the header has changed
; meanwhile, the page-fault handler goes on at the first label (ExRepairSListFault, ex/slist.c), as NT does (Windows
; Internals and the public symbol names). If the memory is there but is something else now, what was read is worthless,
; and CMPXCHG8B finds the sequence number changed: every push adds one to it.

        section .text

; PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER Head)
; The first entry, or NULL. Any IRQL; no lock. The header may be paged if the IRQL allows.
        align   16
global InterlockedPopEntrySList, ExpInterlockedPopEntrySListResume, ExpInterlockedPopEntrySListFault
InterlockedPopEntrySList:
        push    ebx
        push    esi
        mov     esi, ecx
ExpInterlockedPopEntrySListResume:
        mov     edx, [esi + 4]                  ; depth and sequence first: see below
        mov     eax, [esi]
Retry:
        test    eax, eax
        jz      Done
        lea     ecx, [edx - 1]                  ; one less deep
ExpInterlockedPopEntrySListFault:
        mov     ebx, [eax]
        clc                                     ; ntatomic.h says why
        lock cmpxchg8b [esi]                    ; same sequence: no push since, so eax has been first all the time
        jnz     Retry                           ; edx:eax is the header as it is now
Done:
        pop     esi
        pop     ebx
        ret
