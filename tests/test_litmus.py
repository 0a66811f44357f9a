"""What real file systems left of seventy programs is predicted, and what they never leave is not."""

import functools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from litmus._outcomes import Outcome, outcomes, shown
from litmus._predicted import Tree, predicted
from litmus.programs import PROGRAMS
from sessionproof._disk import TOP, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._power import Power
from sessionproof._profiles import PROFILES, Profile
from sessionproof._recording import Refused
from sessionproof._versions import Versions

STANDS_FOR: Mapping[str, tuple[Profile, ...]] = {
    "ext4": ("ext4", "posix"),
    "xfs": ("xfs", "posix"),
    "btrfs": ("btrfs", "posix"),
    # The older way to write: data before metadata, so that some states of ext4 are not seen, and none is new.
    "ext4-drl": ("ext4", "posix"),
    # Fast commits log single files, in the order of their changes.
    "ext4-fc": ("ext4", "posix"),
    # What is not ordered before metadata here is already not with dioread_nolock.
    "ext4-wb": ("ext4", "posix"),
    # Everything goes through the journal: one of the orders that ext4 admits.
    "ext4-dj": ("ext4", "posix"),
    # Commits come more often, and not otherwise.
    "ext4-c1": ("ext4", "posix"),
    "btrfs-c1": ("btrfs", "posix"),
    # No default: a file that is renamed over another may be empty, which the profile ext4 rules out.
    "ext4-noauto": ("posix",),
}
"""Which profiles must predict what was seen on a file system, as it was mounted."""
CANNOT_BE_RECORDED = 53
"""It writes through shared memory."""

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@functools.cache
def trees(number: int) -> Mapping[str, frozenset[Tree]]:
    """What the model predicts of a program, recorded once."""
    return predicted(number)


def seen(number: int) -> list[Outcome]:
    """What was seen of a program."""
    return [outcome for outcome in outcomes() if outcome.litmus == number]


@needs_strace
@pytest.mark.parametrize("number", [number for number in PROGRAMS if number != CANNOT_BE_RECORDED])
def test_tree_of_a_real_crash_is_not_predicted(number: int) -> None:
    """Every tree that was seen after a crash is one of those that the profiles of its file system admit."""
    missed = [
        (outcome.filesystem, profile, outcome.crash, outcome.files)
        for outcome in seen(number)
        for profile in STANDS_FOR[outcome.filesystem]
        if frozenset(outcome.files.items()) not in trees(number)[profile]
    ]
    assert not missed
    assert seen(number)


@needs_strace
def test_shared_memory_is_recorded() -> None:
    """The program that writes through shared memory is refused, and not predicted wrongly."""
    assert seen(CANNOT_BE_RECORDED)
    with pytest.raises(Refused, match="shared memory"):
        predicted(CANNOT_BE_RECORDED)


@needs_strace
@pytest.mark.parametrize("name", ["s", "t2"])
def test_kernel_that_logs_no_ancestor_is_not_predicted(name: str) -> None:
    """On btrfs a synced file is there, whether the rename of its folder is (Linux 6.18 was seen to leave it out)."""
    left = {"f": "100:O*100", f"{name}/": "dir", f"{name}/n": "100:N*100"}
    assert frozenset(left.items()) in trees(43)["btrfs"]


def test_outcome_belongs_to_no_program() -> None:
    """Each outcome on record is of a program that there is, and of a file system for which a profile stands."""
    assert {outcome.litmus for outcome in outcomes()} == PROGRAMS.keys()
    assert {outcome.filesystem for outcome in outcomes()} == STANDS_FOR.keys()


# -- what is not left --------------------------------------------------------------------------------------------------

F, D, E, A, NEW = 1, 2, 3, 4, 10
BASE: Sequence[Operation] = (
    Make(F, TOP, b"f", "file", 0o644),
    Write(F, 0, b"O" * 100),
    Make(D, TOP, b"d", "folder", 0o755),
    Make(E, TOP, b"e", "folder", 0o755),
    Make(A, D, b"a", "file", 0o644),
)
OLD, NEWEST, NULS, EMPTY = "100:O*100", "100:N*100", "100:NUL*100", "<0>"
NONE = "none"


def made(name: bytes, folder: int = TOP) -> list[Operation]:
    """A new file of 100 bytes."""
    return [Make(NEW, folder, name, "file", 0o644), Write(NEW, 0, b"N" * 100)]


