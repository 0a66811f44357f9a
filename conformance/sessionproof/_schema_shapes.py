"""JSON Schema 2020-12 taken apart: what a schema admits, as a few plain lists of keywords to be met together.

`$ref`, `allOf`, `anyOf`, `oneOf`, `if`, `not` and the `dependent...` keywords are opened. So a tagged union written as
`allOf` of `if` and `then` is one shape for each tag.
"""

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sessionproof._json import JSON
from sessionproof._schema_library import REFERENCES, Keywords, Library, Parts, Schema, Unsatisfiable, mark_of

_ABOUT = {
    "number": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
    "string": {"format", "maxLength", "minLength", "pattern"},
    "array": {"contains", "items", "maxItems", "minItems", "prefixItems", "unevaluatedItems", "uniqueItems"},
    "object": {
        *("additionalProperties", "maxProperties", "minProperties", "patternProperties", "properties", "propertyNames"),
        *("required", "unevaluatedProperties"),
    },
}
_LEFT_TO_FILTER = {"contains", "multipleOf", "not", "oneOf", "unevaluatedItems", "unevaluatedProperties"}
_MOST_SHAPES = 64

# What a refused keyword comes to: the type it speaks of, and the keyword and the step that say the opposite.
_OPPOSITES = {
    "minimum": ("number", "exclusiveMaximum", 0),
    "maximum": ("number", "exclusiveMinimum", 0),
    "exclusiveMinimum": ("number", "maximum", 0),
    "exclusiveMaximum": ("number", "minimum", 0),
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
# Their refusal depends on keywords beside them or has no plain form.
_OPAQUE = {
    *("additionalProperties", "contains", "dependentRequired", "dependentSchemas", "else", "if", "items", "multipleOf"),
    *("oneOf", "pattern", "patternProperties", "prefixItems", "propertyNames", "then", "unevaluatedItems"),
    *("unevaluatedProperties", "uniqueItems"),
}
_BESIDE_OPAQUE = {"maxContains", "minContains", "properties"}


@dataclass(frozen=True)
class Shape:
    """Keywords to be met together, one mapping for each schema they come from."""

    parts: tuple[Keywords, ...]

    def all(self, keyword: str) -> list[Any]:
        """What the keyword says, in each schema that has it."""
        return [part[keyword] for part in self.parts if keyword in part]

    def bounds(self, least: str, most: str) -> tuple[int, float]:
        """The sizes that two keywords allow."""
        return max((0, *map(int, self.all(least)))), min((math.inf, *map(int, self.all(most))))

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        """The types that are left. `fraction` is a number that is no integer; `number` stands for both."""
        left = {"array", "boolean", "fraction", "integer", "null", "object", "string"}
        for part in self.parts:
            left &= _types(part.get("type", [*left]))
            if _is_refused_type(part):
                left -= _types(part["not"]["type"])
        if {"fraction", "integer"} <= left:
            left = left - {"fraction", "integer"} | {"number"}
        return tuple(sorted(left))

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether a value built along the shape needs no filter."""
        return not any(_LEFT_TO_FILTER & part.keys() and not _is_refused_type(part) for part in self.parts)

    def speaks_of(self, kind: str) -> bool:
        """Whether a keyword narrows the values of this type."""
        return any(
            _ABOUT.get("number" if kind in {"fraction", "integer"} else kind, set()) & part.keys()
            for part in self.parts
        )

    @functools.cached_property
    def required(self) -> tuple[str, ...]:
        """The members that must be there."""
        return tuple(dict.fromkeys(name for names in self.all("required") for name in names))

    @functools.cached_property
    def declared(self) -> tuple[str, ...]:
        """The members that `properties` names."""
        return tuple(dict.fromkeys(name for members in self.all("properties") for name in members))

    def member(self, name: str | None) -> Parts:
        """What a member has to meet; None is a member that no keyword names."""
        found: list[Schema] = []
        unnamed: list[Schema] = []
        for part in self.parts:
            own = [part["properties"][name]] if name in part.get("properties", ()) else []
            if name is not None:
                own += [inner for regex, inner in part.get("patternProperties", {}).items() if re.search(regex, name)]
            found += own or [part[key] for key in ("additionalProperties",) if key in part]
            unnamed += [part[key] for key in ("unevaluatedProperties",) if key in part]
        return tuple(found or unnamed)

    def item(self, index: int) -> Parts:
        """What an item has to meet."""
        found: list[Schema] = []
        for part in self.parts:
            prefix = part.get("prefixItems", ())
            found += [prefix[index]] if index < len(prefix) else [part[key] for key in ("items",) if key in part]
        return tuple(found or self.all("unevaluatedItems"))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A conjunction half opened: plain parts, choices still to be made, and the marks of the schemas it holds."""

    parts: tuple[Keywords, ...] = ()
    choices: tuple[Sequence[Schema], ...] = ()
    seen: frozenset[str] = frozenset()


class Shapes:
    """The shapes of the schemas in a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._finite: dict[str, list[JSON] | None] = {}

    def finite(self, parts: Parts) -> list[JSON] | None:
        """The values that are left where `const` or `enum` lists them; None where neither does."""
        mark = mark_of(parts)
        if mark not in self._finite:
            self._finite[mark] = self._listed(parts)
        return self._finite[mark]

    def _listed(self, parts: Parts) -> list[JSON] | None:
        try:
            opening = self._gathered(_Opening(), {"allOf": parts})
        except Unsatisfiable:
            return []
        shape = Shape(opening.parts)
        lists: list[list[JSON]] = [*([value] for value in shape.all("const")), *shape.all("enum")]
        is_valid = self._library.validator(parts)
        return [value for value in lists[0] if is_valid(value)] if lists else None

    def of(self, parts: Parts) -> list[Shape]:
        """The ways to meet all the schemas; where they are too many, some, with every alternative in one of them.

        Raises:
            Unsatisfiable: There is none.
        """
        faults: list[str] = []
        openings = self._options(_Opening(), [{"allOf": parts}], faults)
        while any(opening.choices for opening in openings):
            grown: list[_Opening] = []
            for turn, opening in enumerate(openings):
                if not opening.choices:
                    grown.append(opening)
                    continue
                options = self._options(replace(opening, choices=opening.choices[1:]), opening.choices[0], faults)
                if len(openings) >= _MOST_SHAPES and options:
                    options = [options[turn % len(options)]]
                grown += options
            openings = grown
        if not openings:
            raise Unsatisfiable(faults[0])
        return [Shape(opening.parts) for opening in openings]

    def _options(self, opening: _Opening, alternatives: Sequence[Schema], faults: list[str]) -> list[_Opening]:
        found: list[_Opening] = []
        for alternative in alternatives:
            try:
                found.append(self._consistent(self._gathered(opening, alternative)))
            except Unsatisfiable as fault:
                faults.append(str(fault))
        return found

    def _gathered(self, opening: _Opening, schema: Schema) -> _Opening:
        """The opening with one more schema, and with all that the schema refers to."""
        parts, seen = list(opening.parts), set(opening.seen)
        choices: list[Sequence[Schema]] = []
        pending = [schema]
        while pending:
            part = pending.pop(0)
            if isinstance(part, bool):
                if not part:
                    raise Unsatisfiable("`false` admits nothing")
                continue
            mark = mark_of(part)
            if mark in seen:
                continue
            seen.add(mark)
            pending += [self._library.lookup(part[key]) for key in REFERENCES if key in part]
            pending += part.get("allOf", ())
            choices += self._choices(part)
            refused = self._refusals(part["not"]) if "not" in part else None
            if refused is not None:
                choices.append(refused)
                part = {key: value for key, value in part.items() if key != "not"}
            parts.append(part)
        # What a choice brings comes first: the sooner `else` is opened, the sooner contradictions end an opening.
        return _Opening(tuple(parts), (*choices, *opening.choices), frozenset(seen))

    def _consistent(self, opening: _Opening) -> _Opening:
        """The opening, without the type `object` where no object can be: what keeps unions small."""
        shape = Shape(opening.parts)
        if "object" in shape.kinds:
            for name in shape.required:
                member = shape.member(name)
                if False in member or self.finite(member) == []:
                    if shape.kinds == ("object",):
                        raise Unsatisfiable(
                            f"`required` asks for the member {name!r}, and its schemas leave it no value"
                        )
                    no_object = {"not": {"type": "object"}}
                    return replace(opening, parts=(*opening.parts, no_object))
        if not shape.kinds:
            raise Unsatisfiable(f"`type` leaves no type: {' and '.join(map(str, shape.all('type')))}")
        return opening

    def _choices(self, part: Keywords) -> Iterator[Sequence[Schema]]:
        if "anyOf" in part:
            yield part["anyOf"]
        if "oneOf" in part:
            yield self._one_of(part["oneOf"])
        if "if" in part and ("then" in part or "else" in part):
            refused = {"not": part["if"]}
            yield [{"allOf": [part["if"], part.get("then", True)]}, {"allOf": [refused, part.get("else", True)]}]
        for name, others in part.get("dependentRequired", {}).items():
            yield [{"properties": {name: False}}, {"required": [name, *others]}]
        for name, schema in part.get("dependentSchemas", {}).items():
            yield [{"properties": {name: False}}, {"required": [name], "allOf": [schema]}]

    def _one_of(self, branches: Sequence[Schema]) -> list[Schema]:
        """Each branch, with the refusal of those others that can be refused in few words; a filter sees to the rest."""
        plain = [{"not": branch} for branch in branches if len(self._refusals(branch) or [branch]) <= 2]
        return [{"allOf": [branch, *(other for other in plain if other["not"] is not branch)]} for branch in branches]

    def _refusals(self, schema: Schema) -> list[Schema] | None:  # noqa: C901 - one case a keyword
        """Schemas that together admit what the schema refuses; None where `not` can only be left as it is."""
        if isinstance(schema, bool):
            return [not schema]
        opaque = bool(_OPAQUE & schema.keys())
        found: list[Schema] = []
        if opaque:
            found.append({"not": {key: value for key, value in schema.items() if key in _OPAQUE | _BESIDE_OPAQUE}})
        for key, value in schema.items():
            match key:
                case "type" | "const" | "enum":
                    found.append({"not": {key: value}})
                case "required":
                    found += [{"type": "object", "properties": {name: False}} for name in value]
                case "properties" if not opaque:
                    found += [
                        {"type": "object", "required": [name], "properties": {name: {"not": inner}}}
                        for name, inner in value.items()
                    ]
                case "not":
                    found.append(value)
                case "allOf":
                    found += [{"not": inner} for inner in value]
                case "anyOf":
                    found.append({"allOf": [{"not": inner} for inner in value]})
                case "$ref" | "$dynamicRef":
                    found.append({"not": self._library.lookup(value)})
                case _ if key in _OPPOSITES:
                    kind, opposite, step = _OPPOSITES[key]
                    found.append(
                        {"type": kind, opposite: value + step} if value + step >= 0 or kind == "number" else False
                    )
                case _:
                    pass
        return None if found == [{"not": schema}] else found or [False]


def _types(value: str | list[str]) -> set[str]:
    names = {value} if isinstance(value, str) else set(value)
    return names | {"fraction", "integer"} if "number" in names else names


def _is_refused_type(part: Keywords) -> bool:
    return isinstance(part.get("not"), Mapping) and part["not"].keys() == {"type"}
