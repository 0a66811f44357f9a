"""The spec as a value: the worlds that a correct store may be in, and what a call and its outcome leave of them.

`Model.step(worlds, call, outcome)` is pure. A world is kept per session, as the states that the session may be in:
after an outcome that is unknown there are several, until a read settles it. No state left is a violation; it names the
requirements that it breaks, and the model goes on with what was observed, so that one defect is not reported as
twenty.

Which requirement a wrong answer breaks depends on what happened since the session was last seen right: its own save
(STO-2), work on another id (STO-6), a new process (STO-7), damage (COR). Each state carries that suspicion.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from sessionproof import _json, _whole_store
from sessionproof._json import JSON
from sessionproof._protocol import KINDS_OF_ATTACHMENT, Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._statement import Statement
from sessionproof._whole_store import CORRUPT, hostile
from sessionproof._wording import defect, load_fault, load_summary, observed, refusal_of, short
from sessionproof._worlds import (
    NOTHING,
    Absent,
    Anything,
    Present,
    State,
    Step,
    Suspects,
    Value,
    Violation,
    Worlds,
    attachment_keys,
    damage,
    is_stale,
    issued,
    suspected,
)

_WRITES = frozenset({"save", "delete", "attach", "prune"})


@dataclass(frozen=True, slots=True)
class Model:
    """The reference semantics of a document store, for what one statement promises.

    `must_keep(document)` tells whether the declared fidelity covers it, `invalid(document)` whether it must be refused.
    """

    statement: Statement
    must_keep: Callable[[JSON], bool]
    invalid: Callable[[JSON], bool]

    def step(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        """The worlds after the call, and what the outcome breaks."""
        if isinstance(outcome, Silence) or (isinstance(outcome, Refusal) and outcome.kind is Kind.INTERNAL):
            after = self._unknown(worlds, call) if call.method in _WRITES else worlds
            return Step(after, (defect(call, outcome),))
        if call.method in worlds.distrusted:
            return Step(worlds)
        if isinstance(outcome, Refusal) and any(isinstance(state, Anything) for state in worlds.states(call.id)):
            return Step(worlds)
        judges = {
            "save": self._save,
            "load": self._load,
            "delete": self._delete,
            "exists": self._exists,
            "attach": self._attach,
            "attachments": self._attachments,
            "prune": self._prune,
        }
        if call.method in _whole_store.METHODS:
            return _whole_store.judge(self.statement, worlds, call, outcome)
        return judges[call.method](worlds, call, outcome)

    def reopened(self, worlds: Worlds, *, orderly: bool) -> Worlds:
        """The worlds after a new store object was built; `orderly`: the earlier one was closed."""
        kept = {"none": False, "close": orderly}.get(self.statement.durability, True)
        if not kept:
            return Worlds({id: (Anything(),) for id in worlds.sessions}, worlds.epoch, worlds.fresh)

        def suspect(_: str, state: State) -> State:
            match state:
                case Present():
                    return suspected(replace(state, current=frozenset()), (*state.suspects, "STO-7"))
                case Absent():
                    return replace(state, suspects=(*state.suspects, "STO-7"))
                case _:
                    return state

        return replace(worlds.mapped(suspect), store_suspects=("STO-7",))

    # -- one session ---------------------------------------------------------------------------------------------------

    def _save(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        document = call.params["document"]
        states = worlds.states(call.id)
        if isinstance(outcome, Answer):
            return self._saved(worlds, call, outcome, document)
        assert isinstance(outcome, Refusal)
        after = worlds if outcome.not_applied else self._unknown(worlds, call)
        # A store may refuse to save over damage where a delete clears it away.
        may_refuse = worlds.shared_damage or (bool(damage(states)) and "delete" in self.statement.operations)
        if self.invalid(document):
            if outcome.kind is Kind.INVALID_DOCUMENT:
                return Step(after)
            if outcome.kind is Kind.INVALID_ID and not self.statement.promises(call.id):
                return Step(after)
            return _refused(after, call, outcome, ("FMT-4",), "`invalid_document`")
        match outcome.kind:
            case Kind.INVALID_DOCUMENT if not self.must_keep(document):
                return Step(after)
            case Kind.INVALID_DOCUMENT:
                return _refused(after, call, outcome, ("FMT-2",), "a document of the declared fidelity is kept")
            case Kind.CONFLICT if (
                is_stale(states, call.params.get("if_revision")) is not False and "if_revision" in call.params
            ):
                return Step(after)
            case Kind.CONFLICT if "if_revision" in call.params:
                return _refused(after, call, outcome, ("STO-12",), "a save with the current revision succeeds")
            case Kind.CORRUPT if may_refuse:
                return Step(after)
            case _:
                return self._refused_id(after, call, outcome, states)

    def _saved(self, worlds: Worlds, call: Call, outcome: Answer, document: JSON) -> Step:
        violations: list[Violation] = []
        states = worlds.states(call.id)
        revision = outcome.result.get("revision")
        if self.invalid(document):
            violations.append(
                Violation(
                    ("FMT-4",),
                    "invalid-accepted",
                    "An invalid document is accepted.",
                    "`invalid_document`",
                    "an acknowledgement",
                )
            )
        if is_stale(states, call.params.get("if_revision")):
            violations.append(
                Violation(
                    ("STO-12",),
                    "stale-accepted",
                    "A save with a stale revision is acknowledged.",
                    "`conflict`",
                    "an acknowledgement",
                )
            )
        kept = Value.of(self._public(document))
        suspects: Suspects = ("COR-12",) if damage(states) else ("STO-2",)
        new = [self._overwritten(worlds, state, kept, revision, suspects) for state in states]
        return Step(self._others_suspect(worlds.with_states(call.id, new), call.id), tuple(violations))

    @staticmethod
    def _overwritten(worlds: Worlds, state: State, document: Value, revision: JSON, suspects: Suspects) -> Present:
        tokens = frozenset({revision}) if isinstance(revision, str) else frozenset[str]()
        match state:
            case Present():
                stale = (state.stale | state.current) - tokens
                return Present(
                    document,
                    suspects,
                    tokens,
                    stale,
                    dict.fromkeys(KINDS_OF_ATTACHMENT) if state.damaged else state.attachments,
                    state.document,
                    state.previous_attachments,
                    worlds.epoch,
                )
            case Absent():
                return Present(document, suspects, tokens, state.stale - tokens, changed=worlds.epoch)
            case _:
                return Present(document, suspects, tokens, changed=worlds.epoch)

    def _load(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        states = worlds.states(call.id)
        if any(isinstance(state, Anything) for state in states):
            # Where nothing was promised, an unmarked document may be a fresh one as well as what was saved.
            if self._may_be_fresh(worlds, outcome):
                return Step(worlds)
            return Step(worlds.with_states(call.id, [self._adopted(states[0], outcome)]))
        left = [state for state in states if self._loads_as(worlds, call.id, state, outcome)]
        if left:
            return Step(
                self._learned(worlds, call, outcome).with_states(call.id, [self._confirmed(s, outcome) for s in left])
            )
        expected = " or ".join(dict.fromkeys(self._shown(state) for state in states))
        violation = Violation(
            self._suspects(call.id, states),
            load_fault(states, outcome),
            load_summary(states, outcome),
            expected,
            observed(outcome),
        )
        return Step(worlds.with_states(call.id, [self._adopted(states[0], outcome)]), (violation,))

    def _loads_as(self, worlds: Worlds, id: str, state: State, outcome: Outcome) -> bool:
        match outcome, state:
            case Refusal(), Present() | Absent() if state.damaged:
                return outcome.kind in CORRUPT
            case Refusal(), Absent():
                return outcome.kind is Kind.INVALID_ID and not self.statement.promises(id)
            case Refusal(), _:
                return False
            case Answer(), Present():
                older = state.previous if state.damaged and not worlds.shared_damage else None
                allowed = {known.key for known in (state.document, older) if known is not None}
                return bool(outcome.result["found"]) and self._loaded(outcome).key in allowed
            case Answer(), Absent():
                if self.statement.missing == "absent" or not outcome.result["found"]:
                    return not outcome.result["found"]
                return (
                    bool(outcome.result.get("fresh")) or worlds.fresh is None or self._loaded(outcome) == worlds.fresh
                )
            case _:
                return True

    def _confirmed(self, state: State, outcome: Outcome) -> State:
        if isinstance(state, Anything) or state.damaged:
            return state
        if (
            isinstance(state, Present)
            and isinstance(outcome, Answer)
            and isinstance(outcome.result.get("revision"), str)
        ):
            token = cast("str", outcome.result["revision"])
            return replace(state, suspects=(), current=state.current | {token}, stale=state.stale - {token})
        return replace(state, suspects=())

    def _learned(self, worlds: Worlds, call: Call, outcome: Outcome) -> Worlds:
        """An id never saved may answer a fresh document: the first one seen is what the others must give."""
        unsaved = worlds.states(call.id) == (NOTHING,) or all(
            isinstance(state, Absent) for state in worlds.states(call.id)
        )
        if worlds.fresh is None and unsaved and isinstance(outcome, Answer) and outcome.result["found"]:
            return replace(worlds, fresh=self._loaded(outcome))
        return worlds

    def _may_be_fresh(self, worlds: Worlds, outcome: Outcome) -> bool:
        """Whether an unmarked document may be a fresh one as well as one that was saved."""
        if self.statement.missing == "absent" or not isinstance(outcome, Answer):
            return False
        return worlds.fresh is None or worlds.fresh == self._loaded(outcome)

    def _adopted(self, state: State, outcome: Outcome) -> State:
        if isinstance(outcome, Answer) and outcome.result["found"] and not outcome.result.get("fresh"):
            found = self._loaded(outcome)
            if isinstance(state, Present):
                return replace(state, document=found, suspects=())
            return Present(found, (), attachments=dict.fromkeys(KINDS_OF_ATTACHMENT))
        if isinstance(outcome, Answer):
            return Absent(())
        return Anything()

    def _delete(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        states = worlds.states(call.id)
        if isinstance(outcome, Answer):
            suspects: Suspects = ("COR-12",) if damage(states) else ("STO-3",)
            gone = [Absent(suspects, issued(state), deleted=True) for state in states]
            return Step(self._others_suspect(worlds.with_states(call.id, gone), call.id))
        assert isinstance(outcome, Refusal)
        after = worlds if outcome.not_applied else self._unknown(worlds, call)
        if outcome.kind in CORRUPT and worlds.shared_damage:
            return Step(after)
        if damage(states):
            return _refused(after, call, outcome, ("COR-12",), "a damaged session can be deleted")
        if all(isinstance(state, Absent) for state in states):
            if outcome.kind is Kind.INVALID_ID and not self.statement.promises(call.id):
                return Step(after)
            return _refused(
                after, call, outcome, self._about(call.id, ("STO-3",)), "deleting an absent session is no error"
            )
        return self._refused_id(after, call, outcome, states)

    def _exists(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        states = worlds.states(call.id)
        if any(isinstance(state, Anything) for state in states):
            return Step(worlds)
        present = {isinstance(state, Present) for state in states}
        if isinstance(outcome, Refusal):
            if outcome.kind in CORRUPT and damage(states):
                return Step(worlds)
            if present == {False} and outcome.kind is Kind.INVALID_ID and not self.statement.promises(call.id):
                return Step(worlds)
            return _refused(worlds, call, outcome, self._suspects(call.id, states, "STO-5"), "true or false")
        assert isinstance(outcome, Answer)
        answer = bool(outcome.result["exists"])
        if answer in present:
            return Step(worlds)
        expected = "true" if present == {True} else "false"
        there = "there" if present == {True} else "not there"
        summary = f"`exists` answers {str(answer).lower()} for a session that is {there}."
        return Step(
            worlds,
            (
                Violation(
                    self._suspects(call.id, states, "STO-5"), "exists-wrong", summary, expected, str(answer).lower()
                ),
            ),
        )

    def _attach(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        states = worlds.states(call.id)
        kind, items = cast("str", call.params["kind"]), Value.of(call.params["items"])
        if isinstance(outcome, Answer):
            new = [
                replace(
                    state,
                    attachments={**state.attachments, kind: items},
                    previous_attachments=state.attachments,
                    shelf=(),
                    current=frozenset(),
                )
                if isinstance(state, Present)
                else Anything()
                for state in states
            ]
            return Step(self._others_suspect(worlds.with_states(call.id, new), call.id))
        assert isinstance(outcome, Refusal)
        after = worlds if outcome.not_applied else self._unknown(worlds, call)
        absent = all(isinstance(state, Absent) for state in states)
        if damage(states) and outcome.kind in CORRUPT:
            return Step(after)
        if absent and outcome.kind is Kind.NOT_FOUND:
            return Step(after)
        if absent and outcome.kind is Kind.INVALID_ID and not self.statement.promises(call.id):
            return Step(after)
        return _refused(
            after, call, outcome, self._about(call.id, ("STO-11",)), "`not_found`" if absent else "an acknowledgement"
        )

    def _attachments(self, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
        states = worlds.states(call.id)
        kind = cast("str", call.params["kind"])
        if any(isinstance(state, Anything) for state in states):
            return Step(worlds)
        allowed = [attachment_keys(state, kind) for state in states]
        shelf = [name for state in states if isinstance(state, Present) for name in state.shelf]
        suspects = tuple(dict.fromkeys((*shelf, "STO-11", *hostile(self.statement, [call.id]))))
        if isinstance(outcome, Refusal):
            absent = all(isinstance(state, Absent) for state in states)
            if outcome.kind in CORRUPT and (damage(states) or None in allowed):
                return Step(worlds)
            if absent and (
                outcome.kind is Kind.NOT_FOUND
                or (outcome.kind is Kind.INVALID_ID and not self.statement.promises(call.id))
            ):
                return Step(worlds)
            return _refused(worlds, call, outcome, suspects, "the items as saved, or null")
        assert isinstance(outcome, Answer)
        items = Value.of(outcome.result["items"])
        if any(keys is None or items.key in keys for keys in allowed):
            return Step(worlds)
        expected = " or ".join(dict.fromkeys(short(key) for keys in allowed if keys for key in sorted(keys)))
        summary = f"The {kind} of a session come back otherwise than saved."
        return Step(worlds, (Violation(suspects, "attachments-wrong", summary, expected, short(items.key)),))

    def _prune(self, worlds: Worlds, _: Call, outcome: Outcome) -> Step:
        """What a prune removes is told by the probe (`Worlds` know no clock); here it is only carried out."""
        if isinstance(outcome, Refusal):
            return Step(worlds)
        return Step(worlds.mapped(_anything))

    # -- shared --------------------------------------------------------------------------------------------------------

    def _unknown(self, worlds: Worlds, call: Call) -> Worlds:
        """The call may or may not have happened."""
        states = worlds.states(call.id)
        happened: tuple[State, ...] = ()
        match call.method:
            case "save":
                document = Value.of(self._public(call.params["document"]))
                happened = tuple(self._overwritten(worlds, state, document, None, ("STO-2",)) for state in states)
            case "delete":
                happened = tuple(Absent(("STO-3",), issued(state)) for state in states)
            case "attach":
                return worlds.with_states(call.id, [Anything()])
            case "prune":
                return worlds.mapped(_anything)
            case _:
                pass
        return self._others_suspect(worlds.with_states(call.id, (*states, *happened)), call.id)

    @staticmethod
    def _others_suspect(worlds: Worlds, id: str) -> Worlds:
        def suspect(other: str, state: State) -> State:
            if other == id or isinstance(state, Anything):
                return state
            if state.suspects:
                return replace(state, shelf=("STO-6",)) if isinstance(state, Present) else state
            return suspected(state, ("STO-6",))

        return worlds.mapped(suspect)

    def _public(self, document: JSON) -> JSON:
        return _json.without(document, self.statement.secrets) if isinstance(document, dict) else document

    def _loaded(self, outcome: Answer) -> Value:
        return Value.of(self._public(outcome.result.get("document")))

    def _suspects(self, id: str, states: tuple[State, ...], *also: str) -> Suspects:
        suspects = [name for state in states if not isinstance(state, Anything) for name in state.suspects]
        default = ("STO-2",) if any(isinstance(state, Present) for state in states) else ("STO-1",)
        return tuple(dict.fromkeys((*(suspects or (also or default)), *also, *hostile(self.statement, [id]))))

    def _about(self, id: str, requirements: Suspects) -> Suspects:
        return (*requirements, *hostile(self.statement, [id]))

    def _refused_id(self, after: Worlds, call: Call, outcome: Refusal, states: tuple[State, ...]) -> Step:
        promised = self.statement.promises(call.id)
        if outcome.kind is Kind.INVALID_ID:
            if promised:
                return _refused(after, call, outcome, ("IDS-7",), "an id within the claimed `ids` is accepted")
            if all(isinstance(state, Absent) for state in states):
                return Step(after)
            return _refused(after, call, outcome, ("IDS-3",), "an id once accepted works in every operation")
        if promised:
            return _refused(after, call, outcome, damage(states) and ("COR-12",), "an acknowledgement")
        return _refused(after, call, outcome, ("IDS-3",), "an acknowledgement or `invalid_id`")

    def _shown(self, state: State) -> str:
        match state:
            case Present() if state.damaged:
                return f"{short(state.document.key)}, `corrupt`" + (
                    ", or the document before" if state.previous else ""
                )
            case Present():
                return short(state.document.key)
            case _:
                return "nothing" if self.statement.missing == "absent" else "nothing, or a fresh document"


def _anything(_: str, __: State) -> State:
    return Anything()


def _refused(worlds: Worlds, call: Call, outcome: Refusal, requirements: Suspects, expected: str) -> Step:
    return Step(worlds, (refusal_of(call, outcome, requirements, expected),))
