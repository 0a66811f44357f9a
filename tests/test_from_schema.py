"""What `from_schema` builds is valid, wide, bounded, and says why where there is nothing to build."""

import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from schema_table import SCHEMAS
from sessionproof import _json, _schemas
from sessionproof._from_schema import Limits, Nodes, Unsatisfiable, any_json, any_object, from_schema
from sessionproof._json import JSON
from sessionproof._schema_library import Library

EMPTY: Registry[Any] = Registry()
QUICK = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
SEARCH = settings(QUICK, max_examples=2000)


def share_of_valid(schema: dict[str, Any], validators: list[Any]) -> float:
    """The share of the values that pass the last filter; those that pass are valid by every validator."""
    nodes = Nodes(Library(schema, _schemas.registry(), ""), Limits(), extra_members=False)
    passed: list[bool] = []

    @QUICK
    @given(nodes.values())
    def judge(value: JSON) -> None:
        passed.append(nodes.root.is_valid(value))
        if passed[-1]:
            assert [validator.is_valid(value) for validator in validators] == [True] * len(validators), value

    judge()
    return sum(passed) / len(passed)


@pytest.mark.parametrize("name", SCHEMAS)
def test_invalid_value(name: str) -> None:
    """Values of every keyword are valid by two validators, and the last filter has next to nothing to do."""
    schema = SCHEMAS[name]
    assert share_of_valid(schema, [Draft202012Validator(schema), jsonschema_rs.Draft202012Validator(schema)]) > 0.95


@pytest.mark.parametrize("name", _schemas.FORMATS)
def test_invalid_document(name: str) -> None:
    """Content of the project's formats are valid by two validators, across references from file to file."""
    contents = {uri: resource.contents for uri, resource in _schemas.registry().items()}
    rust = jsonschema_rs.Draft202012Validator(
        contents[_schemas.uri(name)], registry=jsonschema_rs.Registry(list(contents.items()))
    )
    assert share_of_valid({"$ref": _schemas.uri(name)}, [_schemas.validator(name), rust]) > 0.95


def member(name: str) -> Callable[[Any], bool]:
    """Whether an object has the member."""
    return lambda value: name in value


def depth_over(levels: int) -> Callable[[Any], bool]:
    """Whether a value is nested deeper."""
    return lambda value: _json.depth(value) > levels


FOUND: dict[str, tuple[dict[str, Any] | bool, Callable[[Any], bool]]] = {
    "optional member there": (SCHEMAS["closed object"], member("b")),
    "optional member absent": (SCHEMAS["closed object"], lambda value: "b" not in value),
    "all members": (SCHEMAS["formats"], lambda value: len(value) == 10),
    "no members": (SCHEMAS["formats"], lambda value: value == {}),
    "first tag": (SCHEMAS["tagged"], member("text")),
    "last tag": (SCHEMAS["tagged"], member("call")),
    "last of twelve tags": (
        SCHEMAS["tagged, open and of no type"],
        lambda value: value == {"type": "11", "v": 11},
    ),
    "tag of no branch": (SCHEMAS["tagged, open and of no type"], lambda value: value == {"type": ""}),
    "then": (SCHEMAS["if, then, else"], lambda value: value.get("n", 0) >= 10 and "s" in value),
    "else": (SCHEMAS["if, then, else"], lambda value: "n" in value and len(value.get("s", "")) == 2),
    "one of two": (SCHEMAS["oneOf members"], lambda value: "a" in value and "b" not in value),
    "other of two": (SCHEMAS["oneOf members"], lambda value: "b" in value and "a" not in value),
    "fraction of oneOf": (SCHEMAS["oneOf that overlaps"], lambda value: value != int(value)),
    "lowest integer": (SCHEMAS["integer bounds"], lambda value: value == 3),
    "highest integer": (SCHEMAS["integer bounds"], lambda value: value == 6),
    "largest integer sent": (SCHEMAS["64-bit counter"], lambda value: value == 2**53 - 1),
    "highest number": (SCHEMAS["number bounds"], lambda value: value == 1),
    "subnormal": (SCHEMAS["number bounds"], lambda value: 0 < value < 2.3e-308),
    "negative zero": ({"type": "number"}, lambda value: str(value) == "-0.0"),
    "huge double": ({"type": "number"}, lambda value: value > 1e300),
    "empty string": ({"type": "string"}, lambda value: value == ""),
    "page-long string": ({"type": "string"}, lambda value: len(value) > 4096),
    "shortest string": (SCHEMAS["string length"], lambda value: len(value) == 2),
    "longest string": (SCHEMAS["string length"], lambda value: len(value) == 5),
    "NUL": ({"type": "string"}, lambda value: "\0" in value),
    "astral character": ({"type": "string"}, lambda value: max(value, default="") > "\uffff"),
    "empty list": ({"type": "array", "items": {"type": "null"}}, lambda value: value == []),
    "map with members": (SCHEMAS["map"], lambda value: len(value) > 2),
    "recursion": (SCHEMAS["tree"], depth_over(6)),
    "deepest free value": (True, depth_over(63)),
    "deepest value in a document": ({"type": "object", "properties": {"a": True}}, depth_over(63)),
    "mixed list": ({"type": "array"}, lambda value: {*map(type, value)} >= {str, int, float}),
}


