"""All schedules of a race up to so many interruptions, as far as they can differ.

A schedule interrupts a side where another is chosen although it could go on, amid a request. Most defects need one
interruption, or two (CHESS: Musuvathi and Qadeer, PLDI 2007). Where two calls do not meet, their order makes no
difference: a side is interrupted only before a call that meets one which another has still to make. Which calls meet is
learned from the schedules that were carried out; where a later one shows more, the earlier ones are gone through again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from sessionproof._footprints import meetings
from sessionproof._protocol import Call
from sessionproof._scheduler import BEGINS, DIES, Diverged, Executed, Sight

CarryOut: TypeAlias = Callable[[Sequence[int]], Executed]


@dataclass(slots=True)
class Exploration:
    """The schedules of one race; iterate over it to carry them out.

    Args:
        carry_out: Carries out the schedule of these choices on a fresh root.
        interruptions: How many there are at most in one schedule.
        most: How many schedules are carried out at most.
    """

    carry_out: CarryOut
    interruptions: int
    most: int
    diverged: int = 0
    _meets: dict[Sight, set[Sight]] = field(default_factory=dict[Sight, set[Sight]])
    _seen: set[tuple[int, ...]] = field(default_factory=set[tuple[int, ...]])
    _waiting: deque[tuple[int, ...]] = field(default_factory=deque[tuple[int, ...]])
    _done: list[Executed] = field(default_factory=list[Executed])

    def __iter__(self) -> Iterator[Executed]:
        """Carry out one schedule after the other, those with the fewest switches first."""
        self._waiting.append(())
        while self._waiting and self.carried_out < self.most:
            choices = self._waiting.popleft()
            try:
                executed = self.carry_out(choices)
            except Diverged:
                self.diverged += 1
                continue
            self._done.append(executed)
            self._learn(executed)
            yield executed

    @property
    def carried_out(self) -> int:
        """How many schedules were carried out."""
        return len(self._done)

    @property
    def left(self) -> int:
        """How many of those that are known of were not."""
        return len(self._waiting)

    def _learn(self, executed: Executed) -> None:
        again = False
        for one, other in meetings((step.side, step.sight, step.print) for step in executed.steps):
            again |= other not in self._meets.setdefault(one, set())
            self._meets[one].add(other)
            self._meets.setdefault(other, set()).add(one)
        for known in self._done if again else [executed]:
            for taken, others in self._forks(known):
                self._seen.add(taken)
                self._waiting += [other for other in others if other not in self._seen]
                self._seen.update(others)

    def _forks(self, executed: Executed) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
        """Where the schedule could go another way: the choices up to there, and those that lead elsewhere.

        Whoever goes by choices that are used up goes on as far as each side can.
        """
        choices, spent, made = tuple(executed.choices), 0, set[Sight]()
        for place, step in enumerate(executed.steps):
            interrupted = step.interrupts is not None and step.side != step.interrupts
            differs = step.interrupts is None or (not interrupted and not self._meets.get(step.sight, made) <= made)
            cost = spent + (step.interrupts is not None)
            if differs and cost <= self.interruptions:
                others = [(*choices[:place], other) for other in step.able if other != step.side]
                yield choices[: place + 1], others
            spent += interrupted
            made.add(step.sight)


def signature(executed: Executed) -> list[str]:
    """The steps of a schedule in words that are the same when it is carried out again.

    A name is told by its number in the order in which names come up: temporary ones are drawn at random.
    """
    names: dict[str, int] = {}
    words: list[str] = []
    for step in executed.steps:
        paths = ("/".join(f"{names.setdefault(part, len(names))}" for part in path.split("/")) for path in step.paths)
        words.append(" ".join([str(step.side), step.name, *paths]))
    return words


def told(executed: Executed, calls: Sequence[Sequence[Call]]) -> str:
    """A schedule for people: for each side, as long as nobody else goes on, its requests and the calls that meet."""
    met = {sight for pair in meetings((step.side, step.sight, step.print) for step in executed.steps) for sight in pair}
    lines: list[str] = []
    for side, steps in groupby(executed.steps, key=lambda step: step.side):
        words: list[str] = []
        for step in steps:
            if step.name == BEGINS:
                words.append(f"`{calls[side][step.sight[1] - 1].method}` begins")
            elif step.name == DIES:
                words.append("dies before " + " ".join(step.paths))
            elif step.sight in met:
                words.append(" ".join([step.name, *(path.removeprefix("root/") for path in step.paths)]))
        shown = [word for word, _ in groupby(words)]
        if shown:
            lines.append(f"process {side + 1}: {', '.join(shown)}")
    return "\n".join(lines)
