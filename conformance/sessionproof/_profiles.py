"""What file systems promise: which versions of names, sizes and pages a loss of power may leave together.

`posix` is all that POSIX and the manual pages promise. The others are what a file system does, as mounted by default:
`ext4` (data=ordered, delayed allocation, dioread_nolock, auto_da_alloc; the code path with buffer heads), `xfs` and
`btrfs`, on Linux 6. `nox -s litmus` holds them to what those file systems were seen to leave.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from sessionproof._combinations import combinations
from sessionproof._disk import PAGE, TOP, Rename, Sync
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


Spaces: TypeAlias = Callable[[int, int], Iterator[Space]]


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
    for done, when, sync in versions.syncs:
        if done <= count and not sync.failed:
            for name in names if sync.inode is None else versions.in_folder.get(sync.inode, []):
                floors[name] = max(floors[name], upto(versions.names[name], when))
    moves = [(when, rename) for when, rename in versions.moves if when <= count]
    _raise_tied(versions, floors, moves)
    axes = [range(floors[name], upto(versions.names[name], count) + 1) for name in names]
    seen: set[tuple[int, ...]] = set()
    for drawn in combinations(axes, most):
        chosen = _tied(versions, dict(zip(names, drawn, strict=True)), moves)
        key = tuple(chosen.values())
        if key not in seen:
            seen.add(key)
            yield Space(chosen, lambda inode: _ranges(versions, inode, count))


Moves: TypeAlias = list[tuple[int, Rename]]


def _pair(rename: Rename) -> tuple[Name, Name]:
    return (rename.folder, rename.name), (rename.new_folder, rename.new_name)


def _one_way(rename: Rename) -> bool:
    """Whether both names may be there: the one folder is on the disk as it is now, and the other as it was."""
    return rename.folder != rename.new_folder and not rename.exchange


def _raise_tied(versions: Versions, floors: dict[Name, int], moves: Moves) -> None:
    """A rename of which a name was synced is there; and so are the renames before it that led there."""
    for when, rename in reversed(moves):
        source, target = _pair(rename)
        there = [versions.names[name][floors[name]].when >= when for name in (source, target)]
        if there[0] or (there[1] and not _one_way(rename)):
            floors |= {name: max(floors[name], upto(versions.names[name], when)) for name in (source, target)}


def _tied(versions: Versions, chosen: dict[Name, int], moves: Moves) -> dict[Name, int]:
    """The newest choice that is no newer and has each rename with both of its names, or with none.

    Between folders the old name may also stay; neither is never there.
    """
    for when, rename in moves:
        source, target = _pair(rename)
        there = [versions.names[name][chosen[name]].when >= when for name in (source, target)]
        if there[0] == there[1] or (there[1] and _one_way(rename)):
            continue
        chosen |= {name: min(chosen[name], upto(versions.names[name], when - 1)) for name in (source, target)}
    return chosen


# -- ext4 and xfs ------------------------------------------------------------------------------------------------------

_SYNCED_BY_FDATASYNC: Mapping[str, frozenset[Touch]] = {
    "ext4": frozenset({"made", "extent"}),
    "xfs": frozenset({"made", "extent", "names"}),
}


def _journalled(versions: Versions, count: int, kind: Literal["ext4", "xfs"]) -> Iterator[Space]:
    """Metadata are on the disk up to some operation, in order; an fsync(2) brings all up to its inode's last change."""
    least = 0
    for done, when, sync in versions.syncs:
        if done > count or sync.failed:
            continue
        if sync.inode is None or (kind == "ext4" and versions.inodes[sync.inode].kind == "folder"):
            # Of a folder, ext4 commits the whole journal (ext4_fsync_journal).
            least = max(least, when)
            continue
        counts = _SYNCED_BY_FDATASYNC[kind] if sync.data else frozenset[Touch](("made", "extent", "names", "mode"))
        last = [at for at, how in versions.touches.get(sync.inode, ()) if at <= when and how in counts]
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
        next_metadata = self._next_metadata
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
        chain = file.pages[number]
        # A page that was dropped since is given its place again when it is written back.
        drops = [at for at, page in enumerate(chain) if page.by == "drop" and page.when < version.when]
        dropped = max(drops, default=None)
        placed = floors[number] > (dropped or 0) or (dropped is None and number * PAGE < len(file.base))
        return self.kind == "ext4" and version.by == "tail" and placed

    def _pages(self, inode: int, number: int, indexes: tuple[int, ...]) -> tuple[int, ...]:
        """The versions of a page. What a truncation has cut off does not come back once that is on the disk."""
        file = self.versions.files[inode]
        chain, placed = file.pages[number], indexes[0] > 0 or number * PAGE < len(file.base)
        left: list[int] = []
        for index in indexes:
            version = chain[index]
            if version.by != "write" and version.when <= self.committed:
                left = [other for other in left if chain[other].when == version.when]
            elif version.by == "drop" or (not placed and index > 0 and version.when > self._next_metadata):
                # A page that has no place yet is given one in a transaction after all metadata before the write.
                break
            left.append(index)
        return tuple(left)

    @property
    def _next_metadata(self) -> int:
        """The first operation on metadata that is not on the disk."""
        metadata = self.versions.metadata
        following = bisect_right(metadata, self.committed)
        return metadata[following] if following < len(metadata) else self.count + 1


# -- btrfs -------------------------------------------------------------------------------------------------------------


