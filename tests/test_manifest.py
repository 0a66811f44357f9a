"""A manifest says how an adapter is started and its store judged; what is wrong with one is said by name."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from runs import schema_faults
from sessionproof._manifest import Deviation, Manifest, ManifestError, deviations, load, parse

FULL = """
command = ["python", "adapter.py"]
build = [["python", "-m", "compileall", "."], ["make"]]
deadline = 2
volatile = ["*.cache"]
allow_outside = ["logs"]
assume = { durability = "power-loss" }
profile = "quick"

[[deviations]]
requirement = "STO-3"
fault = "not-gone"
reason = "planned"
issue = "https://example.org/1"
"""


def written(folder: Path, text: str, name: str = "sessionproof.toml") -> Path:
    """A file of that text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_member_is_not_read(tmp_path: Path) -> None:
    """Every member arrives; paths are seen from the manifest's folder, and `python` is the kit's own."""
    manifest = load(written(tmp_path, FULL))
    assert manifest == Manifest(
        command=(sys.executable, "adapter.py"),
        folder=tmp_path,
        build=((sys.executable, "-m", "compileall", "."), ("make",)),
        deadline=2.0,
        volatile=("*.cache",),
        allow_outside=(str(tmp_path / "logs"),),
        assume={"durability": "power-loss"},
        profile="quick",
        deviations=(Deviation("STO-3", "not-gone", "planned", "https://example.org/1"),),
    )
    assert (manifest.launch.command, manifest.launch.folder, manifest.launch.deadline) == (
        manifest.command,
        tmp_path,
        2.0,
    )


def test_a_default_is_not_the_documented_one(tmp_path: Path) -> None:
    """Only the command is needed."""
    manifest = load(written(tmp_path, 'command = ["./adapter"]'))
    assert manifest == Manifest(command=("./adapter",), folder=tmp_path)
    assert (manifest.deadline, manifest.profile, manifest.volatile) == (10.0, "standard", ("*-shm",))


def test_a_relative_path_is_seen_from_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest that is named relatively still gives absolute paths, and `folder` starts at the manifest."""
    (tmp_path / "inner" / "work").mkdir(parents=True)
    written(tmp_path / "inner", 'command = ["x"]\nfolder = "work"\nallow_outside = ["logs"]')
    monkeypatch.chdir(tmp_path)
    manifest = load(Path("inner/sessionproof.toml"))
    assert manifest.folder == tmp_path / "inner" / "work"
    assert manifest.allow_outside == (str(tmp_path / "inner" / "work" / "logs"),)


def test_a_manifest_changes_on_its_way_to_a_worker(tmp_path: Path) -> None:
    """Written as JSON and read again, a manifest is the same; that JSON is a manifest by the schema, too."""
    manifest = load(written(tmp_path, FULL))
    assert schema_faults("manifest.schema.json", manifest.to_json()) == []
    assert parse(manifest.to_json(), Path("/elsewhere"), "a worker") == manifest


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "'command' is a required property"),
        ('command = "adapter"', "command"),
        ("command = []", "command"),
        ('comand = ["x"]', "comand"),
        ('command = ["x"]\ndeadline = 0', "deadline"),
        ('command = ["x"]\nprofile = "thorough"', "thorough"),
        ('command = ["x"]\nassume = { fidelity = "json" }', "fidelity"),
        ('command = ["x"]\nfolder = "not-there"', "not-there"),
        ('command = ["x"]\n[[deviations]]\nrequirement = "STO-3"\nfault = "x"', "reason"),
        ('command = ["x"]\n[[deviations]]\nrequirement = "STO-99"\nfault = "x"\nreason = "x"', "STO-99"),
        ("command = [", "no TOML"),
    ],
)
def test_a_wrong_member_is_not_named(tmp_path: Path, text: str, named: str) -> None:
    """The message holds the file and what is wrong in it."""
    path = written(tmp_path, text)
    with pytest.raises(ManifestError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_a_missing_manifest_leaves_the_reader_alone(tmp_path: Path) -> None:
    """The message says what to do instead."""
    with pytest.raises(ManifestError, match="give a command after --"):
        load(tmp_path / "sessionproof.toml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[deviations]]\nrequirement = "STO-99"\nfault = "x"\nreason = "x"', "STO-99"),
        ('[[deviation]]\nrequirement = "STO-3"', "only [[deviations]]"),
        ('command = ["x"]', "only [[deviations]]"),
        ("[[", "no TOML"),
        ('[[deviations]]\nrequirement = "STO-3"\nfault = 1\nreason = "x"', "fault"),
    ],
)
def test_a_wrong_record_is_not_named(tmp_path: Path, text: str, named: str) -> None:
    """A file of deviations holds nothing else; the message holds the file and what is wrong in it."""
    path = written(tmp_path, text, "deviations.toml")
    with pytest.raises(ManifestError) as caught:
        deviations(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_a_record_is_not_read(tmp_path: Path) -> None:
    """A file of deviations gives them in order; an issue may be left out; an absent file is an error."""
    text = '[[deviations]]\nrequirement = "STO-3"\nfault = "not-gone"\nreason = "planned"\n'
    assert deviations(written(tmp_path, text)) == (Deviation("STO-3", "not-gone", "planned"),)
    assert deviations(written(tmp_path, "")) == ()
    with pytest.raises(ManifestError, match=r"nothing\.toml"):
        deviations(tmp_path / "nothing.toml")


def test_a_python_in_the_middle_is_replaced(tmp_path: Path) -> None:
    """Only the first word of a command stands for the kit's Python."""
    given: dict[str, Any] = {"command": ["env", "python", "x.py"]}
    assert parse(given, tmp_path, "here").command == ("env", "python", "x.py")
    assert dataclasses.replace(parse({"command": ["python3"]}, tmp_path, "here")).command == (sys.executable,)
