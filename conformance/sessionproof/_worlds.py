"""The worlds of the model: what a correct store may hold, as values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sessionproof._history import Harm, History
from sessionproof._json import JSON, Value
from sessionproof._protocol import KINDS_OF_ATTACHMENT

Suspects: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """What a correct store does not do.

    `requirements` are those that it breaks; none means that it counts against whichever requirement was being probed.
    `fault` is a stable name of the way it breaks them; `summary`, `expected` and `observed` are for people.
    """

    requirements: Suspects
    fault: str
    summary: str
    expected: str
    observed: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The session is not there; `deleted` tells one that was from one that never was.

    A log that holds no record may be read as one that is there, without entries: `hollow` is what the store has said
    of this one, None where it has said nothing. `log` tells a log that was deleted, `strange` the metadata that no
    other log may have, and `burned` that a refused append may have used up numbers. With `shelved` it may have
    attachments all the same: an `attach` to it was acknowledged. `shelf` is as that of `Present`.
    """

    suspects: Suspects = ("STO-1",)
    stale: frozenset[str] = frozenset()
    damaged: Suspects = ()
    deleted: bool = False
    hollow: bool | None = None
    log: bool = False
    strange: Mapping[str, str] = field(default_factory=dict[str, str])
    burned: bool = False
    shelved: bool = False
    shelf: Suspects = ()


