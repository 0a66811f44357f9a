"""All schedules of a race up to so many interruptions, as far as they can differ.

A schedule interrupts a side where another is chosen although it could go on, amid a request. Most defects need one
interruption, or two (CHESS: Musuvathi and Qadeer, PLDI 2007). Where two calls do not meet, their order makes no
difference. So a side is interrupted only before a call that meets one which another has still to make; and not a second
time where whoever went on instead did nothing that meets what the side has done in between: under a lock, for one,
whoever is let on only finds it taken. Which calls meet is learned from the schedules that were carried out; where a
later one shows more, the earlier ones are gone through again.

A write over several pages which meets a read that another side has still to make is also made in two halves, and the
other side goes on between them, unless it was seen that it comes to no read then. That is one interruption.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import TypeAlias

from sessionproof._footprints import meet, meetings
from sessionproof._protocol import Call
from sessionproof._scheduler import BEGINS, DIES, FINISHES, Diverged, Executed, Made, Sight

CarryOut: TypeAlias = Callable[[Sequence[int]], Executed]

_READS = frozenset({"read", "pread64", "readv", "preadv", "preadv2", "sendfile"})


@dataclass(frozen=True, slots=True)
class Fork:
    """Another way to go on at a step of a schedule: the number of the schedule, the step, the side that goes on.

    `halves`: it goes on between the halves of the write that the step is.
    """

    schedule: int
    place: int
    side: int
    choices: tuple[int, ...]
    halves: bool = False


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
    _waiting: deque[Fork] = field(default_factory=deque[Fork])
    _done: list[Executed] = field(default_factory=list[Executed])
    _taken: dict[tuple[int, int], list[tuple[int, int]]] = field(
        default_factory=dict[tuple[int, int], list[tuple[int, int]]]
    )

    def __iter__(self) -> Iterator[Executed]:
        """Carry out one schedule after the other, those with the fewest switches first."""
        yield self._carried_out(())
        while self._waiting and self.carried_out < self.most:
            fork = self._waiting.popleft()
            if self._is_known(fork):
                continue
            try:
                yield self._carried_out(fork.choices)
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

    def _carried_out(self, choices: tuple[int, ...]) -> Executed:
        executed = self.carry_out(choices)
        self._done.append(executed)
        self._learn(executed)
        return executed

    def _is_known(self, fork: Fork) -> bool:
        """Whether it was seen that the fork leads to nothing new."""
        step = self._done[fork.schedule].steps[fork.place]
        if not step.amid:
            return False
        known = self._let_on(fork)
        if fork.halves:
            # Whoever reads nothing of the file before the write reads nothing of it between its halves.
            return known is not None and not self._reads_of(step).intersection(one.sight for one in known)
        return known is not None

    def _let_on(self, fork: Fork) -> list[Made] | None:
        """What the side has done that was let on there, or at another step where that meets nothing between."""
        steps = self._done[fork.schedule].steps
        for place, number in self._taken.get((fork.schedule, fork.side), []):
            known = self._done[number].steps
            instead = [*takewhile(lambda step: step.side == fork.side, known[place:])]
            if fork.place < place:
                between, same = known[fork.place : place], steps[fork.place : place]
            else:
                between = known[place + len(instead) :][: fork.place - place]
                same = steps[place : fork.place]
            alike = [step.sight for step in between] == [step.sight for step in same]
            if alike and not any(meet(one.print, other.print) for one in instead for other in between):
                return instead
        return None

    def _learn(self, executed: Executed) -> None:
        again = False
        for one, other in meetings((step.side, step.sight, step.print) for step in executed.steps):
            again |= other not in self._meets.setdefault(one, set())
            self._meets[one].add(other)
            self._meets.setdefault(other, set()).add(one)
        for number in range(len(self._done)) if again else [len(self._done) - 1]:
            for taken, forks in self._forks(number):
                self._seen.add(taken)
                self._waiting += [fork for fork in forks if fork.choices not in self._seen]
                self._seen.update(fork.choices for fork in forks)

    def _forks(self, number: int) -> Iterator[tuple[tuple[int, ...], list[Fork]]]:
        """Where the schedule could go another way: the choices up to there, and the other ways.

        Whoever goes by choices that are used up goes on as far as each side can.
        """
        executed = self._done[number]
        choices, spent, made = tuple(executed.choices), 0, set[Sight]()
        for place, step in enumerate(executed.steps):
            interrupted = step.side not in step.free
            meets = not self._meets.get(step.sight, made) <= made
            if not step.amid or (not interrupted and meets):
                forks = [
                    Fork(number, place, side, (*choices[:place], side))
                    for side in step.able
                    if side != step.side and spent + (side not in step.free) <= self.interruptions
                ]
                yield choices[: place + 1], forks
            spent += interrupted
            if spent < self.interruptions and (readers := self._readers(step, made)):
                halved = (*choices[:place], ~step.side)
                yield halved, [Fork(number, place, side, (*halved, side), halves=True) for side in readers]
            made.add(step.sight)

    def _readers(self, step: Made, made: set[Sight]) -> list[int]:
        """The sides that could read between the halves of a write what it writes."""
        if not step.pages or step.half:
            return []
        met = {side for side, *_ in self._reads_of(step) - made}
        return [side for side in step.able if side in met]

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
