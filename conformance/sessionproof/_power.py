"""The states that a loss of power may leave, each with the profiles that admit it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from math import prod

from sessionproof._combinations import combinations
from sessionproof._disk import PAGE, TOP, Disk
from sessionproof._profiles import PROFILES, SPACES, Profile, Ranges, Space, Spaces
from sessionproof._versions import AnyVersion, Name, PageVersion, Versions, upto

_SECTOR = 512
_TORN = 2
"""How many pages of a file are torn, one in a state: so many of the first that have changed, and of the last."""


_ALL = 1 << 22
"""Bytes: all contents that a file may have are built where they take no more; else as many as are made use of."""


@dataclass(frozen=True, slots=True)
class Image:
    """One content that a file may have, and the versions it is made of: of its size, and of its pages by number."""

    content: bytes
    size: int
    pages: Mapping[int, int]
    torn: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """One state, after so many operations."""

    disk: Disk
    count: int
    names: Mapping[Name, int]
    images: Mapping[int, Image]
    profiles: set[Profile]

    def lost(self, versions: Versions) -> dict[int, str]:
        """The operations of which something is not on the disk, with what: empty where nothing of them is."""
        there: dict[int, dict[str, bool]] = {}

        def take(chain: Sequence[AnyVersion], chosen: int, what: str) -> None:
            for index, version in enumerate(chain):
                if 0 < version.when <= self.count:
                    known = there.setdefault(version.when, {})
                    known[what] = index <= chosen and known.get(what, True)

        for name, index in self.names.items():
            chain = versions.names[name]
            newest = upto(chain, self.count)
            # A name that is there as it is now has lost nothing that anybody can tell; so it is with a file.
            kept = newest if chain[index].inode == chain[newest].inode else index
            take(chain, kept, f"the name {name[1].decode(errors='backslashreplace')}")
        for inode, image in self.images.items():
            file = versions.files[inode]
            whole = image.content == file.newest(self.count)
            take(file.sizes, upto(file.sizes, self.count) if whole else image.size, "the size")
            for number, index in image.pages.items():
                take(file.pages[number], upto(file.pages[number], self.count) if whole else index, f"page {number}")
        return {
            when: ", ".join(what for what, is_there in known.items() if not is_there) if any(known.values()) else ""
            for when, known in sorted(there.items())
            if not all(known.values())
        }


@dataclass(frozen=True, slots=True)
class _Shape:
    """States with one tree of names; `named` are those that have a way from the top, `files` what each file may be."""

    names: Mapping[Name, int]
    named: Mapping[Name, int]
    files: Mapping[int, Ranges]


@dataclass(slots=True)
class Losses:
    """What was built of the states after some operations: `possible` counts those that there are at the most."""

    states: dict[object, Loss] = field(default_factory=dict[object, Loss])
    left_out: int = 0

    @property
    def possible(self) -> int:
        """How many states there are at the most; exact where none was left out."""
        return len(self.states) + self.left_out


class Power:
    """Cuts the power after any of the operations of a recorded run.

    Args:
        versions: What the operations have made.
        most: How many states of one point are built for one profile, about, where there are more.
        leave: Whether a path is of no interest: what lies there is left out.
    """

    def __init__(self, versions: Versions, most: int, leave: Callable[[str], bool] = lambda _: False) -> None:
        self.versions, self.most, self.leave = versions, most, leave
        self._profiles: dict[Profile, Spaces] = {}
        self._images: dict[tuple[int, Ranges, int], tuple[list[Image], int]] = {}

    def losses(self, count: int, profiles: Iterable[Profile] = PROFILES) -> Losses:
        """The states that a loss of power may leave after the first `count` operations."""
        found = Losses()
        # No instant needs those of another, and they may be large.
        self._images.clear()
        for profile in profiles:
            shapes: dict[object, _Shape] = {}
            for space in self._spaces(profile)(count, self.most):
                shape = self._shape(space)
                shapes.setdefault((tuple(shape.named.items()), tuple(shape.files.items())), shape)
            share = max(8, self.most // max(1, len(shapes)))
            for shape in shapes.values():
                self._add(found, shape, profile, count, share)
        return found

    def _spaces(self, profile: Profile) -> Spaces:
        if profile not in self._profiles:
            self._profiles[profile] = SPACES[profile](self.versions)
        return self._profiles[profile]

    def _shape(self, space: Space) -> "_Shape":
        """What of a space has a way from the top, and is of interest."""
        below: dict[int, list[tuple[bytes, int]]] = {}
        for (folder, name), index in space.names.items():
            inode = self.versions.names[folder, name][index].inode
            if inode is not None:
                below.setdefault(folder, []).append((name, inode))
        named: dict[Name, int] = {}
        folders = [(TOP, b"")]
        while folders:
            folder, path = folders.pop()
            for name, inode in below.pop(folder, ()):
                if not self.leave(os.fsdecode(path + name)):
                    named[folder, name] = inode
                    folders.append((inode, path + name + b"/"))
        files = {inode: space.ranges(inode) for inode in sorted({*named.values()} & self.versions.files.keys())}
        return _Shape(space.names, named, files)

    def _add(self, found: Losses, shape: "_Shape", profile: Profile, count: int, most: int) -> None:
        images = [self._images_of(inode, ranges, most) for inode, ranges in shape.files.items()]
        tried = 0
        for choice in combinations([some for some, _ in images], most):
            tried += 1
            chosen = dict(zip(shape.files, choice, strict=True))
            disk = self.versions.disk(shape.named, {inode: image.content for inode, image in chosen.items()}, count)
            loss = found.states.setdefault(disk.key(), Loss(disk, count, shape.names, chosen, set()))
            # POSIX promises less than any file system.
            loss.profiles.update({profile, "posix"})
        found.left_out += prod(total for _, total in images) - tried

    def _images_of(self, inode: int, ranges: Ranges, most: int) -> tuple[list[Image], int]:
        """The contents that a file may have, oldest first and newest last, and how many there are at the most."""
        if (inode, ranges, most) not in self._images:
            file = self.versions.files[inode]
            choices, left_out = self._choices(inode, ranges, most)
            ends = [
                self._image(inode, ranges.sizes[end], {at: which[end] for at, which in ranges.pages}) for end in (0, -1)
            ]
            found: dict[bytes, Image] = {}
            for size, pages in chain([(ends[0].size, ends[0].pages)], choices):
                image = self._image(inode, size, pages)
                if ranges.allows(file.sizes[size], self._pages(inode, pages)):
                    found.setdefault(image.content, image)
            if ranges.torn:
                for image in self._torn(inode, ranges):
                    found.setdefault(image.content, image)
            found.pop(ends[1].content, None)
            found[ends[1].content] = ends[1]
            self._images[inode, ranges, most] = [*found.values()], len(found) + left_out
        return self._images[inode, ranges, most]

    def _choices(self, inode: int, ranges: Ranges, most: int) -> tuple[Iterator[tuple[int, dict[int, int]]], int]:
        """Sizes with pages, and how many of them are left out; of pages behind the end the version does not matter."""
        file = self.versions.files[inode]
        sizes = [(index, file.sizes[index].size) for index in ranges.sizes]
        numbers = [number for number, _ in ranges.pages]
        axes = {
            index: [which if at * PAGE < size else which[-1:] for at, which in ranges.pages] for index, size in sizes
        }
        total = sum(prod(map(len, pages)) for pages in axes.values())
        most = max(most, _ALL // max(1, *(size for _, size in sizes)))
        chosen = (
            ((index, pages) for index, _ in sizes for pages in product(*axes[index]))
            if total <= most
            else ((index, pages) for index, *pages in combinations([ranges.sizes, *(w for _, w in ranges.pages)], most))
        )
        return ((index, dict(zip(numbers, pages, strict=True))) for index, pages in chosen), max(0, total - most)

    def _image(self, inode: int, size: int, pages: Mapping[int, int]) -> Image:
        file = self.versions.files[inode]
        contents = [(number, file.pages[number][index].content) for number, index in pages.items()]
        return Image(file.content(file.sizes[size].size, contents), size, pages)

    def _torn(self, inode: int, ranges: Ranges) -> Iterator[Image]:
        """One overwritten page is there in part, cut between sectors, with all else as new, or as old, as can be."""
        file = self.versions.files[inode]
        changed = [number for number, indexes in ranges.pages if len(indexes) > 1]
        torn = {*changed[:_TORN], *changed[-_TORN:]}
        for end in (-1, 0):
            size = file.sizes[ranges.sizes[end]]
            others = {number: indexes[end] for number, indexes in ranges.pages}
            for number, indexes in ranges.pages:
                if number not in torn or number * PAGE >= size.size:
                    continue
                # What is on the disk is the oldest that may be there, or the last before the newest.
                for old in {indexes[0], indexes[-2]}:
                    pages = {**others, number: old}
                    if ranges.allows(size, self._pages(inode, pages)):
                        yield from self._torn_page(inode, number, pages, indexes[-1], ranges.sizes[end])

    def _torn_page(self, inode: int, number: int, pages: Mapping[int, int], new: int, size: int) -> Iterator[Image]:
        file = self.versions.files[inode]
        chain, old = file.pages[number], pages[number]
        if _is_new(chain, old, number, file.base) or any(version.by == "drop" for version in chain[old : new + 1]):
            return
        contents = [(at, file.pages[at][index].content) for at, index in pages.items()]
        for cut in range(_SECTOR, PAGE, _SECTOR):
            mixed = chain[new].content[:cut] + chain[old].content[cut:]
            if mixed not in {chain[old].content, chain[new].content}:
                yield Image(file.content(file.sizes[size].size, [*contents, (number, mixed)]), size, pages, number)

    def _pages(self, inode: int, pages: Mapping[int, int]) -> dict[int, PageVersion]:
        chains = self.versions.files[inode].pages
        return {number: chains[number][index] for number, index in pages.items()}


def _is_new(chain: list[PageVersion], index: int, number: int, base: bytes) -> bool:
    """Whether the page had no place on the disk yet, so that what is written there shows whole or not at all."""
    return chain[index].by == "drop" or (index == 0 and number * PAGE >= len(base))
