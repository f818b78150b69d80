# SPDX-License-Identifier: MIT
"""One QEMU machine: its command line, its channels to the host, its verdict.

Channels: COM1 is the kernel's log (a file), COM2 the program's raw standard output and input (a socket), port E9 carries
records for us, one a line ("test ke.x pass", "exit 3", "bugcheck 0000000A ..."), port F4 ends the machine with a verdict.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# What QEMU exits with for the verdicts of inc/ntos/hal.h: (value << 1) | 1. Its own 0 is never a pass.
PASS, FAIL, BUGCHECK, HANG, DONE = 33, 35, 37, 39, 41
default_realtime = False  # --realtime: processors that run at the same time, not in turns under virtual time
default_cpus = 1  # of a machine that nobody gives a number: --cpus of ./mica test and ./mica check
VERDICTS = {PASS: "pass", FAIL: "fail", BUGCHECK: "bugcheck", HANG: "hang", DONE: "done"}


def build_dir(build=None):
    return os.path.join(ROOT, "build", build or os.environ.get("BUILD", "checked"))


def ensure_built(build=None, quiet=True):
    """Runs make; silent when there is nothing to do. Raises SystemExit with make's own output on failure."""
    command = ["make", "-C", ROOT, "--no-print-directory", "-j2", f"BUILD={build or os.environ.get('BUILD', 'checked')}", "all"]
    if subprocess.run(command + ["-q"], capture_output=True).returncode == 0:
        return
    print("mica: building ...", file=os.sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.DEVNULL if quiet else None)
    if done.returncode != 0:
        raise SystemExit(f"mica: the build failed: run `make BUILD={build or 'checked'}` to see why")


class Machine:
    """Starts and ends one QEMU. Use as a context manager: the folder with logs and disks goes away at the end
    unless keep is set."""

    def __init__(self, options="", memory=256, cpus=None, seed=0, realtime=False, disks=(), build=None, cpu="max",
                 kernel=None, extra=(), keep=None, qmp=False, cdrom=None):
        self.folder = keep or tempfile.mkdtemp(prefix="mica-")
        self.temporary = keep is None
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "kernel.log")
        self.records_path = os.path.join(self.folder, "host.txt")
        self.kernel = kernel or os.path.join(build_dir(build), "mica.elf")
        self.options, self.memory, self.seed, self.realtime = options, memory, seed, realtime or default_realtime
        self.cpus = cpus or default_cpus
        self.disks, self.cpu, self.extra, self.cdrom = list(disks), cpu, list(extra), cdrom
        self.qmp_path = os.path.join(self.folder, "qmp") if qmp else None
        self.memory_file = None  # where the machine's memory is, also when it has ended
        self.process = None
        self.program, far = socket.socketpair()
        self.far = far

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def command(self):
        line = ["qemu-system-i386", "-accel", "tcg", "-machine", "pc", "-cpu", self.cpu, "-m", str(self.memory),
                "-smp", str(self.cpus), "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none",
                "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                "-chardev", f"file,id=log,path={self.log}", "-serial", "chardev:log",
                "-chardev", f"socket,id=program,fd={self.far.fileno()}", "-serial", "chardev:program",
                "-chardev", f"file,id=host,path={self.records_path}", "-device", "isa-debugcon,iobase=0xe9,chardev=host"]
        if self.realtime:
            line += ["-rtc", "base=utc"]
        else:
            line += ["-icount", f"shift={self.seed},sleep=off", "-rtc", "base=2024-01-01,clock=vm"]
        if self.memory_file:
            line += ["-object", f"memory-backend-file,id=memory,size={self.memory}M,mem-path={self.memory_file},share=on",
                     "-machine", "memory-backend=memory"]
        if self.qmp_path:
            line += ["-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        if self.cdrom:
            line += ["-cdrom", self.cdrom, "-boot", "d"]
        else:
            disk = "" if self.realtime else "/SYNCDISK "  # no virtual time for disk transfers: drivers/atapi/dma.c
            line += ["-kernel", self.kernel, "-append", f"/HOSTPORT {disk}{self.options}".strip()]
        for index, (path, snapshot) in enumerate(self.disks):
            line += ["-drive", f"file={path},format=raw,if=ide,index={index},snapshot={'on' if snapshot else 'off'}"]
        return line + self.extra

    def start(self):
        self.process = subprocess.Popen(self.command(), pass_fds=[self.far.fileno()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.far.close()
        return self

    def wait(self, timeout):
        """QEMU's exit code, or None when the time is up (the machine is then stopped)."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for end in (self.program, self.far):
            try:
                end.close()
            except OSError:
                pass

    def records(self):
        try:
            with open(self.records_path, encoding="utf-8", errors="replace") as lines:
                return [line.rstrip("\r\n") for line in lines]
        except FileNotFoundError:
            return []

    def log_text(self):
        try:
            with open(self.log, "rb") as data:
                return data.read().decode("utf-8", "replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def bugcheck_block(self):
        """What the kernel printed from *** STOP on, or the end of its log."""
        text = self.log_text()
        start = text.rfind("*** STOP")
        return text[start:].strip() if start >= 0 else "\n".join(text.splitlines()[-15:])

    def qemu_error(self):
        return self.process.stderr.read().decode("utf-8", "replace").strip() if self.process.stderr else ""


def pump_output(machine, sink):
    """Copies COM2 to sink (a callable taking bytes) until the machine is gone; returns the thread."""
    def loop():
        while True:
            try:
                data = machine.program.recv(65536)
            except OSError:
                return
            if not data:
                return
            sink(data)
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread


def wait_for(condition, timeout, interval=0.02):
    """Polls until condition() is true; False when the time is up."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(interval)
    return False
