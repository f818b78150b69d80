# SPDX-License-Identifier: MIT
"""./mica memmap: the picture's data against the kernel's counters, and a program's regions against what it has made."""
import json
import os
import subprocess
import sys
import xml.etree.ElementTree

from front import check, machine

PAGES = 96
PROGRAM = """#include <windows.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    char *memory = VirtualAlloc(NULL, 4 << 20, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE file = CreateFileA("D:\\\\mapped.bin", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL), map;
    volatile char *view;
    map = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 1 << 20, NULL);
    view = MapViewOfFile(map, FILE_MAP_ALL_ACCESS, 0, 0, 0);
    memset(memory, 7, %d * 4096);
    view[0] = 1;
    printf("at %%p %%p shown\\n", memory, view);
    fflush(stdout);
    Sleep(60000);
    return 0;
}
""" % PAGES


def memmap(folder, *options):
    """Runs the command: (what it printed, its data, its picture)."""
    data, picture = os.path.join(folder, "map.json"), os.path.join(folder, "map.svg")
    done = subprocess.run([sys.executable, os.path.join(machine.ROOT, "mica"), "memmap", "--json", data, "--out", picture, *options],
                          capture_output=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr.decode()
    with open(data, encoding="utf-8") as file:
        return done.stdout.decode(), json.load(file), xml.etree.ElementTree.parse(picture)


def check_frames(data):
    totals = data["totals"]
    assert len(data["frames"]) == data["physical"] == sum(totals.values()), totals
    assert [number for number, _ in data["frames"]] == sorted({number for number, _ in data["frames"]}), "frames are not in order"
    available = sum(totals.get(kind, 0) for kind in ("zeroed", "free", "standby"))
    assert available == data["available"], f"{available} frames on lists, the kernel counts {data['available']}"
    for kind in ("kernel code", "kernel data", "frame database", "nonpaged pool", "paged pool", "page tables", "processes", "files"):
        assert totals.get(kind), f"no frame is '{kind}': {totals}"


def test_machine_at_the_prompt_adds_up():
    with check.scratch() as folder:
        _, data, picture = memmap(folder, "--mem", "64")
        check_frames(data)
        assert data["process"]["name"] == "cmd.exe", data["process"]["name"]
        legend = [node for node in picture.iter() if node.get("class") == "legend"]
        assert len(legend) == len(data["totals"])


def test_program_finds_its_memory_in_the_picture():
    with check.scratch() as folder:
        source = os.path.join(folder, "shown.c")
        with open(source, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        out, data, _ = memmap(folder, "--mem", "64", "--when", "shown", check.compile_program(folder, [source]))
        check_frames(data)
        memory, view = (int(word, 16) for word in out.split("at ")[1].split()[:2])
        regions = {region["start"]: region for region in data["process"]["regions"]}
        private = [count for _, count, state in regions[memory]["pages"] if state == "private"]
        assert regions[memory]["kind"] == "private" and sum(private) == PAGES, regions[memory]
        assert regions[memory]["end"] - memory + 1 == 4 << 20
        mapped = regions[view]
        assert mapped["kind"] == "mapped file" and mapped["file"].endswith("mapped.bin"), mapped
        assert mapped["pages"][0] == [0, 1, "shared"], mapped
        assert any(region["kind"] == "image" and "ntdll" in region["file"].lower() for region in regions.values())


def test_machine_with_three_gigabytes_of_user_space_adds_up():
    with check.scratch() as folder:
        check_frames(memmap(folder, "--mem", "64", "--boot", "/3GB")[1])


def test_memory_of_another_kernel_is_refused():
    with check.scratch() as folder:
        path = os.path.join(folder, "zeros")
        with open(path, "wb") as file:
            file.truncate(16 << 20)
        done = subprocess.run([sys.executable, os.path.join(machine.ROOT, "mica"), "memmap", "--memory", path],
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 1 and b"another kernel" in done.stderr, done.stderr
