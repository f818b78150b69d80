// SPDX-License-Identifier: MIT
// The tree of virtual address descriptors: a balanced (AVL) binary tree ordered by address; no two overlap. Each node
// keeps the height of its subtree; the heights of a node's children differ by at most one.

#include "mi.h"

static ULONG MiHeight(PMMVAD Vad)
{
    return Vad == NULL ? 0 : Vad->Height;
}

static VOID MiUpdateHeight(PMMVAD Vad)
{
    Vad->Height = 1 + max_of(MiHeight(Vad->LeftChild), MiHeight(Vad->RightChild));
}

// Puts New where Old hangs.
static VOID MiReplaceChild(PMM_AVL_TABLE Table, PMMVAD Parent, PMMVAD Old, PMMVAD New)
{
    if (Parent == NULL)
        Table->Root = New;
    else if (Parent->LeftChild == Old)
        Parent->LeftChild = New;
    else
        Parent->RightChild = New;
    if (New != NULL)
        New->Parent = Parent;
}

// Left: Vad's right child takes its place. Else its left child.
static PMMVAD MiRotate(PMM_AVL_TABLE Table, PMMVAD Vad, BOOLEAN Left)
{
    PMMVAD Up = Left ? Vad->RightChild : Vad->LeftChild;
    PMMVAD Moved = Left ? Up->LeftChild : Up->RightChild;

    MiReplaceChild(Table, Vad->Parent, Vad, Up);
    if (Left) {
        Vad->RightChild = Moved;
        Up->LeftChild = Vad;
    } else {
        Vad->LeftChild = Moved;
        Up->RightChild = Vad;
    }
    if (Moved != NULL)
        Moved->Parent = Vad;
    Vad->Parent = Up;
    MiUpdateHeight(Vad);
    MiUpdateHeight(Up);
    return Up;
}

// Restores heights and balance from Vad up to where the height is what it was: nothing has changed for those above.
static VOID MiRebalance(PMM_AVL_TABLE Table, PMMVAD Vad)
{
    for (; Vad != NULL; Vad = Vad->Parent) {
        ULONG Left = MiHeight(Vad->LeftChild), Right = MiHeight(Vad->RightChild), Before = Vad->Height;

        if (Left <= Right + 1 && Right <= Left + 1) {
            Vad->Height = 1 + max_of(Left, Right);
        } else if (Left > Right) {
            if (MiHeight(Vad->LeftChild->LeftChild) < MiHeight(Vad->LeftChild->RightChild))
                MiRotate(Table, Vad->LeftChild, TRUE);
            Vad = MiRotate(Table, Vad, FALSE);
        } else {
            if (MiHeight(Vad->RightChild->RightChild) < MiHeight(Vad->RightChild->LeftChild))
                MiRotate(Table, Vad->RightChild, FALSE);
            Vad = MiRotate(Table, Vad, TRUE);
        }
        if (Vad->Height == Before)
            return;
    }
}

// Inserts a descriptor that overlaps no other. Both locks of the process are held.
VOID MiInsertVad(PMM_AVL_TABLE Table, PMMVAD Vad)
{
    PMMVAD Parent = NULL, Node = Table->Root;

    while (Node != NULL) {
        ASSERT(Vad->EndingVpn < Node->StartingVpn || Vad->StartingVpn > Node->EndingVpn);
        Parent = Node;
        Node = Vad->StartingVpn < Node->StartingVpn ? Node->LeftChild : Node->RightChild;
    }
    Vad->Parent = Parent;
    Vad->LeftChild = Vad->RightChild = NULL;
    Vad->Height = 1;
    if (Parent == NULL)
        Table->Root = Vad;
    else if (Vad->StartingVpn < Parent->StartingVpn)
        Parent->LeftChild = Vad;
    else
        Parent->RightChild = Vad;
    MiRebalance(Table, Parent);
    Table->Hint = Vad;
    Table->Count++;
}

// Takes a descriptor out. Both locks of the process are held.
VOID MiRemoveVad(PMM_AVL_TABLE Table, PMMVAD Vad)
{
    PMMVAD Lowest = Vad->Parent; // the lowest node whose subtree changes

    if (Vad->LeftChild == NULL) {
        MiReplaceChild(Table, Vad->Parent, Vad, Vad->RightChild);
    } else if (Vad->RightChild == NULL) {
        MiReplaceChild(Table, Vad->Parent, Vad, Vad->LeftChild);
    } else {
        PMMVAD Next = Vad->RightChild; // its successor takes its place

        while (Next->LeftChild != NULL)
            Next = Next->LeftChild;
        Lowest = Next;
        if (Next->Parent != Vad) {
            Lowest = Next->Parent;
            MiReplaceChild(Table, Next->Parent, Next, Next->RightChild);
            Next->RightChild = Vad->RightChild;
            Next->RightChild->Parent = Next;
        }
        MiReplaceChild(Table, Vad->Parent, Vad, Next);
        Next->LeftChild = Vad->LeftChild;
        Next->LeftChild->Parent = Next;
        Next->Height = Vad->Height;
    }
    MiRebalance(Table, Lowest);
    Table->Hint = NULL;
    Table->Count--;
}

// The descriptor that covers a page, or NULL. Either lock of the process is held.
PMMVAD MiLocateVad(PMM_AVL_TABLE Table, ULONG_PTR Vpn)
{
    PMMVAD Node = *(PMMVAD volatile *)&Table->Hint; // once: a holder of the other lock may move it, to one that stays

    if (Node != NULL && Vpn >= Node->StartingVpn && Vpn <= Node->EndingVpn)
        return Node;
    Node = Table->Root;
    while (Node != NULL && (Vpn < Node->StartingVpn || Vpn > Node->EndingVpn))
        Node = Vpn < Node->StartingVpn ? Node->LeftChild : Node->RightChild;
    if (Node != NULL)
        Table->Hint = Node;
    return Node;
}

// The lowest descriptor that has a page in common with the range, or NULL.
PMMVAD MiFindOverlap(PMM_AVL_TABLE Table, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMMVAD Node = Table->Root, Found = NULL;

    while (Node != NULL) {
        if (StartVpn > Node->EndingVpn) {
            Node = Node->RightChild;
        } else {
            if (EndVpn >= Node->StartingVpn)
                Found = Node;
            Node = Node->LeftChild;
        }
    }
    return Found;
}

PMMVAD MiFirstVad(PMM_AVL_TABLE Table)
{
    PMMVAD Node = Table->Root;

    while (Node != NULL && Node->LeftChild != NULL)
        Node = Node->LeftChild;
    return Node;
}

PMMVAD MiNextVad(PMMVAD Vad)
{
    if (Vad->RightChild != NULL) {
        for (Vad = Vad->RightChild; Vad->LeftChild != NULL;)
            Vad = Vad->LeftChild;
        return Vad;
    }
    while (Vad->Parent != NULL && Vad == Vad->Parent->RightChild)
        Vad = Vad->Parent;
    return Vad->Parent;
}

PMMVAD MiPreviousVad(PMMVAD Vad)
{
    if (Vad->LeftChild != NULL) {
        for (Vad = Vad->LeftChild; Vad->RightChild != NULL;)
            Vad = Vad->RightChild;
        return Vad;
    }
    while (Vad->Parent != NULL && Vad == Vad->Parent->LeftChild)
        Vad = Vad->Parent;
    return Vad->Parent;
}
