"""One probe of one requirement at work: the runs it opens, what it counts, how Hypothesis drives it, how it ends."""

import contextlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from hypothesis import Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from sessionproof._budget import Budget
from sessionproof._client import AdapterFault
from sessionproof._content import Content
from sessionproof._cost import Cost
from sessionproof._gate import NoGate
from sessionproof._json import Object
from sessionproof._json_values import ALL_CHECKS
from sessionproof._judge import EnvironmentFault, Judge, Violated
from sessionproof._lab import Lab
from sessionproof._recorder import NoRecorder
from sessionproof._recording import Refused
from sessionproof._run import Run, perform
from sessionproof._setup import Setup
from sessionproof._statement import Statement

T = TypeVar("T")


class Inconclusive(Exception):  # noqa: N818 - a verdict
    """The probe ran and cannot tell. The message says why."""


class NotApplicable(Exception):  # noqa: N818 - a verdict
    """The requirement rests on something that this store does not claim or do. The message is the condition."""


class NotRun(Exception):  # noqa: N818 - a verdict
    """The environment lacks something that the probe needs. The message says what."""


class _Hidden(Generic[T]):
    """A drawn value that Hypothesis does not print: its printer goes down a frame for each level of nesting."""

    def __init__(self, value: T) -> None:
        self.value = value


@st.composite
def _hidden(draw: st.DrawFn, strategy: st.SearchStrategy[T]) -> _Hidden[T]:
    # Not `map`: of that Hypothesis would print the call, and the value in it.
    return _Hidden(draw(strategy))


class _Halt(BaseException):
    """Leaves Hypothesis at once, where every try costs a deadline or the adapter is at fault."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(slots=True)
class Trial:
    """One probe of one requirement at work: opens runs, counts what was tried. `cause` is why it was cut short.

    `cost` is what operations were seen to cost, by name. With `logs` its sessions are logs, otherwise documents.
    """

    lab: Lab
    requirement: str
    translate: Mapping[str, str] = field(default_factory=dict[str, str])
    logs: bool = False
    trials: dict[str, int] = field(default_factory=dict[str, int])
    cause: Exception | None = None
    cost: dict[str, Cost] = field(default_factory=dict[str, "Cost"])

    @property
    def statement(self) -> Statement:
        """What the store is judged by."""
        return self.lab.statement

    @property
    def budget(self) -> Budget:
        """How much to try."""
        return self.lab.budget

    @property
    def content(self) -> Content:
        """What may be written into a session."""
        return self.lab.content(logs=self.logs)

    @property
    def writes(self) -> bool:
        """Whether anything can be written into such sessions at all."""
        return self.logs in self.statement.keeps

    def need_names(self) -> None:
        """Refuse to go on where callers do not choose the names of sessions.

        Raises:
            NotApplicable: The store names them itself.
        """
        if self.statement.ids_kind == "store" or (self.logs and self.has("create")):
            raise NotApplicable("the store names its sessions itself")

    def need_format(self) -> None:
        """Refuse to go on where the claimed format is not one of such sessions.

        Raises:
            NotApplicable: It is one of documents, and these are logs, or the other way round.
        """
        if (self.statement.format_name == "step") != self.logs:
            raise NotApplicable(f"the claimed format is {self.statement.format_name}")

    def has(self, *methods: str) -> bool:
        """Whether the statement lists all these operations."""
        return set(methods) <= self.statement.operations

    def ids(self, count: int) -> list[str]:
        """Ids that the statement promises.

        Raises:
            NotApplicable: It promises fewer.
        """
        ids = self.lab.ids(count, logs=self.logs)
        if len(ids) < count:
            raise NotApplicable(
                f"needs {count} ids of the caller's choice; the statement says ids: {self.statement.ids_kind}"
            )
        return ids

    def some_ids(self, count: int) -> list[str]:
        """Ids that the statement promises: so many, or as many as there are.

        Raises:
            NotApplicable: It promises none.
        """
        return self.ids(max(1, min(count, len(self.lab.ids(count, logs=self.logs)))))

    def start(self, setup: Setup | None = None, *, fast: bool = False) -> Run:
        """A store on a fresh root; the caller sees to it that it is forgotten."""
        prepared = replace(setup or Setup(), logs=self.logs)
        return Run(self.lab, prepared, Judge(self.requirement, self.translate), fast=fast)

    @contextlib.contextmanager
    def run(self, setup: Setup | None = None, *, fast: bool = False) -> Generator[Run]:
        """A store on a fresh root; what it tried is counted."""
        run = self.start(setup, fast=fast)
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

        `writes_tried` and `writes_acknowledged` count saves and appends.

        Raises:
            Inconclusive: A counter is below its minimum.
        """
        count = self.trials.get
        writes = {
            "writes tried": count("save calls", 0) + count("append calls", 0),
            "writes acknowledged": count("save acknowledged", 0) + count("append acknowledged", 0),
        }
        for name, least in minimum.items():
            what = name.replace("_", " ")
            number = writes.get(what, count(what, 0))
            if number < least:
                raise Inconclusive(f"only {number} {what}; at least {least} are needed to tell")

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
        @given(_hidden(strategy))
        def example(drawn: _Hidden[T]) -> None:
            self.count("examples")
            with self.halting():
                body(drawn.value)

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
        except (AdapterFault, EnvironmentFault, NoGate, NoRecorder, Refused) as fault:
            self.cause = fault
            raise _Halt(fault) from None
        except Violated as found:
            if found.violation.fault.endswith("-hang"):
                self.cause = found
                raise _Halt(found) from None
            raise

    def _unwrapped(self, search: Callable[[], None]) -> None:
        try:
            search()
        except _Halt as halt:
            raise halt.cause from None
        except Flaky as flaky:
            if self.cause is not None:
                # An adapter that dies for good looks to Hypothesis like a test that cannot make up its mind.
                raise self.cause from None
            raise Inconclusive(
                f"a finding did not repeat when it was tried again: {str(flaky).splitlines()[0]}"
            ) from flaky


# Steps that any history may do without. The others prepare what comes after them.
_SPARED = frozenset(
    {"call", "conditional save", "crashes", "create", "describe", "latest", "look", "losses", "reopen", "rest", "try"}
)


def shorten(lab: Lab, requirement: str, translate: Mapping[str, str], found: Violated) -> Violated:
    """The same finding with fewer steps: each that it does not need is left out, from the last to the first."""
    prepared = [number for number, step in enumerate(found.steps, 1) if step["do"] not in _SPARED]
    for index in reversed(range(max(prepared, default=0), len(found.steps) - 1)):
        steps = [*found.steps[:index], *found.steps[index + 1 :]]
        with contextlib.suppress(AdapterFault):  # what only the shorter history meets is not what was found
            again = _carried_out(lab, requirement, translate, found.setup, steps)
            if again is not None and again.violation.fault == found.violation.fault:
                found = again
    return found


def confirm(
    lab: Lab, requirement: str, translate: Mapping[str, str], setup: Setup, steps: list[Object]
) -> Violated | None:
    """Carry the steps out again in a fresh process on a fresh root; the finding, if it is there again.

    Raises:
        AdapterFault: The adapter could not be driven.
        EnvironmentFault: The machine is in the way.
    """
    lab.fresh_process(setup)
    return _carried_out(lab, requirement, translate, setup, steps)


def _carried_out(
    lab: Lab, requirement: str, translate: Mapping[str, str], setup: Setup, steps: list[Object]
) -> Violated | None:
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
