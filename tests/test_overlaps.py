"""What is wrong about a history of calls that overlap, and which requirement of CON that breaks."""

from dataclasses import replace
from typing import Any, cast

import pytest

from overlapping import CREATED, DOCUMENTS, ID, LOGS, LOST
from sessionproof._model import Model
from sessionproof._overlaps import findings
from sessionproof._performed import Performed
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal
from sessionproof._worlds import Worlds


def does(side: int, begun: int, ended: int | None, outcome: Outcome, method: str, **params: Any) -> Performed:
    """A call of a history."""
    return Performed(Call(method, params), outcome, begun, ended, side)


def saves(
    side: int, begun: int, ended: int | None, value: Any, outcome: Outcome | None = None, **more: Any
) -> Performed:
    """A save, acknowledged unless another outcome is given."""
    told = outcome or (LOST if ended is None else Answer({"revision": None}))
    return does(side, begun, ended, told, "save", id=ID, document={"v": value}, **more)


def loads(side: int, begun: int, ended: int, value: Any, id: str = ID) -> Performed:
    """A load that finds this, or with None nothing."""
    found: Any = {"found": True, "document": {"v": value}, "revision": None}
    return does(side, begun, ended, Answer({"found": False} if value is None else found), "load", id=id)


def appends(side: int, begun: int, ended: int, *values: Any, numbers: list[int] | None = None) -> Performed:
    """An append of entries."""
    told = Answer({"numbers": cast("Any", numbers)})
    return does(side, begun, ended, told, "append", id=ID, entries=[{"v": value} for value in values])


def reads(side: int, begun: int, ended: int, *values: Any, damage: Any = None) -> Performed:
    """A read of these entries."""
    entries: Any = [{"v": value} for value in values]
    result: Any = {"found": True, "entries": entries, "archive": None, "meta": None, "damage": damage or []}
    return does(side, begun, ended, Answer(result), "read", id=ID)


def lists(side: int, begun: int, ended: int, *ids: str) -> Performed:
    """A list of these sessions."""
    return does(side, begun, ended, Answer({"ids": list(ids)}), "list")


