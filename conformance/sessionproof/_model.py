"""The spec as a value: the worlds that a correct store may be in, and what a call and its outcome leave of them.

`Model.step(worlds, call, outcome)` is pure. A world is kept per session, as the states that the session may be in:
after an outcome that is unknown there are several, until a read settles it. No state left is a violation; it names the
requirements that it breaks, and the model goes on with what was observed, so that one defect is not reported as
twenty.

Which requirement a wrong answer breaks depends on what happened since the session was last seen right: its own save
(STO-2) or append (LOG-1), work on another id (STO-6), a new process (STO-7), damage (COR). Each state carries that
suspicion.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from sessionproof import _appends, _saves, _sessions, _whole_store
from sessionproof._blame import Rules, others_suspect
from sessionproof._json import Value
from sessionproof._protocol import WRITES, Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._wording import defect
from sessionproof._worlds import Absent, Anything, Present, State, Step, Worlds, issued, suspected

Judge: TypeAlias = Callable[[Rules, Worlds, Call, Outcome, Worlds], Step]


@dataclass(frozen=True, slots=True)
class Model(Rules):
    """The reference semantics of a store, for what one statement promises."""

    def step(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        """The worlds after the call, and what the outcome breaks."""
        unknown = self.unknown(worlds, call) if call.method in WRITES and not isinstance(outcome, Answer) else worlds
        if isinstance(outcome, Silence) or (isinstance(outcome, Refusal) and outcome.kind is Kind.INTERNAL):
            return Step(unknown, (defect(call, outcome),))
        if call.method in worlds.distrusted:
            return Step(worlds)
        after = worlds if isinstance(outcome, Refusal) and outcome.not_applied else unknown
        if isinstance(outcome, Refusal) and any(isinstance(state, Anything) for state in worlds.states(call.id)):
            return Step(worlds)
        if call.method in _whole_store.METHODS:
            return _whole_store.judge(self, worlds, call, outcome)
        return _JUDGES[call.method](self, worlds, call, outcome, after)

    def reopened(self, worlds: Worlds, *, orderly: bool) -> Worlds:
        """The worlds after a new store object was built; `orderly`: the earlier one was closed."""
        kept = {"none": False, "close": orderly}.get(self.statement.durability, True)
        if not kept:
            return Worlds({id: (Anything(),) for id in worlds.sessions}, worlds.epoch, worlds.fresh, nameless=True)

        def suspect(_: str, state: State) -> State:
            match state:
                case Present():
                    return suspected(replace(state, current=frozenset()), (*state.suspects, "STO-7"))
                case Absent():
                    return replace(state, suspects=(*state.suspects, "STO-7"), hollow=None)
                case _:
                    return state

        return replace(worlds.mapped(suspect), store_suspects=("STO-7",))

    def unknown(self, worlds: Worlds, call: Call) -> Worlds:
        """The call may or may not have happened."""
        states = worlds.states(call.id)
        match call.method:
            case "save":
                document = Value.of(_saves.public(self.statement, call.params["document"]))
                saved = [_saves.overwritten(worlds, state, document, None, ("STO-2",)) for state in states]
                after = worlds.with_states(call.id, (*states, *saved))
            case "delete":
                deleted = [Absent(("STO-3",), issued(state)) for state in states]
                after = worlds.with_states(call.id, (*states, *deleted))
            case "attach":
                after = worlds.with_states(call.id, (*states, *_sessions.attached(states, call)))
            case "prune":
                return worlds.mapped(_anything)
            case "create":
                return replace(worlds, nameless=True)
            case "claim":
                return worlds
            case _:
                after = worlds.with_states(call.id, _appends.unknown(self, worlds, call))
        # One after another, unknown calls would double the states that they do not tell apart.
        distinct: list[State] = []
        for state in after.states(call.id):
            if state not in distinct:
                distinct.append(state)
        return others_suspect(after.with_states(call.id, distinct), call.id)


def _prune(_: Rules, worlds: Worlds, __: Call, outcome: Outcome, ___: Worlds) -> Step:
    """What a prune removes is told by the probe (`Worlds` know no clock); here it is only carried out."""
    return Step(worlds if isinstance(outcome, Refusal) else worlds.mapped(_anything))


def _anything(_: str, __: State) -> State:
    return Anything()


_JUDGES: dict[str, Judge] = {
    "save": _saves.save,
    "load": _saves.load,
    "delete": _sessions.delete,
    "exists": _sessions.exists,
    "attach": _sessions.attach,
    "attachments": _sessions.attachments,
    "prune": _prune,
    "create": _appends.create,
    "append": _appends.append,
    "append_events": _appends.append_events,
    "compact": _appends.compact,
    "describe": _appends.describe,
    "read": _appends.read,
    "claim": _appends.claim,
}
