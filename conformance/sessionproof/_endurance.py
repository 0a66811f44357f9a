"""The step `endure`: many operations, refused ones among them, and what the process holds after them."""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sessionproof._faults import Made, carried_out, fits, request
from sessionproof._gate import GatedProcess
from sessionproof._json import Object
from sessionproof._placeholders import named
from sessionproof._protocol import Call, Outcome, Silence
from sessionproof._strays import MOST
from sessionproof._wording import defect
from sessionproof._worlds import Violation

if TYPE_CHECKING:
    from sessionproof._run import Run

_ROUNDS = 4
"""Equal parts of the operations; the first fills what is kept from then on."""
_LEAST = 3
"""So many more after each round are a leak: what fills up, a pool or a cache, does not fill up for ever."""
_LOOKS, _PAUSE_S = 5, 0.02
"""How often a process is looked at, and the seconds between: what it gives back a moment later is no leak."""
_AGE = 400 * 86_400 * 10**9
"""Nanoseconds that a store takes for long ago: it may spare what somebody may be writing to."""
_DEEPEST = 12
"""Calls of one operation that are made to fail in turn."""
_NAMES = ("file descriptors", "threads", "processes")


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds, its children included in `processes`."""

    descriptors: int
    threads: int
    processes: int

    @classmethod
    def by(cls, pid: int) -> "Held":
        """What the process holds once it is at rest: the least of some looks."""
        looks: list[tuple[int, ...]] = []
        for _ in range(_LOOKS):
            looks.append((_entries(pid, "fd"), _entries(pid, "task"), _session(pid)))
            time.sleep(_PAUSE_S)
        return cls(*map(min, *looks))


def _entries(pid: int, name: str) -> int:
    return len(os.listdir(f"/proc/{pid}/{name}"))  # noqa: PTH208 - a count


def _session(leader: int) -> int:
    """The processes that the adapter has started and not left behind: those of its session (setsid(2))."""
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # The name of the program, in parentheses, may hold anything.
                count += int((folder / "stat").read_bytes().rpartition(b")")[2].split()[3]) == leader
            except OSError:
                continue
    return count


def endure(run: "Run", step: Object) -> None:
    """Carry out `times` operations: the `calls` in turn, whatever is answered; with `failing`, each with a failed call.

    The operations are parted into rounds. What grows in each of the rounds after the first is a leak.
    """
    calls = cast("list[Object]", step["calls"])
    act = _failing(run, calls) if step.get("failing") else _plain(run, calls)
    held: list[Held] = []
    for _ in range(_ROUNDS):
        for _ in range(cast("int", step["times"]) // _ROUNDS):
            call, outcome = next(act)
            if isinstance(outcome, Silence):
                run.report(defect(call, outcome))
                return
            run.count("operations endured")
        held.append(Held.by(run.process.pid))
    for index, name in enumerate(_NAMES):
        numbers = [cast("tuple[int, ...]", astuple(one))[index] for one in held]
        if all(later - earlier >= _LEAST for earlier, later in itertools.pairwise(numbers)):
            kind = "operations, in each of which a call failed," if step.get("failing") else "operations"
            summary = f"{step['times']} {kind} leave more {name} each time."
            seen = " then ".join(map(str, numbers))
            run.report(Violation(("RES-5",), f"{name.split()[-1]}-leaked", summary, f"as many {name} as before", seen))


def _plain(run: "Run", calls: Sequence[Object]) -> Iterator[tuple[Call, Outcome]]:
    for one in itertools.cycle(calls):
        call = request(run, named(one, run.names))
        yield call, run.process.call(call)


def _failing(run: "Run", calls: Sequence[Object]) -> Iterator[tuple[Call, Outcome]]:
    """Each operation with one call that fails: in the first round the first that may, then the second, and so on."""
    process = run.process
    assert isinstance(process, GatedProcess)
    for number in itertools.cycle(range(_DEEPEST)):
        for one in calls:
            call = request(run, named(one, run.names))
            yield call, carried_out(process, run, call, _Nth(number))[0]


@dataclass(slots=True)
class _Nth:
    """Lets one call fail with EIO, once `left` others have been made that may."""

    left: int

    def __call__(self, made: Made) -> str | None:
        """Decide on a call."""
        if not fits("EIO", made):
            return None
        self.left -= 1
        return "EIO" if self.left == -1 else None


def strays_of_faults(run: "Run", step: Object) -> None:
    """Let each of the `calls` fail on a disk that is full from some call on, `times` for each such; count files."""
    write = cast("list[Object]", step["calls"])[0]
    before = _files(run, write)
    for one in cast("list[Object]", step["calls"]):
        for number in range(_DEEPEST):
            if not all(_filled(run, one, number) for _ in range(cast("int", step["times"]))):
                break
    more = sorted(_files(run, write) - before)
    if len(more) > MOST:
        summary = f"Writes on a full disk leave {len(more)} files, also after an open and a write."
        run.report(Violation(("ATM-8",), "strays-of-faults", summary, f"at most {MOST}", ", ".join(more[:12])))


def _filled(run: "Run", step: Object, number: int) -> bool:
    """Carry out a write on a disk that is full from its n-th call on that takes space; whether there was one."""
    assert isinstance(run.process, GatedProcess)
    left, met = [number], list[Made]()

    def decide(made: Made) -> str | None:
        if not fits("ENOSPC", made):
            return None
        left[0] -= 1
        if left[0] >= 0:
            return None
        met.append(made)
        return "ENOSPC"

    carried_out(run.process, run, request(run, named(step, run.names)), decide)
    run.count("writes on a full disk", len(met[:1]))
    return bool(met)


def _files(run: "Run", write: Object) -> set[str]:
    """The files in the root, each a year old, after an open and a write."""
    then = time.time_ns() - _AGE
    for path in [run.root, *run.root.rglob("*")]:
        os.utime(path, ns=(then, then), follow_symlinks=False)
    run.step_reopen({})
    run.process.call(request(run, named(write, run.names)))
    run.step_reopen({})
    return set(run.tree())


STEPS: dict[str, Callable[["Run", Object], None]] = {"endure": endure, "strays of faults": strays_of_faults}
