"""The model of logs: what `create`, `append`, `append_events`, `compact`, `describe`, `read` and `claim` may answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from sessionproof import _sessions
from sessionproof._blame import CORRUPT, Rules, is_plain_name, others_suspect, refused
from sessionproof._history import History, Mistake, Reading
from sessionproof._json import JSON, Value
from sessionproof._protocol import KINDS_OF_ATTACHMENT, Answer, Call, Kind, Outcome, Refusal
from sessionproof._saves import public
from sessionproof._wording import load_fault, load_summary, observed, short
from sessionproof._worlds import (
    Absent,
    Anything,
    Present,
    State,
    Step,
    Suspects,
    Violation,
    Worlds,
    damage,
    issued,
)


def create(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `create`."""
    agent, creator = cast("str", call.params["agent"]), cast("str", call.params["created_by"])
    if isinstance(outcome, Refusal):
        if outcome.kind is Kind.INVALID_ID and not all(is_plain_name(name) for name in (agent, creator)):
            return Step(after)
        return refused(after, call, outcome, ("LOG-6", *_hostile_names(agent, creator)), "the id of a new session")
    id = cast("str", cast("Answer", outcome).result["id"])
    made = replace(worlds, created=(*worlds.created, (id, agent, creator, worlds.epoch)))
    # Of a store that promises nothing what was made before the last `open` may never have been.
    known = any(id == made_before for made_before, *_ in worlds.created)
    known = known or (id in worlds.sessions and rules.statement.durability != "none")
    new = made.with_states(id, [Present(History(), ("LOG-6",), changed=worlds.epoch)])
    if not known:
        return Step(others_suspect(new, id))
    summary = "`create` answers the id of a session that was made before."
    return Step(new, (Violation(("LOG-6",), "id-given-twice", summary, "an id that is new", short(id)),))


def _hostile_names(*names: str) -> Suspects:
    return () if all(map(is_plain_name, names)) else ("IDS-4", "IDS-5")


