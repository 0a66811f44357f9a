"""What file systems promise: which versions of names, sizes and pages a loss of power may leave together.

`posix` is all that POSIX and the manual pages promise. The others are what a file system does, as mounted by default:
`ext4` (data=ordered, delayed allocation, dioread_nolock, auto_da_alloc; the code path with buffer heads), `xfs` and
`btrfs`, on Linux 6. `nox -s litmus` holds them to what those file systems were seen to leave.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from sessionproof._combinations import combinations
from sessionproof._disk import PAGE, TOP, Sync
from sessionproof._versions import Name, PageVersion, SizeVersion, Touch, Versions, upto

Profile = Literal["ext4", "xfs", "btrfs", "posix"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
REAL: frozenset[Profile] = frozenset({"ext4", "xfs", "btrfs"})
"""Those that name a file system."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Which versions of one file may be on the disk, as indexes, oldest first: of its size, and of its pages by number.

    With `sized_by_data` a size is there only with the page that it ends in. With `torn` an overwritten page may be
    there in part.
    """

    sizes: tuple[int, ...]
    pages: tuple[tuple[int, tuple[int, ...]], ...]
    sized_by_data: bool = False
    torn: bool = True

    def allows(self, size: SizeVersion, pages: Mapping[int, PageVersion]) -> bool:
        """Whether the size goes with these pages."""
        return not self.sized_by_data or size.by == "set" or pages[(size.size - 1) // PAGE].when >= size.when


@dataclass(frozen=True, slots=True)
class Space:
    """States that share their names: the version of each name, and what each file may be then."""

    names: Mapping[Name, int]
    ranges: Callable[[int], Ranges]


Spaces: TypeAlias = Callable[[Versions, int, int], Iterator[Space]]


def _ranges(versions: Versions, inode: int, count: int) -> Ranges:
    """Every version from the floor to the newest."""
    file = versions.files[inode]
    size, pages = versions.floors(inode, count)
    return Ranges(
        tuple(range(size, upto(file.sizes, count) + 1)),
        tuple((number, tuple(range(pages[number], upto(chain, count) + 1))) for number, chain in file.pages.items()),
    )


# -- POSIX -------------------------------------------------------------------------------------------------------------


def _posix(versions: Versions, count: int, most: int) -> Iterator[Space]:
    """Every name for itself, but for the two of a rename; names are synced with their folder, files with themselves."""
    names = list(versions.names)
    floors = dict.fromkeys(names, 0)
    for when, sync in versions.syncs:
        if when <= count and not sync.failed:
            for name in names if sync.inode is None else versions.in_folder(sync.inode):
                floors[name] = upto(versions.names[name], when)
    axes = [range(floors[name], upto(versions.names[name], count) + 1) for name in names]
    moves = [(when, pair) for when, pair in versions.moves if when <= count]
    seen: set[tuple[int, ...]] = set()
    for drawn in combinations(axes, most):
        chosen = _tied(versions, dict(zip(names, drawn, strict=True)), floors, moves)
        key = tuple(chosen.values())
        if key not in seen:
            seen.add(key)
            yield Space(chosen, lambda inode: _ranges(versions, inode, count))


def _tied(
    versions: Versions, chosen: dict[Name, int], floors: Mapping[Name, int], moves: list[tuple[int, tuple[Name, Name]]]
) -> dict[Name, int]:
    """The nearest choice in which each rename is on the disk with both of its names, or with none."""
    settled = False
    while not settled:
        settled = True
        for when, pair in moves:
            there = [versions.names[name][chosen[name]].when >= when for name in pair]
            if there[0] == there[1]:
                continue
            settled = False
            # Without it, unless a sync has put one of the names on the disk.
            before = {name: upto(versions.names[name], when - 1) for name in pair}
            if all(before[name] >= floors[name] for name in pair):
                chosen |= {name: min(chosen[name], before[name]) for name in pair}
            else:
                chosen |= {name: max(chosen[name], upto(versions.names[name], when)) for name in pair}
    return chosen


# -- ext4 and xfs ------------------------------------------------------------------------------------------------------

_SYNCED_BY_FDATASYNC: Mapping[str, frozenset[Touch]] = {
    "ext4": frozenset({"made", "extent"}),
    "xfs": frozenset({"made", "extent", "names"}),
}


def _journalled(versions: Versions, count: int, kind: Literal["ext4", "xfs"]) -> Iterator[Space]:
    """Metadata are on the disk up to some operation, in order; an fsync(2) brings all up to its inode's last change."""
    least = 0
    for when, sync in versions.syncs:
        if when > count or sync.failed:
            continue
        if sync.inode is None or (kind == "ext4" and versions.inodes[sync.inode].kind == "folder"):
            # Of a folder, ext4 commits the whole journal (ext4_fsync_journal).
            least = when
            continue
        counts = _SYNCED_BY_FDATASYNC[kind] if sync.data else frozenset[Touch](("made", "extent", "names", "time"))
        last = [at for at, how in versions.touches.get(sync.inode, ()) if at < when and how in counts]
        least = max([least, *last])
    for committed in [least, *(when for when in versions.metadata if least < when <= count)]:
        names = {name: upto(chain, committed) for name, chain in versions.names.items()}
        yield Space(names, _JournalledFiles(versions, count, committed, kind))


