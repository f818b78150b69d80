// SPDX-License-Identifier: MIT
// Random contexts for NtContinue and random selectors in the segment registers. The parent starts children with a seed
// each; a child goes on until it has done its rounds or a context was deadly to it, which is no failure. The kernel
// must live on. Arguments: CHILDREN SEED. A child: fuzz_contexts child SEED.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3000
#define CHILD_LIMIT_MS 20000
#define DEADLY_ONE_IN 2000

typedef LONG(NTAPI *CONTINUE)(PCONTEXT, BOOLEAN);

static CONTINUE nt_continue;
static unsigned state, rounds;
static unsigned char *code;
DWORD SavedEsp __asm__("_SavedEsp");

void Enter(CONTEXT *Context) __asm__("_Enter");
void Back(void) __asm__("_Back");
// Saves what must survive, calls go(Context); whatever the context does, Back returns from Enter.
__asm__(
    ".text\n.globl _Enter, _Back\n_Enter:\n  pushal\n  pushl 36(%esp)\n  movl %esp, _SavedEsp\n  call _go\n"
    "_Back:\n  pushl %ss\n  popl %ds\n  pushl %ss\n  popl %es\n  cld\n  movl _SavedEsp, %esp\n  pushl $0x202\n  popfl\n"
    "  addl $4, %esp\n  popal\n  ret\n");

static unsigned next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

void go(CONTEXT *context) __asm__("_go");
void go(CONTEXT *context)
{
    nt_continue(context, (BOOLEAN)(next() & 1));
}

