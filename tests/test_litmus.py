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


RULES: Sequence[Rule] = ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.promise)
@pytest.mark.parametrize("profile", PROFILES)
def test_profile_admits_what_no_such_file_system_leaves(rule: Rule, profile: Profile) -> None:
    """Each profile admits just what is known of its file system, and no more."""
    assert admitted(rule, profile) == getattr(rule, profile)


def admitted(rule: Rule, profile: Profile) -> set[tuple[str, ...]]:
    """What a profile admits at the paths of a rule."""
    base = Disk()
    for operation in BASE:
        base.apply(operation)
    found = Power(Versions(base, rule.operations), 1_000).losses(len(rule.operations), [profile])
    assert not found.left_out
    told = (shown(loss.disk) for loss in found.states.values())
    return {tuple(tree.get(path, NONE) for path in rule.paths) for tree in told}
