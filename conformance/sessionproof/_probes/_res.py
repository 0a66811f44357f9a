"""RES: the system says no."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from sessionproof import _small_disk
from sessionproof._aftermath import spread
from sessionproof._client import can_write
from sessionproof._disk import PAGE
from sessionproof._faults import SHORT, Made, calls_of, fits, is_sync, lists, locks_of, looks
from sessionproof._json import JSON, Object
from sessionproof._placeholders import named
from sessionproof._probes._registry import probe
from sessionproof._protocol import WRITES
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, NotRun, Trial

if TYPE_CHECKING:
    from sessionproof._run import Run

_GATED = Setup(gated=True)
_SMALL, _LARGE = 0, 13_000
"""Characters of values: one within a page, and one over four."""


def _value(trial: Trial, number: int, id: str, size: int) -> JSON:
    """A value of about this size, another for each number."""
    large = trial.content.sized(number, id, size) if size else None
    return large or trial.content.plain(number, id)


def _prepared(run: "Run", trial: Trial) -> None:
    """Two sessions with attachments, in a store object that has seen neither."""
    for number, id in enumerate(trial.some_ids(2)):
        run.write(id, _value(trial, number, id, _SMALL))
        if trial.logs:
            run.write(id, _value(trial, 2 + number, id, _SMALL))
        run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2, number))
    run.do({"do": "reopen"})


def _operations(trial: Trial, size: int = _LARGE) -> Iterator[Object]:
    """Every operation that the store has, as it is called on what was prepared."""
    first, *others = trial.ids(3) if len(trial.lab.ids(3, logs=trial.logs)) == 3 else trial.some_ids(1)
    yield {"method": "open"}
    one: Object = {"id": first}
    large: JSON = _value(trial, 7, first, size)
    if trial.logs:
        yield _call("append", **one, entries=[large])
        yield _call("append", **one, entries=[_value(trial, 8 + turn, first, size) for turn in range(3)])
        if others and not trial.has("create"):
            yield _call("append", id=others[-1], entries=[large])
    else:
        yield _call("save", **one, document=large)
        if others and not trial.has("create"):
            yield _call("save", id=others[-1], document=_value(trial, 9, others[-1], size))
    calls = [
        _call("attach", **one, kind="trace", items=trial.content.plain_items("trace", 100, 3)),
        _call("append_events", **one, events=trial.content.plain_items("event", 2)),
        _call("compact", **one, archive="archive"),
        _call("describe", **one, meta=trial.content.plain_meta(1)),
        _call("create", agent="agent", created_by="creator"),
        _call("delete", **one),
        _call("read" if trial.logs else "load", **one),
        _call("exists", **one),
        _call("attachments", **one, kind="trace"),
        _call("list"),
        _call("summaries"),
        _call("latest", agent="agent", created_by="creator") if trial.has("create") else _call("latest"),
        _call("check"),
    ]
    yield from (call for call in calls if trial.has(cast("str", call["method"])))


def _call(method: str, **params: JSON) -> Object:
    return {"method": method, "params": params}


Wanted: TypeAlias = Callable[[str, str, Made], bool]
"""Whether to try it: the operation, the error, the call."""


def _faults(
    trial: Trial, errors: Sequence[str], wanted: Wanted, lasting: Mapping[str, str] | None = None
) -> Iterator[Object]:
    """The steps of all faults that are wanted, of every operation; those of `lasting` again, with what follows."""
    lasting = lasting or {}
    for operation in _operations(trial):
        with trial.run(_GATED) as run:
            _prepared(run, trial)
            made = calls_of(run, named(operation, run.names))
        trial.count("operations")
        locks = locks_of(made)
        for one in made:
            for error in errors:
                if wanted(cast("str", operation["method"]), error, one):
                    step: Object = {"do": "fault", **operation, "call": one.sight, "error": error}
                    step["requirement"] = trial.requirement
                    if locks:
                        step["locks"] = list[JSON](locks)
                    yield step
                    if error in lasting:
                        yield {**step, "then": lasting[error]}


def _each(trial: Trial, steps: Iterator[Object]) -> None:
    """Carry out each of the faults on a fresh root, or as many as the budget admits."""
    every = [*steps]
    if not every:
        raise NotApplicable("the store makes no call that can fail so")
    trial.count("faults possible", len(every))
    for number, step in enumerate(spread(every, trial.budget.faults)):
        with trial.run(_GATED, fast=True) as run:
            _prepared(run, trial)
            run.do({**step, "reopen": True} if number % 2 else step)


_FREE = (0, 1, 2, 3, 5)
"""Pages that are left of a small file system."""


@probe("RES-1", "no space")
def a_full_disk_loses_nothing(trial: Trial) -> None:
    """ENOSPC and EDQUOT at every call that takes space, alone or at all that follow; a disk that fills amid a write.

    As root also writes in a small file system that is full, or has a few pages left, and has room again afterwards.
    """
    lasting = {"ENOSPC": "ENOSPC", "EDQUOT": "EDQUOT", SHORT: "ENOSPC"}
    _each(trial, _faults(trial, tuple(lasting), lambda _, error, made: fits(error, made), lasting))
    trial.need(faults=1)
    if not _small_disk.can_mount():
        return
    for operation in _operations(trial):
        for pages in _FREE if operation["method"] in WRITES else ():
            with trial.run(Setup(small=True)) as run:
                _prepared(run, trial)
                run.do({"do": "full disk", **operation, "free": pages * PAGE})


@probe("RES-2", "failed syncs")
def a_failed_sync_is_told(trial: Trial) -> None:
    """EIO at every sync of every write, and the same write again.

    Syncs of folders count where the store claims that writes survive a loss of power: names are lost by nothing else.
    """
    names = trial.statement.raw["durability"] == "power-loss"

    def wanted(method: str, _: str, made: Made) -> bool:
        return method in WRITES and is_sync(made.held) and (names or not made.folder)

    _each(trial, _faults(trial, ("EIO",), wanted))
    trial.need(faults=1)


@probe("RES-3", "short writes and interruptions")
def half_a_write_is_none(trial: Trial) -> None:
    """Every write that takes half of its bytes, alone and with those that follow; EINTR at every call that knows it."""
    _each(trial, _faults(trial, (SHORT, "EINTR"), lambda _, error, made: fits(error, made), {SHORT: SHORT}))
    trial.need(faults=1)


_NOT_READS = WRITES | {"open", "check"}


@probe("RES-4", "refused calls")
def refused_calls_are_told(trial: Trial) -> None:
    """EIO and EROFS at every call that they fit; EACCES and EMFILE at those of writes."""

    def wanted(method: str, error: str, made: Made) -> bool:
        return fits(error, made) and (error in {"EIO", "EROFS"} or method in _NOT_READS)

    _each(trial, _faults(trial, ("EIO", "EROFS", "EACCES", "EMFILE"), wanted))
    trial.need(faults=1)


_ENDURED = 1_000


def _endure(trial: Trial, setup: Setup, **how: JSON) -> None:
    (id,) = trial.ids(1)
    with trial.run(setup) as run:
        run.make(id)
        run.write(id, _value(trial, 1, id, _SMALL))
        calls = [call for call in _operations(trial, _SMALL) if _goes_round(trial, call)]
        calls.sort(key=lambda call: call["method"] == "delete")
        refused: list[Object] = [] if trial.logs else [_call("save", id=id, document=[])]
        if trial.statement.ids_kind == "any":
            refused += [_call("read" if trial.logs else "load", id="of nobody"), _call("delete", id="of nobody")]
        refused = [call for call in refused if trial.has(cast("str", call["method"]))]
        every = cast("JSON", [*calls, *refused])
        run.do({"do": "endure", "calls": every, "times": _ENDURED, **how})
    trial.need(operations_endured=_ENDURED)


def _goes_round(trial: Trial, call: Object) -> bool:
    """Whether the same call makes sense again and again: a store may keep a file open for each session it makes."""
    return call["method"] not in {"open", "create", "delete"} or (
        call["method"] == "delete" and not trial.has("create")
    )


@probe("RES-5", "a thousand operations")
def nothing_leaks(trial: Trial) -> None:
    """File descriptors, threads and processes, after each quarter of a thousand operations, refused ones included."""
    _endure(trial, Setup())


@probe("RES-5", "a thousand failed calls")
def nothing_leaks_in_errors(trial: Trial) -> None:
    """The same where in each operation one call fails with EIO: the first, the second, and so on."""
    _endure(trial, _GATED, failing=True)


@probe("RES-6", "reads that are refused")
def unreadable_is_not_absent(trial: Trial) -> None:
    """EACCES and EMFILE at every call that looks, of reads; those and EIO where writes list a folder."""

    def wanted(method: str, error: str, made: Made) -> bool:
        if method in _NOT_READS:
            return fits(error, made) and lists(made.held)
        return fits(error, made) and error != "EIO" and looks(made.held)

    _each(trial, _faults(trial, ("EACCES", "EMFILE", "EIO"), wanted, {"EACCES": "EACCES", "EMFILE": "EMFILE"}))
    trial.need(faults=1)


@probe("RES-6", "permissions taken")
def denied_is_not_absent(trial: Trial) -> None:
    """All reads while the files of a session, or the root, may not be read."""
    if not can_write(trial.lab.folder):
        raise NotRun("an adapter without privileges cannot write to the temporary folder; set TMPDIR to another")
    ids = trial.some_ids(2)
    for denied in (ids[0], None):
        with trial.run(Setup(unprivileged=True, tracked=True)) as run:
            for number, id in enumerate(ids):
                run.write(id, _value(trial, number, id, _SMALL))
            run.do({"do": "reopen"})
            run.do({"do": "deny"} if denied is None else {"do": "deny", "id": denied})
            run.do({"do": "reopen"})
            run.do({"do": "look"})
    trial.need(reads_that_may_be_refused=1)


@probe("RES-7", "vanished roots")
def a_vanished_root_is_noticed(trial: Trial) -> None:
    """Reads by an object that has saved, when its root was removed, or moved away."""
    ids = trial.some_ids(2)
    for how in ("removed", "moved"):
        with trial.run() as run:
            for number, id in enumerate(ids):
                run.write(id, _value(trial, number, id, _SMALL))
            run.do({"do": "vanish", "how": how})
    trial.need(reads_that_may_be_refused=1)
