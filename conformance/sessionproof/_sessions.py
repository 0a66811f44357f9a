"""The model of what is the same for documents and logs: `delete`, `exists`, `attach`, `attachments`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from sessionproof._blame import CORRUPT, Rules, cut_away, hostile, may_be_hollow, others_suspect, refused
from sessionproof._history import History
from sessionproof._json import Value
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal
from sessionproof._wording import short
from sessionproof._worlds import (
    Absent,
    Anything,
    Present,
    State,
    Step,
    Suspects,
    Violation,
    Worlds,
    attachment_keys,
    damage,
    issued,
)


def delete(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `delete`."""
    states = worlds.states(call.id)
    if isinstance(outcome, Answer):
        suspects: Suspects = ("COR-12",) if damage(states) else ("STO-3",)
        gone = [
            Absent(suspects, issued(state), deleted=True, log=_was_log(state), strange=_strange(state))
            for state in states
        ]
        return Step(others_suspect(worlds.with_states(call.id, gone), call.id))
    assert isinstance(outcome, Refusal)
    if outcome.kind in CORRUPT and worlds.shared_damage:
        return Step(after)
    if damage(states):
        return refused(after, call, outcome, ("COR-12",), "a damaged session can be deleted")
    if all(isinstance(state, Absent) for state in states):
        if rules.may_refuse_id(call.id, states, outcome):
            return Step(after)
        return refused(after, call, outcome, rules.about(call.id, ("STO-3",)), "deleting an absent session is no error")
    return rules.refused_id(after, call, outcome, states)


def _was_log(state: State) -> bool:
    return (isinstance(state, Absent) and state.log) or (
        isinstance(state, Present) and isinstance(state.content, History)
    )


def _strange(state: State) -> Mapping[str, str]:
    """The metadata that a log which is made under this id again must not have."""
    match state:
        case Present(content=History() as log):
            return {**log.strange, **({} if log.meta is None else {log.meta.key: "STO-3"})}
        case Absent():
            return state.strange
        case _:
            return {}


def exists(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, _: Worlds) -> Step:
    """Judge the outcome of `exists`."""
    states = worlds.states(call.id)
    if any(isinstance(state, Anything) for state in states):
        return Step(worlds)
    present = {isinstance(state, Present) for state in states}
    if isinstance(outcome, Refusal):
        if outcome.kind in CORRUPT and damage(states):
            return Step(worlds)
        if rules.may_refuse_id(call.id, states, outcome):
            return Step(worlds)
        return refused(worlds, call, outcome, rules.suspects(call.id, states, "STO-5"), "true or false")
    assert isinstance(outcome, Answer)
    answer = bool(outcome.result["exists"])
    if present == {False} and may_be_hollow(rules, states):
        return hollow(rules, worlds, call, answer=answer)
    if answer in present or (worlds.shared_damage and cut_away(states)):
        return Step(worlds)
    expected = "true" if present == {True} else "false"
    there = "there" if present == {True} else "not there"
    summary = f"`exists` answers {str(answer).lower()} for a session that is {there}."
    suspects = rules.suspects(call.id, states, "STO-5")
    return Step(worlds, (Violation(suspects, "exists-wrong", summary, expected, str(answer).lower()),))


def hollow(rules: Rules, worlds: Worlds, call: Call, *, answer: bool) -> Step:
    """`exists` or `read` says of a log without a record whether it is there: either, if they agree."""
    states = [state for state in worlds.states(call.id) if isinstance(state, Absent)]
    agreeing = [replace(state, hollow=answer) for state in states if state.hollow in {None, answer}]
    if agreeing:
        return Step(worlds.with_states(call.id, agreeing))
    summary = "`exists` and `read` do not agree about a log that holds nothing."
    suspects = rules.suspects(call.id, worlds.states(call.id), "STO-5")
    violation = Violation(suspects, "exists-wrong", summary, "one answer", f"`{call.method}`: {str(answer).lower()}")
    return Step(worlds.with_states(call.id, [replace(state, hollow=None) for state in states]), (violation,))


def attach(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `attach`."""
    states = worlds.states(call.id)
    if isinstance(outcome, Answer):
        return Step(others_suspect(worlds.with_states(call.id, attached(states, call)), call.id))
    assert isinstance(outcome, Refusal)
    absent = all(isinstance(state, Absent) for state in states)
    if damage(states) and outcome.kind in CORRUPT:
        return Step(after)
    if absent and outcome.kind is Kind.NOT_FOUND:
        return Step(after)
    if rules.may_refuse_id(call.id, states, outcome):
        return Step(after)
    return refused(
        after, call, outcome, rules.about(call.id, ("STO-11",)), "`not_found`" if absent else "an acknowledgement"
    )


def attached(states: tuple[State, ...], call: Call) -> tuple[State, ...]:
    """The session after an `attach`."""
    kind, items = cast("str", call.params["kind"]), Value.of(call.params["items"])
    return tuple(
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
    )


def attachments(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, _: Worlds) -> Step:
    """Judge the outcome of `attachments`."""
    states = worlds.states(call.id)
    kind = cast("str", call.params["kind"])
    if any(isinstance(state, Anything) for state in states):
        return Step(worlds)
    allowed = [attachment_keys(state, kind) for state in states]
    shelf = [name for state in states if not isinstance(state, Anything) for name in state.shelf]
    suspects = tuple(dict.fromkeys((*shelf, "STO-11", *hostile(rules.statement, [call.id]))))
    if isinstance(outcome, Refusal):
        absent = all(isinstance(state, Absent) for state in states)
        if outcome.kind in CORRUPT and (damage(states) or None in allowed):
            return Step(worlds)
        if (absent and outcome.kind is Kind.NOT_FOUND) or rules.may_refuse_id(call.id, states, outcome):
            return Step(worlds)
        return refused(worlds, call, outcome, suspects, "the items as saved, or null")
    assert isinstance(outcome, Answer)
    items = Value.of(outcome.result["items"])
    if any(keys is None or items.key in keys for keys in allowed):
        return Step(worlds)
    expected = " or ".join(dict.fromkeys(short(key) for keys in allowed if keys for key in sorted(keys)))
    summary = f"The {kind} of a session come back otherwise than saved."
    return Step(worlds, (Violation(suspects, "attachments-wrong", summary, expected, short(items.key)),))
