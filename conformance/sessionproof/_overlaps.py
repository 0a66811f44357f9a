"""What is wrong about a history of calls that overlap, and which requirement of CON that breaks.

A finding is the first answer that no order of the calls explains (`_linear`), or one that no order could excuse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sessionproof._history import History, Reading
from sessionproof._json import JSON, Object, Value
from sessionproof._linear import Semantics, first_unexplained
from sessionproof._performed import Performed, of_session, restricted, sessions
from sessionproof._protocol import WRITES, Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._wording import defect, observed, short
from sessionproof._worlds import Present, Suspects, Violation, Worlds

_LOG_WRITES = frozenset({"append", "append_events", "compact", "describe"})
_SHOWN = 8
_SOME_ORDER = "what some order of the calls explains"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and the operation that answers it."""

    method: str
    violation: Violation


def findings(model: Semantics, worlds: Worlds, history: Sequence[Performed]) -> Iterator[Finding]:
    """What is wrong about the history, which begins in these worlds.

    An answer of silence that has an end is the store's own; one without is a process that the kit has ended.

    Raises:
        Undecided: Too many calls overlap.
    """
    for performed in history:
        wrong = _never_right(history, performed)
        if wrong is not None:
            yield Finding(performed.call.method, wrong)
    for id in sessions(history):
        if not _is_nameless(worlds, history, id):
            yield from _of_session(model, restricted(worlds, id), of_session(history, id), id)
    yield from (Finding("claim", wrong) for wrong in _claimed_by_nobody(worlds, history))


def _is_nameless(worlds: Worlds, history: Sequence[Performed], id: str) -> bool:
    """Whether the session may have been made by a call that was never answered."""
    created = [one.outcome for one in history if one.call.method == "create"]
    known = {cast("str", outcome.result["id"]) for outcome in created if isinstance(outcome, Answer)}
    unanswered = worlds.nameless or any(not isinstance(outcome, Answer) for outcome in created)
    return unanswered and id not in {*known, *worlds.sessions, *(one.call.id for one in history)}


def _never_right(history: Sequence[Performed], performed: Performed) -> Violation | None:
    """What is wrong about an answer at whatever place it stands."""
    call, outcome = performed.call, performed.outcome
    match outcome:
        case Silence():
            return None if performed.ended is None else defect(call, outcome)
        case Refusal(kind=Kind.INTERNAL):
            return defect(call, outcome)
        case Refusal(kind=Kind.CONFLICT) if not _stays(history, performed):
            return None
        case Refusal(kind=Kind.CONFLICT):
            text = f"`{call.method}` is refused as `conflict` long after the calls beside it."
            return Violation(
                _refused(history, performed), f"{call.method}-conflict", text, "an answer", observed(outcome)
            )
        case Refusal() if call.method == "create" or not outcome.not_applied:
            broken = _refused(history, performed)
            text = f"`{call.method}` is refused as `{outcome.kind}` because of calls beside it."
            expected = "an answer" if call.method not in WRITES else "an acknowledgement, or `conflict`"
            return Violation(broken, f"{call.method}-{outcome.kind}", text, expected, observed(outcome))
        case _:
            return None


def _stays(history: Sequence[Performed], performed: Performed) -> bool:
    """Whether a `conflict` is the last answer to a call that was made again when nobody else was at work."""
    if "if_revision" in performed.call.params or performed.call.method in WRITES:
        alike = [one for one in history if one.side == performed.side and one.call == performed.call]
        if "if_revision" in performed.call.params or len(alike) < 2 or alike[-1] is not performed:
            return False
    return not any(
        one.call.method in WRITES
        and one.side != performed.side
        and one.ended is not None
        and one.end >= performed.begun
        for one in history
    )


def _refused(history: Sequence[Performed], performed: Performed) -> Suspects:
    """What a refusal breaks that is not right at any place."""
    call = performed.call
    by_method = {"create": ("CON-4",), "claim": ("CON-9",), **dict.fromkeys(_LOG_WRITES, ("CON-3",))}
    broken: Suspects = by_method.get(call.method, ("CON-1",))
    if call.method not in WRITES:
        own = ("CON-3",) if call.method == "read" else ("CON-1",)
        broken = ("CON-2",) if _overlapped(history, performed) else own
    dead: Suspects = ("CON-6",) if call.method in WRITES and any(one.ended is None for one in history) else ()
    return (*broken, *dead, *_deleted_beside(history, call.id))


