"""The conformance statement: what an implementation says of itself (`spec/adapter-protocol.md`, initialize)."""

import functools
import re
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from sessionproof import _data, _ecma_regex, _schemas
from sessionproof._json import JSON, Object

Durability = Literal["none", "close", "process-crash", "power-loss"]
Concurrency = Literal["single", "multi-thread", "multi-process"]


class StatementError(ValueError):
    """The answer to `initialize` is no conformance statement. The message says what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an implementation says of itself; every member as the protocol names it."""

    implementation: dict[str, str]
    operations: frozenset[str]
    fidelity: str | dict[str, Any]
    format: dict[str, str] | None
    durability: Durability
    concurrency: Concurrency
    ids: str | dict[str, str]
    missing: Literal["absent", "fresh"] = "absent"
    pipelined: bool = False
    secrets: tuple[str, ...] = ()
    ordered: bool = True
    prune: Literal["instant", "days"] = "instant"
    cost: dict[str, str] = field(default_factory=dict[str, str])
    raw: Object = field(default_factory=dict[str, JSON])

    @classmethod
    def parse(cls, value: JSON) -> "Statement":
        """Read the result of `initialize`.

        Raises:
            StatementError: It does not fit the protocol.
        """
        problems = _schemas.problems("adapter-protocol.schema.json#/$defs/statement", value)
        if problems:
            raise StatementError("; ".join(problems[:3]))
        raw = cast("dict[str, Any]", value)
        statement = cls(
            implementation=raw["implementation"],
            operations=frozenset(raw["operations"]),
            fidelity=raw["fidelity"],
            format=raw["format"],
            durability=raw["durability"],
            concurrency=raw["concurrency"],
            ids=raw["ids"],
            missing=raw.get("missing", "absent"),
            pipelined=raw.get("pipelined", False),
            secrets=tuple(raw.get("secrets", ())),
            ordered=raw.get("ordered", True),
            prune=raw.get("prune", "instant"),
            cost=raw.get("cost", {}),
            raw=cast("Object", value),
        )
        if isinstance(statement.ids, dict):
            try:
                whole(statement.ids["pattern"])
            except ValueError as error:
                raise StatementError(
                    f"`ids.pattern` is no regular expression that the kit can read: {error}"
                ) from error
        return statement

    @property
    def format_name(self) -> str | None:
        """The claimed format, or None."""
        return None if self.format is None else self.format["name"]

    @property
    def ids_kind(self) -> str:
        """`any`, `uuid`, `store`, `single` or `pattern`."""
        return "pattern" if isinstance(self.ids, dict) else self.ids

    @property
    def concurrent(self) -> bool:
        """Whether several callers may use one root in a way that the kit can drive."""
        return self.concurrency == "multi-process" or (self.concurrency == "multi-thread" and self.pipelined)

    @property
    def keeps(self) -> tuple[bool, ...]:
        """What sessions the store has: documents that are saved (False), logs that are appended to (True)."""
        return tuple(logs for logs, write in ((False, "save"), (True, "append")) if write in self.operations)

    def promises(self, id: str) -> bool:
        """Whether the claimed `ids` promise that this id is accepted."""
        if isinstance(self.ids, dict):
            return whole(self.ids["pattern"]).fullmatch(id) is not None
        patterns = {"any": r"[A-Za-z0-9_-]{1,64}", "single": "session", "uuid": _UUID, "store": r"(?!)"}
        return re.fullmatch(patterns[self.ids], id) is not None


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@functools.cache
def whole(pattern: str) -> re.Pattern[str]:
    """An ECMA-262 pattern that is to match a whole id, as Python's.

    Raises:
        ValueError: Python cannot read it.
    """
    try:
        return re.compile(_ecma_regex.to_python(pattern))
    except re.error as error:
        raise ValueError(str(error)) from error


def methods() -> frozenset[str]:
    """Every operation that a statement may list."""
    definitions = _data.json_file("schemas", "adapter-protocol.schema.json")["$defs"]
    names = {name.removeprefix("params.") for name in definitions if name.startswith("params.")}
    return frozenset(names - {"initialize", "open", "close"})
