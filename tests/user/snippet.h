// SPDX-License-Identifier: MIT
// Running machine code byte by byte and coming back from whatever it does: a program's vectored handler counts in
// Count, notes what it saw in Seen (a SEEN, which the program declares first), and goes on at Recover with Esp =
// SavedEsp.

#ifndef MICA_USER_SNIPPET_H
#define MICA_USER_SNIPPET_H

#include "check.h"

static SEEN Seen;
static int Count;  // exceptions seen by the current case
static BYTE *Code; // where snippets are put: a page that may be written and executed
DWORD SavedEsp __asm__("_SavedEsp");

void RunCode(void *Start) __asm__("_RunCode");
void Recover(void) __asm__("_Recover");
__asm__(".text\n"
        ".globl _RunCode, _Recover\n"
        "_RunCode:\n"
        "  pushal\n"
        "  movl 36(%esp), %eax\n"
        "  movl %esp, _SavedEsp\n"
        "  call *%eax\n"
        "_Recover:\n"
        "  pushl %ss\n  popl %ds\n  pushl %ss\n  popl %es\n"
        "  movl _SavedEsp, %esp\n"
        "  pushl $0x202\n  popfl\n"
        "  fninit\n"
        "  popal\n"
        "  ret\n");

static void Run(const void *Bytes, size_t Size)
{
    memset(Code, 0xC3, 64);
    memcpy(Code, Bytes, Size);
    memset(&Seen, 0, sizeof(Seen));
    Count = 0;
    RunCode(Code);
}

#endif
