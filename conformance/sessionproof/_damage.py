"""What the kit does to the bytes of a closed store: named edits, so that a case can repeat them on other bytes."""

import base64
import hashlib
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from sessionproof._json import JSON, Object

DEEP = 100_000
LONG = 100_000


def apply(edit: Object, content: bytes, canary: Path) -> bytes:
    """The bytes after one edit: `{"edit": name, ...arguments}`. `canary` is the file that hostile code would touch."""
    match edit:
        case {"edit": "cut", "length": int(length)}:
            return content[:length]
        case {"edit": "zero", "from": int(start), "to": int(end)}:
            return content[:start] + bytes(end - start) + content[end:]
        case {"edit": "flip", "byte": int(at), "bit": int(bit)}:
            return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
        case {"edit": "content", "base64": str(text)}:
            return base64.b64decode(text)
        case {"edit": "hostile", "name": str(name)}:
            return HOSTILE[name](content)
        case {"edit": "member", "name": str(name), "value": value}:
            return cast("bytes", _member(content, name, value))
        case {"edit": "line", "line": int(number), "then": {**inner}}:
            lines = content.split(b"\n")
            lines[number] = apply(cast("Object", inner), lines[number], canary)
            return b"\n".join(lines)
        case {"edit": "splice", "from": int(start), "to": int(end), "base64": str(text)}:
            return content[:start] + base64.b64decode(text) + content[end:]
        case {"edit": "code", "name": str(name)}:
            return CODE[name](canary)
        case _:
            raise ValueError(f"no such edit: {edit}")


def _object(content: bytes) -> dict[str, Any] | None:
    """The JSON object that the file holds, if it does."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _before_end(content: bytes, inserted: bytes) -> bytes:
    """The object with one more member, last."""
    at = content.rindex(b"}")
    return content[:at] + (b"," if _object(content) else b"") + inserted + content[at:]


def _before_start(content: bytes, inserted: bytes) -> bytes:
    """The object with one more member, first."""
    at = content.index(b"{") + 1
    return content[:at] + inserted + (b"," if _object(content) else b"") + content[at:]


def _nested(opening: bytes, closing: bytes) -> bytes:
    return opening * DEEP + b"0" + closing * DEEP


def _member(content: bytes, name: str, value: JSON) -> bytes | None:
    document = _object(content)
    if document is None or name not in document:
        return None
    return json.dumps({**document, name: value}, ensure_ascii=False).encode()


def _duplicate(content: bytes) -> bytes:
    document = _object(content) or {}
    name = json.dumps(next(iter(document), "messages")).encode()
    return _before_end(content, name + b':"a second value"')


# Each takes the file's bytes. Those that put something into an object need one; `hostile_names` tells which fit.
HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "deep lists": lambda _: _nested(b"[", b"]"),
    "deep objects": lambda _: _nested(b'{"a":', b"}"),
    "unclosed lists": lambda _: b"[" * DEEP,
    "a list": lambda _: b"[]",
    "an object": lambda _: b"{}",
    "a string": lambda _: b'"text"',
    "a number": lambda _: b"42",
    "null": lambda _: b"null",
    "true": lambda _: b"true",
    "white space": lambda _: b" \n",
    "UTF-16": lambda content: content.decode("utf-8", "replace").encode("utf-16"),
    "a byte-order mark and a list": lambda _: b"\xef\xbb\xbf[]",
    "two documents": lambda content: content + content,
    "text behind the document": lambda content: content + b'"tail"]}',
    "invalid UTF-8": lambda content: content[: len(content) // 2] + b"\xff\xfe\xc3\x28" + content[len(content) // 2 :],
    "a byte-order mark": lambda content: b"\xef\xbb\xbf" + content,
    "a member nested deep": lambda content: _before_start(content, b'"deep":' + _nested(b"[", b"]")),
    "an integer of 100,000 digits": lambda content: _before_start(content, b'"long":' + b"9" * LONG),
    "NaN": lambda content: _before_start(content, b'"number":NaN'),
    "Infinity": lambda content: _before_start(content, b'"number":-Infinity'),
    "a repeated member": _duplicate,
}
# Where the file is a JSON object these are still objects that a lenient reader takes for documents of other content.
_INTO_OBJECTS = {
    "a byte-order mark",
    "a member nested deep",
    "an integer of 100,000 digits",
    "NaN",
    "Infinity",
    "a repeated member",
}


def hostile_names(content: bytes) -> list[str]:
    """The hostile texts that can be made of this file: an empty list is none where the file holds a list."""
    try:
        root: object = json.loads(content)
    except (ValueError, RecursionError):
        root = None
    own = "an object" if isinstance(root, dict) else "a list" if isinstance(root, list) else None
    return [name for name in HOSTILE if name != own and (name not in _INTO_OBJECTS or isinstance(root, dict))]


def wrong_types(content: bytes) -> Iterator[Object]:
    """Edits that give each member of the file's object a value of another type."""
    for name, value in (_object(content) or {}).items():
        for wrong in (None, 7, "text", [7], {"text": 7}):
            if type(wrong) is not type(value):
                yield {"edit": "member", "name": name, "value": cast("JSON", wrong)}


class _Touch:
    """Pickled, it is code that makes a file when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (self.canary, "w")


CODE: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda canary: pickle.dumps(_Touch(canary)),
    "pickle, protocol 0": lambda canary: pickle.dumps(_Touch(canary), protocol=0),
    "YAML tag for Python": lambda canary: f'!!python/object/apply:builtins.open ["{canary}", "w"]\n'.encode(),
    "YAML tag for a shell": lambda canary: f'!!python/object/apply:os.system ["touch {canary}"]\n'.encode(),
    "YAML tag for Ruby": lambda canary: f'--- !ruby/object:Gem::Installer\ni: x\npath: "| touch {canary}"\n'.encode(),
    "JavaScript": lambda canary: f"require('fs').writeFileSync({json.dumps(str(canary))}, '')\n".encode(),
    "JavaScript in JSON": lambda canary: json.dumps(
        {"messages": f"_$$ND_FUNC$$_function(){{require('fs').writeFileSync({json.dumps(str(canary))},'')}}()"}
    ).encode(),
    "Python": lambda canary: f"open({str(canary)!r}, 'w')\n".encode(),
    "shell": lambda canary: f"#!/bin/sh\ntouch '{canary}'\n".encode(),
}


def code_strings(canary: Path) -> list[str]:
    """The same payloads as text that a document may hold."""
    return [payload(canary).decode("latin-1") for payload in CODE.values()] + [
        base64.b64encode(pickle.dumps(_Touch(canary))).decode()
    ]


_TRAILER = re.compile(rb'"checksum":"sha256:[0-9a-f]{64}"\}\}\n\Z')


def reseal(content: bytes) -> bytes:
    """The file of a claimed format with its checksum made right again (spec/formats.md, the file of a session)."""
    found = _TRAILER.search(content)
    if found is None:
        return content
    return (
        content[: found.start()]
        + b'"checksum":"sha256:'
        + hashlib.sha256(content[: found.start()]).hexdigest().encode()
        + b'"}}\n'
    )