def append(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `append`."""
    entries = cast("list[JSON]", call.params["entries"])
    states = worlds.states(call.id)
    invalid = any(rules.entries.invalid(entry) for entry in entries)
    if isinstance(outcome, Answer):
        return _appended(rules, worlds, call, outcome, invalid=invalid)
    assert isinstance(outcome, Refusal)
    if outcome.not_applied:
        after = _blamed(worlds, call.id, "LOG-5")
    if outcome.kind is Kind.NOT_FOUND and "create" in rules.statement.operations and _absent(states):
        return Step(after)
    if rules.may_refuse_id(call.id, states, outcome):
        return Step(after)
    if invalid:
        if outcome.kind is Kind.INVALID_DOCUMENT:
            return Step(after)
        return refused(after, call, outcome, ("FMT-4",), "`invalid_document`")
    if outcome.kind is Kind.INVALID_DOCUMENT:
        kept = all(rules.entries.must_keep(entry) for entry in entries)
        if not kept:
            return Step(after)
        return refused(after, call, outcome, ("FMT-2",), "entries of the declared fidelity are kept")
    if outcome.kind in CORRUPT and (damage(states) or worlds.shared_damage):
        return Step(after)
    return rules.refused_id(after, call, outcome, states)


def _appended(rules: Rules, worlds: Worlds, call: Call, outcome: Answer, *, invalid: bool) -> Step:
    states = worlds.states(call.id)
    entries = _public(rules, call)
    numbers = cast("list[int] | None", outcome.result.get("numbers"))
    violations: list[Violation] = []
    if invalid:
        text = "An invalid entry is accepted."
        violations.append(Violation(("FMT-4",), "invalid-accepted", text, "`invalid_document`", "an acknowledgement"))
    wrong = _misnumbered(states, entries, numbers)
    if wrong is not None:
        violations.append(wrong)
    if "create" in rules.statement.operations and _absent(states):
        text = "An append to a session that is not there is acknowledged."
        violations.append(Violation(("FMT-8",), "appended-to-nothing", text, "error `not_found`", observed(outcome)))

    def added(state: State) -> State:
        suspects: Suspects = ("LOG-1", *_digits(state, numbers, len(entries)))
        match state:
            case Present(content=History() as log):
                return _grown(worlds, state, log.appended(entries, numbers), *(state.damaged or suspects))
            case Absent():
                new = History(strange=state.strange, holes=state.burned).appended(entries, numbers)
                suspects += ("STO-3",) if state.deleted else ()
                return Present(new, suspects, stale=issued(state), changed=worlds.epoch)
            case _:
                return Anything()

    return Step(_each(worlds, call.id, added), tuple(violations))


def _misnumbered(
    states: tuple[State, ...], entries: Sequence[Value], numbers: Sequence[int] | None
) -> Violation | None:
    if numbers is None:
        return None
    expected = "one number for each entry, one above that of the step before it"
    if len(numbers) != len(entries):
        text = f"`append` answers {len(numbers)} numbers for {len(entries)} entries."
        return Violation(("LOG-1",), "numbers-wrong", text, expected, short(list(numbers)))
    wrongs: list[str | None] = []
    for state in states:
        match state:
            case Present(content=History() as log):
                wrongs.append(log.misnumbered(numbers))
            case Absent():
                wrongs.append(History(exact=not (state.damaged or state.burned)).misnumbered(numbers))
            case _:
                wrongs.append(None)
    if None in wrongs:
        return None
    text = f"`append` answers {wrongs[0]}."
    suspects = ["LOG-1", *(name for state in states for name in _digits(state, numbers, len(entries)))]
    if any(isinstance(state, Absent) and state.deleted for state in states):
        suspects.append("STO-3")
    return Violation(tuple(dict.fromkeys(suspects)), "numbers-wrong", text, expected, short(list(numbers)))


def _digits(state: State, numbers: Sequence[int] | None, count: int) -> Suspects:
    """LOG-4, where the log is past a power of ten."""
    log = state.content if isinstance(state, Present) and isinstance(state.content, History) else History()
    last = max(numbers) if numbers else max(log.last or 0, len(log.entries)) + count
    return ("LOG-4",) if last >= 10 else ()


def append_events(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `append_events`."""
    steps = len(cast("list[JSON]", call.params["events"]))

    def added(state: Present, log: History) -> State:
        log = replace(log.stepped(steps), events=log.events + steps)
        return _grown(worlds, state, log, "LOG-3", changed=None)

    return _written(rules, worlds, call, outcome, after, added)


def compact(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `compact`."""

    def cut(state: Present, log: History) -> State:
        return _grown(worlds, state, log.cut(call.params["archive"]), "LOG-2", changed=None)

    return _written(rules, worlds, call, outcome, after, cut)


def describe(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `describe`."""

    def described(state: Present, log: History) -> State:
        new = replace(log, meta=Value.of(public(rules.statement, call.params["meta"])))
        return _grown(worlds, state, new, "LOG-7", changed=None)

    step = _written(rules, worlds, call, outcome, after, described)
    if not isinstance(outcome, Answer):
        return step
    key = Value.of(public(rules.statement, call.params["meta"])).key

    def not_theirs(id: str, state: State) -> State:
        match state:
            # What was taken from an answer may have been described like this before.
            case Present(content=History(meta=None, front=False) as log) if id != call.id:
                return replace(state, content=replace(log, strange={**log.strange, key: "STO-6"}))
            case _:
                return state

    return replace(step, worlds=step.worlds.mapped(not_theirs))


def _written(  # noqa: PLR0913, PLR0917 - a judge, and what the write does
    rules: Rules,
    worlds: Worlds,
    call: Call,
    outcome: Outcome,
    after: Worlds,
    change: Callable[[Present, History], State],
) -> Step:
    """The step of a write to a log that must be there."""
    states = worlds.states(call.id)
    if isinstance(outcome, Answer):

        def changed(state: State) -> State:
            match state:
                case Present(content=History() as log):
                    return change(state, log)
                case Absent():
                    # What was acknowledged can be read (FMT-8).
                    made = change(Present(History(), ()), History())
                    return replace(cast("Present", made), suspects=("FMT-8",))
                case _:
                    return Anything()

        return Step(_each(worlds, call.id, changed))
    assert isinstance(outcome, Refusal)
    if outcome.not_applied:
        after = _blamed(worlds, call.id, "LOG-1")
    absent = _absent(states)
    if (absent and outcome.kind is Kind.NOT_FOUND) or rules.may_refuse_id(call.id, states, outcome):
        return Step(after)
    if outcome.kind in CORRUPT and (damage(states) or worlds.shared_damage):
        return Step(after)
    if outcome.kind in {Kind.INVALID_DOCUMENT, Kind.INVALID_ID} and not _kept(rules, call):
        return Step(after)
    if absent:
        requirements = rules.about(call.id, ("FMT-8",))
        return refused(after, call, outcome, requirements, "`not_found`: the session is not there")
    return rules.refused_id(after, call, outcome, states)


def _kept(rules: Rules, call: Call) -> bool:
    """Whether the store must keep the events, the name of the archive or the metadata."""
    if "archive" in call.params:
        return is_plain_name(cast("str", call.params["archive"]).replace("-", ""))
    events = cast("list[JSON]", call.params.get("events", []))
    return all(rules.entries.included(event) for event in events) and (
        "meta" not in call.params or rules.entries.included(call.params["meta"])
    )


def read(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, _: Worlds) -> Step:
    """Judge the outcome of `read`."""
    states = worlds.states(call.id)
    if any(isinstance(state, Anything) for state in states):
        return Step(worlds.with_states(call.id, [_adopted(states[0], outcome)]))
    if _absent(states) and rules.hollow and not damage(states) and _is_empty(outcome):
        return _sessions.hollow(rules, worlds, call, answer=bool(cast("Answer", outcome).result["found"]))
    mistakes = [_mistake(rules, call.id, state, outcome, shared=worlds.shared_damage) for state in states]
    left = [state for state, mistake in zip(states, mistakes, strict=True) if mistake is None]
    if left:
        return Step(worlds.with_states(call.id, [_confirmed(state, outcome) for state in left]))
    # Of several states the last is the one in which most has happened: what is too much for the others may be its own.
    mistake = cast("Mistake", mistakes[-1])
    suspects = rules.suspects(call.id, states, *(() if mistake.requirement is None else (mistake.requirement,)))
    expected = " or ".join(dict.fromkeys(map(_shown, states)))
    violation = Violation(suspects, mistake.fault, mistake.summary, expected, observed(outcome))
    return Step(worlds.with_states(call.id, [_adopted(states[0], outcome)]), (violation,))


def _is_empty(outcome: Outcome) -> bool:
    if not isinstance(outcome, Answer):
        return False
    return not outcome.result["found"] or not (outcome.result.get("entries") or outcome.result.get("damage"))


def _mistake(rules: Rules, id: str, state: State, outcome: Outcome, *, shared: bool) -> Mistake | None:
    """What is wrong about the outcome of a read in this state."""
    generic = Mistake(load_fault((state,), outcome, "read"), load_summary((state,), outcome, "read"))
    match outcome, state:
        case Refusal(), Present(content=History(added=int(added))) if state.damaged and added and not shared:
            # What was acknowledged behind the damage can be read (FMT-8); an append could have been refused.
            return replace(generic, requirement="COR-12")
        case Refusal(), Present() | Absent() if state.damaged:
            return None if outcome.kind in CORRUPT else generic
        case Refusal(), _:
            return None if rules.may_refuse_id(id, (state,), outcome) else generic
        case Answer(), Present(content=History() as log):
            if not outcome.result["found"]:
                return None if shared and state.damaged and log.harm == "shorter" else generic
            reading = Reading.of(outcome.result)
            if not state.damaged:
                return log.mistake(reading)
            # A store that keeps two may answer what was there before the last write.
            kept_two = log.harm != "told" and isinstance(state.previous, History)
            if kept_two and cast("History", state.previous).mistake(reading) is None:
                return None
            return log.harmed_mistake(reading)
        case Answer(), Absent():
            return generic if outcome.result["found"] and not (rules.hollow and _is_empty(outcome)) else None
        case _:
            return None


def claim(rules: Rules, worlds: Worlds, call: Call, outcome: Outcome, after: Worlds) -> Step:
    """Judge the outcome of `claim`: one caller after the other, so that only the first may be told true."""
    taken = call.id, cast("str", call.params["token"])
    states = worlds.states(call.id)
    if isinstance(outcome, Refusal):
        if (_absent(states) and outcome.kind is Kind.NOT_FOUND) or rules.may_refuse_id(call.id, states, outcome):
            return Step(after)
        if outcome.kind in CORRUPT and (damage(states) or worlds.shared_damage):
            return Step(after)
        return refused(after, call, outcome, rules.about(call.id, ("CON-9",)), "true or false")
    if not cast("Answer", outcome).result["claimed"]:
        return Step(worlds)
    new = replace(worlds, claimed=worlds.claimed | {taken})
    if taken not in worlds.claimed:
        return Step(new)
    text = "`claim` answers true twice for one token."
    return Step(new, (Violation(("CON-9",), "claimed-twice", text, "true for one caller", "true"),))


def unknown(rules: Rules, worlds: Worlds, call: Call) -> tuple[State, ...]:
    """What a write to a log may have left where nobody knows whether it happened."""
    states = worlds.states(call.id)
    happened: list[State] = []
    for state in states:
        match call.method, state:
            case _, Anything():
                happened.append(state)
            case "append", Present(content=History() as log):
                logs = [replace(log.appended(some, None), last=log.last) for some in _prefixes(_public(rules, call))]
                happened += [_grown(worlds, state, longer, "LOG-1") for longer in logs]
            case "append", _:
                logs = [replace(History().appended(some, None), last=0) for some in _prefixes(_public(rules, call))]
                happened += [Present(log, ("LOG-1",), changed=worlds.epoch) for log in logs]
            case "append_events", Present(content=History() as log):
                happened.append(_grown(worlds, state, replace(log, events=log.events + 1), "LOG-3", changed=None))
            case "compact", Present(content=History() as log):
                happened.append(_grown(worlds, state, log.cut(call.params["archive"]), "LOG-2", changed=None))
            case "describe", Present(content=History() as log):
                new_meta = replace(log, meta=Value.of(call.params["meta"]))
                happened.append(_grown(worlds, state, new_meta, "LOG-7", changed=None))
            case _:
                pass
    return tuple(_burned(state) for state in (*states, *happened))


def _prefixes(entries: Sequence[Value]) -> list[Sequence[Value]]:
    return [entries[:length] for length in range(1, len(entries) + 1)]


def _public(rules: Rules, call: Call) -> tuple[Value, ...]:
    return tuple(Value.of(public(rules.statement, entry)) for entry in cast("list[JSON]", call.params["entries"]))


def _grown(worlds: Worlds, state: Present, log: History, *suspects: str, changed: int | None = -1) -> Present:
    """The session with this history, of which the reading is in doubt until it was seen right."""
    when = worlds.epoch if changed == -1 else changed
    blamed = tuple(dict.fromkeys((*state.suspects, *suspects)))
    previous = None if state.damaged else state.content
    return replace(state, content=log, suspects=blamed, changed=when, previous=previous)


def _each(worlds: Worlds, id: str, change: Callable[[State], State]) -> Worlds:
    return others_suspect(worlds.with_states(id, [change(state) for state in worlds.states(id)]), id)


def _blamed(worlds: Worlds, id: str, requirement: str) -> Worlds:
    """The worlds after a refusal that has changed nothing; what is found otherwise breaks the requirement."""

    def blame(state: State) -> State:
        if isinstance(state, Anything):
            return state
        return _burned(replace(state, suspects=tuple(dict.fromkeys((*state.suspects, requirement)))))

    return _each(worlds, id, blame)


def _burned(state: State) -> State:
    match state:
        case Present(content=History() as log):
            return replace(state, content=log.burned())
        case Absent():
            return replace(state, burned=True)
        case _:
            return state


def _absent(states: tuple[State, ...]) -> bool:
    return all(isinstance(state, Absent) for state in states)


def _confirmed(state: State, outcome: Outcome) -> State:
    match state:
        case Present(content=History(added=0) as log) if state.damaged and isinstance(outcome, Answer):
            return replace(state, content=replace(log, readable=Reading.of(outcome.result).entries))
        case Present() | Absent() if not state.damaged:
            return replace(state, suspects=())
        case _:
            return state


def _adopted(state: State, outcome: Outcome) -> State:
    if isinstance(outcome, Refusal) or not isinstance(outcome, Answer):
        return Anything()
    if not outcome.result["found"]:
        return Absent(())
    log = History.read(outcome.result)
    if isinstance(state, Present):
        last = state.content.last if isinstance(state.content, History) else None
        return replace(state, content=replace(log, last=last), suspects=())
    return Present(log, (), attachments=dict.fromkeys(KINDS_OF_ATTACHMENT))


def _shown(state: State) -> str:
    match state:
        case Present(content=History() as log) if state.damaged:
            # An append that was acknowledged says that the log can be read again.
            corrupt = "" if log.added else ", or `corrupt`"
            return f"{short(log.key)}, a part of it with `damage` named{corrupt}"
        case Present(content=History() as log):
            return f"the entries {short(log.key)}, the archive {short(log.since[1])}" + (
                "" if log.meta is None else f", the metadata {short(log.meta.key)}"
            )
        case _:
            return "nothing"
