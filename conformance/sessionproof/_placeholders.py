"""What stands in a case for places and moments, which are others in every run."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from sessionproof._json import JSON, Object

OUTSIDE = "${outside}"
"""The folder around the root, in an id."""
NOW = "${now}"
"""The moment of the call, in a document; `${now-60}` is a minute before it."""

LOG = "${log:"
"""Begins what stands for the id of a session that the store names itself: `${log:1}` is the first of them."""

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
        filled = {"id", "document", "created_at", "updated_at", "agent", "created_by", "archive"}
        return {name: resolved(member, outside) if name in filled else member for name, member in value.items()}
    return value


def named(step: Object, names: Mapping[str, str]) -> Object:
    """The step with the ids that the store has given for those that stand for them."""
    members = dict(step)
    for name, member in step.items():
        match name, member:
            case "params", {**params}:
                members[name] = named(cast("Object", params), names)
            case "files", [*files]:
                members[name] = [named(cast("Object", file), names) for file in files]
            case (("ids" | "removes"), [*ids]):
                members[name] = [_given(id, names) for id in ids]
            case (("id" | "of"), _):
                members[name] = _given(member, names)
            case _:
                pass
    return members


def _given(id: JSON, names: Mapping[str, str]) -> JSON:
    if isinstance(id, str) and id.startswith(LOG):
        return names.get(id, f"never-made-{id.removeprefix(LOG).rstrip('}')}")
    return id


def log(number: int) -> str:
    """What stands for the id of the n-th session that the store names itself."""
    return f"{LOG}{number}}}"