def _deleted_beside(history: Sequence[Performed], id: str) -> Suspects:
    return ("CON-5",) if any(one.call.method == "delete" and one.call.id == id for one in history) else ()


def _of_session(model: Semantics, worlds: Worlds, history: list[Performed], id: str) -> Iterator[Finding]:
    history = [_torn_tail_borne(history, performed) for performed in history]
    # What is being appended may be seen in parts as long as it is being appended.
    history = [performed for performed in history if not _early_sight(worlds, history, performed)]
    wrong = first_unexplained(model, worlds, history)
    if wrong is not None:
        fault, summary, broken = _blamed(worlds, history, wrong)
        broken = tuple(dict.fromkeys((*broken, *_deleted_beside(history, id))))
        seen = f"{observed(wrong.outcome)}\n{_told(history, wrong)}"
        yield Finding(wrong.call.method, Violation(broken, fault, summary, _SOME_ORDER, seen))


def _overlapped(history: Sequence[Performed], performed: Performed) -> bool:
    """Whether a write to the session was under way at some time of the call."""
    return any(
        one.call.method in WRITES and one.begun <= performed.end and performed.begun <= one.end for one in history
    )


def _torn_tail_borne(history: Sequence[Performed], performed: Performed) -> Performed:
    """Beside a writer a read may name a torn tail (adapter protocol, `read`)."""
    outcome = performed.outcome
    if performed.call.method != "read" or not isinstance(outcome, Answer) or not _overlapped(history, performed):
        return performed
    damage = cast("list[Object]", outcome.result.get("damage", []))
    if not damage or any(one["step"] is not None for one in damage):
        return performed
    return replace(performed, outcome=Answer({**outcome.result, "damage": []}))


# -- logs: what CON-2 and CON-3 ask of a read that is not atomic -------------------------------------------------------


def _early_sight(worlds: Worlds, history: Sequence[Performed], performed: Performed) -> bool:
    """Whether a read beside writers gives all that was appended before it began, whole and in the batches' order.

    Entries whose append is under way may be there or not, one without the one before it.
    """
    outcome = performed.outcome
    if performed.call.method != "read" or not isinstance(outcome, Answer) or not _overlapped(history, performed):
        return False
    if any(one.call.method in {"delete", "compact", "create"} for one in history) or not outcome.result["found"]:
        return False
    seen = [entry.key for entry in Reading.of(outcome.result).entries]
    settled, begun = _appended_before(worlds, history, performed)
    if len(set(seen)) < len(seen) or not set(seen) <= settled | begun or not settled <= set(seen):
        return False
    return _in_batch_order(history, seen)


def _appended_before(worlds: Worlds, history: Sequence[Performed], read: Performed) -> tuple[set[str], set[str]]:
    """The entries that were there before the read began, and those that may have been before it ended."""
    states = [state for states in worlds.sessions.values() for state in states]
    settled = {
        entry.key
        for state in states
        if isinstance(state, Present) and isinstance(state.content, History)
        for entry in state.content.now
    }
    begun = set[str]()
    for one in history:
        if one.call.method == "append" and one.begun <= read.end:
            keys = _keys(one)
            begun |= set(keys)
            if one.end < read.begun and isinstance(one.outcome, Answer):
                settled |= set(keys)
    return settled, begun


def _keys(append: Performed) -> list[str]:
    return [Value.of(entry).key for entry in cast("list[JSON]", append.call.params["entries"])]


def _in_batch_order(history: Sequence[Performed], seen: Sequence[str]) -> bool:
    """Whether each side's entries stand in the order in which it has appended them."""
    place = {key: at for at, key in enumerate(seen)}
    for side in {one.side for one in history}:
        own = [key for one in history if one.side == side and one.call.method == "append" for key in _keys(one)]
        places = [place[key] for key in own if key in place]
        if places != sorted(places):
            return False
    return True


