"""What is wrong about calls at once, less what is wrong too when one caller makes them one after the other.

A store whose counts are never right answers them wrong beside others as well. That is for the requirements about one
caller to say, and no finding of a race. So before a finding counts, the calls of its history are made again, by one
store object, in the order in which they began. Where the same operation is answered wrong then, its answers tell
nothing of the race: those of reads are left out of all its histories; where it is a write, what comes after rests on
it, and the history is left unjudged. Both are counted.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sessionproof._linear import Undecided
from sessionproof._looks import looks
from sessionproof._overlaps import Finding, findings
from sessionproof._performed import Performed
from sessionproof._protocol import WRITES

if TYPE_CHECKING:
    from sessionproof._run import Run

UNJUDGED = "histories left unjudged: their calls are answered wrong one by one too"


def finding(
    run: "Run", again: Callable[[], "Run"] | None, history: Sequence[Performed], unjudged: set[str]
) -> Finding | None:
    """The first finding of a history that counts; None where there is none, or none that is the race's.

    Args:
        run: Carried the calls out.
        again: Opens the store on a copy of the root as it was before; None where the finding was held to that already.
        history: The calls.
        unjudged: The reads whose answers do not count. What turns out to be wrong without a race is added.
    """
    while True:
        try:
            found = _first(run, history, unjudged)
        except Undecided:
            run.count("histories left undecided")
            return None
        if found is None or again is None or found.method not in _wrong_alone(again(), history, unjudged):
            return found
        if found.method in WRITES:
            run.count(UNJUDGED)
            return None
        run.count(f"races in which `{found.method}` is not judged: it is answered wrong one by one too")
        unjudged.add(found.method)


def _first(run: "Run", history: Sequence[Performed], unjudged: Iterable[str]) -> Finding | None:
    return next((found for found in _findings(run, history, unjudged) if run.judge.counts(found.violation)), None)


def _findings(run: "Run", history: Sequence[Performed], unjudged: Iterable[str]) -> Iterable[Finding]:
    judged = [performed for performed in history if performed.call.method not in unjudged]
    return findings(run.place.model, run.worlds, judged)


def _wrong_alone(run: "Run", history: Sequence[Performed], unjudged: Iterable[str]) -> set[str]:
    """The operations that are answered wrong when one store object carries the calls out one by one."""
    try:
        calls = [performed.call for performed in sorted(history, key=lambda performed: performed.begun)]
        alone = [Performed(call, run.process.call(call), 2 * place, 2 * place + 1) for place, call in enumerate(calls)]
        alone += looks(run, [run.process], alone)
        return {found.method for found in _findings(run, alone, unjudged)}
    finally:
        run.place.forget(run)
