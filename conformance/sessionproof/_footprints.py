"""What a held call would read and change, and which calls of a run meet on it.

Calls that meet on nothing can change places: only before one that meets another need a schedule be able to switch. Two
calls meet where one changes what the other reads or changes: the entry of a folder by its path, a file by its inode, a
lock by the inode of its file and, of fcntl(2), by the bytes that it covers, the names of a folder. Two changes of the
names of a folder do not meet by that: they meet on the entry where it is the same.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from sessionproof._gate import Held
from sessionproof._locks import Given, Inode, Range
from sessionproof._syscalls import AT_FDCWD

T = TypeVar("T")
Thing: TypeAlias = tuple[str, str | tuple[int, ...]]
Rule: TypeAlias = Callable[[Held, set[Thing], set[Thing]], None]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a call reads and what it changes."""

    reads: frozenset[Thing] = frozenset()
    changes: frozenset[Thing] = frozenset()


NONE = Footprint()


def footprint(held: Held, folder: str, moved: Mapping[Inode, int]) -> Footprint:
    """What the call would read and change below the folder, if it went on now and nothing else did.

    `moved` says how often files were renamed so far. What was written before that meets nothing of what others find
    under the new name: they could not have come before it.
    """
    rule = _RULES.get(held.name)
    if rule is None:  # what waits for the disk, and naps
        return NONE
    reads, changes = set[Thing](), set[Thing]()
    for path in held.paths:
        reads |= _above(path, folder)
    rule(held, reads, changes)
    return Footprint(
        frozenset(_aged(thing, moved) for thing in reads), frozenset(_aged(thing, moved) for thing in changes)
    )


def moves(held: Held) -> Inode | None:
    """The file that the call would give another name."""
    if _RULES.get(held.name) not in {_move, _make} or len(held.paths) < 2:
        return None
    files = _file(held.paths[0])
    return cast("Inode", files[0][1]) if files else None


def _aged(thing: Thing, moved: Mapping[Inode, int]) -> Thing:
    kind, key = thing
    return (kind, (*key, moved.get(cast("Inode", key), 0))) if kind == "file" and not isinstance(key, str) else thing


def with_given_up(made: Footprint, locks: Iterable[Given]) -> Footprint:
    """The footprint of a call after which these locks are no more: it meets who would take them."""
    reads, changes = set(made.reads), set(made.changes)
    for name, kind, where in locks:
        (reads if kind == "shared" else changes).add((name, where if name == "fcntl" else where[:2]))
    return Footprint(frozenset(reads), frozenset(changes))


def meet(one: Footprint, other: Footprint) -> bool:
    """Whether it may make a difference which of the two calls comes first."""
    changed = {thing for thing in one.changes & other.changes if thing[0] != "names"}
    if changed or one.changes & other.reads or one.reads & other.changes:
        return True
    mine, theirs = _ranges(one), _ranges(other)
    return any(
        _same(thing, another) and (thing in one.changes or another in other.changes)
        for thing in mine
        for another in theirs
    )


def _ranges(print_: Footprint) -> list[Thing]:
    return [thing for things in (print_.reads, print_.changes) for thing in things if thing[0] == "fcntl"]


def _same(thing: Thing, other: Thing) -> bool:
    """Whether two things that are kept in one place are one; locks on bytes are where their ranges overlap."""
    if thing[0] != "fcntl":
        return thing == other
    (*_, first, last), (*_, begin, end) = cast("Range", thing[1]), cast("Range", other[1])
    return _place(thing) == _place(other) and first <= end and begin <= last


def _place(thing: Thing) -> Thing:
    """What a thing is looked up by: locks on bytes by their file."""
    return (thing[0], cast("Range", thing[1])[:2]) if thing[0] == "fcntl" else thing


def meetings(calls: Iterable[tuple[int, T, Footprint]]) -> Iterator[tuple[T, T]]:
    """Of the calls of several sides, each under a name, the pairs that meet: each once, or more than once."""
    readers: dict[Thing, set[tuple[int, T, Thing]]] = {}
    changers: dict[Thing, set[tuple[int, T, Thing]]] = {}
    for side, name, print_ in calls:
        for thing in print_.reads:
            readers.setdefault(_place(thing), set()).add((side, name, thing))
        for thing in print_.changes:
            changers.setdefault(_place(thing), set()).add((side, name, thing))
    for place, changes in changers.items():
        others = set(readers.get(place, ()))
        if place[0] != "names":
            others |= changes
        yield from (
            (name, other)
            for side, name, thing in changes
            for where, other, another in others
            if side != where and _same(thing, another)
        )


