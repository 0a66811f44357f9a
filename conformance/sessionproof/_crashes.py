"""The step `crashes`: what a death at every point of a recorded run leaves, opened again and judged."""

import contextlib
import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from sessionproof import _tree
from sessionproof._disk import PAGE, Disk, Make, Operation, Rename, Sync, Unlink, Write
from sessionproof._history import History
from sessionproof._json import JSON, Object
from sessionproof._judge import NOBODY, DeathJudge, Violated
from sessionproof._protocol import Answer, Call, Outcome, Refusal
from sessionproof._wording import short
from sessionproof._worlds import Absent, Present, State, Violation, Worlds, suspected

if TYPE_CHECKING:
    from sessionproof._recorder import RecordedProcess
    from sessionproof._run import Run

T = TypeVar("T")
Observed: TypeAlias = list[tuple[str, JSON]]
_SHOWN = 12
_OF_CALLS = {"delete": "ATM-3", "append": "ATM-4", "append_events": "ATM-4", "compact": "ATM-4", "describe": "ATM-4"}


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of the recorded run, or None for a new store object, and the worlds after its answer.

    `count` is the number of operations that were recorded when the answer came.
    """

    call: Call | None
    after: Worlds
    count: int


@dataclass(frozen=True, slots=True)
class Death:
    """A point at which the process may die: after `count` operations, and `cut` bytes of the write that follows."""

    count: int
    cut: int = 0


def deaths(operations: Sequence[Operation], base: Disk) -> Iterator[tuple[Death, Disk]]:
    """Every point, and the disk that it leaves; the disk is good until the next is asked for.

    A write that is in flight may have ended between any two pages; every other operation is done or not.
    """
    disk = copy.deepcopy(base)
    yield Death(0), disk
    for count, operation in enumerate(operations):
        if isinstance(operation, Write):
            first = PAGE - operation.offset % PAGE
            for cut in range(first, len(operation.data), PAGE):
                torn = copy.deepcopy(disk)
                torn.apply(replace(operation, data=operation.data[:cut]))
                yield Death(count, cut), torn
        disk.apply(operation)
        yield Death(count + 1), disk


def crashes(run: "Run", step: Object) -> None:
    """Let the process die at every point of the run so far, and judge what each leaves.

    With `again`, each is opened while that is recorded too, and the process dies at every point of it; with `twice`,
    two recoveries of each are compared. `most` limits how many are tried; the others are counted.
    """
    look = {"again": _dies_again, "twice": _recovers_twice}.get(str(step.get("how", "")), _judged)
    process = cast("RecordedProcess", run.process)
    operations = process.recorded(run.outside, run.place.volatile)
    process.end_if_named(operations)
    base, known = run.base

    def volatile(name: str) -> bool:
        return _tree.is_volatile(name, run.place.volatile)

    states: dict[object, tuple[Death, Disk, Worlds, Call | None]] = {}
    for death, whole in deaths(operations, base):
        done = [answer for answer in run.answers if answer.count <= death.count]
        under_way = [answer for answer in run.answers if answer.count > death.count]
        answered = not death.cut and bool(done) and done[-1].count == death.count
        # Where an answer came just here nothing is in flight: a death right after it loses nothing.
        call = under_way[0].call if under_way and not answered else None
        disk = whole.without(volatile)
        worlds = died(run, done[-1].after if done else known, call)
        states.setdefault((disk.key(), len(done), call is None), (death, disk, worlds, call))
    run.count("crash states possible", len(states))
    for death, disk, worlds, call in _spread([*states.values()], cast("int", step.get("most", len(states)))):
        run.count("crash states")
        try:
            look(run, disk, worlds, call)
        except Violated as found:
            raise _told(run, found, death, operations, call) from None


def _spread(states: Sequence[T], most: int) -> Sequence[T]:
    """So many of them, evenly; all where there are no more."""
    return states if len(states) <= most else [states[number * len(states) // most] for number in range(most)]


def _told(run: "Run", found: Violated, death: Death, operations: Sequence[Operation], call: Call | None) -> Violated:
    """The finding with the point of the death, and with the steps of the recorded run."""
    where, lines = _point(death, operations, call)
    violation = replace(
        found.violation,
        summary=f"{found.violation.summary} {where}",
        observed="\n".join([found.violation.observed, *lines]),
    )
    return Violated(violation, run.setup, list(run.steps), found.files)


@contextlib.contextmanager
def _opened(run: "Run", disk: Disk, worlds: Worlds, *, recorded: bool = False) -> Generator["Run"]:
    """A run on what a death has left, of which nothing was asked yet."""
    twin = run.fork(disk, recorded=recorded)
    twin.judge, twin.worlds, twin.base = DeathJudge(run.judge), worlds, (disk, worlds)
    try:
        yield twin
    finally:
        run.place.forget(twin)


def _judged(run: "Run", disk: Disk, worlds: Worlds, call: Call | None) -> None:
    with _opened(run, disk, worlds) as twin:
        twin.do({"do": "wake"})
        twin.do({"do": "look"})
        _goes_on(twin, call)


def _dies_again(run: "Run", disk: Disk, worlds: Worlds, call: Call | None) -> None:
    """The first open after a death, and the first write, are cut short by another (ATM-7)."""
    with _opened(run, disk, worlds, recorded=True) as twin:
        # What the first death has broken is for the other probes to find.
        judge, twin.judge = twin.judge, NOBODY
        twin.do({"do": "wake"})
        twin.do({"do": "look"})
        _writes(twin, call)
        twin.judge = judge
        twin.do({"do": "crashes"})


def _recovers_twice(run: "Run", disk: Disk, worlds: Worlds, _: Call | None) -> None:
    """Two recoveries of one state agree, and so does the recovery of a recovered store (ATM-10)."""
    seen: list[Observed] = []
    with _opened(run, disk, worlds) as first:
        seen.append(_observed(first))
        first.do({"do": "rest"})
        again = first.fork()
        try:
            seen.append(_observed(again))
        finally:
            run.place.forget(again)
    with _opened(run, disk, worlds) as second:
        seen.append(_observed(second))
    for other in seen[:-1]:
        for (method, one), (_method, two) in zip(seen[-1], other, strict=True):
            if one != two:
                text = f"Two recoveries of one state do not agree: `{method}` answers otherwise."
                run.report(Violation(("ATM-10",), "recovery-differs", text, short(one), short(two)))


def _observed(twin: "Run") -> "Observed":
    """All that the protocol shows, but for what may be another each time: revisions, moments of change, reasons."""
    twin.observed, twin.judge = [], NOBODY
    twin.do({"do": "wake"})
    twin.do({"do": "look"})
    seen = [(call.method, _stable(outcome)) for call, outcome in twin.observed]
    twin.observed = None
    return seen


def _stable(outcome: Outcome) -> JSON:
    if not isinstance(outcome, Answer):
        return outcome.kind if isinstance(outcome, Refusal) else outcome.reason
    result = {name: value for name, value in outcome.result.items() if name not in {"revision", "damage"}}
    result["damage"] = bool(outcome.result.get("damage"))
    if isinstance(ids := result.get("ids"), list):
        result["ids"] = cast("JSON", sorted(cast("list[str]", ids)))
    if isinstance(summaries := result.get("summaries"), list):
        shown = [{**cast("Object", summary), "updated_at": None} for summary in summaries]
        result["summaries"] = cast("JSON", sorted(shown, key=lambda summary: str(summary["id"])))
    return result


def _goes_on(twin: "Run", call: Call | None) -> None:
    """The next write succeeds, and is there after another restart with all that was (ATM-6)."""
    twin.do({"do": "disturb", "requirement": "ATM-6"})
    _writes(twin, call)
    for step in ("look", "reopen", "look"):
        twin.do({"do": "disturb", "requirement": "ATM-6"})
        twin.do({"do": step})


def _writes(twin: "Run", call: Call | None) -> None:
    """The next write: to the session that the death has met, or to any."""
    sessions = list(twin.worlds.sessions)
    id = call.id if call is not None and call.id in sessions else next(iter(sessions), None)
    gone = id is None or all(isinstance(state, Absent) for state in twin.worlds.states(id))
    if id is not None and not (gone and twin.listed("create")):
        twin.write(id, twin.content.plain(17, id))


def died(run: "Run", worlds: Worlds, call: Call | None) -> Worlds:
    """The worlds after a death, with a call in flight or none; each state is suspected of what it would break."""
    model = run.place.model
    new = model.reopened(worlds if call is None else model.unknown(worlds, call), orderly=False)

    def suspect(id: str, state: State) -> State:
        if call is None or id != call.id:
            return suspected(state, ("ATM-9",))
        match state:
            case Present(content=History() as log):
                # A reader may name what the death has cut.
                state = replace(state, content=log.burned())
            case _:
                pass
        return suspected(state, (_requirement(call, worlds),))

    return replace(new.mapped(suspect), store_suspects=("ATM-5",))


def _requirement(call: Call, worlds: Worlds) -> str:
    first = all(isinstance(state, Absent) for state in worlds.states(call.id))
    return _OF_CALLS.get(call.method, "ATM-2" if first else "ATM-1")


def _point(death: Death, operations: Sequence[Operation], call: Call | None) -> tuple[str, list[str]]:
    """Where the process died: a clause, and the operations around it."""
    names = {0: "."}
    texts = [_text(operation, names) for operation in operations]
    where = f"The process died {'in `' + call.method + '`, ' if call else ''}after operation {death.count}"
    where += f" and {death.cut} bytes of the next." if death.cut else f" of {len(operations)}."
    first = max(0, death.count - _SHOWN)
    lines = [f"{number + 1:>4}. {texts[number]}" for number in range(first, death.count)]
    if death.cut:
        lines.append(f"{death.count + 1:>4}. {texts[death.count]}: the first {death.cut} bytes of it")
    lines.append("   -- death --")
    lines += [f"{number + 1:>4}. {texts[number]}" for number in range(death.count, len(texts))][: _SHOWN // 3]
    return where, ["the file operations:", *lines]


def _text(operation: Operation, names: dict[int, str]) -> str:
    def path(folder: int, name: bytes) -> str:
        return f"{names.get(folder, '?')}/{name.decode('utf-8', 'backslashreplace')}".removeprefix("./")

    match operation:
        case Make(inode=inode, folder=folder, name=name, kind=kind):
            names[inode] = path(folder, name)
            return f"make the {kind} {names[inode]}"
        case Write(inode=inode, offset=offset, data=data):
            return f"write {len(data)} bytes at {offset} to {names.get(inode, '?')}"
        case Rename(folder=folder, name=name, new_folder=new_folder, new_name=new_name):
            old, new = path(folder, name), path(new_folder, new_name)
            for inode, known in names.items():
                if known == old:
                    names[inode] = new
            return f"rename {old} to {new}"
        case Unlink(folder=folder, name=name):
            return f"unlink {path(folder, name)}"
        case Sync(inode=inode, data=data):
            what = "everything" if inode is None else names.get(inode, "?")
            return f"{'fdatasync' if data else 'fsync'} {what}"
        case _:
            return f"{type(operation).__name__.lower()} {names.get(getattr(operation, 'inode', 0), '?')}"
