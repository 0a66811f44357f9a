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

from sessionproof import _ecma_regex, _json, _schemas
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


def tagged(*names: str) -> dict[str, Any]:
    """A tagged union as the formats write them, one member named after each tag."""
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(names)}},
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": name}}},
                "then": {"required": [name], "properties": {name: {"type": "string"}}},
            }
            for name in names
        ],
    }


SCHEMAS: dict[str, dict[str, Any]] = {
    "types": {"type": ["null", "boolean", "integer", "string"]},
    "const": {"const": {"a": [1, None, "x"]}},
    "enum": {"enum": [1, "a", None, True, [], {}]},
    "enum and more": {"type": "string", "enum": [1, "a", None, "bb"], "maxLength": 1},
    "integer bounds": {"type": "integer", "minimum": 3, "exclusiveMaximum": 7},
    "64-bit counter": {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
    "number bounds": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "narrow number": {"type": "number", "minimum": 0.25, "exclusiveMaximum": 0.2500001},
    "multipleOf integer": {"type": "integer", "multipleOf": 7, "minimum": 50},
    "multipleOf half": {"type": "number", "multipleOf": 0.5},
    "multipleOf cent": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 100},
    "no integer": {"type": "number", "not": {"type": "integer"}},
    "string length": {"type": "string", "minLength": 2.0, "maxLength": 5},
    "long string": {"type": "string", "minLength": 3000},
    "pattern": {"type": "string", "pattern": "^[a-z]{2,5}-\\d+$"},
    "pattern and length": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}(?!\\n)$", "maxLength": 20},
    "pattern with spaces": {"type": "string", "pattern": "^\\S+\\s[\\s\\S]$"},
    "formats": {
        "type": "object",
        "properties": {
            name: {"type": "string", "format": name}
            for name in ("date-time", "date", "time", "uuid", "email", "uri", "hostname", "ipv4", "ipv6", "unheard-of")
        },
    },
    "closed object": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": False},
        "required": ["a"],
        "additionalProperties": False,
    },
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "patternProperties": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "string"}, "^n\\d$": {"type": "integer"}},
        "additionalProperties": False,
    },
    "propertyNames": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$", "maxLength": 4}},
    "minProperties": {"type": "object", "properties": {"a": True, "b": True, "c": True}, "minProperties": 2},
    "minProperties of a map": {
        "type": "object",
        "properties": {"a": {"type": "null"}},
        "additionalProperties": {"type": "boolean"},
        "minProperties": 3,
        "maxProperties": 4,
    },
    "required by no other keyword": {"properties": {"a": {"type": "integer"}}, "required": ["a", "z"]},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 1},
    "tuple and more": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "null"}},
    "uniqueItems of a few": {"type": "array", "items": {"enum": [1, 2, 3, True]}, "uniqueItems": True, "minItems": 3},
    "uniqueItems of many": {"type": "array", "items": {"type": ["number", "boolean"]}, "uniqueItems": True},
    "contains": {
        "type": "array",
        "items": {"type": ["integer", "string"]},
        "contains": {"type": "integer", "minimum": 5},
        "minContains": 2,
        "maxContains": 3,
    },
    "contains none": {
        "type": "array",
        "items": {"type": "integer"},
        "contains": {"minimum": 5},
        "maxContains": 0,
        "minContains": 0,
    },
    "allOf": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"a": {"minimum": 5}}, "required": ["b"]},
        ]
    },
    "anyOf": {"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 1}]},
    "oneOf that overlaps": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    "oneOf members": {
        "type": "object",
        "properties": {"a": True, "b": {"type": "string"}, "id": {"type": "string"}},
        "required": ["id"],
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "oneOf three members": {
        "type": "object",
        "properties": {"a": True, "b": True, "c": True},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}],
    },
    "oneOf tagged": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"type": {"type": "string", "enum": [name]}, name: {"type": "string"}},
                "required": ["type", name],
            }
            for name in ("text", "image", "call")
        ]
    },
    "oneOf by shape": {
        "oneOf": [
            {"type": "string", "enum": ["A", "B"]},
            {
                "type": "object",
                "properties": {"C": {"type": "integer"}},
                "required": ["C"],
                "additionalProperties": False,
            },
        ]
    },
    "tagged": tagged("text", "image", "call"),
    "tagged, open and of no type": {
        "properties": {"type": {"type": "string"}},
        "required": ["type"],
        "allOf": [
            {
                "if": {"properties": {"type": {"const": str(tag)}}},
                "then": {"required": ["v"], "properties": {"v": {"const": tag}}},
            }
            for tag in range(12)
        ],
    },
    "if, then, else": {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
        "if": {"properties": {"n": {"minimum": 10}}, "required": ["n"]},
        "then": {"required": ["s"]},
        "else": {"properties": {"s": {"maxLength": 2}}},
    },
    "many choices": {
        "type": "object",
        "allOf": [
            {
                "anyOf": [
                    {"properties": {name: {"type": "integer"}}, "required": [name]},
                    {"properties": {name: {"type": "string"}}},
                ]
            }
            for name in "abcdefghij"
        ],
    },
    "not": {"type": "integer", "not": {"minimum": 10}},
    "not both": {"type": "object", "properties": {"a": True, "b": True}, "not": {"required": ["a", "b"]}},
    "not anyOf": {"not": {"anyOf": [{"type": "string"}, {"type": "object"}, {"const": 3}]}},
    "not pattern": {"type": "string", "not": {"pattern": "^a"}},
    "dependentRequired": {
        "type": "object",
        "properties": {"a": True, "b": True, "c": True},
        "dependentRequired": {"a": ["b"], "b": ["c"]},
    },
    "dependentSchemas": {
        "type": "object",
        "properties": {"a": True, "b": {"type": ["integer", "string"]}},
        "dependentSchemas": {"a": {"properties": {"b": {"type": "integer"}}, "required": ["b"]}},
    },
    "unevaluatedProperties": {
        "allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}],
        "properties": {"b": {"type": "string"}},
        "unevaluatedProperties": False,
    },
    "unevaluatedItems": {"allOf": [{"type": "array", "prefixItems": [{"type": "integer"}]}], "unevaluatedItems": False},
    "tree": {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                "required": ["v", "kids"],
            }
        },
    },
    "chain": {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    },
    "$dynamicRef": {
        "$id": "https://example.com/tree",
        "$dynamicAnchor": "node",
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    },
    "$anchor": {"$defs": {"a": {"$anchor": "here", "type": "integer"}}, "$ref": "#here", "minimum": 3},
    "$id within": {
        "$id": "https://example.com/a/b.json",
        "$defs": {
            "c": {"$id": "c.json", "type": "array", "items": {"$ref": "#/$defs/d"}, "$defs": {"d": {"type": "integer"}}}
        },
        "$ref": "c.json",
    },
}


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
    """Documents of the project's formats are valid by two validators, across references from file to file."""
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

    @settings(QUICK, max_examples=60)
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
    limits = Limits(surrogates=True)
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


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^a$", ["a"], ["a\n", "ab"]),
        ("^a(?!\\n)$", ["a"], ["a\n"]),
        ("^.$", ["a", "\x85", "\U0001f600"], ["\n", "\r", "\u2028", "\u2029"]),
        ("^\\d$", ["7"], ["\u0667"]),
        ("^\\w\\W$", ["_\u00e9"], ["\u00e9-", "aa"]),
        ("^\\D$", ["\u0667"], ["7"]),
        ("^\\s\\S$", ["\ufeffa", "\u3000\x1c"], ["a ", "\x1ca"]),
        ("^[\\s\\S]$", ["\n", "a"], [""]),
        ("^[^]$", ["\n"], [""]),
        ("a[]|b", ["b"], ["a"]),
        ("^[\\w.-]+$", ["a.b-c"], ["\u00e9", "a b"]),
        ("^[^\\S\\n]$", [" ", "\u00a0"], ["\n", "a"]),
        ("^[[&&|~]+$", ["[&|~"], ["a"]),
        ("\\bfoo\\b", ["foo", "\u00e9foo"], ["foob"]),
        ("^[\\b]$", ["\b"], ["b"]),
        ("^\\u0041\\x42\\u{1F600}\\cA\\0$", ["AB\U0001f600\x01\0"], ["AB"]),
        ("^\\ud83d\\ude00$", ["\U0001f600"], ["\ud83d"]),
        ("^(?<year>\\d{4})-\\k<year>$", ["2026-2026"], ["2026-2025"]),
        ("^(a)\\1\\/\\.\\t$", ["aa/.\t"], ["ab/.\t"]),
        ("^x{,2}$", ["x{,2}"], ["xx"]),
        ("(?<=a)b", ["ab"], ["cb"]),
    ],
)
def test_pattern_misread(pattern: str, matching: list[str], other: list[str]) -> None:
    """A pattern means in Python what it means in ECMA-262."""
    regex = re.compile(_ecma_regex.to_python(pattern))
    assert [text for text in matching if regex.search(text)] == matching
    assert [text for text in other if regex.search(text)] == []


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("\\p{L}", "uses \\p{L}, which Python's re does not know; write the characters out as a class"),
        ("\\Aa", "\\A is no escape of ECMA-262"),
        ("(?P<n>a)", "a group that opens with (? and is none of ECMA-262's"),
        ("\\u{110000}", "\\u{110000} is past the end of Unicode"),
        ("(a", "Python cannot read it: missing )"),
        ("(?<=a+)b", "Python cannot read it: look-behind requires fixed-width pattern"),
    ],
)
def test_unusable_pattern_accepted(pattern: str, sentence: str) -> None:
    """A pattern that cannot be carried over is refused in a sentence."""
    with pytest.raises(_ecma_regex.NotPortable, match=re.escape(sentence)):
        _ecma_regex.to_python(pattern)
