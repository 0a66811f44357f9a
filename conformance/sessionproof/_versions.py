"""What every place on a disk has held in the course of some operations: the raw material of a loss of power.

A page of a file, a file's size and a name in a folder are *locations*. Each has a chain of *versions*, since the kernel
keeps one copy of it and every operation works on that copy: what is on the disk is always one of the versions, and not
any mixture of writes. A sync raises the oldest version that may still be there, its *floor*.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Literal, TypeAlias, TypeVar

from sessionproof._disk import (
    PAGE,
    TOP,
    Chmod,
    Disk,
    Inode,
    Link,
    Make,
    Operation,
    Rename,
    Resize,
    Sync,
    Unlink,
    Write,
)

Name: TypeAlias = tuple[int, bytes]
"""A name in a folder: the folder's inode, and the name."""

Touch = Literal["made", "extent", "names", "mode", "bytes"]
"""How an operation has changed an inode: it is new, its size or its blocks, what it is called, its mode, only bytes.

Bytes alone do not count as a change of the inode: where the clock has not moved on since its last one, its times stay.
"""


@dataclass(frozen=True, slots=True)
class NameVersion:
    """What a name stood for after operation `when`, counted from 1; 0 is before all of them. None: for nothing."""

    when: int
    inode: int | None


@dataclass(frozen=True, slots=True)
class SizeVersion:
    """A size that a file had.

    `by`: it was set (a truncation), or came with bytes in the last page that the file had, or with those in new pages.
    """

    when: int
    size: int
    by: Literal["set", "tail", "data"]


@dataclass(frozen=True, slots=True)
class PageVersion:
    """The bytes of a page, zeros where nothing was written: `by` a write, or by a truncation within it or before it."""

    when: int
    content: bytes
    by: Literal["write", "cut", "drop"] = "write"


_CUT = 8
"""How many versions of a page a cut within it is applied to."""

AnyVersion: TypeAlias = NameVersion | SizeVersion | PageVersion
T = TypeVar("T", NameVersion, SizeVersion, PageVersion)


def upto(chain: Sequence[T], when: int) -> int:
    """The index of the newest version that operation `when` and those before it have made."""
    return bisect_right(chain, when, key=attrgetter("when")) - 1


@dataclass(slots=True)
class FileVersions:
    """The chains of one file; a page that no operation has changed has none, and is as in `base`."""

    base: bytes
    sizes: list[SizeVersion]
    pages: dict[int, list[PageVersion]] = field(default_factory=dict[int, list[PageVersion]])

    def content(self, size: int, pages: Sequence[tuple[int, bytes]]) -> bytes:
        """The file with these pages in it, cut or filled up with zeros to its size."""
        whole = bytearray(self.base[:size].ljust(size, b"\0"))
        for number, content in pages:
            start = number * PAGE
            if start < size:
                whole[start : start + PAGE] = content[: size - start]
        return bytes(whole)

    def newest(self, when: int) -> bytes:
        """The file after operation `when`."""
        pages = [(number, chain[upto(chain, when)].content) for number, chain in self.pages.items()]
        return self.content(self.sizes[upto(self.sizes, when)].size, pages)

    def chain(self, number: int, before: bytes) -> list[PageVersion]:
        """The chain of a page, begun where there is none yet; `before` is the file as it is."""
        if number not in self.pages:
            self.pages[number] = [PageVersion(0, page_of(before, number))]
        return self.pages[number]


def page_of(content: bytes, number: int) -> bytes:
    """A page of a file, filled up with zeros."""
    return content[number * PAGE : (number + 1) * PAGE].ljust(PAGE, b"\0")


