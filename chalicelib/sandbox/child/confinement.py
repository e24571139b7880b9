"""Takes from a process what it does not need. Each measure is tried by itself; what held is reported, none is required.

Prepared before the fork, so that after it only system calls remain.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import struct
import sys

CHANNEL = 3
"""The one open descriptor of a confined process that leads anywhere."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 4, 38, 22
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9
_NOBODY = 65534
_PROT_EXEC = 4
_HEADROOM_BYTES = 64 * 1024 * 1024
_CPU_GRACE_SECONDS = 2  # the engine's own limit comes first, and can say what happened

# Numbers of system calls: those on the channel, those that map memory, and those that are harmless.
_CALLS = {
    # AUDIT_ARCH; read, write; mmap, mprotect; poll (x86 alone), ppoll, munmap, brk, rt_sigaction, rt_sigprocmask,
    # rt_sigreturn, sched_yield, mremap, madvise, exit, gettimeofday, getrusage, futex, restart_syscall, clock_gettime,
    # exit_group, getrandom.
    "x86_64": (
        0xC000003E, (0, 1), (9, 10),
        (7, 271, 11, 12, 13, 14, 15, 24, 25, 28, 60, 96, 98, 202, 219, 228, 231, 318),
    ),
    "aarch64": (
        0xC00000B7, (63, 64), (222, 226),
        (73, 215, 214, 134, 135, 139, 124, 216, 233, 93, 169, 165, 98, 128, 113, 94, 278),
    ),
}  # fmt: skip


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class Confinement:
    """Build before the fork, `apply` in the child."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._program = _program(os.uname().machine)
        self._buffer = ctypes.create_string_buffer(self._program, len(self._program)) if self._program else None
        self._resident = _address_space()

    def apply(self, cpu_seconds: float, memory_bytes: int) -> list[str]:
        """The measures that held."""
        held = ["process"]
        self._prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        if self._leave_root():
            held.append("own_user")
        # After leaving root, whom a bound on processes does not bind.
        if self._limit(cpu_seconds, memory_bytes):
            held.append("rlimits")
        self._prctl(_PR_SET_DUMPABLE, 0)
        # Without it nobody but root may install a filter.
        if self._prctl(_PR_SET_NO_NEW_PRIVS, 1):
            held.append("no_new_privs")
        # Last, as it refuses the calls of the measures before it.
        if self._filter():
            held.append("seccomp")
        return held

    def _prctl(self, option: int, value: int, pointer: object = None) -> bool:
        return self._libc is not None and self._libc.prctl(option, value, pointer or 0, 0, 0) == 0

    def _leave_root(self) -> bool:
        """As root, files and processes of everybody would be in reach of an engine that was taken over."""
        if os.geteuid() != 0:
            return False
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        except (OSError, AttributeError):
            return False
        # Changing the user clears it.
        return self._prctl(_PR_SET_PDEATHSIG, _SIGKILL)

    def _limit(self, cpu_seconds: float, memory_bytes: int) -> bool:
        cpu = math.ceil(cpu_seconds) + _CPU_GRACE_SECONDS
        wanted = [
            (resource.RLIMIT_CPU, cpu),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, CHANNEL + 1),
            (resource.RLIMIT_NPROC, 0),
            (resource.RLIMIT_AS, self._resident + memory_bytes + _HEADROOM_BYTES),
        ]
        held = True
        for which, most in wanted:
            try:
                resource.setrlimit(which, (most, most))
            except (OSError, ValueError):
                held = False
        return held

    def _filter(self) -> bool:
        if self._buffer is None:
            return False
        program = _Filter(len(self._program) // 8, ctypes.cast(self._buffer, ctypes.c_void_p))
        return self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 512 * 1024 * 1024


def _program(machine: str) -> bytes:
    """A filter that allows the calls above and refuses every other one with EPERM; empty where they are not known.

    Reading and writing is for the channel alone, and memory that is mapped or changed can never be executed.
    """
    if machine not in _CALLS:
        return b""
    architecture, on_channel, mapping, harmless = _CALLS[machine]
    # Instructions of classic BPF: load a word, jump if equal, jump if any of these bits is set, return.
    load, equal, any_of, give = 0x20, 0x15, 0x45, 0x06
    # The second is SECCOMP_RET_ERRNO with EPERM (1).
    allow, refuse, kill = 0x7FFF0000, 0x00050001, 0x80000000
    # Offsets in `struct seccomp_data`; of an argument the low half, which comes first on these machines.
    number, arch, first_argument, third_argument = 0, 4, 16, 32
    steps = [(load, 0, 0, arch), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, number)]
    # Both ways through a block that a call enters end the filter, so the next block finds the number still loaded.
    for call in on_channel:
        steps += [
            (equal, 0, 4, call),
            (load, 0, 0, first_argument),
            (equal, 0, 1, CHANNEL),
            (give, 0, 0, allow),
            (give, 0, 0, refuse),
        ]
    for call in mapping:
        steps += [
            (equal, 0, 4, call),
            (load, 0, 0, third_argument),
            (any_of, 1, 0, _PROT_EXEC),
            (give, 0, 0, allow),
            (give, 0, 0, refuse),
        ]
    for call in harmless:
        steps += [(equal, 0, 1, call), (give, 0, 0, allow)]
    steps.append((give, 0, 0, refuse))
    return b"".join(struct.pack("HBBI", *step) for step in steps)
