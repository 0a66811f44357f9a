"""The step `fault`: one system call of one operation fails, and what comes of it is judged.

A call is told by its name and number within the operation: `openat:3`. It fails with an errno and is not made, or, as
`short`, it writes half of what it was given. With `then`, every later call of the operation that this error fits fails
by it. Only calls on the root, on what is in it, and on the folder that it lies in are counted.
"""

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from sessionproof._gate import GatedProcess, Held
from sessionproof._json import Object
from sessionproof._judge import Violated
from sessionproof._metadata import meta_of
from sessionproof._protocol import WRITES, Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._wording import defect, observed
from sessionproof._worlds import Absent, Violation

if TYPE_CHECKING:
    from sessionproof._run import Run

SHORT = "short"
_OPENS = frozenset({"open", "openat", "openat2", "creat"})
_LISTS = frozenset({"getdents", "getdents64"})
_READS = frozenset({"read", "pread64", "readv", "preadv", "preadv2"}) | _LISTS
_STATS = frozenset({"stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"})
_LINKS = frozenset({"readlink", "readlinkat"})
_PLAIN_WRITES = frozenset({"write", "pwrite64"})
_WRITES = _PLAIN_WRITES | {"writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "fallocate"}
_MAKES = frozenset({"mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat"})
_MOVES = frozenset({"rename", "renameat", "renameat2"})
_REMOVES = frozenset({"unlink", "unlinkat", "rmdir"})
_MODES = frozenset({"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"})
_TIMES = frozenset({"utime", "utimes", "utimensat", "futimesat"})
_SYNCS = frozenset({"fsync", "fdatasync", "syncfs", "sync_file_range"})
_CHANGES = _MAKES | _MOVES | _REMOVES | {"truncate", "chmod", "fchmodat", "fchmodat2", "utimensat"}
_FULL = frozenset({"ENOSPC", "EDQUOT"})
_WAITS = frozenset({"flock", "fcntl"})
_MOST_SHORT = 64
"""Short writes of one operation: no file system halves for ever, and 13,000 bytes are written after 14."""
_LOCK = re.compile(r"(?<!b)lock", re.IGNORECASE)
"""What a lock file is called, and a block of data is not."""


def _fills(held: Held) -> bool:
    made = held.name in _OPENS and bool(held.flags & os.O_CREAT)
    return made or held.name in _WRITES | _MAKES | _MOVES


def _breaks(held: Held) -> bool:
    return held.name not in _WAITS | _SYNCS | {"lseek", "ioctl"}


def _is_forbidden(held: Held) -> bool:
    return held.name in _OPENS | _STATS - {"fstat"} | _LINKS | _CHANGES


def _is_read_only(held: Held) -> bool:
    return held.name in _CHANGES or (
        held.name in _OPENS and bool(held.flags & (os.O_ACCMODE | os.O_CREAT | os.O_TRUNC))
    )


def _is_interrupted(held: Held) -> bool:
    waits = held.lock is not None and held.lock.waits
    return waits or held.name in _OPENS | _READS - _LISTS | _WRITES | _SYNCS | {"ftruncate"}


_FITTING: dict[str, Callable[[Held], bool]] = {
    "ENOSPC": _fills,
    "EDQUOT": _fills,
    "EIO": _breaks,
    "EACCES": _is_forbidden,
    "EROFS": _is_read_only,
    "EMFILE": lambda held: held.name in _OPENS,
    "EINTR": _is_interrupted,
    SHORT: lambda held: held.name in _PLAIN_WRITES and held.arguments[2] > 1,
}


def fits(error: str, made: "Made") -> bool:
    """Whether a call may fail in this way, as its manual page has it: to open what is there takes no space."""
    return _FITTING[error](made.held) and (made.new or error not in _FULL or made.held.name not in _OPENS)


def is_sync(held: Held) -> bool:
    """Whether the call brings something to the disk."""
    return held.name in _SYNCS


def looks(held: Held) -> bool:
    """Whether the call only looks: at a file, a folder, a name."""
    reads = held.name in _OPENS and not held.flags & (os.O_ACCMODE | os.O_CREAT | os.O_TRUNC)
    return reads or held.name in _READS | _STATS | _LINKS


def lists(held: Held) -> bool:
    """Whether the call is part of listing a folder."""
    return held.name in _LISTS or (held.name in _OPENS and bool(held.flags & os.O_DIRECTORY))


def locks_of(made: Sequence["Made"]) -> list[str]:
    """The names that an operation makes where nothing may be, uses for nothing else, and removes again: its locks."""
    mine: set[str] = set()
    locks: set[str] = set()
    for one in made:
        held = one.held
        if one.new and (held.name in _MAKES or (held.name in _OPENS and held.flags & os.O_EXCL)):
            mine.add(held.paths[-1])
        if held.name in _MOVES | {"link", "linkat"}:
            mine.discard(held.paths[0])
        if held.name in _REMOVES:
            locks |= mine.intersection(held.paths)
    return sorted({_last(path) for path in locks})


def _last(path: str) -> str:
    return path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Made:
    """A call of an operation: its name with its number, and what it was.

    `new` tells a call whose last path had nothing under it, `folder` one on an open folder.
    """

    sight: str
    held: Held
    new: bool = False
    folder: bool = False

    def __str__(self) -> str:
        names = " and ".join(repr(_last(path)) for path in self.held.paths)
        return f"`{self.held.name}` of {names}" if names else f"`{self.held.name}`"


Decide: TypeAlias = Callable[[Made], str | None]
"""What becomes of a call: the name of an errno, `short`, or None where it goes on."""


def carried_out(process: GatedProcess, run: "Run", call: Call, decide: Decide) -> tuple[Outcome, list[Made]]:
    """Carry out one operation, deciding on each of its calls; the outcome, and all calls in order."""
    counts = Counter[str]()
    made: list[Made] = []
    process.hold(run.outside)
    try:
        process.ask(call)
        while isinstance(event := process.wait(), Held):
            counts[event.name] += 1
            path = event.paths[-1] if event.paths else "/"
            sight = f"{event.name}:{counts[event.name]}"
            made.append(Made(sight, event, not os.path.lexists(path), Path(path).is_dir()))
            match decide(made[-1]):
                case None:
                    process.go_on(event)
                case "short":
                    process.write_some(event, max(1, event.arguments[2] // 2))
                case error:
                    process.fail(event, getattr(errno, error))
        return event, made
    finally:
        process.let_go()


def request(run: "Run", step: Object) -> Call:
    """The call of a step: `open` is of the root, and metadata are what may be described."""
    method, params = cast("str", step["method"]), cast("Object", step.get("params", {}))
    if method == "open":
        return Call("open", {"root": str(run.root), "namespace": f"{run.outside.parent.name}-{run.outside.name}"})
    if method == "describe":
        params = Object(params, meta=meta_of(run, cast("str", params["id"]), cast("Object", params["meta"])))
    return Call(method, params)


def calls_of(run: "Run", step: Object) -> list[Made]:
    """The calls of an operation in which nothing fails; the run is good for nothing else afterwards."""
    assert isinstance(run.process, GatedProcess)
    return carried_out(run.process, run, request(run, step), lambda _: None)[1]


def fault(run: "Run", step: Object) -> None:
    """Let a call of an operation fail: `call`, `error`, `then`; judge what comes of it under `requirement`.

    The store is looked at, written to in the same object, and in a new one; with `reopen` in a new one only. `locks`
    are the names of locks, beside those that are called so.
    """
    requirement = cast("str", step["requirement"])
    call, error, then = request(run, step), cast("str", step["error"]), cast("str | None", step.get("then"))
    run.worlds = run.worlds.disturbed(requirement)
    failed: list[Made] = []

    def decide(made: Made) -> str | None:
        if made.sight == step["call"] and not failed:
            failed.append(made)
            return error
        if failed and then is not None and fits(then, made) and (then != SHORT or len(failed) < _MOST_SHORT):
            failed.append(made)
            return then
        return None

    assert isinstance(run.process, GatedProcess)
    outcome, made = carried_out(run.process, run, call, decide)
    if not failed:
        # Where names or threads differ from run to run the call may not come.
        run.count("calls that did not come")
        return
    run.count("faults")
    locks = frozenset(cast("list[str]", step.get("locks", [])))
    case = Case(failed, error, made, any(_is_lock(one.held, locks) for one in failed), bool(step.get("reopen")))
    try:
        _judge(run, call, outcome, requirement, case)
    except Violated as found:
        others = f", and {len(failed) - 1} after it {_how(then)}" if then and len(failed) > 1 else ""
        where = f"In `{call.method}`, {failed[0]} {_how(error)}{others}."
        said = found.violation.summary
        told = f"{where} {case.phase}, {said[:1].lower()}{said[1:]}" if case.phase else f"{said} {where}"
        violation = replace(found.violation, summary=told)
        raise Violated(violation, found.setup, found.steps, found.files) from None


def _how(error: str) -> str:
    return "wrote half of what it was given" if error == SHORT else f"failed with {error}"


@dataclass(slots=True)
class Case:
    """What failed, by which error at first, and all calls of the operation.

    `locked`: a lock was among what failed. `reopens`: the same store object is not written to. `phase` says where the
    store is being judged, once the operation itself has been.
    """

    failed: list[Made]
    error: str
    made: list[Made]
    locked: bool
    reopens: bool
    phase: str = ""


def _judge(run: "Run", call: Call, outcome: Outcome, requirement: str, case: Case) -> None:
    match outcome:
        case Silence():
            if requirement == "RES-2" or (requirement == "RES-1" and outcome.reason == "adapter-crash"):
                # To stop is a right answer to a sync that failed; a death on a full disk is reported.
                run.count("stores that stopped")
            else:
                run.report(defect(call, outcome))
            return
        case Answer() if requirement == "RES-2" and not _synced_again(case):
            summary = f"`{call.method}` is acknowledged, though a sync of it failed."
            expected = "an error `io`, or what was to be synced written and synced anew"
            run.report(Violation((requirement,), "failed-sync-acknowledged", summary, expected, observed(outcome)))
        case Refusal() if not _is_right(call, outcome, case):
            summary = f"`{call.method}` is refused as `{outcome.kind}`."
            fault = f"{call.method}-{outcome.kind}"
            run.report(Violation((requirement,), fault, summary, "an error `io`, or success", observed(outcome)))
        case _:
            pass
    take(run, call, outcome)
    goes_on(run, call, requirement, outcome, case)


def _is_right(call: Call, outcome: Refusal, case: Case) -> bool:
    """Whether the refusal is of a kind that fits what failed."""
    held = case.failed[0].held
    reading = looks(held) or call.method not in WRITES | {"check"}
    match outcome.kind:
        case Kind.IO:
            return True
        case Kind.CONFLICT:
            return case.locked
        case Kind.CORRUPT:
            return reading and (case.error == "EIO" or outcome.errno is None)
        case _:
            return False


def _is_lock(held: Held, locks: frozenset[str]) -> bool:
    """Whether the call takes a lock or gives it back: of the kernel, or a file that is one or is called one."""
    names = [_last(path) for path in held.paths]
    asked = held.lock is not None and not held.lock.asks
    return asked or any(name in locks or _LOCK.search(name) for name in names)


def _synced_again(case: Case) -> bool:
    """Whether something was written behind the failed sync, and synced."""
    behind = [made.held.name for made in case.made[case.made.index(case.failed[0]) + 1 :]]
    written = next((number for number, name in enumerate(behind) if name in _WRITES | _MOVES), len(behind))
    return any(name in _SYNCS for name in behind[written:])


def take(run: "Run", call: Call, outcome: Outcome) -> None:
    """What may be after the call: for a refused write, either."""
    if call.method == "open":
        run.no_store = outcome if isinstance(outcome, Refusal) else None
        run.worlds = run.place.model.reopened(run.worlds, orderly=True)
        return
    run.last = outcome
    if isinstance(outcome, Answer):
        step = run.place.model.step(run.worlds, call, outcome)
        run.worlds = step.worlds
        for violation in step.violations:
            run.report(violation)
    elif isinstance(outcome, Refusal) and call.method in WRITES and not outcome.not_applied:
        run.worlds = run.place.model.unknown(run.worlds, call)


def goes_on(run: "Run", call: Call, requirement: str, outcome: Outcome, case: Case) -> None:
    """Look in the same store object, do the same again and write, and look again; so once more in a new object.

    A lock that could not be given back is held while its holder lives: the new object is then in a new process.
    """
    refused = isinstance(outcome, Refusal)
    case.phase = "Afterwards, in the same store object"

    def look() -> None:
        run.worlds = run.worlds.disturbed(requirement)
        run.step_look({})

    def renew() -> None:
        case.phase = f"Afterwards, in a new {'process' if case.locked else 'store object'}"
        if case.locked:
            run.step_restart({"how": "close"})
        else:
            run.step_reopen({})

    if run.no_store is not None or (refused and case.locked):
        renew()
    look()
    # What the page cache holds is the bytes of files.
    if requirement == "RES-2" and refused and call.method in REPEATED and not case.failed[0].folder:
        _tried_again(run, call)
    if call.method == "open":
        # What was opened while it could not be written may be open for reading alone.
        renew()
    again = [call] if refused and call.method in REPEATED | {"delete"} else []
    for next_call in [] if case.reopens else again + next_write(run, call):
        # A store object may refuse to write after a failed sync.
        _write(run, next_call, requirement, may_refuse=refused and requirement == "RES-2")
    look()
    renew()
    look()
    for next_call in next_write(run, call):
        _write(run, next_call, requirement, may_refuse=False)
    look()


def _write(run: "Run", call: Call, requirement: str, *, may_refuse: bool) -> None:
    run.worlds = run.worlds.disturbed(requirement)
    if not may_refuse:
        run.perform(call)
        return
    outcome = run.process.call(call)
    if isinstance(outcome, Refusal) and outcome.kind in {Kind.IO, Kind.CONFLICT}:
        run.worlds = run.place.model.unknown(run.worlds, call)
    else:
        take(run, call, outcome)


REPEATED = frozenset({"save", "append", "attach"})
"""Writes that may be called again as they were."""


def _tried_again(run: "Run", call: Call) -> None:
    """Do the same again: what the failed sync was to bring to the disk has to be written, and synced, anew."""
    assert isinstance(run.process, GatedProcess)
    outcome, made = carried_out(run.process, run, call, lambda _: None)
    names = [one.held.name for one in made]
    written = next((number for number, name in enumerate(names) if name in _WRITES | _MOVES), len(names))
    synced = any(name in _SYNCS for name in names[written:])
    run.count("writes tried again")
    if isinstance(outcome, Answer) and not synced:
        summary = f"`{call.method}`, refused as a sync of it failed and called again, is acknowledged without another."
        expected = "what was to be synced is written and synced anew"
        shown = (
            ", ".join(str(one) for one in made if one.held.name in _WRITES | _MOVES | _REMOVES | _SYNCS) or "neither"
        )
        run.report(Violation(("RES-2",), "page-cache-trusted", summary, expected, f"writes and syncs: {shown}"))
    take(run, call, outcome)


def next_write(run: "Run", call: Call) -> list[Call]:
    """A write to the session."""
    id = call.id or next(iter(run.worlds.sessions), "")
    gone = all(isinstance(state, Absent) for state in run.worlds.states(id))
    if not id or (gone and run.listed("create")):
        return []
    value = run.content.plain(17, id)
    return [
        Call("append", {"id": id, "entries": [value]})
        if run.setup.logs
        else Call("save", {"id": id, "document": value})
    ]
