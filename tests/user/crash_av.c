// SPDX-License-Identifier: MIT
// An access violation that nobody catches: the process ends with 0xC0000005 and one readable line on standard error.

#include <stdio.h>

int main(void)
{
    printf("before\n");
    fflush(stdout);
    *(volatile int *)0x10 = 1;
    printf("after\n");
    return 0;
}
