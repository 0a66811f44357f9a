"""Whether a schedule is another order of one that was carried out, in which nothing changes places that meets.

Such a schedule comes to the same: each side makes the same calls and gets the same answers (Mazurkiewicz, 1987). That
can be told before it is carried out, as long as nobody waits: who is chosen goes on up to its end, and then the other.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sessionproof._scheduler import BEGINS, DIES, SPINNING, WAKES, Executed, Made, Sight

Request: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Order:
    """The steps of a schedule in which nobody waited, by side, and what must come before each.

    `needs` are, for each step, pairs of another side and how many of its steps come first, as the last of them meets
    it. `before` are pairs of requests of which the first was answered before the second began.
    """

    steps: dict[int, list[Made]]
    needs: dict[Sight, list[tuple[int, int]]]
    before: frozenset[tuple[Request, Request]]

    @classmethod
    def of(cls, executed: Executed, meet: Callable[[Made, Made], bool]) -> "Order | None":
        """That of a schedule; None where somebody waited, or died: who lives is seen by more than files.

        The same where a write was made in two halves: who comes between them makes a difference.

        The same where a side may have to wait in another order, as it asks for one thing again and again.
        """
        asked = Counter((*step.sight[:2], step.name, *step.paths) for step in executed.steps)
        if max(asked.values(), default=0) >= SPINNING:
            return None
        steps: dict[int, list[Made]] = {}
        needs: dict[Sight, list[tuple[int, int]]] = {}
        left = {step.side: place for place, step in enumerate(executed.steps)}
        for place, step in enumerate(executed.steps):
            waiting = {side for side, last in left.items() if last >= place} - set(step.able)
            if waiting or step.half or step.name in {WAKES, DIES}:
                return None
            others = ((side, _last(made, step, meet)) for side, made in steps.items() if side != step.side)
            needs[step.sight] = [(side, count) for side, count in others if count]
            steps.setdefault(step.side, []).append(step)
        return cls(steps, needs, _before(executed.steps))

    def reordered(self, beginning: Sequence[Made], chosen: int) -> bool:
        """Whether it comes to the same if after other steps a side is chosen, and then all go on as they can."""
        counts = dict.fromkeys(self.steps, 0)
        order: list[Made] = []
        for step in beginning:
            if not self._is_next(step.side, counts, step.sight):
                return False
            order.append(self.steps[step.side][counts[step.side]])
            counts[step.side] += 1
        rest = [side for side, steps in self.steps.items() if side != chosen and counts[side] < len(steps)]
        ahead = self.steps.get(chosen, [])[counts.get(chosen, 0) :]
        # Where another request could begin, or another side be chosen, there are more ways to go on than one.
        if not ahead or len(rest) > 1 or any(step.name == BEGINS for step in ahead[1:]):
            return False
        for side in (chosen, *rest):
            for step in self.steps[side][counts[side] :]:
                if not self._is_next(side, counts, step.sight):
                    return False
                order.append(step)
                counts[side] += 1
        return _before(order) <= self.before

    def _is_next(self, side: int, counts: dict[int, int], sight: Sight) -> bool:
        """Whether a step is the next of its side, and all that it needs has come."""
        steps = self.steps.get(side, [])
        place = counts.get(side, 0)
        if place >= len(steps) or steps[place].sight != sight:
            return False
        return all(counts[other] >= count for other, count in self.needs[sight])


def _last(made: Sequence[Made], step: Made, meet: Callable[[Made, Made], bool]) -> int:
    """How many of these steps come up to the last that meets a step."""
    return next((count for count in range(len(made), 0, -1) if meet(step, made[count - 1])), 0)


def _before(steps: Sequence[Made]) -> frozenset[tuple[Request, Request]]:
    requests = [(step.side, step.sight[1] - (step.name != BEGINS)) for step in steps]
    last = {request: place for place, request in enumerate(requests)}
    begun: dict[Request, int] = {}
    for place, request in enumerate(requests):
        begun.setdefault(request, place)
    return frozenset((one, other) for one in last for other in begun if last[one] < begun[other])
