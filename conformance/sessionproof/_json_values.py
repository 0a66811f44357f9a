"""Hypothesis strategies for free JSON values: everything that JSON can say, within what an adapter can be sent."""

import functools
import math
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sessionproof._json import JSON, Object

ALL_CHECKS: tuple[HealthCheck, ...] = tuple(cast("Any", HealthCheck))
"""Hypothesis's own health checks, which are about the speed of test suites."""
DRAWING = settings(database=None, deadline=None, phases=[Phase.generate], suppress_health_check=ALL_CHECKS)
"""How values are drawn as data: the same in every run, however slow the machine. Nothing fails and has to be shrunk."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be sent to an adapter."""

    surrogates: bool = False
    """Strings may hold lone surrogates."""
    any_float: bool = True
    """Any finite double, `-0.0`, subnormals and extremes included; else multiples of 1/1024 that every reader keeps."""
    max_integer: int = 2**53 - 1
    """The largest absolute value of an integer."""
    max_depth: int = 64
    """How deep objects and lists may be nested (`_json.depth`)."""
    max_length: int = 5000
    """The longest string, in code points, that is made unless a schema asks for a longer one."""
    size: int = 40
    """About how many values one value holds, before only what a schema requires is added."""


DEFAULT = Limits()

_EDGES = (
    0,
    1,
    127,
    128,
    255,
    256,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53 - 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_SEVERE_STRINGS = (
    "",
    "\0",
    "a\0b",
    "\x1b[31m\x7f\x85",
    "\r\n",
    " \t ",
    '"\\/',
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}",
    "\N{ZERO WIDTH NO-BREAK SPACE}",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt",
    "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}",
    "\uffff\U0010ffff",
    "../../x",
    "__proto__",
    "null",
    "1e400",
    "{}",
)
_LONG = 64  # from here on a string is a repeated piece: drawing each character would use up the entropy of an example


def characters(limits: Limits) -> SearchStrategy[str]:
    """One character, NUL and astral ones included."""
    return st.characters() if limits.surrogates else st.characters(codec="utf-8")


@functools.cache
def any_string(limits: Limits, shortest: int = 0, longest: int | None = None) -> SearchStrategy[str]:
    """Strings of `shortest` to `longest` code points; one in sixteen is long."""
    top = max(shortest, limits.max_length) if longest is None else min(longest, max(shortest, limits.max_length))
    one = characters(limits)
    long = st.builds(_stretched, st.text(one, min_size=1, max_size=8), st.integers(shortest, top))
    if shortest > _LONG:
        return long
    severe = [text for text in _severe(limits) if shortest <= len(text) <= top]
    short = st.text(one, min_size=shortest, max_size=min(top, _LONG))
    kinds = [short] * 12 + ([st.sampled_from(severe)] if severe else [short]) * 3 + [long]
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


def _severe(limits: Limits) -> tuple[str, ...]:
    return (*_SEVERE_STRINGS, "\ud800", "\udc00\ud800") if limits.surrogates else _SEVERE_STRINGS


def _stretched(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def any_integer(limits: Limits, lowest: int | None = None, highest: int | None = None) -> SearchStrategy[int] | None:
    """Integers from `lowest` to `highest` and often the edges of common types; None where there is none."""
    low = max(-limits.max_integer, -limits.max_integer if lowest is None else lowest)
    high = min(limits.max_integer, limits.max_integer if highest is None else highest)
    if low > high:
        return None
    edges = [edge for edge in (low, high, *_EDGES, *(-edge for edge in _EDGES)) if low <= edge <= high]
    return st.integers(low, high) | st.sampled_from(edges)


def any_float(limits: Limits, lowest: float = -math.inf, highest: float = math.inf) -> SearchStrategy[float] | None:
    """Finite doubles from `lowest` to `highest`; None where the limits leave none."""
    if not limits.any_float:
        low, high = math.ceil(max(lowest, -(2.0**20)) * 1024), math.floor(min(highest, 2.0**20) * 1024)
        return st.integers(low, high).map(lambda number: number / 1024) if low <= high else None
    if lowest > highest:
        return None
    bounds = [None if math.isinf(bound) else bound for bound in (lowest, highest)]
    return st.floats(*bounds, allow_nan=False, allow_infinity=False)


@functools.cache
def any_scalar(limits: Limits) -> SearchStrategy[JSON]:
    """Every JSON value that is no object and no list."""
    numbers = [made for made in (any_integer(limits), any_float(limits)) if made is not None]
    return st.one_of(st.none(), st.booleans(), any_string(limits), *numbers)


@functools.cache
def any_json(limits: Limits = DEFAULT) -> SearchStrategy[JSON]:
    """Any JSON value within the limits: all of Unicode, numbers to the limit, and now and then the deepest nesting."""
    return _any(limits) if limits.max_depth > 0 else any_scalar(limits)


@st.composite
def _any(draw: DrawFn, limits: Limits) -> JSON:
    match draw(st.integers(0, 15)):
        case 15:
            value, in_object = draw(any_scalar(limits)), draw(st.booleans())
            for _ in range(draw(st.sampled_from((limits.max_depth, limits.max_depth // 2)))):
                value = _wrapped(value, in_object=in_object)
            return value
        case 14 | 13 | 12:
            return cast("JSON", draw(any_object(limits)))
        case 11 | 10 | 9:
            return cast("JSON", draw(any_list(limits)))
        case _:
            return draw(any_scalar(limits))


def _wrapped(value: JSON, *, in_object: bool) -> JSON:
    return {"": value} if in_object else [value]


@functools.cache
def any_list(limits: Limits = DEFAULT) -> SearchStrategy[list[JSON]]:
    """Any JSON list within the limits, of depth 1 at the least."""
    return st.lists(any_json(_inside(limits)), max_size=4)


@functools.cache
def any_object(limits: Limits = DEFAULT) -> SearchStrategy[Object]:
    """Any JSON object within the limits, of depth 1 at the least."""
    return st.dictionaries(any_string(limits), any_json(_inside(limits)), max_size=4)


def _inside(limits: Limits) -> Limits:
    return replace(limits, max_depth=limits.max_depth - 1)


def _instant(moment: datetime | time, precision: str, zone: str) -> str:
    return moment.isoformat(timespec=precision) + zone


_ZONES = st.sampled_from(("Z", "+00:00", "-05:30", "+14:00"))
_PRECISIONS = st.sampled_from(("seconds", "milliseconds", "microseconds"))
_HOSTS = st.from_regex(r"\A[a-z0-9]{1,20}(\.[a-z0-9]{1,10}){0,2}\.example\Z")
FORMATS: dict[str, SearchStrategy[str]] = {
    "date-time": st.builds(_instant, st.datetimes(), _PRECISIONS, _ZONES),
    "date": st.dates().map(str),
    "time": st.builds(_instant, st.times(), _PRECISIONS, _ZONES),
    "uuid": st.uuids().map(str),
    "email": st.emails(),
    "hostname": _HOSTS,
    "uri": st.builds(
        "https://{}/{}".format,
        _HOSTS,
        st.from_regex(r"\A[A-Za-z0-9._~%/-]{0,40}\Z").map(lambda path: path.replace("%", "%20")),
    ),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}
"""Strings by the name of a `format` in JSON Schema."""
