# SPDX-License-Identifier: MIT
"""./mica run: output byte for byte, exit codes, input, files in and out, and what bad input gets."""
import os
import struct
import subprocess
import sys
import time

from front import check, machine, run

HELLO = '#include <stdio.h>\nint main(void) { printf("Hello, world!\\n"); return 0; }\n'


def program(folder, name, text, flags=()):
    path = os.path.join(folder, name + ".c")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return check.compile_program(folder, [path], flags=flags)


def mica_run(*arguments, stdin=b"", timeout=120):
    return subprocess.run([sys.executable, os.path.join(machine.ROOT, "mica"), "run", *arguments], input=stdin, capture_output=True,
                          timeout=timeout)


def test_exit_code_and_both_streams():
    with check.scratch() as folder:
        path = program(folder, "code", '#include <stdio.h>\nint main(void) { fputs("out\\n", stdout); fflush(stdout); '
                       'fputs("err\\n", stderr); return 300; }\n')
        done = mica_run(path)
    assert done.returncode == 300 & 0xFF, f"exit code {done.returncode}: {done.stderr.decode()}"
    assert done.stdout == b"out\r\nerr\r\n", done.stdout


def test_binary_output_byte_for_byte():
    with check.scratch() as folder:
        path = program(folder, "bytes", '#include <stdio.h>\n#include <fcntl.h>\n#include <io.h>\nint main(void) { _setmode(1, _O_BINARY); '
                       'for (int i = 0; i < 4096; i++) putchar(i & 255); return 0; }\n')
        done = mica_run(path)
    assert done.stdout == bytes(index & 255 for index in range(4096)), f"{len(done.stdout)} bytes, exit code {done.returncode}"


def test_standard_input_and_its_end():
    with check.scratch() as folder:
        path = program(folder, "upper", '#include <stdio.h>\n#include <ctype.h>\nint main(void) { int c; '
                       'while ((c = getchar()) != EOF) putchar(toupper(c)); return 7; }\n')
        done = mica_run(path, stdin=b"one\r\ntwo\r\n")
    assert (done.returncode, done.stdout) == (7, b"ONE\r\nTWO\r\n"), (done.returncode, done.stdout, done.stderr)


def test_files_in_and_out():
    with check.scratch() as folder:
        path = program(folder, "copy", '#include <stdio.h>\nint main(void) { char b[64]; FILE *i = fopen("given.txt", "rb"), '
                       '*o = fopen("left.txt", "wb"); if (!i || !o) return 1; fwrite(b, 1, fread(b, 1, 64, i), o); return fclose(o); }\n')
        given, out = os.path.join(folder, "given.txt"), os.path.join(folder, "out")
        with open(given, "wb") as file:
            file.write(b"from the host")
        done = mica_run("--with", given, "--out", out, path)
        assert done.returncode == 0, done.stderr.decode()
        assert os.listdir(out) == ["left.txt"], os.listdir(out)
        with open(os.path.join(out, "left.txt"), "rb") as file:
            assert file.read() == b"from the host"


def test_hello_is_quick():
    """Not a timed test: it prints what the target of 3 s is compared with, and asserts only that it ran."""
    with check.scratch() as folder:
        path = program(folder, "hello", HELLO)
        begin = time.monotonic()
        done = mica_run(path)
        print(f"     hello.exe start to exit: {time.monotonic() - begin:.2f} s (target 3)", flush=True)
    assert done.returncode == 0 and done.stdout == b"Hello, world!\r\n", (done.returncode, done.stderr)


def refused(data, folder, words=()):
    path = os.path.join(folder, "bad.exe")
    with open(path, "wb") as file:
        file.write(data)
    done = mica_run(path)
    text = done.stderr.decode()
    assert done.returncode == 126, f"expected exit code 126, got {done.returncode}: {text}"
    for word in words:
        assert word.lower() in text.lower(), f"'{word}' is not in: {text}"


