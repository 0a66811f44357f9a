"""The kept results: of what they are made, and what readers are shown of them."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import results

ROOT = results.ROOT
KEPT = [target for target in results.targets() if (target / "result.json").exists()]


@pytest.mark.parametrize("target", KEPT, ids=lambda target: target.name)
def test_result_is_stale(target: Path) -> None:
    """A result is of the adapter, the manifest and the packages that are there: else run `nox -s targets`."""
    assert json.loads((target / "result.json").read_text())["inputs"] == results.inputs(target)


@pytest.mark.parametrize("target", KEPT, ids=lambda target: target.name)
def test_deviation_without_failure(target: Path) -> None:
    """Every deviation that a manifest records is one that was found."""
    recorded = tomllib.loads((target / "sessionproof.toml").read_text()).get("deviations", [])
    faults = json.loads((target / "result.json").read_text())["faults"]
    assert all(entry["fault"] in faults[entry["requirement"]] for entry in recorded)


def test_target_without_result() -> None:
    """Every target has been judged."""
    assert results.targets() == KEPT


@pytest.mark.parametrize("target", KEPT, ids=lambda target: target.name)
def test_failure_without_case(target: Path) -> None:
    """Every fault that was found has a case to replay, and every case is of one."""
    found = json.loads((target / "result.json").read_text())["faults"]
    cases = {path.stem: json.loads(path.read_text()) for path in target.glob("cases/*.json")}
    shown = {(case["requirement"], case["fault"]) for case in cases.values()}
    assert shown == {(id, fault) for id, faults in found.items() for fault in faults}
    assert found.keys() <= cases.keys()
    assert len(shown) == len(cases)


def test_page_is_out_of_step() -> None:
    """The page and the table in the README are made from what is kept: else run `nox -s results`."""
    readme = (ROOT / results.README).read_text(encoding="utf-8")
    assert (ROOT / results.PAGE).read_text(encoding="utf-8") == results.page()
    assert results.with_table(readme, results.table()) == readme
    assert readme.count(results.BEGIN) == readme.count(results.END) == 1


@pytest.mark.parametrize(
    ("changed", "old"),
    [("adapter.mjs", "async"), ("package-lock.json", "7.0.1"), ("sessionproof.toml", "deadline = 1")],
)
def test_change_goes_unnoticed(tmp_path: Path, changed: str, old: str) -> None:
    """The digest changes with the adapter, the packages and what the manifest asks for, and with nothing else."""
    target = tmp_path / "lowdb"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / results.TARGETS / "lowdb", target, ignore=ignored)
    before = results.inputs(target)
    (target / "README.md").write_text("other words")
    with (target / "sessionproof.toml").open("a") as file:
        file.write('[[deviations]]\nrequirement = "STO-2"\nfault = "lost"\nreason = "so be it"\n')
    (target / "node_modules").mkdir()
    (target / "node_modules" / "package.json").write_text("{}")
    assert results.inputs(target) == before
    text = (target / changed).read_text()
    assert old in text
    (target / changed).write_text(text.replace(old, f"{old}2"))
    assert results.inputs(target) != before


def test_change_of_a_shared_crate_goes_unnoticed(tmp_path: Path) -> None:
    """A target that has no crate of its own is built from another's: the digest changes with that, by its manifest."""
    for name in ("ailoop", "ailoop-memory"):
        ignored = shutil.ignore_patterns("cases", "result.json")
        shutil.copytree(ROOT / results.TARGETS / name, tmp_path / name, ignore=ignored)
    target = tmp_path / "ailoop-memory"
    before = results.inputs(target)
    for name in ("sessionproof.toml", "README.md"):
        (tmp_path / "ailoop" / name).write_text("")
    assert results.inputs(target) == before
    main = tmp_path / "ailoop" / "src" / "main.rs"
    main.write_text(main.read_text() + "\n")
    assert results.inputs(target) != before


def test_result_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run finds is kept with its cases; those of the run before are gone; the page names the fault."""
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    target = tmp_path / results.TARGETS / "lowdb"
    (target / "cases").mkdir(parents=True)
    (target / "cases" / "STO-1.json").write_text("{}")
    (target / "sessionproof.toml").write_text(
        '[[deviations]]\nrequirement = "STO-2"\nfault = "lost"\nreason = "so | be it"\n'
    )
    entry = {"id": "STO-2", "verdict": "fail", "faults": ["lost"], "witness": None, "assumed": False}
    passed = {**entry, "id": "STO-1", "verdict": "pass", "faults": []}
    told = {
        "kit": {"name": "sessionproof", "version": "9"},
        "spec": "1.0",
        "implementation": {"name": "low", "version": "1", "language": "any"},
        "assumed": {"durability": "power-loss"},
        "profile": "quick",
        "seed": 0,
        "levels": {"document": "R", "log": None},
        "requirements": [entry, passed, {**entry, "id": "DUR-1", "assumed": True}],
        "cost": {"save": {"system_calls": 7, "fsyncs": 2}},
    }
    (tmp_path / "report.json").write_text(json.dumps(told))
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "STO-2.json").write_text(f'{{"folder": "{target}"}}')
    monkeypatch.setattr(results, "ROOT", tmp_path)
    results.keep("lowdb", tmp_path / "report.json", tmp_path / "cases")
    assert [path.name for path in (target / "cases").iterdir()] == ["STO-2.json"]
    assert json.loads((target / "cases" / "STO-2.json").read_text()) == {"folder": "conformance/targets/lowdb"}
    page, table = results.page(tmp_path), results.table(tmp_path)
    assert "| STO-2 MUST | [**fail**](lowdb/cases/STO-2.json) |" in page
    assert "so \\| be it" in page
    assert "| save | 7 | 2 |" in page
    assert "| 1 | 1: STO-2 | 0 | 1: DUR-1 |" in table
