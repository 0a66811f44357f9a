"""Histories of calls that overlap: what was asked of whom and when, what was answered, what it says of one session."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sessionproof._json import JSON, Object
from sessionproof._protocol import Answer, Call, Outcome
from sessionproof._worlds import Worlds

_WITHOUT_END = float("inf")


@dataclass(frozen=True, slots=True)
class Performed:
    """One call of a history: what was asked of which `side`, what was answered, and when by the history's own clock.

    `ended` is None where no answer came; the call may then still take effect later.
    """

    call: Call
    outcome: Outcome
    begun: int
    ended: int | None
    side: int = 0

    @property
    def end(self) -> float:
        """When it ended; infinite where it did not."""
        return _WITHOUT_END if self.ended is None else self.ended


def sessions(history: Sequence[Performed]) -> list[str]:
    """Every session that the history names or tells of, in the order of the first time."""
    named: dict[str, None] = {}
    for performed in history:
        named.update(dict.fromkeys(_named(performed)))
    return list(named)


def _named(performed: Performed) -> list[str]:
    call, outcome = performed.call, performed.outcome
    if "id" in call.params:
        return [call.id]
    if not isinstance(outcome, Answer):
        return []
    match call.method:
        case "create" | "latest":
            return [outcome.result["id"]] if isinstance(outcome.result["id"], str) else []
        case "list":
            return cast("list[str]", outcome.result["ids"])
        case "summaries":
            return [cast("str", summary["id"]) for summary in cast("list[Object]", outcome.result["summaries"])]
        case _:
            return []


def of_session(history: Sequence[Performed], id: str) -> list[Performed]:
    """What the history says of one session, batches in one-entry parts unless the session is also deleted.

    What answers about the whole store is cut down to what it says of this one: a scan of a folder sees each session at
    its own moment.
    """
    own = [part for performed in history for part in _about(performed, id)]
    if any(performed.call.method == "delete" for performed in own):
        return own
    # Concurrent batches need not stand one behind the other: each keeps its order, no more (CON-3).
    return [part for performed in own for part in _entries(performed)]


def _about(performed: Performed, id: str) -> Iterator[Performed]:
    call, outcome = performed.call, performed.outcome
    if call.params.get("id") == id:
        yield performed
    elif isinstance(outcome, Answer):
        match call.method:
            case "create" if outcome.result["id"] == id:
                yield performed
            case "list":
                ids: list[JSON] = [other for other in cast("list[str]", outcome.result["ids"]) if other == id]
                yield replace(performed, outcome=Answer({"ids": ids}))
            case "summaries":
                summaries = cast("list[Object]", outcome.result["summaries"])
                own: list[JSON] = [summary for summary in summaries if summary["id"] == id]
                yield replace(performed, outcome=Answer({"summaries": own}))
            case "latest" if outcome.result["id"] in {None, id}:
                yield performed
            case _:
                pass


def _entries(performed: Performed) -> list[Performed]:
    call, outcome = performed.call, performed.outcome
    entries = cast("list[JSON]", call.params.get("entries", []))
    if call.method != "append" or len(entries) < 2:
        return [performed]
    numbers = cast("list[int] | None", outcome.result.get("numbers")) if isinstance(outcome, Answer) else None
    if numbers is not None and len(numbers) != len(entries):
        return [performed]

    def part(place: int, entry: JSON) -> Performed:
        told = outcome
        if isinstance(outcome, Answer):
            told = Answer({"numbers": None if numbers is None else [numbers[place]]})
        return replace(performed, call=Call("append", {"id": call.id, "entries": [entry]}), outcome=told)

    return [part(place, entry) for place, entry in enumerate(entries)]


def restricted(worlds: Worlds, id: str) -> Worlds:
    """What the worlds say of one session. Numbers may be burned by calls that others see nothing of."""
    known = {id: worlds.sessions[id]} if id in worlds.sessions else {}
    return replace(
        worlds,
        sessions=known,
        created=tuple(made for made in worlds.created if made[0] == id),
        claimed=frozenset(taken for taken in worlds.claimed if taken[0] == id),
        distrusted=frozenset(),
        store_suspects=(),
    )
