// SPDX-License-Identifier: MIT
// The dirty bit: pages of the simulated cache are read-only until somebody writes to them. Only the host's headers
// here.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096u

void SimPageWritten(void *Va); // simmm.c

static void OnFault(int Signal, siginfo_t *Info, void *Context)
{
    void *Page = (void *)((unsigned long)Info->si_addr & ~(unsigned long)(PAGE - 1));

    (void)Signal;
    (void)Context;
    if (mprotect(Page, PAGE, PROT_READ | PROT_WRITE) != 0)
        abort(); // not one of ours
    SimPageWritten(Page);
}

void SimSetWritable(void *Page, int Writable)
{
    if (mprotect(Page, PAGE, Writable ? PROT_READ | PROT_WRITE : PROT_READ) != 0)
        abort();
}

void *SimMapMemory(unsigned long Bytes)
{
    static int Installed;
    void *Va = mmap(NULL, Bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!Installed) {
        struct sigaction Action = {.sa_sigaction = OnFault, .sa_flags = SA_SIGINFO};

        sigaction(SIGSEGV, &Action, NULL);
        Installed = 1;
    }
    if (Va == MAP_FAILED)
        abort();
    return Va;
}

void SimUnmapMemory(void *Va, unsigned long Bytes)
{
    if (Va != NULL && munmap(Va, Bytes) != 0)
        abort();
}
