"""All schedules of a race up to so many interruptions, as far as they can differ.

A schedule interrupts a side where another is chosen although it could go on, amid a request. Most defects need one
interruption, or two (CHESS: Musuvathi and Qadeer, PLDI 2007). Where two calls do not meet, their order makes no
difference. So a side is interrupted only before a call that meets one which another has still to make; and not a second
time where whoever went on instead did nothing that meets what the side has done in between: under a lock, for one,
whoever is let on only finds it taken; nor, for the last time, to come to another order of what was carried out
(`_reordered.py`). Which calls meet is learned from the schedules that were carried out; where a later one shows more,
the earlier ones are gone through again.

A write over several pages which meets a read that another side has still to make is also made in two halves, and the
other side goes on between them, unless it was seen that it comes to no read then. That is one interruption.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, takewhile
from typing import TypeAlias

from sessionproof._footprints import meet, meetings
from sessionproof._protocol import Call
from sessionproof._reordered import Order
from sessionproof._scheduler import BEGINS, DIES, FINISHES, Diverged, Executed, Made, Sight

CarryOut: TypeAlias = Callable[[Sequence[int]], Executed]

_READS = frozenset({"read", "pread64", "readv", "preadv", "preadv2", "sendfile"})


@dataclass(frozen=True, slots=True)
class Fork:
    """Another way to go on at a step of a schedule: the number of the schedule, the step, the side that goes on.

    `last`: it leaves no more interruption. `halves`: it goes on between the halves of the write that the step is.
    """

    schedule: int
    place: int
    side: int
    last: bool
    halves: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """A schedule that was carried out.

    `points` are where its steps start from, the same for all schedules up to there; `spent` is how many interruptions
    came before each, `places` where each call is. `order` is None where it cannot be told what reordering it comes to.
    """

    executed: Executed
    order: Order | None
    points: tuple[int, ...]
    spent: tuple[int, ...]
    places: dict[Sight, int]


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
    _points: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    _waiting: deque[Fork] = field(default_factory=deque[Fork])
    _done: list[Past] = field(default_factory=list[Past])
    _taken: dict[tuple[int, int], list[tuple[int, int]]] = field(
        default_factory=dict[tuple[int, int], list[tuple[int, int]]]
    )

    def __iter__(self) -> Iterator[Executed]:
        """Carry out one schedule after the other, those with the fewest switches first."""
        yield self._carried_out(())
        while self._waiting and self.carried_out < self.most:
            fork = self._waiting.popleft()
            if self._is_known(fork) or self._is_reordered(fork):
                continue
            try:
                yield self._carried_out(self._choices(fork))
            except Diverged:
                self.diverged += 1
            else:
                if fork.halves:
                    continue
                taken = self._taken.setdefault((fork.schedule, fork.side), [])
                taken.append((fork.place, self.carried_out - 1))

    @property
    def carried_out(self) -> int:
        """How many schedules were carried out."""
        return len(self._done)

    @property
    def left(self) -> int:
        """How many of those that are known of, and may differ, were not."""
        return len(self._waiting)

    def _choices(self, fork: Fork) -> tuple[int, ...]:
        executed = self._done[fork.schedule].executed
        halved = (~executed.steps[fork.place].side,) if fork.halves else ()
        return (*executed.choices[: fork.place], *halved, fork.side)

    def _carried_out(self, choices: tuple[int, ...]) -> Executed:
        executed = self.carry_out(choices)
        news = self._learn(executed)
        self._done.append(self._past(executed))
        for number, past in enumerate(self._done[:-1]):
            for place in sorted(past.places[sight] for sight in news if sight in past.places):
                self._fork(number, place)
        for place in range(len(executed.steps)):
            self._fork(len(self._done) - 1, place)
        return executed

    def _past(self, executed: Executed) -> Past:
        point, points, spent = 0, list[int](), [0]
        for step, choice in zip(executed.steps, executed.choices, strict=True):
            points.append(point)
            spent.append(spent[-1] + (step.side not in step.free))
            point = self._point(point, choice)
        places = {step.sight: place for place, step in enumerate(executed.steps)}
        return Past(executed, Order.of(executed, self._meet), tuple(points), tuple(spent), places)

    def _point(self, point: int, choice: int) -> int:
        """Where a choice leads to from a point."""
        return self._points.setdefault((point, choice), len(self._points) + 1)

    def _is_known(self, fork: Fork) -> bool:
        """Whether it was seen that the fork leads to nothing new."""
        step = self._done[fork.schedule].executed.steps[fork.place]
        if not step.amid:
            return False
        known = self._let_on(fork)
        if fork.halves:
            # Whoever reads nothing of the file before the write reads nothing of it between its halves.
            return known is not None and not self._reads_of(step).intersection(one.sight for one in known)
        return known is not None

    def _let_on(self, fork: Fork) -> list[Made] | None:
        """What the side has done that was let on there, or at another step where that meets nothing between."""
        steps = self._done[fork.schedule].executed.steps
        for place, number in self._taken.get((fork.schedule, fork.side), []):
            known = self._done[number].executed.steps
            instead = [*takewhile(lambda step: step.side == fork.side, known[place:])]
            if fork.place < place:
                between, same = known[fork.place : place], steps[fork.place : place]
            else:
                between = known[place + len(instead) :][: fork.place - place]
                same = steps[place : fork.place]
            alike = [step.sight for step in between] == [step.sight for step in same]
            if alike and not any(self._meet(one, other) for one in instead for other in between):
                return instead
        return None

    def _is_reordered(self, fork: Fork) -> bool:
        """Whether a schedule that was carried out comes to the same, and nothing could come after it."""
        beginning = self._done[fork.schedule].executed.steps[: fork.place]
        told = fork.last and not fork.halves
        orders = (past.order for past in reversed(self._done)) if told else ()
        return any(order is not None and order.reordered(beginning, fork.side) for order in orders)

    def _meet(self, one: Made, other: Made) -> bool:
        """Whether two steps meet that were carried out."""
        return other.sight in self._meets.get(one.sight, ()) and meet(one.print, other.print)

    def _learn(self, executed: Executed) -> set[Sight]:
        """Learn which calls meet; those that were not known to meet what they meet here."""
        news = set[Sight]()
        for one, other in meetings((step.side, step.sight, step.print) for step in executed.steps):
            if other not in self._meets.setdefault(one, set()):
                news |= {one, other}
                self._meets[one].add(other)
                self._meets.setdefault(other, set()).add(one)
        return news

    def _fork(self, number: int, place: int) -> None:
        """Note where a schedule could go another way at a step, unless that way was known before.

        Whoever goes by choices that are used up goes on as far as each side can.
        """
        past = self._done[number]
        step = past.executed.steps[place]
        ahead = {sight for sight in self._meets.get(step.sight, ()) if past.places.get(sight, place + 1) > place}
        if not step.amid or (step.side in step.free and ahead):
            for side in step.able:
                self._wait(past, Fork(number, place, side, last=False), past.spent[place] + (side not in step.free))
        for side in step.able:
            if step.pages and not step.half and any(where == side and name in _READS for where, _, name, _ in ahead):
                self._wait(past, Fork(number, place, side, last=False, halves=True), past.spent[place + 1] + 1)

    def _wait(self, past: Past, fork: Fork, spent: int) -> None:
        """Let a fork wait for its turn, unless it has been known, or takes too many interruptions."""
        if spent > self.interruptions:
            return
        point = past.points[fork.place]
        if fork.halves:
            point = self._point(point, ~past.executed.steps[fork.place].side)
        if (point, fork.side) not in self._points:
            self._point(point, fork.side)
            self._waiting.append(replace(fork, last=spent == self.interruptions))

    def _reads_of(self, step: Made) -> set[Sight]:
        """The reads of others that meet a write."""
        return {sight for sight in self._meets.get(step.sight, ()) if sight[2] in _READS}


def signature(executed: Executed) -> list[str]:
    """The steps of a schedule in words that are the same when it is carried out again.

    A name is told by its number in the order in which names come up: temporary ones are drawn at random.
    """
    names: dict[str, int] = {}
    words: list[str] = []
    for step in executed.steps:
        paths = ("/".join(f"{names.setdefault(part, len(names))}" for part in path.split("/")) for path in step.paths)
        words.append(" ".join([str(step.side), step.name, *(["half"] if step.half else []), *paths]))
    return words


def told(executed: Executed, calls: Sequence[Sequence[Call]]) -> str:
    """A schedule for people: for each side, as long as nobody else goes on, its requests and the calls that meet."""
    met = {sight for pair in meetings((step.side, step.sight, step.print) for step in executed.steps) for sight in pair}
    lines: list[str] = []
    for side, steps in groupby(executed.steps, key=lambda step: step.side):
        words: list[str] = []
        for step in steps:
            if step.name == BEGINS:
                words.append(f"`{calls[side][step.sight[1]].method}` begins")
            elif step.name == DIES:
                words.append(f"dies before {_shown(step)}")
            elif step.name == FINISHES:
                words.append(f"the rest of that write to {_shown(step)}")
            elif step.sight in met:
                half = f" (its first {step.half:,} bytes)" if step.half else ""
                words.append(f"{step.name} {_shown(step)}{half}")
        shown = [word for word, _ in groupby(words)]
        if shown:
            lines.append(f"process {side + 1}: {', '.join(shown)}")
    if any(step.half for step in executed.steps):
        lines.append("ext4 and btrfs let a reader come between the pages of a write")
    return "\n".join(lines)


def _shown(step: Made) -> str:
    return " ".join(path.removeprefix("root/") for path in step.paths)
