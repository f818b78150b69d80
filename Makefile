# SPDX-License-Identifier: MIT
# Mica's build: out of tree, parallel, incremental. `make help` lists the targets; ./mica is the front door.
# BUILD=checked (assertions, tests; the default) or BUILD=free.

BUILD ?= checked
BUILD_DIR ?= build/$(BUILD)
GEN := $(BUILD_DIR)/gen
INC := $(BUILD_DIR)/inc

CROSS := i686-linux-gnu-
CC := $(CROSS)gcc
MINGW := i686-w64-mingw32-
UCC := $(MINGW)gcc
MINGW_INCLUDE := /usr/share/mingw-w64/include

.DEFAULT_GOAL := all
# One short line a step; V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(patsubst $(BUILD_DIR)/%,%,$@))
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

WARN := -Wall -Wextra -Werror
ifeq ($(BUILD),checked)
KBUILD := -DMICA_CHECKED
endif
KCFLAGS := -DMICA_KERNEL $(KBUILD) -std=gnu11 -O2 -g -ffreestanding -fshort-wchar -mms-bitfields -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-pic -fno-pie -fno-stack-protector -mno-sse -mno-mmx -mno-80387 -mpreferred-stack-boundary=2 \
	-fno-asynchronous-unwind-tables -fno-common -march=i686 -mtune=generic $(WARN) -Iinc/nt -Iinc/ntos -I$(INC) -I.

