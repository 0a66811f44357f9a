"""One schedule: the calls of several adapter processes, released one at a time in a chosen order.

A step lets one side go on: it begins its next request, or makes one held call and runs up to the next. All others
stand still meanwhile, so that the same choices lead to the same calls. A side that waits for a lock cannot be chosen,
whether it waits in the kernel or asks again and again with naps between: it can when another has got on. Where no side
can go on, time is let pass; a side that does not move within its deadline waits for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

from sessionproof._footprints import NONE, Footprint, footprint, moves, with_given_up
from sessionproof._gate import GatedProcess, Held
from sessionproof._halves import Half, crosses, first_half, must_wait, second_half
from sessionproof._locks import Holders, Inode, Lock
from sessionproof._performed import Performed
from sessionproof._protocol import Answer, Call

BEGINS, WAKES, DIES, FINISHES = "begins", "wakes", "dies", "finishes"
"""Steps that are no system calls. The paths of a death tell the call before which it comes, with its name.

A side finishes a write of which only the first half was made.
"""
_LOCKS = frozenset({"flock", "fcntl", "open", "openat"})
_MEMORY = ("memory", "")
SPINNING = 20
"""So many times the same call, with nothing done in between: the side asks for what another must give."""
_LOOK = 0.005
"""Seconds to wait for one of several processes before the next is looked at."""

Sight: TypeAlias = tuple[int, int, str, int]
"""A call as it is known from schedule to schedule: its side, its request, its name, the how manieth of that name."""


class Diverged(Exception):  # noqa: N818 - reads as what happened
    """The choices of a schedule lead to other calls than before. The message says where."""


@dataclass(frozen=True, slots=True)
class Made:
    """One step: who took it, who else could have, what it was.

    `paths` are those of the call below the folder. `able` are the sides that could have taken the step; to choose one
    that is not `free` interrupts another. `amid`: one side alone is free, as it is amid a request and can go on.
    `pages`: a write over several pages, which can be made in two halves; `half`: of the first half, its bytes.
    """

    side: int
    name: str
    paths: tuple[str, ...]
    sight: Sight
    print: Footprint
    able: tuple[int, ...]
    free: tuple[int, ...]
    amid: bool
    pages: bool = False
    half: int = 0


@dataclass(slots=True)
class Executed:
    """A schedule that was carried out: its steps, and the calls to the store with the number of a step as time."""

    steps: list[Made] = field(default_factory=list["Made"])
    performed: list[Performed] = field(default_factory=list[Performed])
    waits_for_ever: str = ""

    @property
    def choices(self) -> list[int]:
        """The sides in the order of their steps; of who makes half a write, the complement (`~`)."""
        return [~step.side if step.half else step.side for step in self.steps]


@dataclass(slots=True)
class Side:
    """A process and what it is still to be asked.

    Where several sides share a process, `notices` are the held calls of this one, and `threads` those that make them.
    `serves`: it has started processes, as it seemed when it was last answered; others may be served by them.
    """

    gate: GatedProcess
    calls: list[Call]
    notices: set[int] | None = None
    threads: set[int] = field(default_factory=set[int])
    asked: int = 0
    number: int | None = None
    begun: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])
    same: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    tried: set[tuple[tuple[str, ...], Lock]] = field(default_factory=set[tuple[tuple[str, ...], Lock]])
    freed: bool = False
    woken: int = 0
    made: int = 0
    serves: bool = False

    @property
    def over(self) -> bool:
        """Whether it has nothing to do any more."""
        return self.number is None and self.asked == len(self.calls) and not self.ready

    @property
    def is_idle_server(self) -> bool:
        """Whether nothing is asked of it, and what it has started may do something for others."""
        return self.serves and self.number is None and self.gate.alive

    @property
    def held(self) -> list[Held]:
        """Its calls that are held."""
        held = self.gate.held.values()
        return [call for call in held if self.notices is None or call.notice in self.notices]

    @property
    def ready(self) -> list[Held]:
        """The calls that it could make next, naps aside."""
        return [held for held in self.held if not held.naps]

    @property
    def naps(self) -> list[Held]:
        """The naps that it is held in."""
        return [held for held in self.held if held.naps]

    @property
    def spins(self) -> bool:
        """Whether it asks again and again for what does not change."""
        return max(self.same.values(), default=0) >= SPINNING

    @property
    def polls(self) -> bool:
        """Whether it would but ask again for what it was not given."""
        return self.spins or bool(self.naps and not self.ready)

    @property
    def able(self) -> bool:
        """Whether it can take a step."""
        if self.ready:
            return not self.spins or self.freed
        if self.number is None:
            return self.asked < len(self.calls)
        return bool(self.naps) and self.freed


class Schedule:
    """Carries out one schedule.

    Args:
        folder: Where calls are held.
        gates: The process of each side, open on the same root; of a `pipelined` one, several sides may be.
        calls: What each is asked, one after the other.
        dies: A side, and the how manieth of its held calls it dies at, in place of making it.
        before: What came first of all, and which this goes on from.
    """

    def __init__(
        self,
        folder: Path,
        gates: Sequence[GatedProcess],
        calls: Sequence[Sequence[Call]],
        dies: Sequence[int] | None = None,
        before: Executed | None = None,
    ) -> None:
        self._folder = str(folder.resolve())
        self._sides = [
            Side(gate, list(asked), set() if gates.count(gate) > 1 else None)
            for gate, asked in zip(gates, calls, strict=True)
        ]
        self._dies = tuple(dies or ())
        self._dead: list[GatedProcess] = []
        self._moved: dict[Inode, int] = {}
        self._holders = Holders()
        self._clock = 2 * len(before.steps) if before else 0
        self._current: int | None = None
        self._half: Half | None = None
        self.executed = Executed([*before.steps], [*before.performed]) if before else Executed()

    def carry_out(self, choices: Sequence[int]) -> Executed:
        """Go by the choices; when they are used up, each side goes on as far as it can.

        Raises:
            Diverged: A side that is chosen cannot go on, or not with half a write.
        """
        for side in self._sides:
            side.gate.hold(Path(self._folder))
            side.serves = side.gate.has_children
        try:
            while not all(side.over for side in self._sides):
                self._step(choices)
        finally:
            for side in self._sides:
                side.gate.let_go()
                if side.number is not None:
                    # Given up amid a request: its answer would be taken for that of the next.
                    side.gate.kill()
        return self.executed

    def _step(self, choices: Sequence[int]) -> None:
        able = tuple(number for number in range(len(self._sides)) if self._is_able(number))
        if not able:
            self._let_time_pass()
            self._see_what_is_given_up()
            return
        free = self._free(able)
        place = len(self.executed.steps)
        choice = choices[place] if place < len(choices) else free[0]
        chosen = ~choice if choice < 0 else choice
        if chosen not in able:
            raise Diverged(f"step {place + 1}: process {chosen + 1} cannot go on")
        if choice < 0 and not self._can_halve(chosen):
            raise Diverged(f"step {place + 1}: process {chosen + 1} does not write over several pages")
        self._take(chosen, able, free, halve=choice < 0)
        self._see_what_is_given_up()

    def _is_able(self, number: int) -> bool:
        """Whether a side can take a step. Between the halves of a write, nobody else who needs the file's lock can."""
        side, half = self._sides[number], self._half
        if half is None or not side.able:
            return side.able
        if half.side == number or not side.ready:
            return True
        held, _ = self._next(side)
        return not must_wait(held, footprint(held, self._folder, self._moved), half)

    def _can_halve(self, number: int) -> bool:
        """Whether the next call of a side is a write over several pages, of which nothing was made yet.

        Where requests share a process, they may share an open file too, whose position a write has to itself.
        """
        side = self._sides[number]
        return bool(side.ready) and self._half is None and side.notices is None and crosses(self._next(side)[0])

    # -- one step ------------------------------------------------------------------------------------------------------

    def _free(self, able: tuple[int, ...]) -> tuple[int, ...]:
        """Who can be chosen without an interruption, first who goes on by itself."""
        if self._is_amid(able):
            return (cast("int", self._current),)
        calm = [number for number in able if not self._sides[number].polls]
        if not calm:
            return (min(able, key=lambda number: self._sides[number].woken),)
        return tuple(sorted(calm, key=lambda number: number != self._current))

    def _is_amid(self, able: tuple[int, ...]) -> bool:
        """Whether who took the last step can go on with its request."""
        return self._current in able and self._sides[self._current].number is not None

    def _take(self, chosen: int, able: tuple[int, ...], free: tuple[int, ...], *, halve: bool) -> None:
        side = self._sides[chosen]
        self._clock += 1
        side.woken += side.polls
        side.freed = False
        step = partial(self._note, chosen, able=able, free=free, amid=self._is_amid(able))
        if not side.ready and side.naps:
            step(WAKES, (), NONE)
            for nap in side.naps:
                side.gate.answer(nap, 0)
        elif side.ready:
            self._make(chosen, step, halve=halve)
        else:
            self._begin(side, step)
        self._current = chosen
        self._settle(side)
        for other in self._sides:
            rest = other.gate.rest
            waits = rest is not None and (not rest.timed or not _LOCKS.isdisjoint(rest.waits))
            if (waits or other.is_idle_server) and other.gate is not side.gate:
                self._settle(other)

    def _settle(self, side: Side) -> None:
        """Wait until the process of a side has come to rest, and hear what it answers."""
        sharing = [number for number, other in enumerate(self._sides) if other.gate is side.gate]
        while True:
            side.gate.settle()
            if side.notices is not None:
                self._tell_apart(side, [self._sides[number] for number in sharing])
            heard = [self._hear(number) for number in sharing]
            # Beside what was answered, others may still move.
            if len(sharing) == 1 or not any(heard):
                return

    @staticmethod
    def _tell_apart(moving: Side, sharing: Sequence[Side]) -> None:
        """Whose the calls are that are newly held: of whom their thread is known for, or who has just gone on."""
        known = set[int]().union(*(side.notices or () for side in sharing))
        for held in [held for held in moving.gate.held.values() if held.notice not in known]:
            owners = [side for side in sharing if held.thread in side.threads]
            fresh = [side for side in (moving, *sharing) if side.number is not None and not side.threads]
            owner = [*owners, *fresh, moving][0]
            assert owner.notices is not None
            owner.notices.add(held.notice)
            owner.threads.add(held.thread)

    def _begin(self, side: Side, step: Callable[..., None]) -> None:
        step(BEGINS, (), NONE)
        side.begun = self._clock
        side.seen.clear()
        side.same.clear()
        side.tried.clear()
        side.number = side.gate.ask(side.calls[side.asked])
        side.asked += 1

    def _next(self, side: Side) -> tuple[Held, tuple[str, ...]]:
        """The call that a side makes next, and its name and paths."""
        shown = {held.notice: (held.name, *(self._shown(path) for path in held.paths)) for held in side.ready}
        held = min(side.ready, key=lambda held: shown[held.notice])
        return held, shown[held.notice]

    def _make(self, chosen: int, step: Callable[..., None], *, halve: bool) -> None:
        side = self._sides[chosen]
        if self._half is not None and self._half.side == chosen:
            self._finish(side, self._half, step)
            return
        held, call = self._next(side)
        side.made += 1
        if self._dies == (chosen, side.made):
            step(DIES, call, NONE)
            self._dead.append(side.gate)
            side.gate.die()
            return
        # A lock that is asked for again, while nothing was done, is not given: that meets nothing new.
        again = held.lock is not None and (call, held.lock) in side.tried
        made = NONE if again else footprint(held, self._folder, self._moved)
        if (inode := moves(held)) is not None:
            self._moved[inode] = self._moved.get(inode, 0) + 1
        # Threads share more than files: any call of one may come between what another does in memory.
        shared = made if side.notices is None else replace(made, changes=made.changes | {_MEMORY})
        pages = self._can_halve(chosen)
        self._half = first_half(chosen, held) if halve else self._half
        step(call[0], call[1:], shared, pages=pages, half=self._half.written if halve and self._half else 0)
        side.same[call] = side.same.get(call, 0) + 1
        gets_on = any(kind not in _LOCKS for kind, _ in made.changes)
        for other in self._sides:
            # To ask for a lock changes nothing for who asks, who may have to ask again.
            if gets_on or (made.changes and other is not side):
                other.same.clear()
                other.tried.clear()
        if gets_on:
            self._free_others(side)
        if held.lock is not None:
            side.tried.add((call, held.lock))
            self._holders.look_at(held.thread, held.arguments[0], waits=held.lock.waits)
        if not halve or self._half is None:
            side.gate.go_on(held)

    def _finish(self, side: Side, half: Half, step: Callable[..., None]) -> None:
        """Make the second half of a write."""
        paths = tuple(map(self._shown, half.held.paths))
        step(FINISHES, paths, footprint(half.held, self._folder, self._moved))
        for other in self._sides:
            other.same.clear()
            other.tried.clear()
        self._free_others(side)
        second_half(side.gate, half)
        self._half = None

    def _see_what_is_given_up(self) -> None:
        """Locks that are no more since the last step, by whichever call: that meets who asks for them."""
        gone = self._holders.given_up()
        if not gone:
            return
        last = self.executed.steps[-1]
        self.executed.steps[-1] = replace(last, print=with_given_up(last.print, gone))
        for number, side in enumerate(self._sides):
            side.tried.clear()
            if number != last.side:
                # Who takes one lock and gives it up for want of another still asks for what does not change.
                side.same.clear()
        self._free_others(self._sides[last.side])

    def _free_others(self, side: Side) -> None:
        """A side has got on: what others ask for again, they may be given now."""
        for other in self._sides:
            other.freed |= other is not side

    def _note(  # noqa: PLR0913 - all that a step is
        self,
        chosen: int,
        name: str,
        paths: tuple[str, ...],
        made: Footprint,
        *,
        able: tuple[int, ...],
        free: tuple[int, ...],
        amid: bool,
        pages: bool = False,
        half: int = 0,
    ) -> None:
        side = self._sides[chosen]
        count = side.seen[name] = side.seen.get(name, 0) + 1
        sight = chosen, side.asked, name, count
        self.executed.steps.append(Made(chosen, name, paths, sight, made, able, free, amid, pages, half))

    def _shown(self, path: str) -> str:
        return path.removeprefix(self._folder).strip("/")

    def _hear(self, number: int) -> bool:
        """Take note of what a side has answered; whether it has."""
        side = self._sides[number]
        if side.number is None or side.number not in side.gate.answers:
            return False
        self._clock += 1
        outcome = side.gate.answers.pop(side.number)
        ended = None if side.gate in self._dead else self._clock
        self.executed.performed.append(Performed(side.calls[side.asked - 1], outcome, side.begun, ended, number))
        side.number = None
        side.serves = side.gate.has_children
        side.threads.clear()
        self._free_others(side)
        refused_to_open = side.calls[side.asked - 1].method == "open" and not isinstance(outcome, Answer)
        if refused_to_open or not side.gate.alive:
            side.calls = side.calls[: side.asked]
        return True

    # -- nobody can go on ----------------------------------------------------------------------------------------------

    def _let_time_pass(self) -> None:
        """Let naps end, or wait for timers, until one side moves or lets its deadline pass."""
        waiting = [side for side in self._sides if side.number is not None]
        if spinning := [side for side in waiting if side.ready]:
            for side in spinning:
                side.freed = True
                side.gate.moves(_LOOK)
            return
        if napping := [side for side in waiting if side.naps]:
            waiting = [min(napping, key=lambda side: side.woken)]
            waiting[0].woken += 1
            for nap in waiting[0].naps:
                waiting[0].gate.go_on(nap)
        waits = "; ".join(f"process {self._sides.index(side) + 1} in {_waits(side.gate)}" for side in waiting)
        while not any(side.gate.moves(_LOOK) for side in waiting):
            pass
        if not all(side.gate.alive for side in waiting):
            # All have waited as long: whose end would let which other go on is not to be left to chance.
            for side in waiting:
                side.gate.give_up()
        for side in waiting:
            self._settle(side)
            if not side.gate.alive:
                self.executed.waits_for_ever = waits


def _waits(gate: GatedProcess) -> str:
    return " and ".join(gate.rest.waits) if gate.rest is not None else "naps"
