"""A report says what all results say together, and its verdicts, levels and exit code follow from them alone."""

import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runs import check, report, schema_faults
from sessionproof._console import Screen
from sessionproof._guarantee import GUARANTEES
from sessionproof._html import page
from sessionproof._manifest import Deviation, Manifest
from sessionproof._report import Ran, build
from sessionproof._requirements import catalogue, groups
from sessionproof._statement import Statement
from sessionproof._suite import Result, Verdict, probes_of
from sessionproof._witness import write_cases

DOCUMENTS = [
    "save",
    "load",
    "delete",
    "exists",
    "list",
    "summaries",
    "latest",
    "prune",
    "attach",
    "attachments",
    "check",
]
CLAIMS: dict[str, Any] = {
    "protocol": "1.0",
    "implementation": {"name": "store", "version": "1", "language": "any"},
    "operations": DOCUMENTS,
    "fidelity": "json",
    "format": None,
    "durability": "process-crash",
    "concurrency": "single",
    "ids": "any",
}
ALL = frozenset(catalogue())
R_AND_H = frozenset(id for id, requirement in catalogue().items() if groups()[requirement.group].level in {"R", "H"})


def result(id: str, probe: str, verdict: Verdict, **others: Any) -> Result:
    """What a probe might have found."""
    if verdict == "fail":
        fault = others.setdefault("fault", "some-fault")
        steps: list[Any] = [{"do": "call", "method": "load", "params": {"id": "a"}}]
        case: dict[str, Any] = {
            "case": "1.0",
            "requirement": id,
            "probe": probe,
            "fault": fault,
            "summary": "",
            "setup": {},
        }
        others = {"case": {**case, "steps": steps}, "expected": "nothing", "observed": "something", **others}
    return Result(id, probe, verdict, others.pop("summary", "a sentence."), **others)


