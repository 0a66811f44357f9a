"""Is a history of calls that overlap linearizable: does some order of them make every answer right?

The order must keep what is known of time (a call that ended before another began comes first), and each session is
looked at by itself, which comes to the same. What is right is told by the model, so that there is no second
description of a store. A call without an answer may have happened at any time after it began, or never.

The search is that of Wing and Gong with Lowe's memory of what was tried (spec/interleavings.md). It takes as many steps
as there are calls where few overlap, and may take very many where many do; `Undecided` says that it was given up.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, cast

from sessionproof._history import History
from sessionproof._performed import Performed
from sessionproof._protocol import WRITES, Call, Kind, Outcome, Refusal, Silence
from sessionproof._shortcuts import shortcut
from sessionproof._worlds import Absent, Present, State, Step, Worlds

MOST_TRIED = 20_000
"""How many positions one search looks at before it gives up."""

_WITHOUT_END = float("inf")
_LONG = 40
"""Histories of more calls are tried by the shortcuts first."""
# What only says why an answer would be wrong, and not which answers are.
_TELLS_NOTHING = frozenset({"suspects", "shelf", "json"})


class Undecided(Exception):  # noqa: N818 - an outcome
    """Too many calls overlap for the search to come to an end."""


class Semantics(Protocol):
    """What the search needs of the model."""

    def step(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step: ...
    def unknown(self, worlds: Worlds, call: Call) -> Worlds: ...


def applied(model: Semantics, worlds: Worlds, performed: Performed) -> Worlds | None:
    """The worlds where the call comes next; None where its answer is then wrong."""
    call, outcome = performed.call, performed.outcome
    if isinstance(outcome, Silence) or performed.ended is None:
        return model.unknown(worlds, call) if call.method in WRITES else worlds
    if isinstance(outcome, Refusal) and outcome.kind is Kind.CONFLICT:
        # Refused because of the others: right at any time, and it may have burned a number.
        return model.step(worlds, call, outcome).worlds
    if isinstance(outcome, Refusal) and not outcome.not_applied:
        # Whether it may be refused so at all is not a question of order.
        return model.unknown(worlds, call) if call.method in WRITES else worlds
    step = model.step(worlds.mapped(_inexact), call, outcome)
    return None if step.violations else step.worlds


def _inexact(_: str, state: State) -> State:
    match state:
        case Present(content=History(exact=True) as log):
            return replace(state, content=replace(log, exact=False))
        case Absent(shelved=True):
            # Attachments of what is not there are half a session, in a store that refuses to attach to nothing.
            return replace(state, shelved=False)
        case _:
            return state


def linearizable(model: Semantics, worlds: Worlds, history: Sequence[Performed]) -> bool:
    """Whether some order of these calls on one session explains all answers, beginning in these worlds.

    Raises:
        Undecided: The search was given up.
    """
    if len(history) > _LONG and (told := shortcut(worlds, history)) is not None:
        return told
    return searched(model, worlds, history)


def searched(model: Semantics, worlds: Worlds, history: Sequence[Performed]) -> bool:
    """The same by search alone.

    Raises:
        Undecided: The search was given up.
    """
    calls = sorted(history, key=lambda performed: performed.begun)
    before = _parts_before(calls)
    wanted = sum(1 << place for place, performed in enumerate(calls) if performed.ended is not None)
    waiting: list[tuple[int, Worlds]] = [(0, worlds)]
    tried: set[Hashable] = set()
    while waiting:
        done, now = waiting.pop()
        if done & wanted == wanted:
            return True
        for place in _next(calls, before, done):
            then = applied(model, now, calls[place])
            if then is None:
                continue
            position = done | 1 << place, _key(then)
            if position not in tried:
                tried.add(position)
                waiting.append((done | 1 << place, then))
        if len(tried) > MOST_TRIED:
            raise Undecided
    return False


def _parts_before(calls: Sequence[Performed]) -> list[int]:
    """For each part of a batch the part that comes before it; -1 where there is none."""
    last: dict[tuple[int, int, float], int] = {}
    found: list[int] = []
    for place, performed in enumerate(calls):
        whole = performed.side, performed.begun, performed.end
        found.append(last.get(whole, -1) if performed.call.method == "append" else -1)
        if performed.call.method == "append":
            last[whole] = place
    return found


def _next(calls: Sequence[Performed], before: Sequence[int], done: int) -> list[int]:
    """Which calls may come next: those that no other had to come before. The one that ended first is the last."""
    first = (~done & (done + 1)).bit_length() - 1
    possible: list[int] = []
    bound = _WITHOUT_END
    for place in range(first, len(calls)):
        if done >> place & 1:
            continue
        if calls[place].begun > bound:
            break
        if before[place] < 0 or done >> before[place] & 1:
            possible.append(place)
        bound = min(bound, calls[place].end)
    return sorted(possible, key=lambda place: -calls[place].end)


def _key(value: Any) -> Hashable:  # noqa: ANN401 - whatever the worlds hold
    """What tells two worlds apart, as something that can be looked up."""
    if is_dataclass(value):
        return tuple(_key(getattr(value, field.name)) for field in fields(value) if field.name not in _TELLS_NOTHING)
    if isinstance(value, Mapping):
        return tuple(sorted((name, _key(one)) for name, one in cast("Mapping[str, Any]", value).items()))
    if isinstance(value, tuple):
        return tuple(_key(one) for one in cast("Sequence[Any]", value))
    return cast("Hashable", value)


def first_unexplained(model: Semantics, worlds: Worlds, history: Sequence[Performed]) -> Performed | None:
    """The answer which came first of those that no order explains: without it, all before it would be right.

    `history` is about one session. None: it is linearizable.

    Raises:
        Undecided: The search was given up.
    """
    if linearizable(model, worlds, history):
        return None
    answers = sorted((one for one in history if one.ended is not None), key=lambda performed: performed.end)
    right, wrong = 0, len(answers)  # so many first answers are explained; so many are not
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if linearizable(model, worlds, _up_to(history, answers[middle - 1])):
            right = middle
        else:
            wrong = middle
    return answers[wrong - 1]


def _up_to(history: Sequence[Performed], last: Performed) -> list[Performed]:
    """The history at the moment of an answer: what was not yet answered may or may not have happened."""
    return [
        performed if performed.end <= last.end else replace(performed, ended=None)
        for performed in history
        if performed.begun <= last.end
    ]
