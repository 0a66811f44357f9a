"""IDS: hostile names, each tried in every operation that takes an id."""

from collections.abc import Iterable
from pathlib import PurePath

from sessionproof import _ids, _json
from sessionproof._placeholders import log
from sessionproof._probes._machine import furnish
from sessionproof._probes._registry import probe
from sessionproof._protocol import Answer
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

_TRACKED = Setup(tracked=True)
_AROUND = Setup(tracked=True, around=True)


def _every_operation(run: Run, trial: Trial, id: str) -> None:
    """The id in every operation that takes one: before it is written to, while it is there, after its delete."""
    _ask(run, trial, id)
    run.try_("delete", id=id)
    if not trial.writes:
        return
    written = run.write(id, trial.content.plain(3, id))
    if isinstance(written, Answer):
        trial.count("hostile ids accepted")
        run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2))
        furnish(run, trial, id, 3)
        run.load(id)
        if trial.logs:
            run.write(id, trial.content.plain(4, id))
            run.load(id)
        run.do({"do": "reopen"})
    else:
        trial.count("hostile ids refused")
    run.do({"do": "look"})
    if trial.has("delete"):
        run.call("delete", id=id)
        run.do({"do": "look"})


def _ask(run: Run, trial: Trial, id: str) -> None:
    """The id where nothing was written under it, in every operation but `save`, `append` and `delete`."""
    run.load(id)
    run.try_("exists", id=id)
    run.try_("attachments", id=id, kind="trace")
    run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 1))
    if trial.logs:
        run.try_("append_events", id=id, events=trial.content.plain_items("event", 1))
        run.try_("compact", id=id, archive="archive")
        run.try_("describe", id=id, meta=trial.content.plain_meta(1))
        run.try_("claim", id=id, token="token")  # noqa: S106 - no password


def _carried(trial: Trial, ids: Iterable[str]) -> list[str]:
    """Those of the ids that the adapter's own JSON can carry."""
    return [id for id in dict.fromkeys(ids) if trial.lab.limits.surrogates or not _json.has_lone_surrogate(id)]


def _bystander(run: Run, trial: Trial) -> str:
    """A session of a promised id, with attachments, that nothing that follows may touch."""
    id = trial.ids(5)[2] if trial.statement.ids_kind == "any" else trial.ids(1)[0]
    run.write(id, trial.content.plain(9, id))
    run.try_("attach", id=id, kind="artifacts", items=trial.content.plain_items("artifacts", 2))
    run.do({"do": "look", "store": False})
    return id


def _suffixes(trial: Trial) -> list[str]:
    """The extensions of the store's own files."""
    if not trial.lab.on_disk:
        return []
    with trial.run(_TRACKED) as run:
        (id,) = trial.ids(1)
        run.write(id, trial.content.plain(7, id))
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
        with trial.run(_AROUND, fast=True) as run:
            _decoys(run, trial)
            for id in ids[batch : batch + 12]:
                trial.count("hostile ids")
                _try_outside(run, trial, id)


def _decoys(run: Run, trial: Trial) -> None:
    own = "decoy" if trial.statement.promises("decoy") else next(iter(trial.lab.ids(1, logs=trial.logs)), None)
    if own is not None and trial.writes:
        run.write(own, trial.content.fit(trial.content.plain(7, own), own))
        run.try_("attach", id=own, kind="trace", items=trial.content.plain_items("trace", 2))
    run.do({"do": "rest"})
    run.do({"do": "surround", "id": own or ""})
    run.do({"do": "wake"})


def _try_outside(run: Run, trial: Trial, id: str) -> None:
    _ask(run, trial, id)
    run.try_("delete", id=id)
    if trial.writes:
        saved = run.write(id, trial.content.plain(3, id))
        if isinstance(saved, Answer):
            run.load(id)
            run.try_("exists", id=id)
            run.try_("delete", id=id)


