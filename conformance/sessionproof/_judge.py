"""What counts as a finding of a probe, and how it leaves a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sessionproof._disk import Disk, Operation
from sessionproof._json import Object
from sessionproof._setup import Setup
from sessionproof._worlds import Violation

Steps: TypeAlias = list[Object]


class EnvironmentFault(Exception):  # noqa: N818 - the blame is in the name
    """The machine, not the store, is in the way."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What was done up to a loss of power, and whether a disk that one has left breaks what the finding is about.

    `profiles` are those that admit the state which was found.
    """

    profiles: frozenset[str]
    operations: Sequence[Operation]
    breaks: Callable[[Disk], bool]


class Violated(Exception):  # noqa: N818 - reads as what happened
    """The requirement that is being probed does not hold. Carries the finding and the steps that led there.

    `cut` is given where it takes a loss of power: that can be tried on a real file system.
    """

    def __init__(
        self, violation: Violation, setup: Setup, steps: Steps, files: list[str], cut: Cut | None = None
    ) -> None:
        super().__init__(violation.summary)
        self.violation = violation
        self.setup = setup
        self.steps = steps
        self.files = files
        self.cut = cut


@dataclass(frozen=True, slots=True)
class Judge:
    """Which findings count: those of `requirement`, after `translate` has renamed what the probe knows better."""

    requirement: str
    translate: Mapping[str, str]

    def counts(self, violation: Violation) -> bool:
        """Whether the finding is about the requirement that is probed."""
        if self == NOBODY:
            return False
        names = {self.translate.get(name, name) for name in violation.requirements}
        return not violation.requirements or self.requirement in names


NOBODY = Judge("", {})
"""Counts nothing, not even what counts against whichever requirement is probed."""


@dataclass(frozen=True, slots=True)
class DeathJudge:
    """Counts what the judge of the run counts; a session that cannot be loaded after a death breaks ATM-5 as well."""

    judge: "Judge | Aftermath"

    def counts(self, violation: Violation) -> bool:
        """Whether the finding is about the requirement that is probed."""
        if violation.requirements and violation.fault.startswith(("load-", "read-")):
            violation = replace(violation, requirements=(*violation.requirements, "ATM-5"))
        return self.judge.counts(violation)


@dataclass(frozen=True, slots=True)
class LossJudge:
    """Counts what the judge of the run counts; a deleted session that is named after a loss of power breaks DUR-3."""

    judge: "Judge | Aftermath"

    def counts(self, violation: Violation) -> bool:
        """Whether the finding is about the requirement that is probed."""
        if "STO-3" in violation.requirements:
            violation = replace(violation, requirements=("DUR-3",))
        return self.judge.counts(violation)


Aftermath: TypeAlias = DeathJudge | LossJudge
