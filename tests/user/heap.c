// SPDX-License-Identifier: MIT
// malloc and free under load: blocks of all sizes keep their contents while others come and go, and what is freed can
// be had again.

#include "check.h"

#define SLOTS 500
#define ROUNDS 20000

static struct {
    unsigned char *Memory;
    size_t Size;
    unsigned char Fill;
} Slots[SLOTS];

static int IsIntact(int Slot)
{
    for (size_t i = 0; i < Slots[Slot].Size; i++) {
        if (Slots[Slot].Memory[i] != Slots[Slot].Fill) {
            return 0;
        }
    }
    return 1;
}

static void Refill(int Slot, size_t Size, int Round)
{
    Slots[Slot].Size = Size;
    Slots[Slot].Fill = (unsigned char)Round;
    memset(Slots[Slot].Memory, Slots[Slot].Fill, Size);
}

static void Churn(void)
{
    srand(12345);
    for (int Round = 0; Round < ROUNDS; Round++) {
        int Slot = rand() % SLOTS;
        size_t Size = (size_t)(rand() % 16 == 0 ? rand() % 60000 : rand() % 400);

        if (Slots[Slot].Memory == NULL) {
            Slots[Slot].Memory = malloc(Size);
            CHECK(Slots[Slot].Memory != NULL && ((uintptr_t)Slots[Slot].Memory & 7) == 0);
            Refill(Slot, Size, Round);
        } else if (rand() % 3 == 0) {
            size_t Common = Size < Slots[Slot].Size ? Size : Slots[Slot].Size;
            unsigned char *New = realloc(Slots[Slot].Memory, Size == 0 ? 1 : Size);

            CHECK(New != NULL);
            Slots[Slot].Memory = New;
            Slots[Slot].Size = Common;
            CHECK(IsIntact(Slot));
            Refill(Slot, Size, Round);
        } else {
            CHECK(IsIntact(Slot));
            free(Slots[Slot].Memory);
            Slots[Slot].Memory = NULL;
        }
    }
    for (int Slot = 0; Slot < SLOTS; Slot++) {
        if (Slots[Slot].Memory != NULL) {
            CHECK(IsIntact(Slot));
            free(Slots[Slot].Memory);
        }
    }
    CHECK(HeapValidate(GetProcessHeap(), 0, NULL));
}

static void Edges(void)
{
    unsigned char *Zeroed = calloc(1000, 3);
    int Sum = 0;

    CHECK(Zeroed != NULL);
    for (int i = 0; i < 3000; i++) {
        Sum += Zeroed[i];
    }
    CHECK_EQUAL(Sum, 0);
    free(Zeroed);
    free(NULL);
    CHECK(malloc(0xFFFFFFF0u) == NULL);
    CHECK(calloc(0x10000, 0x10001) == NULL);
    CHECK(malloc(0) != NULL);
}

// A freed megabyte must be available again, a thousand times over.
static void Reuse(void)
{
    for (int i = 0; i < 1000; i++) {
        char *Block = malloc(1 << 20);

        if (Block == NULL) {
            CHECK(Block != NULL);
            return;
        }
        Block[0] = Block[(1 << 20) - 1] = 1;
        free(Block);
    }
}

static void OwnHeap(void)
{
    HANDLE Heap = HeapCreate(0, 0x1000, 0);
    char *Block;

    CHECK(Heap != NULL);
    Block = HeapAlloc(Heap, HEAP_ZERO_MEMORY, 100);
    CHECK(Block != NULL && Block[0] == 0 && Block[99] == 0);
    CHECK_EQUAL(HeapSize(Heap, 0, Block), 100);
    Block = HeapReAlloc(Heap, 0, Block, 5000);
    CHECK(Block != NULL && HeapSize(Heap, 0, Block) == 5000);
    CHECK(HeapFree(Heap, 0, Block));
    CHECK(HeapDestroy(Heap));
    Heap = HeapCreate(0, 0, 0x10000);
    CHECK(Heap != NULL);
    CHECK(HeapAlloc(Heap, 0, 0x20000) == NULL);
    CHECK(HeapDestroy(Heap));
}

int main(void)
{
    Churn();
    Edges();
    Reuse();
    OwnHeap();
    return Verdict();
}
