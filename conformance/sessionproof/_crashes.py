"""The step `crashes`: what a death at every point of a recorded run leaves, opened again and judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, cast

from sessionproof._aftermath import Looks, around, goes_on, opened, recorded, spread, told, writes
from sessionproof._disk import PAGE, Disk, Operation, Write
from sessionproof._history import History
from sessionproof._json import JSON, Object
from sessionproof._judge import NOBODY, DeathJudge, Violated
from sessionproof._protocol import Answer, Call, Outcome, Refusal
from sessionproof._wording import short
from sessionproof._worlds import Absent, Present, State, Violation, Worlds, suspected

if TYPE_CHECKING:
    from sessionproof._run import Run

Observed: TypeAlias = list[tuple[str, JSON]]
_OF_CALLS = {"delete": "ATM-3", "append": "ATM-4", "append_events": "ATM-4", "compact": "ATM-4", "describe": "ATM-4"}


@dataclass(frozen=True, slots=True)
class Death:
    """A point at which the process may die: after `count` operations, and `cut` bytes of the write that follows."""

    count: int
    cut: int = 0


def deaths(operations: Sequence[Operation], base: Disk) -> Iterator[tuple[Death, Disk]]:
    """Every point, and the disk that it leaves; the disk is good until the next is asked for.

    A write that is in flight may have ended between any two pages; every other operation is done or not.
    """
    disk = base.copy()
    yield Death(0), disk
    for count, operation in enumerate(operations):
        if isinstance(operation, Write):
            first = PAGE - operation.offset % PAGE
            for cut in range(first, len(operation.data), PAGE):
                torn = disk.copy()
                torn.apply(replace(operation, data=operation.data[:cut]))
                yield Death(count, cut), torn
        disk.apply(operation)
        yield Death(count + 1), disk


def crashes(run: "Run", step: Object) -> None:
    """Let the process die at every point of the run so far, and judge what each leaves.

    With `goes on`, each is written to as well; with `again`, each is opened while that is recorded too, and the process
    dies at every point of it; with `twice`, two recoveries of each are compared. `most` limits how many are tried; the
    others are counted.
    """
    looks = Looks(run)
    how = {"goes on": _goes_on, "again": _dies_again, "twice": _recovers_twice}.get(str(step.get("how", "")))
    operations = recorded(run)
    base, known = run.base
    states: dict[object, tuple[Death, Disk, Worlds, Call | None]] = {}
    for death, whole in deaths(operations, base):
        done = [answer for answer in run.answers if answer.count <= death.count]
        under_way = [answer for answer in run.answers if answer.count > death.count]
        answered = not death.cut and bool(done) and done[-1].count == death.count
        # Where an answer came just here nothing is in flight: a death right after it loses nothing.
        call = under_way[0].call if under_way and not answered else None
        disk = whole.without(run.is_volatile)
        worlds = died(run, done[-1].after if done else known, call)
        states.setdefault((disk.key(), len(done), call is None), (death, disk, worlds, call))
    run.count("crash states possible", len(states))
    for death, disk, worlds, call in spread([*states.values()], cast("int", step.get("most", len(states)))):
        run.count("crash states")
        try:
            if how is None:
                looks.look(disk, worlds, DeathJudge(run.judge))
            else:
                how(run, disk, worlds, call)
        except Violated as found:
            raise _told(run, found, death, operations, call, disk) from None


def _told(  # noqa: PLR0913, PLR0917 - all that the witness shows
    run: "Run", found: Violated, death: Death, operations: Sequence[Operation], call: Call | None, disk: Disk
) -> Violated:
    where = f"The process died {'in `' + call.method + '`, ' if call else ''}after operation {death.count}"
    where += f" and {death.cut} bytes of the next." if death.cut else f" of {len(operations)}."
    return told(run, found, where, around(operations, death.count, death.cut, {}, "death"), disk)


def _goes_on(run: "Run", disk: Disk, worlds: Worlds, call: Call | None) -> None:
    with opened(run, disk, worlds, DeathJudge(run.judge)) as twin:
        goes_on(twin, call, "ATM-6")


def _dies_again(run: "Run", disk: Disk, worlds: Worlds, call: Call | None) -> None:
    """The first open after a death, and the first write, are cut short by another (ATM-7)."""
    with opened(run, disk, worlds, DeathJudge(run.judge), recorded=True) as twin:
        # What the first death has broken is for the other probes to find.
        judge, twin.judge = twin.judge, NOBODY
        twin.do({"do": "wake"})
        twin.do({"do": "look"})
        writes(twin, call)
        twin.judge = judge
        twin.do({"do": "crashes", "how": "goes on"})


def _recovers_twice(run: "Run", disk: Disk, worlds: Worlds, _: Call | None) -> None:
    """Two recoveries of one state agree, and so does the recovery of a recovered store (ATM-10)."""
    seen: list[Observed] = []
    with opened(run, disk, worlds, DeathJudge(run.judge)) as first:
        unsettled = first.worlds
        seen.append(_observed(first))
        first.do({"do": "rest"})
        again = first.fork()
        # What is asked depends on what may be: the same is to be asked each time.
        again.worlds = unsettled
        try:
            seen.append(_observed(again))
        finally:
            run.place.forget(again)
    with opened(run, disk, worlds, DeathJudge(run.judge)) as second:
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


def revive(run: "Run", _: Object) -> None:
    """After the process was killed, or was to be: open the store in another that is not."""
    run.setup, run.judge = replace(run.setup, killed=""), DeathJudge(run.judge)
    run.step_restart({"how": "kill"})
    run.worlds = replace(run.worlds, store_suspects=("ATM-5",))


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
