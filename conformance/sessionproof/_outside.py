"""The step of a run that writes what is outside the declared fidelity: refused or acknowledged, but then readable."""

from typing import TYPE_CHECKING, cast

from sessionproof._json import Object
from sessionproof._protocol import Answer, Call, Outcome, Silence
from sessionproof._wording import defect, observed
from sessionproof._worlds import Anything, Violation

if TYPE_CHECKING:
    from sessionproof._run import Run


def write_outside(run: "Run", step: Object) -> None:
    """Write a value that the store may refuse; `what` says what is otherwise about it.

    Any refusal is right. What is acknowledged may come back changed, since what the store sets or filters is not in a
    declared schema; but it must come back (FMT-8), from the same object and, where that is promised, from a new one.
    """
    where: Object = {"id": step["id"]}
    value = step["value"]
    write = (
        Call("append", {**where, "entries": [value]}) if run.setup.logs else Call("save", {**where, "document": value})
    )
    if not run.place.carries(run.process, write.params):
        run.count("values that the adapter does not carry")
        return
    outcome = run.last = run.no_store or run.process.call(write)
    run.count("values outside the fidelity")
    if isinstance(outcome, Silence):
        run.report(defect(write, outcome))
    if not isinstance(outcome, Answer):
        return
    run.count("of them acknowledged")
    run.worlds = run.worlds.with_states(cast("str", step["id"]), [Anything()])
    read = Call("read" if run.setup.logs else "load", where)
    for again in (False, True):
        if again and run.statement.durability == "none":
            return
        if again:
            run.step_reopen({})
        outcome = run.no_store or run.process.call(read)
        if isinstance(outcome, Silence):
            run.report(defect(read, outcome))
        elif not _is_readable(outcome):
            noun = "An entry" if run.setup.logs else "A document"
            summary = f"{noun} outside the declared fidelity is acknowledged and then cannot be read: {step['what']}."
            expected = "a refusal of the write, or a value that can be read"
            run.report(Violation(("FMT-8",), "accepted-unreadable", summary, expected, observed(outcome)))
            return


def _is_readable(outcome: Outcome) -> bool:
    """Whether a session was found, and is not a fresh one; of a log nothing is told that could not be read."""
    if not isinstance(outcome, Answer):
        return False
    return bool(outcome.result["found"]) and not outcome.result.get("fresh") and not outcome.result.get("damage")


STEPS = {"write outside": write_outside}
