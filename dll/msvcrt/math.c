// SPDX-License-Identifier: MIT
// The double functions that libmingwex has only as long double, and Microsoft's names for others.

#include "crt.h"
#include <float.h>
#include <math.h>

#undef _HUGE
double _HUGE = __builtin_huge_val();

// Errors are reported as Microsoft's library does: errno and a NaN or an infinity.
static double CrtpDomain(double x, int Bad)
{
    if (Bad && x == x) {
        CrtFail(EDOM);
    }
    return x;
}

static double CrtpRange(double Argument, double Result)
{
    if (__builtin_isinf(Result) && !__builtin_isinf(Argument)) {
        CrtFail(ERANGE);
    }
    return Result;
}

double __cdecl acos(double x)
{
    CrtpDomain(x, x > 1 || x < -1);
    return (double)acosl(x);
}

double __cdecl asin(double x)
{
    CrtpDomain(x, x > 1 || x < -1);
    return (double)asinl(x);
}

double __cdecl atan(double x)
{
    return (double)atanl(x);
}

double __cdecl tan(double x)
{
    return (double)tanl(x);
}

double __cdecl sinh(double x)
{
    return CrtpRange(x, (double)sinhl(x));
}

double __cdecl cosh(double x)
{
    return CrtpRange(x, (double)coshl(x));
}

double __cdecl tanh(double x)
{
    return (double)tanhl(x);
}

double __cdecl log10(double x)
{
    CrtpDomain(x, x < 0);
    if (x == 0) {
        CrtFail(ERANGE);
    }
    return (double)log10l(x);
}

double __cdecl frexp(double x, int *Exponent)
{
    return (double)frexpl(x, Exponent);
}

double __cdecl _hypot(double x, double y)
{
    return CrtpRange(x, (double)hypotl(x, y));
}

double __cdecl _cabs(struct _complex z)
{
    return _hypot(z.x, z.y);
}

double __cdecl _copysign(double Magnitude, double Sign)
{
    return __builtin_signbit(Magnitude) != __builtin_signbit(Sign) ? -Magnitude : Magnitude;
}

double __cdecl _chgsign(double x)
{
    return -x;
}

#undef _isnan
#undef _finite
int __cdecl _isnan(double x)
{
    return x != x;
}

int __cdecl _finite(double x)
{
    return x - x == 0;
}

double __cdecl _logb(double x)
{
    return (double)logbl(x);
}

double __cdecl _scalb(double x, long Exponent)
{
    return (double)scalblnl(x, Exponent);
}

double __cdecl nextafter(double From, double To)
{
    union {
        double Value;
        long long Bits;
    } x = {From};

    if (From != From || To != To) {
        return From + To;
    }
    if (From == To) {
        return To;
    }
    if (From == 0) {
        x.Bits = 1;
        return _copysign(x.Value, To);
    }
    x.Bits += (From < To) == (From > 0) ? 1 : -1;
    return x.Value;
}

double __cdecl _nextafter(double From, double To)
{
    return nextafter(From, To);
}

int __cdecl _fpclass(double x)
{
    int Negative = __builtin_signbit(x) != 0;

    if (x != x) {
        return _FPCLASS_QNAN;
    }
    if (!_finite(x)) {
        return Negative ? _FPCLASS_NINF : _FPCLASS_PINF;
    }
    if (x == 0) {
        return Negative ? _FPCLASS_NZ : _FPCLASS_PZ;
    }
    if (__builtin_fabs(x) < DBL_MIN) {
        return Negative ? _FPCLASS_ND : _FPCLASS_PD;
    }
    return Negative ? _FPCLASS_NN : _FPCLASS_PN;
}

// The compiler's intrinsic forms take their argument in st(0) and st(1).
#define INTRINSIC1(Name)                                                                                               \
    __asm__(".globl __CI" #Name "\n"                                                                                   \
            "__CI" #Name ":\n"                                                                                         \
            "    sub $8, %esp\n"                                                                                       \
            "    fstpl (%esp)\n"                                                                                       \
            "    call _" #Name "\n"                                                                                    \
            "    add $8, %esp\n"                                                                                       \
            "    ret\n")
#define INTRINSIC2(Name)                                                                                               \
    __asm__(".globl __CI" #Name "\n"                                                                                   \
            "__CI" #Name ":\n"                                                                                         \
            "    sub $16, %esp\n"                                                                                      \
            "    fstpl 8(%esp)\n"                                                                                      \
            "    fstpl (%esp)\n"                                                                                       \
            "    call _" #Name "\n"                                                                                    \
            "    add $16, %esp\n"                                                                                      \
            "    ret\n")
INTRINSIC1(acos);
INTRINSIC1(asin);
INTRINSIC1(atan);
INTRINSIC1(cos);
INTRINSIC1(cosh);
INTRINSIC1(exp);
INTRINSIC1(log);
INTRINSIC1(log10);
INTRINSIC1(sin);
INTRINSIC1(sinh);
INTRINSIC1(sqrt);
INTRINSIC1(tan);
INTRINSIC1(tanh);
INTRINSIC2(atan2);
INTRINSIC2(fmod);
INTRINSIC2(pow);
__asm__(".globl __ftol\n"
        "__ftol:\n"
        "    sub $12, %esp\n"
        "    fnstcw 8(%esp)\n"
        "    mov 8(%esp), %ax\n"
        "    or $0x0C00, %ax\n" // round towards zero
        "    mov %ax, 10(%esp)\n"
        "    fldcw 10(%esp)\n"
        "    fistpll (%esp)\n"
        "    fldcw 8(%esp)\n"
        "    mov (%esp), %eax\n"
        "    mov 4(%esp), %edx\n"
        "    add $12, %esp\n"
        "    ret\n");
