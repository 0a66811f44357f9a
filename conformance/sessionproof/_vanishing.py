"""The steps `vanish`, `deny` and `full disk`: the root goes, files may not be read, no room is left."""

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from sessionproof import _small_disk
from sessionproof._faults import REPEATED, next_write, request, take
from sessionproof._json import Object
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._wording import defect, observed
from sessionproof._worlds import Violation

if TYPE_CHECKING:
    from sessionproof._run import Run

_REFUSED = frozenset({Kind.IO, Kind.CORRUPT, Kind.CONFLICT})


def vanish(run: "Run", step: Object) -> None:
    """Remove the root, or move it away, under the open store, and ask for what it held."""
    if step["how"] == "moved":
        run.root.rename(run.outside / "moved")
    else:
        shutil.rmtree(run.root)
    look(run, "RES-7")


def deny(run: "Run", step: Object) -> None:
    """Take the permission to read from a session's files, or from the root, and ask for everything."""
    id = step.get("id")
    paths = [run.root] if id is None else [run.root / name for name in run.files_of(cast("str", id))]
    modes = [path.stat().st_mode & 0o7777 for path in paths]
    for path in paths:
        path.chmod(0)
        run.count("paths denied")
    try:
        look(run, "RES-6")
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


def look(run: "Run", requirement: str) -> None:
    """Ask for every session, and for all of them: the truth, or an error."""
    reading = "read" if run.setup.logs else "load"
    calls = [Call(method, {"id": id}) for id in run.ids() for method in (reading, "exists")]
    calls += [Call(method) for method in ("list", "summaries")]
    for call in calls:
        if run.listed(call.method):
            run.count("reads that may be refused")
            read(run, call, requirement)


def read(run: "Run", call: Call, requirement: str) -> None:
    """Ask once: what is answered is the truth, and what is refused is refused as `io`, or `corrupt`."""
    run.worlds = run.worlds.disturbed(requirement)
    judge(run, call, run.no_store or run.process.call(call), requirement)


def judge(run: "Run", call: Call, outcome: Outcome, requirement: str) -> None:
    """Judge the outcome of a read that may be refused."""
    match outcome:
        case Answer():
            for violation in run.place.model.step(run.worlds, call, outcome).violations:
                run.report(violation)
        case Silence():
            run.report(defect(call, outcome))
        case Refusal() if outcome.kind not in _REFUSED:
            summary = f"`{call.method}` is refused as `{outcome.kind}`."
            expected = "the truth, or an error `io`"
            run.report(Violation((requirement,), f"{call.method}-{outcome.kind}", summary, expected, observed(outcome)))
        case _:
            pass


def full_disk(run: "Run", step: Object) -> None:
    """Carry out an operation where `free` bytes are left; look; make room, and go on in the same store object."""
    call = request(run, step)
    run.worlds = run.worlds.disturbed("RES-1")
    _small_disk.fill(run.outside, cast("int", step["free"]))
    outcome = run.process.call(call)
    run.count("full disks")
    match outcome:
        case Silence():
            # A death on a full disk is reported, and decides nothing.
            run.count("stores that stopped")
            if outcome.reason == "hang":
                run.report(defect(call, outcome))
            return
        case Refusal() if outcome.kind is not Kind.IO:
            summary = f"`{call.method}` is refused as `{outcome.kind}` where the disk is full."
            fault = f"{call.method}-{outcome.kind}"
            run.report(Violation(("RES-1",), fault, summary, "an error `io`, or success", observed(outcome)))
        case _:
            pass
    take(run, call, outcome)
    look(run, "RES-1")
    _small_disk.make_room(run.outside)
    again = [call] if isinstance(outcome, Refusal) and call.method in REPEATED else []
    for one in again + next_write(run, call):
        run.worlds = run.worlds.disturbed("RES-1")
        run.perform(one)
    for _ in range(2):
        run.worlds = run.worlds.disturbed("RES-1")
        run.step_look({})
        run.step_reopen({})


STEPS: dict[str, Callable[["Run", Object], None]] = {"vanish": vanish, "deny": deny, "full disk": full_disk}
