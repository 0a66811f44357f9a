"""How much a run tries: the profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is tried, in counts: never in seconds, so that verdicts do not depend on the speed of the machine.

    `examples` histories of `steps` steps, `documents`, `ids`, `cuts` and `flips` for each file, attachment `items` and
    the length of a long one, `appends` to one log, `deaths` that are followed by a second one, `lives` that end in a
    death, states of one instant at which the power fails (`losses`), real `kills`, `faults` of one probe, `schedules`
    of one race; of curated lists every `share`-th entry.
    """

    examples: int
    steps: int
    documents: int
    ids: int
    cuts: int
    flips: int
    items: int
    item_length: int
    appends: int
    deaths: int
    lives: int
    losses: int
    kills: int
    faults: int
    schedules: int
    share: int

    def some(self, things: Sequence[T], turn: int = 0) -> Sequence[T]:
        """Every `share`-th of them, and at the least one; another turn begins with another."""
        return things[turn % min(self.share, len(things)) :: self.share] if things else ()


PROFILES: Mapping[str, Budget] = {
    "quick": Budget(
        examples=6,
        steps=10,
        documents=14,
        ids=8,
        cuts=20,
        flips=20,
        items=300,
        item_length=70_000,
        appends=1_000,
        deaths=12,
        lives=16,
        losses=200,
        kills=0,
        faults=60,
        schedules=48,
        share=9,
    ),
    "standard": Budget(
        examples=40,
        steps=25,
        documents=200,
        ids=100,
        cuts=4_096,
        flips=1_000,
        items=300,
        item_length=1_000_000,
        appends=10_000,
        deaths=40,
        lives=100,
        losses=300,
        kills=0,
        faults=300,
        schedules=100,
        share=1,
    ),
    "exhaustive": Budget(
        examples=400,
        steps=50,
        documents=3_000,
        ids=1_500,
        cuts=1 << 30,
        flips=1 << 30,
        items=3_000,
        item_length=17_000_000,
        appends=10_000,
        deaths=1 << 30,
        lives=100,
        losses=100_000,
        kills=100,
        faults=1 << 30,
        schedules=1 << 30,
        share=1,
    ),
}
