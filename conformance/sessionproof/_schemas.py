"""The project's JSON Schemas, compiled once, and what is wrong with a value in words."""

import functools
import json
from typing import Any, cast

from jsonschema import Draft202012Validator, exceptions
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sessionproof import _data

FORMATS = ("message", "snapshot", "session", "step")
ROOMS: tuple[_data.Room, ...] = ("spec", "schemas")


@functools.cache
def registry() -> "Registry[Any]":
    """Every schema of the project under its `$id`."""
    files = {
        "spec": sorted(_data.folder("spec").glob("*/**/*.schema.json")),
        "schemas": sorted(_data.folder("schemas").glob("*.schema.json")),
    }
    resources: list[Resource[Any]] = [
        DRAFT202012.create_resource(_data.json_file(room, file.relative_to(_data.folder(room)).as_posix()))
        for room in ROOMS
        for file in files[room]
    ]
    empty: Registry[Any] = Registry()
    return empty.with_resources([(resource.id() or "", resource) for resource in resources])


@functools.cache
def uri(name: str) -> str:
    """The `$id` of a schema by file name (`report.schema.json`) or format name (`session`), fragment and all."""
    file, _, fragment = name.partition("#")
    wanted = f"{file}.schema.json" if file in FORMATS else file
    for known in registry():
        if known.endswith("/" + wanted):
            return f"{known}#{fragment}" if fragment else known
    raise FileNotFoundError(f"the installation lacks the schema {wanted}; reinstall sessionproof")


@functools.cache
def validator(name: str) -> Any:  # noqa: ANN401 - jsonschema's own types are partly unknown
    """A validator for one schema, or for a part of it (`adapter-protocol.schema.json#/$defs/statement`)."""
    part = registry().resolver().lookup(uri(name)).contents
    # The part itself, beside what it refers to: to look it up for each value would cost as much again.
    whole = registry().contents(uri(name).partition("#")[0])
    alone = {"$defs": whole.get("$defs", {}), **part, "$id": whole["$id"]}
    return Draft202012Validator(alone, registry=registry())


def is_valid(name: str, value: object) -> bool:
    """Whether the value is valid."""
    valid: bool = validator(name).is_valid(value)
    return valid


def problems(name: str, value: object) -> list[str]:
    """What is wrong with the value, a sentence each; empty where it is valid."""
    checker = validator(name)
    if checker.is_valid(value):
        return []
    return [sentence(error) for error in sorted(checker.iter_errors(value), key=lambda error: error.json_path)]


def sentence(error: Any) -> str:  # noqa: ANN401 - a ValidationError; its type is partly unknown
    """One finding of a validator, where and what, short enough for a line."""
    deepest: Any = cast("Any", exceptions).best_match([error]) if error.context else error
    where: str = deepest.json_path.removeprefix("$").removeprefix(".") or "the value"
    what: str = deepest.message
    if deepest.validator == "type":
        # The library shows the value as Python writes it: None, True, single quotes.
        what = f"{json.dumps(deepest.instance)} is not of type {deepest.validator_value}"
    return f"{where}: {what if len(what) <= 200 else what[:160] + ' ... ' + what[-30:]}"
