# SPDX-License-Identifier: MIT
# The host ring: one program for each tests/host/{rtl,hal}/<topic>.c, linked with the files of rtl/ (and hal/) that need no kernel.
# HOST_TESTS lists them; `make host-tests` builds them. UBSan traps (no run-time library is linked).

HOST := $(BUILD_DIR)/host
HOST_CFLAGS := -std=gnu11 -O1 -g -ffreestanding -fshort-wchar -mms-bitfields -fno-strict-aliasing -fno-pic -fno-pie -static \
	-fno-stack-protector -fno-omit-frame-pointer -mno-sse -mno-mmx -fsanitize=undefined -fno-sanitize=alignment \
	-fsanitize-undefined-trap-on-error $(WARN) -Iinc/nt -Itests/host -I$(INC) -I.
HOST_RTL := mem string wstring format unistr compare upcase codepage oem utf8 integer nameexpr bitmap time image export sid random doserr
HOST_COMMON := $(HOST_RTL:%=$(HOST)/obj/rtl/%.o) $(HOST)/obj/gen/upcase.o $(HOST)/obj/tests/host/hosttest.o
HOST_SOURCES := $(wildcard tests/host/rtl/*.c tests/host/hal/*.c)
HOST_HAL := $(HOST)/obj/hal/acpi.o $(HOST)/obj/hal/madt.o $(HOST)/obj/hal/mptable.o
HOST_TESTS := $(HOST_SOURCES:tests/host/%.c=$(HOST)/%)

$(HOST)/obj/%.o: %.c Makefile tests/host/host.mk | $(INC)/ntstatus.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<
$(HOST)/obj/gen/upcase.o: $(GEN)/upcase.c | $(INC)/ntstatus.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) -c -o $@ $<
$(HOST_TESTS): $(HOST)/%: $(HOST)/obj/tests/host/%.o $(HOST_COMMON)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -nostdlib -static -no-pie -o $@ $^ $(LIBGCC)

$(HOST)/hal/tables: $(HOST_HAL)

.PHONY: host-tests
.SECONDARY: $(HOST_SOURCES:%.c=$(HOST)/obj/%.o)
host-tests: $(HOST_TESTS)

include tests/host/fat/fat.mk
