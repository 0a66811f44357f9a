"""The command line: exit codes, sentences for people, and what is kept of a run that ends badly."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from runs import STORE, Done, check, ended, probing, report, schema_faults, sessionproof, start, verdicts

INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
BROKEN_PROBE = """
from sessionproof._probes import PROBES, Probe

def body(trial):
    raise RuntimeError("a defect of the kit")

PROBES[:] = [probe if probe.requirement != "IDS-7" else Probe("IDS-7", "broken", body) for probe in PROBES]
"""
SLOW_STO_3 = """
import os, time
from sessionproof._probes import PROBES, Probe

def quick(trial):
    trial.count("examples")

def slow(trial):
    os.write(shown, b"STO-3 begins\\n")
    time.sleep(60)

shown = os.dup(1)
bodies = {"STO-2": quick, "STO-3": slow}
PROBES[:] = [Probe(id, "stub", body) for id, body in bodies.items()]
"""
NOISY = """
import json, sys
for line in sys.stdin:
    print("hello", flush=True)
    print("hello again", flush=True)
    sys.exit(0)
"""
SILENT = "import sys\nfor line in sys.stdin: pass\n"
FLOOD = "while True: print('hello')\n"


def manifest(folder: Path, text: str, name: str = "sessionproof.toml") -> str:
    """Write a manifest; its name."""
    (folder / name).write_text(text, encoding="utf-8")
    return name


def said(done: Done) -> str:
    """Standard error, which is a sentence and no traceback of the kit."""
    assert "Traceback" not in done.err
    assert done.err.startswith("sessionproof: ")
    return done.err


def test_a_store_that_holds_does_not_end_with_0(tmp_path: Path) -> None:
    """Exit code 0: everything that was probed holds; nothing is written to standard error."""
    done = ended(start(tmp_path, *probing("store:Good")))
    assert (done.code, done.err) == (0, "")
    assert verdicts(tmp_path) == {"STO-2": "pass", "IDS-7": "pass"}
    assert not (tmp_path / "cases").exists()


def test_a_store_that_fails_does_not_end_with_1_or_its_case_does_not_replay(tmp_path: Path) -> None:
    """Exit code 1; the case fails again on the same store, and holds on one that is mended."""
    done = check(tmp_path, "store:Keeping", only="STO-3")
    assert done.code == 1
    assert "Not conformant: STO-3 fails." in done.out
    case = json.loads((tmp_path / "cases" / "STO-3.json").read_text(encoding="utf-8"))
    assert schema_faults("case.schema.json", case) == []
    assert schema_faults("report.schema.json", report(tmp_path)) == []

    again = sessionproof(tmp_path, "replay", "cases/STO-3.json")
    assert again.code == 1
    assert "STO-3: fails at step" in again.out
    mended = sessionproof(tmp_path, "replay", "cases/STO-3.json", "--", "store:Deleting")
    assert mended.code == 0
    assert "holds now" in mended.out


def test_a_case_stays_once_its_requirement_passes(tmp_path: Path) -> None:
    """The folder of cases shows the failures of the last run, and keeps what the run did not judge."""
    cases = tmp_path / "cases"
    cases.mkdir()
    for name in ("STO-2.json", "STO-3.json", "notes.txt"):
        (cases / name).write_text("{}", encoding="utf-8")
    assert check(tmp_path, "store:Good", only="STO-2").code == 0
    assert sorted(path.name for path in cases.iterdir()) == ["STO-3.json", "notes.txt"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("chekc",), "chekc"),
        (("check", "--only", "STO-99", "store:Good"), "STO-99"),
        (("check", "--manifest", "typo.toml"), "comand"),
        (("check", "--manifest", "nothing.toml"), "nothing.toml"),
        (("check", "--manifest", "no-toml.toml"), "no-toml.toml"),
        (("check", "--manifest", "typo.toml", "store:Good"), "not both"),
        (("check", "--json", "nowhere/report.json", "store:Good"), "nowhere/report.json"),
        (("check",), "nothing to check"),
        (("check", "-n", "0", "store:Good"), "-n"),
        (("replay", "typo.toml"), "typo.toml is no JSON"),
        (("replay", "no-case.json"), "no-case.json is no case"),
        (("replay", "old-case.json"), "XYZ-1"),
        (("explain", "STO-99"), "STO-99"),
        (("validate", "nowhere"), "nowhere"),
    ],
    ids=str,
)
def test_wrong_usage_is_not_named(tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    """Exit code 2, and the word that is wrong on standard error."""
    manifest(tmp_path, 'comand = ["true"]', "typo.toml")
    manifest(tmp_path, "= [", "no-toml.toml")
    (tmp_path / "no-case.json").write_text('{"steps": []}', encoding="utf-8")
    case: dict[str, Any] = {"case": "1.0", "requirement": "XYZ-1", "probe": "", "fault": "", "summary": ""}
    manifest(tmp_path, json.dumps({**case, "setup": {}, "steps": []}), "old-case.json")
    done = sessionproof(tmp_path, *words)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('command = ["./not-there"]', "cannot be started"),
        ('command = ["python", "-c", "import sys; sys.exit(7)"]', "exited with status 7"),
        ('command = ["python", "noisy.py"]', "'hello again'"),
        ('command = ["python", "silent.py"]\ndeadline = 0.5', "no answer within 0.5 s"),
        ('command = ["python", "flood.py"]\ndeadline = 0.5', "it printed: 'hello'"),
        ('command = ["true"]\nbuild = [["python", "-c", "import sys; sys.exit(\'no compiler\')"]]', "no compiler"),
        ('command = ["true"]\nbuild = [["./not-there"]]', "build command `./not-there` cannot be started"),
    ],
    ids=["not there", "dies", "noisy", "silent", "flood", "does not build", "no builder"],
)
def test_an_adapter_that_cannot_be_driven_is_a_riddle(tmp_path: Path, text: str, sentence: str) -> None:
    """Exit code 3, and what the adapter did on standard error."""
    for name, script in {"noisy.py": NOISY, "silent.py": SILENT, "flood.py": FLOOD}.items():
        (tmp_path / name).write_text(script, encoding="utf-8")
    manifest(tmp_path, text)
    done = sessionproof(tmp_path, "check", "--only", "STO-2")
    assert done.code == 3
    assert sentence in said(done)


def test_what_was_finished_is_lost_when_the_adapter_dies_for_good(tmp_path: Path) -> None:
    """Exit code 3; the report holds what was decided before, and whose fault the rest is."""
    done = check(tmp_path, "store:Dying", only="STO-1,STO-3,SEC-4")
    assert done.code == 3
    assert "Traceback" not in done.out + done.err
    assert verdicts(tmp_path)["STO-1"] == "pass"
    written = report(tmp_path)
    assert schema_faults("report.schema.json", written) == []
    entry = next(entry for entry in written["requirements"] if entry["id"] == "SEC-4")
    assert (entry["verdict"], entry["blame"]) == ("error", "adapter")
    assert "no memory is left" in entry["summary"]
    assert "no memory is left" in done.out


def test_a_store_without_operations_is_conformant(tmp_path: Path) -> None:
    """Exit code 4: nothing applies, so nothing is granted."""
    done = check(tmp_path, "store:Empty", only="STO,IDS-7")
    assert done.code == 4
    assert "by its statement, nothing that was selected applies" in done.out
    written = report(tmp_path)
    assert written["levels"] == {"document": None, "log": None}
    assert written["conformant"] is False
    assert schema_faults("report.schema.json", written) == []


def test_a_defect_of_a_probe_is_blamed_on_the_store(tmp_path: Path) -> None:
    """Exit code 5; the traceback is in the report, and the other requirements are judged."""
    done = ended(start(tmp_path, *probing("store:Good"), before=BROKEN_PROBE))
    assert done.code == 5
    assert "Traceback" not in done.out + done.err
    written = report(tmp_path)
    assert verdicts(tmp_path) == {"STO-2": "pass", "IDS-7": "error"}
    entry = next(entry for entry in written["requirements"] if entry["id"] == "IDS-7")
    assert entry["blame"] == "kit"
    assert "RuntimeError: a defect of the kit" in entry["details"]
    assert schema_faults("report.schema.json", written) == []


def test_what_was_finished_is_lost_when_the_run_is_interrupted(tmp_path: Path) -> None:
    """Exit code 130; the report holds what was decided before."""
    process = start(tmp_path, *probing("store:Deleting", only="STO-2,STO-3"), before=INTERRUPTIBLE + SLOW_STO_3)
    assert process.stdout is not None
    assert any(line.startswith("STO-3 begins") for line in process.stdout)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert "Traceback" not in done.out + done.err
    assert "Interrupted: 1 of 2 requirements were probed." in done.out
    written = report(tmp_path)
    assert verdicts(tmp_path) == {"STO-2": "pass"}
    assert (written["exit_code"], written["complete"], written["conformant"]) == (130, False, False)
    assert schema_faults("report.schema.json", written) == []


def test_an_interrupt_outside_the_suite_ends_with_1(tmp_path: Path) -> None:
    """Exit code 130 also where the kit waits for a build command."""
    script = "import time; print(1, file=open('built', 'w'), flush=True); time.sleep(60)"
    manifest(tmp_path, f'command = ["true"]\nbuild = [["python", "-c", "{script}"]]')
    process = start(tmp_path, "check", before=INTERRUPTIBLE)
    while not (tmp_path / "built").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert (done.code, done.err) == (130, "sessionproof: interrupted\n")


def test_two_runs_or_two_workers_differ(tmp_path: Path) -> None:
    """The same command gives the same verdicts and witnesses, whoever finishes first."""
    found: list[object] = []
    for n in (1, 1, 2):
        check(tmp_path, "store:Keeping", only="STO-1,STO-3,FMT-4", n=n)
        entries = report(tmp_path)["requirements"]
        found.append([{name: entry[name] for name in ("id", "verdict", "faults", "witness")} for entry in entries])
    assert found[0] == found[1] == found[2]
    assert {"pass", "fail"} <= set(verdicts(tmp_path).values())


def test_a_should_decides_though_not_strict(tmp_path: Path) -> None:
    """A SHOULD that fails is shown, and ends with 0; with `--strict` it ends with 1."""
    assert check(tmp_path, "store:Readable", only="SEC-1,STO-2").code == 0
    assert verdicts(tmp_path) == {"STO-2": "pass", "SEC-1": "fail"}
    assert check(tmp_path, "--strict", "store:Readable", only="SEC-1,STO-2").code == 1


def test_only_takes_no_groups(tmp_path: Path) -> None:
    """`--only` names requirements and whole groups, in any case."""
    assert check(tmp_path, "store:Empty", only="sec,STO-2").code == 4
    assert set(verdicts(tmp_path)) == {"STO-2", "SEC-1", "SEC-2", "SEC-3", "SEC-4"}


def test_a_recorded_deviation_decides(tmp_path: Path) -> None:
    """As recorded: 0, and the reason is shown. Fixed: 1. Recorded with another fault: 1. No such requirement: 2."""
    record = '[[deviations]]\nrequirement = "{}"\nfault = "{}"\nreason = "soft deletes are planned"\n'
    manifest(tmp_path, record.format("STO-3", "not-gone"), "known.toml")
    manifest(tmp_path, record.format("STO-3", "another"), "changed.toml")
    manifest(tmp_path, record.format("STO-99", "not-gone"), "unknown.toml")
    known = check(tmp_path, "--deviations", "known.toml", "store:Keeping", only="STO-3")
    assert known.code == 0
    assert "soft deletes are planned" in known.out
    assert schema_faults("report.schema.json", report(tmp_path)) == []
    assert check(tmp_path, "--deviations", "known.toml", "store:Deleting", only="STO-3").code == 1
    assert report(tmp_path)["deviations"][0]["state"] == "fixed"
    assert check(tmp_path, "--deviations", "changed.toml", "store:Keeping", only="STO-3").code == 1
    unknown = check(tmp_path, "--deviations", "unknown.toml", "store:Keeping", only="STO-3")
    assert unknown.code == 2
    assert "STO-99" in said(unknown)


def test_an_assumption_decides(tmp_path: Path) -> None:
    """What applies by the manifest's assumption alone is judged, marked, and decides nothing."""
    forgets = "from store import Good\n\nclass Forgets(Good):\n    def __init__(self): self.kept = {}\n"
    forgets += "    def save(self, id, document, if_revision=None): self.kept[self.root, id] = document\n"
    forgets += "    def load(self, id): return self.kept.get((self.root, id))\n"
    (tmp_path / "forgets.py").write_text(forgets, encoding="utf-8")
    text = 'command = ["python", "-m", "sessionproof._host", "forgets:Forgets"]\nassume = { durability = "close" }'
    manifest(tmp_path, text)
    done = check(tmp_path, only="STO-2,STO-7")
    entries = {entry["id"]: entry for entry in report(tmp_path)["requirements"]}
    assert (entries["STO-7"]["verdict"], entries["STO-7"]["assumed"]) == ("fail", True)
    assert (entries["STO-2"]["verdict"], entries["STO-2"]["assumed"]) == ("pass", False)
    assert done.code == 0
    assert "assumed" in done.out


