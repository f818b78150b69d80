// SPDX-License-Identifier: MIT
// The first program: one line on standard output and exit code 0.

#include <stdio.h>

int main(void)
{
    printf("Hello, world!\n");
    return 0;
}
