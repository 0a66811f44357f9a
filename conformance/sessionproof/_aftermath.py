"""What is done with the disk that a death or a loss of power has left: it is opened, looked at, written to again."""

import contextlib
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from sessionproof._disk import Chmod, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._judge import Aftermath, Cut, Violated
from sessionproof._protocol import Call, Outcome
from sessionproof._recording import Refused
from sessionproof._worlds import Absent, Worlds

if TYPE_CHECKING:
    from sessionproof._recorder import RecordedProcess
    from sessionproof._run import Run

T = TypeVar("T")
_SHOWN = 12
_ROOT = b"root"
"""The store's own folder, in the one that is recorded."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of the recorded run, or None for a new store object, and the worlds after its answer.

    `count` is the number of operations that were recorded when the answer came.
    """

    call: Call | None
    after: Worlds
    count: int


def recorded(run: "Run") -> list[Operation]:
    """What the store has done so far. Where its number may stand in a file, the process ends.

    Raises:
        Refused: The recording does not tell what lies in the root; or the store keeps files elsewhere, where the
            manifest lets it: no state that a death or a loss of power leaves has those as they were then.
    """
    process = cast("RecordedProcess", run.process)
    operations = process.recorded(run.outside, run.place.volatile)
    for path in sorted(process.elsewhere):
        if path.is_file() and run.place.allowed_outside(path):
            raise Refused(
                f"{path} was written to and is still there. The manifest allows that, but it is outside the root, and "
                "only what is in the root can be put back to how a death would have left it"
            )
    process.end_if_named(operations)
    return operations


@contextlib.contextmanager
def opened(run: "Run", disk: Disk, worlds: Worlds, judge: Aftermath, *, recorded: bool = False) -> Generator["Run"]:
    """A run on what was left, of which nothing was asked yet."""
    twin = run.fork(disk, recorded=recorded)
    twin.judge, twin.worlds, twin.base = judge, worlds, (disk, worlds)
    try:
        yield twin
    finally:
        run.place.forget(twin)


_REMEMBERED = 4_096


