"""Hypothesis strategies for the values that a JSON Schema 2020-12 admits.

A value is built along one shape of its schema (`_schema_shapes`), member by member. What a shape cannot promise (`not`,
`oneOf`, `contains` and the like) is left to a filter right where it matters, and every finished value passes through
`jsonschema`. Recursion is bounded: a value that has grown to `Limits.size` gets only what its schema requires, by the
shallowest way there is.
"""

import copy
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from referencing import Registry

from sessionproof import _json, _json_values, _schema_scalars
from sessionproof._json import JSON
from sessionproof._json_values import DEFAULT, Limits, any_json, any_object
from sessionproof._schema_library import Library, Parts, Schema, Unsatisfiable, mark_of
from sessionproof._schema_shapes import Shape, Shapes

__all__ = ["Limits", "Unsatisfiable", "any_json", "any_object", "from_schema"]

T = TypeVar("T")

_DEEP = 16  # from here on only what is required: deeper than documents are, shallow enough for a recursive validator
_FREE_VALUE = 6  # what a free value counts for


def from_schema(
    schema: Schema,
    *,
    registry: Registry[Any],
    base_uri: str = "",
    limits: Limits = DEFAULT,
    extra_members: bool = False,
) -> SearchStrategy[JSON]:
    """Values that are valid under the schema, wide within validity and within the limits.

    Args:
        schema: A JSON Schema 2020-12. A `format` that is known makes what it names; it is not checked.
        registry: Holds the schemas that it refers to by URI.
        base_uri: What its references are relative to, where it has no `$id`.
        limits: What may be sent.
        extra_members: Objects also get members that the schema does not name, where it allows them. Without this only
            maps have such members: objects whose schema names no member, or that gives `additionalProperties` a schema.

    Raises:
        Unsatisfiable: There is no such value, or none that can be built here.
    """
    nodes = Nodes(Library(schema, registry, base_uri), limits, extra_members=extra_members)
    return nodes.values().filter(nodes.root.is_valid)


@dataclass(slots=True)
class _Run:
    """One value in the making: how many more values it may hold before it has to come to an end."""

    left: int


class Nodes:
    """The nodes of one schema; equal schemas share a node.

    Raises:
        Unsatisfiable: The root has no value.
    """

    def __init__(self, library: Library, limits: Limits, *, extra_members: bool) -> None:
        self.library, self.shapes = library, Shapes(library)
        self.limits, self.extra_members = limits, extra_members
        self._known: dict[str, _Node] = {}
        self.root = self.node((library.root,), "the value")
        fault = self.root.fault(limits.max_depth)
        if fault is not None:
            raise Unsatisfiable(fault)

    def node(self, parts: Parts, where: str) -> "_Node":
        mark = mark_of(parts)
        if mark not in self._known:
            self._known[mark] = _Node(self, parts, where)
        return self._known[mark]

    def is_thrifty(self, levels: int, run: _Run) -> bool:
        """Whether only what is required may be built."""
        return run.left <= 0 or levels <= self.limits.max_depth - _DEEP

    def values(self) -> SearchStrategy[JSON]:
        """Values of the root, before the last filter."""
        return _of_root(self)


@st.composite
def _of_root(draw: DrawFn, nodes: Nodes) -> JSON:
    return draw(nodes.root.values(nodes.limits.max_depth, _Run(nodes.limits.size)))


class _Nested(ABC):
    """Something whose values take so many levels of objects and lists."""

    def __init__(self, deepest: int) -> None:
        self._deepest = deepest
        self._faults: dict[int, str | None] = {}

    def fault(self, levels: int) -> str | None:
        """Why no value fits in so many levels; None where one does."""
        if levels not in self._faults:
            self._faults[levels] = self._fault(levels)
        return self._faults[levels]

    @abstractmethod
    def _fault(self, levels: int) -> str | None: ...

    @functools.cached_property
    def height(self) -> float:
        """The fewest levels that do; infinite where there is no value."""
        return next((levels for levels in range(self._deepest + 1) if self.fault(levels) is None), math.inf)


