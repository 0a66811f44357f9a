"""`sessionproof validate` judges files and folders as the formats do, and says where and by which rule."""

import tomllib
from pathlib import Path

import pytest

from format_judges import SPEC
from runs import sessionproof
from sessionproof._validate import Finding, NotThere, problems, validate
from sessionproof_reference import SessionStore

EXAMPLES = SPEC / "formats" / "examples"
RULES = tomllib.loads((EXAMPLES / "rules.toml").read_text(encoding="utf-8"))

# Examples for the schemas alone: their checksum is not one of these bytes, or another format is meant.
OTHERS = {"session/valid/in-a-file", "snapshot/valid/in-a-file", "session/invalid/format-is-snapshot"}


def examples(*folders: str) -> list[str]:
    """The examples of these folders, by path and without suffix."""
    found = [path for folder in folders for path in sorted((EXAMPLES / folder).glob("*.json"))]
    return [name for path in found if (name := str(path.relative_to(EXAMPLES).with_suffix(""))) not in OTHERS]


@pytest.mark.parametrize("name", examples("session/valid", "snapshot/valid", "session/invalid", "snapshot/invalid"))
def test_a_document_is_judged_otherwise_than_the_formats_judge_it(name: str) -> None:
    """Every example of a document is found valid or invalid as its folder says."""
    assert all(finding.valid for finding in validate(EXAMPLES / f"{name}.json")) is ("/valid/" in name)


@pytest.mark.parametrize("name", examples("file/valid", "file/invalid"))
def test_a_file_is_judged_otherwise_than_the_formats_judge_it(name: str) -> None:
    """Every example of a file on disk is found valid or invalid as its folder says."""
    assert (not list(problems((EXAMPLES / f"{name}.json").read_bytes()))) is ("/valid/" in name)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.startswith("F-DSK") and "invalid" in RULES[rule]])
def test_the_wrong_rule_is_named(rule: str) -> None:
    """A file that breaks one rule of how a file lies on disk is reported under that rule; a torn one is no JSON."""
    for name in RULES[rule]["invalid"]:
        found = {found for found, _, _ in problems((EXAMPLES / name).read_bytes())}
        assert rule in found or (name == "file/invalid/cut-short.json" and found == {"F-DSK-2"}), name


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
    assert str(finding).startswith(f"{file}: F-DSK-4: id: 7 is not of type 'string'")


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
