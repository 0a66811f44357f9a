"""The words of the adapter protocol: calls, outcomes and kinds of error (`spec/adapter-protocol.md`)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias, cast

from sessionproof._json import JSON, Object

VERSION = "1.0"

KINDS_OF_ATTACHMENT = ("artifacts", "trace", "verification")
WRITES = frozenset(
    {"save", "delete", "attach", "prune", "create", "append", "append_events", "compact", "describe", "claim"}
)
"""The operations that change a store."""


class Kind(StrEnum):
    """Why an operation was refused (adapter protocol, Errors)."""

    INVALID_ID = "invalid_id"
    INVALID_DOCUMENT = "invalid_document"
    CORRUPT = "corrupt"
    UNSUPPORTED_VERSION = "unsupported_version"
    CONFLICT = "conflict"
    IO = "io"
    NOT_FOUND = "not_found"
    INTERNAL = "internal"


CODES = {
    Kind.INVALID_ID: -32001,
    Kind.INVALID_DOCUMENT: -32002,
    Kind.CORRUPT: -32003,
    Kind.UNSUPPORTED_VERSION: -32004,
    Kind.CONFLICT: -32005,
    Kind.IO: -32006,
    Kind.NOT_FOUND: -32007,
    Kind.INTERNAL: -32603,
}
METHOD_NOT_FOUND = -32601
_NOT_APPLIED = frozenset({Kind.INVALID_ID, Kind.INVALID_DOCUMENT, Kind.NOT_FOUND, Kind.CONFLICT})


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the store."""

    method: str
    params: Object = field(default_factory=dict[str, "JSON"])

    @property
    def id(self) -> str:
        """The session that the call is about; empty where it is about the whole store."""
        return cast("str", self.params.get("id", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """The operation was carried out; for a write this is the acknowledgement."""

    result: Object


@dataclass(frozen=True, slots=True)
class Refusal:
    """The operation was answered by an error."""

    kind: Kind
    message: str = ""
    errno: str | None = None
    outcome: str | None = None

    @property
    def not_applied(self) -> bool:
        """Whether the error says that nothing was changed."""
        return self.kind in _NOT_APPLIED or self.outcome == "not_applied"


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer: the adapter died (`adapter-crash`) or let its deadline pass (`hang`). The call may have happened."""

    reason: Literal["hang", "adapter-crash"]
    detail: str


Outcome: TypeAlias = Answer | Refusal | Silence


def refusal(error: Object) -> Refusal:
    """The refusal in the `error` member of a response: `data.kind` decides; without it, the code."""
    data = error.get("data")
    details: Object = data if isinstance(data, dict) else {}
    named = details.get("kind")
    by_code = {code: kind for kind, code in CODES.items()}
    code = error.get("code")
    kind = by_code.get(code, Kind.INTERNAL) if isinstance(code, int) else Kind.INTERNAL
    if isinstance(named, str):
        kind = Kind(named) if named in set(Kind) else Kind.INTERNAL
    errno, outcome = details.get("errno"), details.get("outcome")
    return Refusal(
        kind,
        str(error.get("message", "")),
        None if errno is None else str(errno),
        outcome if isinstance(outcome, str) else None,
    )