@dataclass(frozen=True, slots=True)
class _JournalledFiles:
    """What a file may be where the metadata are there up to the operation `committed`."""

    versions: Versions
    count: int
    committed: int
    kind: Literal["ext4", "xfs"]

    def __call__(self, inode: int) -> Ranges:
        versions, committed = self.versions, self.committed
        file = versions.files[inode]
        least, floors = versions.floors(inode, self.count)
        whole = _ranges(versions, inode, self.count)
        metadata = versions.metadata
        following = bisect_right(metadata, committed)
        next_metadata = metadata[following] if following < len(metadata) else self.count + 1
        sizes: list[int] = []
        for index in whole.sizes:
            version = file.sizes[index]
            if self._journalled(inode, version, floors):
                if version.when > committed:
                    break
                sizes.clear()
            elif version.when > next_metadata:
                # Space for new pages is given in a transaction after all metadata before the write.
                break
            sizes.append(index)
        if self.kind == "ext4":
            # Renaming over another file gives the new one its space (auto_da_alloc), though not yet its bytes.
            renamed = [when for when, moved in versions.replaced.items() if moved == inode and when <= committed]
            least = max([least, *(upto(file.sizes, when) for when in renamed)])
        sizes = [index for index in sizes if index >= least] or [least]
        pages = tuple((number, self._pages(inode, number, indexes)) for number, indexes in whole.pages)
        return Ranges(tuple(sizes), pages, sized_by_data=self.kind == "xfs")

    def _journalled(self, inode: int, version: SizeVersion, floors: Mapping[int, int]) -> bool:
        """Whether the size is metadata: on ext4 also that of an append to a page that has its place on the disk."""
        if version.by == "set":
            return True
        file, number = self.versions.files[inode], (version.size - 1) // PAGE
        placed = floors[number] > 0 or number * PAGE < len(file.base)
        return self.kind == "ext4" and version.by == "tail" and placed

    def _pages(self, inode: int, number: int, indexes: tuple[int, ...]) -> tuple[int, ...]:
        """The versions of a page; pages that were dropped come and go with the truncation."""
        chain = self.versions.files[inode].pages[number]
        left: list[int] = []
        for index in indexes:
            if chain[index].dropped:
                if chain[index].when > self.committed:
                    break
                left.clear()
            left.append(index)
        return tuple(left)


# -- btrfs -------------------------------------------------------------------------------------------------------------


