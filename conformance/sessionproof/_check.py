"""`sessionproof check`: the suite through pytest, with the kit's own face."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sessionproof._client import AdapterFault
from sessionproof._console import Screen, standard_output
from sessionproof._loop import FileSystem
from sessionproof._manifest import Manifest, ManifestError
from sessionproof._plugin import Suite, result_of
from sessionproof._report import EXIT_INTERRUPTED, EXIT_KIT
from sessionproof._requirements import selected
from sessionproof._suite import probes_of


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `check` asked for; without `workers` as many as there are cores to use."""

    manifest: Manifest
    profile: str
    only: tuple[str, ...]
    strict: bool
    workers: int | None
    seed: int
    confirm_on: tuple[FileSystem, ...]
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
        self.broken = False

    def pytest_plugin_registered(self, plugin: object) -> None:
        if isinstance(plugin, Suite):
            self.suite = plugin

    def pytest_sessionstart(self) -> None:
        if self.suite is not None and self.suite.statement is not None:
            self.screen.begin(self.suite.statement.raw, self.profile)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_of(report)
        if result is not None:
            self.screen.advance(result)

    def pytest_internalerror(self) -> None:
        self.broken = True


def build(manifest: Manifest) -> None:
    """Run the manifest's build commands.

    Raises:
        AdapterFault: One of them fails.
    """
    for command in manifest.build:
        words = " ".join(command)
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command
                command, cwd=manifest.folder, check=False, capture_output=True, text=True, errors="replace"
            )
        except OSError as error:
            raise AdapterFault(f"the build command `{words}` cannot be started: {error.strerror}") from error
        if done.returncode:
            tail = (done.stdout + done.stderr).strip()[-1500:]
            raise AdapterFault(f"the build command `{words}` failed with status {done.returncode}:\n{tail}")


def check(request: Request) -> int:
    """Probe the store, write the report; the exit code of the run.

    Raises:
        AdapterFault: The adapter does not build, start, or answer `initialize`.
        UnknownRequirement: `only` names what is no requirement.
        ManifestError: A report is to go where there is no folder.
        OSError: A report cannot be written.
    """
    probes = probes_of(selected(request.only))
    for file in (request.json_file, request.junit_file, request.html_file):
        if file is not None and not Path(file).absolute().parent.is_dir():
            raise ManifestError(f"{file}: the report cannot be written there; make the folder first")
    build(request.manifest)
    workers = min(request.workers or len(os.sched_getaffinity(0)), max(1, len(probes)))
    said = io.StringIO()
    with standard_output() as console:
        screen = Screen(console, len(probes))
        watcher = _Watcher(screen, request.profile)
        with tempfile.TemporaryDirectory(prefix="sessionproof-check-") as folder, _pytest_alone(said, folder):
            status = pytest.main(_arguments(request, workers, Path(folder)), plugins=[watcher])
        screen.end()
        suite = watcher.suite
        if suite is not None and suite.report is not None:
            screen.report(suite.report)
    if suite is not None and suite.unwritten is not None:
        raise suite.unwritten
    if suite is None or suite.report is None or watcher.broken:
        if suite is not None and suite.fault is not None:
            raise suite.fault
        if status == pytest.ExitCode.INTERRUPTED:
            return EXIT_INTERRUPTED
        sys.stderr.write(f"sessionproof: an error of the kit; please report it:\n{said.getvalue()}\n")
        return EXIT_KIT
    code: int = suite.report["exit_code"]
    return code


def _arguments(request: Request, workers: int, folder: Path) -> list[str]:
    """The words for pytest: nothing is collected but the suite, and nothing is configured but here."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(request.manifest.to_json()), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "empty").mkdir()
    return [
        str(folder / "empty"),
        f"--rootdir={folder}",
        f"-c{folder / 'pytest.ini'}",
        "-psessionproof.pytest_plugin",
        "-pno:cacheprovider",
        "-qq",
        f"--sessionproof={manifest}",
        f"--sessionproof-profile={request.profile}",
        f"--sessionproof-only={','.join(request.only)}",
        f"--sessionproof-seed={request.seed}",
        f"--sessionproof-cases={request.cases}",
        f"--sessionproof-confirm-on={','.join(request.confirm_on)}",
        *(["--sessionproof-strict"] if request.strict else []),
        *([f"--sessionproof-json={request.json_file}"] if request.json_file else []),
        *([f"--sessionproof-html={request.html_file}"] if request.html_file else []),
        *([f"--junitxml={request.junit_file}"] if request.junit_file else []),
        *(["-pxdist.plugin", "-n", str(workers), "--dist=worksteal"] if workers > 1 else []),
    ]


@contextlib.contextmanager
def _pytest_alone(said: io.StringIO, folder: str) -> Generator[None]:
    """Keep the caller's settings out of pytest, what pytest prints off the screen, and Hypothesis's notes elsewhere."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith("PYTEST_"):
            del os.environ[name]
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HYPOTHESIS_STORAGE_DIRECTORY": folder}
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
