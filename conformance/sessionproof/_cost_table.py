"""The costs of a report as a table of texts, for whoever shows it."""

from collections.abc import Mapping
from typing import Any

HEAD = ("operation", "calls", "fsyncs", "written", "a byte", "read", "opened", "grows with")
LEGEND = (
    "Means of one call, on sessions of 4,000 characters: system calls on files of the store, bytes written, the same "
    "for each byte that was given, bytes read, files opened, and what of it grows when sessions are larger "
    "(characters), more (sessions) or written to more often (writes)."
)
_COLUMNS = ("system_calls", "fsyncs", "bytes_written", "bytes_written_per_byte", "bytes_read", "files_opened")


def rows(costs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each operation, with as many cells as `HEAD`; the store as a whole is left out."""
    return [
        (name, *(_number(cost.get(column)) for column in _COLUMNS), _growth(cost.get("growth", {})))
        for name, cost in costs.items()
        if "system_calls" in cost
    ]


def on_disk(costs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence on each kind of store."""
    told = [(name, cost.get("bytes_on_disk_per_byte")) for name, cost in costs.items()]
    return [
        f"Bytes on disk for each byte given, {name}: {_number(ratio)}." for name, ratio in told if ratio is not None
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def _growth(growth: Mapping[str, Mapping[str, str]]) -> str:
    return "; ".join(
        f"{what}: "
        + ", ".join(name.replace("_", " ") + ("" if word == "linear" else f" ({word})") for name, word in found.items())
        for what, found in growth.items()
    )
