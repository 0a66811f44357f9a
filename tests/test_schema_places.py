"""The places of a schema are all found, each in a value of the schema, and take only what they may."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from sessionproof import _json
from sessionproof._json_values import Limits
from sessionproof._neighbours import neighbours
from sessionproof._schema_places import Place, places

TREE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "required": ["count", "kind"],
            "properties": {
                "count": {"type": "integer", "minimum": 0},
                "share": {"type": "number"},
                "kind": {"enum": ["leaf", "fork"]},
                "inner": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False},
            },
            "allOf": [
                {
                    "if": {"required": ["kind"], "properties": {"kind": {"const": "fork"}}},
                    "then": {"required": ["free"], "properties": {"free": True}},
                    "else": {"properties": {"free": False}},
                }
            ],
        }
    },
}


@pytest.fixture(scope="module")
def found() -> dict[str, Place]:
    """The places of a tree, by their names."""
    return {place.name: place for place in places(TREE, Registry(), Limits())}


def test_place_is_missed(found: dict[str, Place]) -> None:
    """Optional members, items, members of maps and what only a tag brings are places; a loop is gone through once."""
    names = {"/count", "/share", "/kind", "/inner", "/inner/*", "/labels", "/labels/name", "/pair", "/pair/*", "/free"}
    assert found.keys() == names | {f"/inner/*{name}" for name in names if name.count("/") == 1}


def test_holder_is_not_of_the_schema(found: dict[str, Place]) -> None:
    """Every place is shown in a valid value, which has something there."""
    validator: Any = Draft202012Validator(TREE)
    for place in found.values():
        assert validator.is_valid(place.holder)
        assert validator.is_valid(place.holding(place.value))


TAKEN: list[tuple[str, list[Any], list[Any]]] = [
    ("/count", [0, 7], [-1, 1.0, "", None, {}]),
    ("/share", [1, 1.5, -0.0, 2**63], ["", True, 2**53 + 1]),
    ("/kind", [], ["leaf", "fork", "other"]),
    ("/inner", [], [[], [{"count": 1, "kind": "leaf"}]]),
    ("/labels", [], [{}, {"a": "b"}]),
    ("/labels/name", ["", "x" * 1000], [1, None]),
    ("/free", [0, 2**53 + 1, -0.0, "", None, True, [[]], {"a": {}}], []),
]


@pytest.mark.parametrize(("name", "taken", "not_taken"), TAKEN)
def test_place_takes_what_it_may_not(
    found: dict[str, Place], name: str, taken: list[Any], not_taken: list[Any]
) -> None:
    """What is put somewhere is free to be there; doubles for integers and members that nobody named are not."""
    assert all(map(found[name].takes, taken))
    assert not any(map(found[name].takes, not_taken))


def test_value_stands_elsewhere(found: dict[str, Place]) -> None:
    """A value is put where the place is, and everything else stays."""
    place = found["/labels/name"]
    assert place.in_map
    assert place.holding("new") == {**_object(place.holder), "labels": {"name": "new"}}
    assert place.among({"": "x"}) == {**_object(place.holder), "labels": {"": "x"}}


def _object(value: _json.JSON) -> _json.Object:
    assert isinstance(value, dict)
    return value


def test_neighbour_of_other_type(found: dict[str, Place]) -> None:
    """Neighbours differ in one thing, and a number, a word or a list stays one."""
    words = {what for name in ("/count", "/kind", "/inner/*", "/labels/name") for what, _ in neighbours(found[name])}

    assert {"/count is -1", "no /count", "/count is null", '/kind is "leaf-2"', "one item more at /inner/*"} <= words
    assert not any(word.startswith("/count is") and '"' in word for word in words)
    assert not any("labels" in word for word in words)
