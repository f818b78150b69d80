// SPDX-License-Identifier: MIT
// Vector 0 means two things to NT: a divisor of zero, and a quotient that does not fit. The processor does not say
// which; the instruction does, so it is decoded far enough to find the divisor.
// Source: Intel SDM 2A 2.1, DIV, IDIV, AAM.

#include "ki.h"

#define OPCODE_BYTE_GROUP 0xF6 // with 0xF7: DIV and IDIV are /6 and /7
#define OPCODE_GROUP 0xF7
#define PREFIX_OPERAND 0x66
#define PREFIX_ADDRESS 0x67
#define PREFIX_FS 0x64
#define PREFIX_GS 0x65
#define REGISTER_ESP 4
#define REGISTER_EBP 5
#define NO_INDEX 4

typedef struct _KI_OPERAND {
    const UCHAR *At; // the next byte of the instruction
    PKTRAP_FRAME TrapFrame;
    ULONG Width; // of the divisor in bytes
} KI_OPERAND, *PKI_OPERAND;

static ULONG KiRegister(PKTRAP_FRAME TrapFrame, ULONG Number)
{
    const ULONG Registers[8] = {TrapFrame->Eax,         TrapFrame->Ecx, TrapFrame->Edx, TrapFrame->Ebx,
                                TrapFrame->HardwareEsp, TrapFrame->Ebp, TrapFrame->Esi, TrapFrame->Edi};

    return Registers[Number];
}

static ULONG KiScaledAddress(PKI_OPERAND Operand, ULONG Mode)
{
    UCHAR Sib = *Operand->At++;
    ULONG Base = Sib & 7, Index = Sib >> 3 & 7, Address = 0;

    if (Index != NO_INDEX)
        Address = KiRegister(Operand->TrapFrame, Index) << (Sib >> 6);
    if (Base == REGISTER_EBP && Mode == 0) {
        Address += *(const ULONG UNALIGNED *)Operand->At;
        Operand->At += sizeof(ULONG);
    } else {
        Address += KiRegister(Operand->TrapFrame, Base);
    }
    return Address;
}

static ULONG KiOperandAddress(PKI_OPERAND Operand, UCHAR ModRm)
{
    ULONG Mode = ModRm >> 6, Base = ModRm & 7, Address;

    if (Base == REGISTER_ESP)
        Address = KiScaledAddress(Operand, Mode);
    else if (Base == REGISTER_EBP && Mode == 0)
        return *(const ULONG UNALIGNED *)Operand->At;
    else
        Address = KiRegister(Operand->TrapFrame, Base);
    if (Mode == 1)
        Address += (ULONG)(LONG) * (const CHAR *)Operand->At;
    else if (Mode == 2)
        Address += *(const ULONG UNALIGNED *)Operand->At;
    return Address;
}

static BOOLEAN KiDivisorIsZero(PKI_OPERAND Operand, UCHAR ModRm)
{
    ULONG Number = ModRm & 7, Mask = Operand->Width == 4 ? MAXULONG : (1ul << Operand->Width * 8) - 1, Index;
    const volatile UCHAR *Address;

    if (ModRm >> 6 == 3) {
        if (Operand->Width == 1 && Number >= 4) // ah, ch, dh, bh
            return (KiRegister(Operand->TrapFrame, Number - 4) >> 8 & 0xFF) == 0;
        return (KiRegister(Operand->TrapFrame, Number) & Mask) == 0;
    }
    Address = (const volatile UCHAR *)KiOperandAddress(Operand, ModRm);
    if ((ULONG)Address >= MM_USER_PROBE_ADDRESS - sizeof(ULONG))
        return TRUE;
    for (Index = 0; Index < Operand->Width; Index++)
        if (Address[Index] != 0)
            return FALSE;
    return TRUE;
}

// Reads user memory: under SEH. What it does not understand (other segments, 16-bit addresses) counts as zero.
static BOOLEAN KiDecodeDivision(PKTRAP_FRAME TrapFrame)
{
    UCHAR Code[16] = {0};
    KI_OPERAND Operand = {.At = Code, .TrapFrame = TrapFrame, .Width = 4};
    ULONG Index;

    for (Index = 0; Index < 15 && TrapFrame->Eip + Index < MM_USER_PROBE_ADDRESS; Index++)
        Code[Index] = ((volatile UCHAR *)TrapFrame->Eip)[Index];
    for (; Operand.At < Code + 8; Operand.At++) {
        switch (*Operand.At) {
        case PREFIX_OPERAND:
            Operand.Width = 2;
            break;
        case PREFIX_ADDRESS:
        case PREFIX_FS:
        case PREFIX_GS:
            return TRUE;
        case OPCODE_BYTE_GROUP:
            Operand.Width = 1; // fall through
        case OPCODE_GROUP:
            Operand.At += 2;
            return KiDivisorIsZero(&Operand, Operand.At[-1]);
        case 0x26: // other segments and rep: no matter
        case 0x2E:
        case 0x36:
        case 0x3E:
        case 0xF2:
        case 0xF3:
            break;
        default: // aam 0
            return TRUE;
        }
    }
    return TRUE;
}

// Vector 0, interrupts off.
VOID FASTCALL KiDivideError(PKTRAP_FRAME TrapFrame)
{
    volatile BOOLEAN Zero = TRUE;

    KeRestoreInterrupts((TrapFrame->EFlags & EFLAGS_IF) != 0);
    if (KiTrapMode(TrapFrame) == UserMode) {
        SEH_TRY
        {
            Zero = KiDecodeDivision(TrapFrame);
        }
        SEH_EXCEPT
        {
            Zero = TRUE;
        }
        SEH_END
    }
    KiRaiseTrapException(TrapFrame, Zero ? STATUS_INTEGER_DIVIDE_BY_ZERO : STATUS_INTEGER_OVERFLOW, 0, 0, 0, 0);
}
