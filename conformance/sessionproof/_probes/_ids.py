"""IDS: hostile names, each tried in every operation that takes an id."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from sessionproof import _ids, _json
from sessionproof._probes._registry import probe
from sessionproof._protocol import Answer
from sessionproof._run import Run, Setup
from sessionproof._trial import NotApplicable, Trial

_TRACKED = Setup(tracked=True)
_AROUND = Setup(tracked=True, around=True)


def _every_operation(run: Run, trial: Trial, id: str) -> None:
    """The id in every operation that takes one: before it is saved, while it is there, after its delete."""
    _ask(run, trial, id)
    _try(run, trial, "delete", id=id)
    if not trial.has("save"):
        return
    saved = run.call("save", id=id, document=trial.documents.plain(3, id))
    if isinstance(saved, Answer):
        trial.count("hostile ids accepted")
        _try(run, trial, "attach", id=id, kind="trace", items=trial.documents.plain_items("trace", 2))
        _try(run, trial, "load", id=id)
        run.do({"do": "reopen"})
    else:
        trial.count("hostile ids refused")
    run.do({"do": "look"})
    if trial.has("delete"):
        run.call("delete", id=id)
        run.do({"do": "look"})


def _ask(run: Run, trial: Trial, id: str) -> None:
    """The id where nothing was saved under it, in every operation but `save` and `delete`."""
    _try(run, trial, "load", id=id)
    _try(run, trial, "exists", id=id)
    _try(run, trial, "attachments", id=id, kind="trace")
    _try(run, trial, "attach", id=id, kind="trace", items=trial.documents.plain_items("trace", 1))


def _try(run: Run, trial: Trial, method: str, **params: Any) -> None:
    if trial.has(method):
        run.call(method, **params)


def _carried(trial: Trial, ids: Iterable[str]) -> list[str]:
    """Those of the ids that the adapter's own JSON can carry."""
    return [id for id in dict.fromkeys(ids) if trial.lab.limits.surrogates or not _json.has_lone_surrogate(id)]


def _bystander(run: Run, trial: Trial) -> str:
    """A session of a promised id, with attachments, that nothing that follows may touch."""
    id = trial.ids(5)[2] if trial.statement.ids_kind == "any" else trial.ids(1)[0]
    run.call("save", id=id, document=trial.documents.plain(9, id))
    _try(run, trial, "attach", id=id, kind="artifacts", items=trial.documents.plain_items("artifacts", 2))
    run.do({"do": "look", "store": False})
    return id


def _suffixes(trial: Trial) -> list[str]:
    """The extensions of the store's own files."""
    if not trial.lab.on_disk:
        return []
    with trial.run(_TRACKED) as run:
        (id,) = trial.ids(1)
        run.call("save", id=id, document=trial.documents.plain(7, id))
        return sorted(
            {"".join(PurePath(name).suffixes) for name in run.tree() if len("".join(PurePath(name).suffixes)) < 12}
        )


@probe("IDS-1", "traversals")
def nothing_outside_is_touched(trial: Trial) -> None:
    """Ids that climb out of the root, to decoys with the names, extensions and bytes of the store's own files."""
    if trial.statement.ids_kind == "single":
        raise NotApplicable("there is one document a root, and its id means nothing")
    ids = _carried(trial, _ids.traversals(_suffixes(trial)))[:: trial.budget.share]
    for batch in range(0, len(ids), 12):
        with trial.run(_AROUND) as run:
            _decoys(run, trial)
            for id in ids[batch : batch + 12]:
                trial.count("hostile ids")
                _try_outside(run, trial, id)


def _decoys(run: Run, trial: Trial) -> None:
    own = "decoy" if trial.statement.promises("decoy") else next(iter(trial.lab.ids(1)), None)
    if own is not None and trial.has("save"):
        run.call("save", id=own, document=trial.documents.fit(trial.documents.plain(7, own), own))
        _try(run, trial, "attach", id=own, kind="trace", items=trial.documents.plain_items("trace", 2))
    run.do({"do": "rest"})
    run.do({"do": "surround", "id": own or ""})
    run.do({"do": "wake"})


def _try_outside(run: Run, trial: Trial, id: str) -> None:
    _ask(run, trial, id)
    _try(run, trial, "delete", id=id)
    if trial.has("save"):
        saved = run.call("save", id=id, document=trial.documents.plain(3, id))
        if isinstance(saved, Answer):
            _try(run, trial, "load", id=id)
            _try(run, trial, "exists", id=id)
            _try(run, trial, "delete", id=id)


