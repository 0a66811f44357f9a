"""What is valid by the formats, judged without the kit: two validators, and the rules of files in a few lines."""

import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = Path(__file__).parents[1] / "spec"
NAMES = ("message", "snapshot", "session", "step")
SCHEMAS: dict[str, dict[str, Any]] = {
    name: json.loads((SPEC / "formats" / f"{name}.schema.json").read_text(encoding="utf-8")) for name in NAMES
}

_RESOURCES: list[Resource[Any]] = [DRAFT202012.create_resource(schema) for schema in SCHEMAS.values()]
_NO_SCHEMAS: "Registry[Any]" = Registry()
_PYTHON_REGISTRY = _NO_SCHEMAS.with_resources([(resource.id() or "", resource) for resource in _RESOURCES])
_RUST_REGISTRY = jsonschema_rs.Registry([(schema["$id"], schema) for schema in SCHEMAS.values()])
_PYTHON: dict[str, Any] = {
    name: Draft202012Validator(schema, registry=_PYTHON_REGISTRY) for name, schema in SCHEMAS.items()
}
_RUST: dict[str, Any] = {
    name: jsonschema_rs.Draft202012Validator(schema, registry=_RUST_REGISTRY) for name, schema in SCHEMAS.items()
}

_ENDING = re.compile(rb'"checksum":"sha256:([0-9a-f]{64})"}}\n\Z')


def verdicts(name: str, value: object) -> dict[str, bool]:
    """Whether the value is valid by the named schema, by each of two validators."""
    return {"jsonschema": _PYTHON[name].is_valid(value), "jsonschema_rs": _RUST[name].is_valid(value)}


def faults(name: str, value: object) -> list[str]:
    """What is wrong with the value by the named schema, a sentence each; empty where it is valid."""
    return [error.message for error in _PYTHON[name].iter_errors(value)]


def agreed(*, valid: bool) -> dict[str, bool]:
    """What `verdicts` gives where both validators say the same."""
    return {"jsonschema": valid, "jsonschema_rs": valid}


def file_faults(content: bytes) -> list[str]:
    """What is wrong with the bytes of a session's file by the F-DSK rules, a sentence each; empty where nothing is."""
    try:
        document = _read(content)
    except ValueError as error:
        return [str(error)]
    found = faults(document["format"], document)
    if "api_key" in document.get("llm", {}):
        found.append("a secret is on disk")
    return found


def log_faults(path: Path) -> list[str]:
    """What is wrong with a log, a file or a folder, by the F-LOG rules, a sentence each; empty where nothing is."""
    parts, found = _log_parts(path)
    records = [_record(part) for part in parts]
    whole = [record for record in records if record is not None]
    numbers = [record["number"] for record in whole if "number" in record]
    if len(whole) < len(records) or not records:
        found.append("a record is damaged, or there is none")
    if any(faults("step", record) for record in whole):
        found.append("a record is no step")
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        found.append("the numbers do not rise")
    if not all(isinstance(number, int) for number in numbers):
        found.append("a number is not in digits alone")
    if len({record["store"]["id"] for record in whole if "id" in record.get("store", {})}) > 1:
        found.append("a step is of another log")
    if _end_of_whole_appends(records) < len(records):
        found.append("an append is not whole")
    return found


def log_reading(path: Path) -> dict[str, Any]:
    """What replay of a log gives: the numbers of the entries, the archive and title, whether any damage is in it."""
    records = [_record(part) for part in _log_parts(path)[0]]
    kept = records[: _end_of_whole_appends(records)]
    reading: dict[str, Any] = {"entries": [], "damage": None in kept}
    own_id = next((record["store"]["id"] for record in kept if record and "id" in record.get("store", {})), None)
    last = 0
    for record in filter(None, kept):
        number = record.get("number", last)
        foreign = record.get("store", {}).get("id", own_id) != own_id
        if foreign or faults("step", record) or ("number" in record and number <= last):
            reading["damage"] = True
            continue
        reading["damage"] |= number > last + 1
        last = number
        if record["kind"] == "entry":
            reading["entries"].append(number)
        elif record["kind"] == "boundary":
            reading |= {"entries": [], "archive": record["boundary"].get("archive")}
        elif record["kind"] == "meta":
            reading["title"] = record["meta"].get("title")
    return {name: value for name, value in reading.items() if value is not None}


def _log_parts(path: Path) -> tuple[list[bytes], list[str]]:
    """The bytes of each record in order, a line feed last or not, and what is wrong with the names of the files."""
    if path.is_file():
        *lines, rest = path.read_bytes().split(b"\n")
        return [*(line + b"\n" for line in lines), *([rest] if rest else [])], []
    found: list[str] = []
    places: dict[int, bytes] = {}
    for file in path.glob("*.json"):
        name = re.fullmatch(r"meta|step-([1-9][0-9]*)", file.stem)
        content = file.read_bytes()
        if b'"checksum"' not in content:
            content += b"\n"  # a line needs its line feed, which `_record` asks for; a file of its own does not
        record = _record(content)
        expected = int(name[1]) if name and name[1] else None
        if name is None or (record and record.get("number") != expected):
            found.append(f"{file.name} holds something else")
        else:
            places[expected or 0] = content
    return [places[number] for number in sorted(places)], found


def _record(content: bytes) -> dict[str, Any] | None:
    try:
        return _read(content) if content.endswith(b"\n") else None
    except ValueError:
        return None


def _end_of_whole_appends(records: list[dict[str, Any] | None]) -> int:
    """Where the torn tail begins: behind the last step that begins an append, and those that follow it in turn."""
    end, following = 0, None
    for at, record in enumerate(records):
        if record is None:
            continue
        number = record.get("number")
        begins = number is None or record.get("store", {}).get("batch", number) >= number
        if begins or (at == end and number == following):
            end, following = at + 1, None if number is None else number + 1
    return end


def _read(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content.decode("utf-8"), object_pairs_hook=_members, parse_constant=_constant)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    if "checksum" in document.get("store", {}):
        ending = _ENDING.search(content)
        if list(document)[-1] != "store" or list(document["store"])[-1] != "checksum" or ending is None:
            raise ValueError("the checksum is not the end of the file")
        if hashlib.sha256(content[: ending.start()]).hexdigest().encode() != ending[1]:
            raise ValueError("the checksum is wrong")
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
