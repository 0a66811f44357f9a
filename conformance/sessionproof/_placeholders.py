"""What stands in a case for places and moments, which are others in every run."""

import re
from datetime import UTC, datetime, timedelta

from sessionproof._json import JSON

OUTSIDE = "${outside}"
"""The folder around the root, in an id."""
NOW = "${now}"
"""The moment of the call, in a document; `${now-60}` is a minute before it."""

_MOMENT = re.compile(r"\$\{now(?:-([0-9]+))?\}")


def resolved(value: JSON, outside: str) -> JSON:
    """The parameters of a call with what stands for places and moments filled in."""
    if isinstance(value, str):
        moment = _MOMENT.fullmatch(value)
        if moment:
            then = datetime.now(UTC) - timedelta(seconds=int(moment[1] or 0))
            return then.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return value.replace(OUTSIDE, outside)
    if isinstance(value, dict):
        filled = {"id", "document", "created_at", "updated_at"}
        return {name: resolved(member, outside) if name in filled else member for name, member in value.items()}
    return value
