"""Instants by RFC 3339, compared exactly: any offset, any number of digits, leap seconds."""

import re
import time
from datetime import UTC, date, datetime
from fractions import Fraction

Instant = tuple[int, Fraction]

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def parse(text: str) -> Instant:
    """The instant as minutes and the seconds in that minute, which sorts: offsets are whole minutes.

    Raises:
        ValueError: The text is no instant by RFC 3339 in the years 1 to 9999.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is no RFC 3339 instant such as 2026-11-20T09:00:00Z")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    minutes = (date(int(year), int(month), int(day)).toordinal() * 24 + int(hour)) * 60 + int(minute)
    if sign:
        offset = int(offset_hours) * 60 + int(offset_minutes)
        minutes += offset if sign == "-" else -offset
    return minutes, Fraction(second + (fraction or ""))


def now() -> str:
    """The present instant, to the nanosecond and always as long, so that two of them compare as strings."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