@probe("IDS-1", "generated")
def generated_stay_inside(trial: Trial) -> None:
    """Generated ids with the same decoys around the root."""
    if trial.statement.ids_kind == "single":
        raise NotApplicable("there is one document a root, and its id means nothing")

    def example(id: str) -> None:
        with trial.run(_AROUND, fast=True) as run:
            _decoys(run, trial)
            _try_outside(run, trial, id)

    trial.explore(_ids.hostile_strategy(surrogates=trial.lab.limits.surrogates), trial.budget.ids // 2, example)
    trial.need(looks_around_the_root=1)


_DISTINCT = {"STO-2": "IDS-2", "LOG-1": "IDS-2", "STO-6": "IDS-2", "STO-4": "IDS-2", "STO-11": "IDS-2"}


def _all_distinct(trial: Trial, ids: list[str]) -> None:
    """Save them all, each with a document of its own; then every one, its document, its attachments."""
    with trial.run() as run:
        for number, id in enumerate(ids):
            run.write(id, trial.content.plain(number, id))
            run.load(id)
            run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 1, number))
        run.do({"do": "look"})
        run.do({"do": "reopen"})
        run.do({"do": "look"})
        if trial.has("delete"):
            run.call("delete", id=ids[0])
            run.do({"do": "look"})


