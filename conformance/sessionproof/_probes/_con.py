"""CON: several at once, each held before every call to the file system and let go in every order that can differ."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, cast

from sessionproof._alone import UNJUDGED
from sessionproof._gate import NoGate
from sessionproof._json import JSON, Object
from sessionproof._probes._histories import SIZES, act, value
from sessionproof._probes._registry import LOGS, probe
from sessionproof._protocol import KINDS_OF_ATTACHMENT, Answer
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import Inconclusive, NotApplicable, Trial

GATED = Setup(gated=True)
Side: TypeAlias = list[Object]
Before: TypeAlias = Callable[[Run], None]

_OLD = 20
"""The number of the first value that is there before a race."""


def _ask(method: str, **params: JSON) -> Object:
    return {"method": method, "params": params}


def _write(trial: Trial, id: str, number: int, size: int = 0, batch: int = 1) -> Object:
    """Save a document, or append entries."""
    values = [value(trial, number + turn, id, size) for turn in range(batch if trial.logs else 1)]
    return _ask("append", id=id, entries=values) if trial.logs else _ask("save", id=id, document=values[0])


def _attach(trial: Trial, id: str, kind: str, number: int, count: int = 2) -> Object:
    return _ask("attach", id=id, kind=kind, items=trial.content.plain_items(kind, count, number))


def _read(trial: Trial) -> str:
    return "read" if trial.logs else "load"


def _nothing(run: Run) -> None:
    del run


def _race(trial: Trial, before: Before, sides: Sequence[Side], **more: JSON) -> None:
    """Carry out the schedules of a race, as far as the statement lists what it asks."""
    if not all(
        trial.has(cast("str", call["method"]))
        for side in sides
        for call in side
        if call["method"] not in {"open", "close"}
    ):
        return
    try:
        _scheduled(trial, before, sides, **more)
    except NoGate:
        if _one_process(trial):
            raise
        _by_chance(trial, before, sides, **more)
    trial.count("races")


def _scheduled(trial: Trial, before: Before, sides: Sequence[Side], **more: JSON) -> None:
    with trial.run(GATED, fast=True) as run:
        before(run)
        again = _again(trial, run)
        run.do({"do": "rest"})
        step: Object = {"do": "races", "sides": [list[JSON](side) for side in sides], "most": trial.budget.schedules}
        step.update(again)
        within = _one_process(trial) and not more.get("deaths")
        run.do({**step, "interruptions": 2, "within": within, **more})


def _by_chance(trial: Trial, before: Before, sides: Sequence[Side], **more: JSON) -> None:
    """Where the machine lets nothing be held: rounds, of which it is known only how many there were."""
    with trial.run(fast=True) as run:
        before(run)
        again = _again(trial, run)
        run.do({"do": "rest"})
        step: Object = {"do": "chances", "sides": [list[JSON](side) for side in sides], **again}
        run.do({**step, "rounds": trial.budget.schedules, **more})


def _again(trial: Trial, run: Run) -> Object:
    """What was done before a race, where it has to be done again since nothing survives an `open`."""
    forgets = trial.statement.durability == "none" and not trial.has("create")
    return {"again": list[JSON](run.steps)} if forgets and run.steps else {}


def _one_process(trial: Trial) -> bool:
    """Whether all callers are threads of one process."""
    return trial.statement.concurrency == "multi-thread"


def _death(trial: Trial, before: Before, first: Side, others: Side) -> None:
    """The first process dies at each of its calls; the others are asked of another, which may have to open first."""
    if _one_process(trial):
        first, others = [*first, {"method": "close"}], [{"method": "open"}, *others]
    _race(trial, before, [first, others], deaths=trial.budget.deaths, interruptions=0)


_AFTER_A_DEATH = 96
"""Schedules after each death at least, where as many are known: two open the root, look at what is left, and write."""


def _two_survivors(trial: Trial, before: Before, first: Object, one: Object, other: Object) -> None:
    """The first process dies where it leaves something half done; two others then find that at once."""
    if not _one_process(trial):
        how: dict[str, JSON] = {
            "deaths": trial.budget.deaths // 12,
            "most": max(_AFTER_A_DEATH, trial.budget.schedules),
        }
        _race(trial, before, [[first], [one], [other]], survivors=True, **how)


def _written(trial: Trial, *ids: str, size: int = 0) -> Before:
    """Sessions that are there, each written to once."""

    def before(run: Run) -> None:
        for place, id in enumerate(ids):
            act(run, trial, id, "write", _OLD + place, size)

    return before


def _furnished(trial: Trial, *ids: str) -> Before:
    """Sessions that are there, with attachments."""

    def before(run: Run) -> None:
        _written(trial, *ids)(run)
        for place, id in enumerate(ids):
            act(run, trial, id, "attach", _OLD + place, 0)

    return before


def _done(trial: Trial) -> None:
    if not trial.trials.get("races"):
        raise NotApplicable("the statement lists nothing that could meet there")
    if "rounds by chance" in trial.trials:
        trial.need(rounds_in_which_calls_overlapped=1)
    else:
        trial.need(schedules=2)
    unjudged = trial.trials.get(UNJUDGED, 0)
    if unjudged and trial.trials.get("schedules", 0) + trial.trials.get("rounds by chance", 0) - unjudged < 2:
        raise Inconclusive("in every history a write is answered wrong that is so without others at work too")


def _first(trial: Trial) -> str:
    (id,) = trial.ids(1)
    return id


# -- one session -------------------------------------------------------------------------------------------------------


@probe("CON-1", "schedules")
def one_session(trial: Trial) -> None:
    """Saves of one session beside each other, by objects that have loaded it before; attaches beside saves.

    The same where a third process has died amid a save.
    """
    id = _first(trial)
    look = _ask(_read(trial), id=id)
    there = _written(trial, id)
    if not trial.logs:
        _race(trial, there, [[look, _write(trial, id, 1, SIZES[1])], [look, _write(trial, id, 2)]])
        _race(trial, there, [[_write(trial, id, 1)], [look, look]])
        if _gives_revisions(trial, id):
            _race(trial, there, [[_conditional(trial, id, 1)], [_ask("delete", id=id)]])
        if trial.statement.ids_kind != "store":
            _race(trial, _nothing, [[_write(trial, id, 1)], [_write(trial, id, 2, SIZES[1])]])
    attached = _furnished(trial, id)
    _race(trial, attached, [[_write(trial, id, 1)], [_attach(trial, id, "trace", 2)]])
    kinds = [_attach(trial, id, kind, number) for number, kind in enumerate(KINDS_OF_ATTACHMENT)]
    _race(trial, attached, [[kinds[0]], [kinds[1]]])
    # A lock on a file that a rename replaces holds until the second write.
    _race(trial, attached, [kinds[:2], kinds[2:]])
    _race(trial, there, [[_write(trial, id, 1)], [{"method": "open"}]])
    if trial.budget.share == 1:
        _race(trial, attached, [[_attach(trial, id, "trace", 1)], [_attach(trial, id, "trace", 2, 40)]])
        if not trial.logs:
            three = [[_write(trial, id, number)] for number in (1, 2, 3)]
            _race(trial, there, three, interruptions=1)
    _two_survivors(trial, attached, _write(trial, id, 1), kinds[0], kinds[1])
    _done(trial)


@probe("CON-2", "loads")
def loads_beside_writers(trial: Trial) -> None:
    """A load or read beside each write to its session and beside a delete; a large document over a large one."""
    id = _first(trial)
    read = _ask(_read(trial), id=id)
    # A mixture of two that are large is no less well formed than they are.
    _race(trial, _written(trial, id, size=SIZES[2]), [[_write(trial, id, 1, SIZES[2])], [read]])
    _beside_writers(trial, id, read)
    _done(trial)


@probe("CON-2", "attachments")
def attachments_beside_writers(trial: Trial) -> None:
    """What is attached to a session, looked at beside each write to it and beside a delete."""
    id = _first(trial)
    _beside_writers(trial, id, _ask("attachments", id=id, kind="trace"))
    _done(trial)


@probe("CON-2", "lists")
def lists_beside_writers(trial: Trial) -> None:
    """What tells which sessions there are, beside writers; twice by one object, beside the first write of another."""
    id, *other = trial.some_ids(2)
    latest = _ask("latest", agent="agent", created_by="creator") if trial.has("create") else _ask("latest")
    for reader in (_ask("exists", id=id), _ask("list"), _ask("summaries"), latest):
        _beside_writers(trial, id, reader)
    for method in ("list", "summaries"):
        if other and not trial.has("create"):
            before = _furnished(trial, id) if trial.has("attach") else _written(trial, id)
            _race(trial, before, [[_write(trial, other[0], 2)], [_ask(method), _ask(method)]])
    _done(trial)


def _beside_writers(trial: Trial, id: str, reader: Object) -> None:
    """A reader beside each of those who write to a session, or delete it."""
    before = _furnished(trial, id) if trial.has("attach") else _written(trial, id)
    for write in (*_writes(trial, id), _ask("delete", id=id)):
        _race(trial, before, [[write], [reader]])


def _writes(trial: Trial, id: str) -> Iterator[Object]:
    yield _write(trial, id, 1, SIZES[2], batch=2)
    yield _attach(trial, id, "trace", 1, 60)
    if trial.logs and trial.budget.share == 1:
        yield _ask("compact", id=id, archive="archive-1")


@probe("CON-5", "schedules")
def deleted_beside(trial: Trial) -> None:
    """A delete beside a save or append, beside an attach, beside another delete."""
    id = _first(trial)
    before = _furnished(trial, id) if trial.has("attach") else _written(trial, id)
    delete = _ask("delete", id=id)
    others = [_write(trial, id, 1, batch=2), delete]
    if not _attaches_to_nothing(trial, id):
        others.append(_attach(trial, id, "trace", 1))
    for other in others:
        _race(trial, before, [[other], [delete]])
    if trial.logs:
        _race(
            trial, before, [[_ask("append_events", id=id, events=trial.content.plain_items("event", 1, 1))], [delete]]
        )
    _done(trial)


def _attaches_to_nothing(trial: Trial, id: str) -> bool:
    """Whether attachments may be kept of a session that is not there (FMT-8): then they may outlive a delete."""
    if not trial.has("attach", "delete"):
        return False
    with trial.run() as run:
        _written(trial, id)(run)
        run.call("delete", id=id)
        items = trial.content.plain_items("trace", 1)
        return isinstance(run.call("attach", id=id, kind="trace", items=items), Answer)


@probe("CON-8", "schedules")
def conditional(trial: Trial) -> None:
    """Two saves under one revision, also where a third process has died amid a save, and one beside a plain save."""
    if trial.logs:
        raise NotApplicable("appends rest on no revision")
    id = _first(trial)
    if not _gives_revisions(trial, id):
        raise NotApplicable("saves answer no revision")
    two = [[_conditional(trial, id, number)] for number in (1, 2)]
    _race(trial, _written(trial, id), two)
    if trial.budget.share == 1:
        _race(trial, _written(trial, id), [two[0], [_write(trial, id, 3)]])
    _two_survivors(trial, _written(trial, id), _write(trial, id, 3), two[0][0], two[1][0])
    _done(trial)


def _conditional(trial: Trial, id: str, number: int) -> Object:
    """A save under the revision that was told last."""
    return _ask("save", **cast("Object", _write(trial, id, number)["params"]), if_revision=-1)


def _gives_revisions(trial: Trial, id: str) -> bool:
    with trial.run() as run:
        _written(trial, id)(run)
        return bool(run.revisions.get(id))


# -- logs --------------------------------------------------------------------------------------------------------------


@probe("CON-3", "schedules", keeps=LOGS)
def appends(trial: Trial) -> None:
    """Appends beside each other: to a log that is there, to a new one, of batches, beside events and boundaries.

    The same where a third process has died amid an append.
    """
    id = _first(trial)
    there = _written(trial, id)
    look = _ask("read", id=id)
    _race(trial, there, [[look, _write(trial, id, 1)], [look, _write(trial, id, 2)]])
    _race(trial, there, [[_write(trial, id, 1, SIZES[1], batch=2)], [_write(trial, id, 4, batch=2)]])
    _race(trial, there, [[_write(trial, id, 1), _write(trial, id, 2)], [_write(trial, id, 3)]])
    _race(trial, there, [[_write(trial, id, 1)], [{"method": "open"}]])
    if not trial.has("create"):
        _race(trial, _nothing, [[_write(trial, id, 1)], [_write(trial, id, 2, batch=2)]])
    if trial.budget.share == 1:
        events = _ask("append_events", id=id, events=trial.content.plain_items("event", 2, 1))
        for other in (events, _ask("compact", id=id, archive="archive-1")):
            _race(trial, there, [[_write(trial, id, 1)], [other]])
        _race(trial, there, [[_write(trial, id, number)] for number in (1, 2, 3)], interruptions=1)
    _two_survivors(trial, there, _write(trial, id, 1), _write(trial, id, 2), _write(trial, id, 3))
    _done(trial)


@probe("CON-4", "schedules", keeps=LOGS)
def creates(trial: Trial) -> None:
    """Creates for one pair of agent and creator, and for two."""
    if not trial.has("create"):
        raise NotApplicable("the statement lists no `create`")
    one, other = (_ask("create", agent=f"agent{number}", created_by="creator") for number in (1, 2))
    latest = [_ask("latest", agent=f"agent{number}", created_by="creator") for number in (1, 2)]
    _race(trial, _nothing, [[one], [one]])
    _race(trial, _nothing, [[one], [other]])
    if trial.has("latest"):
        _race(trial, _nothing, [[one, latest[0]], [other, latest[1]]])
    _done(trial)


@probe("CON-9", "schedules", keeps=LOGS)
def claims(trial: Trial) -> None:
    """One token claimed by two and by three; the first dies at each of its calls, also after it was answered.

    Two claim it where the first died with something half done.
    """
    id = _first(trial)
    claim = _ask("claim", id=id, token="token-1")  # noqa: S106 - what is claimed, no secret
    there = _written(trial, id)
    _race(trial, there, [[claim], [claim]])
    _race(trial, there, [[claim], [claim], [claim]], interruptions=1)
    _death(trial, there, [claim, _ask("read", id=id)], [claim])
    _two_survivors(trial, there, claim, claim, claim)
    _done(trial)


# -- deaths, other sessions, opening -----------------------------------------------------------------------------------


@probe("CON-6", "deaths")
def after_a_death(trial: Trial) -> None:
    """The first process dies at each of its calls; the second writes and deletes, and is answered.

    So are two that write at once.
    """
    id = _first(trial)
    before = _furnished(trial, id) if trial.has("attach") else _written(trial, id)
    others = [_write(trial, id, 5), *([_ask("delete", id=id)] if trial.has("delete") else [])]
    writes = [_write(trial, id, 1, batch=2), _attach(trial, id, "trace", 1), _ask("delete", id=id)]
    for write in writes if trial.budget.share == 1 else writes[:1]:
        gone = write["method"] == "delete" and trial.has("create")
        _death(trial, before, [write], [] if gone else others)
    if trial.has("create"):
        create = _ask("create", agent="agent", created_by="creator")
        _death(trial, before, [create], [create, *others])
    _two_survivors(trial, before, writes[0], _write(trial, id, 3), _write(trial, id, 5))
    if {"races", "deaths", "rounds by chance"} & trial.trials.keys() == {"races"}:
        raise NotApplicable("a writer makes no call on a file, at which it could die")
    _done(trial)


_OTHERS: dict[str, str] = dict.fromkeys(("CON-1", "CON-2", "CON-3", "CON-5"), "CON-7")


@probe("CON-7", "schedules", _OTHERS)
def another_session(trial: Trial) -> None:
    """Writes, attaches and deletes of one session beside those of another."""
    first, second = trial.ids(2)
    both = _furnished if trial.has("attach") else _written
    writes = _write(trial, first, 1, batch=2), _write(trial, second, 2)
    _race(trial, both(trial, first, second), [[writes[0]], [writes[1]]])
    if not trial.has("create"):
        _race(trial, _nothing, [[writes[0]], [writes[1]]])
    reads = [_ask(_read(trial), id=id) for id in (first, second)]
    _race(trial, both(trial, first, second), [[reads[0]], [reads[1], _write(trial, second, 3)]])
    for other in (_ask("delete", id=first), _attach(trial, first, "trace", 1)):
        _race(trial, both(trial, first, second), [[other], [writes[1]]])
    _done(trial)


@probe("CON-10", "schedules")
def opens(trial: Trial) -> None:
    """Two and three processes open one root at once, that is there and that is not, and work in it.

    Two open what a third has left half done when it died.
    """
    id = _first(trial)
    work = [] if trial.has("create") else [_write(trial, id, 1)]
    opening: Object = {"method": "open"}
    _race(trial, _written(trial, id), [[opening, *work], [opening]])
    _race(trial, _nothing, [[opening, *work], [opening]], rootless=True)
    _race(trial, _nothing, [[opening], [opening], [opening]], rootless=True, interruptions=1)
    _two_survivors(trial, _written(trial, id), _write(trial, id, 2), opening, opening)
    _done(trial)
