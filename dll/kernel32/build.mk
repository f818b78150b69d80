# kernel32 defines what windows.h would otherwise import; memory and string routines come from ntdll.
kernel32_CFLAGS = -ffreestanding -D_KERNEL32_
kernel32_LIBS = -lntdll -lntdllcrt -lgcc
kernel32_ENTRY = _DllMainCRTStartup@12
