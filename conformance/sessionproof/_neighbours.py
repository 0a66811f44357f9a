"""Neighbours of the values of a schema: one thing is otherwise, and still of a JSON type that is right there.

A store whose type is wider than what it declares takes some of them. They show what it can write and not read.
"""

from collections.abc import Iterable, Iterator

from sessionproof import _json
from sessionproof._json import JSON
from sessionproof._schema_places import Place

_NUMBERS = frozenset({"fraction", "integer", "number"})
_EDGES: tuple[int | float, ...] = (
    *(-1, 0, 0.5, 2**8, 2**15, 2**31, -(2**31) - 1, 2**32, 2**53 + 1, 2**63, 2**64, 10**30),
    *(1e39, -1e39, 1.7976931348623157e308, 5e-324, 1 / 3),
)
"""Past the bounds of common types, and what a number of 32 bits does not hold."""


def neighbours(place: Place) -> Iterator[tuple[str, JSON]]:
    """What may be otherwise about one place, in words, and the value then. Some may still be of the schema."""
    others: Iterable[JSON] = ()
    if place.node.listed is not None:
        others = _unlisted(place.node.listed)
    elif place.kinds & _NUMBERS:
        others = _past(place)
    yield from ((f"{place.name} is {_json.encode(other)}", place.holding(other)) for other in others)
    if place.in_list:
        yield f"one item more at {place.name}", place.with_one_more()
    elif not place.in_map:
        yield f"no {place.name}", place.without()
        yield f"{place.name} is null", place.holding(None)


def _unlisted(listed: list[JSON]) -> Iterator[JSON]:
    """Values next to those of a `const` or `enum`."""
    for value in listed:
        match value:
            case bool():
                yield not value
            case int() | float():
                yield from (value + 1, value - 1)
            case str():
                yield f"{value}-2"
            case _:
                pass
    if any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in listed):
        yield from _EDGES


def _past(place: Place) -> Iterator[JSON]:
    """Numbers past the bounds."""
    for form in place.node.forms:
        if form.kind in _NUMBERS:
            for keyword, step in (("maximum", 1), ("exclusiveMaximum", 1), ("minimum", -1), ("exclusiveMinimum", -1)):
                for bound in form.shape.all(keyword):
                    yield bound + step if isinstance(bound, int) else bound * 2 + step
    yield from _EDGES
