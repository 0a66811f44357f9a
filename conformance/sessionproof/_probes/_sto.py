"""STO: what a store means, with every outcome known."""

from datetime import UTC, datetime, timedelta, timezone
from typing import cast

from hypothesis import strategies as st

from sessionproof._client import can_write
from sessionproof._json import JSON, Object
from sessionproof._judge import Violated
from sessionproof._placeholders import NOW
from sessionproof._probes._machine import furnish, store_machine
from sessionproof._probes._registry import DOCUMENTS, probe
from sessionproof._protocol import KINDS_OF_ATTACHMENT, Answer
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, NotRun, Trial

_PACES: tuple[tuple[int, float], ...] = ((1, 0.03), (5, 2.1))
"""Changes to a tick, and its seconds: for the clock of a file system, then for one that counts whole seconds."""


def _machine(trial: Trial, rules: str, *, ids: int = 3, observes: bool = False) -> None:
    """One plain history with a look after every step, then many drawn ones."""
    _plain_history(trial)
    trial.machine(store_machine(trial, rules, ids=ids, observes=observes), trial.budget.examples, trial.budget.steps)
    trial.need(writes_acknowledged=1)


def _plain_history(trial: Trial) -> None:
    """Writes, attachments, more writes, deletes and writes again: what any store sees on its first day."""
    ids = trial.some_ids(5)
    first = ids[0]
    look: Object = {"do": "look"}
    with trial.run() as run:
        for number, id in enumerate(ids):
            run.write(id, trial.content.plain(number + 1, id))
            run.do(look)
        for id in (id for id in ids[:2] if trial.has("attach")):
            run.call("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2))
            run.do(look)
        furnish(run, trial, first, 1)
        run.do(look)
        for number in (4, 7, 7):
            run.write(first, trial.content.plain(number, first))
            run.do(look)
        for _ in range(2 if trial.has("delete") else 0):
            run.call("delete", id=first)
            run.do(look)
        run.write(first, trial.content.plain(9, first))
        run.do(look)
        run.do({"do": "reopen"})
        run.do(look)


@probe("STO-1", "fresh store")
def absent_is_no_error(trial: Trial) -> None:
    """Reading what was never saved, on an empty root and beside saved sessions."""
    for saved in (False, True):
        with trial.run() as run:
            ids = trial.some_ids(2)
            if saved and len(ids) < 2:
                continue
            if saved and trial.writes:
                run.write(ids[1], trial.content.plain(0, ids[1]))
                run.do({"do": "reopen"})
            run.do({"do": "mark", "name": "opened"})
            run.look(ids[:1])
            if trial.lab.on_disk:
                run.do({"do": "verify", "check": "unchanged", "since": "opened", "requirement": "STO-1"})
            trial.count("reads of what is not there")
    trial.need(reads_of_what_is_not_there=1)


@probe("STO-2", "histories", keeps=DOCUMENTS)
def save_replaces(trial: Trial) -> None:
    """Saves over one another: shorter over longer, the same again, after a delete."""
    _machine(trial, "write load delete")


@probe("STO-3", "histories")
def deleted_is_gone(trial: Trial) -> None:
    """Deletes between writes, then a look at everything; deletes of what is not there."""
    _machine(trial, "write append_events describe delete", observes=True)
    trial.need(delete_acknowledged=1)


@probe("STO-4", "histories")
def list_is_exact(trial: Trial) -> None:
    """Lists between writes and deletes, and after reopening."""
    _machine(trial, "write create delete list reopen", ids=5)


@probe("STO-5", "histories")
def exists_agrees(trial: Trial) -> None:
    """`exists` between writes, deletes and loads."""
    _machine(trial, "write create delete exists load reopen")


@probe("STO-6", "histories")
def sessions_are_independent(trial: Trial) -> None:
    """After every operation on one id, a look at all the others."""
    _machine(trial, "write append_events compact describe delete attach", ids=4, observes=True)


@probe("STO-7", "restarts")
def restart_keeps(trial: Trial) -> None:
    """A new process after an orderly close, and after the end of input where the claim covers it."""
    endings = ["close"] if trial.statement.durability == "close" else ["close", "eof"]
    ids = trial.some_ids(3)

    def history(drawn: list[tuple[str, int, str]]) -> None:
        with trial.run() as run:
            for id, number, ending in drawn:
                if number % 5 == 4 and trial.has("delete"):
                    run.call("delete", id=id)
                else:
                    run.write(id, trial.content.plain(number, id))
                    if number % 2:
                        furnish(run, trial, id, number, boundary=number % 4 == 1)
                    if trial.has("attach") and number % 3 == 0:
                        run.call(
                            "attach", id=id, kind="artifacts", items=trial.content.plain_items("artifacts", 2, number)
                        )
                run.load(id)
                if ending:
                    run.do({"do": "restart", "how": ending})
                    run.do({"do": "look"})

    choices = st.tuples(st.sampled_from(ids), st.integers(0, 23), st.sampled_from(["", *endings]))
    examples = max(3, trial.budget.examples // 8)
    trial.explore(
        st.lists(choices, min_size=1, max_size=6).map(lambda drawn: [*drawn[:-1], (*drawn[-1][:2], endings[-1])]),
        examples,
        history,
    )
    trial.need(writes_acknowledged=1)


@probe("STO-8", "reads")
def reading_changes_nothing(trial: Trial) -> None:
    """Every operation that reads, on a quiet store that needs no recovery."""
    ids = trial.some_ids(3)
    with trial.run() as run:
        for number, id in enumerate(ids[:2]):
            run.write(id, trial.content.plain(number, id))
            furnish(run, trial, id, number, boundary=False)
            if trial.has("attach"):
                run.call("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2))
        run.do({"do": "reopen"})
        for _ in range(2):
            run.do({"do": "mark", "name": "quiet"})
            run.look(ids)
            run.do({"do": "verify", "check": "unchanged", "since": "quiet", "requirement": "STO-8"})
        trial.count("quiet looks", 2)
    trial.need(writes_acknowledged=1)


@probe("STO-9", "histories")
def summaries_follow(trial: Trial) -> None:
    """`summaries` and `latest` between writes and deletes: which sessions, how many messages."""
    _machine(trial, "write create compact describe delete summaries latest reopen", ids=5)


@probe("STO-9", "order")
def order_is_by_change(trial: Trial) -> None:
    """Twelve sessions changed a clock tick apart, two of them again; slower where the store counts seconds."""
    ids = trial.some_ids(12)
    for every, tick in _PACES:
        # A store whose clock counts whole seconds cannot tell faster changes apart, and need not.
        try:
            _changed_in_turn(trial, ids, every, tick)
        except Violated as found:
            if (every, tick) == _PACES[-1] or found.violation.fault not in {"order-wrong", "latest-wrong"}:
                raise
        else:
            return


def _changed_in_turn(trial: Trial, ids: list[str], every: int, tick: float) -> None:
    """Save one after the other, two of them again; the clock ticks after `every` so many changes, and at the end."""
    with trial.run() as run:
        changes = [*ids, *reversed(ids[:2])]
        for turn, id in enumerate(changes, 1):
            run.write(id, _dated(trial, trial.content.plain(turn, id)))
            if turn % every == 0 or turn >= len(changes) - 1:
                run.do({"do": "tick", "seconds": tick})
        run.do({"do": "look"})
        run.do({"do": "reopen"})
        run.do({"do": "look"})
        trial.count("orders looked at")


def _dated(trial: Trial, document: Object) -> Object:
    """Where documents carry their own time of change, let it agree with the order of the saves."""
    if "updated_at" not in document:
        return document
    return {**document, "updated_at": NOW} if _takes(trial, document, "updated_at") else document


def _takes(trial: Trial, document: Object, member: str) -> bool:
    """Whether a document of the fidelity may say in this member when it was made or changed."""
    return trial.content.covered({**document, member: "2026-01-01T00:00:00.123456Z"})


@probe("STO-9", "workspaces", keeps=DOCUMENTS)
def workspace_filters(trial: Trial) -> None:
    """Sessions of several workspaces, with one name the start of another."""
    if not trial.has("summaries"):
        raise NotApplicable("summaries is not among the operations")
    ids = trial.some_ids(5)
    with trial.run() as run:
        for number, id in enumerate(ids):
            place = ["/w/app", "/w/app", "/w/app2", "/w", "/w/app/"][number]
            document: Object = {**trial.content.plain(number, id), "workspace": place}
            plain = trial.content.plain(number, id)
            run.write(id, document if trial.content.covered(document) else plain)
        run.do({"do": "workspaces"})
    trial.need(writes_acknowledged=1)


@probe("STO-11", "histories")
def attachments_follow(trial: Trial) -> None:
    """Attachments between writes and deletes of their sessions, each kind and id on its own; none outlive a delete."""
    _machine(trial, "write delete attach attachments reopen", observes=True)
    trial.need(attach_acknowledged=1)


@probe("STO-11", "many and large")
def attachments_in_any_number(trial: Trial) -> None:
    """A list of some hundred items, and one long item, come back whole."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        run.write(id, trial.content.plain(0, id))
        for kind in KINDS_OF_ATTACHMENT:
            run.call("attach", id=id, kind=kind, items=trial.content.plain_items(kind, trial.budget.items))
            run.do({"do": "look"})
            if not isinstance(trial.statement.fidelity, dict):
                text = "long item " * (trial.budget.item_length // 10)
                run.call("attach", id=id, kind=kind, items=[{"id": "long", "text": text}])
                run.do({"do": "look"})
        run.do({"do": "reopen"})
        run.do({"do": "look"})
    trial.need(attach_acknowledged=1)


@probe("STO-12", "histories", keeps=DOCUMENTS)
def revisions_guard(trial: Trial) -> None:
    """Saves under the revisions that the store gave out, stale ones and current ones."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        outcome = run.write(id, trial.content.plain(0, id))
        if not (isinstance(outcome, Answer) and isinstance(outcome.result.get("revision"), str)):
            raise NotApplicable("no save of this store has answered a revision")
        # The plain case first: two writers from one revision, then one who has looked again.
        for number, revision in ((1, -1), (2, -2), (3, -1), (4, -3)):
            run.do(
                {
                    "do": "conditional save",
                    "id": id,
                    "document": trial.content.plain(number, id),
                    "revision": revision,
                }
            )
            run.load(id)
        run.do({"do": "reopen"})
        run.do({"do": "conditional save", "id": id, "document": trial.content.plain(5, id), "revision": -3})
    _machine(trial, "write conditional load delete reopen", ids=2)


@probe("STO-13", "writable")
def check_leaves_nothing(trial: Trial) -> None:
    """`check` on a root that can be written: no error, nothing left behind."""
    ids = trial.ids(1)
    with trial.run() as run:
        if trial.writes:
            run.write(ids[0], trial.content.plain(0, ids[0]))
        run.do({"do": "mark", "name": "before"})
        run.call("check")
        run.do(
            {
                "do": "verify",
                "check": "unchanged",
                "since": "before",
                "requirement": "STO-13",
                "aspects": ["names", "bytes"],
                "what": "`check`",
            }
        )
    trial.need(check_calls=1)


@probe("STO-13", "not writable")
def check_notices(trial: Trial) -> None:
    """`check` on a root that cannot be written: an error."""
    setup = Setup(unprivileged=True, premade=True)
    with trial.run(setup) as run:
        run.do({"do": "rest"})
        run.do({"do": "forbid writing"})
        if can_write(run.root):
            raise NotRun("this machine lets the adapter write to a folder of mode 0555")
        run.do({"do": "wake"})
        run.do({"do": "check refuses"})
    trial.need(check_calls=1)


def instant(moment: datetime, *, offset: timedelta = timedelta(0)) -> str:
    """RFC 3339 in another time zone."""
    return moment.astimezone(timezone(offset)).isoformat()


@probe("STO-10", "by creation")
def prune_is_exact(trial: Trial) -> None:
    """Sessions created before and after an instant, some changed later; the instant in several time zones."""
    if trial.statement.prune == "days":
        _prune_days(trial)
        return
    for pace in _PACES:
        try:
            for offset in (timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8)):
                _prune_instant(trial, pace[1], offset)
            break
        except Violated as found:
            if pace == _PACES[-1] or found.violation.fault == "prune-refusal":
                raise
    _prune_boundary(trial)
    trial.need(prune_calls=1)


def _prune_instant(trial: Trial, tick: float, offset: timedelta) -> None:
    ids = trial.some_ids(4)
    half = max(1, len(ids) // 2)
    old, new = ids[:half], ids[half:]
    with trial.run() as run:
        for number, id in enumerate(old):
            run.write(id, _undated(trial, number, id))
        run.do({"do": "tick", "seconds": tick})
        run.do({"do": "moment"})
        run.do({"do": "tick", "seconds": tick})
        for number, id in enumerate([*new, *old[1:]]):
            document = _undated(trial, number + 5, id)
            if id in new or "created_at" not in document:
                run.write(id, document)
        run.do({"do": "look"})
        run.do({"do": "prune", "offset_minutes": offset // timedelta(minutes=1), "removes": cast("JSON", old)})
        run.do({"do": "look"})
        run.do({"do": "reopen"})
        run.do({"do": "look"})


def _undated(trial: Trial, number: int, id: str) -> Object:
    """A plain document; where its schema wants a time of creation, that is now."""
    document = trial.content.plain(number, id)
    return (
        {**document, "created_at": NOW}
        if "created_at" in document and _takes(trial, document, "created_at")
        else document
    )


def _prune_boundary(trial: Trial) -> None:
    """Where `summaries` tells the instants of creation, or documents carry them, hit one exactly and by a fraction."""
    days = [datetime(2020, 1, day, 12, 0, 0, 500_000, tzinfo=UTC) for day in (1, 2, 3)]
    ids = trial.some_ids(3)
    documents: list[Object] = []
    for number, (id, day) in enumerate(zip(ids, days, strict=False)):
        documents.append({**trial.content.plain(number, id), "created_at": day.isoformat().replace("+00:00", "Z")})
    if not _carries_creation(trial) or not all(trial.content.covered(document) for document in documents):
        return
    for number, offset in enumerate((timedelta(0), timedelta(hours=-11), timedelta(hours=14))):
        for nearly in (timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1)):
            with trial.run() as run:
                for id, document in zip(ids, documents, strict=True):
                    run.write(id, document)
                at = number % len(ids)
                moment = days[at] + nearly
                removed = [id for id, day in zip(ids, days, strict=False) if day < moment]
                run.do(
                    {
                        "do": "prune",
                        "params": {"before": instant(moment, offset=offset)},
                        "removes": cast("JSON", removed),
                    }
                )
                run.do({"do": "look"})
                trial.count("boundaries hit")


def _carries_creation(trial: Trial) -> bool:
    """Whether the store takes the instant of creation from documents: by the claimed format, or by its own schema."""
    if trial.logs:
        return False
    fidelity = trial.statement.fidelity
    if trial.statement.format_name == "session" and fidelity == "format":
        return True
    return isinstance(fidelity, dict) and "created_at" in trial.content.plain(0, trial.ids(1)[0])


def _prune_days(trial: Trial) -> None:
    (id,) = trial.ids(1)
    for days, refused in ((1, False), (36_500, False), (-1, True), (10**15, True)):
        with trial.run() as run:
            run.write(id, _undated(trial, 0, id))
            run.do({"do": "prune", "params": {"older_than_days": days}, "removes": [], "refused": refused})
            run.do({"do": "look"})
    with trial.run() as run:
        run.write(id, _undated(trial, 0, id))
        run.do({"do": "tick", "seconds": _PACES[-1][1]})
        run.do({"do": "prune", "params": {"older_than_days": 0}, "removes": [id]})
        run.do({"do": "look"})
    plain = trial.content.plain(0, id)
    document: Object = {**plain, "created_at": "${now-864300}"}
    if _takes(trial, plain, "created_at") and _carries_creation(trial):
        for days, removed in ((11, []), (10, [id])):
            with trial.run() as run:
                run.write(id, document)
                run.do({"do": "prune", "params": {"older_than_days": days}, "removes": cast("JSON", removed)})
                run.do({"do": "look"})
    trial.need(prune_calls=1)
