"""The states that a loss of power may leave, held to what must be so for any operations."""

import copy
from contextlib import AbstractContextManager
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TypeAlias
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionproof import _power
from sessionproof._combinations import combinations
from sessionproof._disk import PAGE, TOP, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._power import Loss, Power
from sessionproof._profiles import PROFILES, REAL, Profile
from sessionproof._versions import Versions

Script: TypeAlias = tuple[Disk, list[Operation]]
"""What is on the disk, and what is done then."""

FOLDER, OTHER, FIRST = 1, 2, 3
"""Two folders below the top; files have the numbers that follow."""
NAMES = [b"a", b"b"]
EVERYTHING = 1_000_000


@st.composite
def scripts(draw: st.DrawFn, longest: int = 6, *, failures: bool = True) -> Script:
    """A disk with two folders and up to two files, and operations that a kernel would do."""
    disk = Disk()
    for number, name in ((FOLDER, b"d"), (OTHER, b"e")):
        disk.apply(Make(number, TOP, name, "folder", 0o755))
    for number, name in enumerate(NAMES[: draw(st.integers(0, 2))], FIRST):
        disk.apply(Make(number, TOP, name, "file", 0o644))
        disk.apply(Write(number, 0, b"O" * draw(st.sampled_from([5, PAGE + 5]))))
    after, done = disk.copy(), list[Operation]()
    for turn in range(draw(st.integers(1, longest))):
        operation = draw(st.sampled_from([*_possible(after, bytes([ord("0") + turn]))]))
        if isinstance(operation, Sync):
            operation = replace(operation, data=draw(st.booleans()), failed=failures and draw(st.booleans()))
        after.apply(operation)
        done.append(operation)
    return disk, done


def _possible(disk: Disk, byte: bytes) -> Iterator[Operation]:
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


def power(script: Script, most: int = EVERYTHING) -> Power:
    """The model of a script."""
    return Power(Versions(*script), most)


def states(script: Script, profile: Profile, count: int | None = None) -> dict[object, Loss]:
    """What one profile admits, enumerated by itself."""
    found = power(script).losses(len(script[1]) if count is None else count, [profile])
    assert not found.left_out
    return found.states


def whole(script: Script, count: int | None = None) -> Disk:
    """The disk with nothing lost."""
    disk = script[0].copy()
    for operation in script[1][:count]:
        disk.apply(operation)
    return disk


def untorn() -> AbstractContextManager[object]:
    """Without pages that are there in part."""
    return mock.patch.object(_power, "_SECTOR", PAGE)


any_profile = pytest.mark.parametrize("profile", PROFILES)
quick = settings(max_examples=1500, deadline=None)


# -- what holds for any operations -------------------------------------------------------------------------------------


@any_profile
@quick
@given(script=scripts())
def test_disk_with_nothing_lost_is_no_state(profile: Profile, script: Script) -> None:
    """It may always be that nothing is lost, and of that state no operation is told as lost."""
    newest = whole(script).key()
    found = states(script, profile)
    assert newest in found
    versions = Versions(*script)
    for key, loss in found.items():
        assert bool(loss.lost(versions)) == (key != newest)


@pytest.mark.parametrize("profile", sorted(REAL))
@quick
@given(script=scripts())
def test_file_system_breaks_posix(profile: Profile, script: Script) -> None:
    """What a file system may leave, POSIX admits too."""
    with untorn():
        assert states(script, profile).keys() <= states(script, "posix").keys()


@any_profile
@quick
@given(script=scripts(failures=False))
def test_something_is_lost_after_a_sync_of_everything(profile: Profile, script: Script) -> None:
    """After a sync of everything one state is left."""
    synced = (script[0], [*script[1], Sync(None)])
    assert states(synced, profile).keys() == {whole(script).key()}


@any_profile
@quick
@given(script=scripts(failures=False), data=st.booleans())
def test_synced_file_is_other_than_synced(profile: Profile, script: Script, *, data: bool) -> None:
    """A file that was synced, and not written since, has its bytes wherever it has a name."""
    disk = whole(script)
    for number, inode in disk.inodes.items():
        if inode.kind == "file":
            synced = (script[0], [*script[1], Sync(number, data=data), Make(99, TOP, b"new", "file", 0o644)])
            found = states(synced, profile).values()
            left = {loss.disk.inodes[number].content for loss in found if number in loss.disk.inodes}
            assert left <= {inode.content}


