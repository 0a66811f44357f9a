"""The model: what a correct store may answer, and which requirement a wrong answer breaks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from overlapping import CREATED
from sessionproof._content import Content
from sessionproof._json_values import Limits
from sessionproof._model import Model
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._statement import Statement
from sessionproof._worlds import Worlds

STATEMENT: dict[str, Any] = {
    "protocol": "1.0",
    "implementation": {"name": "n", "version": "1", "language": "none"},
    "operations": ["save", "load", "delete", "exists", "list", "summaries", "latest", "attach", "attachments", "check"],
    "fidelity": "json",
    "format": None,
    "durability": "process-crash",
    "concurrency": "single",
    "ids": "any",
}


def model(**claims: Any) -> Model:
    """A model under these claims."""
    statement = Statement.parse({**STATEMENT, **claims})
    return Model(statement, Content(statement, Limits()), Content(statement, Limits(), logs=True))


def after(model: Model, steps: Sequence[tuple[Call, Outcome]]) -> tuple[Worlds, list[tuple[str, ...]]]:
    """The worlds after these steps, and the requirements that each violation names."""
    worlds, broken = Worlds(), list[tuple[str, ...]]()
    for call, outcome in steps:
        step = model.step(worlds, call, outcome)
        worlds = step.worlds
        broken += [violation.requirements for violation in step.violations]
    return worlds, broken


def save(id: str, value: Any, **more: Any) -> Call:
    """A save of a small document."""
    return Call("save", {"id": id, "document": {"v": value}, **more})


def load(id: str) -> Call:
    """A load."""
    return Call("load", {"id": id})


def found(value: Any, revision: str | None = None) -> Answer:
    """A load that found a small document."""
    return Answer({"found": True, "document": {"v": value}, "revision": revision})


ACK = Answer({"revision": None})
NOTHING = Answer({"found": False})
DONE = Answer({})


@pytest.mark.parametrize(
    ("steps", "requirement"),
    [
        ([(load("a"), found(1))], "STO-1"),
        ([(load("a"), Refusal(Kind.IO))], "STO-1"),
        ([(save("a", 1), ACK), (load("a"), found(2))], "STO-2"),
        ([(save("a", 1), ACK), (load("a"), NOTHING)], "STO-2"),
        ([(save("a", 1), ACK), (Call("delete", {"id": "a"}), DONE), (load("a"), found(1))], "STO-3"),
        ([(Call("delete", {"id": "a"}), Refusal(Kind.NOT_FOUND))], "STO-3"),
        ([(save("a", 1), ACK), (Call("list"), Answer({"ids": []}))], "STO-4"),
        ([(save("a", 1), ACK), (Call("list"), Answer({"ids": ["a", "a"]}))], "STO-4"),
        ([(Call("list"), Answer({"ids": ["x"]}))], "STO-4"),
        (
            [(save("a", 1), ACK), (load("a"), found(1)), (Call("exists", {"id": "a"}), Answer({"exists": False}))],
            "STO-5",
        ),
        ([(save("a", 1), ACK), (load("a"), found(1)), (save("b", 2), ACK), (load("a"), found(2))], "STO-6"),
        ([(save("a", 1), ACK), (Call("latest"), Answer({"id": "b"}))], "STO-9"),
        ([(Call("check"), Refusal(Kind.IO))], "STO-13"),
        ([(Call("save", {"id": "a", "document": []}), ACK)], "FMT-4"),
        ([(save("a", 1), Refusal(Kind.INVALID_DOCUMENT))], "FMT-2"),
        ([(save("a", 1), Refusal(Kind.INVALID_ID))], "IDS-7"),
        ([(save("a/b", 1), Refusal(Kind.IO))], "IDS-3"),
        ([(save("a/b", 1), ACK), (load("a/b"), Refusal(Kind.INVALID_ID))], "IDS-3"),
        (
            [
                (save("a", 1), Answer({"revision": "r1"})),
                (save("a", 2), Answer({"revision": "r2"})),
                (save("a", 3, if_revision="r1"), ACK),
            ],
            "STO-12",
        ),
        (
            [(save("a", 1), Answer({"revision": "r1"})), (save("a", 2, if_revision="r1"), Refusal(Kind.CONFLICT))],
            "STO-12",
        ),
    ],
)
def test_wrong_answer_breaks_nothing(steps: list[tuple[Call, Outcome]], requirement: str) -> None:
    """A wrong answer breaks the requirement that it is about, and no step before it breaks any."""
    _, broken = after(model(), steps)

    assert len(broken) == 1
    assert requirement in broken[0]


@pytest.mark.parametrize(
    "steps",
    [
        [(load("a"), NOTHING), (Call("exists", {"id": "a"}), Answer({"exists": False}))],
        [(save("a", 1), ACK), (save("a", 2), ACK), (load("a"), found(2)), (Call("list"), Answer({"ids": ["a"]}))],
        [(Call("delete", {"id": "a"}), Answer({"existed": None}))],
        [
            (save("a/b", 1), Refusal(Kind.INVALID_ID)),
            (load("a/b"), Refusal(Kind.INVALID_ID)),
            (Call("list"), Answer({"ids": []})),
        ],
        [(save("a/b", 1), Refusal(Kind.INVALID_ID)), (load("a/b"), NOTHING)],
        [(Call("attach", {"id": "a", "kind": "trace", "items": []}), Refusal(Kind.NOT_FOUND))],
        [(Call("attachments", {"id": "a", "kind": "trace"}), Answer({"items": None}))],
        [
            (Call("attach", {"id": "a", "kind": "trace", "items": [{"id": "1", "text": ""}]}), DONE),
            (load("a"), NOTHING),
            (Call("attachments", {"id": "a", "kind": "trace"}), Answer({"items": [{"id": "1", "text": ""}]})),
            (save("a", 1), ACK),
            (Call("attachments", {"id": "a", "kind": "trace"}), Answer({"items": [{"id": "1", "text": ""}]})),
        ],
        [(Call("save", {"id": "a", "document": 7}), Refusal(Kind.INVALID_DOCUMENT)), (load("a"), NOTHING)],
        [(save("a", 2**60), Refusal(Kind.INVALID_DOCUMENT)), (load("a"), NOTHING)],
        [
            (save("a", 1), Answer({"revision": "r"})),
            (Call("delete", {"id": "a"}), DONE),
            (save("a", 2, if_revision="r"), Refusal(Kind.CONFLICT)),
        ],
    ],
)
def test_right_answer_breaks_something(steps: list[tuple[Call, Outcome]]) -> None:
    """Answers that the protocol allows break nothing."""
    assert after(model(), steps)[1] == []


def test_what_one_answer_tells_is_another_logs() -> None:
    """Of a log that was taken as it was found, nobody knows by what it was described before."""
    meta: Any = {"title": "t"}
    seen = Answer({"found": True, "entries": [], "damage": [], "archive": "x", "meta": meta})
    steps: list[tuple[Call, Outcome]] = [
        (Call("compact", {"id": "a", "archive": "x"}), DONE),
        (Call("read", {"id": "a"}), Answer({"found": False})),
        (Call("describe", {"id": "a", "meta": meta}), DONE),
        (Call("read", {"id": "a"}), seen),
    ]
    assert after(CREATED, steps)[1] != []
    other: list[tuple[Call, Outcome]] = [(Call("describe", {"id": "b", "meta": meta}), DONE)]
    assert after(CREATED, [*steps, *other, (Call("read", {"id": "a"}), seen)])[1] == after(CREATED, steps)[1]


def test_unknown_outcome_is_taken_for_one_of_its_ends() -> None:
    """After silence a save may have happened or not, until a load settles it."""
    silence = Silence("adapter-crash", "gone")
    for seen in (found(1), found(2)):
        worlds, _ = after(model(), [(save("a", 1), ACK), (load("a"), found(1)), (save("a", 2), silence)])
        step = model().step(worlds, load("a"), seen)

        assert step.violations == ()
        assert model().step(step.worlds, load("a"), seen).violations == ()

    worlds, _ = after(model(), [(save("a", 1), ACK), (save("a", 2), silence)])
    assert model().step(worlds, load("a"), found(3)).violations


@pytest.mark.parametrize("outcome", [Silence("hang", ""), Refusal(Kind.INTERNAL)])
def test_defect_counts_for_one_requirement_only(outcome: Outcome) -> None:
    """Silence and internal errors count against whatever is probed."""
    assert after(model(), [(load("a"), outcome)])[1] == [()]


def test_restart_is_not_suspected() -> None:
    """What is missing after a new process breaks STO-7; where nothing is promised it breaks nothing."""
    for durability, requirements in (("process-crash", "STO-7"), ("none", None), ("close", "STO-7")):
        judge = model(durability=durability)
        worlds, _ = after(judge, [(save("a", 1), ACK), (load("a"), found(1))])
        step = judge.step(judge.reopened(worlds, orderly=True), load("a"), NOTHING)

        assert [requirements in violation.requirements for violation in step.violations] == (
            [True] if requirements else []
        )
    judge = model(durability="close")
    worlds, _ = after(judge, [(save("a", 1), ACK)])
    assert judge.step(judge.reopened(worlds, orderly=False), load("a"), NOTHING).violations == ()


@pytest.mark.parametrize(
    ("answer", "shared", "right"),
    [
        (found(2), False, True),
        (found(1), False, True),
        (found(1), True, False),
        (Refusal(Kind.CORRUPT), False, True),
        (Refusal(Kind.IO), False, False),
        (NOTHING, False, False),
        (found(3), False, False),
    ],
)
def test_damaged_session_is_answered_otherwise(answer: Outcome, *, shared: bool, right: bool) -> None:
    """A damaged session answers the truth, `corrupt`, or in a file of its own the document before."""
    worlds, _ = after(model(), [(save("a", 1), ACK), (save("a", 2), ACK), (load("a"), found(2)), (save("b", 5), ACK)])
    step = model().step(worlds.damaged(["a"], "COR-1", shared=shared), load("a"), answer)

    assert (step.violations == ()) is right
    assert all("COR-1" in violation.requirements for violation in step.violations)
    other = model().step(worlds.damaged(["a"], "COR-1", shared=False), load("b"), NOTHING)
    assert [violation.requirements for violation in other.violations] == [("COR-4",)]


def test_items_of_a_list_share_a_text() -> None:
    """The items of one list differ in each text that the schema leaves free: a store may keep them by one."""
    members = {"uri": {"type": "string"}, "kind": {"enum": ["k", "l"]}}
    item = {"type": "object", "required": ["uri", "kind"], "properties": members}
    fidelity: dict[str, Any] = {"schema": {"$defs": {"document": {}, "artifacts": item}}}
    statement = Statement.parse({**STATEMENT, "fidelity": fidelity})

    items = cast("list[dict[str, Any]]", Content(statement, Limits()).plain_items("artifacts", 100))

    assert len({item["uri"] for item in items}) == 100
    assert {item["kind"] for item in items} <= {"k", "l"}


def test_fresh_documents_differ() -> None:
    """Where absent sessions are fresh documents, the first one seen is what the others must give."""
    judge = model(missing="fresh")
    worlds, broken = after(judge, [(load("a"), found("new")), (load("b"), found("new"))])

    assert broken == []
    assert judge.step(worlds, load("c"), found("other")).violations
    assert not judge.step(
        worlds, load("c"), Answer({"found": True, "document": {"v": "other"}, "fresh": True})
    ).violations


class _Truth(RuleBasedStateMachine):
    """A dictionary as the store: the model may never object to it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = model()
        self.worlds = Worlds()
        self.store: dict[str, int] = {}

    def put(self, call: Call, outcome: Outcome) -> None:
        """One call and its right answer."""
        step = self.model.step(self.worlds, call, outcome)
        self.worlds = step.worlds
        assert step.violations == ()

    @rule(id=st.sampled_from("abc"), value=st.integers(0, 3))
    def save(self, id: str, value: int) -> None:
        """Save."""
        self.store[id] = value
        self.put(save(id, value), ACK)

    @rule(id=st.sampled_from("abc"))
    def delete(self, id: str) -> None:
        """Delete."""
        self.put(Call("delete", {"id": id}), Answer({"existed": self.store.pop(id, None) is not None}))

    @rule(id=st.sampled_from("abc"))
    def look(self, id: str) -> None:
        """Load, exists and list."""
        self.put(load(id), found(self.store[id]) if id in self.store else NOTHING)
        self.put(Call("exists", {"id": id}), Answer({"exists": id in self.store}))
        self.put(Call("list"), Answer({"ids": cast("Any", list(self.store))}))

    @rule()
    def reopen(self) -> None:
        """A new store object."""
        self.worlds = self.model.reopened(self.worlds, orderly=True)


TestTruth = _Truth.TestCase
"""A store that is right is never accused, whatever the history."""


@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=6), st.booleans())
def test_order_within_a_tick_is_judged(ids: list[str], ticking: bool) -> None:  # noqa: FBT001 - drawn
    """Changes within one clock tick may be listed in either order; across ticks the later comes first."""
    judge, worlds = model(), Worlds()
    for number, id in enumerate(ids):
        worlds = judge.step(replace(worlds, epoch=number if ticking else 0), save(id, number), ACK).worlds
    right = list(dict.fromkeys(reversed(ids)))
    for listed in (right, right[::-1]):
        summaries: Any = [{"id": id, "message_count": None} for id in listed]
        broken = judge.step(worlds, Call("summaries"), Answer({"summaries": summaries})).violations
        assert bool(broken) is (ticking and listed != right)