@probe("IDS-1", "generated")
def generated_stay_inside(trial: Trial) -> None:
    """Generated ids with the same decoys around the root."""
    if trial.statement.ids_kind == "single":
        raise NotApplicable("there is one document a root, and its id means nothing")

    def example(id: str) -> None:
        with trial.run(_AROUND) as run:
            _decoys(run, trial)
            _try_outside(run, trial, id)

    trial.explore(_ids.hostile_strategy(surrogates=trial.lab.limits.surrogates), trial.budget.ids // 2, example)
    trial.need(looks_around_the_root=1)


_DISTINCT = {"STO-2": "IDS-2", "STO-6": "IDS-2", "STO-4": "IDS-2", "STO-11": "IDS-2"}


def _all_distinct(trial: Trial, ids: list[str]) -> None:
    """Save them all, each with a document of its own; then every one, its document, its attachments."""
    with trial.run() as run:
        for number, id in enumerate(ids):
            run.call("save", id=id, document=trial.documents.plain(number, id))
            run.call("load", id=id)
            _try(run, trial, "attach", id=id, kind="trace", items=trial.documents.plain_items("trace", 1, number))
        run.do({"do": "look"})
        run.do({"do": "reopen"})
        run.do({"do": "look"})
        if trial.has("delete"):
            run.call("delete", id=ids[0])
            run.do({"do": "look"})


@probe("IDS-2", "families", _DISTINCT)
def distinct_ids_are_distinct(trial: Trial) -> None:
    """Families of ids that lossy names make one."""
    for family in _ids.FAMILIES:
        ids = _carried(trial, family)
        trial.count("families")
        _all_distinct(trial, ids)
        # Pairs on their own too: a store may merge only the first two that meet.
        for other in ids[1 : 4 // trial.budget.share]:
            _all_distinct(trial, [other, ids[0]])
    trial.need(save_calls=1)


@probe("IDS-2", "confusable pairs", _DISTINCT)
def confusable_ids_are_distinct(trial: Trial) -> None:
    """A promised id, and others that differ from it as little as possible."""
    base = "Abc" if trial.statement.promises("Abc") else trial.ids(1)[0]
    others = [id for id in _carried(trial, _ids.confusables(base)) if id != base]
    for other in others[:: min(2, trial.budget.share)]:
        trial.count("pairs")
        _all_distinct(trial, [base, other])
    trial.need(save_acknowledged=1)


def _one_by_one(trial: Trial, ids: list[str]) -> None:
    """Each id in every operation, beside a bystander, with names that code from an id would make."""
    for id in ids:
        trial.count("hostile ids")
        with trial.run() as run:
            bystander = _bystander(run, trial)
            if id != bystander:
                _every_operation(run, trial, id)


@probe("IDS-3", "traversals and families")
def accepted_or_refused(trial: Trial) -> None:
    """Every hostile id: accepted and then as good as any other, or refused."""
    families = [id for family in _ids.FAMILIES for id in family]
    ids = [
        id
        for id in _carried(trial, [*families, *_ids.traversals([".json"])[::3]])
        if "$" not in id and _ids.contained(id)
    ]
    _one_by_one(trial, ids[:: trial.budget.share])
    trial.need(hostile_ids=1, save_calls=1)


@probe("IDS-3", "generated")
def generated_accepted_or_refused(trial: Trial) -> None:
    """Generated ids, in every operation."""

    def example(id: str) -> None:
        _one_by_one(trial, [id])

    trial.explore(_ids.hostile_strategy(surrogates=trial.lab.limits.surrogates), trial.budget.ids, example)
    trial.need(save_calls=1)


@probe("IDS-4", "lengths and characters", {"IDS-3": "IDS-4"})
def severe_ids(trial: Trial) -> None:
    """Lengths from 0 to a million, NUL, newline, lone surrogates, device names, drive letters."""
    _one_by_one(trial, _carried(trial, _ids.SEVERE)[:: (trial.budget.share + 2) // 3])
    trial.need(hostile_ids=1, save_calls=1)


@probe("IDS-5", "syntax", dict.fromkeys(("IDS-3", "STO-1", "STO-2", "STO-3", "STO-4", "STO-6"), "IDS-5"))
def ids_are_data(trial: Trial) -> None:
    """SQL, glob, format, shell, percent and regular-expression syntax, beside a session that it could reach."""
    for id in _ids.SYNTAX:
        trial.count("hostile ids")
        with trial.run() as run:
            victim = "bystander" if trial.statement.promises("bystander") else _bystander(run, trial)
            run.call("save", id=victim, document=trial.documents.plain(9, victim))
            run.do({"do": "look", "store": False})
            _every_operation(run, trial, id)
            run.do({"do": "verify", "check": "no canary", "requirement": "IDS-5"})
    trial.need(hostile_ids=1, save_calls=1)


@probe(
    "IDS-6",
    "own file names",
    dict.fromkeys(("IDS-3", "STO-1", "STO-2", "STO-3", "STO-4", "STO-6", "STO-7", "STO-11"), "IDS-6"),
)
def own_names_collide_with_nothing(trial: Trial) -> None:
    """Ids that are the names of the store's own files: seen ones, common ones, temporaries made of them."""
    with trial.run(_TRACKED) as run:
        first = _bystander(run, trial)
        seen = sorted(run.tree())
    ids = _carried(trial, [*_ids.own_names(seen, [first]), *_ids.COMMON_NAMES])
    for id in ids:
        trial.count("hostile ids")
        with trial.run() as run:
            bystander = _bystander(run, trial)
            if id == bystander:
                continue
            _every_operation(run, trial, id)
            run.call("save", id=bystander, document=trial.documents.plain(4, bystander))
            run.call("save", id=id, document=trial.documents.plain(5, id))
            run.do({"do": "look", "store": False})
            run.call("save", id=bystander, document=trial.documents.plain(6, bystander))
            run.do({"do": "reopen"})
            run.do({"do": "look"})
    trial.need(hostile_ids=1, save_calls=1)


@probe("IDS-7", "drawn from the claim")
def promised_ids_are_accepted(trial: Trial) -> None:
    """Ids at the edges of what the statement promises, then drawn ones, saved and found again."""

    def example(id: str) -> None:
        with trial.run() as run:
            run.call("save", id=id, document=trial.documents.plain(0, id))
            run.do({"do": "look"})

    for id in filter(trial.statement.promises, _ids.EDGES):
        example(id)
    trial.explore(_ids.promised_strategy(trial.statement), trial.budget.ids, example)
    trial.need(save_calls=1)


@probe("STO-6", "hostile ids")
def hostile_ids_touch_no_other(trial: Trial) -> None:
    """Operations on ids like `""`, `.` and `..` change nothing that another session has."""
    for id in _carried(trial, ["", ".", "..", "*", "%", "../root", "./", "\0"]):
        with trial.run() as run:
            _bystander(run, trial)
            _every_operation(run, trial, id)
    trial.need(save_acknowledged=1)
