// SPDX-License-Identifier: MIT
// Which line a PCI function interrupts on. MP tables say it for each pin; ACPI would say it in AML (_PRT), which nobody
// here reads. Then the firmware's router stays as it is: the function's Interrupt Line register names an ISA line,
// which is level-triggered (the MADT's overrides, or the chipset's edge/level register, say so) and reaches an I/O APIC
// as well as an 8259. Source: PCI Local Bus Specification 3.0, 6.2.4; PCI-to-PCI Bridge Architecture 1.2, 9.1.

#include "halp.h"

#define PCI_HEADER_TYPE 0x0E
#define PCI_SECONDARY_BUS 0x19
#define PCI_INTERRUPT_LINE 0x3C
#define PCI_INTERRUPT_PIN 0x3D
#define HEADER_TYPE_MASK 0x7F
#define HEADER_TYPE_BRIDGE 1
#define HEADER_MULTIFUNCTION 0x80
#define PCI_DEVICES 32u
#define PCI_FUNCTIONS 8u
#define PCI_PINS 4u
#define PCI_ABSENT 0xFF // header type of nothing

static ULONG HalpFindPciRoute(ULONG Bus, ULONG Device, ULONG Pin)
{
    ULONG Index;

    for (Index = 0; Index < HalpMachine.PciRouteCount; Index++) {
        PHALP_PCI_ROUTE Route = &HalpMachine.PciRoute[Index];

        if (Route->Bus == Bus && Route->Device == Device && Route->Pin == Pin)
            return Route->Line;
    }
    return HAL_NO_LINE;
}

// The bridge whose far side is Bus. A bridge lies on a bus of a lower number.
static BOOLEAN HalpFindParentBridge(ULONG Bus, PULONG ParentBus, PULONG ParentDevice)
{
    ULONG Parent, Device, Function, Functions, Type;

    for (Parent = 0; Parent < Bus; Parent++) {
        for (Device = 0; Device < PCI_DEVICES; Device++) {
            Type = HalReadPciConfig(Parent, Device, 0, PCI_HEADER_TYPE, 1);
            Functions = Type != PCI_ABSENT && (Type & HEADER_MULTIFUNCTION) ? PCI_FUNCTIONS : 1;
            for (Function = 0; Function < Functions; Function++) {
                Type = HalReadPciConfig(Parent, Device, Function, PCI_HEADER_TYPE, 1);
                if (Type != PCI_ABSENT && (Type & HEADER_TYPE_MASK) == HEADER_TYPE_BRIDGE &&
                    HalReadPciConfig(Parent, Device, Function, PCI_SECONDARY_BUS, 1) == Bus) {
                    *ParentBus = Parent;
                    *ParentDevice = Device;
                    return TRUE;
                }
            }
        }
    }
    return FALSE;
}

// The line on which a function interrupts; HAL_NO_LINE if it uses no pin or its pin is connected to nothing.
// IRQL <= DISPATCH_LEVEL.
ULONG HalGetPciInterruptLine(ULONG Bus, ULONG Device, ULONG Function)
{
    ULONG Pin = HalReadPciConfig(Bus, Device, Function, PCI_INTERRUPT_PIN, 1);
    ULONG Line = HalReadPciConfig(Bus, Device, Function, PCI_INTERRUPT_LINE, 1), Routed;

    if (Pin == 0 || Pin > PCI_PINS)
        return HAL_NO_LINE;
    while (HalpLocalApic != NULL && HalpMachine.PciRouteCount != 0) {
        Routed = HalpFindPciRoute(Bus, Device, Pin);
        if (Routed != HAL_NO_LINE)
            return Routed;
        // Behind a bridge: each device's pins turn by its number.
        Pin = (Pin - 1 + Device) % PCI_PINS + 1;
        if (!HalpFindParentBridge(Bus, &Bus, &Device))
            break;
    }
    return Line != 0 && HalIsInterruptLinePresent(Line) ? Line : HAL_NO_LINE;
}
