"""The schemas of the formats, their examples and the rules agree."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from format_judges import NAMES, SCHEMAS, SPEC, agreed, faults, file_faults, log_faults, log_reading, verdicts
from sessionproof._json import JSON, Object

EXAMPLES = SPEC / "formats" / "examples"
RULES: dict[str, dict[str, Any]] = tomllib.loads((EXAMPLES / "rules.toml").read_text(encoding="utf-8"))
OTHERS: st.SearchStrategy[JSON] = st.sampled_from([None, True, -1, 0.5, "", [], {}, [{"deep": None}]])
READINGS: dict[str, dict[str, Any]] = json.loads((EXAMPLES / "log" / "readings.json").read_text(encoding="utf-8"))
FREE = {"labels", "extensions", "arguments", "value", "details"}


def examples(kind: str, *names: str) -> list[Path]:
    """The example files of one kind, by path within the examples folder."""
    return sorted(path.relative_to(EXAMPLES) for name in names for path in (EXAMPLES / name / kind).glob("*.json"))


def logs(kind: str) -> list[Path]:
    """The example logs of one kind, files and folders, by path within the examples folder."""
    return sorted(path.relative_to(EXAMPLES) for path in (EXAMPLES / "log" / kind).iterdir())


def objects(value: JSON) -> Iterator[Object]:
    """Every object that the formats define in the value; what lies in maps and in free JSON is the caller's own."""
    if isinstance(value, dict):
        yield value
        for name, member in value.items():
            if name not in FREE:
                yield from objects(member)
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def subschemas(schema: JSON) -> Iterator[Object]:
    """Every object in a schema, the schema itself first."""
    if isinstance(schema, dict):
        yield schema
        for member in schema.values():
            yield from subschemas(member)
    elif isinstance(schema, list):
        for item in schema:
            yield from subschemas(item)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_no_schema(name: str) -> None:
    """Each schema is valid by the metaschema of JSON Schema 2020-12, and its `$id` ends in its file's name."""
    Draft202012Validator.check_schema(SCHEMAS[name])

    assert SCHEMAS[name]["$id"] == f"https://sessionproof.dev/formats/1.0/{name}.schema.json"


@pytest.mark.parametrize("name", NAMES)
def test_member_is_undescribed(name: str) -> None:
    """Every schema and shared object has a title, and every member says what it is, itself or where it points."""
    schema = SCHEMAS[name]
    titled = [schema, *schema["$defs"].values()]

    assert [part for part in titled if not {"title", "description"} <= part.keys()] == []
    for part in titled:
        for member, meaning in part.get("properties", {}).items():
            assert meaning.keys() & {"description", "$ref"}, (part["title"], member)


@pytest.mark.parametrize("name", NAMES)
def test_object_has_no_room_for_extensions(name: str) -> None:
    """Every object of the formats names `extensions`, and none is closed against unknown members."""
    schema = SCHEMAS[name]
    parts = [part for part in [schema, *schema["$defs"].values()] if "properties" in part]

    assert [part["title"] for part in parts if "extensions" not in part["properties"]] == []
    for part in subschemas(schema):
        assert "unevaluatedProperties" not in part
        assert part.get("additionalProperties") in (None, {"type": "string"})


@pytest.mark.parametrize("name", NAMES)
def test_schema_uses_what_validators_read_differently(name: str) -> None:
    """No pattern has a class that differs between regex engines or a bare `$`; no fraction, no private keyword."""
    for part in subschemas(SCHEMAS[name]):
        assert not [keyword for keyword in part if keyword.startswith("x-")]
        assert isinstance(part.get("multipleOf", 1), int)
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            assert re.search(r"\\[dDwWsSpPbB]", pattern) is None
            assert pattern.endswith(r"(?!\n)$")


@pytest.mark.parametrize("path", examples("valid", *NAMES), ids=str)
def test_valid_example_is_refused(path: Path) -> None:
    """A valid example is valid under both validators."""
    document = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))

    assert verdicts(path.parts[0], document) == agreed(valid=True)


@pytest.mark.parametrize("path", examples("invalid", *NAMES), ids=str)
def test_invalid_example_is_taken(path: Path) -> None:
    """An invalid example is invalid under both validators, by one fault and no more."""
    document = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))

    assert verdicts(path.parts[0], document) == agreed(valid=False)
    assert len(faults(path.parts[0], document)) == 1


@pytest.mark.parametrize("path", examples("valid", "file"), ids=str)
def test_valid_file_is_refused(path: Path) -> None:
    """The bytes of a valid file keep every rule of how a document lies on disk."""
    assert file_faults((EXAMPLES / path).read_bytes()) == []


