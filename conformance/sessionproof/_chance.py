"""The step `chances`: calls of several processes at once, in whatever order the machine brings about.

For machines on which the kit cannot stop system calls. Each round begins at one moment for all sides, on a copy of the
closed root, and is judged like a schedule. What is counted are the rounds, and those in which calls did overlap: more
than that is not known of what was tried. With `deaths` the first process is killed in each round, at moments spread
over the time that its calls take.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from sessionproof import _race
from sessionproof._alone import finding
from sessionproof._client import AdapterProcess
from sessionproof._json import JSON, Object
from sessionproof._looks import looks, opening
from sessionproof._performed import Performed
from sessionproof._placeholders import named
from sessionproof._protocol import Answer, Call, Outcome, Silence
from sessionproof._race import awaken, before, call_of, opened_wrong, since_opened

if TYPE_CHECKING:
    from sessionproof._run import Run


def chances(run: "Run", step: Object) -> None:
    """Carry out so many rounds."""
    rounds = cast("int", step["rounds"])
    lasted = 0.0
    unjudged = {*cast("list[str]", step.get("unjudged", []))}
    for number in range(rounds):
        twin = run.fork()
        try:
            if cast("list[list[Object]]", step["sides"])[0][0]["method"] != "open":
                steps = len(twin.steps)
                awaken(twin, step)
                del twin.steps[steps:]
            kill_after = lasted * number / rounds if step.get("deaths") and number else None
            lasted = max(lasted, _round(twin, step, kill_after, partial(before, run, step), unjudged))
        finally:
            for what, count in twin.trials.items():
                run.count(what, count)
            run.place.forget(twin)


def _round(run: "Run", step: Object, kill_after: float | None, again: Callable[[], "Run"], unjudged: set[str]) -> float:
    """One round; the seconds that the first side was at work."""
    asked = [
        [call_of(run, named(cast("Object", call), run.names)) for call in side]
        for side in cast("list[list[JSON]]", step["sides"])
    ]
    processes = [run.process]
    for side, calls in enumerate(asked[1:], 1):
        processes.append(run.place.process(replace(run.setup, side=side)))
        if not (calls and calls[0].method == "open"):
            processes[-1].call(opening(run))
    history = _together(processes, asked, kill_after, in_turn=bool(step.get("deaths")))
    run.count("rounds by chance")
    run.count("rounds in which calls overlapped", int(_overlap(history)))
    for performed in history:
        if performed.call.method == "open" and not isinstance(performed.outcome, Answer):
            run.report(opened_wrong(performed.outcome))
    done = since_opened(run, history)
    done += [*looks(run, processes, done)]
    found = finding(run, again, done, unjudged)
    if found is not None:
        run.report(found.violation)
    first = [performed for performed in history if performed.side == 0]
    return max((one.end for one in first if one.ended is not None), default=0) / 1e9


def _together(
    processes: Sequence[AdapterProcess], asked: Sequence[Sequence[Call]], kill_after: float | None, *, in_turn: bool
) -> list[Performed]:
    """Every side at once; or the second behind the first, `in_turn`."""
    history: list[Performed] = []
    barrier = threading.Barrier(1 if in_turn else len(processes))
    started = time.monotonic_ns()

    def side(number: int) -> None:
        barrier.wait()
        for call in asked[number]:
            begun = time.monotonic_ns() - started
            outcome = processes[number].call(call)
            ended = None if number == 0 and _killed(outcome, kill_after) else time.monotonic_ns() - started
            history.append(Performed(call, outcome, begun, ended, number))
            if not processes[number].alive:
                return

    threads = [threading.Thread(target=side, args=(number,)) for number in range(len(processes))]
    for number, thread in enumerate(threads):
        thread.start()
        if in_turn and number == 0:
            if kill_after is not None:
                time.sleep(kill_after)
                processes[0].strike()
            thread.join()
            if kill_after is not None:
                processes[0].kill()  # also where its last answer came first
    for thread in threads:
        thread.join()
    return sorted(history, key=lambda performed: performed.begun)


def _killed(outcome: Outcome, kill_after: float | None) -> bool:
    return kill_after is not None and isinstance(outcome, Silence) and outcome.reason == "adapter-crash"


def _overlap(history: Sequence[Performed]) -> bool:
    """Whether calls of two sides were open at the same time."""
    return any(
        one.side != other.side and one.begun < other.end and other.begun < one.end
        for one in history
        for other in history
    )


STEPS = {**_race.STEPS, "chances": chances}