def test_a_manifest_s_commands_run_in_the_caller_s_folder(tmp_path: Path) -> None:
    """A manifest may be named from anywhere; `folder` in it is seen from where it lies."""
    (tmp_path / "configuration" / "inner").mkdir(parents=True)
    text = 'command = ["python", "-m", "sessionproof._host", "elsewhere:Good"]\nfolder = "inner"'
    (tmp_path / "configuration" / "sessionproof.toml").write_text(text, encoding="utf-8")
    (tmp_path / "configuration" / "inner" / "elsewhere.py").write_text(STORE, encoding="utf-8")
    done = check(tmp_path, "--manifest", "configuration/sessionproof.toml", only="STO-1")
    assert (done.code, done.err) == (0, "")


def test_a_reader_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    """With standard output closed at the other end the run goes on, and writes its report."""
    process = start(tmp_path, *probing("store:Good", only="STO-2"))
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    done = ended(process)
    assert (done.code, done.err) == (0, "")
    assert verdicts(tmp_path) == {"STO-2": "pass"}


def test_other_reports_are_forgotten(tmp_path: Path) -> None:
    """`--junit` and `--html` write what they say."""
    done = check(tmp_path, "--junit", "junit.xml", "--html", "page.html", "store:Good", only="STO-2")
    assert done.code == 0
    assert 'tests="1"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_caller_s_pytest_options_take_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment and the folder tell pytest is about the caller's own tests."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing")
    (tmp_path / "conftest.py").write_text("raise RuntimeError", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    assert check(tmp_path, "store:Good", only="STO-2").code == 0
    assert verdicts(tmp_path) == {"STO-2": "pass"}


def test_explain_and_list_leave_a_requirement_out(tmp_path: Path) -> None:
    """`list` names all of them, `explain` says what one demands and how it is probed."""
    listed = sessionproof(tmp_path, "list")
    assert (listed.code, listed.err) == (0, "")
    assert "STO-2" in listed.out
    explained = sessionproof(tmp_path, "explain", "sto-3")
    assert explained.code == 0
    assert "A deleted session is gone" in explained.out
    assert "histories:" in explained.out