def _above(path: str, folder: str) -> set[Thing]:
    """The entries that are looked up on the way to a path."""
    found = set[Thing]()
    while len(path := os.path.dirname(path)) > len(folder):  # noqa: PTH120 - hot
        found.add(("entry", path))
    return found


def _named(path: str) -> set[Thing]:
    return {("entry", path), ("names", os.path.dirname(path))}  # noqa: PTH120 - hot


def _file(path: str) -> list[Thing]:
    try:
        status = os.stat(path)  # noqa: PTH116 - hot
    except OSError:
        return []
    return [("file", (status.st_dev, status.st_ino))]


def _opened(held: Held, argument: int) -> list[Thing]:
    number = held.arguments[argument] & 0xFFFFFFFF
    return [] if number == AT_FDCWD & 0xFFFFFFFF else _file(f"/proc/{held.thread}/fd/{number}")


def _open(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    path = held.paths[0]
    reads.add(("entry", path))
    if held.flags & os.O_CREAT and not os.path.lexists(path):
        changes |= _named(path)
    elif held.flags & os.O_TRUNC and not held.flags & os.O_EXCL:
        changes |= set(_file(path))


def _ask_of_name(held: Held, reads: set[Thing], _: set[Thing]) -> None:
    reads.add(("entry", held.paths[0]))


def _ask_of_file(held: Held, reads: set[Thing], _: set[Thing]) -> None:
    reads |= {("entry", held.paths[0]), *_file(held.paths[0])}


def _change_by_name(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    reads.add(("entry", held.paths[0]))
    changes |= set(_file(held.paths[0]))


def _make(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    path = held.paths[-1]
    reads |= {("entry", named) for named in held.paths}
    if not os.path.lexists(path):
        changes |= _named(path)


def _remove(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    path = held.paths[0]
    reads |= {("entry", path), ("names", path)}
    if os.path.lexists(path):
        changes |= _named(path)


def _move(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    old, new = held.paths
    reads |= {("entry", old), ("names", old)}
    if os.path.lexists(old):
        changes |= _named(old) | _named(new)


def _list(held: Held, reads: set[Thing], _: set[Thing]) -> None:
    reads.add(("names", held.paths[0]))


def _read(held: Held, reads: set[Thing], _: set[Thing]) -> None:
    reads |= set(_opened(held, 0))


def _write(held: Held, _: set[Thing], changes: set[Thing]) -> None:
    changes |= set(_opened(held, 0))


def _copy_range(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    reads |= set(_opened(held, 0))
    changes |= set(_opened(held, 2))


def _send(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    reads |= set(_opened(held, 1))
    changes |= set(_opened(held, 0))


def _lock(held: Held, reads: set[Thing], changes: set[Thing]) -> None:
    """What is given up shows only after the call, as it does where a descriptor is closed: `with_given_up`."""
    asked = held.lock
    if asked is None or asked.kind == "none":
        return
    bytes_ = (asked.first, asked.last) if held.name == "fcntl" else ()
    for _, key in _opened(held, 0):
        (reads if asked.kind == "shared" else changes).add((held.name, (*cast("Inode", key), *bytes_)))


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), _open),
    **dict.fromkeys(("access", "faccessat", "faccessat2", "readlink", "readlinkat"), _ask_of_name),
    **dict.fromkeys(("stat", "lstat", "newfstatat", "statx"), _ask_of_file),
    **dict.fromkeys(("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "truncate"), _change_by_name),
    **dict.fromkeys(("utime", "utimes", "futimesat", "utimensat"), _change_by_name),
    **dict.fromkeys(("mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"), _make),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), _remove),
    **dict.fromkeys(("rename", "renameat", "renameat2"), _move),
    **dict.fromkeys(("getdents", "getdents64"), _list),
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2", "fstat", "lseek"), _read),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate"), _write),
    **dict.fromkeys(("fchmod", "fchown", "ioctl"), _write),
    **dict.fromkeys(("flock", "fcntl"), _lock),
    "copy_file_range": _copy_range,
    "sendfile": _send,
}
