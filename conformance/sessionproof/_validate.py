"""`sessionproof validate`: documents and store folders against the formats, each finding with its place and rule."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sessionproof import _json, _schemas
from sessionproof._json import JSON

_DOCUMENTS = ("snapshot", "session")
_ENDING = re.compile(rb'"checksum":"sha256:([0-9a-f]{64})"\}\}\n\Z')


class NotThere(ValueError):  # noqa: N818 - reads as what is wrong
    """A path that does not exist."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one file: `rule` and `what` are empty where it is valid."""

    path: Path
    rule: str = ""
    what: str = ""
    line: int | None = None

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.rule

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: valid" if self.valid else f"{place}: {self.rule}: {self.what}"


def validate(path: Path) -> Iterator[Finding]:
    """The findings on one document, or on every `*.json` file of a store's folder: there, no secret may be in any.

    Raises:
        NotThere: There is neither.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.json") if file.is_file())
        if not files:
            raise NotThere(f"{path} holds no file whose name ends in .json; is it a store that claims a format?")
        for file in files:
            yield from _file(file, on_disk=True)
    elif path.is_file():
        yield from _file(path, on_disk=False)
    else:
        raise NotThere(f"{path}: no such file or folder")


def _file(path: Path, *, on_disk: bool) -> Iterator[Finding]:
    findings = list(problems(path.read_bytes(), on_disk=on_disk))
    for rule, what, line in findings:
        yield Finding(path, rule, what, line)
    if not findings:
        yield Finding(path)


def problems(content: bytes, *, on_disk: bool = True) -> Iterator[tuple[str, str, int | None]]:
    """What is wrong with the bytes of a session's file: rule of spec/formats.md, text, line where it is known.

    A document that is not said to be on disk may hold a secret, as one that is handed to save may.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield "F-DSK-2", f"no UTF-8 at byte {error.start}", content[: error.start].count(b"\n") + 1
        return
    if text.startswith("\ufeff"):
        yield "F-DSK-2", "starts with a byte-order mark", 1
        return
    try:
        value = _json.decode(text)
    except _json.NotJson as error:
        found = re.search(r"line ([0-9]+)", str(error))
        rule = "F-DSK-3" if "stands twice" in str(error) or "is no JSON number" in str(error) else "F-DSK-2"
        yield rule, str(error), int(found[1]) if found else None
        return
    if any(_json.has_lone_surrogate(string) for string in _json.strings(value)):
        yield "F-DSK-3", "holds a lone surrogate", None
    if not isinstance(value, dict):
        yield "F-DSK-4", "no object", None
        return
    llm = value.get("llm")
    if (on_disk or "store" in value) and isinstance(llm, dict) and "api_key" in llm:
        yield "F-DSK-6", "llm.api_key: a secret is on disk", None
        value = {**value, "llm": {name: member for name, member in llm.items() if name != "api_key"}}
    yield from _by_schema(value)
    yield from _checksum(value, content)


def _by_schema(value: dict[str, JSON]) -> Iterator[tuple[str, str, int | None]]:
    name = value.get("format")
    if name not in _DOCUMENTS:
        known = " or ".join(_DOCUMENTS)
        yield "F-DSK-4", f"format: {_json.encode(name)} is no format that this kit knows ({known})", None
        return
    for sentence in _schemas.problems(str(name), value):
        yield "F-DSK-4", sentence, None


def _checksum(value: dict[str, JSON], content: bytes) -> Iterator[tuple[str, str, int | None]]:
    store = value.get("store")
    if not isinstance(store, dict) or "checksum" not in store:
        return
    found = _ENDING.search(content)
    if found is None or list(value)[-1] != "store":
        yield "F-DSK-5", "the file does not end with the checksum as the last member of `store`, the last member", None
    elif hashlib.sha256(content[: found.start()]).hexdigest().encode() != found[1]:
        yield "F-DSK-5", "the checksum is not that of the bytes before it", None