# --- the kernel -------------------------------------------------------------------------------------------------------
KERNEL_FOLDERS := boot hal ke mm ob ps se ex io cc kd rtl
KERNEL_C := $(wildcard $(addsuffix /*.c,$(KERNEL_FOLDERS)) drivers/*/*.c)
ifeq ($(BUILD),checked)
KERNEL_C += $(wildcard tests/kernel/*.c tests/kernel/*/*.c)
endif
KERNEL_ASM := $(wildcard $(addsuffix /*.asm,$(KERNEL_FOLDERS)) $(addsuffix /i386/*.asm,$(KERNEL_FOLDERS)))
KERNEL_OBJ := $(addprefix $(BUILD_DIR)/kernel/,$(KERNEL_C:.c=.o) $(KERNEL_ASM:.asm=.o)) \
	$(addprefix $(BUILD_DIR)/kernel/gen/,systable.o zwstubs.o upcase.o)
KERNEL := $(BUILD_DIR)/mica.elf
LIBGCC := $(shell $(CC) -print-libgcc-file-name 2>/dev/null)
KERNEL_LINK = $(CC) -nostdlib -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-T,linker.ld $(KLDFLAGS)

GENERATED_HEADERS := $(INC)/ntstatus.h $(INC)/bugcodes.h $(GEN)/offsets.inc

$(INC)/%.h:
	@mkdir -p $(@D)
	@ln -sf $(MINGW_INCLUDE)/$*.h $@

$(GEN)/systable.c: tools/services.tbl tools/services.py
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)python3 tools/services.py $< table > $@
$(GEN)/zwstubs.asm: tools/services.tbl tools/services.py
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)python3 tools/services.py $< zw > $@
$(GEN)/ntstubs.asm: tools/services.tbl tools/services.py
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)python3 tools/services.py $< nt > $@
$(GEN)/upcase.c: tools/upcase.py
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)python3 $< > $@
$(GEN)/offsets.inc: tools/offsets.c $(wildcard inc/nt/*.h inc/ntos/*.h ke/ki.h) | $(INC)/ntstatus.h $(INC)/bugcodes.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -S -o $(GEN)/offsets.s $<
	$(Q)sed -n 's/.*"->\([A-Za-z0-9_.]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\)".*/%define \1 \2/p' $(GEN)/offsets.s > $@

$(BUILD_DIR)/kernel/%.o: %.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(KCFLAGS) -MMD -MP -c -o $@ $<
$(BUILD_DIR)/kernel/%.o: %.asm Makefile $(GEN)/offsets.inc
	@mkdir -p $(@D)
	$(call say,NASM)
	$(Q)nasm -f elf32 -g -F dwarf -I$(GEN)/ -I$(dir $<) -MD $(@:.o=.d) -o $@ $<
$(BUILD_DIR)/kernel/gen/%.o: $(GEN)/%.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(KCFLAGS) -c -o $@ $<
$(BUILD_DIR)/kernel/gen/%.o: $(GEN)/%.asm
	@mkdir -p $(@D)
	$(call say,NASM)
	$(Q)nasm -f elf32 -o $@ $<

# Two links: the second one carries the symbol table made from the first (names in bugcheck stacks) and the list of
# words that /3GB changes. They lie behind all code, so that no address in them moves.
$(KERNEL): $(KERNEL_OBJ) linker.ld tools/ksyms.py tools/splits.py
	$(Q)$(KERNEL_LINK) -Wl,--emit-relocs -o $@.1 $(KERNEL_OBJ) $(LIBGCC)
	$(Q)$(CROSS)nm -n $@.1 | python3 tools/ksyms.py > $(GEN)/ksyms.c
	$(Q)python3 tools/splits.py $@.1 $(CROSS) >> $(GEN)/ksyms.c
	$(Q)$(CC) -std=gnu11 -O2 -ffreestanding -fno-pic -c -o $(BUILD_DIR)/kernel/gen/ksyms.o $(GEN)/ksyms.c
	$(call say,LINK)
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJ) $(BUILD_DIR)/kernel/gen/ksyms.o $(LIBGCC)
	@rm -f $@.1

# --- user mode --------------------------------------------------------------------------------------------------------
USER := $(BUILD_DIR)/user
NATIVE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-asynchronous-unwind-tables -mno-stack-arg-probe -fno-stack-protector \
	-fno-strict-aliasing -fno-omit-frame-pointer -mms-bitfields $(WARN) -Iinc/nt -I$(INC) -I.
WIN32_CFLAGS := -DMICA_WIN32 -std=gnu11 -O2 -g -fno-asynchronous-unwind-tables -fno-stack-protector -fno-strict-aliasing \
	-fno-omit-frame-pointer $(WARN) -Iinc/nt -I.

NTDLL_C := $(wildcard ntdll/*.c rtl/*.c)
NTDLL_ASM := $(wildcard ntdll/*.asm ntdll/i386/*.asm rtl/*.asm rtl/i386/*.asm)
NTDLL_OBJ := $(addprefix $(USER)/ntdll/,$(NTDLL_C:.c=.o) $(NTDLL_ASM:.asm=.o)) $(USER)/ntdll/gen/ntstubs.o $(USER)/ntdll/gen/upcase.o

$(USER)/ntdll/%.o: %.c Makefile | $(INC)/ntstatus.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(UCC) $(NATIVE_CFLAGS) -DMICA_NTDLL -MMD -MP -c -o $@ $<
$(USER)/ntdll/%.o: %.asm Makefile
	@mkdir -p $(@D)
	$(call say,NASM)
	$(Q)nasm -f win32 -DNTDLL -I$(dir $<) -Irtl/i386/ -MD $(@:.o=.d) -o $@ $<
$(USER)/ntdll/gen/%.o: $(GEN)/%.asm
	@mkdir -p $(@D)
	$(call say,NASM)
	$(Q)nasm -f win32 -DNTDLL -o $@ $<
$(USER)/ntdll/gen/%.o: $(GEN)/%.c Makefile | $(INC)/ntstatus.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(UCC) $(NATIVE_CFLAGS) -DMICA_NTDLL -c -o $@ $<
$(USER)/ntdll.dll: $(NTDLL_OBJ) ntdll/ntdll.def
	$(call say,LINK)
	$(Q)$(UCC) -shared -nostdlib -Wl,--image-base=0x77F00000 -Wl,--entry=0 -Wl,--enable-stdcall-fixup -Wl,--subsystem,native \
		-o $@ $(NTDLL_OBJ) ntdll/ntdll.def -lgcc

# A Win32 DLL: dll/<name>/*.c, <name>.def, base.txt (preferred base) and, if it needs more, build.mk with <name>_CFLAGS,
# <name>_LIBS, <name>_ENTRY.
DLLS := $(filter-out $(DLLS_OFF),$(patsubst dll/%/,%,$(wildcard dll/*/)))
-include $(wildcard dll/*/build.mk apps/*/build.mk)
define DLL_RULES
$(USER)/dll/$(1)/%.o: dll/$(1)/%.c Makefile $(wildcard dll/$(1)/build.mk)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$(UCC) $(WIN32_CFLAGS) $$($(1)_CFLAGS) -MMD -MP -c -o $$@ $$<
$(USER)/dll/$(1)/%.o: dll/$(1)/%.asm Makefile
	@mkdir -p $$(@D)
	$$(call say,NASM)
	$$(Q)nasm -f win32 -o $$@ $$<