@any_profile
@quick
@given(script=scripts())
def test_state_is_only_there_between_syncs(profile: Profile, script: Script) -> None:
    """What may be left after an operation may be left right before the next sync too, or at the end."""
    syncs = [number for number, operation in enumerate(script[1]) if isinstance(operation, Sync)]
    ends = [*syncs, len(script[1])]
    with untorn():
        for count in range(len(script[1])):
            end = next(end for end in ends if end >= count)
            assert states(script, profile, count).keys() <= states(script, profile, end).keys()


@quick
@given(script=scripts(5, failures=False))
def test_posix_is_more_or_less_than_every_combination(script: Script) -> None:
    """POSIX admits every combination of what names, sizes and pages have been, above what was synced."""
    with untorn():
        assert states(script, "posix").keys() == {disk.key() for disk in every_combination(script)}


Place: TypeAlias = tuple[int, bytes | int | None]
"""A name in a folder, a page of a file by its number, or, with None, a file's size."""


def every_combination(script: Script) -> Iterator[Disk]:
    """The same in the plainest way: of each place one of the values that it had since it was synced."""
    disk = script[0].copy()
    held = {place: [(0, value)] for place, value in _held(disk)}
    least, renames = dict[Place, int](), list[tuple[int, Place, Place]]()
    for when, operation in enumerate(script[1], 1):
        for place, value in _passed(disk, operation):
            held[place].append((when, value))
        disk.apply(operation)
        for place, value in _held(disk):
            known = held.setdefault(place, [(0, _before(place))])
            if known[-1][1] != value:
                known.append((when, value))
        gone = [place for place in held if isinstance(place[1], bytes) and place[1] not in disk.inodes[place[0]].names]
        for place in gone:
            if held[place][-1][1] is not None:
                held[place].append((when, None))
        if isinstance(operation, Sync):
            least |= {place: when for place in held if operation.inode in {place[0], None}}
        if isinstance(operation, Rename):
            pair = (operation.folder, operation.name), (operation.new_folder, operation.new_name)
            renames.append((when, *pair))
    floors = [max(at for at, _ in known if at <= least.get(place, 0)) for place, known in held.items()]
    axes = [[one for one in known if one[0] >= floor] for known, floor in zip(held.values(), floors, strict=True)]
    for chosen in product(*axes):
        there = dict(zip(held, chosen, strict=True))
        if all((there[old][0] >= when) == (there[new][0] >= when) for when, old, new in renames):
            yield _built(disk, {place: value for place, (_, value) in there.items()})


def _held(disk: Disk) -> Iterator[tuple[Place, object]]:
    for number, inode in disk.inodes.items():
        yield from (((number, name), named) for name, named in inode.names.items())
        if inode.kind == "file":
            yield (number, None), len(inode.content)
            yield from (((number, page), inode.content[page * PAGE :][:PAGE].ljust(PAGE, b"\0")) for page in (0, 1))


def _before(place: Place) -> object:
    """What a place holds before it is used."""
    match place[1]:
        case bytes():
            return None
        case None:
            return 0
        case _:
            return bytes(PAGE)


def _passed(disk: Disk, operation: Operation) -> Iterator[tuple[Place, object]]:
    """A file that grows into its second page has the size of the first one on the way."""
    if isinstance(operation, Write):
        old, end = len(disk.inodes[operation.inode].content), operation.offset + len(operation.data)
        if old < PAGE < end and operation.offset < PAGE:
            yield (operation.inode, None), PAGE


def _built(newest: Disk, values: Mapping[Place, object]) -> Disk:
    disk = copy.deepcopy(newest)
    for number, inode in disk.inodes.items():
        inode.names = {
            name: named for (at, name), named in values.items() if at == number and isinstance(name, bytes) and named
        }
        if inode.kind == "file":
            pages, size = b"".join(values[number, page] for page in (0, 1)), values[number, None]
            inode.content = pages[:size]
    return disk
