# SPDX-License-Identifier: MIT
hostrun_LDFLAGS := -nostdlib -Wl,--entry=_Start -lkernel32 -lntdll -lgcc
