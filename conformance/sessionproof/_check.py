"""`sessionproof check`: the suite through pytest, with the kit's own face."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from sessionproof._client import AdapterFault
from sessionproof._console import Screen, standard_output
from sessionproof._manifest import Manifest
from sessionproof._report import EXIT_INTERRUPTED, EXIT_KIT
from sessionproof._requirements import selected
from sessionproof._suite import Result, probes_of
from sessionproof.pytest_plugin import Suite


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `check` asked for."""

    manifest: Manifest
    profile: str
    only: tuple[str, ...]
    strict: bool
    workers: int
    seed: int
    json_file: str | None
    junit_file: str | None
    html_file: str | None
    cases: str


class _Watcher:
    """Shows each result as it arrives."""

    def __init__(self, screen: Screen, profile: str) -> None:
        self.screen = screen
        self.profile = profile
        self.suite: Suite | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.suite = session.config.pluginmanager.get_plugin("sessionproof-suite")
        if self.suite is not None and self.suite.statement is not None:
            self.screen.begin(self.suite.statement.raw, self.profile)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "sessionproof":
                    self.screen.advance(Result.from_json(dict(value)))  # type: ignore[call-overload] # a property is any object


def build(manifest: Manifest) -> None:
    """Run the manifest's build commands.

    Raises:
        AdapterFault: One of them fails.
    """
    for command in manifest.build:
        try:
            done = subprocess.run(command, cwd=manifest.folder, check=False, capture_output=True, text=True)  # noqa: S603 - the user's own
        except OSError as error:
            raise AdapterFault(f"the build command `{' '.join(command)}` cannot be started: {error.strerror}") from error
        if done.returncode:
            tail = (done.stdout + done.stderr).strip()[-1500:]
            raise AdapterFault(f"the build command `{' '.join(command)}` failed with status {done.returncode}:\n{tail}")


def check(request: Request) -> int:
    """Probe the store; the exit code of the run.

    Raises:
        AdapterFault: The adapter does not build, start, or answer `initialize`.
        UnknownRequirement: `only` names what is no requirement.
    """
    probes = probes_of(selected(request.only))
    build(request.manifest)
    screen = Screen(standard_output(), len(probes))
    with tempfile.TemporaryDirectory(prefix="sessionproof-check-") as folder:
        status, suite = _pytest(request, screen, Path(folder))
    screen.end()
    if suite is not None and suite.fault is not None:
        raise suite.fault
    report = suite.report if suite is not None else None
    if report is None:
        return EXIT_INTERRUPTED if status == pytest.ExitCode.INTERRUPTED else EXIT_KIT
    screen.report(report)
    if status == pytest.ExitCode.INTERRUPTED:
        return EXIT_INTERRUPTED
    if status == pytest.ExitCode.INTERNAL_ERROR:
        return EXIT_KIT
    code: int = report["exit_code"]
    return code


def _pytest(request: Request, screen: Screen, folder: Path) -> tuple[int, Suite | None]:
    """Run the suite in pytest with nothing of the caller's own configuration."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(request.manifest.to_json()), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "empty").mkdir()
    arguments = [
        str(folder / "empty"),
        f"--rootdir={folder}",
        f"-c{folder / 'pytest.ini'}",
        "-pno:cacheprovider",
        "-pno:terminal" if request.workers <= 1 else "-qq",
        f"--sessionproof={manifest}",
        f"--sessionproof-profile={request.profile}",
        f"--sessionproof-only={','.join(request.only)}",
        f"--sessionproof-seed={request.seed}",
        f"--sessionproof-cases={request.cases}",
        *(["--sessionproof-strict"] if request.strict else []),
        *([f"--sessionproof-json={request.json_file}"] if request.json_file else []),
        *([f"--sessionproof-html={request.html_file}"] if request.html_file else []),
        *([f"--junitxml={request.junit_file}"] if request.junit_file else []),
        *(["-n", str(request.workers), "--dist=worksteal"] if request.workers > 1 else []),
    ]
    watcher = _Watcher(screen, request.profile)
    with _silenced(active=request.workers > 1):
        status = pytest.main(arguments, plugins=[watcher])
    return int(status), watcher.suite


class _silenced:  # noqa: N801 - used as a word
    """Sends pytest's own terminal output nowhere: the screen shows the run. xdist needs pytest's terminal to exist."""

    def __init__(self, *, active: bool) -> None:
        self.active = active
        self._kept = -1

    def __enter__(self) -> None:
        if self.active:
            self._kept = os.dup(1)
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.close(sink)

    def __exit__(self, *_: object) -> None:
        if self.active:
            os.dup2(self._kept, 1)
            os.close(self._kept)