static LONG CALLBACK watch(PEXCEPTION_POINTERS pointers)
{
    CONTEXT *context = pointers->ContextRecord;

    context->ContextFlags = CONTEXT_FULL | CONTEXT_DEBUG_REGISTERS | CONTEXT_FLOATING_POINT;
    context->Eip = (DWORD)(ULONG_PTR)Back;
    context->Esp = SavedEsp;
    context->SegDs = context->SegEs = 0x23;
    context->SegFs = 0x3B;
    context->EFlags = 0x202;
    context->Dr7 = 0;
    context->FloatSave.ControlWord = 0x27F;
    context->FloatSave.StatusWord = 0;
    context->FloatSave.TagWord = 0xFFFF;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static unsigned any_selector(void)
{
    static const unsigned values[] = {0,    3,    8,    0x0B, 0x10, 0x18, 0x1B, 0x20, 0x23,
                                      0x28, 0x30, 0x33, 0x38, 0x3B, 0x4B, 0x50, 0x58, 0xFFFF};

    return next() % 4 == 0 ? next() : values[next() % (sizeof(values) / sizeof(values[0]))];
}

static unsigned any_address(void)
{
    static const unsigned values[] = {0,          1,          0x10000,    0x7FFE0000, 0x7FFE0300,
                                      0x7FFEFFFF, 0x7FFF0000, 0x80000000, 0x80100000, 0xC0000000,
                                      0xFFDFF000, 0xFFFFFFFC, 0xFFFFFFFF};

    return next() % 4 == 0 ? next() : values[next() % (sizeof(values) / sizeof(values[0]))];
}

// What the context goes on with: traps, services, far transfers. Every one of them ends in watch() or at Back.
static unsigned any_code(void)
{
    static const unsigned char snippets[][12] = {
        {0x0F, 0x0B},                                     // ud2
        {0xB8, 0xFF, 0x0F, 0, 0, 0xCD, 0x2E, 0x0F, 0x0B}, // a service that there is not
        {0xB8, 0xFF, 0x0F, 0, 0, 0xBA, 0x00, 0x03, 0xFE, 0x7F, 0xFF, 0x12},
        {0xCF},                                                 // iretd, which in QEMU may set VM
        {0x81, 0x64, 0x24, 0x08, 0xFF, 0xFF, 0xFD, 0xFF, 0xCF}, // and [esp + 8], ~VM; iretd
        {0xCB},                                                 // retf
        {0x9D, 0x0F, 0x0B},                                     // popf
        {0x1F, 0x07, 0x0F, 0xA1, 0xCC},                         // pop ds, es, fs
        {0x0F, 0xA9, 0xF4},                                     // pop gs; hlt
        {0x17, 0xCD, 0x2E, 0xCC},                               // pop ss; int 2Eh
        {0x17, 0xCC},                                           // pop ss; int3
        {0xD8, 0xF1, 0x9B, 0x0F, 0x0B},                         // fdiv st(1); fwait
        {0xAC, 0xAA, 0x0F, 0x0B},                               // lodsb, stosb
        {0xCD, 0x2D, 0xCC, 0x0F, 0x0B},                         // int 2Dh
        {0xCD, 0x2B, 0x0F, 0x0B},
    };
    const unsigned char *chosen = snippets[next() % (sizeof(snippets) / sizeof(snippets[0]))];

    if (chosen[0] == 0xCF && next() % 512 != 3) {
        chosen += sizeof(snippets[0]);
    }
    memset(code, 0xCC, 64);
    memcpy(code, chosen, 12);
    if (chosen[0] == 0xB8) {
        *(unsigned *)(code + 1) = next() % 8 == 0 ? 0x80000000 | next() : 0xFFF; // no service that could do harm
    }
    return (unsigned)(ULONG_PTR)code;
}

static void fill(CONTEXT *context, unsigned stack)
{
    unsigned index;

    for (index = 0; index < sizeof(*context) / 4; index++) {
        ((unsigned *)context)[index] = next();
    }
    context->ContextFlags = 0x10000 | (next() & 0x3F);
    context->ContextFlags |= CONTEXT_CONTROL; // else it would go on in go(), which has no way back
    context->SegCs = any_selector();
    context->SegSs = any_selector();
    context->SegDs = any_selector();
    context->SegEs = any_selector();
    context->SegFs = any_selector();
    context->SegGs = any_selector();
    context->Eip = next() % 3 == 0 ? any_address() : any_code();
    context->Esp = next() % DEADLY_ONE_IN == 17 ? any_address() : stack - 4 * (next() % 64);
    context->Dr0 = next() & 1 ? any_code() : next(); // not the shared page: the handler calls through it
    context->Ecx = next() & 63;                      // int 2Dh prints so much
    if (context->Eip >= 0x7FFE0000 && context->Eip < 0x7FFF0000) {
        context->EFlags |= 0x100; // without NX the shared page is code: only a step
    }
}

static int child(void)
{
    static unsigned char stack[8192];
    static CONTEXT context;
    unsigned index;

    nt_continue = (CONTINUE)(PVOID)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtContinue");
    code = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    AddVectoredExceptionHandler(1, watch);
    for (rounds = 0; rounds < ROUNDS; rounds++) {
        for (index = 0; index < 256; index++) {
            ((unsigned *)(stack + 7000))[index] = next() & 1 ? any_selector() : next();
        }
        fill(&context, (unsigned)(ULONG_PTR)(stack + 7400));
        Enter(&context);
    }
    return 0;
}

static DWORD run_child(const char *program, unsigned seed)
{
    char line[300];
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    DWORD code_of_child = 0;

    snprintf(line, sizeof(line), "\"%s\" child %u", program, seed);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) {
        return 0xFFFFFFFF;
    }
    if (WaitForSingleObject(process.hProcess, CHILD_LIMIT_MS) != WAIT_OBJECT_0) {
        TerminateProcess(process.hProcess, 0xDEAD);
        WaitForSingleObject(process.hProcess, INFINITE);
    }
    GetExitCodeProcess(process.hProcess, &code_of_child);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return code_of_child;
}

int main(int argc, char **argv)
{
    unsigned count, seed, index, died = 0, hung = 0;

    if (argc == 3 && strcmp(argv[1], "child") == 0) {
        state = 2463534242u ^ (unsigned)atoi(argv[2]) * 2654435761u;
        return child();
    }
    count = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    for (index = 0; index < count; index++) {
        DWORD result = run_child(argv[0], seed + index);

        if (result == 0xFFFFFFFF) {
            printf("cannot start a child\n");
            return 1;
        }
        died += result != 0 && result != 0xDEAD;
        hung += result == 0xDEAD;
    }
    printf("%u children with random contexts, %u died of one, %u were stopped\n", count, died, hung);
    return hung == 0 ? 0 : 2;
}
