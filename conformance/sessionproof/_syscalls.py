"""The system calls that the gate stops: their numbers, where their paths and descriptors stand, and the filter.

Of the calls that only some use on files, the filter lets the others pass: standard input and output, seeks that do not
ask for a size, what `fcntl` and `ioctl` do beside locks and clones. `close`, `sendmsg` and `execve` are never stopped:
the launcher makes them behind the filter (`_gated.py`). io_uring would be seen by no filter, so there is none: whoever
asks for it gets ENOSYS, and does without.
"""

import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

AT_FDCWD = -100
SETLK, SETLKW = frozenset({6, 37}), frozenset({7, 38})
"""What `fcntl` takes to set a lock, without and with waiting: of a process, of an open file (fcntl(2))."""
GETLK = frozenset({5, 36})
"""What it takes to ask whether one could be set."""
_LOCKS = SETLK | SETLKW | GETLK
_CLONES = {0x40049409, 0x4020940D}
SLEEPS = frozenset({"nanosleep", "clock_nanosleep"})


@dataclass(frozen=True, slots=True)
class Syscall:
    """Where the arguments of a call stand.

    `paths` are pairs of the descriptor that a path starts from (None: the working folder) and the path; `files` are the
    descriptors of the files that it is about; `flags` is where those of an `open` stand.
    """

    name: str
    numbers: tuple[int | None, int | None]
    paths: tuple[tuple[int | None, int], ...] = ()
    files: tuple[int, ...] = ()
    flags: int | None = None


def _plain(name: str, x86: int, *paths: int, flags: int | None = None) -> Syscall:
    """A call that only x86_64 has: its paths start from the working folder."""
    return Syscall(name, (x86, None), tuple((None, path) for path in paths), flags=flags)


def _at(name: str, x86: int | None, arm: int | None, *paths: int, flags: int | None = None) -> Syscall:
    return Syscall(name, (x86, arm), tuple((path - 1, path) for path in paths), flags=flags)


def _on_file(name: str, x86: int, arm: int, *files: int) -> Syscall:
    return Syscall(name, (x86, arm), files=files or (0,))


