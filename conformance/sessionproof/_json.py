"""JSON as the protocol means it: strict reading, and when two values are the same.

`json` from the standard library reads more than JSON: repeated members, NaN, Infinity. This module refuses them, and
keeps what other readers lose: `-0` is a double, not the integer 0.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
Object: TypeAlias = dict[str, JSON]


class NotJson(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The text is no JSON as the protocol means it. The message says what is wrong."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NotJson(f"the member {name!r} stands twice in one object")
            seen.add(name)
    return members


def _constant(name: str) -> float:
    raise NotJson(f"{name} is no JSON number")


def _integer(digits: str) -> int | float:
    return -0.0 if digits == "-0" else int(digits)


_decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer)


def decode(text: str) -> JSON:
    """Read one JSON value.

    Raises:
        NotJson: Not JSON, or with repeated members, NaN, Infinity, or numbers and nesting past what Python reads.
    """
    try:
        value: JSON = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error
    return value


def encode(value: JSON) -> str:
    """One line of ASCII; lone surrogates travel as escapes."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def key(value: JSON) -> str:
    """A text that two values share exactly when they are the same value.

    Same: members as a set, strings by code point, integers exactly, other numbers as doubles bit for bit; 1 = 1.0 and 0
    is not -0.0 (adapter protocol, Fidelity).
    """
    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"))


def _normal(value: JSON) -> Any:  # noqa: ANN401 - JSON in, JSON out, without the recursion of the alias
    match value:
        # `map` rather than comprehensions: one frame a level, so that deep values stay below Python's limit.
        case dict():
            return dict(zip(value, map(_normal, value.values()), strict=True))
        case list():
            return list(map(_normal, value))
        case float() if value.is_integer() and not (value == 0.0 and math.copysign(1, value) < 0):
            return int(value)
        case _:
            return value


def same(left: JSON, right: JSON) -> bool:
    """Whether both are the same JSON value (see `key`)."""
    return key(left) == key(right)


def depth(value: JSON) -> int:
    """How deep lists and objects are nested: 0 for a scalar, 1 for `[]`."""
    deepest, level = 0, [value]
    while level := [item for item in level if isinstance(item, list | dict)]:
        deepest += 1
        level = [child for item in level for child in _children(item)]
    return deepest


def _children(value: JSON) -> list[JSON]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def strings(value: JSON) -> Iterator[str]:
    """Every string in the value, member names included."""
    pending: list[JSON] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
        pending.extend(_children(item))


def numbers(value: JSON) -> Iterator[int | float]:
    """Every number in the value."""
    pending: list[JSON] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, int | float) and not isinstance(item, bool):
            yield item
        pending.extend(_children(item))


def has_lone_surrogate(text: str) -> bool:
    """Whether the string cannot be written as UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def without(value: Object, pointers: tuple[str, ...]) -> Object:
    """The object without the members that the JSON Pointers (RFC 6901) name; the argument is unchanged."""
    for pointer in pointers:
        value = cast("Object", _drop(value, _tokens(pointer)))
    return value


def with_member(value: Object, pointer: str, member: JSON) -> Object:
    """The object with one member set, objects on the way made where they lack; the argument is unchanged."""
    first, *rest = _tokens(pointer)
    if not rest:
        return {**value, first: member}
    inner = value.get(first)
    remaining = pointer[len(pointer.split("/")[1]) + 1 :]
    return {**value, first: with_member(inner if isinstance(inner, dict) else {}, remaining, member)}


def _drop(value: JSON, tokens: list[str]) -> JSON:
    first, *rest = tokens
    if isinstance(value, dict) and first in value:
        if not rest:
            return {name: member for name, member in value.items() if name != first}
        return {**value, first: _drop(value[first], rest)}
    if isinstance(value, list) and first.isdecimal() and int(first) < len(value) and rest:
        index = int(first)
        return [*value[:index], _drop(value[index], rest), *value[index + 1 :]]
    return value


def _tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value that is compared as the protocol compares."""

    json: JSON = field(compare=False)
    key: str

    @classmethod
    def of(cls, json: JSON) -> "Value":
        """Wrap a value."""
        return cls(json, key(json))
