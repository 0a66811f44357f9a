"""The dialects: their schemas, their examples, and the files that the systems' own libraries wrote."""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from conversions import own_faults, search, spec_faults
from format_judges import SPEC
from runs import sessionproof
from sessionproof import _schemas
from sessionproof._convert import read
from sessionproof._dialects import DIALECTS, Dialect, Document, Found, Loss
from sessionproof._dialects._moves import LOSSES
from sessionproof._dialects._shape import is_list, is_object
from sessionproof._sources import NotRead, decoded, detected, sessions
from sessionproof._validate_dialects import validate

FOLDER = SPEC / "dialects"
NAMES = sorted(name for name in DIALECTS if name != "sessionproof")
SCHEMAS: dict[str, Any] = {
    uri: _schemas.registry().contents(uri) for uri in _schemas.registry() if "/dialects/" in uri or "/formats/" in uri
}
_RUST_REGISTRY = jsonschema_rs.Registry(list(SCHEMAS.items()))


def examples(kind: str) -> list[tuple[str, str]]:
    """Every example of one kind: the dialect, and the name of the file."""
    return [(name, path.name) for name in NAMES for path in sorted((FOLDER / name / "examples" / kind).glob("*.json"))]


def verdicts(dialect: Dialect, role: str, value: Any) -> set[bool]:
    """Whether a part is valid, by two validators."""
    reference = {"$ref": _schemas.uri(dialect.schema(role, value))}
    rust: Any = jsonschema_rs.Draft202012Validator(reference, registry=_RUST_REGISTRY)
    return {_schemas.is_valid(dialect.schema(role, value), value), rust.is_valid(value)}


def vectors() -> list[tuple[str, Found]]:
    """Every session that a system's own library wrote."""
    return [(name, found) for name in NAMES for found in DIALECTS[name].find(FOLDER / name / "vectors")]


def tree_of(dialect: Dialect, found: Found) -> dict[str, Any]:
    """The parts of a session, read."""
    return {role: decoded(part, role, dialect) for role, part in found.parts.items()}


def table(losses: tuple[Loss, ...]) -> str:
    """The losses as a page shows them."""
    groups = [(why, [loss.pattern.removeprefix("/") for loss in group]) for why, group in groupby(losses, _why)]
    rows = [f"| {', '.join(f'`{what}`' for what in patterns)} | {why} |" for why, patterns in groups]
    return "\n".join(["| what | why |", "| --- | --- |", *rows])


def _why(loss: Loss) -> str:
    return loss.why


def names_in(schema: Any) -> set[str]:
    """Every member that a schema names."""
    own: set[str] = set()
    if is_list(schema):
        return own.union(*map(names_in, schema))
    if not is_object(schema):
        return own
    return own.union(schema.get("properties", ()), *map(names_in, schema.values()))


