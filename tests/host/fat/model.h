// SPDX-License-Identifier: MIT
// What a tree of files looks like after random operations, beside the driver's own idea of it: model.c does both and
// compares; power.c looks at the disk; test_driver.c runs them.

#ifndef MICA_TESTS_FAT_MODEL_H
#define MICA_TESTS_FAT_MODEL_H

#include "simcheck.h"

#define NODES 48
#define HANDLES 6
#define MAXIMUM_FILE 300000u

typedef struct _NODE {
    BOOLEAN Used, Directory, Durable,
        Seen; // Durable: flushed, not changed since; Seen: a look at the disk has found it
    struct _NODE *Parent;
    CHAR Name[64];
    ULONG Size;
    PUCHAR Data;
    ULONG Open; // of our handles
} NODE, *PNODE;

extern NODE Nodes[NODES];
extern UCHAR Buffer[MAXIMUM_FILE + 8192];
extern BOOLEAN Verbose;

// model.c
VOID Step(VOID); // one random operation, and what must be true after it
VOID CloseHandles(VOID);
VOID DeleteEverything(VOID);
VOID BuildPath(PNODE Node, PCHAR Path);
int CompareNames(PCSTR a, PCSTR b);
// power.c
// From now on the disk is checked before each write; a bad one is saved there.
VOID WatchPower(PCSTR Path, BOOLEAN WriteCache);

#endif
