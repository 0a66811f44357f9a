"""Where probes run: adapter processes, folders, budgets, and how a finding is confirmed before it is reported."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from hypothesis import Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from sessionproof import _json
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._documents import ALL_CHECKS, MAX_DEPTH, Documents
from sessionproof._from_schema import Limits
from sessionproof._json import JSON, Object
from sessionproof._model import Model
from sessionproof._protocol import Answer, Call
from sessionproof._run import EnvironmentFault, Judge, Run, Setup, Violated, perform
from sessionproof._statement import Statement
from sessionproof._worlds import Violation


class Inconclusive(Exception):  # noqa: N818 - a verdict
    """The probe ran and cannot tell. The message says why."""


class NotApplicable(Exception):  # noqa: N818 - a verdict
    """The requirement rests on something that this store does not claim or do. The message is the condition."""


class NotRun(Exception):  # noqa: N818 - a verdict
    """The environment lacks something that the probe needs. The message says what."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is tried, in counts: never in seconds, so that verdicts do not depend on the speed of the machine.

    `examples` histories of `steps` steps, `documents`, `ids`, `cuts` and `flips` for each file, attachment `items` and
    the length of a long one; of curated lists every `share`-th entry.
    """

    examples: int
    steps: int
    documents: int
    ids: int
    cuts: int
    flips: int
    items: int
    item_length: int
    share: int


PROFILES: Mapping[str, Budget] = {
    "quick": Budget(
        examples=6, steps=12, documents=20, ids=12, cuts=24, flips=24, items=300, item_length=70_000, share=9
    ),
    "standard": Budget(
        examples=40, steps=25, documents=200, ids=100, cuts=400, flips=400, items=300, item_length=1_000_000, share=1
    ),
    "exhaustive": Budget(
        examples=400,
        steps=50,
        documents=3_000,
        ids=1_500,
        cuts=1 << 30,
        flips=1 << 30,
        items=3_000,
        item_length=17_000_000,
        share=1,
    ),
}

T = TypeVar("T")


class _Halt(BaseException):
    """Leaves Hypothesis at once, where every try costs a deadline or the adapter is at fault."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(slots=True)
class _Processes:
    """The live adapter processes, one for each way to start them."""

    launch: Launch
    live: dict[Setup, AdapterProcess] = field(default_factory=dict["Setup", AdapterProcess])

    def start(self, setup: Setup) -> AdapterProcess:
        return AdapterProcess(replace(self.launch, umask=setup.umask, unprivileged=setup.unprivileged))

    def at_hand(self, setup: Setup) -> AdapterProcess:
        key = Setup(umask=setup.umask, unprivileged=setup.unprivileged)
        process = self.live.get(key)
        if process is None or not process.alive:
            process = self.live[key] = self.start(setup)
        return process

    def replaced(self, setup: Setup) -> AdapterProcess:
        key = Setup(umask=setup.umask, unprivileged=setup.unprivileged)
        old = self.live.pop(key, None)
        if old is not None and old.alive:
            old.kill()
        process = self.live[key] = self.start(setup)
        return process

    def end(self) -> None:
        for process in self.live.values():
            if process.alive:
                process.kill()