def hello_bytes(folder):
    with open(program(folder, "hello", HELLO), "rb") as file:
        return bytearray(file.read())


def test_truncated_images_are_refused():
    with check.scratch() as folder:
        data = hello_bytes(folder)
        for length in (0, 1, 63, 64, 200, 1000):
            refused(data[:length], folder)


def test_64_bit_image_is_refused():
    with check.scratch() as folder:
        data = hello_bytes(folder)
        header = struct.unpack_from("<I", data, 60)[0]
        struct.pack_into("<H", data, header + 4, 0x8664)
        refused(data, folder, ["error 216", "64-bit"])


def test_missing_dll_is_named():
    with check.scratch() as folder:
        library = os.path.join(folder, "gone.c")
        with open(library, "w", encoding="ascii") as file:
            file.write("__declspec(dllexport) int gone(void) { return 1; }\n")
        check.compile_program(folder, [library], "gone.dll", ["-shared", f"-Wl,--out-implib,{folder}/libgone.a"])
        path = program(folder, "needs", "int gone(void);\nint main(void) { return gone(); }\n", [f"-L{folder}", "-lgone"])
        done = mica_run(path)
    assert done.returncode == 126 and b"gone.dll" in done.stderr.lower(), (done.returncode, done.stderr)


def test_missing_export_is_named():
    with check.scratch() as folder:
        for text in ("__declspec(dllexport) int wanted(void) { return 1; }\n", "__declspec(dllexport) int other(void) { return 1; }\n"):
            library = os.path.join(folder, "half.c")
            with open(library, "w", encoding="ascii") as file:
                file.write(text)
            half = check.compile_program(folder, [library], "half.dll", ["-shared"] + (
                [f"-Wl,--out-implib,{folder}/libhalf.a"] if "wanted" in text else []))
        path = program(folder, "needs", "int wanted(void);\nint main(void) { return wanted(); }\n", [f"-L{folder}", "-lhalf"])
        done = mica_run("--with", half, path)
    assert done.returncode == 126 and b"wanted" in done.stderr, (done.returncode, done.stderr)


CRITICAL = """#include <windows.h>
LONG NTAPI NtSetInformationProcess(HANDLE, ULONG, PVOID, ULONG);
int main(void)
{
    ULONG critical = 1; /* ProcessBreakOnTermination: the system cannot live without this process */
    return NtSetInformationProcess(GetCurrentProcess(), 29, &critical, sizeof(critical)) == 0 ? 0 : 5;
}
"""


def test_a_bugcheck_gives_125():
    with check.scratch() as folder:
        path = program(folder, "critical", CRITICAL, ["-lntdll"])
        code, message, _ = run.execute(path, [], boot="/BREAKONTERMINATION")
        assert code == 125, f"exit code {code}: {message}"
        for word in ("STOP: 0x000000F4", "NtTerminateProcess"):
            assert word in message, f"'{word}' is not in: {message}"
        done = mica_run(path)
        assert done.returncode == 5, f"without the boot option: exit code {done.returncode}: {done.stderr.decode()}"


def test_a_hung_program_gives_124():
    with check.scratch() as folder:
        path = program(folder, "hang", "int main(void) { for (;;) ; }\n")
        done = mica_run("--timeout", "8", path)
    assert done.returncode == 124, (done.returncode, done.stderr)


def test_no_such_file():
    done = mica_run("/nonexistent/x.exe")
    assert done.returncode == 126, (done.returncode, done.stderr)


def test_free_build_runs_the_same_programs():
    """Assertions that do work, or work that only assertions need, would part the two builds."""
    machine.ensure_built("free")
    output = []
    with check.scratch() as folder:
        for name in ("storm", "virtual"):
            path = check.compile_program(folder, [os.path.join(machine.ROOT, "tests", "user", name + ".c")], flags=["-lntdll"])
            code, message, _ = run.execute(path, [], sink=output.append, build="free")
            assert code == 0, f"{name}: exit code {code}, {message}\n{b''.join(output).decode(errors='replace')}"