class _Node(_Nested):
    """A conjunction of schemas at one place of the value."""

    def __init__(self, nodes: Nodes, parts: Parts, where: str) -> None:
        super().__init__(nodes.limits.max_depth)
        self.nodes, self.parts, self.where = nodes, parts, where
        self.listed = nodes.shapes.finite(parts)

    @functools.cached_property
    def is_valid(self) -> Callable[[JSON], bool]:
        return self.nodes.library.validator(self.parts)

    @functools.cached_property
    def _shapes(self) -> list[Shape]:
        return self.nodes.shapes.of(self.parts)

    @functools.cached_property
    def _is_free(self) -> bool:
        """Whether any JSON value will do."""
        return all(
            shape.is_exact and len(shape.kinds) == 6 and not any(map(shape.speaks_of, shape.kinds))
            for shape in self._shapes
        )

    @functools.cached_property
    def _forms(self) -> "list[list[_Form]]":
        return [[_form(self, shape, kind) for kind in shape.kinds] for shape in self._shapes]

    def _fault(self, levels: int) -> str | None:
        if self.listed is not None:
            return (
                None if self.listed else f"{self.where}: `const` or `enum` lists no value that meets the other keywords"
            )
        try:
            faults = [form.fault(levels) for forms in self._forms for form in forms]
        except Unsatisfiable as error:
            return f"{self.where}: {error}"
        return None if None in faults else faults[0]

    @functools.cached_property
    def _flat_values(self) -> SearchStrategy[JSON] | None:
        """All values, where they are listed or are scalars of one type."""
        if self.listed is not None:
            return st.sampled_from(self.listed).map(copy.deepcopy)
        forms = [form for forms in self._forms for form in forms]
        if len(forms) == 1 and isinstance(forms[0], _Scalar):
            return forms[0].values if self._is_exact else forms[0].values.filter(self.is_valid)
        return None

    @functools.cached_property
    def _is_exact(self) -> bool:
        return all(shape.is_exact for shape in self._shapes)

    def values(self, levels: int, run: _Run) -> SearchStrategy[JSON]:
        """Values that fit in so many levels."""
        run.left -= 1
        if self._flat_values is not None:
            return self._flat_values
        values = _of_node(self, levels, run)
        return values if self._is_exact else values.filter(self.is_valid)

    def build(self, draw: DrawFn, levels: int, run: _Run) -> JSON:
        """Draw a value along a shape."""
        if self.nodes.is_thrifty(levels, run):
            levels = min(levels, cast("int", self.height))
        if self._is_free:
            run.left -= _FREE_VALUE
            return draw(any_json(replace(self.nodes.limits, max_depth=levels)))
        forms = _one_of(
            draw, [fitting for forms in self._forms if (fitting := [form for form in forms if form.height <= levels])]
        )
        # A schema without `type` mostly means the type that its other keywords speak of.
        meant = [form for form in forms if form.shape.speaks_of(form.kind)] * (len(forms) - 1)
        return _one_of(draw, meant + forms).make(draw, levels, run)


def _one_of(draw: DrawFn, options: list[T]) -> T:
    return options[0] if len(options) == 1 else draw(st.sampled_from(options))


@st.composite
def _of_node(draw: DrawFn, node: _Node, levels: int, run: _Run) -> JSON:
    return node.build(draw, levels, run)


def _form(node: _Node, shape: Shape, kind: str) -> "_Form":
    match kind:
        case "object":
            return _Object(node, shape, kind)
        case "array":
            return _List(node, shape, kind)
        case _:
            return _Scalar(node, shape, kind)


class _Form(_Nested):
    """The values of one type along one shape."""

    def __init__(self, node: _Node, shape: Shape, kind: str) -> None:
        super().__init__(node.nodes.limits.max_depth)
        self.shape, self.kind = shape, kind
        self._node, self._nodes, self._limits = node, node.nodes, node.nodes.limits

    @abstractmethod
    def make(self, draw: DrawFn, levels: int, run: _Run) -> JSON:
        """Draw one that fits in so many levels."""

    def _inner(self, parts: Parts, name: str) -> _Node:
        return self._nodes.node(parts, f"{self._node.where}/{name}")

    def _says(self, fault: str) -> str:
        return f"{self._node.where}: {fault}"