class Lab:
    """One adapter, one place on disk, one budget. Use it as a context manager: its processes and folders go with it.

    Args:
        launch: How to start the adapter.
        budget: How much to try.
        seed: Where drawing starts; the same seed draws the same.
        volatile: Patterns of files whose content is rebuilt.
        assume: Claims that the store is judged by beyond its own (`durability`, `concurrency`).
        outside: Paths outside the root that the store may write to.

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
    ) -> None:
        self.budget, self.seed, self.volatile, self.outside = budget, seed, volatile, outside
        self.folder = Path(tempfile.mkdtemp(prefix="sessionproof-", dir=memory_folder()))
        (self.folder / "tmp").mkdir()
        environment = {"TMPDIR": str(self.folder / "tmp"), "SESSIONPROOF_DECOY": "decoy"}
        self.launch = replace(launch, environment={**launch.environment, **environment})
        self._processes = _Processes(self.launch)
        self._folders = 0
        self._carried: dict[str, bool] = {}
        try:
            first = self._processes.at_hand(Setup())
        except AdapterFault:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.claimed = first.statement
        self.noise = tuple(first.noise)
        self.statement: Statement = replace(first.statement, **cast("dict[str, Any]", dict(assume or {})))
        self.warnings: list[str] = [
            f"standard output carried a line before `initialize` was answered: {line!r}" for line in self.noise
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end()
        # A store may have taken the right to list its own folders.
        for path in [self.folder, *self.folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what a run needs (Workplace) ----------------------------------------------------------------------------------

    @cached_property
    def limits(self) -> Limits:
        """What the adapter's own JSON carries, found out by `echo`."""
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

    @property
    def documents(self) -> Documents:
        """The documents of the statement's fidelity."""
        return self._judgement[0]

    @property
    def model(self) -> Model:
        """The reference semantics under the statement."""
        return self._judgement[1]

    @cached_property
    def _judgement(self) -> tuple[Documents, Model]:
        documents = Documents(self.statement, self.limits)
        return documents, Model(self.statement, documents.must_keep, documents.invalid)

    @property
    def canary(self) -> Path:
        """The file that hostile code would make."""
        return self.folder / "canary"

    def new_folder(self) -> Path:
        """An empty folder of its own."""
        self._folders += 1
        folder = self.folder / f"run-{self._folders}"
        folder.mkdir()
        return folder

    def allowed_outside(self, path: Path) -> bool:
        """Whether the manifest lets the store write there."""
        return any(path == allowed or allowed in path.parents for allowed in self.outside)

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
        """Whether a save changes a file under the root (adapter protocol, Lifetimes)."""
        operations = self.statement.operations
        if "save" not in operations or self.statement.ids_kind == "store":
            return False
        run = Run(self, Setup(), Judge("", {}))
        before = run.tree()
        (id,) = self.ids(1)
        run.call("save", id=id, document=self.documents.plain(0, id))
        run.do({"do": "rest"})
        changed = any(
            entry.kind == "file" and entry.content and (name not in before or before[name].content != entry.content)
            for name, entry in run.tree().items()
        )
        self.forget(run)
        return changed

    def ids(self, count: int) -> list[str]:
        """Ids that the statement promises to accept; fewer where it promises fewer."""
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
            case "pattern":
                return self._pattern_ids[:count]
            case _:
                return []

    @cached_property
    def _pattern_ids(self) -> list[str]:
        from sessionproof._ids import promised  # noqa: PLC0415 - ids draw on the lab's own helpers

        return promised(self.statement, 40)

    def forget(self, run: Run) -> None:
        """Close what the run holds and remove its files."""
        with contextlib.suppress(AdapterFault):
            run.end()
        if run.watch is not None:
            run.watch.close()
        if run.outside.exists():
            for path in [run.outside, *run.outside.rglob("*")]:
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o700)
            shutil.rmtree(run.outside, ignore_errors=True)