class Versions:
    """All chains of a recorded run.

    Args:
        base: What was there before, all of it on the disk.
        operations: What was done then, in order.
    """

    def __init__(self, base: Disk, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.names: dict[Name, list[NameVersion]] = {}
        self.in_folder: dict[int, list[Name]] = {}
        """The names that were ever in a folder."""
        self.ever: dict[int, list[Name]] = {}
        """The names that an inode ever had."""
        self.files: dict[int, FileVersions] = {}
        self.inodes: dict[int, Inode] = {}
        self.touches: dict[int, list[tuple[int, Touch]]] = {}
        self.syncs: list[tuple[int, int, Sync]] = []
        """Each with the operation that it is, and the last one that it is about."""
        self.moves: list[tuple[int, Rename]] = []
        """Renames, which put their names on the disk at once."""
        self.replaced: dict[int, int] = {}
        """Renames over another file: the operation, and the inode that was moved there."""
        self._floors: dict[int, tuple[int, tuple[int, dict[int, int]]]] = {}
        self._disk = base.copy()
        for number, inode in self._disk.inodes.items():
            self._known(number, inode)
            for name, named in inode.names.items():
                self.names[number, name] = [NameVersion(0, named)]
                self.in_folder.setdefault(number, []).append((number, name))
                self.ever.setdefault(named, []).append((number, name))
        for when, operation in enumerate(operations, 1):
            self._take(when, operation)
            self._floors.clear()

    def _known(self, number: int, inode: Inode) -> None:
        self.inodes[number] = inode
        if inode.kind == "file":
            self.files[number] = FileVersions(inode.content, [SizeVersion(0, len(inode.content), "set")])

    # -- one operation -------------------------------------------------------------------------------------------------

    def _take(self, when: int, operation: Operation) -> None:
        match operation:
            case Write():
                self._written(when, operation)
            case Resize():
                self._resized(when, operation)
            case Sync(begun=begun):
                self.syncs.append((when, when if begun is None else begun, operation))
            case Chmod(inode=number):
                self._touch(when, number, "mode")
            case Rename():
                self._renamed(when, operation)
            case _:
                pass
        self._disk.apply(operation)
        match operation:
            case Make(inode=number, folder=folder, name=name):
                self._known(number, self._disk.inodes[number])
                self._touch(when, number, "made")
                if name:
                    self._named(when, folder, name, number)
            case Link(inode=number, folder=folder, name=name):
                self._touch(when, number, "names")
                self._named(when, folder, name, number)
            case Unlink(folder=folder, name=name):
                self._named(when, folder, name, None)
            case _:
                pass

    def _touch(self, when: int, inode: int, how: Touch) -> None:
        self.touches.setdefault(inode, []).append((when, how))

    def _named(self, when: int, folder: int, name: bytes, inode: int | None) -> None:
        if (folder, name) not in self.names:
            self.names[folder, name] = [NameVersion(0, None)]
            self.in_folder.setdefault(folder, []).append((folder, name))
        if inode is not None and (folder, name) not in self.ever.setdefault(inode, []):
            self.ever[inode].append((folder, name))
        chain = self.names[folder, name]
        unnamed = chain[-1].inode
        if unnamed is not None:
            self._touch(when, unnamed, "names")
        chain.append(NameVersion(when, inode))
        self._touch(when, folder, "names")

    def _renamed(self, when: int, rename: Rename) -> None:
        source, target = (rename.folder, rename.name), (rename.new_folder, rename.new_name)
        moved = self._disk.inodes[source[0]].names[source[1]]
        other = self._disk.inodes[target[0]].names.get(target[1])
        self.moves.append((when, rename))
        self._touch(when, moved, "names")
        if other is not None:
            self._touch(when, other, "names")
            if not rename.exchange:
                self.replaced[when] = moved
        self._named(when, *source, other if rename.exchange else None)
        self._named(when, *target, moved)

    def _written(self, when: int, write: Write) -> None:
        file, before = self.files[write.inode], self._disk.inodes[write.inode].content
        old, end = len(before), write.offset + len(write.data)
        after = before[: write.offset].ljust(write.offset, b"\0") + write.data + before[end:]
        new_page = False
        for number in range(write.offset // PAGE, (end - 1) // PAGE + 1):
            new_page = new_page or number * PAGE >= old
            file.chain(number, before).append(PageVersion(when, page_of(after, number)))
            reached = min(end, (number + 1) * PAGE)
            if reached > old:
                # A write that goes on behind the page may be taken as a whole, and wait for its new pages.
                inside = old % PAGE != 0 and number == old // PAGE and reached == end
                file.sizes.append(SizeVersion(when, reached, "tail" if inside else "data"))
        self._touch(when, write.inode, "extent" if new_page or end > old else "bytes")

    def _resized(self, when: int, resize: Resize) -> None:
        file, before = self.files[resize.inode], self._disk.inodes[resize.inode].content
        file.sizes.append(SizeVersion(when, resize.size, "set"))
        self._touch(when, resize.inode, "extent")
        _, floors = self.floors(resize.inode, when - 1)
        for number in range(resize.size // PAGE, (len(before) - 1) // PAGE + 1) if resize.size < len(before) else ():
            kept = max(0, resize.size - number * PAGE)
            chain = file.chain(number, before)
            # What was not written back before the cut may still be missing after it; what was cut off is not there.
            left = chain[floors.get(number, 0) :][-_CUT:]
            contents = dict.fromkeys(version.content[:kept].ljust(PAGE, b"\0") for version in left)
            newest = chain[-1].content[:kept].ljust(PAGE, b"\0")
            contents.pop(newest)
            chain += [PageVersion(when, content, "cut" if kept else "drop") for content in (*contents, newest)]

    # -- what was synced -----------------------------------------------------------------------------------------------

    def floors(self, inode: int, count: int) -> tuple[int, dict[int, int]]:
        """The oldest size and pages of a file that may be on the disk after so many operations, as indexes.

        A sync that failed leaves pages that the kernel takes for clean: no later sync writes them, or the size that
        came with them, only a later write does (Rebello et al., USENIX ATC 2020).
        """
        known = self._floors.get(inode)
        if known is not None and known[0] == count:
            return known[1]
        file = self.files[inode]
        size, pages, failed = 0, dict.fromkeys(file.pages, 0), 0
        for done, when, sync in self.syncs:
            if done > count:
                break
            if sync.inode not in {inode, None}:
                continue
            if sync.failed:
                failed = when
                continue
            for number, chain in file.pages.items():
                newest = upto(chain, when)
                if chain[newest].when > failed or not failed:
                    pages[number] = max(pages[number], newest)
            last = upto(file.sizes, when)
            if file.sizes[last].by == "set" or self._written_since(file, file.sizes[last].size, failed, when):
                size = max(size, last)
        self._floors[inode] = count, (size, pages)
        return size, pages

    @staticmethod
    def _written_since(file: FileVersions, size: int, failed: int, when: int) -> bool:
        """Whether the page that a file ends in was written between two operations."""
        chain = file.pages[(size - 1) // PAGE]
        return chain[upto(chain, when)].when > failed

    @cached_property
    def metadata(self) -> list[int]:
        """The operations that change names, or sizes without writing new pages, in order."""
        named = {version.when for chain in self.names.values() for version in chain}
        sized = {
            version.when for file in self.files.values() for version in file.sizes if version.by in {"set", "tail"}
        }
        return sorted((named | sized) - {0})

    def disk(self, named: Mapping[Name, int], contents: Mapping[int, bytes], count: int) -> Disk:
        """The disk with these names and files on it."""
        disk = Disk()
        disk.count = count
        disk.inodes = {inode: self._inode(inode, contents, count) for inode in {TOP, *named.values()}}
        for (folder, name), inode in named.items():
            disk.inodes[folder].names[name] = inode
        return disk

    def _inode(self, number: int, contents: Mapping[int, bytes], count: int) -> Inode:
        inode = self.inodes[number]
        changed = max((when for when, _ in self.touches.get(number, ()) if when <= count), default=0)
        return Inode(inode.kind, inode.mode, contents.get(number, inode.content), changed=changed)
