"""What a probe is, and the table that the probes enter themselves into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sessionproof._trial import Trial

Body: TypeAlias = Callable[[Trial], None]
EITHER, DOCUMENTS, LOGS = (False, True), (False,), (True,)


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to put one requirement to the test.

    The body draws calls and steps and lets the model judge them. It returns where it found nothing, and raises
    `Violated`, `Inconclusive`, `NotApplicable` or `NotRun` otherwise. `translate` renames the requirements of findings
    where the probe arranged that they can only mean one thing. `keeps` is what sessions the probe is about: documents
    (False), logs (True), or either.
    """

    requirement: str
    name: str
    body: Body
    translate: Mapping[str, str] = field(default_factory=dict[str, str])
    keeps: tuple[bool, ...] = EITHER

    @property
    def id(self) -> str:
        """The name of the probe's test item."""
        return f"{self.requirement}[{self.name}]"


PROBES: list[Probe] = []


def probe(
    requirement: str, name: str, translate: Mapping[str, str] | None = None, keeps: tuple[bool, ...] = EITHER
) -> Callable[[Body], Body]:
    """Enter a probe into the table."""

    def enter(body: Body) -> Body:
        PROBES.append(Probe(requirement, name, body, translate or {}, keeps))
        return body

    return enter
