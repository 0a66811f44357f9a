"""Locks on files: what a call asks for, and what processes have been given and give up again.

A lock of flock(2) is one on a file. A lock of fcntl(2), of a process or of an open file, is one on bytes of it.
"""

import os
import struct
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sessionproof import _notices
from sessionproof._syscalls import GETLK, SETLK, SETLKW

LockKind: TypeAlias = Literal["shared", "exclusive", "none"]
Inode: TypeAlias = tuple[int, int]
Range: TypeAlias = tuple[int, int, int, int]
"""Of the file with this device and inode, the bytes from one to another."""
Place: TypeAlias = tuple[int, int]
"""A process and one of its descriptors."""
Given: TypeAlias = tuple[str, LockKind, Range]
"""A lock that somebody has: the call that it was taken with, its kind, what it covers."""

LAST = 2**63 - 1
"""The last byte that a file can have."""
_FLOCK: dict[int, LockKind] = {1: "shared", 2: "exclusive"}
_FCNTL: dict[int, LockKind] = {0: "shared", 1: "exclusive"}
_STRUCT_FLOCK = struct.Struct("=hh4xqq")
_TOLD: dict[str, LockKind] = {"READ": "shared", "WRITE": "exclusive"}
_CALLS = {"FLOCK": "flock", "POSIX": "fcntl", "OFDLCK": "fcntl"}


@dataclass(frozen=True, slots=True)
class Lock:
    """What `flock` or `fcntl` asks for, on the bytes `first` to `last`.

    `waits`: until it is free; `asks`: only whether it could be had (F_GETLK).
    """

    kind: LockKind
    waits: bool
    first: int = 0
    last: int = LAST
    asks: bool = False


def asked(thread: int, name: str, arguments: tuple[int, ...]) -> Lock | None:
    """The lock that a call asks for, by fcntl(2) and flock(2).

    Raises:
        OSError, struct.error: The caller's memory cannot be read.
    """
    if name == "flock":
        return Lock(_FLOCK.get(arguments[1] & 3, "none"), waits=not arguments[1] & 4)
    command = arguments[1] & 0xFFFFFFFF
    if name == "fcntl" and command in SETLK | SETLKW | GETLK:
        kind, whence, start, length = _STRUCT_FLOCK.unpack(_notices.memory(thread, arguments[2], _STRUCT_FLOCK.size))
        first, last = _bytes(thread, arguments[0], whence, start, length)
        return Lock(_FCNTL.get(kind, "none"), command in SETLKW, first, last, command in GETLK)
    return None


def _bytes(thread: int, descriptor: int, whence: int, start: int, length: int) -> tuple[int, int]:
    """The bytes that a `struct flock` is about. A length of 0 is up to the end that the file may ever have."""
    if whence == os.SEEK_END:
        # Where the file ends may change before the call is made: it may be any of its bytes.
        return 0, LAST
    if whence == os.SEEK_CUR:
        start += _offset(thread, descriptor)
    if length < 0:
        start, length = start + length, -length
    return start, start + length - 1 if length else LAST


def _offset(thread: int, descriptor: int) -> int:
    return next((int(words[1]) for words in _told(thread, descriptor) if words[0] == "pos:"), 0)


@dataclass(slots=True)
class Holders:
    """The locks that processes have, as proc(5) shows them with the open files that they were asked with.

    To give one up may be no call that is held: closing a descriptor does, and dying.
    """

    _asked: dict[Place, Inode] = field(default_factory=dict[Place, Inode])
    _waited_for: set[Place] = field(default_factory=set[Place])
    _have: set[tuple[Place, Given]] = field(default_factory=set[tuple[Place, Given]])

    def look_at(self, thread: int, descriptor: int, *, waits: bool) -> None:
        """A thread is about to take or give up a lock with a descriptor of its process; it may wait for it."""
        try:
            place = _notices.leader(thread), descriptor
            status = os.stat("/proc/{}/fd/{}".format(*place))  # noqa: PTH116 - hot
        except OSError:
            return
        self._asked[place] = status.st_dev, status.st_ino
        self._have |= _had(place, self._asked[place])
        if waits:
            self._waited_for.add(place)

    def given_up(self) -> list[Given]:
        """The locks that were there at the last look and are no more. Another may have been given the same since."""
        had = {place: _had(place, inode) for place, inode in self._asked.items()}
        # Who has none gets one only by asking again, or by having waited.
        self._waited_for -= {place for place, locks in had.items() if locks}
        self._asked = {place: inode for place, inode in self._asked.items() if had[place] or place in self._waited_for}
        have = set[tuple[Place, Given]]().union(*had.values())
        gone, self._have = self._have - have, have
        return [lock for _, lock in sorted(gone)]


def _had(place: Place, inode: Inode) -> set[tuple[Place, Given]]:
    told = [words for words in _told(*place) if words[0] == "lock:" and words[2] in _CALLS]
    return {
        (place, (_CALLS[how], _TOLD[kind], (*inode, int(first), LAST if last == "EOF" else int(last))))
        for _, _, how, _, kind, _, _, first, last in told
    }


def _told(process: int, descriptor: int) -> list[list[str]]:
    """What proc(5) says of an open file, in words: nothing where it is closed."""
    try:
        file = os.open(f"/proc/{process}/fdinfo/{descriptor}", os.O_RDONLY)
    except OSError:
        return []
    try:
        return [line.split() for line in os.read(file, 1 << 16).decode("ascii").splitlines()]
    except OSError:
        return []
    finally:
        os.close(file)
