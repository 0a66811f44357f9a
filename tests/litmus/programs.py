"""Seventy small programs whose crashes were tried on real file systems, by number.

Each is a setup, all of which is on the disk before the program begins, and the run itself. Both work in the current
folder, by real system calls. `put` and its like make steps; nothing is done before `carry_out`.
"""

import ctypes
import functools
import mmap
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[], int | None]
"""Something to do; a descriptor that it returns stays open until the crash."""
Act: TypeAlias = Callable[[int], object]
"""Something to do with an open file."""

NEW = os.O_CREAT | os.O_WRONLY
OLD = os.O_WRONLY
APPEND = os.O_WRONLY | os.O_APPEND
EMPTIED = os.O_WRONLY | os.O_TRUNC
NAMELESS = os.O_TMPFILE | os.O_WRONLY

_AT_FDCWD = -100
_AT_SYMLINK_FOLLOW = 0x400
_RENAME_EXCHANGE = 2
_KEEP_SIZE = 1
_WRITE_OUT_AND_WAIT = 7
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """What it does, in a line, and the steps."""

    description: str
    setup: tuple[Step, ...]
    run: tuple[Step, ...]


def carry_out(steps: Iterable[Step]) -> list[int]:
    """Do the steps in the current folder; the descriptors that stay open."""
    results = [step() for step in steps]
    return [result for result in results if result is not None]


# -- with an open file -------------------------------------------------------------------------------------------------


def file(path: str, flags: int, *acts: Act, keep: bool = False) -> Step:
    """Open, do, close; with `keep` it stays open."""

    def step() -> int | None:
        descriptor = os.open(path, flags, 0o644)
        for act in acts:
            act(descriptor)
        if keep:
            return descriptor
        os.close(descriptor)
        return None

    return step


def put(path: str, data: bytes, *acts: Act, flags: int = NEW) -> Step:
    """A file written in one piece, from its beginning unless `flags` say otherwise."""
    return file(path, flags, write(data), *acts)


def sync(path: str) -> Step:
    """A file or folder synced through a descriptor of its own."""
    return file(path, os.O_RDONLY, os.fsync)


def write(data: bytes) -> Act:
    """Bytes where the file stands."""
    return lambda descriptor: os.write(descriptor, data)


def write_at(offset: int, data: bytes) -> Act:
    """Bytes at an offset."""
    return lambda descriptor: os.pwrite(descriptor, data, offset)


def resize(size: int) -> Act:
    """The file cut or lengthened."""
    return lambda descriptor: os.ftruncate(descriptor, size)


def allocate(size: int) -> Act:
    """Space, and the size with it."""
    return lambda descriptor: os.posix_fallocate(descriptor, 0, size)


def reserve(size: int) -> Act:
    """Space, and the size left as it is."""
    return lambda descriptor: _c("fallocate", descriptor, _KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(size))


def write_out(offset: int, size: int) -> Act:
    """Some pages handed to the device: sync_file_range(2), which promises nothing of the file."""
    return lambda descriptor: _c(
        "sync_file_range", descriptor, ctypes.c_long(offset), ctypes.c_long(size), _WRITE_OUT_AND_WAIT
    )


def store(data: bytes) -> Act:
    """Bytes put at the beginning by shared memory, which is not synced of itself."""

    def act(descriptor: int) -> None:
        with mmap.mmap(descriptor, 0) as memory:
            memory[: len(data)] = data
            # As the program that was run: synced while the memory is there, by the file and not by the memory.
            os.fsync(descriptor)

    return act


def named(path: str) -> Act:
    """A name for a file that has none."""
    return lambda descriptor: _c(
        "linkat", _AT_FDCWD, f"/proc/self/fd/{descriptor}".encode(), _AT_FDCWD, os.fsencode(path), _AT_SYMLINK_FOLLOW
    )


def meanwhile(step: Step) -> Act:
    """Something else while the file is open."""
    return lambda _: step()


def sync_all(descriptor: int) -> None:
    """Everything on the file system of an open file."""
    _c("syncfs", descriptor)


# -- with names --------------------------------------------------------------------------------------------------------


def folder(path: str) -> Step:
    """A new folder."""
    return functools.partial(os.mkdir, path)


