"""A finding in words: values and outcomes on one line, and what is wrong about a load."""

from typing import TYPE_CHECKING, cast

from sessionproof import _json
from sessionproof._protocol import Answer, Call, Outcome, Refusal, Silence
from sessionproof._worlds import Present, State, Suspects, Violation

if TYPE_CHECKING:
    from sessionproof._json import JSON


def short(value: object) -> str:
    """A value on one line, its middle left out where it is long."""
    text = value if isinstance(value, str) and value[:1] in {"{", "["} else _json.encode(cast("JSON", value))
    return text if len(text) <= 160 else f"{text[:100]} ... {text[-40:]} ({len(text):,} characters)"


def observed(outcome: Outcome) -> str:
    """An outcome in words."""
    match outcome:
        case Answer():
            return short(_json.encode(outcome.result))
        case Refusal():
            return (
                f"error `{outcome.kind}`"
                + (f" ({outcome.errno})" if outcome.errno else "")
                + (f": {outcome.message[:300]}" if outcome.message else "")
            )
        case Silence():
            return f"{outcome.reason}: {outcome.detail}"


def refusal_of(call: Call, outcome: Refusal, requirements: Suspects, expected: str) -> Violation:
    """A refusal where none is right."""
    summary = f"`{call.method}` is refused as `{outcome.kind}`."
    return Violation(requirements, f"{call.method}-{outcome.kind}", summary, expected, observed(outcome))


def defect(call: Call, outcome: Outcome) -> Violation:
    """Silence, or an internal error: a defect of whatever was being probed."""
    reason = outcome.reason if isinstance(outcome, Silence) else "internal"
    said = {
        "hang": "is not answered",
        "adapter-crash": "ends the process",
        "internal": "is answered by an internal error",
    }[reason]
    return Violation(
        (),
        f"{call.method}-{reason}",
        f"`{call.method}` {said}.",
        "an answer, or an error of the protocol",
        observed(outcome),
    )


def load_fault(states: tuple[State, ...], outcome: Outcome, method: str = "load") -> str:
    """The stable name of what is wrong about a load, or a read."""
    if isinstance(outcome, Refusal):
        return f"{method}-{outcome.kind}"
    found = isinstance(outcome, Answer) and outcome.result["found"] and not outcome.result.get("fresh")
    if not found:
        return "lost"
    return "wrong-document" if any(isinstance(state, Present) for state in states) else "not-gone"


def load_summary(states: tuple[State, ...], outcome: Outcome, method: str = "load") -> str:
    """What is wrong about a load, or a read, as a sentence."""
    match load_fault(states, outcome, method):
        case "lost":
            return "A session that was saved is not found."
        case "wrong-document":
            return "A load returns another document than the one that was saved."
        case "not-gone":
            return f"A {method} finds a session that is not there."
        case fault:
            return f"A {method} is refused as `{fault.partition('-')[2]}`."
