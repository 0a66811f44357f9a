"""A probe carried out to a result: the verdict, how much was tried, and the case that shows a failure."""

import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from sessionproof._client import AdapterFault
from sessionproof._confirmation import Confirmation
from sessionproof._confirmation import confirm as confirm_on
from sessionproof._cost import Cost
from sessionproof._from_schema import Unsatisfiable
from sessionproof._gate import NoGate
from sessionproof._json import Object
from sessionproof._judge import EnvironmentFault, Violated
from sessionproof._lab import Lab
from sessionproof._probes import PROBES, Probe
from sessionproof._recorder import NoRecorder
from sessionproof._recording import Refused
from sessionproof._requirements import catalogue
from sessionproof._setup import Setup
from sessionproof._small_disk import NoSmallDisk
from sessionproof._trial import Inconclusive, NotApplicable, NotRun, Trial, confirm, shorten

Verdict = Literal["pass", "fail", "inconclusive", "not-applicable", "not-run", "error"]
Blame = Literal["adapter", "kit", "environment"]
_WITHOUT_WRITES = frozenset({"STO-1", "STO-13", "IDS-1"})
"""What can be told of a store that nothing can be written to."""
SEVERITY: tuple[Verdict, ...] = ("fail", "error", "inconclusive", "not-run", "pass", "not-applicable")
"""Which verdict counts where a requirement has several probes: the first of these that any of them has."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one probe found; `trials` counts what it tried, `case` replays a failure, `cost` is what it measured."""

    requirement: str
    probe: str
    verdict: Verdict
    summary: str
    blame: Blame | None = None
    trials: Mapping[str, int] = field(default_factory=dict[str, int])
    duration_s: float = 0.0
    fault: str | None = None
    expected: str = ""
    observed: str = ""
    files: tuple[str, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    case: Object | None = None
    cost: Mapping[str, Cost] = field(default_factory=dict[str, Cost])
    details: str = ""

    def to_json(self) -> Object:
        """The result as JSON, for the way from a worker to the report."""
        return cast("Object", {**asdict(self), "files": list(self.files)})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Result":
        """The inverse of `to_json`."""
        confirmations = tuple(Confirmation(**made) for made in value["confirmations"])
        members: dict[str, Any] = {**value, "files": tuple(value["files"]), "confirmations": confirmations}
        return cls(**members)


def probes_of(requirements: frozenset[str]) -> list[Probe]:
    """The probes of the named requirements, in the catalogue's order."""
    order = list(catalogue())
    return sorted(
        (probe for probe in PROBES if probe.requirement in requirements),
        key=lambda probe: order.index(probe.requirement),
    )


def carry_out(lab: Lab, probe: Probe) -> Result:
    """Run one probe. A finding is confirmed in a fresh process before it counts; nothing that goes wrong is raised."""
    started = time.perf_counter()
    trials: list[Trial] = []
    verdict, details = _verdict(lab, probe, trials)
    counts = Counter[str]()
    for trial in trials:
        counts.update(trial.trials)
    return Result(
        requirement=probe.requirement,
        probe=probe.name,
        trials=dict(sorted(counts.items())),
        duration_s=round(time.perf_counter() - started, 3),
        verdict=verdict,
        cost={name: cost for trial in trials for name, cost in trial.cost.items()},
        **details,
    )


def _verdict(lab: Lab, probe: Probe, trials: list[Trial]) -> tuple[Verdict, dict[str, Any]]:
    try:
        requirement = catalogue()[probe.requirement]
        try:
            # What lies on the disk is found out by a write: not for what the statement rules out.
            reason = requirement.not_applicable(lab.statement, on_disk=True)
            reason = reason or requirement.not_applicable(lab.statement, on_disk=lab.on_disk)
            if reason is not None:
                return "not-applicable", {"summary": reason}
            _each_pass(lab, probe, trials)
        except Violated as found:
            return _confirmed(lab, probe, trials[-1].translate if trials else probe.translate, found)
    except (AdapterFault, EnvironmentFault) as fault:
        return "error", {"summary": str(fault), "blame": _blame(fault)}
    except NotApplicable as reason:
        return "not-applicable", {"summary": str(reason)}
    except (NotRun, NoGate, NoRecorder, NoSmallDisk) as reason:
        return "not-run", {"summary": str(reason)}
    except (Inconclusive, Unsatisfiable, Refused) as reason:
        return "inconclusive", {"summary": str(reason)}
    except Exception as error:  # noqa: BLE001 - a fault of the kit must not end the run, and is reported as one
        return "error", {
            "summary": f"{type(error).__name__}: {error}",
            "blame": "kit",
            "details": traceback.format_exc(),
        }
    return "pass", {"summary": catalogue()[probe.requirement].title}


def _each_pass(lab: Lab, probe: Probe, trials: list[Trial]) -> None:
    """Carry out the body once for each of documents and logs that the store keeps and the probe is about.

    Raises:
        NotApplicable: There is neither, or the body found that for all of them.
    """
    keeps: tuple[bool, ...] = tuple(logs for logs in lab.statement.keeps if logs in probe.keeps)
    if not lab.statement.keeps and probe.requirement in _WITHOUT_WRITES:
        keeps = ("read" in lab.statement.operations,)
    if not keeps:
        lacking = " nor ".join(f"`{('save', 'append')[logs]}`" for logs in probe.keeps)
        raise NotApplicable(f"the statement lists no {lacking}")
    reasons: list[NotApplicable] = []
    for logs in keeps:
        trials.append(Trial(lab, probe.requirement, probe.translate, logs))
        try:
            probe.body(trials[-1])
        except NotApplicable as reason:
            reasons.append(reason)
    if len(reasons) == len(keeps):
        raise reasons[0]


def _blame(fault: Exception) -> Blame:
    return "adapter" if isinstance(fault, AdapterFault) else "environment"


def _confirmed(lab: Lab, probe: Probe, translate: Mapping[str, str], found: Violated) -> tuple[Verdict, dict[str, Any]]:
    if not found.violation.fault.endswith(("-hang", "-adapter-crash")):
        found = shorten(lab, probe.requirement, translate, found)
    again = confirm(lab, probe.requirement, translate, found.setup, found.steps)
    if again is None:
        summary = (
            f"seen once, and not when the same calls were made again in a fresh process: {found.violation.summary}"
        )
        return "inconclusive", {"summary": summary, "observed": found.violation.observed}
    violation = again.violation
    case: Object = {
        "case": "1.0",
        "requirement": probe.requirement,
        "probe": probe.name,
        "fault": violation.fault,
        "summary": violation.summary,
        "setup": again.setup.to_json(),
        "translate": dict(translate),
        "steps": cast("Any", again.steps),
    }
    return "fail", {
        "summary": violation.summary,
        "fault": violation.fault,
        "expected": violation.expected,
        "observed": violation.observed,
        "files": tuple(again.files),
        "confirmations": confirmations(lab, again),
        "case": case,
    }


def confirmations(lab: Lab, found: Violated) -> tuple[Confirmation, ...]:
    """What a finding that takes a loss of power came to on real file systems."""
    cut = found.cut
    return () if cut is None else tuple(confirm_on(kind, cut) for kind in lab.confirm_on)


def replay(lab: Lab, case: Mapping[str, Any]) -> Violated | None:
    """Carry out a case; the finding, where it is still there.

    Raises:
        AdapterFault: The adapter could not be driven.
        EnvironmentFault: The machine is in the way.
    """
    return confirm(
        lab, case["requirement"], case.get("translate", {}), Setup.from_json(case.get("setup", {})), case["steps"]
    )
