"""What judging histories of calls that overlap costs here: by the shortcuts, and by search.

The histories are those of a right store with so many callers, each of whom begins a call when the one before it has
ended. One answer in each of the wrong ones is that of an earlier time.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from rich.table import Table

from sessionproof._content import Content
from sessionproof._json import Object
from sessionproof._json_values import Limits
from sessionproof._linear import Undecided, searched
from sessionproof._model import Model
from sessionproof._performed import Performed
from sessionproof._protocol import Answer, Call
from sessionproof._shortcuts import shortcut
from sessionproof._statement import Statement
from sessionproof._worlds import Worlds

SHAPES = {
    "document": ((2, 10), (2, 40), (4, 40), (8, 10_000)),
    "log": ((2, 10), (2, 40), (4, 40), (4, 200)),  # every reading gives all of it
}
"""Callers and calls of a history."""
LONG = 160
"""Histories of more calls times callers are left to the shortcuts alone: a search may take for ever."""
SECONDS = 0.5
"""How long each way of judging is measured; a single history may take longer."""

STATEMENT = {
    "protocol": "1.0",
    "implementation": {"name": "bench", "version": "1", "language": "none"},
    "operations": ["save", "load", "append", "read"],
    "fidelity": "json",
    "format": None,
    "durability": "process-crash",
    "concurrency": "multi-process",
    "ids": "any",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """Histories judged in a second; None: not tried, or the search gave up."""

    what: str
    callers: int
    calls: int
    right: bool
    shortcut: float
    searched: float | None


def history(what: str, callers: int, calls: int, *, right: bool, seed: int) -> list[Performed]:
    """A history of saves and loads, or of appends and readings."""
    draw = random.Random(seed)
    begun = [0] * callers
    made: list[Performed] = []
    seen: list[list[Any]] = [[]]  # what was written at each time
    for clock in range(1, calls + 1):
        side = draw.randrange(callers)
        number = clock - 1
        entries = seen[-1]
        if draw.random() < 0.5:
            seen.append([*(entries if what == "log" else ()), {"v": number}])
            value: Object = {"v": number}
            call = Call("save", {"id": "a", "document": value})
            answer = Answer({"revision": None})
            if what == "log":
                call, answer = Call("append", {"id": "a", "entries": [value]}), Answer({"numbers": None})
        else:
            if not right and number > calls * 0.9 and len(seen) > 4 * callers:
                entries, right = seen[len(seen) // 2], True
            call = Call("read" if what == "log" else "load", {"id": "a"})
            answer = Answer(_found(what, entries))
        made.append(Performed(call, answer, begun[side], clock, side))
        begun[side] = clock
    return made


def _found(what: str, entries: Sequence[Any]) -> Object:
    if what == "log":
        found = {"found": bool(entries), "entries": [*entries], "archive": None, "meta": None, "damage": []}
        return cast("Object", found if entries else {"found": False})
    return {"found": True, "document": entries[-1], "revision": None} if entries else {"found": False}


def rate(judge: Callable[[], object]) -> float | None:
    """How often in a second; None where the search gives up."""
    started, times = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < SECONDS:
        try:
            judge()
        except Undecided:
            return None
        times += 1
    return times / spent


def judgements() -> list[Judged]:
    """Every shape of history, judged by shortcut and by search."""
    statement = Statement.parse(cast("Any", STATEMENT))
    model = Model(statement, Content(statement, Limits()), Content(statement, Limits(), logs=True))
    rows: list[Judged] = []
    for what, shapes in SHAPES.items():
        for callers, calls in shapes:
            for right in (True, False):
                made = history(what, callers, calls, right=right, seed=calls + callers)
                if shortcut(Worlds(), made) == right:
                    quick = rate(partial(shortcut, Worlds(), made)) or 0.0
                    slow = rate(partial(searched, model, Worlds(), made)) if calls * callers <= LONG else None
                    rows.append(Judged(what, callers, calls, right, quick, slow))
    return rows


def judgement_table(rows: Sequence[Judged]) -> Table:
    """Rates beside each other."""
    table = Table(
        *("history of a", "callers", "calls", "", "shortcut, a second", "search, a second"),
        title="histories judged",
    )
    for row in rows:
        rates = f"{row.shortcut:,.1f}", f"{row.searched:,.1f}" if row.searched else "-"
        table.add_row(row.what, f"{row.callers}", f"{row.calls:,}", "right" if row.right else "wrong", *rates)
    return table


def measured() -> tuple[Sequence[Judged], Table]:
    """The rows and their table."""
    rows = judgements()
    return rows, judgement_table(rows)


MEASURES: Mapping[str, Callable[[], tuple[Sequence[Any], Table]]] = {"linearizability": measured}
"""What `bench.py` measures of histories."""
