"""A write over several pages, made in two halves: on ext4 and btrfs a reader may come between them.

Linux holds the lock of a file's inode for as long as a write lasts, so another write waits; a read through the page
cache takes no such lock there (spec/interleavings.md). The writer is held until the second half is made, and is then
told of one write.
"""

import contextlib
import os
import stat
from dataclasses import dataclass
from itertools import pairwise

from sessionproof import _notices
from sessionproof._footprints import Footprint
from sessionproof._gate import GatedProcess, Held
from sessionproof._locks import Inode

PAGE = 4096
_WRITES = frozenset({"write", "pwrite64"})
_NAMING = frozenset({"unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat"})
"""They take the lock of a file that they name (Documentation/filesystems/locking.rst)."""
_ALWAYS_WAIT = frozenset({"fsync", "fdatasync", "sync_file_range", "syncfs", "copy_file_range", "ioctl"})
"""Some file systems take the lock for them; nothing that a reader finds depends on them."""


@dataclass(frozen=True, slots=True)
class Half:
    """A write of which the first half was made.

    `side` makes it, to `file`; `written` bytes of it are there, and the `rest` goes behind them.
    """

    side: int
    held: Held
    file: Inode
    written: int
    rest: bytes


def crosses(held: Held) -> bool:
    """Whether the call is a write through the page cache over the boundary of two pages of a file."""
    if held.name not in _WRITES:
        return False
    with contextlib.suppress(OSError):
        start = _start(held)
        return start is not None and start % PAGE + held.arguments[2] > PAGE
    return False


def first_half(side: int, held: Held) -> Half | None:
    """Write up to a boundary of two pages; None where nothing could be written, and the kernel is to say why.

    The boundary is the first that leaves neither what was there nor what will be, where there is one.
    """
    thread, (number, address, length, offset, *_) = held.thread, held.arguments
    with contextlib.suppress(OSError):
        start, data = _start(held), _notices.memory(thread, address, length)
        if start is None or len(data) < length:
            return None
        with open(f"/proc/{thread}/fd/{number}", "rb") as file:  # noqa: PTH123 - the very file, whatever its name
            before = os.pread(file.fileno(), length, start)
            status = os.fstat(file.fileno())
        cut = _cut(start, data, before)
        written = _write(held, data[:cut], offset)
        return Half(side, held, (status.st_dev, status.st_ino), written, data[written:])
    return None


def second_half(gate: GatedProcess, half: Half) -> None:
    """Write the rest, and let the call return what was written in both; an error then makes it a short write."""
    written = half.written
    with contextlib.suppress(OSError):
        written += _write(half.held, half.rest, half.held.arguments[3] + half.written)
    gate.answer(half.held, written)


def must_wait(held: Held, made: Footprint, half: Half) -> bool:
    """Whether a call of somebody else waits, or may wait, until the second half is made."""
    changed = [key[:2] for kind, key in made.changes if kind == "file" and not isinstance(key, str)]
    named = held.name in _NAMING and half.file in map(_inode, held.paths)
    seeks_data = held.name == "lseek" and held.arguments[2] > os.SEEK_END
    return half.file in changed or named or seeks_data or held.name in _ALWAYS_WAIT


def _start(held: Held) -> int | None:
    """The byte of the file that the write begins at; None where it goes to no regular file, or past the page cache."""
    number = held.arguments[0]
    status = os.stat(f"/proc/{held.thread}/fd/{number}")  # noqa: PTH116 - hot
    with open(f"/proc/{held.thread}/fdinfo/{number}", encoding="ascii") as lines:  # noqa: PTH123 - proc(5)
        told = dict(line.split(":", 1) for line in lines if ":" in line)
    flags = int(told["flags"], 8)
    if not stat.S_ISREG(status.st_mode) or flags & os.O_DIRECT:
        return None
    if flags & os.O_APPEND:  # pwrite(2) too: it appends then, whatever its offset
        return status.st_size
    return int(told["pos"]) if held.name == "write" else held.arguments[3]


def _cut(start: int, data: bytes, before: bytes) -> int:
    """How much of the data is the first half."""
    edges: list[int] = [0, *range(PAGE - start % PAGE, len(data), PAGE), len(data)]
    changed: list[int] = [end for begin, end in pairwise(edges) if data[begin:end] != before[begin:end]]
    return changed[0] if len(changed) > 1 else edges[1]


def _write(held: Held, data: bytes, offset: int) -> int:
    descriptor = _notices.descriptor_of(held.thread, held.arguments[0])
    try:
        if held.name == "write":
            return os.write(descriptor, data)
        return os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)


def _inode(path: str) -> Inode | None:
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        return status.st_dev, status.st_ino
    return None