# -- which requirement -------------------------------------------------------------------------------------------------


def _blamed(worlds: Worlds, history: Sequence[Performed], wrong: Performed) -> tuple[str, str, Suspects]:
    """The fault, in a sentence, and the requirements that it breaks."""
    call, outcome = wrong.call, wrong.outcome
    if call.method not in WRITES:
        return _blamed_reader(worlds, history, wrong)
    if isinstance(outcome, Refusal):
        text = f"`{call.method}` is refused as `{outcome.kind}`, which no order of the calls explains."
        return f"{call.method}-{outcome.kind}", text, _refused(history, wrong)
    match call.method:
        case "save":
            text = "Of two conditional saves from one revision both are acknowledged."
            return "both-acknowledged", text, ("CON-8",)
        case "create":
            return "id-given-twice", "Two creates answer the same id.", ("CON-4",)
        case "claim":
            return "claimed-twice", "Two that claim one token are both told that it is theirs.", ("CON-9",)
        case "append" if _number_twice(history):
            return "number-twice", "Two entries are given the same number.", ("CON-3",)
        case "append":
            return "numbers-wrong", "`append` answers a number that no order of the appends explains.", ("CON-3",)
        case _:
            return f"{call.method}-wrong", f"No order of the calls explains what `{call.method}` answers.", ("CON-1",)


def _number_twice(history: Sequence[Performed]) -> bool:
    given = [
        number
        for one in history
        if one.call.method == "append" and isinstance(one.outcome, Answer)
        for number in cast("list[int]", one.outcome.result.get("numbers") or [])
    ]
    return len(set(given)) < len(given)


def _blamed_reader(worlds: Worlds, history: Sequence[Performed], wrong: Performed) -> tuple[str, str, Suspects]:
    call, outcome = wrong.call, wrong.outcome
    log = any(one.call.method in _LOG_WRITES for one in history) or _was_log(worlds)
    beside = _overlapped(history, wrong)
    own: Suspects = ("CON-3",) if log else ("CON-1",)
    if isinstance(outcome, Refusal):
        return f"{call.method}-{outcome.kind}", f"`{call.method}` is refused as `{outcome.kind}`.", ("CON-2",)
    assert isinstance(outcome, Answer)
    if call.method == "read" and "create" in {one.call.method for one in history}:
        own = ("CON-4", *own)
    where = "beside a writer" if beside else "after the writers were done"
    if _finds_nothing(call, outcome):
        # What a writer has left unlisted is lost; a list that was made before it is old.
        whole = call.method in {"list", "summaries", "latest", "exists"}
        gone = ("CON-2",) if beside else ("CON-2", *own) if whole else own
        what = "attachments" if call.method == "attachments" else "a session"
        return "lost", f"`{call.method}` finds nothing {where}, where {what} stood.", gone
    if not beside and call.method == "load" and _deleted_beside(history, call.id):
        return "came-back", "`load` gives a session that was deleted after what it gives was written.", own
    if not beside and _deleted_beside(history, call.id):
        return "half-deleted", f"`{call.method}` finds a part of the session {where}, of which one deleted it.", own
    if call.method == "read" and log:
        return _blamed_reading(worlds, history, wrong, where, ("CON-2",) if beside else own)
    if _is_strange(worlds, history, wrong):
        text = f"`{call.method}` gives {where} what nobody has written as a whole."
        return "torn", text, ("CON-2",) if beside else ("CON-1", "CON-2")
    if call.method in {"list", "summaries", "latest", "exists"}:
        return f"{call.method}-wrong", f"`{call.method}` names {where} what no order of the calls explains.", ("CON-2",)
    if beside:
        text = f"`{call.method}` gives beside a writer what was replaced before, or what no order explains."
        return "stale", text, ("CON-1",)
    return "write-lost", f"`{call.method}` gives {where} what an acknowledged write has replaced.", ("CON-1",)


def _was_log(worlds: Worlds) -> bool:
    return any(
        isinstance(state, Present) and isinstance(state.content, History)
        for states in worlds.sessions.values()
        for state in states
    )