@dataclass(frozen=True, slots=True)
class Present:
    """The session is there, with its document or the history of a log, and the attachments saved of each kind.

    Attachments of None: whatever the store has kept of them. `changed` is the clock tick of the last change, None where
    that is not known.
    `shelf` is the suspicion that the attachments are under: a load that is right clears the document, and not them.
    Where `damaged` names a requirement, the kit has damaged a file of the session: the store may then also answer
    `corrupt`, or what was there before the last write.
    """

    content: Value | History
    suspects: Suspects
    current: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    attachments: Mapping[str, Value | None] = field(default_factory=dict[str, "Value | None"])
    previous: Value | History | None = None
    previous_attachments: Mapping[str, Value | None] = field(default_factory=dict[str, "Value | None"])
    changed: int | None = 0
    damaged: Suspects = ()
    shelf: Suspects = ()

    @property
    def rule(self) -> str:
        """The requirement that reading it rests on."""
        return "LOG-1" if isinstance(self.content, History) else "STO-2"


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is promised: the next answer is taken as it is."""


State: TypeAlias = Absent | Present | Anything
NOTHING = Absent()


@dataclass(frozen=True, slots=True)
class Worlds:
    """What may be. `sessions` lists the possible states of each id that was ever used; `epoch` counts clock ticks.

    `created` are the sessions that the store has named itself, in order: id, agent, creator, clock tick. With
    `nameless` there may be more of them, of which it has not told the ids. `claimed` are the tokens that were taken,
    by session.
    """

    sessions: Mapping[str, tuple[State, ...]] = field(default_factory=dict[str, "tuple[State, ...]"])
    epoch: int = 0
    fresh: Value | None = None
    store_suspects: Suspects = ()
    shared_damage: bool = False
    distrusted: frozenset[str] = frozenset()
    created: tuple[tuple[str, str, str, int], ...] = ()
    nameless: bool = False
    claimed: frozenset[tuple[str, str]] = frozenset()

    def states(self, id: str) -> tuple[State, ...]:
        """The states that the session may be in."""
        return self.sessions.get(id, (NOTHING,))

    def with_states(self, id: str, states: Iterable[State]) -> "Worlds":
        """The same worlds but for one session."""
        return replace(self, sessions={**self.sessions, id: tuple(states)})

    def mapped(self, change: Callable[[str, State], State]) -> "Worlds":
        """The same worlds with every state changed."""
        sessions = {id: tuple(change(id, state) for state in states) for id, states in self.sessions.items()}
        return replace(self, sessions=sessions)

    def damaged(self, ids: Iterable[str], requirement: str, *, shared: bool, harm: Harm = "") -> "Worlds":
        """The worlds after the kit damaged a file of these sessions; `shared`: the file serves several ids.

        `harm` is what is known of the damage to a log.
        """
        victims = frozenset(ids)

        def suspect(id: str, state: State) -> State:
            match state:
                case Anything():
                    return state
                case Present(content=History() as log) if id in victims:
                    hurt = replace(
                        state,
                        content=replace(log, harm=harm, added=0, readable=None, last=0, exact=False),
                        damaged=(requirement,),
                    )
                    return suspected(hurt, (requirement,))
                case Present() | Absent() if id in victims:
                    return suspected(replace(state, damaged=(requirement,)), (requirement,))
                case _:
                    return suspected(state, ("COR-4",))

        return replace(
            self.mapped(suspect), store_suspects=(requirement,) if shared else ("COR-4",), shared_damage=shared
        )

    def without_metadata(self) -> "Worlds":
        """The worlds after metadata may have been lost: what `read` gives of them is not judged any more."""

        def forget(_: str, state: State) -> State:
            match state:
                case Present(content=History() as log):
                    return replace(state, content=replace(log, meta=None, strange={}))
                case _:
                    return state

        return self.mapped(forget)

    def disturbed(self, requirement: str) -> "Worlds":
        """The worlds after the kit did what must not matter: whatever is wrong from here on breaks `requirement`."""

        def suspect(_: str, state: State) -> State:
            return suspected(state, (requirement,))

        return replace(self.mapped(suspect), store_suspects=(requirement,))

    def pruned(self, removed: Iterable[str]) -> "Worlds":
        """The worlds after a prune that removes just these sessions."""
        worlds = self
        for id in removed:
            worlds = worlds.with_states(id, [Absent(("STO-10",), issued(state)) for state in worlds.states(id)])
        return worlds.disturbed("STO-10")


@dataclass(frozen=True, slots=True)
class Step:
    """What a call and its outcome leave."""

    worlds: Worlds
    violations: tuple[Violation, ...] = ()


def damage(states: tuple[State, ...]) -> Suspects:
    """The requirement that rules the answers of a session that the kit damaged; empty where it did not."""
    return next((state.damaged for state in states if not isinstance(state, Anything) and state.damaged), ())


def issued(state: State) -> frozenset[str]:
    """Every revision that the session was given so far."""
    match state:
        case Present():
            return state.stale | state.current
        case Absent():
            return state.stale
        case _:
            return frozenset()


def suspected(state: State, suspects: Suspects) -> State:
    """The state under suspicion: what is found wrong with the document or the attachments breaks these requirements."""
    match state:
        case Present() | Absent():
            return replace(state, suspects=suspects, shelf=suspects)
        case _:
            return state


def attachment_keys(state: State, kind: str) -> set[str] | None:
    """What `attachments` may answer: the items as saved; where none were, null or an empty list. None: anything."""
    none = {"null", "[]"}
    if isinstance(state, Absent) and state.shelved:
        return None
    if not isinstance(state, Present):
        return none
    if (
        isinstance(state.content, History)
        and state.damaged
        and (state.content.harm == "shorter" or state.content.added)
    ):
        # What lay behind the cut is gone without a trace, or with the torn tail that an append has cut off.
        return None
    keys: set[str] = set()
    for saved in (state.attachments, *([state.previous_attachments] if state.damaged else [])):
        value = saved.get(kind, Value.of([]))
        if value is None:
            return None
        keys |= {value.key} if kind in saved else none
    return keys


def telling_kinds(states: tuple[State, ...]) -> list[str]:
    """The kinds of attachments to ask for where every question counts: of those without any, one for all."""
    known = {kind for state in states if isinstance(state, Present) for kind in state.attachments}
    return [*sorted(known), *[kind for kind in KINDS_OF_ATTACHMENT if kind not in known][:1]]


def is_stale(states: tuple[State, ...], revision: JSON) -> bool | None:
    """Whether the revision that a save rests on is stale: yes, no (as is none at all), or not known."""
    if revision is None:
        return False
    verdicts: set[bool | None] = set()
    for state in states:
        current = isinstance(state, Present) and revision in state.current
        stale = not isinstance(state, Anything) and revision in state.stale
        verdicts.add(False if current else True if stale else None)
    return verdicts.pop() if len(verdicts) == 1 else None
