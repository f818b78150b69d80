# SPDX-License-Identifier: MIT
# cmd needs kernel32 alone: it must start where memory is scarce.
cmd_LDFLAGS := -nostdlib -Wl,--entry=_Start -lkernel32 -lgcc
