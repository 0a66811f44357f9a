"""The model of what a store answers about itself as a whole: `list`, `summaries`, `latest`, `check`."""

from dataclasses import replace
from itertools import pairwise
from typing import cast

from sessionproof._blame import CORRUPT, Rules, cut_away, hostile, is_plain_name, may_be_hollow
from sessionproof._history import History
from sessionproof._json import JSON, Object, Value
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal
from sessionproof._wording import refusal_of, short
from sessionproof._worlds import Absent, Present, State, Step, Suspects, Violation, Worlds, damage

METHODS: dict[str, Suspects] = {"list": ("STO-4",), "summaries": ("STO-9",), "latest": ("STO-9",), "check": ("STO-13",)}
"""The operations that are judged here, each with the requirement that it rests on."""


def judge(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome) -> Step:
    """The worlds after an operation on the whole store, and what the outcome breaks."""
    if rules.statement.ids_kind == "single" and isinstance(outcome, Answer):
        # The id means nothing there, so what the store calls its one session means nothing either.
        return Step(worlds)
    if isinstance(outcome, Refusal):
        violation = _refused(worlds, call, outcome)
    else:
        assert isinstance(outcome, Answer)
        violation = _answered(rules, worlds, call, outcome)
    if violation is None:
        return Step(worlds)
    # What the operation says next would only repeat the first finding.
    return Step(replace(worlds, distrusted=worlds.distrusted | {call.method}), (violation,))


def _refused(worlds: Worlds, call: Call, outcome: Refusal) -> Violation | None:
    damaged = any(damage(states) for states in worlds.sessions.values())
    names = [cast("str", call.params[name]) for name in ("agent", "created_by") if name in call.params]
    if outcome.kind is Kind.INVALID_ID and not all(map(is_plain_name, names)):
        return None
    if outcome.kind in CORRUPT and (worlds.shared_damage or (damaged and call.method == "check")):
        return None
    return refusal_of(call, outcome, (*worlds.store_suspects, *METHODS[call.method]), "an answer")


def _answered(rules: Rules, worlds: Worlds, call: Call, outcome: Answer) -> Violation | None:
    match call.method:
        case "list":
            return _named(rules, worlds, cast("list[str]", outcome.result["ids"]), call.method)
        case "summaries" if "workspace" not in call.params:
            summaries = cast("list[Object]", outcome.result["summaries"])
            listed = [cast("str", summary["id"]) for summary in summaries]
            wrong = _named(rules, worlds, listed, call.method) or _counted(worlds, summaries)
            return wrong or (_ordered(worlds, listed) if rules.statement.ordered else None)
        case "latest" if "agent" in call.params:
            return _latest_created(worlds, call, outcome.result["id"])
        case "latest":
            return _latest(worlds, outcome.result["id"])
        case _:
            return None


def _named(rules: Rules, worlds: Worlds, listed: list[str], method: str) -> Violation | None:
    """What is wrong with the ids that a whole-store answer names."""

    def wrong(fault: str, what: str, id: str, *suspects: str) -> Violation:
        blamed = dict.fromkeys((*worlds.store_suspects, *METHODS[method], *suspects))
        return Violation(tuple(blamed), fault, f"`{method}` {what}.", f"right about {short(id)}", short(listed))

    for id in listed:
        states = worlds.states(id)
        if listed.count(id) > 1:
            return wrong("listed-twice", f"names a session {listed.count(id)} times", id)
        if all(isinstance(state, Absent) for state in states):
            if (id not in worlds.sessions and worlds.nameless) or _hollow(rules, worlds, id):
                continue
            deleted = ("STO-3",) if any(cast("Absent", state).deleted for state in states) else ()
            suspects = (*deleted, *hostile(rules.statement, list(worlds.sessions)))
            return wrong("listed-absent", "names a session that is not there", id, *suspects)
    for id, states in worlds.sessions.items():
        if id in listed or not all(isinstance(state, Present) for state in states):
            continue
        if not damage(states):
            return wrong("not-listed", "does not name a session that is there", id, *hostile(rules.statement, [id]))
        if method == "list" and not (worlds.shared_damage and cut_away(states)):
            what = "`list` does not name a damaged session."
            suspects = ("COR-13", *(worlds.store_suspects if worlds.shared_damage else ()))
            return Violation(suspects, "not-listed", what, f"right about {short(id)}", short(listed))
    return None


