"""What a process can still do once it is confined, tried with arbitrary Python in the place of the engine."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import ctypes, json, mmap, os, signal, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from chalicelib.sandbox.child.confinement import CHANNEL, Confinement

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
parent = os.getppid()

def refused(result):
    if result in (-1, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "refused")
    return result

def system_call(number, *arguments):
    return refused(libc.syscall(number, *arguments))

ATTEMPTS = {
    "open a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "open the parent's environment": lambda: os.open(f"/proc/{parent}/environ", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/sandbox-escape", os.O_WRONLY | os.O_CREAT),
    "stat": lambda: os.stat("/etc/passwd"),
    "list": lambda: os.listdir("/"),
    "open a socket": lambda: socket.socket(),
    "open a unix socket": lambda: socket.socketpair(),
    "fork": lambda: os.fork(),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "start a thread": lambda: threading.Thread(target=int).start(),
    "signal the parent": lambda: os.kill(parent, signal.SIGTERM),
    "executable memory": lambda: refused(libc.mmap(None, 4096, 7, 0x22, -1, 0)),
    "make memory executable": lambda: refused(libc.mprotect(ctypes.c_void_p(libc.mmap(None, 4096, 3, 0x22, -1, 0)), 4096, 7)),
    "a lot of memory": lambda: refused(libc.mmap(None, 1 << 30, 3, 0x22, -1, 0)),
    "trace the parent": lambda: refused(libc.ptrace(16, parent, 0, 0)),
    "read the parent's memory": lambda: refused(libc.process_vm_readv(parent, None, 0, None, 0, 0)),
    "a pipe": lambda: os.pipe(),
    "duplicate": lambda: os.dup(CHANNEL),
    "unshare": lambda: refused(libc.unshare(0x10000000)),
    "io_uring": lambda: system_call(425, 1, None),
    "memfd": lambda: os.memfd_create("x"),
    "change user": lambda: os.setuid(0),
    "raise a limit": lambda: __import__("resource").setrlimit(7, (64, 64)),
    "change directory": lambda: os.chdir("/tmp"),
    "write elsewhere": lambda: os.write(1, b"x"),
    "kernel keys": lambda: system_call(250, 0, 0, 0, 0, 0),
    "bpf": lambda: system_call(321, 0, None, 0),
    "send a descriptor": lambda: socket.send_fds(socket.socket(fileno=CHANNEL), [b"x"], [CHANNEL]),
}

os.dup2(int(sys.argv[2]), CHANNEL)
os.closerange(CHANNEL + 1, 256)
held = Confinement().apply(2.0, 64 * 1024 * 1024)
did = []
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
        did.append(name)
    except (OSError, RuntimeError, ValueError):
        pass
os.write(CHANNEL, json.dumps({"held": held, "did": did, "tried": len(ATTEMPTS)}).encode())
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="filters of system calls are Linux'")
def test_a_process_that_was_taken_over_can_do_nothing_but_speak() -> None:
    read, write = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", PROBE, str(ROOT), str(write)]
    process = subprocess.run(command, pass_fds=(write,), env={}, timeout=30, capture_output=True, check=False)
    os.close(write)
    with open(read, "rb") as pipe:
        found = json.loads(pipe.read() or b"{}")

    assert process.returncode == 0, process.stderr
    if "seccomp" not in found["held"]:
        pytest.skip("this kernel allows no filter of system calls")
    assert found["tried"] == 28
    assert found["did"] == []
