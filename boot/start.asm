; SPDX-License-Identifier: MIT
; The first instructions. A Multiboot 1 loader (GRUB, qemu -kernel) jumps to BootEntry's physical address with paging
; off, flat segments, eax = magic, ebx = physical address of its information. This file turns PAE paging on and goes on
; in C (boot/boot.c) at the kernel's virtual address.
;
; The page tables below stay in use for ever: they are the system process's.
;
;   directory 0, 1   00000000-7FFFFFFF  identity, 2 MB pages, until boot.c has read the loader's information
;   directory 3      C0000000-C07FFFFF  the self-map: the four directories as page tables
;                    FB000000-FBFFFFFF  physical 0-16 MB, 2 MB pages: text R-X, rodata R--, the rest RW-
;                    FFC00000-FFFFFFFF  two page tables: PCR at FFDFF000, KUSER_SHARED_DATA at FFDF0000
;
; Sources: Multiboot Specification 0.6.96; Intel SDM 3A 4.4 (PAE paging), 4.6 (access rights), 9.9 (mode switching).

bits 32

KSEG0                   equ 0xFB000000
%define PHYS(x)         ((x) - KSEG0)
LARGE_PAGE              equ 0x200000
KSEG0_LARGE_PAGES       equ 8           ; 16 MB

MULTIBOOT_HEADER_MAGIC  equ 0x1BADB002
MULTIBOOT_HEADER_FLAGS  equ 0x00000003  ; modules page aligned; memory information wanted

PTE_VALID               equ 0x001
PTE_WRITE               equ 0x002
PTE_ACCESSED            equ 0x020
PTE_DIRTY               equ 0x040
PTE_LARGE               equ 0x080
PTE_GLOBAL              equ 0x100
PTE_TABLE               equ PTE_VALID | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY
PTE_READ_ONLY_LARGE     equ PTE_VALID | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE

CR0_CACHE_BITS          equ 0x60000000  ; CD and NW: caches off
CR0_PAGING_AND_WP       equ 0x80010000
CR4_PSE_PAE             equ 0x30
CR4_PGE                 equ 0x80
CPUID_PAE               equ 1 << 6
CPUID_PGE               equ 1 << 13
CPUID_EXT_NX            equ 1 << 20
EFLAGS_ID               equ 1 << 21
MSR_EFER                equ 0xC0000080
EFER_NXE                equ 1 << 11

KSEG0_INDEX             equ 0x1D8       ; of FB000000 in directory 3
HAL_DIRECTORY_INDEX     equ 0x1FE       ; of FFC00000
SHARED_DATA_INDEX       equ 0x1F0       ; of FFDF0000 in its page table
PCR_INDEX               equ 0x1FF       ; of FFDFF000

BOOT_STACK_SIZE         equ 0x4000

extern BootStart, KiTextStart, KiRodataStart, KiDataStart
global BootEntry, BootPageDirectories, BootPageDirectoryPointers, BootStackTop, BootStackBottom

section .multiboot progbits alloc exec nowrite align=4
        dd MULTIBOOT_HEADER_MAGIC
        dd MULTIBOOT_HEADER_FLAGS
        dd -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

section .bss nobits alloc noexec write align=4096
BootPageDirectories:            resb 4 * 4096
BootHalPageTables:              resb 2 * 4096
BootPcrPage:                    resb 4096
BootSharedDataPage:             resb 4096
BootStackBottom:                resb BOOT_STACK_SIZE
BootStackTop:
BootPageDirectoryPointers:      resb 32         ; 32-byte aligned, as CR3 wants it
BootLoaderMagic:                resd 1
BootLoaderInformation:          resd 1

section .text progbits alloc exec nowrite align=16

BootEntry:
        cli
        cld
        mov     esp, PHYS(BootStackTop)
        mov     [PHYS(BootLoaderMagic)], eax
        mov     [PHYS(BootLoaderInformation)], ebx
        call    CheckProcessor                  ; ebp = high half of a no-execute PTE, ebx = PTE_GLOBAL or 0
        call    MapIdentity
        call    MapKseg0
        call    MapTables
        call    EnablePaging
        mov     eax, .high
        jmp     eax
.high:
        mov     esp, BootStackTop
        xor     ebp, ebp                        ; the end of every stack walk
        push    dword [BootLoaderInformation]
        push    dword [BootLoaderMagic]
        call    BootStart
.never: hlt
        jmp     .never

; Refuses a processor without PAE; finds out about NX and global pages. Returns ebp, ebx as above.
CheckProcessor:
        pushfd
        pop     eax
        mov     ecx, eax
        xor     eax, EFLAGS_ID
        push    eax
        popfd
        pushfd
        pop     eax
        xor     eax, ecx
        test    eax, EFLAGS_ID                  ; cannot be changed: no CPUID, so no PAE
        jz      NoPae
        mov     eax, 1
        cpuid
        test    edx, CPUID_PAE
        jz      NoPae
        xor     edi, edi
        test    edx, CPUID_PGE
        jz      .noglobal
        mov     edi, PTE_GLOBAL
