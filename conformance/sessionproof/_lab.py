"""Where probes run: adapter processes, folders, budgets, and how a finding is confirmed before it is reported."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from sessionproof import _confirmation, _json, _small_disk, _tree
from sessionproof._budget import Budget
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._content import MAX_DEPTH, Content
from sessionproof._counting import CountedProcess, WriteCountedProcess
from sessionproof._from_schema import Limits
from sessionproof._gate import GatedProcess
from sessionproof._json import JSON
from sessionproof._judge import Cut, Judge
from sessionproof._loop import FileSystem
from sessionproof._model import Model
from sessionproof._placeholders import log
from sessionproof._protocol import Answer, Call
from sessionproof._recorder import RecordedProcess, killing
from sessionproof._run import Run
from sessionproof._setup import Setup

if TYPE_CHECKING:
    from sessionproof._statement import Statement


@dataclass(slots=True)
class _Processes:
    """The live adapter processes, one for each way to start them."""

    launch: Launch
    folder: Path
    live: dict[Setup, AdapterProcess] = field(default_factory=dict["Setup", AdapterProcess])

    def start(self, setup: Setup) -> AdapterProcess:
        launch = replace(self.launch, umask=setup.umask, unprivileged=setup.unprivileged)
        if setup.gated:
            return GatedProcess(launch)
        if setup.counted:
            counting = WriteCountedProcess if setup.counted == "writes" else CountedProcess
            return counting(launch, Path(tempfile.mkdtemp(prefix="trace-", dir=self.folder)))
        if setup.recorded:
            trace = Path(tempfile.mkdtemp(prefix="trace-", dir=self.folder))
            return RecordedProcess(launch, trace, setup.failing)
        if setup.killed:
            launch = killing(launch, setup.killed)
        return AdapterProcess(launch)

    def at_hand(self, setup: Setup) -> AdapterProcess:
        process = self.live.get(_started(setup))
        # Which call it is that fails, or meets a kill, is counted from the start of the process.
        used = process is None or not process.alive or setup.failing or setup.killed
        return self.replaced(setup) if process is None or used else process

    def replaced(self, setup: Setup) -> AdapterProcess:
        key = _started(setup)
        old = self.live.pop(key, None)
        if old is not None:
            old.kill()
        process = self.live[key] = self.start(setup)
        return process

    def end(self) -> None:
        for process in self.live.values():
            process.kill()


def _started(setup: Setup) -> Setup:
    """What of a setup tells how to start a process; of those in which calls fail or kill one is kept at a time."""
    failing, killed = ("some" if call else "" for call in (setup.failing, setup.killed))
    return Setup(
        setup.umask,
        setup.unprivileged,
        recorded=setup.recorded,
        counted=setup.counted,
        gated=setup.gated,
        side=setup.side,
        failing=failing,
        killed=killed,
    )


class Lab:
    """One adapter, one place on disk, one budget. Use it as a context manager: its processes and folders go with it.

    Args:
        launch: How to start the adapter.
        budget: How much to try.
        seed: Where drawing starts; the same seed draws the same.
        volatile: Patterns of files whose content is rebuilt.
        assume: Claims that the store is judged by beyond its own (`durability`, `concurrency`).
        outside: Paths outside the root that the store may write to.
        confirm_on: Real file systems on which losses of power are confirmed.

    Raises:
        AdapterFault: The adapter does not start or does not speak the protocol.
    """

    def __init__(  # noqa: PLR0913 - what a manifest says, each by name
        self,
        launch: Launch,
        budget: Budget,
        *,
        seed: int = 0,
        volatile: tuple[str, ...] = ("*-shm",),
        assume: Mapping[str, str] | None = None,
        outside: tuple[Path, ...] = (),
        confirm_on: tuple[FileSystem, ...] = (),
    ) -> None:
        self.confirm_on = confirm_on
        self.budget, self.seed, self.volatile, self.outside = budget, seed, volatile, outside
        # As the kernel names it: that is how it stands in a recording.
        self.folder = Path(tempfile.mkdtemp(prefix="sessionproof-", dir=_tree.memory_folder())).resolve()
        (self.folder / "tmp").mkdir()
        environment = {
            "TMPDIR": str(self.folder / "tmp"),
            "SESSIONPROOF_DECOY": "decoy",
            "SESSIONPROOF_CANARY": str(self.canary),
        }
        self.launch = replace(launch, environment={**launch.environment, **environment})
        self._processes = _Processes(self.launch, self.folder)
        self._folders = 0
        self._carried: dict[str, bool] = {}
        self.warnings: list[str] = []
        try:
            first = self._processes.at_hand(Setup())
            self.statement: Statement = replace(first.statement, **cast("dict[str, Any]", dict(assume or {})))
            for line in first.noise:
                self.warnings.append(f"standard output carried a line before `initialize` was answered: {line!r}")
            self.limits = self._measured()
        except AdapterFault:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end()
        _opened_up(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what a run needs (Workplace) ----------------------------------------------------------------------------------

    def _measured(self) -> Limits:
        """What the adapter's own JSON carries, found out by `echo` before any store is open."""
        if "echo" not in self.statement.operations:
            return Limits(max_integer=10**17 - 1, max_depth=MAX_DEPTH)
        integers = [2**53 - 1, 10**17 - 1, 2**63 - 1, 2**64 - 1, 10**30]
        depths = [MAX_DEPTH, 100, 126, 127, 128, 129, 200, 500]
        return Limits(
            surrogates=self._echoes("\ud800", "a lone surrogate"),
            max_integer=max(
                (n for n in integers if self._echoes([n, -n], f"an integer of {len(str(n))} digits")), default=2**31 - 1
            ),
            max_depth=max((n for n in depths if self._echoes(nested(n), f"{n} levels")), default=20),
            any_float=self._echoes([5e-324, 1.7976931348623157e308, 0.1], "floats"),
        )

    def _echoes(self, value: JSON, what: str) -> bool:
        try:
            return self._echo(self._processes.at_hand(Setup()), value)
        except AdapterFault as fault:
            self.warnings.append(
                f"`echo` of {what}: {str(fault).splitlines()[0]} Such values are not sent to the store."
            )
            return False

    @staticmethod
    def _echo(process: AdapterProcess, value: JSON) -> bool:
        outcome = process.call(Call("echo", {"value": value}))
        return isinstance(outcome, Answer) and _json.same(outcome.result["value"], value)

    def content(self, *, logs: bool) -> Content:
        """What may be written into a document, or with `logs` into a log, under the statement."""
        return self._contents[logs]

    @cached_property
    def _contents(self) -> tuple[Content, Content]:
        return Content(self.statement, self.limits), Content(self.statement, self.limits, logs=True)

    @property
    def model(self) -> Model:
        """The reference semantics under the statement."""
        return self._model

    @cached_property
    def _model(self) -> Model:
        return Model(self.statement, *self._contents)

    @property
    def canary(self) -> Path:
        """The file that hostile code would make."""
        return self.folder / "canary"

    def new_folder(self, *, small: bool = False) -> Path:
        """An empty folder of its own; `small`: with little room."""
        self._folders += 1
        folder = self.folder / f"run-{self._folders}"
        folder.mkdir()
        if small:
            _small_disk.mount(folder)
        return folder

    def allowed_outside(self, path: Path) -> bool:
        """Whether the manifest lets the store write there."""
        places = list(self.outside)
        if Path(tempfile.gettempdir()) in places:
            places.append(self.folder / "tmp")
        return any(path == allowed or allowed in path.parents for allowed in places)

    def seen_on(self, kind: FileSystem, cut: Cut) -> bool:
        """Whether a loss of power was seen to leave what breaks the store on a real file system."""
        return kind in self.confirm_on and _confirmation.confirm(kind, cut).seen > 0

    def process(self, setup: Setup) -> AdapterProcess:
        """A live process, perhaps one that was used before."""
        return self._processes.at_hand(setup)

    def fresh_process(self, setup: Setup) -> AdapterProcess:
        """A process that has served nothing yet."""
        return self._processes.replaced(setup)

    def carries(self, process: AdapterProcess, value: JSON) -> bool:
        """Whether the adapter's own JSON brings the value back unchanged, as far as `echo` tells."""
        if _tame(value):
            return True
        if "echo" not in self.statement.operations:
            return _json.depth(value) <= MAX_DEPTH + 1 and all(
                len(str(abs(n))) <= 17 for n in _json.numbers(value) if isinstance(n, int)
            )
        key = _json.key(value)
        if key not in self._carried:
            self._carried[key] = self._echo(process, value)
        return self._carried[key]

    @cached_property
    def on_disk(self) -> bool:
        """Whether a save or append changes a file under the root (adapter protocol, Lifetimes)."""
        return any(self._changes_a_file(logs=logs) for logs in self.statement.keeps)

    def _changes_a_file(self, *, logs: bool) -> bool:
        run = Run(self, Setup(logs=logs), Judge("STO-2", {}))
        before = run.tree()
        for id in self.ids(1, logs=logs):
            run.write(id, self.content(logs=logs).plain(0, id))
        run.do({"do": "rest"})
        changed = any(
            entry.kind == "file" and entry.content and (name not in before or before[name].content != entry.content)
            for name, entry in run.tree().items()
        )
        self.forget(run)
        return changed

    def ids(self, count: int, *, logs: bool) -> list[str]:
        """Ids that the statement promises to accept, or what stands for them; fewer where it promises fewer."""
        if self.statement.ids_kind == "store" or (logs and "create" in self.statement.operations):
            return [log(number) for number in range(1, count + 1)] if "create" in self.statement.operations else []
        match self.statement.ids_kind:
            case "any":
                return [
                    *["a", "b-2", "Session_3", "2026-11-20", "x" * 64],
                    *(f"s{number}" for number in range(1, count)),
                ][:count]
            case "uuid":
                return [f"{number:08x}-1c2b-4d5e-8f90-{number * 7919:012x}" for number in range(1, count + 1)]
            case "single":
                return ["session"]
            case _:
                return self._pattern_ids[:count]

    @cached_property
    def _pattern_ids(self) -> list[str]:
        from sessionproof._ids import promised  # noqa: PLC0415 - ids draw on the lab's own helpers

        return promised(self.statement, 40)

    def forget(self, run: Run) -> None:
        """Close what the run holds and remove its files."""
        with contextlib.suppress(AdapterFault):
            run.end()
        if run.setup.small:
            _small_disk.unmount(run.outside)
        shutil.rmtree(run.outside, ignore_errors=True)
        if run.outside.exists():
            _opened_up(run.outside)
            shutil.rmtree(run.outside, ignore_errors=True)


def _opened_up(folder: Path) -> None:
    """Let everything below a folder be listed: a store may have taken the right to that."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def nested(levels: int) -> JSON:
    """Lists in lists, so many levels deep."""
    value: JSON = []
    for _ in range(levels - 1):
        value = [value]
    return value


def _tame(value: JSON) -> bool:
    """Values that any JSON library carries: no need to ask."""
    return (
        all(text.isascii() and text.isprintable() for text in _json.strings(value))
        and all(isinstance(n, int) and abs(n) < 2**31 for n in _json.numbers(value))
        and _json.depth(value) <= 20
    )