@pytest.mark.parametrize("name", FOUND)
def test_value_never_reached(name: str) -> None:
    """Edges within validity, every branch, presence and absence are all reached."""
    schema, is_wanted = FOUND[name]
    find(from_schema(schema, registry=EMPTY), is_wanted, settings=SEARCH)


def test_block_never_reached() -> None:
    """Messages of the project's format come with every kind of block."""
    seen: set[str] = set()

    @settings(QUICK, max_examples=200)
    @given(from_schema({"$ref": _schemas.uri("message")}, registry=_schemas.registry()))
    def collect(message: Any) -> None:
        seen.update(block["type"] for block in message["content"])

    collect()
    block = _schemas.registry()[_schemas.uri("message")].contents["$defs"]["block"]
    assert seen == set(block["properties"]["type"]["enum"])


def test_undeclared_member_unasked() -> None:
    """Objects have members that their schema does not name only where they are asked for, and at any depth then."""
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": True}}}, "required": ["a"]}

    @QUICK
    @given(from_schema(schema, registry=EMPTY))
    def judge(value: Any) -> None:
        assert value.keys() == {"a"}
        assert value["a"].keys() <= {"b"}

    judge()
    wide = from_schema(schema, registry=EMPTY, extra_members=True)
    find(wide, lambda value: value.keys() != {"a"}, settings=SEARCH)
    find(wide, lambda value: not value["a"].keys() <= {"b"}, settings=SEARCH)


@QUICK
@given(from_schema(SCHEMAS["closed object"], registry=EMPTY, extra_members=True))
def test_undeclared_member_in_closed_object(value: Any) -> None:
    """An object that is closed stays closed."""
    assert value.keys() <= {"a", "b"}


@pytest.mark.parametrize(
    "limits",
    [Limits(), Limits(max_integer=255, max_depth=3, max_length=9, any_float=False), Limits(surrogates=True)],
    ids=["default", "narrow", "surrogates"],
)
def test_value_past_the_limits(limits: Limits) -> None:
    """Free values and values of a schema keep within what may be sent."""
    schema = {
        "type": "object",
        "properties": {"a": True, "n": {"type": "number"}, "t": SCHEMAS["tree"]["$defs"]["tree"]},
    }
    library = {"$defs": SCHEMAS["tree"]["$defs"], **schema}

    @QUICK
    @given(st.one_of(any_json(limits), any_object(limits), from_schema(library, registry=EMPTY, limits=limits)))
    def judge(value: JSON) -> None:
        assert _json.depth(value) <= limits.max_depth
        assert all(len(text) <= limits.max_length for text in _json.strings(value))
        assert limits.surrogates or not any(map(_json.has_lone_surrogate, _json.strings(value)))
        for number in _json.numbers(value):
            assert isinstance(number, float) or abs(number) <= limits.max_integer
            assert limits.any_float or number * 1024 == int(number * 1024)
        json.dumps(value, allow_nan=False)

    judge()


def test_surrogate_never_reached() -> None:
    """Where lone surrogates may be sent, they are."""
    limits = Limits(surrogates=True, max_length=50, size=10)
    find(any_json(limits), lambda value: any(map(_json.has_lone_surrogate, _json.strings(value))), settings=SEARCH)


