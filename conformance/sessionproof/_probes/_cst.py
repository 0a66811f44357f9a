"""CST: cost, counted in system calls and bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sessionproof import _json
from sessionproof._cost import enlarge, filled, grows, mean, price
from sessionproof._counting import Count
from sessionproof._json import JSON, Object
from sessionproof._metadata import meta_of
from sessionproof._placeholders import named
from sessionproof._probes._registry import LOGS, probe
from sessionproof._protocol import Call
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

if TYPE_CHECKING:
    from sessionproof._run import Run

_COUNTED, _WRITES = Setup(counted="all"), Setup(counted="writes")
_FEWEST = 256
"""Entries of a log of which growth can be told."""


@probe("CST-1", "growth of appends", keeps=LOGS)
def declared_growth_holds(trial: Trial) -> None:
    """Bytes written, over single appends to one log of 1,000 entries, or 10,000: growth from octave to octave."""
    if "append" not in trial.statement.cost:
        raise NotApplicable("no cost of `append` is declared")
    (id,) = trial.ids(1)
    with trial.run(_WRITES) as run:
        run.make(id)
        run.do({"do": "grow", "id": id, "most": trial.budget.appends})
    trial.need(entries_appended=_FEWEST)


_SESSIONS = 4
_SIZES = (8_000, 32_000, 128_000)


@probe("CST-2", "lists of growing sessions")
def list_reads_no_documents(trial: Trial) -> None:
    """Files opened and bytes read by `list`, in new store objects, while all sessions grow sixteenfold."""
    ids = trial.some_ids(_SESSIONS)
    with trial.run(_COUNTED) as run:
        for id in ids:
            run.make(id)
        run.do({"do": "list cost", "ids": cast("JSON", ids), "sizes": cast("JSON", _SIZES)})
    trial.need(lists_counted=len(_SIZES))


_USUAL = {"characters": 4_000, "sessions": 4, "writes": 4}
_SWEEPS = {"characters": (1_000, 8_000, 32_000), "sessions": (2, 8, 32), "writes": (4, 16, 64)}
_TURNS = 4


@probe("CST-3", "price of each operation")
def what_it_costs(trial: Trial) -> None:
    """Every operation on sessions of 4,000 characters; then with larger sessions, more of them, longer histories."""
    usual = _prices(trial, **_USUAL)
    few = 3 if trial.budget.share == 1 else 2
    swept = {
        what: {value: _prices(trial, **{**_USUAL, what: value}).counts for value in values[:few]}
        for what, values in _SWEEPS.items()
    }
    both = len(trial.statement.keeps) > 1
    for method, count in usual.counts.items():
        growth = {
            what: found
            for what, counts in swept.items()
            if (found := grows({value: by[method] for value, by in counts.items() if method in by}))
        }
        name = f"{method} of a log" if trial.logs and both else method
        trial.cost[name] = mean(count, _TURNS, usual.sizes[method], growth)
    trial.cost["logs" if trial.logs else "documents"] = {"bytes_on_disk_per_byte": round(usual.on_disk, 2)}
    trial.need(calls_counted=1)


@dataclass(slots=True)
class _Prices:
    """What some calls of each operation cost together, and the bytes of the value that each call was given.

    `on_disk` are bytes that lie on the disk for each byte of the sessions.
    """

    counts: dict[str, Count] = field(default_factory=dict[str, Count])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    on_disk: float = 0.0


def _prices(trial: Trial, characters: int, sessions: int, writes: int) -> _Prices:
    """The prices where there are so many sessions of so many characters, and one was written to so many times."""
    prices = _Prices()
    with trial.run(_COUNTED) as run:
        first, *others = trial.some_ids(sessions)
        for id in (first, *others):
            run.make(id)
        given = sum(enlarge(run, id, characters) for id in (first, *others))
        again = sum(enlarge(run, first, characters) for _ in range(writes - 1))
        lying = sum(len(entry.content) for entry in run.tree().values() if entry.kind == "file")
        prices.on_disk = lying / (given + (again if trial.logs else 0))
        for method, params in _operations(run, trial, first, characters):
            values = [value for name, value in params.items() if name in {"document", "entries", "items"}]
            prices.sizes[method] = sum(len(_json.encode(value)) for value in values)
            prices.counts[method] = price(run, *[Call(method, named(params, run.names))] * _TURNS)
            trial.count("calls counted", _TURNS)
        if trial.has("delete") and len(others) >= _TURNS - 1:
            deletes = [Call("delete", {"id": run.names.get(id, id)}) for id in (first, *others)[:_TURNS]]
            prices.sizes["delete"], prices.counts["delete"] = 0, price(run, *deletes)
    return prices


def _operations(run: "Run", trial: Trial, id: str, characters: int) -> Iterator[tuple[str, Object]]:
    """Each operation that the store has, but for deletes, with the parameters of a call."""
    one: Object = {"id": id}
    value: JSON = filled(run, id, characters)
    pair: Object = {"agent": "agent", "created_by": "creator"}
    written: Object = {**one, "entries": [value]} if trial.logs else {**one, "document": value}
    calls: dict[str, Object] = {
        "append" if trial.logs else "save": written,
        "read" if trial.logs else "load": one,
        "exists": one,
        "list": {},
        "summaries": {},
        "latest": pair if trial.has("create") else {},
        "attach": {**one, "kind": "trace", "items": trial.content.plain_items("trace", 4)},
        "attachments": {**one, "kind": "trace"},
        "append_events": {**one, "events": trial.content.plain_items("event", 1)},
        "compact": {**one, "archive": "archive"},
        "check": {},
        "create": pair,
    }
    yield from ((method, params) for method, params in calls.items() if trial.has(method))
    if trial.has("describe"):
        yield "describe", {**one, "meta": meta_of(run, run.names.get(id, id), trial.content.plain_meta(1))}
