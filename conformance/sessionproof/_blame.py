"""Which requirement a wrong outcome breaks, and what any refusal means: shared by all that judges one session."""

from dataclasses import dataclass, replace
from typing import Protocol

from sessionproof._history import History
from sessionproof._json import JSON
from sessionproof._protocol import Call, Kind, Outcome, Refusal
from sessionproof._statement import Statement
from sessionproof._wording import refusal_of
from sessionproof._worlds import Absent, Anything, Present, State, Step, Suspects, Worlds, damage, suspected

CORRUPT = frozenset({Kind.CORRUPT, Kind.UNSUPPORTED_VERSION})


class Fidelity(Protocol):
    """What a store keeps of the values of one part: of documents, or of entries."""

    def must_keep(self, value: JSON) -> bool:
        """Whether a store may not refuse the value."""
        ...

    def included(self, value: JSON) -> bool:
        """Whether depth, texts and numbers are within what every fidelity includes."""
        ...

    def invalid(self, value: JSON) -> bool:
        """Whether the value must be refused."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What one statement promises, of documents and of the entries of logs."""

    statement: Statement
    documents: Fidelity
    entries: Fidelity

    @property
    def hollow(self) -> bool:
        """Whether a log without a record may be there or not: where the store does not make logs by `create`."""
        return "read" in self.statement.operations and "create" not in self.statement.operations

    def suspects(self, id: str, states: tuple[State, ...], *also: str) -> Suspects:
        """The requirements that a wrong answer about the session breaks."""
        suspects = [name for state in states if not isinstance(state, Anything) for name in state.suspects]
        present = [state for state in states if isinstance(state, Present)]
        default = (present[0].rule,) if present else ("STO-1",)
        return tuple(dict.fromkeys((*(suspects or (also or default)), *also, *hostile(self.statement, [id]))))

    def about(self, id: str, requirements: Suspects) -> Suspects:
        """These requirements, and that about hostile ids where this is one."""
        return (*requirements, *hostile(self.statement, [id]))

    def may_refuse_id(self, id: str, states: tuple[State, ...], outcome: Outcome) -> bool:
        """Whether the refusal is that of an id which is promised to nobody and under which there is nothing.

        Where the store names its sessions, a string that it never gave is no id: the system's own no (a name too long)
        is as good then.
        """
        if not isinstance(outcome, Refusal) or self.statement.promises(id):
            return False
        given = any(not isinstance(state, Absent) or state.deleted for state in states)
        if self.statement.ids_kind == "store" and not given:
            return outcome.kind in {Kind.INVALID_ID, Kind.NOT_FOUND, Kind.IO}
        return outcome.kind is Kind.INVALID_ID and all(isinstance(state, Absent) for state in states)

    def refused_id(self, after: Worlds, call: Call, outcome: Refusal, states: tuple[State, ...]) -> Step:
        """The step of a write that is refused for no reason but perhaps its id."""
        promised = self.statement.promises(call.id)
        if outcome.kind is Kind.INVALID_ID:
            if promised:
                return refused(after, call, outcome, ("IDS-7",), "an id within the claimed `ids` is accepted")
            if all(isinstance(state, Absent) for state in states):
                return Step(after)
            named = () if self.statement.ids_kind == "store" else ("IDS-3",)
            return refused(after, call, outcome, named, "an id once accepted works in every operation")
        if promised or self.statement.ids_kind == "store":
            return refused(after, call, outcome, damage(states) and ("COR-12",), "an acknowledgement")
        return refused(after, call, outcome, ("IDS-3",), "an acknowledgement or `invalid_id`")


def may_be_hollow(rules: Rules, states: tuple[State, ...]) -> bool:
    """Whether nothing that is there can be told from a log without a record: what was a document is no log."""
    if not rules.hollow:
        return False
    logs = any(isinstance(state, Absent) and (state.log or state.hollow is not None) for state in states)
    return logs or "save" not in rules.statement.operations


def cut_away(states: tuple[State, ...]) -> bool:
    """Whether a cut may have left nothing of the log: exactly behind a record, before the first of its own."""
    contents = [state.content for state in states if isinstance(state, Present)]
    return any(isinstance(content, History) and content.harm == "shorter" for content in contents)


def refused(worlds: Worlds, call: Call, outcome: Refusal, requirements: Suspects, expected: str) -> Step:
    """The step of a refusal where none is right."""
    return Step(worlds, (refusal_of(call, outcome, requirements, expected),))


def others_suspect(worlds: Worlds, id: str) -> Worlds:
    """The worlds after a write to one session: what is found wrong with another breaks STO-6."""

    def suspect(other: str, state: State) -> State:
        if other == id or isinstance(state, Anything):
            return state
        if state.suspects:
            return replace(state, shelf=("STO-6",)) if isinstance(state, Present) else state
        return suspected(state, ("STO-6",))

    return worlds.mapped(suspect)


def hostile(statement: Statement, ids: list[str]) -> Suspects:
    """Ids beyond the claim have a requirement of their own: refused, or as good as any other."""
    return () if all(statement.promises(id) for id in ids) else ("IDS-3",)


def is_plain_name(name: str) -> bool:
    """Whether no store may refuse an agent or a creator of this name."""
    return name.isascii() and name.isalnum() and len(name) <= 64
