# SPDX-License-Identifier: MIT
# What a person types. Each target installs what is missing, builds, and hands over to ./mica.

.PHONY: host-list setup run check chaos paging big model powercut lint bench bochs iso fmt
setup:
	@tools/setup.sh
run: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@./mica boot
check: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@./mica check
chaos: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@./mica chaos
paging: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@MICA_PAGING=1 ./mica check --ring user --only paging
big: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@MICA_BIG=1 ./mica check --ring user --only memory_beyond
model: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@./mica model
powercut: setup
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@./mica powercut
bench: setup
	@./mica bench
bochs:
	@tools/setup.sh bochs
	@./mica bochs
iso: setup
	@./mica iso
lint:
	@tools/setup.sh lint
	@./mica lint
fmt:
	@clang-format -i $(shell git ls-files '*.c' '*.h')
host-list:
	@printf '%s\n' $(HOST_TESTS) $(wildcard tests/host/*/build.sh)
help:
	@sed -n 's/^# \?//;2,3p' Makefile
	@echo 'make run | check | lint | bench | bochs | iso | clean; ./mica help for the rest'