class Looks:
    """Looks at what was left, and remembers the answers: the same files are not opened again for other worlds."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._known: dict[object, list[tuple[Call, Outcome]]] = {}

    def look(self, disk: Disk, worlds: Worlds, judge: Aftermath) -> None:
        """Open it, and ask for all that the protocol shows.

        Raises:
            Violated: A finding that counts.
        """
        key = hash(disk.key()), tuple(worlds.sessions), worlds.created
        known = self._known.get(key)
        if known is not None and self._hold(known, worlds, judge):
            return
        with opened(self._run, disk, worlds, judge) as twin:
            twin.observed = []
            twin.do({"do": "wake"})
            twin.do({"do": "look"})
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            self._known[key] = twin.observed

    def _hold(self, answers: Sequence[tuple[Call, Outcome]], worlds: Worlds, judge: Aftermath) -> bool:
        """Whether the answers are right in these worlds; if not, the files are opened again to see it."""
        for call, outcome in answers:
            step = self._run.place.model.step(worlds, call, outcome)
            worlds = step.worlds
            if any(map(judge.counts, step.violations)):
                return False
        return True


def goes_on(twin: "Run", call: Call | None, requirement: str) -> None:
    """Once looked at, the next write succeeds, and is there after another restart with all that was."""
    twin.do({"do": "wake"})
    twin.do({"do": "look"})
    twin.do({"do": "disturb", "requirement": requirement})
    writes(twin, call)
    for step in ("look", "reopen", "look"):
        twin.do({"do": "disturb", "requirement": requirement})
        twin.do({"do": step})


def writes(twin: "Run", call: Call | None) -> None:
    """The next write: to the session that was being written to, or to any."""
    sessions = list(twin.worlds.sessions)
    id = call.id if call is not None and call.id in sessions else next(iter(sessions), None)
    gone = id is None or all(isinstance(state, Absent) for state in twin.worlds.states(id))
    if id is not None and not (gone and twin.listed("create")):
        twin.write(id, twin.content.plain(17, id))


def spread(values: Sequence[T], most: int) -> Sequence[T]:
    """So many of them, evenly; all where there are no more."""
    return values if len(values) <= most else [values[number * len(values) // most] for number in range(most)]


def told(  # noqa: PLR0913, PLR0917 - all that the witness shows
    run: "Run", found: Violated, where: str, lines: Sequence[str], disk: Disk, cut: Cut | None = None
) -> Violated:
    """The finding with the instant that it comes from, the steps of the recorded run, and the files as left."""
    violation = replace(
        found.violation,
        summary=f"{found.violation.summary} {where}",
        observed="\n".join([found.violation.observed, "the file operations:", *lines]),
    )
    files = [
        f"{os.fsdecode(path)} ({f'{len(inode.content)} bytes' if inode.kind == 'file' else inode.kind})"
        for path, inode in disk.walk()
        if path != _ROOT
    ]
    return Violated(violation, run.setup, list(run.steps), [file.removeprefix("root/") for file in files], cut)


def around(operations: Sequence[Operation], count: int, cut: int, remarks: Mapping[int, str], what: str) -> list[str]:
    """The operations around an instant, which lies after `count` of them and `cut` bytes of the next.

    `remarks` are about operations, by number from 1; the last of those that have one are shown, wherever they are.
    """
    texts = [*_texts(operations)]
    shown = {*range(max(0, count - _SHOWN), count), *(number - 1 for number in sorted(remarks)[-_SHOWN:])}
    lines: list[str] = []
    last = -1
    for number in sorted(shown):
        if number > last + 1:
            lines.append("      ...")
        lines.append(f"{number + 1:>4}. {texts[number]}{remarks.get(number + 1, '')}")
        last = number
    if cut:
        lines.append(f"{count + 1:>4}. {texts[count]}: the first {cut} bytes of it")
    lines.append(f"   -- {what} --")
    return lines + [f"{number + 1:>4}. {texts[number]}" for number in range(count, len(texts))][: _SHOWN // 3]


def _texts(operations: Sequence[Operation]) -> Iterator[str]:
    """Each operation in words."""
    paths = _Paths()
    for operation in operations:
        yield paths.of_names(operation) or paths.of_files(operation)


class _Paths:
    """What each inode is called, newest name last, as operations give and take names."""

    def __init__(self) -> None:
        self._known: dict[int, list[str]] = {0: ["."]}

    def _called(self, inode: int | None) -> str:
        return "everything" if inode is None else next(reversed(self._known.get(inode, [])), "a file without a name")

    def _path(self, folder: int, name: bytes) -> str:
        return f"{self._called(folder)}/{name.decode('utf-8', 'backslashreplace')}".removeprefix("./")

    def _taken(self, path: str) -> list[str]:
        """The names of the inode that loses this one."""
        for known in self._known.values():
            if path in known:
                known.remove(path)
                return known
        return []

    def of_names(self, operation: Operation) -> str | None:
        """An operation on names, in words."""
        match operation:
            case Make(inode=inode, folder=folder, name=name, kind=kind):
                self._known[inode] = [self._path(folder, name)] if name else []
                return f"make the {kind} {self._called(inode)}"
            case Rename(folder=folder, name=name, new_folder=new_folder, new_name=new_name, exchange=exchange):
                old, new = self._path(folder, name), self._path(new_folder, new_name)
                moved, replaced = self._taken(old), self._taken(new)
                moved.append(new)
                if exchange:
                    replaced.append(old)
                return f"exchange {old} and {new}" if exchange else f"rename {old} to {new}"
            case Unlink(folder=folder, name=name):
                self._taken(self._path(folder, name))
                return f"unlink {self._path(folder, name)}"
            case Link(folder=folder, name=name, inode=inode):
                known = self._called(inode)
                self._known.setdefault(inode, []).append(self._path(folder, name))
                return f"link {known} to {self._called(inode)}"
            case _:
                return None

    def of_files(self, operation: Operation) -> str:
        """Any other operation in words."""
        match operation:
            case Write(inode=inode, offset=offset, data=data):
                return f"write {len(data)} bytes at {offset} to {self._called(inode)}"
            case Sync(inode=inode, data=data, failed=failed):
                return f"{'fdatasync' if data else 'fsync'} {self._called(inode)}{', which fails' if failed else ''}"
            case Resize(inode=inode, size=size):
                return f"cut or lengthen {self._called(inode)} to {size} bytes"
            case Chmod(inode=inode, mode=mode):
                return f"chmod {mode:04o} {self._called(inode)}"
            case _:
                return ""
