// SPDX-License-Identifier: MIT
// \Device\Console: one screen and two keyboards (PS/2 and whoever types into COM1).
//
//   scan codes (DPC) -> Scans ----> keymap.c --.
//                                               +-> Keys -> edit.c (line input) or as bytes -> Ready -> read IRPs
//   COM1 (serial.c)  -> bytes ----> vt.c ------'
//
//   write IRPs, echo -> output.c -> VGA text and COM1
//
// Everything on the input side but Scans and the IRP queue belongs to the console's thread (thread.c). Keys are taken
// only while a read is waiting, so that what is typed ahead is echoed where it is read, as on Windows.

#ifndef MICA_DRIVERS_CONSOLE_H
#define MICA_DRIVERS_CONSOLE_H

#include "driver.h"
#include "input.h"

#define TAG_CONSOLE 0x206E6F43 // 'Con '
#define LINE_SIZE 1024u
#define KEY_RING_SIZE 256u // a power of two
#define SCAN_RING_SIZE 64u // a power of two
#define HISTORY_SIZE 16u
#define SERIAL_CHUNK 64u
#define OUTPUT_CHUNK 512u
#define DEFAULT_ATTRIBUTE 0x07

#ifndef ENABLE_PROCESSED_INPUT // SDK wincon.h
#define ENABLE_PROCESSED_INPUT 0x0001
#define ENABLE_LINE_INPUT 0x0002
#define ENABLE_ECHO_INPUT 0x0004
#define ENABLE_PROCESSED_OUTPUT 0x0001
#define ENABLE_WRAP_AT_EOL_OUTPUT 0x0002
#endif

// A key: a character, or one of these.
typedef USHORT CONSOLE_KEY;
#define KEY_UP 0x100
#define KEY_DOWN 0x101
#define KEY_RIGHT 0x102
#define KEY_LEFT 0x103
#define KEY_HOME 0x104
#define KEY_END 0x105
#define KEY_INSERT 0x106
#define KEY_DELETE 0x107
#define KEY_PAGE_UP 0x108
#define KEY_PAGE_DOWN 0x109
#define CHARACTER_CTRL_C 0x03
#define CHARACTER_BACKSPACE 0x08
#define CHARACTER_TAB 0x09
#define CHARACTER_CTRL_Z 0x1A
#define CHARACTER_ESCAPE 0x1B
#define CHARACTER_DELETE 0x7F

typedef struct _KEYBOARD_STATE { // keymap.c
    BOOLEAN LeftShift, RightShift, Control, Alt, CapsLock, NumLock;
} KEYBOARD_STATE, *PKEYBOARD_STATE;

typedef enum _VT_STATE { VtGround, VtEscape, VtControl, VtShift3 } VT_STATE;
typedef struct _VT_DECODER { // vt.c
    VT_STATE State;
    ULONG Parameter;
    BOOLEAN AfterReturn; // a line feed right after a carriage return is part of it
} VT_DECODER, *PVT_DECODER;

typedef struct _LINE_EDITOR { // edit.c
    CHAR Text[LINE_SIZE];
    ULONG Length;
    ULONG Cursor;
    BOOLEAN Overwrite;
    PCHAR History[HISTORY_SIZE]; // newest first, in paged pool
    ULONG HistoryCount;
    ULONG HistoryPlace; // 0: the line being typed; n: History[n - 1]
    CHAR Scratch[LINE_SIZE];
    CHAR Echo[OUTPUT_CHUNK]; // what the current change writes
    ULONG EchoLength;
} LINE_EDITOR, *PLINE_EDITOR;

typedef struct _CONSOLE { // the device extension
    PDEVICE_OBJECT DeviceObject;
    IRP_QUEUE Reads;
    KEVENT WorkEvent;   // for the thread: a read, a scan code, a new mode
    KEVENT SerialEvent; // for the thread: SerialRead has ended
    ULONG InputMode;
    // Output
    KMUTEX OutputLock; // screen, COM1's writing side, and the fields to the next heading
    ULONG OutputMode;
    UCHAR Attribute;
    UCHAR LastSerialByte;
    ULONG SerialUsed;
    UCHAR SerialBytes[OUTPUT_CHUNK];
    // COM1
    PDEVICE_OBJECT SerialDevice; // NULL: none
    PFILE_OBJECT SerialFile;
    PIRP SerialRead; // under way
    UCHAR SerialInput[SERIAL_CHUNK];
    // PS/2: filled at DISPATCH_LEVEL
    KSPIN_LOCK ScanLock;
    ULONG ScanHead, ScanTail;
    KEYBOARD_INPUT_DATA Scans[SCAN_RING_SIZE];
    // The thread's
    KEYBOARD_STATE Keyboard;
    VT_DECODER Decoder;
    volatile ULONG KeyHead, KeyTail;
    CONSOLE_KEY Keys[KEY_RING_SIZE];
    LINE_EDITOR Editor;
    ULONG ReadyNext;
    volatile ULONG ReadyCount; // bytes of Ready not read yet
    BOOLEAN EndOfFile;         // the next read gets no bytes
    CHAR Ready[LINE_SIZE + 2];
} CONSOLE, *PCONSOLE;

// output.c
VOID ConsoleWrite(PCONSOLE Console, const UCHAR *Bytes, ULONG Length);
VOID ConsoleEcho(PCONSOLE Console, const CHAR *Bytes, ULONG Length);
VOID ConsoleSetCursor(PCONSOLE Console, SHORT X, SHORT Y);
VOID ConsoleClear(PCONSOLE Console);
VOID ConsoleLockOutput(PCONSOLE Console);
VOID ConsoleUnlockOutput(PCONSOLE Console);
// serial.c
VOID ConsoleOpenSerial(PCONSOLE Console);
VOID ConsoleStartSerialRead(PCONSOLE Console);
ULONG ConsoleFinishSerialRead(PCONSOLE Console);
VOID ConsoleSerialWrite(PCONSOLE Console, PUCHAR Bytes, ULONG Length);
// keyboard.c
VOID ConsoleConnectKeyboard(PCONSOLE Console);
BOOLEAN ConsoleGetScan(PCONSOLE Console, PKEYBOARD_INPUT_DATA Input);
// keymap.c
BOOLEAN ConsoleTranslateScan(PKEYBOARD_STATE State, const KEYBOARD_INPUT_DATA *Input, CONSOLE_KEY *Key);
// vt.c
BOOLEAN ConsoleDecodeByte(PVT_DECODER Decoder, UCHAR Byte, CONSOLE_KEY *Key);
BOOLEAN ConsoleFlushDecoder(PVT_DECODER Decoder, CONSOLE_KEY *Key);
// edit.c
typedef enum _EDIT_RESULT { EditMore, EditLine, EditEndOfFile } EDIT_RESULT;
EDIT_RESULT ConsoleEditKey(PCONSOLE Console, CONSOLE_KEY Key);
VOID ConsoleReplaceLine(PCONSOLE Console, PCSTR Text, ULONG Length, ULONG Cursor);
// history.c
VOID ConsoleRemember(PLINE_EDITOR Editor);
BOOLEAN ConsoleRecall(PLINE_EDITOR Editor, BOOLEAN Older, PCSTR *Text);
// input.c
VOID ConsoleServeReads(PCONSOLE Console);
VOID ConsoleAddKey(PCONSOLE Console, CONSOLE_KEY Key);
ULONG ConsoleBytesReady(PCONSOLE Console);
// thread.c
VOID NTAPI ConsoleThread(PVOID Context);
// ioctl.c
NTSTATUS NTAPI ConsoleDeviceControl(PDEVICE_OBJECT Device, PIRP Irp);

#endif