@dataclass(frozen=True, slots=True)
class Rule:
    """After these operations, all that may be found at some paths together, profile by profile."""

    promise: str
    operations: Sequence[Operation]
    paths: tuple[str, ...]
    ext4: set[tuple[str, ...]]
    xfs: set[tuple[str, ...]]
    btrfs: set[tuple[str, ...]]
    posix: set[tuple[str, ...]]


SYNCED = [*made(b"tmp"), Sync(NEW)]
OVER = Rename(TOP, b"tmp", TOP, b"f")

RULES: Sequence[Rule] = (
    Rule(
        "R1 fsync brings the bytes of a file",
        [Write(F, 0, b"N" * 100), Sync(F)],
        ("f",),
        ext4={(NEWEST,)},
        xfs={(NEWEST,)},
        btrfs={(NEWEST,)},
        posix={(NEWEST,)},
    ),
    Rule(
        "R2 fsync of a new file brings its name, but POSIX says so only of its folder",
        [*made(b"n"), Sync(NEW)],
        ("n",),
        ext4={(NEWEST,)},
        xfs={(NEWEST,)},
        btrfs={(NEWEST,)},
        posix={(NEWEST,), (NONE,)},
    ),
    Rule(
        "R2 and its new folder",
        [Make(5, D, b"s", "folder", 0o755), Make(NEW, 5, b"n", "file", 0o644), Sync(NEW)],
        ("d/s/n",),
        ext4={(EMPTY,)},
        xfs={(EMPTY,)},
        btrfs={(EMPTY,)},
        posix={(EMPTY,), (NONE,)},
    ),
    Rule(
        "R3 fsync of a renamed file brings its new name",
        [Rename(D, b"a", E, b"b"), Sync(A)],
        ("d/a", "e/b"),
        ext4={(NONE, EMPTY)},
        xfs={(NONE, EMPTY)},
        btrfs={(NONE, EMPTY)},
        posix={(EMPTY, NONE), (EMPTY, EMPTY), (NONE, EMPTY)},
    ),
    Rule(
        "R3 and of one with a second name, that",
        [Link(E, b"b", A), Sync(A)],
        ("d/a", "e/b"),
        ext4={(EMPTY, EMPTY)},
        xfs={(EMPTY, EMPTY)},
        btrfs={(EMPTY, EMPTY)},
        posix={(EMPTY, EMPTY), (EMPTY, NONE)},
    ),
    Rule(
        "R5 fdatasync of a renamed file does not on ext4",
        [*SYNCED, OVER, Sync(NEW, data=True)],
        ("tmp", "f"),
        ext4={(NEWEST, OLD), (NONE, NEWEST)},
        xfs={(NONE, NEWEST)},
        btrfs={(NONE, NEWEST)},
        posix={(NEWEST, OLD), (NONE, NEWEST), (NONE, OLD)},
    ),
    Rule(
        "R6 fdatasync brings the size of an append",
        [Write(F, 100, b"N" * 50), Sync(F, data=True)],
        ("f",),
        ext4={("150:O*100,N*50",)},
        xfs={("150:O*100,N*50",)},
        btrfs={("150:O*100,N*50",)},
        posix={("150:O*100,N*50",)},
    ),
    Rule(
        "R6 and the name of a new file",
        [*made(b"n"), Sync(NEW, data=True)],
        ("n",),
        ext4={(NEWEST,)},
        xfs={(NEWEST,)},
        btrfs={(NEWEST,)},
        posix={(NEWEST,), (NONE,)},
    ),
    Rule(
        "R7 fsync of a new file brings what was renamed before it, but not on btrfs",
        [Rename(D, b"a", D, b"b"), *made(b"n", E), Sync(NEW)],
        ("d/b", "e/n"),
        ext4={(EMPTY, NEWEST)},
        xfs={(EMPTY, NEWEST)},
        btrfs={(EMPTY, NEWEST), (NONE, NEWEST)},
        posix={(EMPTY, NEWEST), (EMPTY, NONE), (NONE, NEWEST), (NONE, NONE)},
    ),
    Rule(
        "R7 not even in its own folder",
        [Unlink(TOP, b"f"), *made(b"n"), Sync(NEW)],
        ("f", "n"),
        ext4={(NONE, NEWEST)},
        xfs={(NONE, NEWEST)},
        btrfs={(OLD, NEWEST), (NONE, NEWEST)},
        posix={(OLD, NEWEST), (OLD, NONE), (NONE, NEWEST), (NONE, NONE)},
    ),
    Rule(
        "R8 fsync of a folder brings what is gone from it",
        [Unlink(TOP, b"f"), Sync(TOP)],
        ("f",),
        ext4={(NONE,)},
        xfs={(NONE,)},
        btrfs={(NONE,)},
        posix={(NONE,)},
    ),
    Rule(
        "R8 and what has left it for another",
        [Rename(D, b"a", E, b"b"), Sync(D)],
        ("d/a", "e/b"),
        ext4={(NONE, EMPTY)},
        xfs={(NONE, EMPTY)},
        btrfs={(NONE, EMPTY)},
        posix={(NONE, EMPTY)},
    ),
    Rule(
        "R9 but not the bytes of what is in it",
        [*made(b"n"), Sync(TOP)],
        ("n",),
        ext4={(NEWEST,), (NULS,), (EMPTY,)},
        xfs={(NEWEST,), (EMPTY,)},
        btrfs={(NEWEST,), (EMPTY,)},
        posix={(NEWEST,), (NULS,), (EMPTY,)},
    ),
    Rule(
        "R10 changes of names are there in order",
        [Rename(D, b"a", D, b"b"), Unlink(TOP, b"f")],
        ("d/b", "f"),
        ext4={(EMPTY, OLD), (EMPTY, NONE), (NONE, OLD)},
        xfs={(EMPTY, OLD), (EMPTY, NONE), (NONE, OLD)},
        btrfs={(EMPTY, OLD), (EMPTY, NONE), (NONE, OLD)},
        posix={(EMPTY, OLD), (EMPTY, NONE), (NONE, OLD), (NONE, NONE)},
    ),
    Rule(
        "R11 a rename is whole",
        [*SYNCED, OVER],
        ("tmp", "f"),
        ext4={(NEWEST, OLD), (NONE, NEWEST)},
        xfs={(NEWEST, OLD), (NONE, NEWEST)},
        btrfs={(NEWEST, OLD), (NONE, NEWEST)},
        posix={(NEWEST, OLD), (NONE, NEWEST), (NONE, OLD)},
    ),
    Rule(
        "R12 a file renamed over another is not empty on ext4",
        [*made(b"tmp"), OVER],
        ("tmp", "f"),
        ext4={(NEWEST, OLD), (NULS, OLD), (EMPTY, OLD), (NONE, NEWEST), (NONE, NULS), (NONE, OLD)},
        xfs={(NEWEST, OLD), (EMPTY, OLD), (NONE, NEWEST), (NONE, OLD), (NONE, EMPTY)},
        btrfs={(NEWEST, OLD), (EMPTY, OLD), (NONE, NEWEST), (NONE, OLD)},
        posix={(NEWEST, OLD), (NULS, OLD), (EMPTY, OLD), (NONE, NEWEST), (NONE, NULS), (NONE, OLD), (NONE, EMPTY)},
    ),
    Rule(
        "R13 a file renamed to a new name may be",
        [*made(b"tmp"), Sync(TOP), Rename(TOP, b"tmp", TOP, b"g"), Sync(TOP)],
        ("tmp", "g"),
        ext4={(NONE, NEWEST), (NONE, NULS), (NONE, EMPTY)},
        xfs={(NONE, NEWEST), (NONE, EMPTY)},
        btrfs={(NONE, NEWEST), (NONE, EMPTY)},
        posix={(NONE, NEWEST), (NONE, NULS), (NONE, EMPTY)},
    ),
    Rule(
        "R14 a tail after the sync is zeros on ext4 and missing elsewhere",
        [*SYNCED, Write(NEW, 100, b"M" * 50), OVER, Sync(TOP)],
        ("tmp", "f"),
        ext4={(NONE, "150:N*100,M*50"), (NONE, "150:N*100,NUL*50")},
        xfs={(NONE, NEWEST), (NONE, "150:N*100,M*50")},
        btrfs={(NONE, NEWEST), (NONE, "150:N*100,M*50")},
        posix={(NONE, NEWEST), (NONE, "150:N*100,M*50"), (NONE, "150:N*100,NUL*50")},
    ),
    Rule(
        "R16 a file emptied and written has no old bytes",
        [Resize(F, 0), Write(F, 0, b"N" * 100), Sync(TOP)],
        ("f",),
        ext4={(NEWEST,), (NULS,), (EMPTY,)},
        xfs={(NEWEST,), (OLD,), (EMPTY,)},
        btrfs={(NEWEST,), (OLD,), (EMPTY,)},
        posix={(NEWEST,), (NULS,), (OLD,), (EMPTY,)},
    ),
    Rule(
        "R16 in two pieces either",
        [Resize(F, 0), Write(F, 0, b"N" * 50), Write(F, 50, b"N" * 50), Sync(TOP)],
        ("f",),
        ext4={(NEWEST,), ("100:N*50,NUL*50",), (NULS,), ("50:N*50",), ("50:NUL*50",), (EMPTY,)},
        xfs={(NEWEST,), (OLD,), ("50:N*50",), (EMPTY,)},
        btrfs={(NEWEST,), (OLD,), ("50:N*50",), (EMPTY,)},
        posix={(NEWEST,), ("100:N*50,NUL*50",), (NULS,), (OLD,), ("50:N*50",), ("50:NUL*50",), ("50:O*50",), (EMPTY,)},
    ),
    Rule(
        "R17 an append inside the last block shows zeros on ext4 only",
        [Write(F, 100, b"N" * 50)],
        ("f",),
        ext4={(OLD,), ("150:O*100,N*50",), ("150:O*100,NUL*50",)},
        xfs={(OLD,), ("150:O*100,N*50",)},
        btrfs={(OLD,), ("150:O*100,N*50",)},
        posix={(OLD,), ("150:O*100,N*50",), ("150:O*100,NUL*50",)},
    ),
    Rule(
        "R21 an overwrite waits for no name, but on btrfs",
        [Unlink(D, b"a"), Write(F, 0, b"N" * 100)],
        ("d/a", "f"),
        ext4={(EMPTY, NEWEST), (EMPTY, OLD), (NONE, NEWEST), (NONE, OLD)},
        xfs={(EMPTY, NEWEST), (EMPTY, OLD), (NONE, NEWEST), (NONE, OLD)},
        btrfs={(EMPTY, OLD), (NONE, NEWEST), (NONE, OLD)},
        posix={(EMPTY, NEWEST), (EMPTY, OLD), (NONE, NEWEST), (NONE, OLD)},
    ),
    Rule(
        "nothing is left of a sync of everything",
        [*made(b"tmp"), OVER, Unlink(D, b"a"), Sync(None)],
        ("tmp", "f", "d/a"),
        ext4={(NONE, NEWEST, NONE)},
        xfs={(NONE, NEWEST, NONE)},
        btrfs={(NONE, NEWEST, NONE)},
        posix={(NONE, NEWEST, NONE)},
    ),
    Rule(
        "fsync of a file brings that one of its names is gone",
        [Link(E, b"b", A), Sync(A), Unlink(D, b"a"), Sync(A)],
        ("d/a", "e/b"),
        ext4={(NONE, EMPTY)},
        xfs={(NONE, EMPTY)},
        btrfs={(NONE, EMPTY)},
        posix={(EMPTY, EMPTY), (EMPTY, NONE), (NONE, EMPTY), (NONE, NONE)},
    ),
    Rule(
        "fsync of bytes that were overwritten brings no name, where the time was the same",
        [Write(F, 0, b"M" * 100), Sync(F), Unlink(D, b"a"), Write(F, 0, b"N" * 100), Sync(F)],
        ("d/a", "f"),
        ext4={(EMPTY, NEWEST), (NONE, NEWEST)},
        xfs={(EMPTY, NEWEST), (NONE, NEWEST)},
        btrfs={(EMPTY, NEWEST), (NONE, NEWEST)},
        posix={(EMPTY, NEWEST), (NONE, NEWEST)},
    ),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.promise)
@pytest.mark.parametrize("profile", PROFILES)
def test_profile_admits_what_no_such_file_system_leaves(rule: Rule, profile: Profile) -> None:
    """Each profile admits just what is known of its file system, and no more."""
    assert admitted(rule, profile) == getattr(rule, profile)


@pytest.mark.parametrize("profile", ["btrfs", "posix"])
def test_file_that_was_moved_has_one_name(profile: Profile) -> None:
    """A file that is moved to another folder, which is synced, has both names on btrfs (Linux 6.18, 24 of 24)."""
    moved: list[Operation] = [Rename(D, b"a", E, b"b"), Sync(E)]
    both = Rule("", moved, ("d/a", "e/b"), set(), set(), set(), set())
    assert (EMPTY, EMPTY) in admitted(both, profile)


def admitted(rule: Rule, profile: Profile) -> set[tuple[str, ...]]:
    """What a profile admits at the paths of a rule."""
    base = Disk()
    for operation in BASE:
        base.apply(operation)
    found = Power(Versions(base, rule.operations), 1_000).losses(len(rule.operations), [profile])
    assert not found.left_out
    told = (shown(loss.disk) for loss in found.states.values())
    return {tuple(tree.get(path, NONE) for path in rule.paths) for tree in told}
