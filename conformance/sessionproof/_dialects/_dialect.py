"""What is known of a dialect: how one system lays its sessions on disk, and how that is said in the spec's formats."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sessionproof import _json, _schemas
from sessionproof._dialects._shape import Document

Kind = Literal["snapshot", "session", "log"]
LOG = "log"
"""The role of a part that is a list of records, each valid by itself."""
Tree: TypeAlias = dict[str, Any]
"""The parts of one session by role: the JSON value of each file, such as `session` and `traces`."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of the spec's document that does not come through: where (`*` one step, `**` any), and why."""

    pattern: str
    why: str

    def covers(self, path: str) -> bool:
        """Whether this is what happened at the path."""
        return _regex(self.pattern).fullmatch(path) is not None


def _regex(pattern: str) -> "re.Pattern[str]":
    steps = [
        "(/[^/]*)*" if step == "**" else "/[^/]*" if step == "*" else "/" + re.escape(step) for step in _steps(pattern)
    ]
    return re.compile("".join(steps))


def _steps(pattern: str) -> list[str]:
    return pattern.split("/")[1:]


@dataclass(frozen=True, slots=True)
class Found:
    """A session on disk: how its file or folder is called, without the ending, and where each part of it lies."""

    name: str
    parts: dict[str, Path]


def pretty(role: str, value: Any) -> bytes:  # noqa: ARG001, ANN401 - the signature that every dialect's `encode` has
    """JSON as serde_json's pretty printer lays it out."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def one_value(role: str, text: str) -> _json.JSON:  # noqa: ARG001 - the signature of `decode`
    """The text as one JSON value."""
    return _json.decode(text)


def no_rules(role: str, value: Any) -> Iterable[str]:  # noqa: ARG001, ANN401 - the signature of `rules`
    """Nothing beyond the schema."""
    return ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One system's way to keep sessions."""

    name: str
    kind: Kind | None
    """Which of the spec's formats its documents become; None: any, as they are."""
    schema: Callable[[str, Any], str]
    """The schema of a part by its role and value, as `_schemas.validator` takes it."""
    read: Callable[[Tree], Document]
    """The spec's document of a session whose parts are all valid."""
    write: Callable[[Document], Tree]
    """The parts of a session. What they cannot hold is left out, what they need is made up: see `losses`."""
    losses: tuple[Loss, ...]
    """All that `read(write(document))` may differ in from a document of its kind."""
    find: Callable[[Path], list[Found]]
    """The sessions in a file or folder, of this dialect if of any; none where nothing is called as it calls files."""
    knows: Callable[[str, Any], bool]
    """Whether a part looks like this dialect's rather than another's, valid or not."""
    place: Callable[[str, Document, str, int], str]
    """Where a part lies below the store's root: its role, the document, the session's name and number."""
    reshape: Callable[[list[Document]], list[list[Document]]] | None = None
    """For each message, the messages that it becomes, none where it is left out; their content is not changed.

    Listed among the losses as `/messages` where one becomes several, and as `/messages/*` where it is left out.
    """
    dated: Literal["document", "messages"] | None = None
    """What always has an instant in this dialect, so that one is made up where none is known."""
    encode: Callable[[str, Any], bytes] = field(default=pretty)
    decode: Callable[[str, str], _json.JSON] = field(default=one_value)
    rules: Callable[[str, Any], Iterable[str]] = field(default=no_rules)
    """What is wrong with a part though its schema is met, a sentence each."""

    def problems(self, role: str, value: Any) -> list[str]:  # noqa: ANN401 - any JSON
        """What is wrong with a part, a sentence each; empty where nothing is."""
        items = value if role == LOG else [value]
        faults = [fault for item in items for fault in _schemas.problems(self.schema(role, item), item)]
        return faults or list(self.rules(role, value))


def files(path: Path, pattern: str) -> list[Path]:
    """The file itself, or the files in a folder that match."""
    return [path] if path.is_file() else sorted(file for file in path.glob(pattern) if file.is_file())


def file_name(name: str) -> str:
    """A name as that of one file, wherever it came from."""
    return re.sub("[/\0]", "_", name) or "session"


def singles(role: str, *patterns: str) -> Callable[[Path], list[Found]]:
    """`find` for a dialect that keeps a session in one file."""

    def find(path: Path) -> list[Found]:
        found = [file for pattern in patterns for file in files(path, pattern)]
        return [Found(file.stem, {role: file}) for file in dict.fromkeys(found)]

    return find


def has(*names: str) -> Callable[[str, Any], bool]:
    """`knows` by the names of members."""
    return lambda _, value: isinstance(value, dict) and all(name in value for name in names)
