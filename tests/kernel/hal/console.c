// SPDX-License-Identifier: MIT
// Laws of the console's translators: both keyboards give the same keys.

#include "drivers/console/console.h"
#include "ktest.h"

static CONSOLE_KEY PressScan(PKEYBOARD_STATE State, USHORT Code, USHORT Flags)
{
    KEYBOARD_INPUT_DATA Input = {.MakeCode = Code, .Flags = Flags};
    CONSOLE_KEY Key;

    return ConsoleTranslateScan(State, &Input, &Key) ? Key : 0;
}

static CONSOLE_KEY DecodeText(PVT_DECODER Decoder, PCSTR Bytes)
{
    CONSOLE_KEY Key = 0, Last = 0;

    for (; *Bytes != '\0'; Bytes++) {
        if (ConsoleDecodeByte(Decoder, (UCHAR)*Bytes, &Key))
            Last = Key;
    }
    return Last;
}

KTEST(console, shift_control_and_caps_change_letters)
{
    // Law: shift and caps lock each make a letter upper case, both together lower case; control makes it a control
    // code.
    KEYBOARD_STATE State = {0};

    expect_eq(PressScan(&State, 0x1E, KEY_MAKE), 'a');
    expect_eq(PressScan(&State, 0x1E, KEY_BREAK), 0);
    expect_eq(PressScan(&State, 0x2A, KEY_MAKE), 0);
    expect_eq(PressScan(&State, 0x1E, KEY_MAKE), 'A');
    expect_eq(PressScan(&State, 0x02, KEY_MAKE), '!');
    PressScan(&State, 0x3A, KEY_MAKE);
    PressScan(&State, 0x3A, KEY_BREAK);
    expect_eq(PressScan(&State, 0x1E, KEY_MAKE), 'a');
    PressScan(&State, 0x2A, KEY_BREAK);
    expect_eq(PressScan(&State, 0x1E, KEY_MAKE), 'A');
    expect_eq(PressScan(&State, 0x02, KEY_MAKE), '1');
    PressScan(&State, 0x1D, KEY_MAKE);
    expect_eq(PressScan(&State, 0x2E, KEY_MAKE), CHARACTER_CTRL_C);
}

KTEST(console, every_character_of_the_layout_has_its_key)
{
    // Law: every printable ASCII character can be typed on the PS/2 keyboard.
    BOOLEAN Typed[128] = {FALSE};
    KEYBOARD_STATE State = {0};
    USHORT Code, Shift;
    ULONG Character;

    for (Shift = 0; Shift < 2; Shift++) {
        for (Code = 1; Code < 0x3A; Code++) {
            if (Code != 0x1D && Code != 0x2A && Code != 0x36 && Code != 0x38) {
                CONSOLE_KEY Key = PressScan(&State, Code, KEY_MAKE);

                if (Key < 128)
                    Typed[Key] = TRUE;
            }
        }
        PressScan(&State, 0x2A, KEY_MAKE);
    }
    for (Character = ' '; Character < 0x7F; Character++)
        expect(Typed[Character]);
    expect(Typed['\r'] && Typed['\b'] && Typed['\t'] && Typed[CHARACTER_ESCAPE]);
}

KTEST(console, cursor_keys_are_the_same_from_both_keyboards)
{
    // Law: a cursor key means the same key whether it comes as an extended scan code or as a terminal's sequence.
    static const struct {
        USHORT Code;
        PCSTR Sequence, Other;
        CONSOLE_KEY Key;
    } Keys[] = {{0x48, "\x1B[A", "\x1BOA", KEY_UP},       {0x50, "\x1B[B", "\x1BOB", KEY_DOWN},
                {0x4D, "\x1B[C", "\x1BOC", KEY_RIGHT},    {0x4B, "\x1B[D", "\x1BOD", KEY_LEFT},
                {0x47, "\x1B[H", "\x1B[1~", KEY_HOME},    {0x4F, "\x1B[F", "\x1B[4~", KEY_END},
                {0x52, "\x1B[2~", "\x1B[2~", KEY_INSERT}, {0x53, "\x1B[3~", "\x1B[3~", KEY_DELETE}};
    KEYBOARD_STATE State = {0};
    VT_DECODER Decoder = {0};
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Keys); Index++) {
        expect_eq(PressScan(&State, Keys[Index].Code, KEY_E0), Keys[Index].Key);
        expect_eq(DecodeText(&Decoder, Keys[Index].Sequence), Keys[Index].Key);
        expect_eq(DecodeText(&Decoder, Keys[Index].Other), Keys[Index].Key);
        expect_eq(Decoder.State, VtGround);
    }
}

