# The C library: our thin layer over kernel32, with mingw-w64's static libmingwex for formatting, scanning and mathematics.
# _CRTIMP is emptied because the headers' imports are defined here; loops must not become calls to the function they define.
msvcrt_CFLAGS = -D_CRTIMP= -D_CRTBLD -D__USE_MINGW_ANSI_STDIO=0 -fno-builtin -fno-tree-loop-distribute-patterns -Wno-attributes
msvcrt_LIBS = -lmingwex -lkernel32 -lgcc
msvcrt_ENTRY = _DllMainCRTStartup@12
