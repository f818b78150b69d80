# kernel32 defines what windows.h would otherwise import; memory and string routines come from ntdll.
kernel32_CFLAGS = -ffreestanding -D_KERNEL32_
# ntdll's own file: the SDK's import library has not all of its names.
kernel32_OBJ = $(USER)/ntdll.dll
kernel32_LIBS = $(USER)/ntdll.dll -lntdllcrt -lgcc
kernel32_ENTRY = _DllMainCRTStartup@12
