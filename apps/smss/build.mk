# SPDX-License-Identifier: MIT
# smss is a native program: ntdll is all there is when it starts.
smss_CFLAGS := $(NATIVE_CFLAGS)
smss_LDFLAGS := -nostdlib -Wl,--subsystem,native -Wl,--entry=_NtProcessStartup@4 -lntdll -lntdllcrt -lgcc