TORN = [{"step": None, "reason": "torn"}]
WRONG: list[tuple[str, Model, list[Performed], str, str]] = [
    (
        "refused",
        DOCUMENTS,
        [saves(0, 1, 3, 1, Refusal(Kind.IO, errno="ENOENT")), saves(1, 2, 4, 2)],
        "CON-1",
        "save-io",
    ),
    ("lost", DOCUMENTS, [saves(0, 1, 3, 1), saves(1, 2, 4, 2), loads(0, 5, 6, None)], "CON-1", "lost"),
    ("older", DOCUMENTS, [saves(0, 1, 2, 1), saves(1, 3, 4, 2), loads(0, 5, 6, 1)], "CON-1", "write-lost"),
    (
        "stale",
        DOCUMENTS,
        [saves(0, 1, 2, 1), saves(0, 3, 4, 2), saves(1, 5, 9, 3), loads(2, 6, 7, 1)],
        "CON-1",
        "stale",
    ),
    ("back", DOCUMENTS, [saves(0, 1, 9, 1), loads(1, 2, 3, 1), loads(1, 4, 5, None)], "CON-2", "lost"),
    ("mixed", DOCUMENTS, [saves(0, 1, 9, 1), saves(1, 2, 8, 2), loads(2, 3, 4, 7)], "CON-2", "torn"),
    (
        "corrupt",
        DOCUMENTS,
        [saves(0, 1, 9, 1), does(1, 2, 3, Refusal(Kind.CORRUPT), "load", id=ID)],
        "CON-2",
        "load-corrupt",
    ),
    ("gone", DOCUMENTS, [saves(0, 1, 2, 1), saves(0, 3, 9, 2), lists(1, 4, 5)], "CON-2", "lost"),
    ("temporary", DOCUMENTS, [saves(0, 1, 9, 1), lists(1, 4, 5, "a", "a.tmp")], "CON-2", "list-wrong"),
    (
        "attached",
        DOCUMENTS,
        [
            saves(0, 1, 2, 1),
            saves(0, 3, 9, 2),
            does(1, 4, 5, Answer({}), "attach", id=ID, kind="trace", items=[{"n": 1}]),
            does(1, 10, 11, Answer({"items": None}), "attachments", id=ID, kind="trace"),
        ],
        "CON-1",
        "lost",
    ),
    (
        "half deleted",
        DOCUMENTS,
        [
            saves(0, 1, 2, 1),
            does(0, 3, 9, Answer({"existed": True}), "delete", id=ID),
            does(1, 4, 5, Answer({}), "attach", id=ID, kind="trace", items=[{"n": 1}]),
            loads(0, 10, 11, None),
            does(1, 12, 13, Answer({"items": [{"n": 1}]}), "attachments", id=ID, kind="trace"),
        ],
        "CON-5",
        "half-deleted",
    ),
    (
        "both",
        DOCUMENTS,
        [
            saves(0, 1, 2, 1, Answer({"revision": "1"})),
            saves(0, 3, 5, 2, Answer({"revision": "2"}), if_revision="1"),
            saves(1, 4, 6, 3, Answer({"revision": "3"}), if_revision="1"),
        ],
        "CON-8",
        "both-acknowledged",
    ),
    ("number", LOGS, [appends(0, 1, 3, 1, numbers=[1]), appends(1, 2, 4, 2, numbers=[1])], "CON-3", "number-twice"),
    ("entry", LOGS, [appends(0, 1, 3, 1), appends(1, 2, 4, 2), reads(0, 5, 6, 2)], "CON-3", "entry-lost"),
    ("reader", LOGS, [appends(0, 1, 2, 1), appends(1, 3, 9, 2), reads(0, 5, 6, 2)], "CON-2", "entry-lost"),
    ("spliced", LOGS, [appends(0, 1, 9, 1), appends(1, 2, 8, 2), reads(0, 3, 4, 12)], "CON-2", "torn"),
    ("batch", LOGS, [appends(0, 1, 3, 1, 2), appends(1, 2, 4, 3), reads(0, 5, 6, 2, 3, 1)], "CON-3", "wrong-order"),
    ("tail", LOGS, [appends(0, 1, 3, 1), reads(0, 4, 5, 1, damage=TORN)], "CON-2", "damage-reported"),
    (
        "id",
        CREATED,
        [does(side, side, 5, Answer({"id": "x"}), "create", agent="a", created_by="c") for side in (0, 1)],
        "CON-4",
        "id-given-twice",
    ),
    (
        "two",
        CREATED,
        [does(side, side, 5, Answer({"claimed": True}), "claim", id=ID, token="t") for side in (0, 1)],
        "CON-9",
        "claimed-twice",
    ),
    (
        "none",
        CREATED,
        [does(side, side, 5, Answer({"claimed": False}), "claim", id=ID, token="t") for side in (0, 1)],
        "CON-9",
        "claimed-by-nobody",
    ),
]
RIGHT: list[tuple[str, Model, list[Performed]]] = [
    ("either", DOCUMENTS, [saves(0, 1, 3, 1), saves(1, 2, 4, 2), loads(0, 5, 6, 1)]),
    ("conflict", DOCUMENTS, [saves(0, 1, 3, 1), saves(1, 2, 4, 2, Refusal(Kind.CONFLICT)), loads(0, 5, 6, 1)]),
    ("killed", DOCUMENTS, [saves(0, 1, None, 1), loads(1, 2, 3, None), loads(1, 4, 5, 1)]),
    (
        "scan",
        DOCUMENTS,
        [
            saves(0, 1, 2, 1),
            lists(1, 3, 9, "a", "b"),
            does(0, 4, 5, Answer({"existed": True}), "delete", id=ID),
            does(0, 6, 7, Answer({"revision": None}), "save", id="b", document={"v": 1}),
        ],
    ),
    (
        "batches mixed",
        LOGS,
        [appends(0, 1, 3, 1, 2, numbers=[1, 3]), appends(1, 2, 4, 3, 4, numbers=[2, 4]), reads(0, 5, 6, 1, 3, 2, 4)],
    ),
    ("number burned", LOGS, [appends(0, 1, 2, 1, numbers=[1]), appends(1, 2, 4, 2, numbers=[3])]),
    (
        "hole",
        LOGS,
        [appends(0, 1, 9, 1, numbers=[1]), appends(1, 2, 3, 2, numbers=[2]), reads(2, 4, 5, 2), reads(2, 10, 11, 1, 2)],
    ),
    ("torn tail", LOGS, [appends(0, 1, 9, 1), reads(1, 2, 3, damage=TORN), reads(1, 10, 11, 1)]),
    (
        "claimer died",
        CREATED,
        [
            does(0, 1, None, LOST, "claim", id=ID, token="t"),
            does(1, 2, 3, Answer({"claimed": False}), "claim", id=ID, token="t"),
        ],
    ),
    ("creator died", CREATED, [does(0, 1, None, LOST, "create", agent="a", created_by="c"), lists(1, 5, 6, "x")]),
]


@pytest.mark.parametrize(
    ("model", "history", "requirement", "fault"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_wrong_history_excused(model: Model, history: list[Performed], requirement: str, fault: str) -> None:
    """What is wrong about a history is found, and breaks the requirement that speaks of it."""
    found = [one.violation for one in findings(model, made(model), history)]
    assert [one.fault for one in found] == [fault]
    assert requirement in found[0].requirements


@pytest.mark.parametrize(("model", "history"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_right_history_accused(model: Model, history: list[Performed]) -> None:
    """What some order of the calls explains is no finding, nor what CON allows beyond that."""
    assert [*findings(model, made(model), history)] == []


def made(model: Model) -> Worlds:
    """The store before the history: where logs are created, one is there."""
    call = Call("create", {"agent": "a", "created_by": "c"})
    return model.step(Worlds(), call, Answer({"id": ID})).worlds if model is CREATED else Worlds()


def test_silence_of_the_store_excused() -> None:
    """A call that the store itself does not answer is a finding; one whose process the kit has ended is none."""
    silent = replace(saves(0, 1, None, 1), ended=5)
    assert [one.violation.fault for one in findings(DOCUMENTS, Worlds(), [silent])] == ["save-adapter-crash"]