@probe("IDS-2", "families", _DISTINCT)
def distinct_ids_are_distinct(trial: Trial) -> None:
    """Families of ids that lossy names make one."""
    trial.need_names()
    for family in _ids.FAMILIES:
        ids = _carried(trial, family)
        trial.count("families")
        _all_distinct(trial, ids)
        # Pairs on their own too: a store may merge only the first two that meet.
        for other in ids[1 : 4 // trial.budget.share]:
            _all_distinct(trial, [other, ids[0]])
    trial.need(writes_tried=1)


@probe("IDS-2", "confusable pairs", _DISTINCT)
def confusable_ids_are_distinct(trial: Trial) -> None:
    """A promised id, and others that differ from it as little as possible."""
    trial.need_names()
    base = "Abc" if trial.statement.promises("Abc") else trial.ids(1)[0]
    others = [id for id in _carried(trial, _ids.confusables(base)) if id != base]
    for other in others[:: min(2, trial.budget.share)]:
        trial.count("pairs")
        _all_distinct(trial, [base, other])
    trial.need(writes_acknowledged=1)


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
    trial.need_names()
    families = [id for family in _ids.FAMILIES for id in family]
    ids = [
        id
        for id in _carried(trial, [*families, *_ids.traversals([".json"])[::3]])
        if "$" not in id and _ids.contained(id)
    ]
    _one_by_one(trial, ids[:: trial.budget.share])
    trial.need(hostile_ids=1, writes_tried=1)


@probe("IDS-3", "generated")
def generated_accepted_or_refused(trial: Trial) -> None:
    """Generated ids, in every operation."""
    trial.need_names()

    def example(id: str) -> None:
        _one_by_one(trial, [id])

    trial.explore(_ids.hostile_strategy(surrogates=trial.lab.limits.surrogates), trial.budget.ids, example)
    trial.need(writes_tried=1)


@probe("IDS-4", "lengths", {"IDS-3": "IDS-4"})
def long_ids(trial: Trial) -> None:
    """Lengths at the edge of what a file can be called, and up to a million."""
    _severe(trial, _ids.LENGTHS)


@probe("IDS-4", "characters", {"IDS-3": "IDS-4"})
def severe_ids(trial: Trial) -> None:
    """The empty id, NUL, newline, lone surrogates, device names, drive letters."""
    _severe(trial, _ids.SEVERE)


def _severe(trial: Trial, ids: list[str]) -> None:
    trial.need_names()
    _one_by_one(trial, _carried(trial, ids)[:: (trial.budget.share + 2) // 3])
    trial.need(hostile_ids=1, writes_tried=1)


@probe("IDS-5", "syntax", dict.fromkeys(("IDS-3", "STO-1", "STO-2", "LOG-1", "STO-3", "STO-4", "STO-6"), "IDS-5"))
def ids_are_data(trial: Trial) -> None:
    """SQL, glob, format, shell, percent and regular-expression syntax, beside a session that it could reach."""
    trial.need_names()
    for id in _ids.SYNTAX:
        trial.count("hostile ids")
        with trial.run() as run:
            victim = "bystander" if trial.statement.promises("bystander") else _bystander(run, trial)
            run.write(victim, trial.content.plain(9, victim))
            run.do({"do": "look", "store": False})
            _every_operation(run, trial, id)
            run.do({"do": "verify", "check": "no canary", "requirement": "IDS-5"})
    trial.need(hostile_ids=1, writes_tried=1)


def _made_for(trial: Trial, names: Iterable[str]) -> None:
    """Sessions made for agents and creators of these names, beside one whose files they could reach."""
    if not trial.has("create"):
        raise NotApplicable("the store does not name its sessions itself")
    for number, name in enumerate(_carried(trial, names)):
        trial.count("hostile names")
        with trial.run(_AROUND) as run:
            bystander = _bystander(run, trial)
            run.do({"do": "watch around"})
            for agent, creator in ((name, "creator"), ("agent", name)):
                session = log(10 + number)
                run.names.pop(session, None)
                run.try_("latest", agent=agent, created_by=creator)
                run.make(session, agent, creator)
                if session in run.names:
                    run.write(session, trial.content.plain(3, session))
                run.do({"do": "look"})
                run.try_("delete", id=session)
            run.write(bystander, trial.content.plain(4, bystander))
            run.do({"do": "reopen"})
            run.do({"do": "look"})
            run.do({"do": "verify", "check": "no canary", "requirement": "IDS-5"})


_OF_NAMES = ("LOG-6", "LOG-1", "STO-1", "STO-2", "STO-3", "STO-4", "STO-6", "STO-7", "IDS-1", "FMT-8")


@probe("IDS-4", "agents and creators", dict.fromkeys(_OF_NAMES, "IDS-4"))
def severe_agents(trial: Trial) -> None:
    """Sessions made for agents and creators with names of any length, NUL, newlines, surrogates, device names."""
    climbing = [f"{'../' * levels}victim" for levels in range(1, 5)]
    _made_for(trial, [*climbing, "${outside}/victim", *_ids.LENGTHS, *_ids.SEVERE, *_ids.traversals([])[:8]])
    trial.need(hostile_names=1, create_calls=1)


@probe("IDS-5", "agents and creators", dict.fromkeys(_OF_NAMES, "IDS-5"))
def agents_are_data(trial: Trial) -> None:
    """Sessions made for agents and creators whose names are SQL, globs, formats, shell or regular expressions."""
    _made_for(trial, _ids.SYNTAX)
    trial.need(hostile_names=1, create_calls=1)


@probe(
    "IDS-6",
    "own file names",
    dict.fromkeys(("IDS-3", "STO-1", "STO-2", "LOG-1", "STO-3", "STO-4", "STO-6", "STO-7", "STO-11"), "IDS-6"),
)
def own_names_collide_with_nothing(trial: Trial) -> None:
    """Ids that are the names of the store's own files: seen ones, common ones, temporaries made of them."""
    trial.need_names()
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
            run.write(bystander, trial.content.plain(4, bystander))
            run.write(id, trial.content.plain(5, id))
            run.do({"do": "look", "store": False})
            run.write(bystander, trial.content.plain(6, bystander))
            run.do({"do": "reopen"})
            run.do({"do": "look"})
    trial.need(hostile_ids=1, writes_tried=1)


@probe("IDS-7", "drawn from the claim")
def promised_ids_are_accepted(trial: Trial) -> None:
    """Ids at the edges of what the statement promises, then drawn ones, saved and found again."""
    trial.need_names()

    def example(id: str) -> None:
        with trial.run() as run:
            run.write(id, trial.content.plain(0, id))
            run.do({"do": "look"})

    for id in filter(trial.statement.promises, _ids.EDGES):
        example(id)
    trial.explore(_ids.promised_strategy(trial.statement), trial.budget.ids, example)
    trial.need(writes_tried=1)


@probe("STO-6", "hostile ids")
def hostile_ids_touch_no_other(trial: Trial) -> None:
    """Operations on ids like `""`, `.` and `..` change nothing that another session has."""
    for id in _carried(trial, ["", ".", "..", "*", "%", "../root", "./", "\0"]):
        with trial.run() as run:
            _bystander(run, trial)
            _every_operation(run, trial, id)
    trial.need(writes_acknowledged=1)
