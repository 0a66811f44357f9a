"""The model of documents: what `save` and `load` may answer."""

from dataclasses import replace
from typing import cast

from sessionproof import _json
from sessionproof._blame import CORRUPT, Rules, others_suspect, refused
from sessionproof._json import JSON, Value
from sessionproof._protocol import KINDS_OF_ATTACHMENT, Answer, Call, Kind, Outcome, Refusal
from sessionproof._statement import Statement
from sessionproof._wording import load_fault, load_summary, observed, short
from sessionproof._worlds import (
    NOTHING,
    Absent,
    Anything,
    Present,
    State,
    Step,
    Suspects,
    Violation,
    Worlds,
    damage,
    is_stale,
)


def save(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of a `save`; `after` are the worlds where it is a refusal."""
    document = call.params["document"]
    states = worlds.states(call.id)
    if isinstance(outcome, Answer):
        return _saved(rules, worlds, call, outcome, document)
    assert isinstance(outcome, Refusal)
    # A store may refuse to save over damage where a delete clears it away.
    may_refuse = worlds.shared_damage or (bool(damage(states)) and "delete" in rules.statement.operations)
    if rules.documents.invalid(document):
        if outcome.kind is Kind.INVALID_DOCUMENT:
            return Step(after)
        if outcome.kind is Kind.INVALID_ID and not rules.statement.promises(call.id):
            return Step(after)
        return refused(after, call, outcome, ("FMT-4",), "`invalid_document`")
    match outcome.kind:
        case Kind.INVALID_DOCUMENT if not rules.documents.must_keep(document):
            return Step(after)
        case Kind.INVALID_DOCUMENT:
            return refused(after, call, outcome, ("FMT-2",), "a document of the declared fidelity is kept")
        case Kind.CONFLICT if (
            is_stale(states, call.params.get("if_revision")) is not False and "if_revision" in call.params
        ):
            return Step(after)
        case Kind.CONFLICT if "if_revision" in call.params:
            return refused(after, call, outcome, ("STO-12",), "a save with the current revision succeeds")
        case Kind.CORRUPT if may_refuse:
            return Step(after)
        case _:
            return rules.refused_id(after, call, outcome, states)


def _saved(rules: Rules, worlds: Worlds, call: Call, outcome: Answer, document: JSON) -> Step:
    violations: list[Violation] = []
    states = worlds.states(call.id)
    revision = outcome.result.get("revision")
    if rules.documents.invalid(document):
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
    kept = Value.of(public(rules.statement, document))
    suspects: Suspects = ("COR-12",) if damage(states) else ("STO-2",)
    new = [overwritten(worlds, state, kept, revision, suspects) for state in states]
    return Step(others_suspect(worlds.with_states(call.id, new), call.id), tuple(violations))


def overwritten(worlds: Worlds, state: State, document: Value, revision: JSON, suspects: Suspects) -> Present:
    """The session after a save."""
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
                state.content,
                state.previous_attachments,
                worlds.epoch,
            )
        case Absent(shelved=False):
            return Present(document, suspects, tokens, state.stale - tokens, changed=worlds.epoch)
        case _:
            stale = state.stale - tokens if isinstance(state, Absent) else frozenset[str]()
            kept: dict[str, Value | None] = dict.fromkeys(KINDS_OF_ATTACHMENT)
            return Present(document, suspects, tokens, stale, attachments=kept, changed=worlds.epoch)


def load(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, _: Worlds) -> Step:
    """Judge the outcome of a `load`."""
    states = worlds.states(call.id)
    if any(isinstance(state, Anything) for state in states):
        # Where nothing was promised, an unmarked document may be a fresh one as well as what was saved.
        if _may_be_fresh(rules, worlds, outcome):
            return Step(worlds)
        return Step(worlds.with_states(call.id, [_adopted(rules.statement, states[0], outcome)]))
    left = [state for state in states if _loads_as(rules, worlds, call.id, state, outcome)]
    if left:
        return Step(_learned(rules, worlds, call, outcome).with_states(call.id, [_confirmed(s, outcome) for s in left]))
    expected = " or ".join(dict.fromkeys(_shown(rules, state) for state in states))
    violation = Violation(
        rules.suspects(call.id, states),
        load_fault(states, outcome),
        load_summary(states, outcome),
        expected,
        observed(outcome),
    )
    return Step(worlds.with_states(call.id, [_adopted(rules.statement, states[0], outcome)]), (violation,))


def _loads_as(rules: Rules, worlds: Worlds, id: str, state: State, outcome: Outcome) -> bool:
    match outcome, state:
        case Refusal(), Present() | Absent() if state.damaged:
            return outcome.kind in CORRUPT
        case Refusal(), Absent():
            return rules.may_refuse_id(id, (state,), outcome)
        case Refusal(), _:
            return False
        case Answer(), Present():
            older = state.previous if state.damaged and not worlds.shared_damage else None
            allowed = {known.key for known in (state.content, older) if known is not None}
            return bool(outcome.result["found"]) and _loaded(rules.statement, outcome).key in allowed
        case Answer(), Absent():
            if rules.statement.missing == "absent" or not outcome.result["found"]:
                return not outcome.result["found"]
            return (
                bool(outcome.result.get("fresh"))
                or worlds.fresh is None
                or _loaded(rules.statement, outcome) == worlds.fresh
            )
        case _:
            return True


def _confirmed(state: State, outcome: Outcome) -> State:
    if isinstance(state, Anything) or state.damaged:
        return state
    if isinstance(state, Present) and isinstance(outcome, Answer) and isinstance(outcome.result.get("revision"), str):
        token = cast("str", outcome.result["revision"])
        return replace(state, suspects=(), current=state.current | {token}, stale=state.stale - {token})
    return replace(state, suspects=())


def _learned(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome) -> Worlds:
    """An id never saved may answer a fresh document: the first one seen is what the others must give."""
    unsaved = worlds.states(call.id) == (NOTHING,) or all(isinstance(state, Absent) for state in worlds.states(call.id))
    if worlds.fresh is None and unsaved and isinstance(outcome, Answer) and outcome.result["found"]:
        return replace(worlds, fresh=_loaded(rules.statement, outcome))
    return worlds


def _may_be_fresh(rules: Rules, worlds: Worlds, outcome: Outcome) -> bool:
    """Whether an unmarked document may be a fresh one as well as one that was saved."""
    if rules.statement.missing == "absent" or not isinstance(outcome, Answer):
        return False
    return worlds.fresh is None or worlds.fresh == _loaded(rules.statement, outcome)


def _adopted(statement: Statement, state: State, outcome: Outcome) -> State:
    if isinstance(outcome, Answer) and outcome.result["found"] and not outcome.result.get("fresh"):
        found = _loaded(statement, outcome)
        if isinstance(state, Present):
            return replace(state, content=found, suspects=())
        return Present(found, (), attachments=dict.fromkeys(KINDS_OF_ATTACHMENT))
    if isinstance(outcome, Answer):
        return Absent((), shelved=isinstance(state, Anything))
    return Anything()


def _shown(rules: Rules, state: State) -> str:
    match state:
        case Present() if state.damaged:
            return f"{short(state.content.key)}, `corrupt`" + (", or the document before" if state.previous else "")
        case Present():
            return short(state.content.key)
        case _:
            return "nothing" if rules.statement.missing == "absent" else "nothing, or a fresh document"


def public(statement: Statement, document: JSON) -> JSON:
    """The document without its declared secrets."""
    return _json.without(document, statement.secrets) if isinstance(document, dict) else document


def _loaded(statement: Statement, outcome: Answer) -> Value:
    return Value.of(public(statement, outcome.result.get("document")))