class _Btrfs:
    """Everything up to some operation was committed; each later fsync(2) has added its own inode and its names.

    A commit holds of a file what was written back by then. A log holds what is needed to reach the inode, and no other
    change, not even an earlier one in the same folder (fs/btrfs/tree-log.c). Instants are asked for in order.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._logs: dict[tuple[int, bool, bool], _Log] = {}

    def __call__(self, count: int, _: int) -> Iterator[Space]:
        versions = self._versions
        syncs = [(when, sync.inode) for done, when, sync in versions.syncs if done <= count and not sync.failed]
        least = max((when for when, inode in syncs if inode is None), default=0)
        changes = [when for when in range(least + 1, count + 1) if not isinstance(versions.operations[when - 1], Sync)]
        unsynced = [inode for inode in versions.files if not _is_synced(versions, inode, count)]
        seen: set[object] = set()
        for committed in [least, *changes]:
            files = _CommittedFiles(versions, count, committed)
            what = tuple(files(inode) for inode in unsynced)
            for both, along in ((False, False), (False, True), (True, False), (True, True)):
                log = self._logs.get((committed, both, along))
                if log is None or log.last > count:
                    log = self._logs[committed, both, along] = _Log(versions, committed, both, along)
                log.add([(when, inode) for when, inode in syncs if inode is not None and when > log.last])
                if (key := (tuple(log.names.values()), what)) not in seen:
                    seen.add(key)
                    yield Space(dict(log.names), files)


def _is_synced(versions: Versions, inode: int, count: int) -> bool:
    """Whether nothing of a file's content may be missing."""
    file = versions.files[inode]
    size, pages = versions.floors(inode, count)
    return size == upto(file.sizes, count) and all(
        pages[number] == upto(chain, count) for number, chain in file.pages.items()
    )


class _Log:
    """The names on the disk after a commit and the syncs that follow, in one of the ways that were seen.

    With `both`, a file that was moved into a folder that is synced has its old name as well. With `along`, the new name
    of a file that was synced before it was renamed goes to the disk with the next sync of any file.
    """

    def __init__(self, versions: Versions, committed: int, both: bool, along: bool) -> None:  # noqa: FBT001 - two of four ways
        self._versions, self._both, self._along = versions, both, along
        self.names = {name: upto(chain, committed) for name, chain in versions.names.items()}
        self.last = committed
        self._synced: dict[int, int] = {}

    def add(self, syncs: list[tuple[int, int]]) -> None:
        """What syncs bring to the disk, by operation and inode, in order."""
        for when, inode in syncs:
            for at, rename in self._versions.moves if self._along else ():
                moved = self._inode((rename.new_folder, rename.new_name), at)
                if self.last < at < when and moved in self._synced:
                    self._give_names(moved, at)
            self._sync(inode, when)
            self._synced[inode] = self.last = when

    def _inode(self, name: Name, when: int) -> int | None:
        chain = self._versions.names[name]
        return chain[upto(chain, when)].inode

    def _now(self, name: Name) -> int | None:
        return self._versions.names[name][self.names[name]].inode

    def _sync(self, inode: int, when: int) -> None:
        """Add what an fsync(2) of an inode brings to the disk."""
        versions = self._versions
        if versions.inodes[inode].kind == "folder":
            for name in versions.in_folder.get(inode, []):
                chain, newest = versions.names[name], upto(versions.names[name], when)
                if self.names[name] >= newest:
                    continue
                # Of a file that was unlinked here only this name is logged; of one that was renamed, the new one too.
                entries = {chain[newest].inode}
                for old, new in pairwise(chain[self.names[name] : newest + 1]):
                    if isinstance(versions.operations[new.when - 1], Rename):
                        entries.add(old.inode)
                self.names[name] = newest
                for moved in entries - {None}:
                    self._give_names(moved, when, into=inode if self._both else None)
        self._give_names(inode, when)

    def _give_names(self, inode: int | None, when: int, into: int | None = None) -> None:
        """Give an inode the names that it had after operation `when`, and its folders theirs.

        Where it was moved `into` a folder, a name that it had in another may stay.
        """
        if inode is None or inode == TOP:
            return
        versions = self._versions
        ever = versions.ever.get(inode, [])
        new = {name for name in ever if self._inode(name, when) == inode}
        old = {name for name in ever if self._now(name) == inode} - new
        folders = {folder for folder, _ in new}
        if into in folders:
            old = {name for name in old if name[0] in folders}
        for name in sorted(old | new):
            chain, newest = versions.names[name], upto(versions.names[name], when)
            if self.names[name] < newest:
                lost, self.names[name] = self._now(name), newest
                # What had a name that is logged, or has taken one, is logged with it (conflicting inodes, tree-log.c).
                for other in {lost, chain[newest].inode} - {inode}:
                    self._give_names(other, when)
        for folder in folders:
            # A folder that is there already keeps the name that it has there.
            if all(self._now(name) != folder for name in versions.ever.get(folder, [])):
                self._give_names(folder, when)


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
        dropped = [index for index in range(floor, newest + 1) if chain[index].by == "drop"]
        return tuple(range(max([floor, *dropped]), newest + 1))


SPACES: Mapping[Profile, Callable[[Versions], Spaces]] = {
    "ext4": lambda versions: lambda count, _: _journalled(versions, count, "ext4"),
    "xfs": lambda versions: lambda count, _: _journalled(versions, count, "xfs"),
    "btrfs": _Btrfs,
    "posix": lambda versions: lambda count, most: _posix(versions, count, most),
}
"""What gives the spaces of a profile for some versions: after so many operations, about so many at the most."""