def _hollow(rules: Rules, worlds: Worlds, id: str) -> bool:
    """Whether it is a log that was used, holds nothing, and was not said to be absent."""
    states = worlds.sessions.get(id, ())
    unsaid = any(isinstance(state, Absent) and state.hollow is not False for state in states)
    return unsaid and may_be_hollow(rules, states)


def _counted(worlds: Worlds, summaries: list[Object]) -> Violation | None:
    for summary in summaries:
        states = worlds.states(cast("str", summary["id"]))
        counts = {count for state in states for count in _message_counts(state)}
        count = summary.get("message_count")
        if count is not None and None not in counts and count not in counts:
            expected = " or ".join(str(known) for known in counts)
            text = f"`summaries` counts {count} messages in {short(summary['id'])}."
            # Of no other requirement: a store that never counts would else break each one that looks at summaries.
            return Violation(("STO-9",), "count-wrong", text, expected, str(count))
    return None


def _ordered(worlds: Worlds, listed: list[str]) -> Violation | None:
    """Most recently changed first; changes between two clock ticks may stand in either order."""
    if any(damage(worlds.states(id)) for id in listed):
        return None
    for earlier, later in pairwise(listed):
        first, second = _changed(worlds.states(earlier)), _changed(worlds.states(later))
        if first is not None and second is not None and first < second:
            text = f"`summaries` puts {short(earlier)} before {short(later)}, which was changed later."
            suspects = (*worlds.store_suspects, "STO-9")
            return Violation(suspects, "order-wrong", text, "most recently changed first", short(listed))
    return None


def _latest(worlds: Worlds, answer: JSON) -> Violation | None:
    possible = {id for id, states in worlds.sessions.items() if not all(isinstance(state, Absent) for state in states)}
    changes = {id: _changed(worlds.states(id)) for id in possible}
    damaged = any(damage(states) for states in worlds.sessions.values())
    last = max((change for change in changes.values() if change is not None), default=None)
    newest = {id for id, change in changes.items() if damaged or change in {None, last}}
    if answer in newest or (answer is None and (last is None or damaged)):
        return None
    expected = " or ".join(short(id) for id in sorted(newest)) or "null"
    text = "`latest` does not name the session that was changed last."
    return Violation((*worlds.store_suspects, "STO-9"), "latest-wrong", text, expected, short(answer))


def _latest_created(worlds: Worlds, call: Call, answer: JSON) -> Violation | None:
    """The session created last for an agent and a creator; those of one clock tick are as good as each other."""
    pair = call.params["agent"], call.params["created_by"]
    made = {id: tick for id, agent, creator, tick in worlds.created if (agent, creator) == pair}
    there = {id for id in made if not all(isinstance(state, Absent) for state in worlds.states(id))}
    certain = {id for id in there if all(isinstance(state, Present) for state in worlds.states(id))}
    last = max((made[id] for id in certain), default=-1)
    newest = {id for id in there if made[id] >= last or any(map(damage, worlds.sessions.values()))}
    if answer in newest or (answer is None and not certain) or worlds.nameless:
        return None
    expected = " or ".join(short(id) for id in sorted(newest)) or "null"
    if answer is None or answer in made:
        text = "`latest` does not name the session that was created last for that agent and creator."
        return Violation((*worlds.store_suspects, "STO-9"), "latest-wrong", text, expected, short(answer))
    text = "`latest` names a session that was not created for that agent and creator."
    return Violation((*worlds.store_suspects, "LOG-6", "STO-9"), "latest-of-another", text, expected, short(answer))


def _message_counts(state: State) -> set[int | None]:
    """How many messages the session may be said to have; None: not known.

    A document has those of its member `messages`; a log has its entries, those before the last boundary counted or not.
    """
    match state:
        case Present(content=History(front=False) as log) if not state.damaged:
            return {len(log.now), len(log.entries)}
        case Present(content=Value(json={"messages": [*messages]})) if not state.damaged:
            return {len(messages)}
        case _:
            return {None}


def _changed(states: tuple[State, ...]) -> int | None:
    ticks = {state.changed if isinstance(state, Present) else None for state in states}
    return ticks.pop() if len(ticks) == 1 else None
