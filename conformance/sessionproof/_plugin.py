"""The suite in pytest: its items, its report. `pytest_plugin` has the options, and loads this where they ask for it."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from sessionproof import _manifest
from sessionproof._budget import PROFILES
from sessionproof._client import AdapterFault, AdapterProcess
from sessionproof._html import page
from sessionproof._lab import Lab
from sessionproof._loop import UnknownFileSystem, file_systems
from sessionproof._manifest import Manifest, ManifestError
from sessionproof._probes import Probe
from sessionproof._report import EXIT_ADAPTER, EXIT_USAGE, Ran, build
from sessionproof._requirements import UnknownRequirement, catalogue, selected
from sessionproof._statement import Statement
from sessionproof._suite import Result, carry_out, probes_of
from sessionproof._witness import failure_text, write_cases

_NODE = "sessionproof"
_MEMBER = "sessionproof"


def result_of(report: pytest.TestReport) -> Result | None:
    """What the probe behind a test report found; None where there is no probe behind it."""
    text = report.__dict__.get(_MEMBER)
    return None if text is None else Result.from_json(json.loads(text))


class ProbeFailed(Exception):  # noqa: N818 - what pytest shows
    """A probe ended in a verdict that fails the run."""


class Suite:
    """The suite in one pytest process: a worker of xdist, its controller, or the only one."""

    def __init__(self, config: pytest.Config, manifest: Manifest) -> None:
        self.config = config
        self.manifest = manifest
        self.profile = cast("str | None", config.getoption("--sessionproof-profile")) or manifest.profile
        self.seed = cast("int", config.getoption("--sessionproof-seed"))
        self.strict = bool(config.getoption("--sessionproof-strict"))
        self.cases = Path(cast("str", config.getoption("--sessionproof-cases")))
        self.confirm_on = file_systems(cast("str", config.getoption("--sessionproof-confirm-on")))
        words = cast("str", config.getoption("--sessionproof-only"))
        self.selected = selected(tuple(word for word in words.split(",") if word))
        self.probes = probes_of(self.selected)
        self.recorded = {(deviation.requirement, deviation.fault): deviation for deviation in manifest.deviations}
        self.results: list[Result] = []
        self.statement: Statement | None = None
        self.warnings: list[str] = []
        self.report: dict[str, Any] | None = None
        self.fault: AdapterFault | None = None
        self.unwritten: OSError | None = None
        self._chosen: frozenset[str] = frozenset()
        self._lab: Lab | None = None

    def carry_out(self, probe: Probe) -> Result:
        """Run one probe in this process's lab."""
        try:
            lab = self._lab_at_hand()
        except AdapterFault as fault:
            return Result(probe.requirement, probe.name, "error", str(fault), blame="adapter")
        return carry_out(lab, probe)

    def decides(self, id: str) -> bool:
        """Whether a failure of the requirement fails the run: not where it applies by assumption alone."""
        requirement = catalogue()[id]
        if self.statement is not None and requirement.not_applicable(self.statement, on_disk=True):
            return False
        return requirement.level == "MUST" or (requirement.level == "SHOULD" and self.strict)

    def _lab_at_hand(self) -> Lab:
        if self.fault is not None:
            raise self.fault
        if self._lab is None:
            try:
                self._lab = Lab(
                    self.manifest.launch,
                    PROFILES[self.profile],
                    seed=self.seed,
                    volatile=self.manifest.volatile,
                    assume=self.manifest.assume,
                    outside=tuple(Path(path) for path in self.manifest.allow_outside),
                    confirm_on=self.confirm_on,
                )
            except AdapterFault as fault:
                self.fault = fault
                raise
            # The lab's own is what the store is judged by, assumptions included.
            self.statement = Statement.parse(self._lab.statement.raw)
        return self._lab

    def _close(self) -> list[str]:
        """End the lab; its warnings."""
        if self._lab is None:
            return []
        warnings = self._lab.warnings
        self._lab.__exit__(None, None, None)
        self._lab = None
        return warnings

    # -- pytest's hooks ------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the probes to what the run has collected; `-k` and the like come after."""
        collector = cast("Any", SuiteCollector).from_parent(session, name=_NODE, nodeid=_NODE, suite=self)
        items.extend(collector.collect())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn which probes are left."""
        self._choose(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """The same, from a worker."""
        self._choose(ids)

    def _choose(self, nodes: Iterable[str]) -> None:
        self._chosen = frozenset(node.removeprefix(f"{_NODE}::") for node in nodes if node.startswith(f"{_NODE}::"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the result along with the test report, as ASCII: xdist carries no lone surrogates."""
        report = yield
        if isinstance(item, ProbeItem) and item.result is not None and call.when == "call":
            report.__dict__[_MEMBER] = json.dumps(item.result.to_json())
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the results, wherever they were found."""
        result = result_of(report)
        if result is not None:
            self.results.append(result)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report; end as it concludes. A run from which all probes were filtered away is none of ours."""
        warnings = self._close()
        if hasattr(self.config, "workerinput"):
            cast("Any", self.config).workeroutput["sessionproof_warnings"] = warnings
            return
        if self.config.getoption("--collect-only") or (self.probes and not self._chosen):
            return
        self._warn(warnings)
        ran = self._ran(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)
        self.report = build(ran)
        try:
            self._write(self.report, ran.results)
        except OSError as error:
            self.unwritten = error
            pytest.exit(f"the report cannot be written: {error}", returncode=EXIT_USAGE)
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.TESTS_FAILED}:
            session.exitstatus = self.report["exit_code"] or exitstatus

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist's own type
        """Collect a worker's warnings."""
        self._warn(getattr(node, "workeroutput", {}).get("sessionproof_warnings", []))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 - pytest's own, not exported
        """The conclusion under pytest's own summary."""
        if self.report is not None:
            terminalreporter.section("sessionproof")
            for entry in self.report["requirements"]:
                if entry["case"]:
                    terminalreporter.line(f"{entry['id']}: {entry['summary']} sessionproof replay {entry['case']}")
            terminalreporter.line(self.report["conclusion"])

    # -- the report ----------------------------------------------------------------------------------------------------

    def _warn(self, warnings: Iterable[str]) -> None:
        self.warnings += [warning for warning in warnings if warning not in self.warnings]

    def _ran(self, *, interrupted: bool) -> Ran:
        """What was asked, and the results so far."""
        assert self.statement is not None
        order = [probe.id for probe in self.probes]
        left_out = {probe.requirement for probe in self.probes if probe.id not in self._chosen}
        return Ran(
            manifest=self.manifest,
            statement=self.statement,
            selected=self.selected - left_out,
            results=sorted(self.results, key=lambda result: order.index(f"{result.requirement}[{result.probe}]")),
            profile=self.profile,
            seed=self.seed,
            strict=self.strict,
            warnings=self.warnings,
            interrupted=interrupted,
            case_folder=str(self.cases),
        )

    def _write(self, report: dict[str, Any], results: Sequence[Result]) -> None:
        write_cases(report, results, self.manifest, self.cases)
        json_file = cast("str | None", self.config.getoption("--sessionproof-json"))
        html_file = cast("str | None", self.config.getoption("--sessionproof-html"))
        if json_file is not None:
            Path(json_file).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if html_file is not None:
            Path(html_file).write_text(page(report), encoding="utf-8")


