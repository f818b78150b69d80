# SPDX-License-Identifier: MIT
"""./mica lint: the rules of the house (docs/design.md, section 3), then the ordinary linters.

A rule that fails says file, line and what to do. Lengths are advice: they are printed, and only the absurd fails."""
import os
import re
import subprocess
import sys

from front import machine

# Which public and private prefixes a folder's global functions may have.
PREFIXES = {
    "ke": "Ke|Ki|Kf|Kef|Nt(Continue|RaiseException)$|HalRequestSoftwareInterrupt|HalClearSoftwareInterrupt|Kt|DbgPrint",
    "mm": "Mm|Mi|Nt", "ob": "Ob|Obp|Obf|Nt", "ps": "Ps|Psp|Nt", "se": "Se|Sep|Nt|Rtl", "io": "Io|Iop|Iof|Nt",
    "ex": "Ex|Exp|Nt|Ke(Initialize|Acquire|TryToAcquire|Release)GuardedMutex|Interlocked|ProbeFor|Phase1|Rtlp(Allocate|Free)Memory|Exf",
    "cc": "Cc", "hal": "Hal|Halp|Ke(QueryPerformanceCounter|StallExecutionProcessor)", "kd": "Kd|Kdp|DbgPrint|vDbgPrint",
    "boot": "Boot|Ki|Ke|_start|start", "rtl": "Rtl|Rtlp|Seh|_?[a-z]",
}
PRIVATE_HEADERS = {"ki.h": "ke", "mi.h": "mm", "obp.h": "ob", "psp.h": "ps", "sep.h": "se", "iop.h": "io", "exp.h": "ex", "ccp.h": "cc",
                   "halp.h": "hal", "kdp.h": "kd", "rtlp.h": "rtl", "bootp.h": "boot"}
FILE_LINES, FUNCTION_LINES = 650, 100


def tracked(*patterns):
    out = subprocess.run(["git", "-C", machine.ROOT, "ls-files", "-co", "--exclude-standard", *patterns], capture_output=True,
                         text=True, check=True).stdout.split()
    return [name for name in out if os.path.exists(os.path.join(machine.ROOT, name))]


def lines_of(name):
    with open(os.path.join(machine.ROOT, name), encoding="utf-8") as file:
        return file.read().splitlines()


def check_headers(name, lines, complain):
    folder = name.split("/")[0]
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*["<](?:.*/)?([\w.]+)[">]', line)
        if not match:
            continue
        owner = PRIVATE_HEADERS.get(match.group(1))
        if owner == "rtl" and folder == "ntdll":
            continue  # ntdll is built from both folders
        if owner and folder not in (owner, "tests", "tools") and not name.startswith(f"tests/kernel/{owner}"):
            complain(name, number, f"includes {match.group(1)}, which is private to {owner}/")
        if name.startswith("inc/nt/") and re.search(r"ntos|ke\.h|mm\.h$", line) and "ntke" not in line and "ntmm" not in line:
            complain(name, number, "inc/nt/ must not include inc/ntos/")


def check_text(name, lines, complain):
    mark = {".asm": ";", ".inc": ";"}.get(os.path.splitext(name)[1], "//")
    if not lines or not lines[0].startswith(f"{mark} SPDX-License-Identifier: MIT"):
        complain(name, 1, "the first line is not the licence")
    elif len(lines) < 2 or not lines[1].startswith(mark):
        complain(name, 2, "does not say what lives in this file")
    if len(lines) > FILE_LINES:
        complain(name, FILE_LINES, f"{len(lines)} lines: make it two rooms")
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            complain(name, number, "an unfinished mark: finish it, or make it a row in docs/status.md")
        if len(line) > 120 and not re.search(r"https?://|\.md", line):
            complain(name, number, f"{len(line)} columns")


def check_functions(name, lines, complain):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start > FUNCTION_LINES:
                complain(name, start, f"a function of {number - start} lines")
            start = None


def check_paged_bodies(name, lines, complain):
    """A section object is paged: nobody looks into it between MiLockPfn and MiUnlockPfn."""
    bodies, locked = set(), False
    for number, line in enumerate(lines, 1):
        if line == "}":
            bodies, locked = set(), False
        bodies.update(re.findall(r"\bPSECTION (\w+)", line))
        locked = (locked or "MiLockPfn()" in line) and "MiUnlockPfn(" not in line
        for body in bodies:
            if locked and re.search(rf"\b{body}->", line):
                complain(name, number, f"touches {body}, which is paged, with the PFN lock held")


def check_prefixes(complain):
    """The folder is the prefix: from the object files, so that macros cannot hide a name."""
    root = os.path.join(machine.build_dir(), "kernel")
    for folder, allowed in PREFIXES.items():
        for where, _, files in os.walk(os.path.join(root, folder)):
            for file in files:
                if not file.endswith(".o"):
                    continue
                path = os.path.join(where, file)
                source = os.path.relpath(path, root)[:-2]
                names = subprocess.run(["i686-linux-gnu-nm", "--defined-only", "-g", path], capture_output=True, text=True).stdout
                for symbol in re.findall(r" T (\S+)", names):
                    if not re.match(allowed, symbol):
                        complain(source, 1, f"defines {symbol}: not a name of {folder}/")


def run_tool(title, command):
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True)
    text = (done.stdout + done.stderr).strip()
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {title}", flush=True)
    if done.returncode != 0:
        print("\n".join("     " + line for line in text.splitlines()[:40]))
    return done.returncode == 0


def main(_arguments):
    machine.ensure_built()
    problems = []

    def complain(name, number, text):
        problems.append(f"{name}:{number}: {text}")

    sources = tracked("*.c", "*.h", "*.asm", "*.inc")
    for name in sources:
        lines = lines_of(name)
        check_headers(name, lines, complain)
        check_text(name, lines, complain)
        check_functions(name, lines, complain)
        check_paged_bodies(name, lines, complain)
    check_prefixes(complain)
    print(f"{'FAIL' if problems else 'ok  '} structure ({len(sources)} files)")
    for problem in problems[:60]:
        print("     " + problem)
    c_files = [name for name in sources if name.endswith((".c", ".h"))]
    kernel = [name for name in c_files if name.endswith(".c") and name.split("/")[0] in PREFIXES]
    shell = tracked("*.sh", ".ci/run")
    python = tracked("*.py", "mica")
    good = [not problems,
            run_tool("clang-format", ["clang-format", "--dry-run", "-Werror", *c_files]),
            run_tool("cppcheck", ["cppcheck", "--quiet", "--error-exitcode=1", "--std=c11", "--platform=unix32", "-j2", "-DMICA_KERNEL",
                                  "--inline-suppr", "--suppress=nullPointerRedundantCheck", "--suppress=unknownMacro",
                                  "--suppress=syntaxError", *kernel]),
            run_tool("shellcheck", ["shellcheck", *shell]),
            run_tool("flake8", ["flake8", "--max-line-length=130", "--extend-ignore=E203,W503,W504,E501", *python])]
    sys.stdout.flush()
    return 0 if all(good) else 1
