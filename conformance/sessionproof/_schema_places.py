"""The places of a schema: everywhere that a value of it may hold another, each with the smallest value that does."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from hypothesis import given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.strategies import DrawFn
from referencing import Registry

from sessionproof._from_schema import Node, Nodes
from sessionproof._json import JSON, Object
from sessionproof._json_values import DRAWING, Limits
from sessionproof._schema_forms import A_NAME, Form, Run
from sessionproof._schema_library import Library, Schema

Step: TypeAlias = str | int
_Way: TypeAlias = tuple[tuple[Form, Step, Node], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of the schema may hold another: `path` leads there in `holder`, which is a value of the schema."""

    holder: JSON
    path: tuple[Step, ...]
    node: Node
    form: Form

    @property
    def name(self) -> str:
        """The place as a pointer, with `*` for any item of a list."""
        return "".join(f"/{step}" for step in _named(self.path))

    @property
    def in_map(self) -> bool:
        """Whether what stands here is a member of a map, which might have any name."""
        return self.path[-1] == A_NAME and A_NAME not in {*self.form.shape.declared, *self.form.shape.required}

    @property
    def in_list(self) -> bool:
        """Whether what stands here is an item of a list."""
        return isinstance(self.path[-1], int)

    @property
    def kinds(self) -> frozenset[str]:
        """The types of what may stand here, as `Shape.kinds` names them; none where the values are listed."""
        return frozenset(form.kind for form in self._forms)

    @property
    def _forms(self) -> list[Form]:
        return self.node.forms if self.node.listed is None else []

    @property
    def value(self) -> JSON:
        """What stands here in the holder."""
        return _at(self.holder, self.path)

    @property
    def is_free(self) -> bool:
        """Whether objects and lists may stand here, and the schema leaves open what is in them."""
        return {"array", "object"} <= {form.kind for form in self._forms if not form.shape.speaks_of(form.kind)}

    def takes(self, value: JSON) -> bool:
        """Whether the value may stand here, and who reads the schema narrowly still expects it.

        Objects and lists only where the schema leaves open what is in them. Doubles only where it does not ask for
        integers: to a schema 1.0 is one, to many a reader it is not. Integers that are no double only where it asks for
        integers, or for nothing. What is listed stands here already.
        """
        match value:
            case dict() | list():
                kind = "object" if isinstance(value, dict) else "array"
                fits = any(form.kind == kind and not form.shape.speaks_of(kind) for form in self._forms)
            case float():
                fits = not self.kinds.isdisjoint({"fraction", "number"})
            case int() if not isinstance(value, bool):
                fits = "integer" in self.kinds or self.is_free or value == float(value)
            case _:
                fits = True
        return fits and bool(self.kinds) and self.node.is_valid(value)

    def holding(self, value: JSON) -> JSON:
        """The holder with this value here."""
        return _changed(self.holder, self.path, lambda _: value)

    def among(self, around: JSON) -> JSON:
        """The holder with this in the place of the object or list that what stands here is in."""
        return _changed(self.holder, self.path[:-1], lambda _: around)

    def with_one_more(self) -> JSON:
        """The holder with what stands here once more, at the end of the list that it is in."""
        return _changed(self.holder, self.path[:-1], lambda items: [*cast("list[JSON]", items), self.value])

    def without(self) -> JSON:
        """The holder without this member of an object."""
        last = self.path[-1]
        return _changed(
            self.holder,
            self.path[:-1],
            lambda around: {name: member for name, member in cast("Object", around).items() if name != last},
        )


def places(schema: Schema, registry: Registry[Any], limits: Limits) -> list[Place]:
    """Every place of the schema, the top aside: each member and item of what may stand anywhere, once.

    What is nested in itself is entered once. A place is left out where no value that has it can be built.

    Raises:
        Unsatisfiable: There is no value of the schema, or none that can be built.
    """
    nodes = Nodes(Library(schema, registry, ""), limits, extra_members=False)
    found = (_built(nodes, way) for way in _ways(nodes))
    return [place for place in found if place is not None]


def _ways(nodes: Nodes) -> Iterator[_Way]:
    """The ways from the root to each place, by fewest steps."""
    pending: deque[tuple[Node, _Way]] = deque([(nodes.root, ())])
    entered, seen = {id(nodes.root)}, set[tuple[tuple[str, ...], int]]()
    deepest = nodes.limits.max_depth
    while pending:
        node, way = pending.popleft()
        for form in node.forms if node.listed is None else []:
            if form.height > deepest - len(way):
                continue
            for step, inner in form.inside():
                further = (*way, (form, step, inner))
                known = _named(step for _, step, _ in further), id(inner)
                if known in seen or inner.height > deepest - len(further):
                    continue
                seen.add(known)
                yield further
                if id(inner) not in entered:
                    entered.add(id(inner))
                    pending.append((inner, further))


def _named(path: Iterable[Step]) -> tuple[str, ...]:
    return tuple("*" if isinstance(step, int) else step for step in path)


def _built(nodes: Nodes, way: _Way) -> Place | None:
    """The place with the simplest holder that can be drawn."""
    form, _, node = way[-1]
    path = tuple(step for _, step, _ in way)
    found: list[JSON] = []

    @seed(0)
    @settings(DRAWING, max_examples=1)
    @given(_holders(way, nodes.limits.max_depth).filter(nodes.root.is_valid))
    def collect(holder: JSON) -> None:
        found.append(holder)

    try:
        collect()
    except HypothesisException:
        return None
    return Place(found[0], path, node, form) if found else None


@st.composite
def _holders(draw: DrawFn, way: _Way, levels: int) -> JSON:
    """Values that have the place, and else what is required."""
    return _grown(draw, way, levels)


def _grown(draw: DrawFn, way: _Way, levels: int) -> JSON:
    (form, step, inner), *rest = way
    value = form.make(draw, levels, Run(0))
    inside = _grown(draw, tuple(rest), levels - 1) if rest else draw(inner.values(levels - 1, Run(0)))
    if isinstance(value, list):
        items = dict(form.inside())
        before = [draw(items[index].values(levels - 1, Run(0))) for index in range(len(value), cast("int", step))]
        return [*value[: cast("int", step)], *before, inside, *value[cast("int", step) + 1 :]]
    return {**cast("Object", value), cast("str", step): inside}


def _at(value: JSON, path: tuple[Step, ...]) -> JSON:
    for step in path:
        value = cast("Any", value)[step]
    return value


def _changed(value: JSON, path: tuple[Step, ...], change: Callable[[JSON], JSON]) -> JSON:
    """The value with a change made to what the path leads to."""
    if not path:
        return change(value)
    step, *rest = path
    inner = _changed(cast("Any", value)[step], tuple(rest), change)
    if isinstance(value, list):
        index = cast("int", step)
        return [*value[:index], inner, *value[index + 1 :]]
    return {**cast("Object", value), cast("str", step): inner}