def _finds_nothing(call: Call, outcome: Answer) -> bool:
    result = outcome.result
    match call.method:
        case "load" | "read":
            return not result["found"] or bool(result.get("fresh"))
        case "exists":
            return not result["exists"]
        case "list":
            return not result["ids"]
        case "summaries":
            return not result["summaries"]
        case "latest":
            return result["id"] is None
        case "attachments":
            return not result["items"]
        case _:
            return False


def _blamed_reading(
    worlds: Worlds, history: Sequence[Performed], wrong: Performed, where: str, broken: Suspects
) -> tuple[str, str, Suspects]:
    reading = Reading.of(cast("Answer", wrong.outcome).result)
    seen = [entry.key for entry in reading.entries]
    settled, begun = _appended_before(worlds, history, wrong)
    if len(set(seen)) < len(seen):
        return "entry-twice", f"`read` gives an entry twice {where}.", broken
    if not set(seen) <= settled | begun:
        return "torn", f"`read` gives {where} what nobody has appended.", ("CON-2",)
    if not settled <= set(seen) and not any(one.call.method in {"compact", "delete"} for one in history):
        return "entry-lost", f"`read` does not give an acknowledged entry {where}.", broken
    if reading.damage:
        return "damage-reported", f"`read` names damage {where}.", ("CON-2",)
    if not _in_batch_order(history, seen):
        return "wrong-order", f"`read` gives the entries of one caller in another order {where}.", ("CON-3",)
    return "wrong-entries", f"`read` gives {where} what no order of the calls explains.", broken


def _is_strange(worlds: Worlds, history: Sequence[Performed], wrong: Performed) -> bool:
    """Whether a document or a list of items is none of those that were written."""
    call, result = wrong.call, cast("Answer", wrong.outcome).result
    member, method = {"load": ("document", "save"), "attachments": ("items", "attach")}.get(call.method, ("", ""))
    if not member:
        return False
    found = Value.of(result[member]).key
    kind = call.params.get("kind")
    written = {
        Value.of(one.call.params[member]).key
        for one in history
        if one.call.method == method and one.call.params.get("kind") == kind
    }
    for states in worlds.sessions.values():
        for state in states:
            if isinstance(state, Present):
                saved = state.content if member == "document" else state.attachments.get(cast("str", kind))
                written |= {saved.key} if saved is not None else set()
    return found not in written


def _told(history: Sequence[Performed], wrong: Performed) -> str:
    """The writes before the finding, and it, a line each: whose, from when to when, with which answer."""
    near = [one for one in history if one is wrong or (one.begun <= wrong.end and one.call.method in WRITES)][-_SHOWN:]
    words = [
        f"side {one.side + 1}, {one.begun}-{'' if one.ended is None else one.ended}: "
        f"{one.call.method} {_given(one.call)}{_answered(one.outcome)}".rstrip()
        for one in near
    ]
    return "\n".join(words)


def _given(call: Call) -> str:
    given = [short(call.params[name]) + " " for name in ("document", "entries", "items") if name in call.params]
    return "".join(given)


def _answered(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Answer) and not outcome.result else f"-> {observed(outcome)}"


# -- claims ------------------------------------------------------------------------------------------------------------


def _claimed_by_nobody(worlds: Worlds, history: Sequence[Performed]) -> Iterator[Violation]:
    """Exactly one claimer is told true where every claimer was answered; one that died may have had the token."""
    claims: dict[tuple[str, str], list[Outcome]] = {}
    for one in history:
        if one.call.method == "claim":
            claims.setdefault((one.call.id, cast("str", one.call.params["token"])), []).append(one.outcome)
    for taken, outcomes in claims.items():
        told = [outcome.result["claimed"] for outcome in outcomes if isinstance(outcome, Answer)]
        if taken not in worlds.claimed and len(told) == len(outcomes) and True not in told:
            text = "Of all that claim one token none is told that it is theirs."
            yield Violation(("CON-9",), "claimed-by-nobody", text, "true for exactly one", short(cast("JSON", told)))
