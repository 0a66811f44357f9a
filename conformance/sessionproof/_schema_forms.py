"""The values of one type along one shape of a schema: how deep they are, why there are none, and how one is drawn."""

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sessionproof import _json, _json_values, _schema_scalars
from sessionproof._json import JSON
from sessionproof._schema_library import Parts, Schema
from sessionproof._schema_shapes import Shape

if TYPE_CHECKING:
    from sessionproof._from_schema import Node

FREE_VALUE = 6
"""What a free value counts for in a `Run`."""

A_NAME = "name"
"""The member that stands for all that a map may have."""

_MOST_TO_BUILD = 256  # items and members that a schema may insist on; Hypothesis gives an example so much entropy


@dataclass(slots=True)
class Run:
    """One value in the making: how many more values it may hold before it has to come to an end."""

    left: int


class Nested(ABC):
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


def form(node: "Node", shape: Shape, kind: str) -> "Form":
    match kind:
        case "object":
            return _Object(node, shape, kind)
        case "array":
            return _List(node, shape, kind)
        case _:
            return Scalar(node, shape, kind)


class Form(Nested):
    """The values of one type along one shape."""

    def __init__(self, node: "Node", shape: Shape, kind: str) -> None:
        super().__init__(node.nodes.limits.max_depth)
        self.shape, self.kind = shape, kind
        self._node, self._nodes, self._limits = node, node.nodes, node.nodes.limits

    @abstractmethod
    def make(self, draw: DrawFn, levels: int, run: Run) -> JSON:
        """Draw one that fits in so many levels."""

    def inside(self) -> "Iterator[tuple[str | int, Node]]":
        """What may stand in such a value: under which name, or at which place of a list, and what is admitted there.

        Of items that are alike there is the first, of the members of a map the one that is called `A_NAME`. Of a
        free value there is nothing to tell, unless it is the whole.
        """
        yield from ()

    def _inner(self, parts: Parts, name: str) -> "Node":
        return self._nodes.node(parts, f"{self._node.where}/{name}")

    def _says(self, fault: str) -> str:
        return f"{self._node.where}: {fault}"


class Scalar(Form):
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

    def make(self, draw: DrawFn, levels: int, run: Run) -> JSON:
        del levels, run
        return draw(self.values)


class _Object(Form):
    """An object: the members that have to be there, some that may, and some that no keyword names."""

    @functools.cached_property
    def _name_ok(self) -> Callable[[JSON], bool]:
        return self._nodes.library.validator(tuple(self.shape.all("propertyNames")))

    @functools.cached_property
    def _optional(self) -> list[str]:
        return [name for name in self.shape.declared if name not in self.shape.required and self._name_ok(name)]

    @functools.cached_property
    def _regexes(self) -> list[str]:
        return [regex for regexes in self.shape.all("patternProperties") for regex in regexes]

    def inside(self) -> "Iterator[tuple[str | int, Node]]":
        if not self.shape.speaks_of("object") and self._node is not self._nodes.root:
            return
        for name in (*self.shape.required, *self._optional):
            yield name, self._member(name)
        if self.takes_any_name(A_NAME):
            yield A_NAME, self._member(None)

    def takes_any_name(self, name: str) -> bool:
        """Whether members that no keyword names are the point of the object, and one may have this name."""
        named = {*self.shape.declared, *self.shape.required}
        return self._is_map and not self._regexes and name not in named and self._name_ok(name)

    @functools.cached_property
    def _is_map(self) -> bool:
        """Whether members that no keyword names are the point of the object."""
        named = self.shape.declared or self.shape.required or self._regexes
        rest = [*self.shape.all("additionalProperties"), *self.shape.all("unevaluatedProperties")]
        return not named or any(schema not in (True, False, {}) for schema in rest)

    @functools.cached_property
    def _members(self) -> "dict[str | None, Node]":
        return {}

    def _member(self, name: str | None) -> "Node":
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
        if least > _MOST_TO_BUILD:
            return self._says(f"`minProperties` {least} asks for more than is built here")
        if max(least, len(self.shape.required)) > most:
            return self._says(f"`required` and `minProperties` ask for more members than `maxProperties` {most}")
        if least <= len(self.shape.required) or self._regexes or self._member(None).fault(levels - 1) is None:
            return None
        optional = [name for name in self._optional if self._member(name).fault(levels - 1) is None]
        possible = len(self.shape.required) + len(optional)
        return (
            None if least <= possible else self._says(f"`minProperties` is {least}, but only {possible} can be there")
        )

    def make(self, draw: DrawFn, levels: int, run: Run) -> JSON:
        is_thrifty = self._nodes.is_thrifty(levels, run)
        if not self.shape.speaks_of("object") and not is_thrifty:
            run.left -= FREE_VALUE
            return cast("JSON", draw(_json_values.any_object(replace(self._limits, max_depth=levels))))
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
            names += [cast("SearchStrategy[str]", free.values(0, Run(1)))] if free.fault(0) is None else []
        named = {*self.shape.declared, *self.shape.required}
        return [kind.filter(lambda name: name not in named and self._name_ok(name)) for kind in names]


class _List(Form):
    """A list: the items of `prefixItems`, then items that are alike."""

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
    def _items(self) -> "list[Node]":
        return [
            self._inner(self.shape.item(place), str(place) if place < self._prefix else "*")
            for place in range(self._prefix + 1)
        ]

    def inside(self) -> "Iterator[tuple[str | int, Node]]":
        if not self.shape.speaks_of("array"):
            return
        for place in range(int(min(self._prefix + 1, self._sizes[1]))):
            yield place, self._item(place)

    def _item(self, index: int, *more: Schema) -> "Node":
        item = self._items[min(index, self._prefix)]
        return self._inner((*item.parts, *more), "*") if more else item

    def _fault(self, levels: int) -> str | None:
        least, most = self._sizes
        if levels < 1:
            return self._says("what has to be here is nested deeper than the limit")
        if least > _MOST_TO_BUILD:
            return self._says(f"`minItems` {least} asks for more than is built here")
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

    def make(self, draw: DrawFn, levels: int, run: Run) -> JSON:
        least, most = self._sizes
        is_thrifty = self._nodes.is_thrifty(levels, run)
        if not self.shape.speaks_of("array") and not is_thrifty:
            run.left -= FREE_VALUE
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