$(USER)/$(1).dll: $(patsubst %.c,$(USER)/%.o,$(wildcard dll/$(1)/*.c)) $(patsubst %.asm,$(USER)/%.o,$(wildcard dll/$(1)/*.asm)) dll/$(1)/$(1).def $$($(1)_OBJ)
	$$(call say,LINK)
	$$(Q)$(UCC) -shared -nostdlib -Wl,--image-base=$$$$(cat dll/$(1)/base.txt) -Wl,--entry=$$(or $$($(1)_ENTRY),_DllMain@12) \
		-Wl,--enable-stdcall-fixup -o $$@ $$(filter %.o,$$^) dll/$(1)/$(1).def $$(or $$($(1)_LIBS),-lkernel32 -lntdll -lgcc)
endef
$(foreach d,$(DLLS),$(eval $(call DLL_RULES,$(d))))

# An application: apps/<name>/*.c. An ordinary console program unless build.mk says otherwise with <name>_CFLAGS, <name>_LDFLAGS.
APPS := $(patsubst apps/%/,%,$(wildcard apps/*/))
define APP_RULES
$(USER)/apps/$(1)/%.o: apps/$(1)/%.c Makefile $(wildcard apps/$(1)/build.mk) | $(INC)/ntstatus.h
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$(UCC) $$(or $$($(1)_CFLAGS),$(WIN32_CFLAGS)) -MMD -MP -c -o $$@ $$<
$(USER)/$(1).exe: $(patsubst %.c,$(USER)/%.o,$(wildcard apps/$(1)/*.c))
	$$(call say,LINK)
	$$(Q)$(UCC) -o $$@ $$^ $$($(1)_LDFLAGS)
endef
$(foreach a,$(APPS),$(eval $(call APP_RULES,$(a))))

SYSTEM32 := $(USER)/ntdll.dll $(DLLS:%=$(USER)/%.dll) $(APPS:%=$(USER)/%.exe)
ON_DISK := $(patsubst $(USER)/%,$(USER)/disk/%,$(SYSTEM32))

# What goes to the disk has no debugging sections; GDB reads them from the files in user/.
$(USER)/disk/%: $(USER)/%
	@mkdir -p $(@D)
	$(Q)$(MINGW)strip --strip-debug -o $@ $<

# The system disk: an MBR with one FAT32 partition that holds \WINDOWS\System32.
SYSTEM_DISK := $(BUILD_DIR)/c.img
$(SYSTEM_DISK): $(ON_DISK) tools/image.py
	$(call say,DISK)
	$(Q)python3 tools/image.py $@ 48 WINDOWS/TEMP= WINDOWS/System32=$(subst $() ,:,$(strip $(ON_DISK)))

# --- targets ----------------------------------------------------------------------------------------------------------
.PHONY: all kernel user clean help
all: $(KERNEL) $(SYSTEM_DISK)
kernel: $(KERNEL)
user: $(SYSTEM32)
clean:
	rm -rf build

-include $(wildcard tests/host/host.mk tools/front.mk)
-include $(shell find $(BUILD_DIR) -name '*.d' 2>/dev/null)
