// SPDX-License-Identifier: MIT
// Pseudo-random numbers from a caller's seed: a linear congruential generator modulo 2^31 - 1, as published for
// RtlUniform. Repeatable, and not for secrets. Any IRQL. Source: WDK documentation of RtlUniform and RtlRandomEx.

#include "rtlp.h"

#define MULTIPLIER 0x7FFFFFEDu
#define INCREMENT 0x7FFFFFC3u
#define MODULUS 0x7FFFFFFFu

// A number from 0 to 2^31 - 2; *Seed becomes the next state.
ULONG NTAPI RtlUniform(PULONG Seed)
{
    ULONGLONG Value = (ULONGLONG)*Seed * MULTIPLIER + INCREMENT;

    *Seed = RtlpDivide(&Value, MODULUS);
    return *Seed;
}

// The same with the low bits, which a congruential generator mixes badly, folded with high ones.
ULONG NTAPI RtlRandomEx(PULONG Seed)
{
    ULONG First = RtlUniform(Seed), Second = RtlUniform(Seed);

    return (First ^ (Second << 16) ^ (Second >> 15)) & MODULUS;
}
