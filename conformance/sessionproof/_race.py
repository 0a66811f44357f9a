"""The steps `race` and `races`: processes on one root, their calls released in a chosen order, and what comes of it.

A `race` is one schedule. Its `sides` are lists of calls: of the run's own process first, of others after it. `choices`
are the sides in the order of their steps; behind them each side goes on as far as it can. What every side and a new
store object see afterwards belongs to the history, which is judged as a whole. With `calls` the schedule must be made
of the same steps as when it was found; where it is not, nothing is judged. `dies` is a side and the how manieth of its
calls it dies at; with `survivors` the first side dies before the others open the root. With `within` all sides are
requests that the run's own process serves at once. Where the first call of a side is `open`, the root was not opened
for it before, and with `rootless` there is none.

`races` carries out the schedules of one race, each on a copy of the closed root: with at most so many `interruptions`,
and at most `most` of them. Where nothing survives an `open`, the steps of `again` come before each. With `deaths`
the first side dies in them, at so many of its calls in turn at most; with `survivors` only where it leaves something
half done, and the others race on copies of what one death has left.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from sessionproof._aftermath import spread
from sessionproof._alone import finding
from sessionproof._gate import GatedProcess
from sessionproof._json import JSON, Object
from sessionproof._looks import looks, opening
from sessionproof._performed import Performed, sessions
from sessionproof._placeholders import named, resolved
from sessionproof._protocol import WRITES, Answer, Call, Outcome
from sessionproof._scheduler import BEGINS, Diverged, Executed, Schedule
from sessionproof._schedules import Exploration, signature, told
from sessionproof._wording import observed
from sessionproof._worlds import Anything, State, Violation, Worlds

if TYPE_CHECKING:
    from sessionproof._client import AdapterProcess
    from sessionproof._run import Run

_KEPT = ("sides", "within", "rootless", "survivors")
"""What all schedules of a race have in common."""


def race(run: "Run", step: Object) -> None:
    """Carry out one schedule, and judge it where it goes as it went before."""
    try:
        _raced(run, step)
    except Diverged:
        run.count("schedules that did not repeat")


def races(run: "Run", step: Object) -> None:
    """Carry out the schedules of a race, each on a copy of the closed root."""
    base: Object = {"do": "race", **{name: step[name] for name in _KEPT if name in step}}
    if not step.get("deaths"):
        _explored(run, step, base)
        return
    if step.get("survivors"):
        _explored_after_deaths(run, step, base)
        return
    undisturbed = _on_a_copy(run, step, base, set(), ())
    for what in ("schedules", "schedules possible"):
        run.count(what)
    for place in spread([*_tellingly(undisturbed)], cast("int", step["deaths"])):
        run.count("deaths")
        _explored(run, step, {**base, "dies": [0, place]})


def _explored(run: "Run", step: Object, base: Object) -> None:
    """Carry out schedules that have so much in common."""
    interruptions, most = cast("int", step.get("interruptions", 2)), cast("int", step.get("most", 10_000))
    exploration = Exploration(partial(_on_a_copy, run, step, base, set[str]()), interruptions, most)
    for _ in exploration:
        run.count("schedules")
    run.count("schedules possible", exploration.carried_out + exploration.left)
    run.count("schedules that did not repeat", exploration.diverged)


def _explored_after_deaths(run: "Run", step: Object, base: Object) -> None:
    """Let the first side die once at each of these calls, and carry out schedules of the others on what that left."""
    first = cast("list[list[JSON]]", base["sides"])[0]
    undisturbed = _on_a_copy(run, step, {"do": "race", "sides": [first]}, set(), ())
    for what in ("schedules", "schedules possible"):
        run.count(what)
    places = [*_half_done(undisturbed)]
    most = min(cast("int", step["deaths"]), len(places))
    # Evenly from the middle on, not from the first: there the most is left.
    for place in [places[(2 * number + 1) * len(places) // (2 * most)] for number in range(most)]:
        run.count("deaths before two survivors")
        twin = run.fork()
        try:
            _open(twin, twin.process)
            twin.dead = _died(twin, twin.process, _calls_of(twin, first), place)
            _explored(twin, step, {**base, "dies": [0, place]})
        except Diverged:
            run.count("schedules that did not repeat")
        finally:
            for what, number in twin.trials.items():
                run.count(what, number)
            run.place.forget(twin)


def _died(run: "Run", process: "AdapterProcess", calls: Sequence[Call], place: int) -> tuple[GatedProcess, Executed]:
    """Let a process die at its n-th call, while no other has the root open.

    Raises:
        Diverged: It makes fewer calls.
    """
    assert isinstance(process, GatedProcess)
    executed = Schedule(run.outside, [process], [calls], (0, place)).carry_out([])
    if process.alive:
        raise Diverged(f"process 1 makes no call number {place}")
    return process, executed


def _half_done(executed: Executed) -> Iterator[int]:
    """The calls of the first side before which it has changed names or files, and would have changed more."""
    calls = [made for made in executed.steps if made.side == 0 and made.name != BEGINS]
    changing = [
        place for place, made in enumerate(calls, 1) if any(kind in {"entry", "file"} for kind, _ in made.print.changes)
    ]
    for place in _tellingly(executed):
        if changing and changing[0] < place <= changing[-1]:
            yield place


def _tellingly(executed: Executed) -> Iterator[int]:
    """The calls of the first side before which a death leaves something else than before the call that came first."""
    calls = [made for made in executed.steps if made.side == 0 and made.name != BEGINS]
    for place, made in enumerate(calls, 1):
        if place == 1 or calls[place - 2].print.changes or made.print.changes:
            yield place


def _on_a_copy(run: "Run", step: Object, base: Object, unjudged: set[str], choices: Sequence[int]) -> Executed:
    twin = run.fork()
    twin.steps.pop()  # not all schedules again, but this one
    try:
        if run.dead is not None:
            twin.steps.append({"do": "wake"})  # that of the process which has died
        elif not _opens(cast("list[list[Object]]", base["sides"])[0]):
            awaken(twin, step)
        twin.steps.append(base)
        return _raced(twin, {**base, "choices": list[JSON](choices)}, partial(before, run, step), unjudged)
    finally:
        for what, number in twin.trials.items():
            run.count(what, number)
        run.place.forget(twin)


def before(run: "Run", step: Object) -> "Run":
    """The store, open, as it was before a race."""
    twin = run.fork()
    if step.get("rootless"):
        _without_root(twin)
    awaken(twin, step)
    return twin


def awaken(run: "Run", step: Object) -> None:
    """Open the closed store of a race, and do `again` what its `open` forgets."""
    run.do({"do": "wake"})
    for again in cast("list[Object]", step.get("again", [])):
        run.do(again)


def _without_root(run: "Run") -> None:
    shutil.rmtree(run.root, ignore_errors=True)
    run.worlds = Worlds()


def _raced(
    run: "Run", step: Object, again: Callable[[], "Run"] | None = None, unjudged: set[str] | None = None
) -> Executed:
    """Carry out one schedule and judge it; the last step of the run is then the one that repeats it.

    `again` and `unjudged` are those of `_alone`: a finding may be no finding of the race. What is then not judged
    stands in the step.

    Raises:
        Diverged: Its choices cannot be followed, or lead to other calls than those that the step tells.
        Violated: A finding that counts.
    """
    asked = [_calls_of(run, side) for side in cast("list[list[JSON]]", step["sides"])]
    if step.get("rootless"):
        _without_root(run)
    dies = cast("Sequence[int] | None", step.get("dies"))
    if step.get("survivors") and dies is not None and run.dead is None:
        run.dead = _died(run, run.process, asked[0], dies[1])
    gates = list(_gates(run, asked, within=bool(step.get("within"))))
    if run.dead is None:
        schedule = Schedule(run.outside, gates, asked, dies)
    else:
        gates[0], begun = run.dead
        schedule = Schedule(run.outside, gates, [[], *asked[1:]], before=begun)
    executed = schedule.carry_out(cast("list[int]", step.get("choices", [])))
    calls = signature(executed)
    before = cast("list[str]", step.get("calls", calls))
    # Who waits for ever asks as often as the time allows.
    alike = min(len(before), len(calls)) if executed.waits_for_ever else None
    if before[:alike] != calls[:alike]:
        raise Diverged("the calls are others than before")
    run.steps[-1] = {**step, "choices": list[JSON](executed.choices), "calls": list[JSON](calls)}
    for performed in executed.performed:
        _count(run, performed)
        if performed.call.method == "open" and not isinstance(performed.outcome, Answer):
            _report(run, executed, asked, opened_wrong(performed.outcome))
    history = since_opened(run, executed.performed)
    history += [*looks(run, gates, history)]
    unjudged = {*cast("list[str]", step.get("unjudged", []))} if unjudged is None else unjudged
    found = finding(run, again, history, unjudged)
    if unjudged:
        run.steps[-1]["unjudged"] = list[JSON](sorted(unjudged))
    if found is not None:
        _report(run, executed, asked, found.violation)
    states: dict[str, tuple[State, ...]] = dict.fromkeys(sessions(history), (Anything(),))
    run.worlds = replace(run.worlds, sessions={**run.worlds.sessions, **states})
    return executed


def _calls_of(run: "Run", side: Sequence[JSON]) -> list[Call]:
    return [call_of(run, named(cast("Object", call), run.names)) for call in side]


def _report(run: "Run", executed: Executed, asked: Sequence[Sequence[Call]], violation: Violation) -> None:
    waits = f"\nin the end each waits for ever: {executed.waits_for_ever}" if executed.waits_for_ever else ""
    run.report(replace(violation, observed=f"{violation.observed}\n{told(executed, asked)}{waits}"))


def call_of(run: "Run", call: Object) -> Call:
    """One call of a side. `open` needs no parameters; an `if_revision` that is a number counts those that are known."""
    method = cast("str", call["method"])
    if method == "open":
        return opening(run)
    params = dict(cast("Object", resolved(call.get("params", {}), str(run.outside))))
    revision = params.get("if_revision")
    if isinstance(revision, int):
        params["if_revision"] = run.revisions[cast("str", params["id"])][revision]
    return Call(method, params)


def opened_wrong(outcome: Outcome) -> Violation:
    """What is wrong where an `open` is not answered well."""
    return Violation((), "open-refused", "`open` fails.", "an open store", observed(outcome))


def _opens(calls: Sequence[Object]) -> bool:
    """Whether to open the root is a part of what a side is asked."""
    return bool(calls) and calls[0]["method"] == "open"


def _gates(run: "Run", asked: Sequence[Sequence[Call]], *, within: bool) -> Iterator[GatedProcess]:
    """A process for each side, open on the root unless opening is what it is asked first."""
    start = run.place.process if run.fast else run.place.fresh_process
    for side, calls in enumerate(asked):
        process = run.process if within or side == 0 else start(replace(run.setup, side=side))
        assert isinstance(process, GatedProcess)
        if process is not run.process and not (calls and calls[0].method == "open"):
            _open(run, process)
        yield process


def _open(run: "Run", process: "AdapterProcess") -> None:
    """Let a process open the root."""
    outcome = process.call(opening(run))
    if not isinstance(outcome, Answer):
        run.report(opened_wrong(outcome))


def _count(run: "Run", performed: Performed) -> None:
    method = performed.call.method
    run.count(f"{method.replace('_', ' ')} calls")
    if isinstance(performed.outcome, Answer) and method in WRITES:
        run.count(f"{method.replace('_', ' ')} acknowledged")


def since_opened(run: "Run", performed: Sequence[Performed]) -> list[Performed]:
    """What is judged of what was done: without `open` and `close`, and all of it where an `open` forgets nothing.

    Where nothing survives an `open`, what was done before the last one may be there or not. If some of it was still
    under way, nothing is judged: it may have come before the `open` or after.
    """
    done = [one for one in performed if one.call.method not in {"open", "close"}]
    opened = max((one.end for one in performed if one.call.method == "open"), default=0)
    if run.statement.durability != "none" or not opened:
        return done
    earlier = [one for one in done if one.begun < opened]
    forgotten = dict.fromkeys(sessions(earlier), (Anything(),))
    run.worlds = replace(run.worlds, sessions={**run.worlds.sessions, **forgotten}, nameless=True)
    if any(one.ended is not None and one.ended > opened for one in earlier):
        return []
    return [one for one in done if one.begun > opened]


STEPS = {"race": race, "races": races}
