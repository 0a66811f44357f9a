"""What is wrong with the bytes of one document or record, by the rules of spec/formats.md on how it lies on disk."""

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from sessionproof import _json, _schemas
from sessionproof._json import JSON, Object

DOCUMENTS = ("snapshot", "session", "step")

_ENDING = re.compile(rb'"checksum":"sha256:([0-9a-f]{64})"\}\}\n\Z')
_PLACE = re.compile(r"(?: at)?: line ([0-9]+) (column [0-9]+) \(char [0-9]+\)")


class Fault(NamedTuple):
    """One thing that is wrong: the rule it breaks, in words, and the line within the bytes where it is known."""

    rule: str
    what: str
    line: int | None = None


def read(content: bytes, *, on_disk: bool = True) -> tuple[Object | None, list[Fault]]:
    """The document in the bytes of a file or record, None where there is none, and what is wrong.

    A document that is not said to be on disk may hold a secret, as one that is handed to save may.
    """
    try:
        value = _decoded(content)
    except _NoDocument as error:
        return None, [error.fault]
    faults: list[Fault] = []
    if any(_json.has_lone_surrogate(string) for string in _json.strings(value)):
        faults.append(Fault("F-DSK-3", "holds a lone surrogate"))
    if not isinstance(value, dict):
        return None, [*faults, Fault("F-DSK-4", "no object")]
    judged, llm = value, value.get("llm")
    if (on_disk or "store" in value) and isinstance(llm, dict) and "api_key" in llm:
        faults.append(Fault("F-DSK-6", "llm.api_key: a secret is on disk"))
        judged = {**value, "llm": {name: member for name, member in llm.items() if name != "api_key"}}
    return value, [*faults, *_by_schema(judged), *_checksum(value, content)]


class _NoDocument(ValueError):  # noqa: N818 - never leaves this module
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


def _decoded(content: bytes) -> JSON:
    if not content:
        raise _NoDocument(Fault("F-DSK-2", "empty"))
    if b"\0" in content:
        at = content.index(b"\0")
        raise _NoDocument(Fault("F-DSK-2", f"a zero byte at byte {at}", content[:at].count(b"\n") + 1))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _NoDocument(Fault("F-DSK-2", f"no UTF-8 at byte {error.start}", line)) from error
    if text.startswith("\ufeff"):
        raise _NoDocument(Fault("F-DSK-2", "starts with a byte-order mark", 1))
    try:
        return _json.decode(text)
    except _json.NotJson as error:
        found = _PLACE.search(str(error))
        rule = "F-DSK-3" if "stands twice" in str(error) or "is no JSON number" in str(error) else "F-DSK-2"
        what = _PLACE.sub(r" at \2", str(error))
        raise _NoDocument(Fault(rule, what, int(found[1]) if found else None)) from error


def _by_schema(value: Object) -> Iterator[Fault]:
    name = value.get("format")
    if name not in DOCUMENTS:
        known = " or ".join(DOCUMENTS)
        yield Fault("F-DSK-4", f"format: {_json.encode(name)} is no format that this kit knows ({known})")
        return
    for sentence in _schemas.problems(str(name), value):
        yield Fault("F-DSK-4", sentence)


def _checksum(value: Object, content: bytes) -> Iterator[Fault]:
    store = value.get("store")
    if not isinstance(store, dict) or "checksum" not in store:
        return
    found = _ENDING.search(content)
    if found is None or list(value)[-1] != "store":
        yield Fault("F-DSK-5", "does not end with the checksum as the last member of `store`, the last member")
    elif hashlib.sha256(content[: found.start()]).hexdigest().encode() != found[1]:
        yield Fault("F-DSK-5", "the checksum is not that of the bytes before it")
