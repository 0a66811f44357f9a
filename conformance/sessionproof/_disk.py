"""A file system in memory: file operations as values, and the tree that any of them leave.

The operations name inodes and not paths, so that a file which is renamed while it is open is still the same file. What
a folder is called and what a file holds are apart, as they are on a disk: a file may have several names, or none.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

PAGE = 4096
"""What the kernel keeps and writes at once; a write that is cut short is cut between pages (crash model)."""
TOP = 0
"""The inode of the folder that is watched."""


@dataclass(frozen=True, slots=True)
class Make:
    """A new inode with a name: a file, a folder, or a symbolic link that holds its target. Without a name: b""."""

    inode: int
    folder: int
    name: bytes
    kind: Literal["file", "folder", "link"]
    mode: int
    target: bytes = b""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset; a gap before them reads as zeros."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file cut, or lengthened by zeros."""

    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Link:
    """One more name for an inode."""

    folder: int
    name: bytes
    inode: int


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name gone."""

    folder: int
    name: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    """A name moved, over another where there is one; with `exchange` the two change places."""

    folder: int
    name: bytes
    new_folder: int
    new_name: bytes
    exchange: bool = False


@dataclass(frozen=True, slots=True)
class Chmod:
    """Permission bits."""

    inode: int
    mode: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was written to the inode is on the disk, or with None everything; `data`: as fdatasync(2) promises it.

    Where it `failed`, nothing is promised, and what was to be written may be lost for good. Where other operations came
    while it was under way, it had `begun` after so many.
    """

    inode: int | None
    data: bool = False
    failed: bool = False
    begun: int | None = None


Operation: TypeAlias = Make | Write | Resize | Link | Unlink | Rename | Chmod | Sync


@dataclass(slots=True)
class Inode:
    """What an inode is and holds; `changed` counts the operations up to its last change."""

    kind: Literal["file", "folder", "link"]
    mode: int
    content: bytes = b""
    names: dict[bytes, int] = field(default_factory=dict[bytes, int])
    changed: int = 0

    def copy(self) -> "Inode":
        """An inode of its own."""
        return Inode(self.kind, self.mode, self.content, dict(self.names), self.changed)


class Disk:
    """The file system after some operations."""

    def __init__(self) -> None:
        self.inodes: dict[int, Inode] = {TOP: Inode("folder", 0o755)}
        self.count = 0

    def apply(self, operation: Operation) -> None:
        """Carry out one operation."""
        self.count += 1
        match operation:
            case Make():
                self._make(operation)
            case Write(inode=number, offset=offset, data=data):
                old = self._touched(number)
                old.content = old.content[:offset].ljust(offset, b"\0") + data + old.content[offset + len(data) :]
            case Resize(inode=number, size=size):
                old = self._touched(number)
                old.content = old.content[:size].ljust(size, b"\0")
            case Link():
                self._name(operation.folder, operation.name, operation.inode)
            case Unlink():
                del self._touched(operation.folder).names[operation.name]
            case Rename():
                self._rename(operation)
            case Chmod():
                self.inodes[operation.inode].mode = operation.mode
            case Sync():
                pass

    def _make(self, operation: Make) -> None:
        self.inodes[operation.inode] = Inode(operation.kind, operation.mode, operation.target, changed=self.count)
        if operation.name:
            self._name(operation.folder, operation.name, operation.inode)

    def _rename(self, operation: Rename) -> None:
        moved = self._touched(operation.folder).names.pop(operation.name)
        replaced = self.inodes[operation.new_folder].names.get(operation.new_name)
        if operation.exchange and replaced is not None:
            self._name(operation.folder, operation.name, replaced)
        self._name(operation.new_folder, operation.new_name, moved)

    def _touched(self, number: int) -> Inode:
        inode = self.inodes[number]
        inode.changed = self.count
        return inode

    def _name(self, folder: int, name: bytes, inode: int) -> None:
        self._touched(folder).names[name] = inode

    def find(self, path: bytes) -> tuple[int, bytes, int | None]:
        """The folder of a path that begins at the top, the name in it, and the inode that it stands for.

        Raises:
            KeyError: A folder on the way is not there.
        """
        folder, name = TOP, b"."
        *way, last = [part for part in path.split(b"/") if part] or [b"."]
        for part in way:
            folder = self.inodes[folder].names[part]
        if last == b".":
            return folder, name, folder
        return folder, last, self.inodes[folder].names.get(last)

    def walk(self, folder: int = TOP, prefix: bytes = b"") -> Iterator[tuple[bytes, Inode]]:
        """Every name below a folder, with what it stands for; folders before what is in them."""
        for name, number in sorted(self.inodes[folder].names.items()):
            inode = self.inodes[number]
            yield prefix + name, inode
            if inode.kind == "folder":
                yield from self.walk(number, prefix + name + b"/")

    def copy(self) -> "Disk":
        """A disk of its own."""
        disk = Disk()
        disk.count = self.count
        disk.inodes = {number: inode.copy() for number, inode in self.inodes.items()}
        return disk

    def without(self, leave: Callable[[str], bool]) -> "Disk":
        """A disk of its own without the names to leave out."""
        disk = self.copy()
        for path, _ in [*disk.walk()]:
            if leave(os.fsdecode(path)):
                folder, name, inode = disk.find(path)
                if inode is not None:
                    disk.inodes[folder].names.pop(name, None)
        return disk

    def key(self) -> tuple[tuple[bytes, str, bytes], ...]:
        """What two disks share exactly where nobody can tell their trees apart, times and modes aside."""
        return tuple((path, inode.kind, inode.content) for path, inode in self.walk())

    def write_to(self, place: Path, now: int) -> None:
        """Make the tree in an empty folder. Times end at `now`, in nanoseconds, a millisecond to an operation."""
        made: dict[int, Path] = {}
        top = os.fsencode(place)
        everything = [*self.walk()]
        for path, inode in everything:
            full = Path(os.fsdecode(top + b"/" + path))
            if id(inode) in made:
                full.hardlink_to(made[id(inode)])
                continue
            made[id(inode)] = full
            if inode.kind == "folder":
                full.mkdir()
            elif inode.kind == "link":
                full.symlink_to(os.fsdecode(inode.content))
            else:
                full.write_bytes(inode.content)
                full.chmod(inode.mode)
        for path, inode in reversed(everything):
            full = Path(os.fsdecode(top + b"/" + path))
            if inode.kind == "folder":
                full.chmod(inode.mode)
            if inode.kind != "link":
                moment = now - (self.count - inode.changed) * 1_000_000
                os.utime(full, ns=(moment, moment))
