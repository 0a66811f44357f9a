"""`pytest --sessionproof`: the suite as items of an implementer's own run, with pytest's own tools."""

import json
import re
from typing import Any

import pytest

from runs import STORE

pytest_plugins = ["pytester"]

MANIFEST = 'command = ["python", "-m", "sessionproof._host", "store:{}"]\nprofile = "quick"\n'
RECORD = '\n[[deviations]]\nrequirement = "STO-3"\nfault = "{}"\nreason = "soft deletes"\n'


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the adapters, a manifest for each, and a test of its own."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(store=STORE, test_own="def test_own(): pass")
    for name in ("Good", "Keeping", "Deleting", "Readable"):
        pytester.makefile(".toml", **{name.lower(): MANIFEST.format(name)})
    for fault in ("not-gone", "another"):
        pytester.makefile(".toml", **{fault: MANIFEST.format("Keeping") + RECORD.format(fault)})
    pytester.makefile(".toml", fixed=MANIFEST.format("Deleting") + RECORD.format("not-gone"))
    return pytester


def probe(project: pytest.Pytester, manifest: str, *words: str, only: str = "STO-2,STO-3") -> pytest.RunResult:
    """Run pytest on one of the manifests."""
    fixed = (f"--sessionproof={manifest}.toml", f"--sessionproof-only={only}", "--sessionproof-json=report.json")
    return project.runpytest_inprocess("-p", "no:cacheprovider", *fixed, *words)


def written(project: pytest.Pytester) -> dict[str, Any]:
    """The report that the run wrote."""
    value: dict[str, Any] = json.loads((project.path / "report.json").read_text(encoding="utf-8"))
    return value


def test_something_happens_without_the_option(project: pytest.Pytester) -> None:
    """Installed and not asked for, the plugin adds no item, no line and no file."""
    result = project.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert "sessionproof" not in str(result.stdout).replace("plugins:", "").split("collected")[1]
    assert not (project.path / "cases").exists()


def test_items_are_not_named_after_requirements(project: pytest.Pytester) -> None:
    """One item for each requirement and probe, beside the project's own; collecting writes no report."""
    result = probe(project, "good", "--collect-only", "-q")
    result.stdout.fnmatch_lines(
        ["test_own.py::test_own", "sessionproof::STO-2?histories?", "sessionproof::STO-3?histories?"]
    )
    assert result.ret == 0
    assert not (project.path / "report.json").exists()


def test_verdicts_are_not_outcomes(project: pytest.Pytester) -> None:
    """A pass passes, what does not apply is skipped; the report is written, and the conclusion shown."""
    result = probe(project, "good", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["What was selected holds.", "SKIPPED*not-applicable: the statement does not list `delete`"]
    )
    assert written(project)["exit_code"] == 0


def test_a_failure_is_a_traceback_of_the_kit(project: pytest.Pytester) -> None:
    """A failing requirement fails its item with the witness, and leaves its case; the others are judged."""
    result = probe(project, "keeping")
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["STO-3 MUST: A deleted session is gone", "*save(id=*", "*expected  nothing"])
    assert "Traceback" not in str(result.stdout)
    assert (project.path / "cases" / "STO-3.json").exists()
    assert written(project)["exit_code"] == 1


def test_k_selects_no_requirement(project: pytest.Pytester) -> None:
    """`-k` chooses probes; what it leaves out is not selected, and does not count as undecided."""
    result = probe(project, "keeping", "-k", "STO-2")
    result.assert_outcomes(passed=1, deselected=2)
    assert result.ret == 0
    entries = {entry["id"]: entry for entry in written(project)["requirements"]}
    assert (entries["STO-2"]["verdict"], entries["STO-3"]["verdict"]) == ("pass", "not-run")


def test_a_run_without_any_probe_is_judged(project: pytest.Pytester) -> None:
    """A run from which `-k` has taken every probe is the project's own, and writes no report."""
    result = probe(project, "keeping", "-k", "test_own")
    result.assert_outcomes(passed=1, deselected=2)
    assert result.ret == 0
    assert not (project.path / "report.json").exists()


def test_workers_find_something_else(project: pytest.Pytester) -> None:
    """With `-n 2` the results of the workers arrive in one report."""
    result = probe(project, "keeping", "-n", "2")
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    entries = {entry["id"]: entry for entry in written(project)["requirements"]}
    assert (entries["STO-2"]["verdict"], entries["STO-3"]["verdict"]) == ("pass", "fail")
    assert entries["STO-3"]["witness"]["calls"]
    assert written(project)["implementation"]["name"] == "good"


def test_junit_lacks_the_witness(project: pytest.Pytester) -> None:
    """JUnit XML names the items by requirement and holds the witness, and nothing of the kit's own wire."""
    probe(project, "keeping", "--junitxml=junit.xml")
    text = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert 'name="STO-3[histories]"' in text
    assert "sessionproof replay" not in text
    assert "expected  nothing" in text
    assert "<property" not in text


@pytest.mark.parametrize(
    ("manifest", "outcomes", "code", "state"),
    [
        ("not-gone", {"passed": 2, "xfailed": 1}, 0, "known"),
        ("another", {"passed": 2, "failed": 1}, 1, "changed"),
        ("fixed", {"passed": 3}, 1, "fixed"),
    ],
)
def test_a_record_is_passed_over(
    project: pytest.Pytester, manifest: str, outcomes: dict[str, int], code: int, state: str
) -> None:
    """A recorded deviation is an expected failure; one that differs from its record fails the run."""
    result = probe(project, manifest)
    result.assert_outcomes(**outcomes)
    assert result.ret == code
    assert written(project)["deviations"][0]["state"] == state


def test_a_should_fails_the_run(project: pytest.Pytester) -> None:
    """A SHOULD that fails is an expected failure, and a failure where the run is strict."""
    result = probe(project, "readable", only="SEC-1")
    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == 0
    result = probe(project, "readable", "--sessionproof-strict", only="SEC-1")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1


def test_the_project_s_own_failure_is_forgotten(project: pytest.Pytester) -> None:
    """A test of the project that fails still fails the run."""
    project.makepyfile(test_own="def test_own(): assert False")
    result = probe(project, "good", only="STO-2")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    assert written(project)["exit_code"] == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--sessionproof=nothing.toml",), 4, "nothing.toml: No such file"),
        (("--sessionproof=good.toml", "--sessionproof-only=STO-99"), 4, "'STO-99' is neither"),
        (("--sessionproof=mute.toml",), 3, "exited with status 7"),
        (("--sessionproof=good.toml", "--sessionproof-only=STO-2", "--sessionproof-json=no/r.json"), 2, "no/r.json"),
    ],
)
def test_a_wrong_option_is_a_traceback(
    project: pytest.Pytester, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """What is wrong is a sentence on standard error."""
    project.makefile(".toml", mute='command = ["python", "-c", "raise SystemExit(7)"]')
    result = project.runpytest_inprocess("-p", "no:cacheprovider", *words)
    assert result.ret == code
    assert re.search(sentence, str(result.stderr))
    assert "Traceback" not in str(result.stderr)
