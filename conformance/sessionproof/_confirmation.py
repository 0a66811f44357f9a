"""A loss of power on a real file system: the same operations, a crash, and the store on what is there afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionproof._disk import Operation, Sync
from sessionproof._judge import Cut
from sessionproof._loop import CRASHES, FileSystem, NoRealDisk, RealDisk, carry_out, lacking

_ROUNDS = 25
"""Each crashes in every way that the file system has. What takes a race is seen in one of three, or of ten.

The kernel commits on its own every few seconds; so does each round, at another point."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """In how many crashes of a file system the finding was `seen`; `lacking` says why none was tried."""

    filesystem: FileSystem
    crashes: int = 0
    seen: int = 0
    lacking: str | None = None


def confirm(kind: FileSystem, cut: Cut) -> Confirmation:
    """Crash until the finding is seen, some rounds at the most, and the rest of that round.

    The operations are carried out again, not the adapter: what is synced, and when, is as it was recorded.
    """
    reason = lacking(kind) if kind in cut.profiles else "the state that was found is none of it"
    if reason is not None:
        return Confirmation(kind, lacking=reason)
    crashes = seen = 0
    for number in range(_ROUNDS):
        committed = len(cut.operations) * number // _ROUNDS
        for how in CRASHES[kind]:
            try:
                with RealDisk(kind) as disk:
                    carry_out(_with_sync(cut.operations, committed), disk.top)
                    left = disk.crash(how)
            except NoRealDisk as refused:
                return Confirmation(kind, crashes, seen, str(refused))
            crashes += 1
            seen += cut.breaks(left)
        if seen:
            break
    return Confirmation(kind, crashes, seen)


def _with_sync(operations: Sequence[Operation], count: int) -> list[Operation]:
    """The operations, with everything synced after some of them."""
    return [*operations[:count], Sync(None), *operations[count:]] if count else [*operations]
