"""The requirement catalogue (`spec/requirements.toml`), and whether a requirement applies to a store."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sessionproof import _data
from sessionproof._statement import Statement

Level = Literal["MUST", "SHOULD", "REPORT"]
GroupLevel = Literal["R", "H", "A", "D", "C"]
NOT_ON_DISK = "no save was seen to change a file under the root"
LEVELS: tuple[GroupLevel, ...] = ("R", "H", "A", "D", "C")


@dataclass(frozen=True, slots=True)
class Group:
    """A family of requirements, and the conformance level that it belongs to."""

    id: str
    title: str
    description: str
    level: GroupLevel | None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of the catalogue; `claims` are the conditions on the statement and on what the kit has seen."""

    id: str
    level: Level
    title: str
    statement: str
    rationale: str
    since: str
    operations: tuple[frozenset[str], ...]
    notes: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def group(self) -> str:
        """The id of its group."""
        return self.id.partition("-")[0]

    def not_applicable(self, statement: Statement, *, on_disk: bool) -> str | None:
        """Why the requirement does not apply to the store, as a sentence; None where it does.

        What shows only while a probe runs (`revisions`, `per_session_files`, `append_bytes`) is left to the probe.
        """
        if not any(needed <= statement.operations for needed in self.operations):
            lacking = [needed - statement.operations for needed in self.operations]
            nearest = {names for names in lacking if len(names) == min(map(len, lacking))}
            wanted = sorted(" and ".join(f"`{name}`" for name in sorted(names)) for names in nearest)
            return f"the statement does not list {' or '.join(wanted)}"
        for claim, wanted in self.claims.items():
            reason = _unclaimed(claim, wanted, statement, on_disk=on_disk)
            if reason is not None:
                return reason
        return None


def _unclaimed(claim: str, wanted: Any, statement: Statement, *, on_disk: bool) -> str | None:  # noqa: ANN401 - a TOML value
    match claim:
        case "durability" | "concurrency":
            claimed = getattr(statement, claim)
            return None if claimed in wanted else f"the statement claims {claim}: {claimed}"
        case "ids":
            return None if statement.ids_kind in wanted else f"the statement claims ids: {statement.ids_kind}"
        case "format":
            return None if statement.format is not None else "no on-disk format is claimed"
        case "secrets":
            return None if statement.secrets else "no secrets are declared"
        case "cost":
            return None if statement.cost else "no cost is declared"
        case "concurrent":
            return None if statement.concurrent else f"the statement claims concurrency: {statement.concurrency}"
        case "on_disk":
            return None if on_disk else NOT_ON_DISK
        case _:
            return None


@functools.cache
def catalogue() -> Mapping[str, Requirement]:
    """Every requirement by id, in the catalogue's order."""
    entries = _data.toml_file("spec", "requirements.toml")["requirement"]
    return {
        entry["id"]: Requirement(
            id=entry["id"],
            level=entry.get("level", "REPORT"),
            title=entry["title"],
            statement=entry["statement"].strip(),
            rationale=entry["rationale"].strip(),
            since=entry["since"],
            operations=tuple(frozenset(needed) for needed in entry["operations"]),
            notes=entry.get("notes", "").strip(),
            claims=entry.get("claims", {}),
        )
        for entry in entries
    }


@functools.cache
def groups() -> Mapping[str, Group]:
    """Every group by id, in the catalogue's order."""
    entries = _data.toml_file("spec", "requirements.toml")["group"]
    return {
        entry["id"]: Group(entry["id"], entry["title"], entry["description"].strip(), entry.get("level"))
        for entry in entries
    }


class UnknownRequirement(ValueError):  # noqa: N818 - reads as what is wrong
    """No requirement or group has this id."""


def selected(words: tuple[str, ...]) -> frozenset[str]:
    """The requirements that ids (`STO-2`) and groups (`STO`) name; all of them where nothing is named.

    Raises:
        UnknownRequirement: A word names neither.
    """
    chosen: set[str] = set()
    for word in words:
        wanted = word.strip().upper()
        found = {id for id, requirement in catalogue().items() if wanted in {id, requirement.group}}
        if not found:
            raise UnknownRequirement(
                f"{word!r} is neither a requirement nor a group; `sessionproof list` shows them all"
            )
        chosen |= found
    return frozenset(chosen or catalogue())
