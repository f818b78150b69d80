// SPDX-License-Identifier: MIT
// A division by zero that nobody catches: the process ends with 0xC0000094 and one readable line on standard error.

#include <stdio.h>

static volatile int Zero;

int main(void)
{
    printf("before\n");
    fflush(stdout);
    printf("after %d\n", 7 / Zero);
    return 0;
}
