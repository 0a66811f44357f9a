"""The pytest plugin: `pytest --sessionproof sessionproof.toml` runs the suite as items of an implementer's own run.

One item for each requirement and probe, so that `-k STO-2`, `-n auto`, `--junitxml` and the rest are pytest's own. A run
with the option ends as the report concludes: the exit status is that of `sessionproof check` where it is not 0.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sessionproof import _manifest
from sessionproof._client import AdapterFault, AdapterProcess
from sessionproof._lab import PROFILES, Lab
from sessionproof._manifest import Manifest, ManifestError
from sessionproof._probes import Probe
from sessionproof._report import EXIT_ADAPTER, Ran, build
from sessionproof._requirements import UnknownRequirement, catalogue, selected
from sessionproof._statement import Statement
from sessionproof._suite import Result, carry_out, probes_of
from sessionproof._witness import failure_text, write_report

_PROPERTY = "sessionproof"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite; without `--sessionproof` the plugin does nothing."""
    group = parser.getgroup("sessionproof", "conformance of a session store")
    group.addoption("--sessionproof", metavar="MANIFEST", help="probe the store that this sessionproof.toml describes")
    group.addoption("--sessionproof-profile", choices=sorted(PROFILES), help="how much to try (default: the manifest's, else standard)")
    group.addoption("--sessionproof-only", metavar="ID,...", default="", help="requirements or groups to probe, e.g. STO-2,IDS")
    group.addoption("--sessionproof-seed", metavar="N", type=int, default=0, help="where drawing starts (default 0)")
    group.addoption("--sessionproof-strict", action="store_true", help="a SHOULD that fails fails the run")
    group.addoption("--sessionproof-json", metavar="FILE", help="write the report as JSON")
    group.addoption("--sessionproof-html", metavar="FILE", help="write the report as one HTML page")
    group.addoption("--sessionproof-cases", metavar="FOLDER", default="cases", help="where cases of failures are written (default: cases)")


class ProbeFailed(Exception):  # noqa: N818 - what pytest shows
    """A probe ended in a verdict that fails the run."""


class Suite:
    """The suite in one pytest process: a worker of xdist, or the only one."""

    def __init__(self, config: pytest.Config, manifest: Manifest) -> None:
        self.config = config
        self.manifest = manifest
        self.profile = cast("str | None", config.getoption("--sessionproof-profile")) or manifest.profile
        self.seed = cast("int", config.getoption("--sessionproof-seed"))
        self.strict = bool(config.getoption("--sessionproof-strict"))
        words = cast("str", config.getoption("--sessionproof-only"))
        self.selected = selected(tuple(word for word in words.split(",") if word))
        self.known = {deviation.requirement: deviation for deviation in manifest.deviations}
        self.results: list[Result] = []
        self.statement: Statement | None = None
        self.warnings: list[str] = []
        self.report: dict[str, Any] | None = None
        self._lab: Lab | None = None
        self.fault: AdapterFault | None = None

    def carry_out(self, probe: Probe) -> Result:
        """Run one probe in this process's lab."""
        try:
            lab = self._lab_at_hand()
        except AdapterFault as fault:
            return Result(probe.requirement, probe.name, "error", str(fault), blame="adapter")
        return carry_out(lab, probe)

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
                )
            except AdapterFault as fault:
                self.fault = fault
                raise
        return self._lab

    def close(self) -> list[str]:
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
        """Add the probes to what the run has collected."""
        collector = SuiteCollector.from_parent(session, name="sessionproof", nodeid="sessionproof", suite=self)
        items.extend(collector.collect())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the results, wherever they were found."""
        if report.when == "call":
            self.results.extend(Result.from_json(cast("dict[str, Any]", value)) for name, value in report.user_properties if name == _PROPERTY)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report; end as it concludes."""
        warnings = self.close()
        if hasattr(self.config, "workerinput"):
            cast("Any", self.config).workeroutput["sessionproof_warnings"] = warnings
            return
        self.warnings += [warning for warning in warnings if warning not in self.warnings]
        self.report = build(self.ran(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED))
        write_report(self.report, self.results, self.manifest, self.config.getoption("--sessionproof-json"), self.config.getoption("--sessionproof-html"), Path(self.config.getoption("--sessionproof-cases")))
        if self.report["exit_code"] and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.TESTS_FAILED}:
            session.exitstatus = self.report["exit_code"]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 - xdist's own type
        """Collect a worker's warnings."""
        del error
        output = getattr(node, "workeroutput", {})
        self.warnings += [warning for warning in output.get("sessionproof_warnings", []) if warning not in self.warnings]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401 - pytest's own, not exported
        """One line of conclusion under pytest's own summary."""
        if self.report is not None:
            terminalreporter.section("sessionproof")
            terminalreporter.line(self.report["conclusion"])
            for entry in self.report["requirements"]:
                if entry["case"]:
                    terminalreporter.line(f"{entry['id']}: {entry['summary']}  replay: sessionproof replay {entry['case']}")

    def ran(self, *, interrupted: bool = False) -> Ran:
        """What was asked, and the results so far."""
        return Ran(
            manifest=self.manifest,
            statement=self.statement,
            selected=self.selected,
            results=self.results,
            profile=self.profile,
            seed=self.seed,
            strict=self.strict,
            warnings=self.warnings,
            interrupted=interrupted,
            case_folder=str(self.config.getoption("--sessionproof-cases")),
        )


class SuiteCollector(pytest.Collector):
    """The suite as a node of pytest's tree."""

    def __init__(self, *, suite: Suite, **others: Any) -> None:
        super().__init__(**others)
        self.suite = suite

    def collect(self) -> Iterator["ProbeItem"]:
        """One item for each probe of the selected requirements."""
        for probe in probes_of(self.suite.selected):
            yield ProbeItem.from_parent(self, name=probe.id, probe=probe)


class ProbeItem(pytest.Item):
    """One probe of one requirement."""

    def __init__(self, *, probe: Probe, **others: Any) -> None:
        super().__init__(**others)
        self.probe = probe
        self.suite = cast("SuiteCollector", self.parent).suite

    def runtest(self) -> None:
        """Carry the probe out; a pass, a skip, an expected failure, or a failure, as the verdict is."""
        result = self.suite.carry_out(self.probe)
        self.user_properties.append((_PROPERTY, cast("Any", json.loads(json.dumps(result.to_json())))))
        level = catalogue()[result.requirement].level
        match result.verdict:
            case "pass":
                return
            case "not-applicable" | "not-run":
                pytest.skip(f"{result.verdict}: {result.summary}")
            case "fail" if result.requirement in self.suite.known:
                pytest.xfail(f"recorded deviation: {self.suite.known[result.requirement].reason}")
            case "fail" | "inconclusive" if level != "MUST" and not self.suite.strict:
                pytest.xfail(f"{level}: {result.summary}")
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


def pytest_configure(config: pytest.Config) -> None:
    """Read the manifest, and see that the adapter speaks, before anything is collected."""
    path = cast("str | None", config.getoption("--sessionproof"))
    if path is None:
        return
    try:
        suite = Suite(config, _manifest.load(Path(path)))
    except (ManifestError, UnknownRequirement) as error:
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
