"""Histories of calls that overlap: what an order explains, told by the search and by trying every order."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from overlapping import DOCUMENTS, ID, LOGS, LOST, NOT_MINE
from sessionproof._linear import linearizable, searched
from sessionproof._model import Model
from sessionproof._performed import Performed
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal
from sessionproof._shortcuts import shortcut
from sessionproof._worlds import Worlds

# -- stores as small as they can be, and every order of a history ------------------------------------------------------


class Tiny:
    """A store of one session in memory: documents under revisions that count, attachments, a log, tokens."""

    def __init__(self) -> None:
        self.document: Any = None
        self.items: dict[str, Any] = {}
        self.revision = 0
        self.entries: list[Any] | None = None
        self.archive: Any = None
        self.claimed: set[str] = set()

    def copy(self) -> "Tiny":
        """The same store once more."""
        twin = Tiny()
        twin.document, twin.revision, twin.archive = self.document, self.revision, self.archive
        twin.items, twin.claimed = dict(self.items), set(self.claimed)
        twin.entries = None if self.entries is None else [*self.entries]
        return twin

    def do(self, call: Call) -> Outcome:  # noqa: C901, PLR0912 - one line for each operation
        """Carry out a call."""
        given = cast("dict[str, Any]", call.params)
        match call.method:
            case "save":
                if given.get("if_revision") not in {None, str(self.revision)}:
                    return Refusal(Kind.CONFLICT)
                self.document, self.revision = given["document"], self.revision + 1
                return Answer({"revision": str(self.revision)})
            case "load" if self.document is None:
                return Answer({"found": False})
            case "load":
                return Answer({"found": True, "document": self.document, "revision": str(self.revision)})
            case "delete":
                self.document, self.items, self.entries, self.archive = None, {}, None, None
                self.revision += 1
                return Answer({"existed": None})
            case "exists":
                return Answer({"exists": self.document is not None or bool(self.entries)})
            case "attach" if self.document is None:
                return Refusal(Kind.NOT_FOUND)
            case "attach":
                self.items[given["kind"]] = given["items"]
                self.revision += 1
                return Answer({})
            case "attachments":
                return Answer({"items": self.items.get(given["kind"])})
            case "append":
                self.entries = (self.entries or []) + given["entries"]
                return Answer({"numbers": None})
            case "read" if self.entries is None:
                return Answer({"found": False})
            case "read":
                return Answer({"found": True, "entries": self.entries, "archive": self.archive, "meta": None})
            case "compact" if self.entries is None:
                return Refusal(Kind.NOT_FOUND)
            case "compact":
                self.entries, self.archive = [], given["archive"]
                return Answer({})
            case "claim":
                first = given["token"] not in self.claimed
                self.claimed.add(given["token"])
                return Answer({"claimed": first})
            case _:
                raise AssertionError(call.method)


def explained(history: Sequence[Performed], first: Call | None = None) -> bool:
    """Whether after a first call some order gives these answers; what has no end is left out or put in anywhere."""
    wanted = frozenset(place for place, one in enumerate(history) if one.ended is not None)

    def goes_on(store: Tiny, done: frozenset[int]) -> bool:
        if wanted <= done:
            return True
        for place, one in enumerate(history):
            others = (other for at, other in enumerate(history) if at not in done and at != place)
            waits = any(other.end < one.begun for other in others)
            if place in done or waits:
                continue
            twin = store.copy()
            right = twin.do(one.call)
            # At any time it is right to be refused for a conflict, and that a token is another's: nothing was done.
            nothing = one.outcome in (Refusal(Kind.CONFLICT), Refusal(Kind.NOT_FOUND), NOT_MINE)
            unsaid = one.ended is None or one.outcome in (Refusal(Kind.CONFLICT), NOT_MINE)
            if (unsaid or agree(right, one.outcome)) and goes_on(store if nothing else twin, done | {place}):
                return True
        return False

    return goes_on(tiny(first), frozenset())


def tiny(first: Call | None) -> Tiny:
    """A store after a first call, or none."""
    store = Tiny()
    if first is not None:
        store.do(first)
    return store


def worlds(model: Model, first: Call) -> Worlds:
    """What the model knows after the same call."""
    return model.step(Worlds(), first, Tiny().do(first)).worlds


def agree(right: Outcome, told: Outcome) -> bool:
    """Whether the answers are the same, but for the numbers that name revisions."""
    if isinstance(right, Answer) and isinstance(told, Answer):
        return {**right.result, "revision": 0} == {**told.result, "revision": 0}
    return right == told


def interleaved(
    store: Tiny, calls: Sequence[Call], times: Sequence[tuple[int, int, int]], pending: Sequence[bool]
) -> list[Performed]:
    """What a right store answers to calls that take effect at the middle one of three times each."""
    history: list[Performed] = []
    order = sorted(range(len(calls)), key=lambda place: (sorted(times[place])[1], place))
    answers = {place: store.do(calls[place]) for place in order}
    for place, call in enumerate(calls):
        begun, _, ended = sorted(times[place])
        lost = pending[place]
        history.append(Performed(call, LOST if lost else answers[place], begun, None if lost else ended, place))
    return history


def calls_of(kinds: dict[str, Callable[[int], list[Call]]]) -> st.SearchStrategy[list[Call]]:
    """Up to six calls of these kinds, each write with a value of its own."""
    names = st.lists(st.sampled_from(sorted(kinds)), min_size=2, max_size=6)
    return names.flatmap(
        lambda chosen: st.tuples(*(st.sampled_from(kinds[name](at)) for at, name in enumerate(chosen))).map(list)
    )


SAVED = Call("save", {"id": ID, "document": {"v": -1}})
SAVES: dict[str, Callable[[int], list[Call]]] = {
    "save": lambda at: [Call("save", {"id": ID, "document": {"v": at}})],
    "conditional": lambda at: [Call("save", {"id": ID, "document": {"v": at}, "if_revision": "1"})],
    "load": lambda _: [Call("load", {"id": ID})],
}
DELETES: dict[str, Callable[[int], list[Call]]] = {
    "save": SAVES["save"],
    "load": SAVES["load"],
    "delete": lambda _: [Call("delete", {"id": ID})],
    "exists": lambda _: [Call("exists", {"id": ID})],
}
ATTACHES: dict[str, Callable[[int], list[Call]]] = {
    "save": SAVES["save"],
    "load": SAVES["load"],
    "attach": lambda at: [Call("attach", {"id": ID, "kind": "trace", "items": [{"n": at}]})],
    "attachments": lambda _: [Call("attachments", {"id": ID, "kind": "trace"})],
}
APPENDED = Call("append", {"id": ID, "entries": [{"v": -1}]})
CLAIMS: dict[str, Callable[[int], list[Call]]] = {
    "append": lambda at: [Call("append", {"id": ID, "entries": [{"v": at}]})],
    "read": lambda _: [Call("read", {"id": ID})],
    "compact": lambda at: [Call("compact", {"id": ID, "archive": f"archive {at}"})],
    "claim": lambda _: [Call("claim", {"id": ID, "token": token}) for token in ("t", "u")],
}


@st.composite
def histories(
    draw: st.DrawFn, kinds: dict[str, Callable[[int], list[Call]]], first: Call | None = None
) -> list[Performed]:
    """Histories of a right store, of which some answers are exchanged, moved in time, or lost."""
    calls = draw(calls_of(kinds))
    count = len(calls)
    times = draw(st.lists(st.tuples(*[st.integers(0, 2 * count)] * 3), min_size=count, max_size=count))
    lost = draw(st.lists(st.sampled_from([False, False, False, True]), min_size=count, max_size=count))
    history = interleaved(tiny(first), calls, times, lost)
    for _ in range(draw(st.integers(0, 2))):
        one, other = (history[draw(st.integers(0, count - 1))] for _ in range(2))
        if one.ended is not None and other.ended is not None:
            history[one.side] = replace(one, begun=other.begun, ended=other.ended)
            history[other.side] = replace(other, begun=one.begun, ended=one.ended)
    return history


@given(histories(SAVES, SAVED))
@settings(max_examples=200, deadline=None)
def test_order_of_saves_missed(history: list[Performed]) -> None:
    """The search says of saves, conditional ones too, what every order, tried out, says."""
    assert linearizable(DOCUMENTS, worlds(DOCUMENTS, SAVED), history) == explained(history, SAVED)


@given(histories(DELETES))
@settings(max_examples=200, deadline=None)
def test_order_of_deletes_missed(history: list[Performed]) -> None:
    """The search says of first saves and deletes what every order, tried out, says."""
    assert linearizable(DOCUMENTS, Worlds(), history) == explained(history)


@given(histories(ATTACHES, SAVED))
@settings(max_examples=200, deadline=None)
def test_order_of_attaches_missed(history: list[Performed]) -> None:
    """The search says of attachments what every order, tried out, says."""
    assert linearizable(DOCUMENTS, worlds(DOCUMENTS, SAVED), history) == explained(history, SAVED)


@given(histories(CLAIMS, APPENDED))
@settings(max_examples=200, deadline=None)
def test_order_of_appends_missed(history: list[Performed]) -> None:
    """The search says of appends, boundaries, claims and reads what every order, tried out, says."""
    assert linearizable(LOGS, worlds(LOGS, APPENDED), history) == explained(history, APPENDED)


PLAIN_SAVES = {name: SAVES[name] for name in ("save", "load")}
PLAIN_APPENDS = {name: CLAIMS[name] for name in ("append", "read")}


@given(histories(PLAIN_SAVES, SAVED))
@settings(max_examples=200, deadline=None)
def test_shortcut_of_saves_wrong(history: list[Performed]) -> None:
    """Plain saves and loads are judged without a search as by one."""
    before = worlds(DOCUMENTS, SAVED)
    assert shortcut(before, history) == searched(DOCUMENTS, before, history)


@given(histories(PLAIN_APPENDS))
@settings(max_examples=200, deadline=None)
def test_shortcut_of_appends_wrong(history: list[Performed]) -> None:
    """Appends and readings are judged without a search as by one."""
    assert shortcut(Worlds(), history) == searched(LOGS, Worlds(), history)