def run(
    found: dict[str, Any] | None = None,
    *,
    selected: frozenset[str] = ALL,
    claims: dict[str, Any] | None = None,
    deviations: tuple[Deviation, ...] = (),
    assume: dict[str, str] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The report of a run in which every probe passes, save those of `found`: by requirement a verdict, or results."""
    statement = Statement.parse({**CLAIMS, **(claims or {})})
    results: list[Result] = []
    for probe in probes_of(selected):
        given = (found or {}).get(probe.requirement, "pass")
        if isinstance(given, str):
            skipped = catalogue()[probe.requirement].not_applicable(statement, on_disk=True) and given == "pass"
            verdict: Any = "not-applicable" if skipped and not assume else given
            results.append(result(probe.requirement, probe.name, verdict))
    for given in (found or {}).values():
        results += given if isinstance(given, list) else []
    manifest = Manifest(("adapter",), Path("/"), deviations=deviations, assume=assume or {})
    built = build(Ran(manifest, statement, selected, results, "quick", 0, **others))
    assert schema_faults("report.schema.json", built) == []
    return built


def entry(built: dict[str, Any], id: str) -> dict[str, Any]:
    """One requirement of a report."""
    found: dict[str, Any] = next(entry for entry in built["requirements"] if entry["id"] == id)
    return found


def test_a_requirement_is_missing() -> None:
    """Every requirement of the catalogue is in every report, in its order."""
    for built in (run(), run(selected=frozenset({"STO-2"}))):
        assert [entry["id"] for entry in built["requirements"]] == list(catalogue())


def test_a_store_that_holds_is_not_conformant() -> None:
    """All passed: conformant, exit code 0, and a level that the claims and the probes reach."""
    built = run()
    assert (built["exit_code"], built["conformant"], built["complete"]) == (0, True, True)
    assert built["levels"]["document"] is not None
    assert built["levels"]["log"] is None


@pytest.mark.parametrize(
    ("found", "code", "named"),
    [
        ({"STO-2": "fail"}, 1, "STO-2 fails"),
        ({"STO-2": "fail", "STO-3": "fail"}, 1, "STO-2, STO-3 fail"),
        ({"STO-2": "inconclusive"}, 4, "Not decided: STO-2"),
        ({"STO-2": "not-run"}, 4, "Not decided: STO-2"),
        ({"SEC-1": "fail"}, 0, "Conformant"),
        ({"SEC-1": "inconclusive"}, 0, "Conformant"),
    ],
)
def test_a_verdict_does_not_decide(found: dict[str, Any], code: int, named: str) -> None:
    """A MUST decides the exit code, a SHOULD does not; the conclusion names what decided."""
    built = run(found)
    assert built["exit_code"] == code
    assert named in built["conclusion"]
    assert built["conformant"] is (code == 0)


@pytest.mark.parametrize(("blame", "code"), [("adapter", 3), ("kit", 5), ("environment", 4)])
def test_an_error_is_blamed_on_the_store(blame: Any, code: int) -> None:
    """Whose error it is decides the exit code, before any failure does; the store is not called broken for it."""
    name = probes_of(frozenset({"STO-2"}))[0].name
    error = result("STO-2", name, "error", blame=blame)
    assert run({"STO-2": [error]})["exit_code"] == code
    assert run({"STO-2": [error], "STO-3": "fail"})["exit_code"] == (1 if blame == "environment" else code)


def test_a_run_that_ended_early_passes() -> None:
    """A requirement of which a probe gave no result keeps a run from holding, a recommendation too."""
    [*probes] = probes_of(frozenset({"ATM-8"}))
    cut = run({"ATM-8": [result("ATM-8", probes[0].name, "pass")]})
    assert (cut["exit_code"], cut["complete"], cut["conformant"]) == (4, False, False)
    assert "ATM-8" in cut["conclusion"]


def test_strict_changes_nothing() -> None:
    """With `strict` a SHOULD decides as a MUST does."""
    assert run({"SEC-1": "fail"}, strict=True)["exit_code"] == 1
    assert run({"SEC-1": "inconclusive"}, strict=True)["exit_code"] == 4


def test_a_run_cut_short_is_taken_for_a_whole_one() -> None:
    """What was not selected or not reached is not run; such a run is neither complete nor conformant."""
    part = run(selected=frozenset({"STO-2"}))
    assert (part["exit_code"], part["complete"], part["conformant"]) == (0, False, False)
    assert entry(part, "STO-3")["summary"] == "not selected"
    cut = run({"STO-3": []}, interrupted=True)
    assert (cut["exit_code"], cut["complete"], cut["conformant"]) == (130, False, False)
    assert entry(cut, "STO-3")["verdict"] == "not-run"


def test_one_of_two_probes_makes_a_pass() -> None:
    """A requirement passes only with all its probes; a failure of one is a failure."""
    id = next(id for id in catalogue() if len(probes_of(frozenset({id}))) > 1)
    first, second = probes_of(frozenset({id}))[:2]
    half = run({id: [result(id, first.name, "pass")]}, selected=frozenset({id}))
    assert (entry(half, id)["verdict"], half["exit_code"]) == ("not-run", 4)
    pairs: list[tuple[Verdict, Verdict]] = [("pass", "fail"), ("fail", "pass"), ("inconclusive", "fail")]
    for verdicts in pairs:
        found = [result(id, probe.name, verdict) for probe, verdict in zip((first, second), verdicts, strict=True)]
        assert entry(run({id: found}), id)["verdict"] == "fail"


def test_a_level_is_granted_without_all_below_it() -> None:
    """R needs STO, FMT and LOG; H needs R and IDS, COR, SEC. A MUST that fails denies its level and those above."""
    assert run(selected=R_AND_H)["levels"] == {"document": "H", "log": None}
    assert run({"COR-1": "fail"}, selected=R_AND_H)["levels"]["document"] == "R"
    assert run({"STO-2": "fail"}, selected=R_AND_H)["levels"]["document"] is None
    assert run({"SEC-1": "fail"}, selected=R_AND_H)["levels"]["document"] == "H"
    assert run(selected=R_AND_H, claims={"operations": ["save"]})["levels"]["document"] is None


def test_a_level_above_r_is_granted_to_what_is_not_on_disk() -> None:
    """Nothing is hostile to a store that keeps nothing on disk: it gets R at most."""
    found = [result("COR-1", "cuts", "not-applicable", summary="no save was seen to change a file under the root")]
    assert run({"COR-1": found}, selected=R_AND_H)["levels"]["document"] == "R"


@pytest.mark.parametrize(
    ("verdict", "fault", "state", "code"),
    [
        ("fail", "some-fault", "known", 0),
        ("fail", "another", "changed", 1),
        ("pass", "some-fault", "fixed", 1),
        ("not-applicable", "some-fault", "stale", 1),
        ("inconclusive", "some-fault", "not looked at", 4),
    ],
)
def test_a_record_that_differs_is_passed_over(verdict: Verdict, fault: str, state: str, code: int) -> None:
    """A recorded deviation that is found as recorded decides nothing; every other standing fails the run."""
    built = run({"STO-3": verdict}, deviations=(Deviation("STO-3", fault, "planned"),))
    assert (built["deviations"][0]["state"], built["exit_code"]) == (state, code)
    assert (entry(built, "STO-3")["deviation"] is not None) is (state == "known")


def test_a_new_fault_hides_behind_a_recorded_one() -> None:
    """A requirement that fails in two ways is as recorded only if both are recorded."""
    id = next(id for id in catalogue() if len(probes_of(frozenset({id}))) > 1 and catalogue()[id].level == "MUST")
    names = [probe.name for probe in probes_of(frozenset({id}))]
    found = [result(id, name, "fail", fault=f"fault-{number}") for number, name in enumerate(names)]
    one = (Deviation(id, "fault-0", "planned"),)
    assert run({id: found}, deviations=one)["exit_code"] == 1
    all_of_them = tuple(Deviation(id, f"fault-{number}", "planned") for number in range(len(names)))
    assert run({id: found}, deviations=all_of_them)["exit_code"] == 0


def test_an_assumption_decides() -> None:
    """What applies by assumption only is marked, and neither its failure nor its pass decides or gives a level."""
    claims = {"durability": "none"}
    built = run({"STO-7": "fail"}, claims=claims, assume={"durability": "process-crash"}, selected=R_AND_H)
    assert entry(built, "STO-7")["assumed"] is True
    assert entry(built, "STO-2")["assumed"] is False
    assert built["exit_code"] == 0
    assert built["levels"]["document"] == "H"


def test_processes_are_claimed_where_threads_are() -> None:
    """A store for several threads that is judged by several processes is judged by more than it claims."""
    claims = {"concurrency": "multi-thread", "pipelined": True}
    built = run({"CON-1": "fail"}, claims=claims, assume={"concurrency": "multi-process"})
    assert entry(built, "CON-1")["assumed"] is True
    assert entry(built, "ATM-1")["assumed"] is False
    assert entry(run({"CON-1": "fail"}, claims=claims), "CON-1")["assumed"] is False


def test_a_run_without_anything_to_judge_passes() -> None:
    """A store without operations is undecided, not conformant; so is a run without probes."""
    built = run(claims={"operations": []})
    assert (built["exit_code"], built["conformant"]) == (4, False)
    assert built["levels"] == {"document": None, "log": None}
    unprobed = frozenset(id for id in catalogue() if not probes_of(frozenset({id})))
    assert run(selected=unprobed)["exit_code"] == 4


def test_what_was_tried_is_lost() -> None:
    """The counters of all probes of a requirement are added up."""
    id = next(id for id in catalogue() if len(probes_of(frozenset({id}))) > 1)
    found = [result(id, probe.name, "pass", trials={"examples": 2}) for probe in probes_of(frozenset({id}))]
    assert entry(run({id: found}), id)["trials"] == {"examples": 2 * len(found)}


def test_a_pass_hides_what_was_left_out() -> None:
    """Where more schedules are known than were carried out, page and terminal say beside a pass of how many."""
    counts = {"schedules": 100, "schedules possible": 1352, "save calls": 7}
    [probe] = probes_of(frozenset({"CON-1"}))
    built = run({"CON-1": [result("CON-1", probe.name, "pass", trials=counts)]})
    assert entry(built, "CON-1")["trials"] == counts
    assert "100 of 1,352 schedules, 7 saves" in page(built)
    shown = io.StringIO()
    Screen(Console(file=shown, width=200), 1).report(built)
    [line] = [line for line in shown.getvalue().splitlines() if " CON-1 " in line]
    assert line.endswith("100 of 1,352 schedules, 7 saves")


def test_the_case_is_not_that_of_the_witness(tmp_path: Path) -> None:
    """The case file of a requirement holds the calls that its witness shows; each other fault has one of its own."""
    id = next(id for id in catalogue() if len(probes_of(frozenset({id}))) > 1)
    found = [result(id, probe.name, "fail", fault=probe.name) for probe in probes_of(frozenset({id}))]
    built = run({id: found})
    write_cases(built, found, Manifest(("adapter",), tmp_path), tmp_path / "cases")
    case = json.loads((tmp_path / "cases" / f"{id}.json").read_text(encoding="utf-8"))
    assert case["fault"] == found[0].fault
    assert case["steps"] == entry(built, id)["witness"]["calls"]
    for one in found:
        file = entry(built, id)["cases"][one.fault]
        assert json.loads((tmp_path / file).read_text(encoding="utf-8"))["fault"] == one.fault
    assert schema_faults("case.schema.json", case) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("exit_code", 2),
        ("surprise", 1),
        ("profile", "thorough"),
        ("report", "2.0"),
        ("levels", {"document": "Z", "log": None}),
    ],
)
def test_the_schema_takes_anything(member: str, value: object) -> None:
    """The schema of reports refuses what the kit never writes."""
    assert schema_faults("report.schema.json", {**run(), member: value}) != []


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what stands for itself and what would be fetched."""
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_obeys_hostile_text(tmp_path: Path) -> None:
    """The page stands alone and has every requirement; what a store says is text in it, whatever it says."""
    check(tmp_path, "--html", "page.html", "store:Hostile", only="STO-1,STO-2")
    written = report(tmp_path)
    assert schema_faults("report.schema.json", written) == []
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    parsed = Page()
    parsed.feed(text)
    assert not {"script", "img", "link", "iframe"} & set(parsed.tags)
    assert parsed.links == []
    assert parsed.ids == [id.lower() for id in catalogue()]
    assert "\x1b" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_page_hides_a_witness() -> None:
    """A failure is shown with its calls, what was expected and observed, and how to see it again."""
    built = run({"STO-3": "fail"}, deviations=(Deviation("STO-3", "some-fault", "planned & <accepted>"),))
    text = page(built)
    for shown in ("load(id=&quot;a&quot;)", "nothing", "something", "sessionproof replay cases/STO-3.json"):
        assert shown in text
    assert "planned &amp; &lt;accepted&gt;" in text


def test_the_page_keeps_what_several_can_count_on() -> None:
    """The page says, as the JSON report does, what several callers at once can count on, or why it was not tried."""
    shared = {"concurrency": "multi-process"}
    for found in ({}, {"CON-1": "fail"}, {"CON-8": "not-applicable", "CON-5": "fail"}):
        built = run(found, claims=shared)
        assert f"<p>Several at once: {built['guarantee']}: {GUARANTEES[built['guarantee']]}." in page(built)
    assert "<p>Several at once: not tried, as the statement claims `single`" in page(run())