KTEST(console, line_ends_of_a_terminal_are_one_enter)
{
    // Law: CR, LF and CR LF are each one enter key; an ESC that nothing follows is the escape key.
    VT_DECODER Decoder = {0};
    CONSOLE_KEY Key;

    expect(ConsoleDecodeByte(&Decoder, '\r', &Key) && Key == '\r');
    expect(!ConsoleDecodeByte(&Decoder, '\n', &Key));
    expect(ConsoleDecodeByte(&Decoder, '\n', &Key) && Key == '\r');
    expect(ConsoleDecodeByte(&Decoder, CHARACTER_DELETE, &Key) && Key == CHARACTER_BACKSPACE);
    expect(!ConsoleDecodeByte(&Decoder, CHARACTER_ESCAPE, &Key));
    expect(ConsoleFlushDecoder(&Decoder, &Key) && Key == CHARACTER_ESCAPE);
    expect(!ConsoleFlushDecoder(&Decoder, &Key));
}

typedef struct _LINE_MODEL {
    CHAR Text[LINE_SIZE];
    ULONG Length, Cursor;
} LINE_MODEL, *PLINE_MODEL;

// The plainest editor: what each key means, without any thought of the screen.
static VOID ModelKey(PLINE_MODEL Model, CONSOLE_KEY Key)
{
    ULONG Place = Model->Cursor;

    if (Key == KEY_LEFT && Place > 0)
        Model->Cursor--;
    else if (Key == KEY_RIGHT && Place < Model->Length)
        Model->Cursor++;
    else if (Key == KEY_HOME)
        Model->Cursor = 0;
    else if (Key == KEY_END)
        Model->Cursor = Model->Length;
    else if (Key == CHARACTER_ESCAPE)
        Model->Length = Model->Cursor = 0;
    if (Key == CHARACTER_BACKSPACE && Place > 0)
        Place = --Model->Cursor;
    else if (Key != KEY_DELETE && Key < ' ')
        return;
    if (Key == CHARACTER_BACKSPACE || Key == KEY_DELETE) {
        if (Place < Model->Length)
            memmove(Model->Text + Place, Model->Text + Place + 1, --Model->Length - Place);
    } else if (Key < 0x100 && Model->Length < LINE_SIZE) {
        memmove(Model->Text + Place + 1, Model->Text + Place, Model->Length++ - Place);
        Model->Text[Model->Cursor++] = (CHAR)Key;
    }
}

KTEST(console, line_editor_does_what_its_keys_say)
{
    // Law: for any sequence of editing keys the line and the cursor are those of the plainest editor.
    static const CONSOLE_KEY Specials[] = {KEY_LEFT, KEY_LEFT,   KEY_RIGHT,           KEY_HOME,
                                           KEY_END,  KEY_DELETE, CHARACTER_BACKSPACE, CHARACTER_ESCAPE};
    PCONSOLE Console = ExAllocatePoolZero(NonPagedPool, sizeof(*Console), TAG_CONSOLE);
    PLINE_MODEL Model = ExAllocatePoolZero(NonPagedPool, sizeof(*Model), TAG_CONSOLE);
    ULONG Count;

    expect(Console != NULL && Model != NULL);
    if (Console == NULL || Model == NULL)
        return;
    Console->InputMode = ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT; // no echo: the screen is not ours
    for (Count = 0; Count < 5000; Count++) {
        ULONG Random = KtRandom();
        CONSOLE_KEY Key = (CONSOLE_KEY)(' ' + Random % 0x5F);

        if (Random % 1000 == 1)
            Key = CHARACTER_ESCAPE;
        else if (Random % 3 == 0)
            Key = Specials[(Random >> 8) % (RTL_NUMBER_OF(Specials) - 1)];
        expect_eq(ConsoleEditKey(Console, Key), EditMore);
        ModelKey(Model, Key);
        expect_eq(Console->Editor.Length, Model->Length);
        expect_eq(Console->Editor.Cursor, Model->Cursor);
        expect(RtlEqualMemory(Console->Editor.Text, Model->Text, Model->Length));
    }
    expect_eq(ConsoleEditKey(Console, '\r'), EditLine);
    ExFreePoolWithTag(Console, TAG_CONSOLE);
    ExFreePoolWithTag(Model, TAG_CONSOLE);
}
