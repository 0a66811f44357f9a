"""What there is to see after calls at once: by every side that lives, and by a new store object."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from sessionproof._performed import Performed, sessions
from sessionproof._protocol import Call, Kind, Outcome, Refusal

if TYPE_CHECKING:
    from sessionproof._client import AdapterProcess
    from sessionproof._run import Run

_PAUSE = 0.02
"""Seconds before what was refused as a conflict is asked again."""


def opening(run: "Run") -> Call:
    """The call that opens the root."""
    return Call("open", {"root": str(run.root), "namespace": f"{run.outside.parent.name}-{run.outside.name}"})


def looks(run: "Run", gates: Sequence["AdapterProcess"], history: Sequence[Performed]) -> Iterator[Performed]:
    """What every side that lives and a new store object see, one after the other; what was refused is asked again.

    The new object is one of the sides' own process where no other may have the root open (`multi-thread`). Where
    nothing survives an `open` there is none: an object that is there looks in its place.
    """
    now = max((performed.ended or performed.begun for performed in history), default=0)

    def asked(viewer: "AdapterProcess", side: int, call: Call) -> Performed:
        nonlocal now
        now += 2
        return Performed(call, _answer(viewer, call), now - 1, now, side)

    for side, gate in enumerate(gates):
        if not gate.alive or run.statement.concurrency == "multi-thread":
            continue
        for id in sessions(history):
            # What an object remembers shows in what it loads; the rest is looked at once.
            yield from (asked(gate, side, call) for call in _reads(run, history, id)[:1])
    for performed in history:
        if _is_conflict(performed) and gates[performed.side].alive:
            yield asked(gates[performed.side], performed.side, performed.call)
    alive = [gate for gate in gates if gate.alive]
    if run.statement.durability == "none" and not alive:
        return
    fresh = alive[-1] if run.statement.durability == "none" else _fresh_object(run, gates)
    about = [call for id in sessions(history) for call in _reads(run, history, id)]
    yield from (asked(fresh, len(gates), call) for call in [*about, *_reads_of_all(run)])
    fresh.call(Call("close"))


def _fresh_object(run: "Run", gates: Sequence["AdapterProcess"]) -> "AdapterProcess":
    """A process with a new store object."""
    start = run.place.process if run.fast else run.place.fresh_process
    alive = [gate for gate in gates if gate.alive]
    if run.statement.concurrency == "multi-thread" and alive:
        alive[-1].call(Call("close"))
        fresh = alive[-1]
    else:
        fresh = start(replace(run.setup, gated=False))
    fresh.call(opening(run))
    return fresh


def _reads(run: "Run", history: Sequence[Performed], id: str) -> list[Call]:
    """What there is to read of a session; its content first."""
    calls = [Call(method, {"id": id}) for method in ("read" if run.setup.logs else "load", "exists")]
    attached = [one.call.params["kind"] for one in history if one.call.method == "attach"]
    kinds = sorted({"trace", *cast("list[str]", attached)})
    calls += [Call("attachments", {"id": id, "kind": kind}) for kind in kinds]
    return [call for call in calls if run.listed(call.method)]


def _reads_of_all(run: "Run") -> Iterator[Call]:
    for method in ("list", "summaries"):
        if run.listed(method):
            yield Call(method)


def _is_conflict(performed: Performed) -> bool:
    """Whether it was refused for others that were at work, and not for what it rests on."""
    refused = isinstance(performed.outcome, Refusal) and performed.outcome.kind is Kind.CONFLICT
    return refused and "if_revision" not in performed.call.params


def _answer(viewer: "AdapterProcess", call: Call) -> Outcome:
    """What is answered within one deadline; until then a `conflict` is asked again."""
    limit = time.monotonic() + viewer.launch.deadline
    while True:
        outcome = viewer.call(call)
        if not isinstance(outcome, Refusal) or outcome.kind is not Kind.CONFLICT or time.monotonic() > limit:
            return outcome
        time.sleep(_PAUSE)
