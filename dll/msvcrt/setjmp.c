// SPDX-License-Identifier: MIT
// setjmp, longjmp, and the exception handler of code that Microsoft's compiler made.
//
// The jump buffer (setjmp.h, _JUMP_BUFFER): ebp, ebx, edi, esi, esp, eip, the exception registration at fs:[0], the try
// level, a cookie, and for _setjmp3 an unwind function with its data. longjmp unwinds the frames between.

#include "crt.h"
#include <excpt.h>
#include <setjmp.h>

#define OFFSET_REGISTRATION "24"
#define OFFSET_TRY_LEVEL "28"
#define OFFSET_COOKIE "32"
#define OFFSET_UNWIND "36"
_Static_assert(offsetof(_JUMP_BUFFER, Registration) == 24 && offsetof(_JUMP_BUFFER, UnwindFunc) == 36, "jump buffer");

// _setjmp saves the registers and the frame chain's head. _setjmp3(buffer, count, unwind, trylevel, ...) also keeps the
// unwind function. Both return 0; longjmp makes them return again.
__asm__(".globl __setjmp\n"
        "__setjmp:\n"
        "    mov 4(%esp), %edx\n"
        "    xor %ecx, %ecx\n"
        "    jmp 1f\n"
        ".globl __setjmp3\n"
        "__setjmp3:\n"
        "    mov 4(%esp), %edx\n"
        "    mov 8(%esp), %ecx\n"
        "1:  mov %ebp, 0(%edx)\n"
        "    mov %ebx, 4(%edx)\n"
        "    mov %edi, 8(%edx)\n"
        "    mov %esi, 12(%edx)\n"
        "    mov %esp, 16(%edx)\n"
        "    mov 0(%esp), %eax\n"
        "    mov %eax, 20(%edx)\n"
        "    mov %fs:0, %eax\n"
        "    mov %eax, " OFFSET_REGISTRATION "(%edx)\n"
        "    movl $-1, " OFFSET_TRY_LEVEL "(%edx)\n"
        "    movl $0, " OFFSET_COOKIE "(%edx)\n"
        "    movl $0, " OFFSET_UNWIND "(%edx)\n"
        "    test %ecx, %ecx\n"
        "    jz 2f\n"
        "    movl $0x56433230, " OFFSET_COOKIE "(%edx)\n" // 'VC20'
        "    mov 12(%esp), %eax\n"
        "    mov %eax, " OFFSET_UNWIND "(%edx)\n"
        "    cmp $1, %ecx\n"
        "    je 2f\n"
        "    mov 16(%esp), %eax\n"
        "    mov %eax, " OFFSET_TRY_LEVEL "(%edx)\n"
        "2:  xor %eax, %eax\n"
        "    ret\n"
        // CrtpJump(buffer, value): the registers back, then to the return address with the stack as after the call.
        "_CrtpJump:\n"
        "    mov 4(%esp), %edx\n"
        "    mov 8(%esp), %eax\n"
        "    mov 0(%edx), %ebp\n"
        "    mov 4(%edx), %ebx\n"
        "    mov 8(%edx), %edi\n"
        "    mov 12(%edx), %esi\n"
        "    mov 16(%edx), %esp\n"
        "    add $4, %esp\n"
        "    jmp *20(%edx)\n");

__attribute__((noreturn)) void __cdecl CrtpJump(_JUMP_BUFFER *Buffer, int Value);

static PVOID CrtpChainHead(void)
{
    PVOID Head;

    __asm__ volatile("mov %%fs:0, %0" : "=r"(Head));
    return Head;
}

void __cdecl longjmp(jmp_buf Environment, int Value)
{
    _JUMP_BUFFER *Buffer = (_JUMP_BUFFER *)Environment;

    if ((PVOID)Buffer->Registration != CrtpChainHead()) {
        RtlUnwind((PVOID)Buffer->Registration, NULL, NULL, NULL);
    }
    if (Buffer->Cookie == 0x56433230 && Buffer->UnwindFunc != 0) {
        ((void(__stdcall *)(_JUMP_BUFFER *))Buffer->UnwindFunc)(Buffer);
    }
    CrtpJump(Buffer, Value == 0 ? 1 : Value);
}
