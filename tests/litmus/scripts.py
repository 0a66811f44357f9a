"""Short scripts of file operations, drawn from all that a disk allows; whether the model foresees what they leave."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sessionproof._disk import PAGE, TOP, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._loop import CRASHES, FileSystem, How, RealDisk, carry_out
from sessionproof._power import Power
from sessionproof._versions import Versions

Script: TypeAlias = tuple[Disk, list[Operation]]
"""What is on the disk, and what is done then."""

FOLDER, OTHER, FIRST = 1, 2, 3
"""Two folders below the top; files have the numbers that follow."""
NAMES = [b"a", b"b"]
_EVERYTHING = 1_000_000
_SYNCED, _DATA, _ENDED = 0.3, 0.3, 0.7
"""How likely it is that something is synced next, by fdatasync, and in the end."""


def two_folders(contents: Sequence[bytes]) -> Disk:
    """A disk with two folders, and files beside them."""
    disk = Disk()
    for number, name in ((FOLDER, b"d"), (OTHER, b"e")):
        disk.apply(Make(number, TOP, name, "folder", 0o755))
    for number, (name, content) in enumerate(zip(NAMES, contents, strict=False), FIRST):
        disk.apply(Make(number, TOP, name, "file", 0o644))
        disk.apply(Write(number, 0, content))
    return disk


def possible(disk: Disk, byte: bytes) -> Iterator[Operation]:
    """The operations that a disk allows, those on files first; what is written differs from all before it."""
    folders = [number for number, inode in disk.inodes.items() if inode.kind == "folder"]
    files = [number for number, inode in disk.inodes.items() if inode.kind == "file"]
    taken = [(folder, name) for folder in folders for name in disk.inodes[folder].names]
    free = [(folder, name) for folder in folders for name in NAMES if (folder, name) not in taken]
    for file in files:
        yield Write(file, len(disk.inodes[file].content), byte * 3)
        yield Write(file, PAGE - 2, byte * 4)
        yield Write(file, 0, byte)
        yield from (Resize(file, size) for size in (0, 2, PAGE + 1))
        yield Sync(file)
    yield from (Make(len(disk.inodes), *place, "file", 0o644) for place in free)
    yield from (Sync(folder) for folder in (*folders, None))
    for place in taken:
        moved = disk.inodes[place[0]].names[place[1]]
        if disk.inodes[moved].kind == "folder":
            yield from (Rename(*place, TOP, name) for name in (b"d", b"e", b"c") if (TOP, name) not in taken)
            continue
        yield Unlink(*place)
        yield from (Link(*other, moved) for other in free)
        yield from (Rename(*place, *other) for other in free)
        for other in taken:
            replaced = disk.inodes[other[0]].names[other[1]]
            if replaced != moved and disk.inodes[replaced].kind == "file":
                yield from (Rename(*place, *other, exchange=exchange) for exchange in (False, True))


def drawn(seed: int) -> Script:
    """A script of two to seven operations, of which every kind is as likely; most end with a sync of one thing."""
    # Nothing here is a secret, and the same number has to draw the same script on every machine.
    source = random.Random(seed)
    disk = two_folders([byte * source.choice([5, PAGE + 5]) for byte in (b"O", b"P")])
    after, done = disk.copy(), list[Operation]()
    for turn in range(source.randint(2, 7)):
        by_kind: dict[str, list[Operation]] = {}
        for operation in possible(after, bytes([ord("0") + turn])):
            if operation != Sync(None):
                by_kind.setdefault(type(operation).__name__, []).append(operation)
        kind = "Sync" if turn and source.random() < _SYNCED else source.choice(sorted(by_kind))
        operation = source.choice(by_kind[kind])
        if isinstance(operation, Sync):
            operation = replace(operation, data=source.random() < _DATA)
        after.apply(operation)
        done.append(operation)
    if source.random() < _ENDED:
        named = {TOP, *(number for inode in after.inodes.values() for number in inode.names.values())}
        done.append(Sync(source.choice(sorted(named))))
    return disk, done


@dataclass(frozen=True, slots=True)
class Unforeseen:
    """A tree that a crash left and that the model of its file system does not admit; `posix`: nor does that."""

    script: Script
    how: How
    left: Disk
    posix: bool


def unforeseen(kind: FileSystem, script: Script) -> Iterator[Unforeseen]:
    """Carry a script out on a real file system, once for each way to crash it."""
    disk, operations = script
    known = {
        profile: Power(Versions(disk, operations), _EVERYTHING).losses(len(operations), [profile]).states
        for profile in (kind, "posix")
    }
    for how in CRASHES[kind]:
        with RealDisk(kind) as real:
            disk.write_to(real.top, time.time_ns())
            real.settle()
            carry_out(operations, real.top, disk)
            left = real.crash(how)
        if left.key() not in known[kind]:
            yield Unforeseen(script, how, left, left.key() not in known["posix"])
