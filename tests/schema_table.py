"""JSON Schemas for the tests of the compiler: at least one for each keyword."""

from typing import Any


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
