"""`sessionproof validate` judges files and folders as the formats do, and says where and by which rule."""

import shutil
import tomllib
from pathlib import Path

import pytest

from format_judges import SPEC
from runs import sessionproof
from sessionproof._validate import Finding, NotThere, validate
from sessionproof._validate_bytes import read
from sessionproof_reference import SessionStore

EXAMPLES = SPEC / "formats" / "examples"
RULES = tomllib.loads((EXAMPLES / "rules.toml").read_text(encoding="utf-8"))

# Examples for the schemas alone: their checksum is not one of these bytes, or another format is meant.
OTHERS = {
    *(f"{format}/valid/in-a-file" for format in ("session", "snapshot", "step")),
    "session/invalid/format-is-snapshot",
}


LOG_EXAMPLES = [(rule, name) for rule in RULES for name in RULES[rule].get("invalid", []) if name.startswith("log/")]


def examples(*folders: str) -> list[str]:
    """The examples of these folders, by path and without suffix."""
    found = [path for folder in folders for path in sorted((EXAMPLES / folder).glob("*.json"))]
    return [name for path in found if (name := str(path.relative_to(EXAMPLES).with_suffix(""))) not in OTHERS]


@pytest.mark.parametrize(
    "name",
    examples(*(f"{format}/{kind}" for format in ("session", "snapshot", "step") for kind in ("valid", "invalid"))),
)
def test_a_document_is_judged_otherwise_than_the_formats_judge_it(name: str) -> None:
    """Every example of a document is found valid or invalid as its folder says."""
    assert all(finding.valid for finding in validate(EXAMPLES / f"{name}.json")) is ("/valid/" in name)


@pytest.mark.parametrize("name", examples("file/valid", "file/invalid"))
def test_a_file_is_judged_otherwise_than_the_formats_judge_it(name: str) -> None:
    """Every example of a file on disk is found valid or invalid as its folder says."""
    _, faults = read((EXAMPLES / f"{name}.json").read_bytes())
    assert (not faults) is ("/valid/" in name)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "log").glob("*valid/*")), ids=lambda path: path.name)
def test_a_log_is_judged_otherwise_than_the_formats_judge_it(path: Path) -> None:
    """Every example of a log, file or folder, is found valid or invalid as its folder says."""
    assert all(finding.valid for finding in validate(path)) is (path.parent.name == "valid")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.startswith("F-DSK") and "invalid" in RULES[rule]])
def test_the_wrong_rule_is_named(rule: str) -> None:
    """A file that breaks one rule of how a file lies on disk is reported under that rule; a torn one is no JSON."""
    for name in (name for name in RULES[rule]["invalid"] if not name.startswith("log/")):
        _, faults = read((EXAMPLES / name).read_bytes())
        found = {fault.rule for fault in faults}
        assert rule in found or (name == "file/invalid/cut-short.json" and found == {"F-DSK-2"}), name


@pytest.mark.parametrize(("rule", "name"), LOG_EXAMPLES)
def test_the_wrong_rule_of_a_log_is_named(rule: str, name: str) -> None:
    """A log that breaks one rule is reported under that rule and no other."""
    assert {finding.rule for finding in validate(EXAMPLES / name) if not finding.valid} == {rule}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("number-again.jsonl", "number-again.jsonl:3: F-LOG-1: the number 2 stands behind 2"),
        (
            "torn-last-line.jsonl",
            "torn-last-line.jsonl:3: F-LOG-9: torn tail: Unterminated string starting at column 85",
        ),
        ("torn-last-step", "torn-last-step/step-2.json: F-LOG-9: torn tail: empty"),
        (
            "zero-bytes-in-the-middle.jsonl",
            "zero-bytes-in-the-middle.jsonl:2: F-LOG-10: damaged: a zero byte at byte 0",
        ),
        (
            "damage-in-the-middle.jsonl",
            "damage-in-the-middle.jsonl:2: F-LOG-10: damaged: the checksum is not that of the bytes before it",
        ),
        (
            "step-of-another-log",
            "step-of-another-log/step-2.json: F-LOG-6: store.id: of the log 'crab-8', not of 'crab-7'",
        ),
        ("step-in-the-file-of-the-meta", "step-in-the-file-of-the-meta/meta.json: F-LOG-7: holds step 2"),
        ("empty.jsonl", "empty.jsonl: F-LOG-8: empty; a log has at least one record"),
        ("schema-refuses-it.jsonl", "schema-refuses-it.jsonl:2: F-DSK-4: message.content: "),
    ],
)
def test_the_place_of_a_fault_in_a_log_is_not_named(name: str, place: str) -> None:
    """A finding on a log names the file, the line in a file of lines, the rule, and what is wrong there alone."""
    folder = EXAMPLES / "log" / "invalid"
    (finding,) = [finding for finding in validate(folder / name) if not finding.valid]
    assert str(finding).startswith(str(folder / place))


def test_a_hole_is_an_error_or_goes_unsaid() -> None:
    """A number that no step has leaves the log valid, and is named: at the step behind it, or for the whole file."""
    folder = EXAMPLES / "log" / "valid"
    assert [str(finding) for finding in validate(folder / "two-holes.jsonl")] == [
        f"{folder / 'two-holes.jsonl'}: valid: no step 1, 4 to 5"
    ]
    assert {finding.path.name: finding.what for finding in validate(folder / "two-holes")} == {
        "step-2.json": "no step 1",
        "step-3.json": "",
        "step-6.json": "no step 4 to 5",
    }
    (finding,) = validate(EXAMPLES / "log" / "invalid" / "damage-in-the-middle.jsonl")
    assert "no step" not in str(finding)