@pytest.mark.parametrize("name", NAMES)
def test_page_leaves_a_member_out(name: str) -> None:
    """The page of a dialect says of every member of its schema what becomes of it."""
    page = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`([^`]+)`", page))))

    assert names_in(_schemas.registry().contents(_schemas.uri(f"{name}.schema.json"))) - named == set()


@pytest.mark.parametrize("name", NAMES)
def test_page_is_out_of_step_with_the_losses(name: str) -> None:
    """The page of a dialect lists exactly what a conversion to it may change."""
    page = (FOLDER / name / "README.md").read_text(encoding="utf-8")

    assert f"<!-- losses -->\n{table(DIALECTS[name].losses)}\n<!-- end -->\n" in page


def test_page_is_out_of_step_with_the_moves() -> None:
    """The page of all dialects lists exactly what may change between two formats of the spec."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    blocks = [
        f"<!-- losses {have} {kind} -->\n{table(losses)}\n<!-- end -->" for (have, kind), losses in LOSSES.items()
    ]

    assert [block for block in blocks if block not in page] == []
    assert page.count("<!-- losses ") == len(blocks)


def test_dialect_has_no_schema() -> None:
    """Each dialect has a folder with a schema, which is one, and a page."""
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == NAMES
    for name in NAMES:
        Draft202012Validator.check_schema(_schemas.registry().contents(_schemas.uri(f"{name}.schema.json")))
        assert (FOLDER / name / "README.md").is_file()


@pytest.mark.parametrize(("name", "file"), examples("valid"))
def test_valid_example_is_refused(name: str, file: str) -> None:
    """What a system writes is valid by both validators, and survives the way through the spec's formats."""
    dialect, role = DIALECTS[name], file.partition("-")[0]
    value = json.loads((FOLDER / name / "examples" / "valid" / file).read_text(encoding="utf-8"))

    assert verdicts(dialect, role, value) == {True}
    assert dialect.problems(role, value) == []


@pytest.mark.parametrize(("name", "file"), examples("invalid"))
def test_invalid_example_is_taken(name: str, file: str) -> None:
    """What a system does not write is refused: by both validators, or by the rule that a schema cannot say."""
    dialect, role = DIALECTS[name], file.partition("-")[0]
    value = json.loads((FOLDER / name / "examples" / "invalid" / file).read_text(encoding="utf-8"))

    assert verdicts(dialect, role, value) == {False} or list(dialect.rules(role, value)) != []
    assert dialect.problems(role, value) != []


@pytest.mark.parametrize("name", NAMES)
def test_vector_is_missing(name: str) -> None:
    """Each system's own library has written several sessions."""
    assert len(sessions(FOLDER / name / "vectors", DIALECTS[name])) >= 3


@pytest.mark.parametrize(("name", "found"), vectors(), ids=lambda item: getattr(item, "name", item))
def test_vector_is_not_what_the_schema_says(name: str, found: Found) -> None:
    """What a system's own library wrote is valid by both validators."""
    dialect = DIALECTS[name]
    for role, value in tree_of(dialect, found).items():
        assert verdicts(dialect, role, value) == {True}, role


@pytest.mark.parametrize(("name", "found"), vectors(), ids=lambda item: getattr(item, "name", item))
def test_vector_comes_back_changed(name: str, found: Found) -> None:
    """What a system's own library wrote comes back from the spec's formats, and is laid out as it was."""
    dialect = DIALECTS[name]
    tree = tree_of(dialect, found)

    assert list(own_faults(name, tree)) == []
    assert {role: dialect.encode(role, value) for role, value in tree.items()} == {
        role: part.read_bytes() for role, part in found.parts.items()
    }


PARTS = {
    "a3s-code": {
        "session": "session-every-member",
        "artifacts": "artifacts-one",
        "traces": "traces-two-kinds",
        "verification": "verification-one",
    },
    "ailoop": {"snapshot": "snapshot-every-member"},
    "astrid": {"session": "session-every-member"},
    "crabtalk": {
        "meta": "meta-every-member",
        "step-000001": "step-entry",
        "step-000002": "step-tool-start",
        "step-000003": "step-tool-end",
        "step-000004": "step-tool-result",
        "step-000005": "step-legacy-compact",
        "step-000008": "step-compact",
        "step-000009": "step-steered",
        "step-000010": "step-done",
    },
    "trusty-mpm": {"conversation": "conversation-every-member"},
}
"""The examples that together are a session; `examples/spec` holds what it is in the spec's formats."""


@pytest.mark.parametrize("name", NAMES)
def test_member_gets_another_meaning(name: str) -> None:
    """Each example with every member is, in the spec's formats, the document that lies beside it."""
    dialect, folder = DIALECTS[name], FOLDER / name / "examples"
    tree = {
        role: json.loads((folder / "valid" / f"{example}.json").read_text(encoding="utf-8"))
        for role, example in PARTS[name].items()
    }
    (expected,) = sessions(folder / "spec", DIALECTS["sessionproof"])

    assert dialect.read(tree) == read(expected, DIALECTS["sessionproof"])


@pytest.mark.parametrize("name", NAMES)
def test_member_is_forgotten(name: str) -> None:
    """A mapping that is left out shows: of the fullest vector, no more goes to `extensions` than is meant to."""
    fullest = max(
        DIALECTS[name].find(FOLDER / name / "vectors"), key=lambda found: sum(map(_size, found.parts.values()))
    )
    document = DIALECTS[name].read(tree_of(DIALECTS[name], fullest))

    assert set(_kept(name, document)) <= KEPT.get(name, set())
    assert spec_faults(document) == []


KEPT = {
    "a3s-code": {
        *("config.storage_type", "config.queue_config", "config.confirmation_policy", "config.permission_policy"),
        *("config.parent_id", "config.security_config", "config.planning_mode", "config.goal_tracking"),
        *("schema", "form"),
    },
    "astrid": {"allowances", "escape_state", "form"},
    "ailoop": set[str](),
    "crabtalk": {"form", "completion_tokens_details"},
}
"""What has no home in the spec's formats, by dialect."""


def _size(path: Path) -> int:
    return path.stat().st_size


def _kept(name: str, value: Any) -> list[str]:
    """The members under every `extensions.<name>` in the value."""
    if is_list(value):
        return [kept for item in value for kept in _kept(name, item)]
    if not is_object(value):
        return []
    noted: Document = value.get("extensions", {}).get(name, {})
    found = ["form"] if "form" in noted else []
    for member, inner in noted.get("has", {}).items():
        found += [f"{member}.{part}" for part in inner] if member == "config" else [member]
    return found + [kept for key, item in value.items() if key != "extensions" for kept in _kept(name, item)]


@pytest.mark.parametrize("name", list(DIALECTS))
def test_session_does_not_come_back(name: str) -> None:
    """Generated sessions of a dialect survive the way to the spec and back, and arrive valid in every dialect."""
    search(name, examples=15, start=1)


@pytest.mark.parametrize("name", NAMES)
def test_dialect_is_not_recognised(name: str) -> None:
    """The vectors of a dialect are told from those of all others, each by itself and as a folder."""
    assert detected(FOLDER / name / "vectors").name == name
    for found in DIALECTS[name].find(FOLDER / name / "vectors"):
        part = next(iter(found.parts.values()))
        assert detected(part.parent if name == "crabtalk" else part).name == name


def test_dialect_is_guessed(tmp_path: Path) -> None:
    """A file that looks like no dialect is not taken for one."""
    file = tmp_path / "notes.json"
    file.write_text('{"id": "a"}', encoding="utf-8")

    with pytest.raises(NotRead, match="no dialect that is known; name one of"):
        detected(file)


def test_damaged_file_hides_the_dialect(tmp_path: Path) -> None:
    """One file that is no JSON does not keep the others of its folder from being validated, and is named."""
    whole = (FOLDER / "astrid" / "examples" / "valid" / "session-older-version.json").read_bytes()
    (tmp_path / "a.json").write_bytes(whole)
    (tmp_path / "b.json").write_bytes(whole[:100])

    findings = {finding.path.name: finding for finding in validate(tmp_path, None)}
    assert findings["a.json"].valid
    assert findings["b.json"].rule == "astrid"
    assert "no JSON" in findings["b.json"].what


def test_dialect_is_not_named(tmp_path: Path) -> None:
    """The command says whose files it found valid, and takes a name where somebody knows better."""
    file = tmp_path / "snapshot.json"
    file.write_text('{"version": 1, "messages": [], "pinned": []}', encoding="utf-8")
    found = sessionproof(tmp_path, "validate", str(file))
    named = sessionproof(tmp_path, "validate", "--dialect", "astrid", str(file))

    assert (found.code, found.out) == (0, f"{file}: valid: ailoop\n1 valid, 0 not valid\n")
    assert named.code == 1
    assert "astrid: the value: 'user_id' is a required property" in named.out
