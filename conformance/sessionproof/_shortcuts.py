"""Histories of one session that need no search: plain saves and loads, or appends and readings, of unique values."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from sessionproof._history import History
from sessionproof._json import JSON, Value
from sessionproof._performed import Performed
from sessionproof._protocol import Answer, Kind, Outcome, Refusal
from sessionproof._unique import Access, Reading, log, register
from sessionproof._worlds import Anything, Present, State, Worlds


def shortcut(worlds: Worlds, history: Sequence[Performed]) -> bool | None:
    """Whether the history is linearizable; None where only a search can tell. The worlds know this one session only."""
    states = [state for states in worlds.sessions.values() for state in states]
    calls = [one for one in history if not _is_conflict(one.outcome)]
    if len(states) > 1 or any(isinstance(state, Anything) for state in states):
        return None
    if any(one.ended is not None and not isinstance(one.outcome, Answer) for one in calls):
        return None
    methods = {one.call.method for one in calls}
    if methods <= {"save", "load"}:
        return _saves(states, calls)
    return _appends(states, calls) if methods <= {"append", "read"} else None


def _is_conflict(outcome: Outcome) -> bool:
    return isinstance(outcome, Refusal) and outcome.kind is Kind.CONFLICT


def _saves(states: Sequence[State], calls: Sequence[Performed]) -> bool | None:
    first = _content(states)
    if isinstance(first, History):
        return None
    saves = [one for one in calls if one.call.method == "save"]
    values = [Value.of(one.call.params["document"]).key for one in saves]
    known = "" if first is None else first.key
    if len({known, *values}) <= len(values) or any("if_revision" in one.call.params for one in saves):
        return None
    accesses = [Access(value, one.begun, one.end, wrote=True) for value, one in zip(values, saves, strict=True)]
    for one in calls:
        if one.call.method == "load" and isinstance(one.outcome, Answer):
            result = one.outcome.result
            if result.get("fresh"):
                return None
            value = Value.of(result["document"]).key if result["found"] else ""
            accesses.append(Access(value, one.begun, one.end, wrote=False))
    return register(known, accesses)


def _appends(states: Sequence[State], calls: Sequence[Performed]) -> bool | None:
    first = _content(states)
    if first is not None and not (isinstance(first, History) and not first.entries and not first.boundaries):
        return None
    appends: list[Access] = []
    numbers: dict[str, int] = {}
    readings: list[Reading] = []
    for one in calls:
        if one.call.method == "append":
            entries = cast("list[JSON]", one.call.params["entries"])
            key = Value.of(entries[0]).key
            if len(entries) != 1:
                return None
            appends.append(Access(key, one.begun, one.end, wrote=True))
            told = cast("list[int] | None", one.outcome.result["numbers"]) if isinstance(one.outcome, Answer) else None
            numbers.update({key: told[0]} if told else {})
        elif isinstance(one.outcome, Answer):
            result = one.outcome.result
            if result.get("archive") is not None or result.get("damage") or result.get("meta") is not None:
                return None
            seen = tuple(Value.of(entry).key for entry in cast("list[JSON]", result.get("entries", [])))
            readings.append(Reading(seen, one.begun, one.end))
    longest = max((reading.entries for reading in readings), key=len, default=())
    in_order = [numbers[str(entry)] for entry in longest if entry in numbers]
    risen = all(earlier < later for earlier, later in pairwise(in_order))
    if len({append.value for append in appends}) < len(appends) or not numbers.keys() <= set(longest) or not risen:
        return None
    return log(appends, readings)


def _content(states: Sequence[State]) -> Value | History | None:
    """What the session holds at first; None: nothing."""
    match [*states]:
        case [Present(content=content)]:
            return content
        case _:
            return None