@QUICK
@given(from_schema(SCHEMAS["tree"], registry=EMPTY, limits=Limits(size=10)))
def test_runaway_recursion(value: JSON) -> None:
    """A recursive value comes to an end soon after it has reached its size."""
    assert json.dumps(value).count('"v"') <= 10 + 2 * 16


def test_other_value_in_second_run() -> None:
    """The same schema gives the same values in every run."""

    def drawn() -> list[str]:
        values: list[str] = []

        @QUICK
        @given(from_schema(SCHEMAS["tagged"], registry=EMPTY))
        def collect(value: JSON) -> None:
            values.append(_json.encode(value))

        collect()
        return values

    assert drawn() == drawn()


def test_reference_from_base_uri() -> None:
    """A part of a schema is compiled against the whole that holds its definitions."""
    whole: dict[str, Any] = {
        "$defs": {"id": {"const": "x"}, "document": {"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}}}}
    }
    registry = EMPTY.with_resource("urn:statement", DRAFT202012.create_resource(whole))
    part = from_schema(whole["$defs"]["document"], registry=registry, base_uri="urn:statement")
    assert find(part, member("id"), settings=SEARCH) == {"id": "x"}
    assert (
        find(from_schema({"$ref": "urn:statement#/$defs/id"}, registry=registry), lambda _: True, settings=SEARCH)
        == "x"
    )


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (False, "the value: `false` admits nothing"),
        ({"not": {}}, "the value: `false` admits nothing"),
        ({"type": "string", "allOf": [{"type": "integer"}]}, "the value: `type` leaves no type: string and integer"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "the value: `minLength` 3 is above `maxLength` 2"),
        ({"type": "integer", "minimum": 2**60}, "the value: `type`, the bounds and `multipleOf` leave no number"),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 4}, "the value: `type`, the bounds"),
        ({"enum": [1, 2], "type": "string"}, "the value: `const` or `enum` leaves no value that meets the rest"),
        (
            {
                "type": "object",
                "properties": {
                    "a": {
                        "type": "object",
                        "properties": {"b": {"type": "string", "minLength": 2, "maxLength": 1}},
                        "required": ["b"],
                    }
                },
                "required": ["a"],
            },
            "the value/a/b: `minLength` 2 is above `maxLength` 1",
        ),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "`required` asks for the member 'a'"),
        (
            {"type": "object", "minProperties": 2, "additionalProperties": False, "properties": {"a": True}},
            "only 1 can be there",
        ),
        ({"type": "object", "required": ["a", "b"], "maxProperties": 1}, "more members than `maxProperties` 1"),
        (
            {"type": "object", "required": ["A"], "propertyNames": {"pattern": "^[a-z]"}},
            "`propertyNames` refuses the name",
        ),
        ({"type": "array", "minItems": 2, "maxItems": 1}, "`minItems` or `contains` asks for 2 items"),
        ({"type": "array", "minItems": 1, "items": {"enum": []}}, "the value/*: `const` or `enum`"),
        (
            {"type": "array", "contains": {"type": "string"}, "items": {"type": "null"}},
            "`contains` asks for what no item can be",
        ),
        (
            {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
            "nested deeper than the limit",
        ),
        ({"$ref": "#/$defs/x"}, "#/$ref: there is nothing at #/$defs/x"),
        ({"$ref": "https://example.com/x"}, "the registry has no schema https://example.com/x"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "#/$ref: the reference leads back to itself"),
        ({"type": "string", "minLength": 10**9}, "`minLength` 1000000000 asks for more than is built here"),
        ({"type": "array", "minItems": 10**9}, "`minItems` 1000000000 asks for more than is built here"),
        ({"type": "object", "minProperties": 10**9}, "`minProperties` 1000000000 asks for more than is built here"),
        ({"type": "text"}, "$.type: this is no JSON Schema 2020-12: 'text' is not valid"),
        (
            {"properties": {"a": {"pattern": "^\\p{L}+$"}}},
            "#/properties/a/pattern: the pattern '^\\\\p{L}+$' cannot be used: it uses \\p{L}",
        ),
    ],
)
def test_unsatisfiable_without_reason(schema: Any, sentence: str) -> None:
    """A schema that admits nothing is refused at once, in a sentence that names the keyword and the place."""
    with pytest.raises(Unsatisfiable, match=re.escape(sentence)):
        from_schema(schema, registry=EMPTY)
