"""The states that a loss of power may leave, held to what must be so for any operations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise, product
from typing import TypeAlias, cast
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litmus.scripts import FIRST, FOLDER, Script, possible, two_folders
from sessionproof import _power
from sessionproof._combinations import combinations
from sessionproof._disk import PAGE, TOP, Disk, Make, Operation, Rename, Resize, Sync, Write
from sessionproof._power import Loss, Power
from sessionproof._profiles import PROFILES, REAL, Profile
from sessionproof._versions import Versions

EVERYTHING = 1_000_000


@st.composite
def scripts(draw: st.DrawFn, longest: int = 6, *, failures: bool = True) -> Script:
    """A disk with two folders and up to two files, and operations that a kernel would do."""
    disk = two_folders([b"O" * draw(st.sampled_from([5, PAGE + 5])) for _ in range(draw(st.integers(0, 2)))])
    after, done = disk.copy(), list[Operation]()
    for turn in range(draw(st.integers(1, longest))):
        operation = draw(st.sampled_from([*possible(after, bytes([ord("0") + turn]))]))
        if isinstance(operation, Sync):
            operation = replace(operation, data=draw(st.booleans()), failed=failures and draw(st.booleans()))
        after.apply(operation)
        done.append(operation)
    return disk, done


def states(script: Script, profile: Profile, count: int | None = None) -> dict[object, Loss]:
    """What one profile admits after so many operations or all, enumerated by itself."""
    found = Power(Versions(*script), EVERYTHING).losses(len(script[1]) if count is None else count, [profile])
    assert not found.left_out
    assert found.possible == len(found.states)
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
quick = settings(max_examples=60, deadline=None)


# -- what holds for any operations -------------------------------------------------------------------------------------


@any_profile
@quick
@given(script=scripts())
def test_disk_with_nothing_lost_is_no_state(profile: Profile, script: Script) -> None:
    """It may always be that nothing is lost; where something is, so is an operation."""
    newest, found, versions = whole(script).key(), states(script, profile), Versions(*script)
    assert newest in found
    assert all(loss.lost(versions) for key, loss in found.items() if key != newest)


@pytest.mark.parametrize("profile", sorted(REAL))
@quick
@given(script=scripts())
def test_file_system_breaks_posix(profile: Profile, script: Script) -> None:
    """What a file system may leave, POSIX admits too.

    But for a name that a rename has brought and that is as it was again: by POSIX its sync brings the rename.
    """
    assume(not _renamed_and_back(script))
    with untorn():
        assert states(script, profile).keys() <= states(script, "posix").keys()


def _renamed_and_back(script: Script) -> bool:
    return any(
        isinstance(script[1][new.when - 1], Rename) and any(later.inode == old.inode for later in chain[at + 1 :])
        for chain in Versions(*script).names.values()
        for at, (old, new) in enumerate(pairwise(chain), 1)
    )


@any_profile
@quick
@given(script=scripts(failures=False))
def test_something_is_lost_after_a_sync_of_everything(profile: Profile, script: Script) -> None:
    """After a sync of everything one state is left, and no operation is told as lost."""
    synced = (script[0], [*script[1], Sync(None)])
    ((key, loss),) = states(synced, profile).items()
    assert key == whole(script).key()
    assert not loss.lost(Versions(*synced))


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


Held: TypeAlias = dict[Place, list[tuple[float, object]]]
"""What each place has held, each with the operation that brought it; 0 is before all of them."""


def every_combination(script: Script) -> Iterator[Disk]:
    """The same in the plainest way: of each place one of the values that it had since it was synced."""
    base, operations = script
    held, least = Held(), dict[Place, int]()
    renames = list[tuple[int, Place, Place, bool]]()
    disk = base.copy()
    _hold(held, 0, _held(disk))
    for when, operation in enumerate(operations, 1):
        _hold(held, when - 0.5, _passed(disk, operation))
        if isinstance(operation, Resize):
            _cut(held, least, when, operation, len(disk.inodes[operation.inode].content))
        disk.apply(operation)
        _hold(held, when, _held(disk))
        _hold(held, when, _gone(held, disk))
        if isinstance(operation, Sync):
            least |= {place: when for place in held if operation.inode in {place[0], None}}
        if isinstance(operation, Rename):
            pair = (operation.folder, operation.name), (operation.new_folder, operation.new_name)
            renames.append((when, *pair, not operation.exchange and operation.folder != operation.new_folder))
    floors = [_floor(known, least.get(place, 0)) for place, known in held.items()]
    axes = [[one for one in known if one[0] >= floor] for known, floor in zip(held.values(), floors, strict=True)]
    for chosen in product(*axes):
        there = dict(zip(held, chosen, strict=True))
        # Between folders both names may be there, and never neither.
        if all(
            (there[old][0] >= when) == (there[new][0] >= when) or (there[new][0] >= when and apart)
            for when, old, new, apart in renames
        ):
            yield _built(disk, {place: value for place, (_, value) in there.items()})


def _hold(held: Held, when: float, values: Iterable[tuple[Place, object]]) -> None:
    for place, value in values:
        known = held.setdefault(place, [(0, value if when == 0 else _before(place))])
        if known[-1][1] != value:
            known.append((when, value))


def _floor(known: Sequence[tuple[float, object]], least: int) -> float:
    return max(at for at, _ in known if at <= least)


def _cut(held: Held, least: Mapping[Place, int], when: int, operation: Resize, size: int) -> None:
    """A cut within a page is one of whatever the page held: what was not written back may still be missing."""
    for number in (0, 1):
        kept = min(PAGE, operation.size - number * PAGE)
        if kept > 0 and operation.size < size and number * PAGE < size and kept < PAGE:
            known = held[operation.inode, number]
            floor = _floor(known, least.get((operation.inode, number), 0))
            cut = [cast("bytes", value)[:kept].ljust(PAGE, b"\0") for at, value in known if at >= floor]
            # Before the cut itself: a sync leaves the newest only.
            known += [*((when - 0.5, value) for value in cut[:-1]), (when, cut[-1])]


def _gone(held: Held, disk: Disk) -> list[tuple[Place, None]]:
    return [((at, name), None) for at, name in held if isinstance(name, bytes) and name not in disk.inodes[at].names]


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
    disk = newest.copy()
    for inode in disk.inodes.values():
        inode.names.clear()
        inode.content = b""
    for (number, what), value in sorted(values.items(), key=lambda one: one[0][1] is None):
        inode = disk.inodes[number]
        match what, value:
            case bytes(), int():
                inode.names[what] = value
            case int(), bytes():
                inode.content = inode.content[: what * PAGE].ljust(what * PAGE, b"\0") + value
            case None, int():
                inode.content = inode.content[:value]
            case _:
                pass
    return disk


# -- what a failed sync leaves -----------------------------------------------------------------------------------------

OLD, NEW = b"O" * 100, b"N" * 100
FILE: Sequence[Operation] = (Make(FIRST, TOP, b"f", "file", 0o644), Write(FIRST, 0, OLD))


def contents(profile: Profile, *operations: Operation, before: bytes = OLD) -> set[bytes]:
    """What a file may hold after operations, of which it has some bytes before."""
    disk = Disk()
    disk.apply(FILE[0])
    disk.apply(Write(FIRST, 0, before))
    return {loss.disk.inodes[FIRST].content for loss in states((disk, [*operations]), profile).values()}


@any_profile
def test_later_sync_is_believed(profile: Profile) -> None:
    """What was to be written by a sync that failed may be lost, though a later one succeeds (USENIX ATC 2020)."""
    failed = Sync(FIRST, failed=True)
    assert contents(profile, Write(FIRST, 0, NEW), failed, Sync(FIRST)) == {OLD, NEW}
    appended = contents(profile, Write(FIRST, 100, NEW), failed, Sync(FIRST))
    assert OLD + NEW in appended
    assert appended & {OLD, OLD + bytes(100)}


@any_profile
def test_bytes_that_were_written_again_are_lost(profile: Profile) -> None:
    """What is written again after the failure is there after the next sync."""
    again = (Write(FIRST, 0, NEW), Sync(FIRST, failed=True), Write(FIRST, 0, NEW), Sync(FIRST))
    assert contents(profile, *again) == {NEW}


@any_profile
def test_sync_covers_what_was_written_while_it_ran(profile: Profile) -> None:
    """Of what others write while a sync is under way, it may have seen nothing."""
    disk = Disk()
    disk.apply(Make(FIRST, TOP, b"a", "file", 0o644))
    script: Script = disk, [Write(FIRST, 0, b"1"), Write(FIRST, 1, b"2"), Sync(FIRST, begun=1)]
    contents = {dict(loss.disk.walk())[b"a"].content for loss in states(script, profile).values()}
    assert {b"1", b"12"} <= contents
    assert b"" not in contents


@any_profile
def test_failed_sync_unsyncs(profile: Profile) -> None:
    """What was synced before the failure stays synced."""
    assert contents(profile, Write(FIRST, 0, NEW), Sync(FIRST), Sync(FIRST, failed=True)) == {NEW}


# -- pages that are there in part --------------------------------------------------------------------------------------


def torn(before: bytes, *operations: Operation, profile: Profile = "ext4") -> set[bytes]:
    """What a file may hold only because a page is there in part."""
    with untorn():
        known = contents(profile, *operations, before=before)
    return contents(profile, *operations, before=before) - known


def test_overwritten_page_is_there_whole_or_not_at_all() -> None:
    """A page that is written over may be there up to any sector."""
    old, new = b"O" * PAGE, b"N" * PAGE
    for profile in ("ext4", "xfs", "posix"):
        cuts = {new[:cut] + old[cut:] for cut in range(512, PAGE, 512)}
        assert torn(old, Write(FIRST, 0, new), profile=profile) == cuts
    assert torn(old, Write(FIRST, 0, new), profile="btrfs") == set()


def test_bytes_that_were_never_on_the_disk_are_torn() -> None:
    """Of a page that was written twice the newest bytes lie over the oldest."""
    old, new = b"O" * 1024, b"N" * 1024
    found = torn(old, Write(FIRST, 0, b"M" * 1024), Write(FIRST, 0, new))
    assert new[:512] + old[512:] in found


@any_profile
def test_new_page_is_torn(profile: Profile) -> None:
    """A page that has no place on the disk yet is there whole or not at all, and one that is cut off likewise."""
    assert torn(b"", Write(FIRST, 0, b"N" * PAGE), profile=profile) == set()
    assert torn(b"O" * PAGE, Resize(FIRST, 0), profile=profile) == set()
    assert torn(b"O" * PAGE, Resize(FIRST, 0), Write(FIRST, 0, b"N" * PAGE), profile=profile) == set()


# -- ties, and choices -------------------------------------------------------------------------------------------------


def test_file_that_moved_on_is_at_two_places_or_none() -> None:
    """A file that was renamed twice is in the folder that was synced, whatever else it is called; the search ends."""
    disk = Disk()
    disk.apply(Make(FOLDER, TOP, b"d", "folder", 0o755))
    disk.apply(Make(FIRST, TOP, b"a", "file", 0o644))
    moves: list[Operation] = [Rename(TOP, b"a", TOP, b"b"), Rename(TOP, b"b", FOLDER, b"c"), Sync(FOLDER)]
    found = states((disk, moves), "posix")
    assert whole((disk, moves)).key() in found
    assert all(b"d/c" in dict(loss.disk.walk()) for loss in found.values())


@given(lengths=st.lists(st.integers(1, 4), max_size=5), most=st.integers(2, 40))
def test_choice_is_made_twice_or_missed(lengths: list[int], most: int) -> None:
    """All choices where they fit, and else as many as asked for, the newest and the oldest first; none twice."""
    axes = [range(length) for length in lengths]
    every = [*product(*axes)]
    chosen = [*combinations(axes, most)]
    assert len({*chosen}) == len(chosen) == min(len(every), most)
    assert {*chosen} <= {*every}
    if len(every) > most:
        assert {*chosen[:2]} == {every[0], every[-1]}


@any_profile
def test_state_is_left_out_in_silence(profile: Profile) -> None:
    """Where there are more states than are built, those left out are counted, and the newest is none of them."""
    disk = Disk()
    disk.apply(FILE[0])
    writes: list[Operation] = [Write(FIRST, turn * PAGE, NEW) for turn in range(12)]
    found = Power(Versions(disk, [*writes, Sync(TOP)]), 50).losses(12, [profile])
    assert whole((disk, writes)).key() in found.states
    assert found.left_out > 0
    assert len(found.states) <= 50 < found.possible