class _Scalar(_Form):
    """A value that is no object and no list."""

    @functools.cached_property
    def _made(self) -> SearchStrategy[Any] | str:
        """The values, or why there are none."""
        match self.kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "string":
                return _schema_scalars.strings(self.shape, self._limits)
            case _:
                return _schema_scalars.numbers(self.shape, self.kind, self._limits)

    @property
    def values(self) -> SearchStrategy[JSON]:
        return st.nothing() if isinstance(self._made, str) else self._made

    def _fault(self, levels: int) -> str | None:
        del levels
        return self._says(self._made) if isinstance(self._made, str) else None

    def make(self, draw: DrawFn, levels: int, run: _Run) -> JSON:
        del levels, run
        return draw(self.values)


class _Object(_Form):
    @functools.cached_property
    def _name_ok(self) -> Callable[[JSON], bool]:
        return self._nodes.library.validator(tuple(self.shape.all("propertyNames")))

    @functools.cached_property
    def _optional(self) -> list[str]:
        return [name for name in self.shape.declared if name not in self.shape.required and self._name_ok(name)]

    @functools.cached_property
    def _regexes(self) -> list[str]:
        return [regex for regexes in self.shape.all("patternProperties") for regex in regexes]

    @functools.cached_property
    def _is_map(self) -> bool:
        """Whether members that no keyword names are the point of the object."""
        named = self.shape.declared or self.shape.required or self._regexes
        rest = [*self.shape.all("additionalProperties"), *self.shape.all("unevaluatedProperties")]
        return not named or any(schema not in (True, False, {}) for schema in rest)

    @functools.cached_property
    def _members(self) -> dict[str | None, _Node]:
        return {}

    def _member(self, name: str | None) -> _Node:
        if name not in self._members:
            self._members[name] = self._inner(self.shape.member(name), "*" if name is None else name)
        return self._members[name]

    def _fault(self, levels: int) -> str | None:
        least, most = self.shape.bounds("minProperties", "maxProperties")
        if levels < 1:
            return self._says("what has to be here is nested deeper than the limit")
        for name in self.shape.required:
            if not self._name_ok(name):
                return self._says(f"`required` asks for the member {name!r}, and `propertyNames` refuses the name")
            fault = self._member(name).fault(levels - 1)
            if fault is not None:
                return fault
        if max(least, len(self.shape.required)) > most:
            return self._says(f"`required` and `minProperties` ask for more members than `maxProperties` {most}")
        if least <= len(self.shape.required) or self._regexes or self._member(None).fault(levels - 1) is None:
            return None
        optional = [name for name in self._optional if self._member(name).fault(levels - 1) is None]
        possible = len(self.shape.required) + len(optional)
        return (
            None if least <= possible else self._says(f"`minProperties` is {least}, but only {possible} can be there")
        )

    def make(self, draw: DrawFn, levels: int, run: _Run) -> JSON:
        is_thrifty = self._nodes.is_thrifty(levels, run)
        if not self.shape.speaks_of("object") and not is_thrifty:
            run.left -= _FREE_VALUE
            return cast("JSON", draw(any_object(replace(self._limits, max_depth=levels))))
        least, most = self.shape.bounds("minProperties", "maxProperties")
        names = list(self.shape.required)
        optional = [name for name in self._optional if self._member(name).height < levels]
        fewest = max(0, min(least - len(names), len(optional)))
        room = int(min(most - len(names), fewest if is_thrifty else len(optional)))
        if optional and room == len(optional) and draw(st.integers(0, 7)) == 7:
            names += optional
        elif room:
            names += draw(st.lists(st.sampled_from(optional), unique=True, min_size=fewest, max_size=room))
        fewest = max(0, least - len(names))
        room = int(min(most - len(names), fewest if is_thrifty else max(fewest, 4)))
        others = self._other_names(levels, needed=fewest > 0)
        if room and others:
            names += draw(st.lists(st.one_of(others), unique=True, min_size=fewest, max_size=room))
        return {
            name: draw(self._member(name).values(levels - 1, run))
            for name in names
            if self._member(name).height < levels
        }

    def _other_names(self, levels: int, *, needed: bool) -> list[SearchStrategy[str]]:
        """Names that neither `properties` nor `required` has, where such members are wanted."""
        names = [st.from_regex(regex, alphabet=_json_values.characters(self._limits)) for regex in self._regexes]
        if (needed or self._is_map or self._nodes.extra_members) and self._member(None).height < levels:
            rules: Parts = (*self.shape.all("propertyNames"), {"type": "string"})
            free = self._inner(rules, "the name of a member")
            names += [cast("SearchStrategy[str]", free.values(0, _Run(1)))] if free.fault(0) is None else []
        named = {*self.shape.declared, *self.shape.required}
        return [kind.filter(lambda name: name not in named and self._name_ok(name)) for kind in names]