def rename(path: str, new: str) -> Step:
    """A name moved."""
    return functools.partial(os.rename, path, new)


def exchange(path: str, other: str) -> Step:
    """Two names change places."""

    def step() -> None:
        _c("renameat2", _AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)

    return step


def link(path: str, new: str) -> Step:
    """One more name."""
    return functools.partial(os.link, path, new)


def copy(path: str, new: str, size: int, *acts: Act) -> Step:
    """The beginning of a file copied inside the kernel to a new one."""

    def step() -> None:
        source = os.open(path, os.O_RDONLY)
        file(new, NEW, lambda descriptor: os.copy_file_range(source, descriptor, size), *acts)()
        os.close(source)

    return step


def symlink(target: str, path: str) -> Step:
    """A symbolic link."""
    return functools.partial(os.symlink, target, path)


def unlink(path: str) -> Step:
    """A name gone."""
    return functools.partial(os.unlink, path)


def truncate(path: str, size: int) -> Step:
    """A closed file cut."""
    return functools.partial(os.truncate, path, size)


def chmod(path: str, mode: int) -> Step:
    """Other permission bits."""
    return functools.partial(os.chmod, path, mode)


def _c(name: str, *arguments: Any) -> None:
    """Call a function of the C library that Python has no name for.

    Raises:
        OSError: It failed.
    """
    if getattr(_library(), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


# -- the programs ------------------------------------------------------------------------------------------------------

SETUP = (put("f", b"O" * 100), folder("d"), folder("e"))


def _program(description: str, *run: Step, setup: tuple[Step, ...] = SETUP) -> Program:
    return Program(description, setup, run)


def _old(size: int) -> tuple[Step, ...]:
    return (put("f", b"O" * size),)


_REPLACEMENT = put("tmp", b"N" * 9000)
_SYNCED_REPLACEMENT = put("tmp", b"N" * 9000, os.fsync)
_TWO_BLOCKS = file("f", OLD, write_at(0, b"1" * _PAGE), write_at(_PAGE, b"2" * _PAGE), write_out(_PAGE, _PAGE))

PROGRAMS = {
    1: _program("new file, synced", put("n", b"N" * 100, os.fsync)),
    2: _program("new file in a new folder, synced", folder("s"), put("s/n", b"N" * 100, os.fsync)),
    3: _program("new file, only its folder synced", put("n", b"N" * 100), sync(".")),
    4: _program("unsynced file renamed over another", _REPLACEMENT, rename("tmp", "f")),
    5: _program("unsynced file renamed to a new name", _REPLACEMENT, rename("tmp", "g")),
    6: _program("unsynced file renamed over another, folder synced", _REPLACEMENT, rename("tmp", "f"), sync(".")),
    7: _program("synced file renamed over another", _SYNCED_REPLACEMENT, rename("tmp", "f")),
    8: _program("synced file renamed over another, folder synced", _SYNCED_REPLACEMENT, rename("tmp", "f"), sync(".")),
    9: _program("unsynced file renamed over another, then synced", _REPLACEMENT, rename("tmp", "f"), sync("f")),
    10: _program("file emptied and written again", put("f", b"N" * 9000, flags=EMPTIED)),
    11: _program("file emptied and written again, still open", file("f", EMPTIED, write(b"N" * 9000), keep=True)),
    12: _program("append inside the last block", put("f", b"N" * 50, flags=APPEND)),
    13: _program("append over the end of the last block", put("f", b"N" * 9000, flags=APPEND)),
    14: _program("file lengthened, then written", file("f", OLD, resize(8192), write_at(100, b"N" * 8092))),
    15: _program("space allocated, then written", file("f", OLD, allocate(8192), write_at(100, b"N" * 8092))),
    16: _program("overwritten in place", file("f", NEW, write_at(0, b"N" * 100))),
    17: _program("append, data synced", put("f", b"N" * 9000, os.fdatasync, flags=APPEND)),
    18: _program("new file, data synced", put("n", b"N" * 100, os.fdatasync)),
    19: _program("new folder; new file elsewhere, synced", folder("d/x"), put("e/y", b"N" * 10, os.fsync)),
    20: _program("new folders in two folders, the second synced", folder("d/x"), folder("e/y"), sync("e")),
    21: _program(
        "renames in two folders, the second synced",
        rename("d/A", "d/B"),
        rename("e/C", "e/D"),
        sync("e"),
        setup=(*SETUP, put("d/A", b"A"), put("e/C", b"C")),
    ),
    22: _program(
        "two renames in a folder, the second file synced",
        rename("A", "B"),
        rename("C", "D"),
        sync("D"),
        setup=(*SETUP, put("A", b"A"), put("C", b"C")),
    ),
    23: _program(
        "unlink; new file elsewhere, synced",
        unlink("d/A"),
        put("e/n", b"N" * 10, os.fsync),
        setup=(*SETUP, put("d/A", b"A")),
    ),
    24: _program("second name, file synced", link("A", "B"), sync("A"), setup=(*SETUP, put("A", b"A"))),
    25: _program(
        "second name, file written and synced",
        link("A", "d/B"),
        put("A", b"NN", os.fsync, flags=OLD),
        setup=(*SETUP, put("A", b"A")),
    ),
    26: _program("nameless file synced, then named", file(".", NAMELESS, write(b"N" * 100), os.fsync, named("n"))),
    27: _program("nameless file named, then synced", file(".", NAMELESS, write(b"N" * 100), named("n"), os.fsync)),
    28: _program(
        "append to a file; another file written and synced",
        put("f", b"N" * 9000, flags=APPEND),
        put("g", b"G", os.fsync, flags=OLD),
        setup=(*SETUP, put("g", b"g")),
    ),
    29: _program("unlink, folder synced", unlink("f"), sync(".")),
    30: _program(
        "two appended blocks, the second handed to the device",
        file("f", OLD, write_at(4096, b"1" * _PAGE), write_at(8192, b"2" * _PAGE), write_out(8192, _PAGE)),
        setup=_old(4096),
    ),
    31: _program("two blocks overwritten, the second handed to the device", _TWO_BLOCKS, setup=_old(8192)),
    32: _program("the same, for a crash after an unrelated sync", _TWO_BLOCKS, setup=_old(8192)),
    33: _program(
        "appended block handed to the device",
        file("f", OLD, write_at(4096, b"1" * _PAGE), write_out(4096, _PAGE)),
        setup=_old(4096),
    ),
    34: _program("file cut", truncate("f", 10), setup=_old(9000)),
    35: _program(
        "file cut to nothing and written, still open",
        file("f", OLD, resize(0), write_at(0, b"N" * 100), keep=True),
    ),
    36: _program(
        "append inside the last block; new file, synced",
        put("f", b"N" * 50, flags=APPEND),
        put("ok", b"1", os.fsync),
    ),
    37: _program("two new files, the second synced", put("a", b"A"), put("b", b"B", os.fsync)),
    38: _program(
        "synced file renamed over another; new file, synced",
        _SYNCED_REPLACEMENT,
        rename("tmp", "f"),
        put("ok", b"1", os.fsync),
    ),
    39: _program(
        "synced file renamed over another; new file elsewhere, synced",
        _SYNCED_REPLACEMENT,
        rename("tmp", "f"),
        put("d/ok", b"1", os.fsync),
    ),
    40: _program(
        "file overwritten in place; another renamed",
        file("f", NEW, write_at(0, b"N" * 100)),
        rename("A", "B"),
        setup=(*SETUP, put("A", b"A")),
    ),
    41: _program("unsynced new file renamed, folder synced", put("n", b"N" * 100), rename("n", "m"), sync(".")),
    42: _program(
        "file synced, appended to, renamed over another, folder synced",
        put("tmp", b"N" * 100, os.fsync),
        put("tmp", b"M" * 50, flags=APPEND),
        rename("tmp", "f"),
        sync("."),
    ),
    43: _program(
        "synced file in a new folder, folder renamed, file synced again",
        folder("s"),
        put("s/n", b"N" * 100, os.fsync),
        rename("s", "t2"),
        sync("t2/n"),
    ),
    44: _program("unlink; new file of that name, synced", unlink("f"), put("f", b"N" * 100, os.fsync)),
    45: _program("append with O_SYNC", put("f", b"N" * 100, flags=APPEND | os.O_SYNC)),
    46: _program("append with O_DSYNC", put("f", b"N" * 9000, flags=APPEND | os.O_DSYNC)),
    47: _program("new file with O_DSYNC", put("n", b"N" * 100, flags=NEW | os.O_DSYNC)),
    48: _program("permission bits changed", chmod("f", 0o600)),
    49: _program("synced file and another exchanged", put("tmp", b"N" * 100, os.fsync), exchange("tmp", "f")),
    50: _program(
        "synced file and another exchanged, then synced",
        put("tmp", b"N" * 100, os.fsync),
        exchange("tmp", "f"),
        sync("f"),
    ),
    51: _program("copy inside the kernel, synced", copy("f", "n", 9000, os.fsync), setup=_old(9000)),
    52: _program("copy inside the kernel", copy("f", "n", 9000), setup=_old(9000)),
    53: _program("shared memory written, file synced", file("f", os.O_RDWR, store(b"N" * 50))),
    54: _program("symbolic link, folder synced", symlink("f", "l"), sync(".")),
    55: _program(
        "synced file renamed over another from elsewhere, its new folder synced",
        put("d/tmp", b"N" * 100, os.fsync),
        rename("d/tmp", "f"),
        sync("."),
    ),
    56: _program(
        "synced file renamed over another from elsewhere, its old folder synced",
        put("d/tmp", b"N" * 100, os.fsync),
        rename("d/tmp", "f"),
        sync("d"),
    ),
    60: _program(
        "file lengthened, its first block overwritten and handed to the device",
        file("f", OLD, resize(2 << 20), write_at(0, b"H" * _PAGE), write_out(0, _PAGE)),
        setup=_old(1 << 20),
    ),
    61: _program(
        "two distant blocks overwritten, the second handed to the device",
        file("f", OLD, write_at(0, b"1" * _PAGE), write_at(200 * _PAGE, b"2" * _PAGE), write_out(200 * _PAGE, _PAGE)),
        setup=_old(1 << 20),
    ),
    62: _program("unlink", unlink("f")),
    63: _program("three new files, folder synced", *(put(name, name.encode() * 10) for name in "abc"), sync(".")),
    64: _program(
        "three appends to a new file, data synced, one append more",
        file("n", NEW, *(write(digit * 100) for digit in (b"1", b"2", b"3")), os.fdatasync, write(b"4" * 100)),
    ),
    65: _program(
        "synced file in a new folder, folder renamed, its folder synced",
        folder("s"),
        put("s/x", b"X", os.fsync),
        rename("s", "t"),
        sync("."),
    ),
    66: _program(
        "file moved to another folder, then synced",
        rename("d/A", "e/B"),
        sync("e/B"),
        setup=(*SETUP, put("d/A", b"A")),
    ),
    67: _program(
        "unlink; new file in the same folder, synced",
        unlink("A"),
        put("B", b"B", os.fsync),
        setup=(*SETUP, put("A", b"A")),
    ),
    68: _program(
        "file synced, renamed over another, appended to, data synced",
        put("tmp", b"N" * 100, os.fsync, meanwhile(rename("tmp", "f")), write(b"M" * 10), os.fdatasync),
    ),
    69: _program(
        "file synced, renamed over another, data synced",
        put("tmp", b"N" * 100, os.fsync, meanwhile(rename("tmp", "f")), os.fdatasync),
    ),
    70: _program(
        "file synced, renamed over another, synced",
        put("tmp", b"N" * 100, os.fsync, meanwhile(rename("tmp", "f")), os.fsync),
    ),
    71: _program(
        "unsynced file renamed over another, file system synced",
        _REPLACEMENT,
        rename("tmp", "f"),
        file(".", os.O_RDONLY, sync_all),
    ),
    72: _program(
        "space reserved beyond the end, then append", file("f", OLD, reserve(65536), write_at(100, b"N" * 9000))
    ),
    73: _program(
        "log of zeros, two records overwritten",
        file("f", OLD, write_at(0, b"1" * 100), write_at(100, b"2" * 5000)),
        setup=(put("f", bytes(16384)),),
    ),
}
"""By number; 57 to 59 were never there."""
