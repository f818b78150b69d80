// SPDX-License-Identifier: MIT
// The floating-point control word in Microsoft's encoding, and numbers from text.

#include "crt.h"
#include <float.h>
#include <math.h>

// Ours and the processor's bits for: invalid, denormal, zero divide, overflow, underflow, inexact.
static const struct {
    unsigned Microsoft;
    unsigned short Hardware;
} CrtpMasks[] = {
    {_EM_INVALID, 0x01},  {_EM_DENORMAL, 0x02},  {_EM_ZERODIVIDE, 0x04},
    {_EM_OVERFLOW, 0x08}, {_EM_UNDERFLOW, 0x10}, {_EM_INEXACT, 0x20},
};

static unsigned CrtpExceptions(unsigned short Hardware)
{
    unsigned Result = 0;

    for (unsigned i = 0; i < COUNT_OF(CrtpMasks); i++) {
        Result |= (Hardware & CrtpMasks[i].Hardware) != 0 ? CrtpMasks[i].Microsoft : 0;
    }
    return Result;
}

static unsigned CrtpFromHardware(unsigned short Word)
{
    static const unsigned Rounding[] = {_RC_NEAR, _RC_DOWN, _RC_UP, _RC_CHOP};
    static const unsigned Precision[] = {_PC_24, _PC_53, _PC_53, _PC_64};

    return CrtpExceptions(Word) | Rounding[Word >> 10 & 3] | Precision[Word >> 8 & 3] |
           ((Word & 0x1000) != 0 ? _IC_AFFINE : 0);
}

static unsigned short CrtpToHardware(unsigned Control)
{
    unsigned short Word = 0;

    for (unsigned i = 0; i < COUNT_OF(CrtpMasks); i++) {
        Word |= (Control & CrtpMasks[i].Microsoft) != 0 ? CrtpMasks[i].Hardware : 0;
    }
    Word |= (Control & _MCW_RC) == _RC_DOWN   ? 0x400
            : (Control & _MCW_RC) == _RC_UP   ? 0x800
            : (Control & _MCW_RC) == _RC_CHOP ? 0xC00
                                              : 0;
    Word |= (Control & _MCW_PC) == _PC_64 ? 0x300 : (Control & _MCW_PC) == _PC_53 ? 0x200 : 0;
    return Word | ((Control & _IC_AFFINE) != 0 ? 0x1000 : 0);
}

unsigned __cdecl _control87(unsigned New, unsigned Mask)
{
    unsigned short Word;
    unsigned Control;

    __asm__ volatile("fnstcw %0" : "=m"(Word));
    Control = (CrtpFromHardware(Word) & ~Mask) | (New & Mask);
    if (Mask != 0) {
        Word = CrtpToHardware(Control);
        __asm__ volatile("fldcw %0" : : "m"(Word));
    }
    return Control;
}

// The portable form leaves the denormal mask alone.
unsigned __cdecl _controlfp(unsigned New, unsigned Mask)
{
    return _control87(New, Mask & ~(unsigned)_EM_DENORMAL);
}

unsigned __cdecl _statusfp(void)
{
    unsigned short Word;

    __asm__ volatile("fnstsw %0" : "=m"(Word));
    return CrtpExceptions(Word);
}

unsigned __cdecl _clearfp(void)
{
    unsigned Old = _statusfp();

    __asm__ volatile("fnclex");
    return Old;
}

// Microsoft's default: 53 bits of precision, to nearest, all exceptions masked.
void __cdecl _fpreset(void)
{
    unsigned short Word = 0x027F;

    __asm__ volatile("fninit\n fldcw %0" : : "m"(Word));
}

int *__cdecl __fpecode(void)
{
    static int Code;

    return &Code;
}

// The headers give strtod the name of libmingwex's own; the export is a jump to that.
__asm__(".globl _strtod\n_strtod:\n    jmp ___strtod\n");

double __cdecl __mingw_wcstod(const wchar_t *Text, wchar_t **End);

double __cdecl wcstod(const wchar_t *Text, wchar_t **End)
{
    return __mingw_wcstod(Text, End);
}

double __cdecl atof(const char *Text)
{
    return strtod(Text, NULL);
}

double __cdecl _wtof(const wchar_t *Text)
{
    return __mingw_wcstod(Text, NULL);
}

static char *CrtpDigits(double Value, const char *Format, int Count, int *Point, int *Sign, char *Buffer, size_t Size)
{
    char *Exponent;
    int Out = 0;

    _snprintf(Buffer, Size, Format, Count, __builtin_fabs(Value));
    *Sign = __builtin_signbit(Value) != 0;
    Exponent = strchr(Buffer, 'e');
    *Point = Exponent == NULL ? 0 : atoi(Exponent + 1) + 1;
    if (Exponent != NULL) {
        *Exponent = 0;
    }
    for (int In = 0; Buffer[In] != 0; In++) {
        if (Buffer[In] != '.') {
            Buffer[Out++] = Buffer[In];
        }
    }
    Buffer[Out] = 0;
    return Buffer;
}

char *__cdecl _ecvt(double Value, int Count, int *Point, int *Sign)
{
    static char Buffer[64];

    Count = Count < 1 ? 1 : Count > 40 ? 40 : Count;
    CrtpDigits(Value, "%.*e", Count - 1, Point, Sign, Buffer, sizeof(Buffer));
    if (Value == 0) {
        *Point = 0;
    }
    return Buffer;
}

char *__cdecl _fcvt(double Value, int Count, int *Point, int *Sign)
{
    static char Buffer[400];
    char *Dot;

    Count = Count < 0 ? 0 : Count > 40 ? 40 : Count;
    _snprintf(Buffer, sizeof(Buffer), "%.*f", Count, __builtin_fabs(Value));
    *Sign = __builtin_signbit(Value) != 0;
    Dot = strchr(Buffer, '.');
    *Point = (int)(Dot == NULL ? strlen(Buffer) : (size_t)(Dot - Buffer));
    if (Dot != NULL) {
        memmove(Dot, Dot + 1, strlen(Dot));
    }
    return Buffer;
}

char *__cdecl _gcvt(double Value, int Count, char *Buffer)
{
    sprintf(Buffer, "%.*g", Count, Value);
    return Buffer;
}
