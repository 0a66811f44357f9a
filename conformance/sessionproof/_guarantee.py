"""What several callers at once can count on, by name: the strongest that CON has seen a store keep.

It is told beside the verdicts and decides nothing. Each guarantee includes those before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sessionproof._statement import Statement

GUARANTEES = {
    "none": "documents may be torn, mixed, or not found while others write",
    "last-writer-wins": "every document is whole, and of two writes at once one may be lost",
    "no-write-lost": "every write that is acknowledged is kept, unless a later save replaces it",
    "compare-and-set": "a save can be made to rest on what was loaded",
}
"""Every guarantee, from the weakest to the strongest, and what it says."""

# What goes wrong where each document is whole.
_LOSSES = frozenset({"write-lost", "entry-lost", "number-twice", "numbers-wrong", "stale", "lost", "wrong-order"})
_DECIDE = ("CON-1", "CON-2", "CON-3", "CON-7")


def guarantee(statement: Statement, entries: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the guarantee that the entries of a report come to; None where CON has not told it."""
    verdicts = {entry["id"]: entry["verdict"] for entry in entries}
    told = [verdicts[id] for id in _DECIDE if verdicts[id] != "not-applicable"]
    if not told or not set(told) <= {"pass", "fail"}:
        return None
    faults = {fault for entry in entries if entry["id"] in _DECIDE for fault in entry["faults"]}
    if verdicts["CON-2"] == "fail" or not faults <= _LOSSES:
        return "none"
    if "fail" in {*told, verdicts["CON-5"]}:
        return "last-writer-wins"
    if verdicts["CON-8"] == "pass":
        return "compare-and-set"
    # A save replaces the whole document. Only what adds to a session can be kept beside another's write.
    return "no-write-lost" if statement.operations & {"append", "attach"} else "last-writer-wins"


def told(report: Mapping[str, Any]) -> str | None:
    """What a report says of several callers at once, for people; None where CON was not run to its end."""
    name = report["guarantee"]
    if name is not None:
        return f"{name}: {GUARANTEES[name]}"
    claimed = report["statement"]["concurrency"]
    verdicts = {entry["verdict"] for entry in report["requirements"] if entry["id"].startswith("CON-")}
    if verdicts != {"not-applicable"} or claimed == "multi-process":
        return None
    # To open the root of such a store twice is what it asks its callers not to do.
    return (
        f'not tried, as the statement claims `{claimed}`; with `assume = {{ concurrency = "multi-process" }}` in the '
        "manifest it is, and decides nothing"
    )
