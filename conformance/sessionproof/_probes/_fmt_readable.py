"""FMT-8: nothing is writable and then unreadable."""

from collections.abc import Iterator
from typing import cast

from sessionproof._content import SAFE_INTEGER
from sessionproof._json import JSON, Object
from sessionproof._json_values import any_object
from sessionproof._lab import nested
from sessionproof._neighbours import neighbours
from sessionproof._probes._machine import write_and_look
from sessionproof._probes._registry import LOGS, probe
from sessionproof._schema_places import Place
from sessionproof._trial import NotApplicable, Trial

_READABLE: dict[str, str] = dict.fromkeys(("STO-1", "STO-2", "STO-7", "LOG-1"), "FMT-8")


@probe("FMT-8", "edges", _READABLE)
def acknowledged_is_readable(trial: Trial) -> None:
    """Depths, numbers, lengths and names at the edges of readers: refused, or readable."""
    (id,) = trial.ids(1)
    typed = not isinstance(trial.statement.fidelity, str)
    for what, document in _in_places(trial, id) if typed else _anywhere(trial, id):
        if document is None or trial.content.invalid(document):
            continue
        trial.count("edges tried")
        with trial.run() as run:
            run.write(id, trial.content.plain(0, id))
            run.load(id)
            write_and_look(run, id, document)
            run.do({"do": "look"})
            trial.count(f"edges: {what}")
    if typed and not trial.trials.get("edges tried"):
        raise NotApplicable("documents of the declared schema have no place for a value of the kit's choice")
    trial.need(writes_acknowledged=1)


_NAMES = ("", "__proto__", "constructor", "$ref", "$schema", "n" * 70_000, "a.b", "a/b", "\0", ".", "type")
_MANY = 2_000
"""Members of one map, or items of one list of typed values."""


def _anywhere(trial: Trial, id: str) -> Iterator[tuple[str, Object | None]]:
    """Documents with the edges where the kit knows of a place."""
    yield from ((what, trial.content.deep(id, value)) for what, value in _edges(trial))


def _edges(trial: Trial) -> list[tuple[str, JSON]]:
    limits = trial.lab.limits
    depths = [n for n in (60, 64, 65, 100, 120, 124, 125, 126, 127, 128, 129, 200, 500) if n <= limits.max_depth - 4]
    numbers = [n for n in (SAFE_INTEGER + 2, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30) if n <= limits.max_integer]
    floats = [1e39, -1e39, 3.5e38, 1.7976931348623157e308, 5e-324, 1e-400, 0.1 + 0.2, -0.0]
    return [
        *(("depth", nested(depth)) for depth in depths),
        *(("depth", _objects(depth)) for depth in depths),
        *(("numbers", number) for number in [*numbers, *(-n for n in numbers), *floats]),
        *(("names", cast("JSON", {name: 1})) for name in _NAMES),
        ("members", {f"m{number}": number for number in range(_MANY)}),
        ("length", "x" * trial.budget.item_length),
        ("length", list(range(20_000))),
    ]


def _in_places(trial: Trial, id: str) -> Iterator[tuple[str, Object]]:
    """Documents with the edges in the places of the declared schema: in the free ones, and in some of the others."""
    places = trial.content.places
    free = [place for place in places if place.is_free]
    values: list[tuple[str, JSON]] = []
    for turn, (what, edge) in enumerate(_edges(trial)):
        narrow = [place for place in places if not place.is_free and place.takes(edge)]
        values += [
            (what, place.holding(edge)) for place in (*free, *trial.budget.some(narrow, turn)) if place.takes(edge)
        ]
    values += trial.budget.some([crowd for place in places for crowd in _crowds(place)])
    for what, value in values:
        document = trial.content.fit(cast("Object", value), id)
        if trial.content.covered(document):
            yield what, document


def _crowds(place: Place) -> Iterator[tuple[str, JSON]]:
    """Values with other names, and with many members or items, around the place."""
    if place.in_map:
        yield from (("names", place.among({name: place.value})) for name in _NAMES)
        yield "members", place.among({f"m{number}": place.value for number in range(_MANY)})
    if place.in_list:
        yield "length", place.among([place.value] * _MANY)


def _objects(levels: int) -> JSON:
    value: JSON = {}
    for _ in range(levels - 1):
        value = {"o": value}
    return value


@probe("FMT-8", "neighbours")
def neighbours_are_readable(trial: Trial) -> None:
    """Values just outside the declared fidelity, one thing otherwise: refused, or there when they are read."""
    if not trial.content.places:
        raise NotApplicable("the declared fidelity leaves open what documents hold, or refuses the others by FMT-4")
    if not trial.has("read" if trial.logs else "load"):
        raise NotApplicable("nothing can be read")
    (id,) = trial.ids(1)
    tried = set[str]()
    for place in trial.content.places:
        for what, value in neighbours(place):
            document = trial.content.fit(cast("Object", value), id)
            if what in tried or trial.content.covered(document):
                continue
            tried.add(what)
            with trial.run() as run:
                run.make(id)
                run.do({"do": "write outside", "id": id, "value": document, "what": what})
    trial.need(values_outside_the_fidelity=1)


@probe("FMT-8", "logs that are not there", keeps=LOGS)
def writes_to_nothing_are_refused(trial: Trial) -> None:
    """Events, boundaries, metadata and entries for a log that is not there: refused as `not_found`, or readable."""
    writes: dict[str, Object] = {
        "append_events": {"events": trial.content.plain_items("event", 1)},
        "compact": {"archive": "archive"},
        "describe": {"meta": trial.content.plain_meta(1)},
    }
    if trial.has("create"):
        writes["append"] = {"entries": [trial.content.plain(1, "")]}
    first, second = trial.ids(2) if trial.statement.ids_kind != "single" else (*trial.ids(1), "session")
    for method in filter(trial.has, writes):
        with trial.run() as run:
            if first != second:
                run.write(first, trial.content.plain(0, first))
            run.call(method, id=second, **writes[method])
            run.load(second)
            run.do({"do": "reopen"})
            run.do({"do": "look"})
            trial.count("writes to nothing")
    if not trial.trials.get("writes to nothing"):
        raise NotApplicable("the statement lists none of them")


@probe("FMT-8", "drawn documents", _READABLE)
def drawn_is_readable(trial: Trial) -> None:
    """Values drawn past the fidelity's own limits: what is accepted comes back."""
    (id,) = trial.ids(1)

    def example(document: Object) -> None:
        fitted = trial.content.fit(document, id)
        with trial.run() as run:
            write_and_look(run, id, fitted)
            run.do({"do": "look"})

    wild = any_object(trial.lab.limits) if trial.statement.fidelity == "json" else trial.content.drawn()
    trial.explore(wild, trial.budget.documents // 2, example)
    trial.need(writes_acknowledged=1)


@probe("FMT-8", "attachments of no session")
def attachments_are_readable(trial: Trial) -> None:
    """Attaching to a session that is not there: refused as `not_found`, or readable."""
    if not trial.has("attach", "attachments"):
        raise NotApplicable("attach is not among the operations")
    (id,) = trial.ids(1)
    items = trial.content.plain_items("trace", 2)
    with trial.run() as run:
        run.do({"do": "attach to nothing", "id": id, "kind": "trace", "items": items})
    trial.need(attach_calls=1)