SYSCALLS = (
    _plain("open", 2, 0, flags=1),
    _plain("creat", 85, 0),
    _at("openat", 257, 56, 1, flags=2),
    _at("openat2", 437, 437, 1),
    _plain("stat", 4, 0),
    _plain("lstat", 6, 0),
    _plain("access", 21, 0),
    _plain("readlink", 89, 0),
    _at("newfstatat", 262, 79, 1),
    _at("statx", 332, 291, 1),
    _at("faccessat", 269, 48, 1),
    _at("faccessat2", 439, 439, 1),
    _at("readlinkat", 267, 78, 1),
    _plain("rename", 82, 0, 1),
    _at("renameat", 264, 38, 1, 3),
    _at("renameat2", 316, 276, 1, 3),
    _plain("link", 86, 0, 1),
    _at("linkat", 265, 37, 1, 3),
    _plain("symlink", 88, 1),
    _at("symlinkat", 266, 36, 2),
    _plain("unlink", 87, 0),
    _at("unlinkat", 263, 35, 1),
    _plain("mkdir", 83, 0),
    _at("mkdirat", 258, 34, 1),
    _plain("rmdir", 84, 0),
    _plain("mknod", 133, 0),
    _at("mknodat", 259, 33, 1),
    Syscall("truncate", (76, 45), ((None, 0),)),
    _plain("chmod", 90, 0),
    _at("fchmodat", 268, 53, 1),
    _at("fchmodat2", 452, 452, 1),
    _plain("chown", 92, 0),
    _plain("lchown", 94, 0),
    _at("fchownat", 260, 54, 1),
    _plain("utime", 132, 0),
    _plain("utimes", 235, 0),
    _at("futimesat", 261, None, 1),
    _at("utimensat", 280, 88, 1),
    _on_file("read", 0, 63),
    _on_file("pread64", 17, 67),
    _on_file("readv", 19, 65),
    _on_file("preadv", 295, 69),
    _on_file("preadv2", 327, 286),
    _on_file("write", 1, 64),
    _on_file("pwrite64", 18, 68),
    _on_file("writev", 20, 66),
    _on_file("pwritev", 296, 70),
    _on_file("pwritev2", 328, 287),
    Syscall("getdents", (78, None), files=(0,)),
    _on_file("getdents64", 217, 61),
    _on_file("fstat", 5, 80),
    _on_file("lseek", 8, 62),
    _on_file("ftruncate", 77, 46),
    _on_file("fallocate", 285, 47),
    _on_file("fsync", 74, 82),
    _on_file("fdatasync", 75, 83),
    _on_file("sync_file_range", 277, 84),
    _on_file("syncfs", 306, 267),
    _on_file("fchmod", 91, 52),
    _on_file("fchown", 93, 55),
    _on_file("flock", 73, 32),
    _on_file("fcntl", 72, 25),
    _on_file("ioctl", 16, 29),
    _on_file("copy_file_range", 326, 285, 0, 2),
    _on_file("sendfile", 40, 71, 0, 1),
    Syscall("nanosleep", (35, 101)),
    Syscall("clock_nanosleep", (230, 115)),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture: the number that its calls carry in a filter, and the numbers of the calls that the kit makes."""

    audit: int
    column: int
    seccomp: int


MACHINES = {"x86_64": Machine(0xC000003E, 0, 317), "aarch64": Machine(0xC00000B7, 1, 277)}
PIDFD_GETFD, IO_URING_SETUP = 438, 425


def by_number(machine: Machine) -> dict[int, Syscall]:
    """The calls of an architecture by their numbers."""
    return {number: call for call in SYSCALLS if (number := call.numbers[machine.column]) is not None}


# linux/filter.h, linux/seccomp.h
_LOAD, _EQUAL, _GREATER, _AT_LEAST, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x06
_ALLOW, _NOTIFY, _REFUSE = 0x7FFF0000, 0x7FC00000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def program(machine: Machine) -> bytes:
    """The filter, as instructions of 8 bytes for seccomp(2)."""
    allow, notify = _instruction(_RETURN, _ALLOW), _instruction(_RETURN, _NOTIFY)
    parts = [
        _instruction(_LOAD, _ARCHITECTURE) + _instruction(_EQUAL, machine.audit, yes=1) + allow,
        _instruction(_LOAD, _NUMBER),
        _instruction(_EQUAL, IO_URING_SETUP, no=1) + _instruction(_RETURN, _REFUSE | errno.ENOSYS),
    ]
    for number, call in by_number(machine).items():
        match call.name:
            case "fcntl":
                told = _one_of(1, _LOCKS)
            case "ioctl":
                told = _one_of(1, _CLONES)
            case "lseek":
                told = _where(2, _AT_LEAST, os.SEEK_END)
            case _ if call.files:
                told = _where(0, _GREATER, 2)
            case _:
                told = notify
        parts.append(_instruction(_EQUAL, number, no=len(told) // 8) + told)
    return b"".join([*parts, allow])


def _where(argument: int, code: int, value: int) -> bytes:
    """Stop the call where the low half of an argument compares, let it pass otherwise."""
    return (
        _instruction(_LOAD, _ARGUMENTS + 8 * argument)
        + _instruction(code, value, no=1)
        + _instruction(_RETURN, _NOTIFY)
        + _instruction(_RETURN, _ALLOW)
    )


def _one_of(argument: int, values: Iterable[int]) -> bytes:
    return (
        _instruction(_LOAD, _ARGUMENTS + 8 * argument)
        + b"".join(_instruction(_EQUAL, value, no=1) + _instruction(_RETURN, _NOTIFY) for value in sorted(values))
        + _instruction(_RETURN, _ALLOW)
    )
