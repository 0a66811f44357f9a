"""Hypothesis strategies for the values that a JSON Schema 2020-12 admits.

A value is built along one shape of its schema (`_schema_shapes`), member by member (`_schema_forms`). What a shape
cannot promise (`not`, `oneOf`, `contains` and the like) is left to a filter right there, and every finished value
passes through `jsonschema`. Recursion is bounded: a value that has grown to `Limits.size` gets only what its schema
requires, by the shallowest way there is.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from referencing import Registry

from sessionproof import _schema_forms
from sessionproof._json import JSON
from sessionproof._json_values import DEFAULT, Limits, any_json, any_object
from sessionproof._schema_forms import FREE_VALUE, Form, Nested, Run, Scalar
from sessionproof._schema_library import Library, Parts, Schema, Unsatisfiable, mark_of
from sessionproof._schema_shapes import Shape, Shapes

__all__ = ["Limits", "Unsatisfiable", "any_json", "any_object", "from_schema"]

T = TypeVar("T")

_DEEP = 16  # from here on only what is required: deeper than documents are, shallow enough for a recursive validator


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


class Nodes:
    """The nodes of one schema; equal schemas share a node.

    Raises:
        Unsatisfiable: The root has no value.
    """

    def __init__(self, library: Library, limits: Limits, *, extra_members: bool) -> None:
        self.library, self.shapes = library, Shapes(library)
        self.limits, self.extra_members = limits, extra_members
        self._known: dict[str, Node] = {}
        self.root = self.node((library.root,), "the value")
        fault = self.root.fault(limits.max_depth)
        if fault is not None:
            raise Unsatisfiable(fault)

    def node(self, parts: Parts, where: str) -> "Node":
        """The node of these schemas; `where` is for messages, and the place that asked first stays."""
        mark = mark_of(parts)
        if mark not in self._known:
            self._known[mark] = Node(self, parts, where)
        return self._known[mark]

    def is_thrifty(self, levels: int, run: Run) -> bool:
        """Whether only what is required may be built."""
        return run.left <= 0 or levels <= self.limits.max_depth - _DEEP

    def values(self) -> SearchStrategy[JSON]:
        """Values of the root, before the last filter."""
        return _of_root(self)


@st.composite
def _of_root(draw: DrawFn, nodes: Nodes) -> JSON:
    return draw(nodes.root.values(nodes.limits.max_depth, Run(nodes.limits.size)))


class Node(Nested):
    """A conjunction of schemas at one place of the value."""

    def __init__(self, nodes: Nodes, parts: Parts, where: str) -> None:
        super().__init__(nodes.limits.max_depth)
        self.nodes, self.parts, self.where = nodes, parts, where
        self.listed = nodes.shapes.finite(parts)

    @functools.cached_property
    def is_valid(self) -> Callable[[JSON], bool]:
        """Whether a value meets the schemas."""
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
    def _forms(self) -> list[list[Form]]:
        return [[_schema_forms.form(self, shape, kind) for kind in shape.kinds] for shape in self._shapes]

    @property
    def forms(self) -> list[Form]:
        """The values of each type along each shape."""
        return [form for forms in self._forms for form in forms]

    def _fault(self, levels: int) -> str | None:
        if self.listed:
            return None
        try:
            faults = [form.fault(levels) for form in self.forms]
        except Unsatisfiable as error:
            return f"{self.where}: {error}"
        if self.listed is not None:
            return f"{self.where}: `const` or `enum` leaves no value that meets the rest"
        return None if None in faults else faults[0]

    @functools.cached_property
    def _flat_values(self) -> SearchStrategy[JSON] | None:
        """All values, where they are listed or are scalars of one type."""
        if self.listed is not None:
            return st.sampled_from(self.listed).map(copy.deepcopy)
        if len(self.forms) == 1 and isinstance(only := self.forms[0], Scalar):
            return only.values if self._is_exact else only.values.filter(self.is_valid)
        return None

    @functools.cached_property
    def _is_exact(self) -> bool:
        return all(shape.is_exact for shape in self._shapes)

    def values(self, levels: int, run: Run) -> SearchStrategy[JSON]:
        """Values that fit in so many levels."""
        run.left -= 1
        if self._flat_values is not None:
            return self._flat_values
        values = _of_node(self, levels, run)
        return values if self._is_exact else values.filter(self.is_valid)

    def build(self, draw: DrawFn, levels: int, run: Run) -> JSON:
        """Draw a value along a shape."""
        if self.nodes.is_thrifty(levels, run):
            levels = min(levels, cast("int", self.height))
        if self._is_free:
            run.left -= FREE_VALUE
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
def _of_node(draw: DrawFn, node: Node, levels: int, run: Run) -> JSON:
    return node.build(draw, levels, run)
