# SPDX-License-Identifier: MIT
# FAT's part of the host ring: fat_pure, the code that only looks at bytes, natively; fat_driver, the whole driver and cache
# manager in a simulated kernel (a 32-bit program). Both under ASan and UBSan.

FAT_HOST := $(HOST)/fat
FAT_PURE := $(addprefix drivers/fastfat/,bpb.c name.c alias.c lfn.c stamp.c freemap.c)
FAT_SIM := $(addprefix tests/host/fat/,simkernel.c simmm.c simio.c simcache.c simcheck.c model.c power.c test_driver.c) $(wildcard drivers/fastfat/*.c cc/*.c) \
	rtl/nameexpr.c rtl/oem.c
FAT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FAT_LIB := $(patsubst %/,%,$(dir $(shell $(CC) -print-file-name=ld-linux.so.2 2>/dev/null)))
FAT_HEADERS := $(wildcard drivers/fastfat/*.h cc/*.h inc/*/*.h tests/host/fat/*.h)
HOST_TESTS += $(FAT_HOST)/fat_pure $(FAT_HOST)/fat_driver

$(FAT_HOST)/fat_pure: tests/host/fat/test_fat.c $(FAT_PURE) tests/host/fat/fathost.h drivers/fastfat/fatdisk.h
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)gcc -std=gnu11 -g -O1 $(WARN) $(FAT_SANITIZE) -DMICA_HOST -Itests/host/fat -I. $(filter %.c,$^) -o $@

$(FAT_HOST)/fat_driver: tests/host/fat/driver.sh $(FAT_HOST)/fat_sim
	$(Q)cp $< $@ && chmod +x $@

$(FAT_HOST)/seh.o: rtl/i386/seh.asm
	@mkdir -p $(@D)
	$(Q)nasm -f elf32 $< -o $@
# Its fault handler is the host's C: no header of ours.
$(FAT_HOST)/simfault.o: tests/host/fat/simfault.c
	@mkdir -p $(@D)
	$(Q)$(CC) -c -std=gnu11 -O1 -g $(WARN) $< -o $@
$(FAT_HOST)/fat_sim: $(FAT_SIM) $(FAT_HOST)/seh.o $(FAT_HOST)/simfault.o $(FAT_HEADERS) | $(INC)/ntstatus.h $(INC)/bugcodes.h
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -DMICA_KERNEL -DMICA_CHECKED -DMICA_SIMULATED_KERNEL -std=gnu11 -O1 -g -fshort-wchar -mms-bitfields -fno-omit-frame-pointer -fno-strict-aliasing \
		-fno-builtin-printf -fno-builtin-fread -fno-builtin-fwrite -fno-builtin-snprintf -fno-builtin-vprintf $(WARN) $(FAT_SANITIZE) \
		-Iinc/nt -Iinc/ntos -I$(INC) -I. -Itests/host/fat -z noexecstack \
		-Wl,-dynamic-linker,$(FAT_LIB)/ld-linux.so.2 -Wl,--disable-new-dtags,-rpath,$(FAT_LIB) $(filter %.c %.o,$^) -o $@

host-tests: $(FAT_HOST)/fat_pure $(FAT_HOST)/fat_driver
