"""What is valid by the formats, judged without the kit: two validators, and the rules of files in a few lines."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = Path(__file__).parents[1] / "spec"
NAMES = ("message", "snapshot", "session")
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
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_members, parse_constant=_constant)
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        return [str(error)]
    found = faults(document["format"], document)
    if "api_key" in document.get("llm", {}):
        found.append("a secret is on disk")
    if "checksum" in document.get("store", {}):
        ending = _ENDING.search(content)
        if list(document)[-1] != "store" or list(document["store"])[-1] != "checksum" or ending is None:
            found.append("the checksum is not the end of the file")
        elif hashlib.sha256(content[: ending.start()]).hexdigest().encode() != ending[1]:
            found.append("the checksum is wrong")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
