"""The report: what all results say together. Its shape is `schemas/report.schema.json`."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sessionproof._guarantee import guarantee
from sessionproof._manifest import Deviation, Manifest
from sessionproof._requirements import LEVELS, NOT_ON_DISK, Requirement, catalogue, groups
from sessionproof._statement import Statement
from sessionproof._suite import SEVERITY, Result, Verdict, probes_of
from sessionproof._witness import witness

VERSION = "1.0"
EXIT_OK, EXIT_NOT_CONFORMANT, EXIT_USAGE, EXIT_ADAPTER, EXIT_UNDECIDED, EXIT_KIT = range(6)
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Ran:
    """What was asked of a run and what came of it: `selected` with all their probes, `results` in the spec's order."""

    manifest: Manifest
    statement: Statement
    selected: frozenset[str]
    results: Sequence[Result]
    profile: str
    seed: int
    strict: bool = False
    warnings: Sequence[str] = ()
    interrupted: bool = False
    case_folder: str = "cases"


def kit_version() -> str:
    """The version of the installed kit."""
    return importlib.metadata.version("sessionproof")


def build(ran: Ran) -> dict[str, Any]:
    """The report of a run."""
    entries = [_entry(ran, requirement) for requirement in catalogue().values()]
    probed = [entry for entry in entries if entry["id"] in ran.selected and probes_of(frozenset({entry["id"]}))]
    complete = ran.selected == frozenset(catalogue()) and not any(_cut_short(entry) for entry in probed)
    ledger = _ledger(ran, entries)
    report: dict[str, Any] = {
        "report": VERSION,
        "kit": {"name": "sessionproof", "version": kit_version()},
        "spec": "1.0",
        "implementation": ran.statement.implementation,
        "statement": ran.statement.raw,
        "assumed": dict(ran.manifest.assume),
        "environment": environment(),
        "profile": ran.profile,
        "seed": ran.seed,
        "complete": complete,
        "conformant": complete and _holds(probed),
        "levels": _levels(ran, entries),
        "requirements": entries,
        "guarantee": guarantee(ran.statement, entries),
        "cost": {name: dict(cost) for result in ran.results for name, cost in result.cost.items()},
        "totals": _totals(entries),
        "warnings": list(ran.warnings),
        "deviations": ledger,
    }
    report["exit_code"], report["conclusion"] = _conclude(ran, probed, ledger)
    return report


def environment() -> dict[str, Any]:
    """The machine that a run took place on."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "root": os.geteuid() == 0,
    }


def _entry(ran: Ran, requirement: Requirement) -> dict[str, Any]:
    results = [result for result in ran.results if result.requirement == requirement.id]
    verdict, summary, blame = _merged(ran, requirement, results)
    decisive = next((result for result in results if result.verdict == verdict), None)
    trials: dict[str, int] = {}
    for result in results:
        for what, number in result.trials.items():
            trials[what] = trials.get(what, 0) + number
    entry: dict[str, Any] = {
        "id": requirement.id,
        "level": requirement.level,
        "title": requirement.title,
        "verdict": verdict,
        "summary": summary,
        "blame": blame,
        "faults": sorted({result.fault for result in results if result.fault}),
        "assumed": verdict != "not-applicable" and _rests_on_assumption(ran, requirement),
        "deviation": None,
        "trials": trials,
        "duration_s": round(sum(result.duration_s for result in results), 3),
        "probes": [{"name": result.probe, "verdict": result.verdict, "summary": result.summary} for result in results],
        "case": None,
        "cases": {},
        "witness": None,
    }
    if decisive is not None and decisive.case is not None:
        entry["cases"] = _cases(ran, [decisive, *results])
        entry["case"] = next(iter(entry["cases"].values()))
        entry["witness"] = witness(decisive)
    if decisive is not None and decisive.details:
        entry["details"] = decisive.details
    return entry


def _cases(ran: Ran, results: Sequence[Result]) -> dict[str, str]:
    """For each fault the file that replays it; that of the first is called as the requirement."""
    files: dict[str, str] = {}
    for result in results:
        if result.fault and result.case is not None and result.fault not in files:
            name = f"{result.requirement}-{result.fault}" if files else result.requirement
            files[result.fault] = f"{ran.case_folder}/{name}.json"
    return files


def _merged(ran: Ran, requirement: Requirement, results: Sequence[Result]) -> tuple[Verdict, str, str | None]:
    """One verdict of all probes: the worst of theirs, and no judgement in favour of the store where one is missing."""
    probes = len(probes_of(frozenset({requirement.id})))
    if not results:
        if requirement.id not in ran.selected:
            return "not-run", "not selected", None
        if probes:
            return "not-run", "the run ended before it", None
        if reason := requirement.not_applicable(ran.statement, on_disk=True):
            return "not-applicable", reason, None
        return "not-run", "this version of the kit has no probe for it", None
    worst = min(results, key=lambda result: SEVERITY.index(result.verdict))
    if worst.verdict in {"pass", "not-applicable"} and len(results) < probes:
        return "not-run", f"only {len(results)} of its {probes} probes ran", None
    return worst.verdict, worst.summary, worst.blame


def _rests_on_assumption(ran: Ran, requirement: Requirement) -> bool:
    """Whether the requirement is judged by more than the statement claims, since the manifest assumes it.

    What is asked of several at once is asked of threads too, but processes ask more.
    """
    more = ran.manifest.assume.get("concurrency", ran.statement.concurrency) != ran.statement.concurrency
    wider = more and "concurrent" in requirement.claims
    return wider or (bool(ran.manifest.assume) and requirement.not_applicable(ran.statement, on_disk=True) is not None)


def _cut_short(entry: Mapping[str, Any]) -> bool:
    """Whether the run ended, or was told to end, before all probes of the requirement."""
    return bool(entry["verdict"] == "not-run" and len(entry["probes"]) < len(probes_of(frozenset({entry["id"]}))))


def _holds(probed: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every MUST that applies by the store's own claims passed, and there was one."""
    verdicts = [entry["verdict"] for entry in probed if entry["level"] == "MUST" and not entry["assumed"]]
    return "pass" in verdicts and all(verdict in {"pass", "not-applicable"} for verdict in verdicts)