@pytest.mark.parametrize("path", examples("invalid", "file"), ids=str)
def test_invalid_file_is_taken(path: Path) -> None:
    """The bytes of an invalid file break a rule of how a document lies on disk."""
    assert file_faults((EXAMPLES / path).read_bytes()) != []


@pytest.mark.parametrize("path", logs("valid"), ids=str)
def test_valid_log_is_refused(path: Path) -> None:
    """The bytes of a valid log keep every rule of how a log lies on disk."""
    assert log_faults(EXAMPLES / path) == []


@pytest.mark.parametrize("path", logs("invalid"), ids=str)
def test_invalid_log_is_taken(path: Path) -> None:
    """The bytes of an invalid log break a rule of how a log lies on disk."""
    assert log_faults(EXAMPLES / path) != []


@pytest.mark.parametrize("name", READINGS)
def test_log_is_replayed_otherwise(name: str) -> None:
    """Replay gives the entries, archive, title and damage that are noted; where no damage is noted it may be named."""
    expected = READINGS[name]
    reading = log_reading(EXAMPLES / "log" / name)

    assert reading == {"damage": reading["damage"], **expected}


def test_log_has_no_reading() -> None:
    """What replay gives is noted for every valid log."""
    assert {path.relative_to("log").as_posix() for path in logs("valid")} - READINGS.keys() == set()


def test_rule_is_not_in_the_prose() -> None:
    """The pages state each rule once, and the index of the examples has the same rules in the same order."""
    prose = "".join((SPEC / page).read_text(encoding="utf-8") for page in ("formats.md", "logs.md"))

    assert re.findall(r"^### (F-[A-Z]+-[0-9]+): ", prose, re.MULTILINE) == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_rule_without_examples(rule: str) -> None:
    """A rule that a schema can tell has a valid and an invalid example; any other says that it is a rule of files."""
    entry = RULES[rule]

    assert entry.keys() <= {"file_rule", "valid", "invalid"}
    assert entry.get("file_rule", True) is True
    assert "file_rule" in entry or {"valid", "invalid"} <= entry.keys()
    for kind in ("valid", "invalid"):
        for name in entry.get(kind, ["-"]):
            assert name == "-" or (name.split("/")[1] == kind and (EXAMPLES / name).exists()), name


def test_example_shows_no_rule() -> None:
    """Every example file is there for a rule."""
    shown = {name for entry in RULES.values() for kind in ("valid", "invalid") for name in entry.get(kind, [])}
    present = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/*/*")}

    assert present - shown == set()


@given(data=st.data())
def test_unknown_member_makes_a_document_invalid(data: st.DataObject) -> None:
    """A member that no format names, of any value and in any object, leaves a valid document valid."""
    path = data.draw(st.sampled_from(examples("valid", *NAMES)))
    document = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))
    target = data.draw(st.sampled_from(list(objects(document))))
    target["a member of a later version"] = data.draw(OTHERS)

    assert verdicts(path.parts[0], document) == agreed(valid=True)


@given(
    instant=st.datetimes(),
    zone=st.sampled_from(
        ["", "Z", "z", "+00:00", "-23:59", "+24:00", "+05:60", ".5Z", ".123456789-00:00", ".Z", "Z\n"]
    ),
)
def test_timestamp_without_a_zone_is_taken(instant: datetime, zone: str) -> None:
    """Every instant of the calendar is a timestamp where a zone follows it, with or without a fraction before."""
    text = instant.replace(microsecond=0).isoformat() + zone

    assert verdicts("message", {"role": "user", "content": [], "created_at": text}) == agreed(
        valid=zone in {"Z", "+00:00", "-23:59", ".5Z", ".123456789-00:00"}
    )


@given(text=st.from_regex(re.compile(str(SCHEMAS["message"]["$defs"]["timestamp"]["pattern"]))))
def test_timestamp_names_no_instant(text: str) -> None:
    """Whatever the pattern lets through is an instant that a common library reads."""
    assert datetime.fromisoformat(text).tzinfo is not None


@given(
    year=st.integers(0, 9999),
    month=st.integers(0, 13),
    day=st.integers(0, 32),
    hour=st.integers(0, 25),
    minute=st.integers(0, 61),
)
def test_timestamp_outside_the_calendar_is_taken(year: int, month: int, day: int, hour: int, minute: int) -> None:
    """A date or time is a timestamp exactly where the calendar has it."""
    try:
        datetime(year, month, day, hour, minute)  # noqa: DTZ001 - only the calendar is asked
    except ValueError:
        expected = False
    else:
        expected = True
    text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z"

    assert verdicts("message", {"role": "user", "content": [], "created_at": text}) == agreed(valid=expected)
