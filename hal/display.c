// SPDX-License-Identifier: MIT
// The VGA text screen, 80 by 25. One cursor, which everybody shares: the boot messages, the console, the bugcheck.
// Source: IBM VGA technical reference (CRT controller registers 0Ah-0Fh).

#include "halp.h"

#define SCREEN_WIDTH 80u
#define SCREEN_HEIGHT 25u
#define SCREEN_MEMORY ((volatile USHORT *)(KSEG0_BASE + 0xB8000u))
#define TAB_WIDTH 8u
#define CRTC_INDEX 0x3D4
#define CRTC_DATA 0x3D5
#define CRTC_CURSOR_START 0x0A
#define CRTC_CURSOR_END 0x0B
#define CRTC_CURSOR_HIGH 0x0E
#define CRTC_CURSOR_LOW 0x0F
#define CURSOR_FIRST_LINE 13 // an underline
#define CURSOR_LAST_LINE 14
#define DEFAULT_ATTRIBUTE 0x07
#define PIECE_LENGTH SCREEN_WIDTH

#define LOCK_SPINS 100000u // then its holder has been stopped for ever (bugcheck): the screen is more important

static ULONG HalpCursorX, HalpCursorY;
static ULONG HalpDisplayLock;

static BOOLEAN HalpAcquireDisplay(VOID)
{
    BOOLEAN Enable = KeDisableInterrupts();
    ULONG Spins = LOCK_SPINS;

    while (__atomic_exchange_n(&HalpDisplayLock, 1, __ATOMIC_ACQUIRE) != 0 && Spins-- > 0)
        YieldProcessor();
    return Enable;
}

static USHORT HalpCell(UCHAR Character, UCHAR Attribute)
{
    return (USHORT)(Character | Attribute << 8);
}

static VOID HalpWriteCrtc(UCHAR Index, UCHAR Value)
{
    WRITE_PORT_UCHAR(CRTC_INDEX, Index);
    WRITE_PORT_UCHAR(CRTC_DATA, Value);
}

static VOID HalpMoveHardwareCursor(VOID)
{
    ULONG Position = HalpCursorY * SCREEN_WIDTH + HalpCursorX;

    HalpWriteCrtc(CRTC_CURSOR_HIGH, (UCHAR)(Position >> 8));
    HalpWriteCrtc(CRTC_CURSOR_LOW, (UCHAR)Position);
}

static VOID HalpScroll(UCHAR Attribute)
{
    volatile USHORT *Screen = SCREEN_MEMORY;
    ULONG Cell;

    memmove((PVOID)Screen, (PVOID)(Screen + SCREEN_WIDTH), SCREEN_WIDTH * (SCREEN_HEIGHT - 1) * sizeof(*Screen));
    for (Cell = SCREEN_WIDTH * (SCREEN_HEIGHT - 1); Cell < SCREEN_WIDTH * SCREEN_HEIGHT; Cell++)
        Screen[Cell] = HalpCell(' ', Attribute);
}

static VOID HalpNextLine(UCHAR Attribute)
{
    HalpCursorX = 0;
    if (HalpCursorY + 1 < SCREEN_HEIGHT)
        HalpCursorY++;
    else
        HalpScroll(Attribute);
}

static VOID HalpPutCell(UCHAR Character, UCHAR Attribute)
{
    SCREEN_MEMORY[HalpCursorY * SCREEN_WIDTH + HalpCursorX] = HalpCell(Character, Attribute);
    if (++HalpCursorX == SCREEN_WIDTH)
        HalpNextLine(Attribute);
}

static VOID HalpPutCharacter(UCHAR Character, UCHAR Attribute)
{
    switch (Character) {
    case '\n':
        HalpNextLine(Attribute);
        break;
    case '\r':
        HalpCursorX = 0;
        break;
    case '\b':
        if (HalpCursorX > 0)
            HalpCursorX--;
        break;
    case '\0':
    case '\a':
        break;
    case '\t':
        do {
            HalpPutCell(' ', Attribute);
        } while (HalpCursorX % TAB_WIDTH != 0);
        break;
    default:
        HalpPutCell(Character, Attribute);
        break;
    }
}

// Clears the firmware's text away. Phase 0.
VOID HalpInitializeDisplay(VOID)
{
    HalpWriteCrtc(CRTC_CURSOR_START, CURSOR_FIRST_LINE);
    HalpWriteCrtc(CRTC_CURSOR_END, CURSOR_LAST_LINE);
    HalClearDisplay(DEFAULT_ATTRIBUTE);
}

// Fills the screen with blanks and moves the cursor home. Any IRQL.
VOID HalClearDisplay(UCHAR Attribute)
{
    BOOLEAN Enable = HalpAcquireDisplay();
    ULONG Cell;

    for (Cell = 0; Cell < SCREEN_WIDTH * SCREEN_HEIGHT; Cell++)
        SCREEN_MEMORY[Cell] = HalpCell(' ', Attribute);
    HalpCursorX = HalpCursorY = 0;
    HalpMoveHardwareCursor();
    HalpReleaseLock(&HalpDisplayLock, Enable);
}

// Writes characters (code page 437; \n \r \b \t) at the cursor. Any IRQL; interrupts are off for a piece at a time.
VOID HalDisplayCharacters(const UCHAR *Characters, ULONG Length, UCHAR Attribute)
{
    while (Length > 0) {
        BOOLEAN Enable = HalpAcquireDisplay();
        ULONG Piece = min_of(Length, PIECE_LENGTH);

        for (; Piece > 0; Piece--, Length--)
            HalpPutCharacter(*Characters++, Attribute);
        HalpMoveHardwareCursor();
        HalpReleaseLock(&HalpDisplayLock, Enable);
    }
}

// Writes one character, like HalDisplayCharacters. Any IRQL.
VOID HalDisplayCharacter(UCHAR Character, UCHAR Attribute)
{
    HalDisplayCharacters(&Character, 1, Attribute);
}

// Writes a string in grey, like HalDisplayCharacters. Any IRQL.
VOID HalDisplayString(PCSTR String)
{
    HalDisplayCharacters((const UCHAR *)String, (ULONG)strlen(String), DEFAULT_ATTRIBUTE);
}

// Moves the cursor; a position outside the screen is brought back to its edge. Any IRQL.
VOID HalSetDisplayCursor(ULONG X, ULONG Y)
{
    BOOLEAN Enable = HalpAcquireDisplay();

    HalpCursorX = min_of(X, SCREEN_WIDTH - 1);
    HalpCursorY = min_of(Y, SCREEN_HEIGHT - 1);
    HalpMoveHardwareCursor();
    HalpReleaseLock(&HalpDisplayLock, Enable);
}

// The screen's size and the cursor's place. Any IRQL.
VOID HalQueryDisplay(PULONG Width, PULONG Height, PULONG X, PULONG Y)
{
    *Width = SCREEN_WIDTH;
    *Height = SCREEN_HEIGHT;
    *X = HalpCursorX;
    *Y = HalpCursorY;
}