def test_logs_of_one_root_are_taken_for_one(tmp_path: Path) -> None:
    """In a root of either layout, or of both, each log is judged by itself, and every file is named once."""
    root = tmp_path / "root"
    shutil.copytree(EXAMPLES / "log" / "valid", root)
    assert {str(finding) for finding in validate(root) if not finding.valid} == set()

    torn = root / "every-kind.jsonl"
    torn.write_bytes(torn.read_bytes()[:-9])
    (root / "two-holes" / "step-3.json").unlink()
    findings = list(validate(root))
    assert [(finding.path, finding.rule) for finding in findings if not finding.valid] == [(torn, "F-LOG-9")]
    assert sorted(finding.path for finding in findings) == sorted(
        path for path in root.rglob("*.json*") if path.suffix in {".json", ".jsonl"}
    )


def test_a_damaged_meta_hides_the_steps_or_is_torn(tmp_path: Path) -> None:
    """`meta.json` is replaced as a whole: damage to it is damage, and the steps beside it are judged all the same."""
    root = tmp_path / "log"
    shutil.copytree(EXAMPLES / "log" / "valid" / "every-kind", root)
    (root / "meta.json").write_bytes(b"")
    bad = [finding for finding in validate(root) if not finding.valid]
    assert [(finding.path.name, finding.rule) for finding in bad] == [("meta.json", "F-LOG-10")]


def test_a_secret_is_overlooked_in_a_folder_or_refused_in_a_document(tmp_path: Path) -> None:
    """A document handed to save may hold a secret; a file of a store's folder may not."""
    document = tmp_path / "a.json"
    document.write_bytes((EXAMPLES / "file" / "invalid" / "secret.json").read_bytes())
    assert [finding.rule for finding in validate(document)] == [""]
    assert [finding.rule for finding in validate(tmp_path)] == ["F-DSK-6"]


def test_the_place_of_a_fault_is_not_named(tmp_path: Path) -> None:
    """A finding names the file, the line where there is one, the rule, and what is wrong."""
    file = tmp_path / "one.json"
    file.write_text('{\n "format": "session",\n "version" "1.0"\n}', encoding="utf-8")
    (finding,) = validate(file)
    assert str(finding).startswith(f"{file}:3: F-DSK-2: ")
    file.write_text('{"format": "session", "version": "1.0", "id": 7, "messages": []}', encoding="utf-8")
    (finding,) = validate(file)
    assert str(finding).startswith(f"{file}: F-DSK-4: id: 7 is not of type string")


def test_a_folder_of_a_store_is_not_judged_file_by_file(tmp_path: Path) -> None:
    """Every session of a folder that the reference store wrote is valid; a flipped bit in one is found there alone."""
    store = SessionStore(tmp_path / "root")
    for id in ("a", "b", "c"):
        store.save(id, {"format": "session", "version": "1.0", "id": id, "messages": []})
    store.attach("a", "artifacts", [{"id": "1", "text": "kept"}])
    findings = list(validate(tmp_path / "root"))
    assert len(findings) == 3
    assert all(finding.valid for finding in findings)

    broken = findings[1].path
    content = broken.read_bytes()
    at = content.index(b'"messages"')
    broken.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    bad = [finding for finding in validate(tmp_path / "root") if not finding.valid]
    assert {finding.path for finding in bad} == {broken}


def test_nothing_to_validate_passes(tmp_path: Path) -> None:
    """A path that is not there, and a folder without documents, are mistakes of the caller."""
    (tmp_path / "log.jsonl.lock").touch()
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(NotThere, match=str(path)):
            list(validate(path))


def test_a_finding_without_a_line_shows_none() -> None:
    """A finding about the file as a whole has no line number."""
    assert str(Finding(Path("a.json"), "F-DSK-4", "names no format")) == "a.json: F-DSK-4: names no format"
    assert str(Finding(Path("a.json"))) == "a.json: valid"


def test_the_exit_code_hides_an_invalid_file(tmp_path: Path) -> None:
    """0 where everything is valid, 1 where anything is not; the last line counts both."""
    valid, invalid = EXAMPLES / "file" / "valid", EXAMPLES / "file" / "invalid" / "wrong-checksum.json"
    done = sessionproof(tmp_path, "validate", str(valid))
    assert (done.code, done.out.splitlines()[-1]) == (0, "4 valid, 0 not valid")
    done = sessionproof(tmp_path, "validate", str(valid), str(invalid))
    assert (done.code, done.out.splitlines()[-1]) == (1, "4 valid, 1 not valid")
    assert f"{invalid}: F-DSK-5: " in done.out


def test_a_file_that_cannot_be_read_ends_in_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses is a sentence with the name of the file, and exit code 2."""
    file = tmp_path / "a.json"
    file.write_text("{}", encoding="utf-8")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    done = sessionproof(tmp_path, "validate", str(file))
    assert (done.code, done.err) == (2, f"sessionproof: {file}: Permission denied\n")
