"""The guarantee that a report names is the strongest that CON has seen kept."""

from dataclasses import replace
from typing import Any

import pytest

from overlapping import DOCUMENTS
from sessionproof._guarantee import guarantee

ALL = ("CON-1", "CON-2", "CON-3", "CON-5", "CON-7", "CON-8")
ABSENT = {"CON-3": "not-applicable"}


def entries(faults: dict[str, str], verdicts: dict[str, str]) -> list[dict[str, Any]]:
    """What a report says of CON: these faults, these verdicts, and `pass` of the rest."""
    return [
        {
            "id": id,
            "verdict": "fail" if id in faults else verdicts.get(id, "pass"),
            "faults": [*faults.get(id, "").split()],
        }
        for id in ALL
    ]


@pytest.mark.parametrize(
    ("faults", "verdicts", "name"),
    [
        ({}, ABSENT, "compare-and-set"),
        ({}, ABSENT | {"CON-8": "not-applicable"}, "no-write-lost"),
        ({"CON-8": "both-acknowledged"}, ABSENT, "no-write-lost"),
        ({"CON-1": "write-lost"}, ABSENT, "last-writer-wins"),
        ({"CON-7": "lost"}, ABSENT, "last-writer-wins"),
        ({"CON-5": "half-gone"}, ABSENT, "last-writer-wins"),
        ({}, ABSENT | {"CON-5": "not-applicable"}, "compare-and-set"),
        ({"CON-1": "save-io"}, ABSENT, "none"),
        ({"CON-2": "lost"}, ABSENT, "none"),
        ({}, ABSENT | {"CON-2": "not-run"}, None),
        ({}, dict.fromkeys(ALL, "not-applicable"), None),
    ],
)
def test_guarantee_misnamed(faults: dict[str, str], verdicts: dict[str, str], name: str | None) -> None:
    """What fails takes away the guarantee that rests on it, and what was not tried names none."""
    assert guarantee(DOCUMENTS.statement, entries(faults, verdicts)) == name


def test_plain_saves_promise_too_much() -> None:
    """Where nothing can be added to a session, of two saves the last one wins, and no more can be told."""
    plain = replace(DOCUMENTS.statement, operations=frozenset({"save", "load"}))
    assert guarantee(plain, entries({}, ABSENT | {"CON-8": "not-applicable"})) == "last-writer-wins"