.noglobal:
        xor     ebp, ebp
        mov     eax, 0x80000000
        cpuid
        cmp     eax, 0x80000001
        jb      .nonx
        mov     eax, 0x80000001
        cpuid
        test    edx, CPUID_EXT_NX
        jz      .nonx
        mov     ebp, 0x80000000
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_NXE
        wrmsr
.nonx:  mov     ebx, edi
        ret

; Directories 0 and 1: virtual = physical below 2 GB, so that boot.c can read what the loader left anywhere there.
MapIdentity:
        mov     edi, PHYS(BootPageDirectories)
        mov     eax, PTE_TABLE | PTE_LARGE
        mov     ecx, 1024
.next:  mov     [edi], eax
        mov     dword [edi + 4], 0
        add     eax, LARGE_PAGE
        add     edi, 8
        dec     ecx
        jnz     .next
        ret

; Directory 3: physical 0-16 MB with the protection of the section a page belongs to.
MapKseg0:
        mov     edi, PHYS(BootPageDirectories) + 3 * 4096 + KSEG0_INDEX * 8
        mov     esi, KSEG0
        mov     ecx, KSEG0_LARGE_PAGES
.next:  lea     eax, [esi - KSEG0 + PTE_READ_ONLY_LARGE]
        mov     edx, ebp
        cmp     esi, KiTextStart
        jb      .data
        cmp     esi, KiDataStart
        jae     .data
        cmp     esi, KiRodataStart
        jae     .store
        xor     edx, edx                        ; text: read-only and executable
        jmp     .store
.data:  or      eax, PTE_WRITE
.store: or      eax, ebx
        mov     [edi], eax
        mov     [edi + 4], edx
        add     esi, LARGE_PAGE
        add     edi, 8
        dec     ecx
        jnz     .next
        ret

; Directory 3: the self-map and the HAL's tables; then the four pointers. A pointer has only its valid bit (SDM 3A
; 4.4.1).
MapTables:
        mov     edi, PHYS(BootPageDirectories) + 3 * 4096
        mov     esi, PHYS(BootPageDirectoryPointers)
        mov     eax, PHYS(BootPageDirectories)
        mov     ecx, 4
.next:  lea     edx, [eax + PTE_TABLE]
        mov     [edi], edx
        mov     [edi + 4], ebp
        lea     edx, [eax + PTE_VALID]
        mov     [esi], edx
        mov     dword [esi + 4], 0
        add     eax, 4096
        add     edi, 8
        add     esi, 8
        dec     ecx
        jnz     .next

        mov     edi, PHYS(BootPageDirectories) + 3 * 4096 + HAL_DIRECTORY_INDEX * 8
        mov     eax, PHYS(BootHalPageTables) + PTE_TABLE
        mov     [edi], eax
        mov     [edi + 4], ebp
        add     eax, 4096
        mov     [edi + 8], eax
        mov     [edi + 12], ebp

        mov     edi, PHYS(BootHalPageTables)
        mov     eax, PHYS(BootSharedDataPage) + PTE_TABLE
        or      eax, ebx
        mov     [edi + SHARED_DATA_INDEX * 8], eax
        mov     [edi + SHARED_DATA_INDEX * 8 + 4], ebp
        mov     eax, PHYS(BootPcrPage) + PTE_TABLE
        or      eax, ebx
        mov     [edi + PCR_INDEX * 8], eax
        mov     [edi + PCR_INDEX * 8 + 4], ebp
        ret

; Returns at the same physical address with paging on.
EnablePaging:
        mov     eax, PHYS(BootPageDirectoryPointers)
        mov     cr3, eax
        mov     eax, cr4
        or      eax, CR4_PSE_PAE
        mov     cr4, eax
        mov     eax, cr0
        and     eax, ~CR0_CACHE_BITS
        or      eax, CR0_PAGING_AND_WP
        mov     cr0, eax
        test    ebx, ebx
        jz      .done
        mov     eax, cr4                        ; only after paging is on (SDM 3A 4.10.2.4)
        or      eax, CR4_PGE
        mov     cr4, eax
.done:  ret

; No PAE: says so on the screen and on COM1, with nothing set up, and stops.
NoPae:
        mov     esi, PHYS(NoPaeText)
        mov     edi, 0xB8000
.next:  lodsb
        test    al, al
        jz      .stop
        mov     ah, 0x07
        stosw
        mov     dx, 0x3F8
        out     dx, al
        jmp     .next
.stop:  hlt
        jmp     .stop

section .rodata progbits alloc noexec nowrite align=4
NoPaeText:      db "Mica needs a processor with PAE (Physical Address Extension).", 0
