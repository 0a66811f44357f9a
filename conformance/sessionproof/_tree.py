"""What lies below a folder: names, kinds, bytes, modes, owners, times; and how two such pictures differ."""

import fnmatch
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

_ROOM = 1 << 28

EntryKind = Literal["file", "folder", "link", "fifo", "socket", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: `content` is a file's bytes or a link's target, `modified` is in nanoseconds."""

    kind: EntryKind
    content: bytes
    mode: int
    owner: tuple[int, int]
    modified: int


Tree: TypeAlias = Mapping[str, Entry]


def picture(folder: Path, volatile: tuple[str, ...] = ()) -> dict[str, Entry]:
    """Everything below the folder by relative path; empty where there is none. Links are not followed.

    Names that match a `volatile` pattern are left out.
    """
    found = dict(_walk(folder, ""))
    entries = {name: _entry(path) for name, path in found.items() if not is_volatile(name, volatile)}
    for name in found.keys() - entries.keys():
        # Of a folder with volatile files the time says nothing.
        parent = str(PurePath(name).parent)
        if parent in entries:
            entries[parent] = replace(entries[parent], modified=0)
    return entries


def is_volatile(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the name, or the last part of it, matches a pattern."""
    return any(
        fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(PurePath(name).name, pattern) for pattern in patterns
    )


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    for name in names:
        path = folder / name
        yield prefix + name, path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, f"{prefix}{name}/")


def _entry(path: Path) -> Entry:
    status = path.lstat()
    kinds: dict[int, EntryKind] = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "link",
        stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket",
    }
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    content = path.read_bytes() if kind == "file" else os.fsencode(path.readlink()) if kind == "link" else b""
    return Entry(kind, content, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid), status.st_mtime_ns)


Aspect = Literal["names", "bytes", "times", "modes"]
ALL_ASPECTS: tuple[Aspect, ...] = ("names", "bytes", "times", "modes")


def difference(before: Tree, after: Tree, aspects: tuple[Aspect, ...] = ALL_ASPECTS) -> str | None:
    """The first thing that differs, in words; None where nothing does."""
    if "names" in aspects:
        for name in sorted(before.keys() - after.keys()):
            return f"{before[name].kind} {name!r} is gone"
        for name in sorted(after.keys() - before.keys()):
            return f"{after[name].kind} {name!r} is new"
    for name in sorted(before.keys() & after.keys()):
        changed = _changed(name, before[name], after[name], aspects)
        if changed:
            return changed
    return None


def _changed(name: str, old: Entry, new: Entry, aspects: tuple[Aspect, ...]) -> str | None:
    if old.kind != new.kind:
        return f"{name!r} was a {old.kind} and is a {new.kind}"
    if "bytes" in aspects and old.content != new.content:
        return f"the bytes of {name!r} have changed ({len(old.content)} before, {len(new.content)} after)"
    if "modes" in aspects and (old.mode, old.owner) != (new.mode, new.owner):
        was, is_ = f"{old.mode:04o} {old.owner}", f"{new.mode:04o} {new.owner}"
        return f"mode or owner of {name!r} have changed: {was} before, {is_} after"
    if "times" in aspects and old.modified != new.modified and old.modified and new.modified:
        return f"the modification time of {name!r} has changed"
    return None


def copy(source: Path, target: Path) -> None:
    """Copy a closed store: names, bytes, modes and times. Sockets and pipes are made anew by name."""
    target.mkdir(parents=True)
    for name, path in _walk(source, ""):
        entry, made = _entry(path), target / name
        make(made, entry.kind, entry.content)
        if entry.kind != "link":
            made.chmod(entry.mode)
    for name, path in [("", source), *_walk(source, "")]:
        status = path.lstat()
        os.utime(target / name, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
    target.chmod(stat.S_IMODE(source.stat().st_mode))


def make(path: Path, kind: str, content: bytes = b"") -> None:
    """Make one entry; the content of a link is its target."""
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(os.fsdecode(content))
        case "fifo":
            os.mkfifo(path)
        case "socket":
            # A node that nobody listens on; binding one by path has a limit of 108 bytes.
            os.mknod(path, stat.S_IFSOCK | 0o600)
        case _:
            path.write_bytes(content)


def memory_folder() -> str | None:
    """A file system in memory, where there is one: crash states and hundreds of roots are made there."""
    place = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own in it
    # Containers often give it 64 MiB, which a large document fills.
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > _ROOM else None
