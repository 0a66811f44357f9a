"""Strings and numbers that meet the keywords of a shape; where there are none, a sentence that says why."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from sessionproof import _json_values
from sessionproof._json_values import FORMATS, Limits
from sessionproof._schema_shapes import Shape

_LONGEST = 2**20


def strings(shape: Shape, limits: Limits) -> SearchStrategy[str] | str:
    """Strings of the right length that match every `pattern`, or else are of a known `format`."""
    least, most = shape.bounds("minLength", "maxLength")
    if least > most:
        return f"`minLength` {least} is above `maxLength` {most}"
    if least > _LONGEST:
        return f"`minLength` {least} asks for more than is built here"
    regexes = [re.compile(pattern) for pattern in shape.all("pattern")]
    formats = [FORMATS[name] for name in shape.all("format") if name in FORMATS]
    if not regexes and not formats:
        return _json_values.any_string(limits, least, None if math.isinf(most) else int(most))
    made = st.from_regex(regexes[0], alphabet=_json_values.characters(limits)) if regexes else formats[0]
    return made.filter(lambda text: least <= len(text) <= most and all(regex.search(text) for regex in regexes))


def numbers(shape: Shape, kind: str, limits: Limits) -> SearchStrategy[Any] | str:
    """Numbers between the bounds and on the steps of `multipleOf`; `kind` is `integer`, `fraction` or `number`."""
    above, below = shape.all("exclusiveMinimum"), shape.all("exclusiveMaximum")
    low = max((*above, *shape.all("minimum")), default=-math.inf)
    high = min((*below, *shape.all("maximum")), default=math.inf)

    def is_within(number: float) -> bool:
        return low <= number <= high and number not in above and number not in below

    steps = [Fraction(str(step)) for step in shape.all("multipleOf")]
    step = Fraction(
        math.lcm(*(step.numerator for step in steps)), max(1, math.gcd(*(step.denominator for step in steps)))
    )
    made: list[SearchStrategy[Any] | None] = []
    if kind != "fraction":
        made.append(_multiples(Fraction(step.numerator), low, high, is_within, limits))
    if kind != "integer" and steps:
        made.append(_multiples(step, low, high, is_within, limits))
    elif kind != "integer":
        lowest = math.nextafter(_double(low), math.inf) if low in above else _double(low)
        highest = math.nextafter(_double(high), -math.inf) if high in below else _double(high)
        made.append(_json_values.any_float(limits, lowest, highest))
    possible = [numbers.map(_broken) if kind == "fraction" else numbers for numbers in made if numbers is not None]
    if not possible:
        return "`type`, the bounds and `multipleOf` leave no number that may be sent"
    return st.one_of(possible).filter(is_within)


def _multiples(
    step: Fraction, low: float, high: float, is_within: Callable[[float], bool], limits: Limits
) -> SearchStrategy[int | float] | None:
    first = None if math.isinf(low) else math.ceil(Fraction(low) / step)
    last = None if math.isinf(high) else math.floor(Fraction(high) / step)
    if first is not None and first * step == low and not is_within(low):
        first += 1
    if last is not None and last * step == high and not is_within(high):
        last -= 1
    counts = _json_values.any_integer(replace(limits, max_integer=int(limits.max_integer / step)), first, last)
    if counts is None:
        return None
    return counts.map(lambda count: int(count * step) if step.denominator == 1 else float(count * step))


def _double(bound: float) -> float:
    """The bound as a double; past all doubles it is infinite."""
    try:
        return float(bound)
    except OverflowError:
        return math.copysign(math.inf, bound)


def _broken(number: float) -> float:
    """The number, or one close by, that is no integer."""
    small = math.fmod(number, 2.0**50)
    return small + 0.5 if small.is_integer() else small