def _levels(ran: Ran, entries: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """The levels of documents and logs: each needs all below it, its whole set run, every applicable MUST passed.

    What applies by assumption only gives none, and what is not on disk gets R at most.
    """
    on_disk = all(entry["summary"] != NOT_ON_DISK for entry in entries)
    levels: dict[str, str | None] = {"document": None, "log": None}
    for kind, needed in (("document", {"save", "load"}), ("log", {"append", "read"})):
        if not needed <= ran.statement.operations:
            continue
        for letter in LEVELS:
            verdicts = [
                entry["verdict"]
                for entry in entries
                if entry["level"] == "MUST"
                and not entry["assumed"]
                and groups()[entry["id"].partition("-")[0]].level == letter
            ]
            passed = "pass" in verdicts and all(verdict in {"pass", "not-applicable"} for verdict in verdicts)
            if not passed or (letter != "R" and not on_disk):
                break
            levels[kind] = letter
    return levels


def _totals(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for entry in entries:
        by_verdict = totals.setdefault(entry["level"], dict.fromkeys(SEVERITY, 0))
        by_verdict[entry["verdict"]] += 1
    return totals


def _ledger(ran: Ran, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every recorded deviation beside what was found: known, changed, fixed, stale, or not looked at in this run."""
    found = {entry["id"]: entry for entry in entries}
    ledger: list[dict[str, Any]] = []
    for deviation in ran.manifest.deviations:
        entry = found[deviation.requirement]
        state = _standing(deviation, entry)
        ledger.append({**asdict(deviation), "state": state})
        recorded = {other.fault for other in ran.manifest.deviations if other.requirement == deviation.requirement}
        if state == "known" and recorded >= set(entry["faults"]):
            entry["deviation"] = {"reason": deviation.reason, "issue": deviation.issue}
    return ledger


def _standing(deviation: Deviation, entry: Mapping[str, Any]) -> str:
    match entry["verdict"]:
        case "fail":
            return "known" if deviation.fault in entry["faults"] else "changed"
        case "pass":
            return "fixed"
        case "not-applicable":
            return "stale"
        case _:
            return "not looked at"


def _conclude(ran: Ran, probed: Sequence[Mapping[str, Any]], ledger: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The exit code of a report, and the sentence that says why."""
    levels = {"MUST", "SHOULD"} if ran.strict else {"MUST"}
    deciding = [entry for entry in probed if entry["level"] in levels and not entry["assumed"]]
    blames = {entry["blame"] for entry in probed if entry["verdict"] == "error"}
    new = [entry["id"] for entry in deciding if entry["verdict"] == "fail" and not entry["deviation"]]
    states = {"changed", "fixed", "stale"}
    moved = [f"{line['requirement']} ({line['state']})" for line in ledger if line["state"] in states]
    open = {"inconclusive", "error", "not-run"}
    # A probe that gave no result keeps a run from holding, whatever it was about.
    undecided = [
        entry["id"] for entry in probed if _cut_short(entry) or (entry in deciding and entry["verdict"] in open)
    ]
    known = [line["requirement"] for line in ledger if line["state"] == "known"]
    if ran.interrupted:
        done = sum(not _cut_short(entry) for entry in probed)
        return EXIT_INTERRUPTED, f"Interrupted: {done} of {len(probed)} requirements were probed."
    if "kit" in blames:
        return EXIT_KIT, "An error of the kit: please report it, with the details in the JSON report."
    if "adapter" in blames:
        return EXIT_ADAPTER, "The adapter could not be driven to the end; its faults say where."
    if new or moved:
        fails = f"Not conformant: {_listed(new)} {'fails' if len(new) == 1 else 'fail'}." if new else ""
        differs = f"The recorded deviations are not what was found: {_listed(moved)}." if moved else ""
        return EXIT_NOT_CONFORMANT, f"{fails} {differs}".strip()
    if not probed:
        return EXIT_UNDECIDED, "Nothing could be judged: no requirement that has probes was selected with all of them."
    if all(entry["verdict"] == "not-applicable" for entry in probed):
        return (
            EXIT_UNDECIDED,
            "Nothing could be judged: by its statement, nothing that was selected applies to the store.",
        )
    if undecided:
        return EXIT_UNDECIDED, f"Not decided: {_listed(undecided)}."
    if known:
        return (
            EXIT_OK,
            f"As recorded: {_listed(known)} {'deviates' if len(known) == 1 else 'deviate'}; every other MUST holds.",
        )
    if ran.selected != frozenset(catalogue()):
        return EXIT_OK, "What was selected holds."
    return EXIT_OK, "Conformant, as far as this version of the kit probes."


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(words[:12])
    return shown if len(words) <= 12 else f"{shown} and {len(words) - 12} more"