def memory_folder() -> str | None:
    """A file system in memory, where there is one: crash states and hundreds of roots are made there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - mkdtemp makes a folder of its own in it


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


@dataclass(slots=True)
class Trial:
    """One probe of one requirement at work: opens runs, counts what was tried."""

    lab: Lab
    requirement: str
    translate: Mapping[str, str] = field(default_factory=dict[str, str])
    trials: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def statement(self) -> Statement:
        """What the store is judged by."""
        return self.lab.statement

    @property
    def budget(self) -> Budget:
        """How much to try."""
        return self.lab.budget

    @property
    def documents(self) -> Documents:
        """What may be saved."""
        return self.lab.documents

    def has(self, *methods: str) -> bool:
        """Whether the statement lists all these operations."""
        return set(methods) <= self.statement.operations

    def ids(self, count: int) -> list[str]:
        """Ids that the statement promises.

        Raises:
            NotApplicable: It promises fewer.
        """
        ids = self.lab.ids(count)
        if len(ids) < count:
            raise NotApplicable(
                f"needs {count} ids of the caller's choice; the statement says ids: {self.statement.ids_kind}"
            )
        return ids

    @contextlib.contextmanager
    def run(self, setup: Setup | None = None, *, fast: bool = False) -> Generator[Run]:
        """A store on a fresh root; what it tried is counted."""
        run = Run(self.lab, setup or Setup(), Judge(self.requirement, self.translate), fast=fast)
        with self.counted(run):
            yield run

    @contextlib.contextmanager
    def counted(self, run: Run) -> Generator[Run]:
        """Count what the run tries, and drop its files afterwards."""
        try:
            yield run
        finally:
            for what, number in run.trials.items():
                self.count(what, number)
            self.lab.forget(run)

    def count(self, what: str, number: int = 1) -> None:
        """Count towards how much was tried."""
        self.trials[what] = self.trials.get(what, 0) + number

    def need(self, **minimum: int) -> None:
        """Refuse to pass where less was tried: keywords are counters with `_` for a space.

        Raises:
            Inconclusive: A counter is below its minimum.
        """
        for name, least in minimum.items():
            what = name.replace("_", " ")
            if self.trials.get(what, 0) < least:
                raise Inconclusive(f"only {self.trials.get(what, 0)} {what}; at least {least} are needed to tell")

    # -- Hypothesis ----------------------------------------------------------------------------------------------------

    def settings(self, examples: int, steps: int = 1) -> settings:
        """Reproducible, and never hurried."""
        return settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=ALL_CHECKS,
        )

    def explore(self, strategy: st.SearchStrategy[T], examples: int, body: Callable[[T], None]) -> None:
        """Call `body` with drawn values; a `Violated` that it raises is shrunk to the simplest value."""

        @seed(self.lab.seed)
        @self.settings(examples)
        @given(strategy)
        def example(value: T) -> None:
            self.count("examples")
            with self.halting():
                body(value)

        self._unwrapped(example)

    def machine(self, machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
        """Run a state machine; a `Violated` that it raises is shrunk to the shortest history."""
        seeded = seed(self.lab.seed)(machine)
        self._unwrapped(lambda: run_state_machine_as_test(seeded, settings=self.settings(examples, steps)))

    @contextlib.contextmanager
    def halting(self) -> Generator[None]:
        """Inside an example: leave Hypothesis where going on would cost a deadline each time."""
        try:
            yield
        except (AdapterFault, EnvironmentFault) as fault:
            raise _Halt(fault) from None
        except Violated as found:
            if found.violation.fault.endswith("-hang"):
                raise _Halt(found) from None
            raise

    @staticmethod
    def _unwrapped(search: Callable[[], None]) -> None:
        try:
            search()
        except _Halt as halt:
            raise halt.cause from None
        except Flaky as flaky:
            raise Inconclusive(
                f"a finding did not repeat when it was tried again: {str(flaky).splitlines()[0]}"
            ) from flaky


@dataclass(frozen=True, slots=True)
class Finding:
    """A confirmed violation, and the steps that show it."""

    violation: Violation
    setup: Setup
    steps: list[Object]
    translate: Mapping[str, str]
    files: list[str]


def confirm(
    lab: Lab, requirement: str, translate: Mapping[str, str], setup: Setup, steps: list[Object]
) -> Violated | None:
    """Carry the steps out again in a fresh process on a fresh root; the finding, if it is there again.

    Raises:
        AdapterFault: The adapter could not be driven.
        EnvironmentFault: The machine is in the way.
    """
    lab.fresh_process(setup)
    run: Run | None = None
    try:
        run = Run(lab, setup, Judge(requirement, translate))
        perform(run, steps)
    except Violated as found:
        return found
    finally:
        if run is not None:
            lab.forget(run)
    return None