class _List(_Form):
    @functools.cached_property
    def _prefix(self) -> int:
        """How many items have a place of their own; all after them are alike."""
        return max(map(len, self.shape.all("prefixItems")), default=0)

    @functools.cached_property
    def _contained(self) -> list[tuple[Schema, int, bool]]:
        """What `contains` asks for: the schema, how often at least, and whether the others must not match."""
        parts = [part for part in self.shape.parts if "contains" in part]
        return [(part["contains"], int(part.get("minContains", 1)), "maxContains" in part) for part in parts]

    @functools.cached_property
    def _sizes(self) -> tuple[int, float]:
        least, most = self.shape.bounds("minItems", "maxItems")
        rest = self._item(self._prefix).listed
        if rest is not None and True in self.shape.all("uniqueItems"):
            most = min(most, self._prefix + len(rest))
        return max(least, sum(count for _, count, _ in self._contained)), most

    @functools.cached_property
    def _items(self) -> list[_Node]:
        return [
            self._inner(self.shape.item(place), str(place) if place < self._prefix else "*")
            for place in range(self._prefix + 1)
        ]

    def _item(self, index: int, *more: Schema) -> _Node:
        item = self._items[min(index, self._prefix)]
        return self._inner((*item.parts, *more), "*") if more else item

    def _fault(self, levels: int) -> str | None:
        least, most = self._sizes
        if levels < 1:
            return self._says("what has to be here is nested deeper than the limit")
        if least > most:
            return self._says(
                f"`minItems` or `contains` asks for {least} items, and `maxItems` or `uniqueItems` allows {most}"
            )
        for index in range(min(least, self._prefix + 1)):
            fault = self._item(index).fault(levels - 1)
            if fault is not None:
                return fault
        for schema, count, _ in self._contained:
            faults = [self._item(index, schema).fault(levels - 1) for index in range(self._prefix + 1)]
            if count and None not in faults:
                return self._says(f"`contains` asks for what no item can be: {faults[-1]}")
        return None

    def make(self, draw: DrawFn, levels: int, run: _Run) -> JSON:
        least, most = self._sizes
        is_thrifty = self._nodes.is_thrifty(levels, run)
        if not self.shape.speaks_of("array") and not is_thrifty:
            run.left -= _FREE_VALUE
            return cast("JSON", draw(_json_values.any_list(replace(self._limits, max_depth=levels))))
        impossible = (index for index in range(self._prefix + 1) if self._item(index).height >= levels)
        most = int(min(most, next(impossible, math.inf), least if is_thrifty else max(least, self._prefix) + 12))
        size = draw(st.integers(least, min(most, max(least, self._prefix) + 4)) | st.integers(least, most))
        more: list[list[Schema]] = [[] for _ in range(size)]
        for schema, count, only_these in self._contained:
            places = [place for place in range(size) if self._item(place, *more[place], schema).height < levels]
            chosen = draw(st.permutations(places))[:count]
            for place in range(size):
                also: Schema = schema if place in chosen else {"not": schema}
                if (only_these or place in chosen) and self._item(place, *more[place], also).height < levels:
                    more[place].append(also)
        unique, seen = True in self.shape.all("uniqueItems"), set[str]()
        items: list[JSON] = []
        for place in range(size):
            values = self._item(place, *more[place]).values(levels - 1, run)
            items.append(draw(values.filter(lambda value: _json.key(value) not in seen) if unique else values))
            seen.add(_json.key(items[-1]) if unique else "")
        return items