def _btrfs(versions: Versions, count: int) -> Iterator[Space]:
    """Everything up to some operation was committed; each later fsync(2) has added its own inode and its names.

    A commit holds of a file what was written back by then. A log holds what is needed to reach the inode, and no other
    change, not even an earlier one in the same folder (fs/btrfs/tree-log.c).
    """
    syncs = [(when, sync) for when, sync in versions.syncs if when <= count and not sync.failed]
    least = max((when for when, sync in syncs if sync.inode is None), default=0)
    changes = [when for when in range(least + 1, count + 1) if not isinstance(versions.operations[when - 1], Sync)]
    for committed in [least, *changes]:
        names = {name: upto(chain, committed) for name, chain in versions.names.items()}
        for when, sync in syncs:
            if when > committed and sync.inode is not None:
                _log(versions, names, sync.inode, when)
        yield Space(names, _CommittedFiles(versions, count, committed))


def _log(versions: Versions, names: dict[Name, int], inode: int, when: int) -> None:
    """Add to the names what an fsync(2) of an inode brings to the disk."""
    if versions.inodes[inode].kind == "folder":
        for name in list(versions.in_folder(inode)):
            chain, newest = versions.names[name], upto(versions.names[name], when)
            entries = {chain[names[name]].inode, chain[newest].inode} if names[name] < newest else set[int | None]()
            names[name] = max(names[name], newest)
            for moved in entries - {None}:
                _rename_to(versions, names, moved, when)
    _rename_to(versions, names, inode, when)


def _rename_to(versions: Versions, names: dict[Name, int], inode: int | None, when: int) -> None:
    """Give an inode the names that it had after operation `when`, and its folders theirs."""
    if inode is None or inode == TOP:
        return
    old = [name for name, chain in versions.names.items() if chain[names[name]].inode == inode]
    new = list(versions.names_of(inode, when))
    for name in {*old, *new}:
        names[name] = max(names[name], upto(versions.names[name], when))
    reached = {chain[names[name]].inode for name, chain in versions.names.items()}
    for folder in {folder for folder, _ in new} - reached:
        # A folder that is there already keeps the name that it has there.
        _rename_to(versions, names, folder, when)


@dataclass(frozen=True, slots=True)
class _CommittedFiles:
    """What a file may be where all was committed up to an operation, as far as it had been written back."""

    versions: Versions
    count: int
    committed: int

    def __call__(self, inode: int) -> Ranges:
        versions, committed = self.versions, self.committed
        file = versions.files[inode]
        size, pages = versions.floors(inode, self.count)
        # Renaming over another file writes the new one back with the commit (btrfs flushes it).
        for when, moved in versions.replaced.items():
            if moved == inode and when <= committed:
                size = max(size, upto(file.sizes, when))
                pages = {number: max(floor, upto(file.pages[number], when)) for number, floor in pages.items()}
        cut = [index for index, version in enumerate(file.sizes) if version.by == "set" and version.when <= committed]
        size = max([size, *cut])
        sizes = tuple(range(size, max(size, upto(file.sizes, committed)) + 1))
        return Ranges(
            sizes,
            tuple((number, self._pages(inode, number, floor)) for number, floor in pages.items()),
            sized_by_data=True,
            torn=False,
        )

    def _pages(self, inode: int, number: int, floor: int) -> tuple[int, ...]:
        chain = self.versions.files[inode].pages[number]
        newest = max(floor, upto(chain, self.committed))
        dropped = [index for index in range(floor, newest + 1) if chain[index].dropped]
        return tuple(range(max([floor, *dropped]), newest + 1))


SPACES: Mapping[Profile, Spaces] = {
    "ext4": lambda versions, count, _: _journalled(versions, count, "ext4"),
    "xfs": lambda versions, count, _: _journalled(versions, count, "xfs"),
    "btrfs": lambda versions, count, _: _btrfs(versions, count),
    "posix": _posix,
}
"""The spaces of a profile: of these versions, after so many operations, about so many at the most."""