class SuiteCollector(pytest.Collector):
    """The suite as a node of pytest's tree."""

    def __init__(self, *, suite: Suite, **others: Any) -> None:
        super().__init__(**others)
        self.suite = suite

    def collect(self) -> Iterator["ProbeItem"]:
        """One item for each probe of the selected requirements."""
        for probe in self.suite.probes:
            yield cast("Any", ProbeItem).from_parent(self, name=probe.id, probe=probe)


class ProbeItem(pytest.Item):
    """One probe of one requirement."""

    def __init__(self, *, probe: Probe, **others: Any) -> None:
        cast("Any", super()).__init__(**others)
        self.probe = probe
        self.suite = cast("SuiteCollector", self.parent).suite
        self.result: Result | None = None

    def runtest(self) -> None:
        """Carry the probe out; a pass, a skip, an expected failure, or a failure, as the verdict is."""
        result = self.result = self.suite.carry_out(self.probe)
        recorded = self.suite.recorded.get((result.requirement, result.fault or ""))
        match result.verdict:
            case "pass":
                return
            case "not-applicable" | "not-run":
                pytest.skip(f"{result.verdict}: {result.summary}")
            case "fail" if recorded is not None:
                pytest.xfail(f"recorded deviation: {recorded.reason}")
            case "fail" | "inconclusive" if not self.suite.decides(result.requirement):
                pytest.xfail(f"does not decide: {result.summary}")
            case _:
                raise ProbeFailed(failure_text(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - pytest's signature
        """The witness, without a traceback through the kit."""
        if isinstance(excinfo.value, ProbeFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the item is said to stand."""
        return Path(__file__), None, f"sessionproof {self.name}"


def configure(config: pytest.Config, manifest: Path) -> None:
    """Read the manifest, and see that the adapter speaks, before anything is collected."""
    try:
        suite = Suite(config, _manifest.load(manifest))
    except (ManifestError, UnknownRequirement, UnknownFileSystem) as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(suite, "sessionproof-suite")
    if not hasattr(config, "workerinput"):
        try:
            process = AdapterProcess(suite.manifest.launch)
        except AdapterFault as fault:
            suite.fault = fault
            pytest.exit(str(fault), returncode=EXIT_ADAPTER)
        suite.statement = process.statement
        process.kill()
