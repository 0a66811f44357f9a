r"""The file of one session: the document, its attachments, and behind them what the store says of it.

    {...document..., "attachments": {...}, "store": {"id": ..., "revision": ..., "created_at": ..., "saved_at": ...,
    "checksum": "sha256:<64 hex digits>"}}\n

The digits are the SHA-256 of all bytes before `"checksum":`. `created_at` and `saved_at` are the instants of the first
and of the last save. They are in the file, and not taken from its times, so that they survive a copy and are covered
by the checksum.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from sessionproof.formats import Format, is_valid, problems
from sessionproof_reference._errors import Corrupt, InvalidDocument, UnsupportedVersion

Document: TypeAlias = dict[str, Any]

# Nesting of lists and objects in a file, the outermost counted. Common readers of JSON stop at 128.
DEEPEST = 100

_KEY = b'"checksum":'
_DIGEST = b'"sha256:'
_ENDING = len(_KEY) + len(_DIGEST) + 64 + len(b'"}}\n')
_ID = b'"store":{"id":'
_SURROGATE = re.compile(rb"\\u[Dd][89A-Fa-f]")
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Record:
    """What one file holds. A file by another writer may lack what the store adds: then it is None."""

    document: Document
    attachments: dict[str, list[Document]] = field(default_factory=dict[str, list[Document]])
    revision: str | None = None
    created_at: str | None = None
    saved_at: str | None = None


def validate(document: Document, format_name: Format) -> None:
    """Refuse what the format's schema refuses.

    Raises:
        InvalidDocument: Says what is wrong, at most three findings.
    """
    try:
        found = problems(format_name, document)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDocument(f"this is no JSON that can be checked: {error}") from error
    if found:
        raise InvalidDocument(f"this is no {format_name}: {'; '.join(found[:3])}")


def encode(record: Record, session_id: str) -> bytes:
    """The file's bytes. What cannot be read back is not written.

    Raises:
        InvalidDocument: NaN, an infinity, a lone surrogate, a value that JSON lacks, too many digits, too deep.
    """
    stamps = {"revision": record.revision, "created_at": record.created_at, "saved_at": record.saved_at}
    store = {"id": session_id, **{name: text for name, text in stamps.items() if text is not None}}
    attachments = {"attachments": record.attachments} if record.attachments else {}
    return seal({**record.document, **attachments}, store)


def seal(document: Document, store: Document) -> bytes:
    """The bytes of a document, and behind it what the store says of it and the checksum; one line.

    Raises:
        InvalidDocument: As for `encode`.
    """
    file = {**document, "store": store}
    try:
        text = json.dumps(file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        data = _sealed(text.removesuffix("}}").encode() + b",")
        read_back = parse(data)
    except (Corrupt, TypeError, ValueError, RecursionError) as error:
        raise InvalidDocument(f"this cannot be kept as JSON: {error}") from error
    del read_back["store"]["checksum"]
    if read_back != file:
        raise InvalidDocument("this would come back changed: member names have to be strings, and lists lists")
    return data


def decode(data: bytes, format_name: Format, session_id: str) -> Record:
    """What the file of this session holds.

    Raises:
        Corrupt: The bytes are not those of a file of the format under this id.
        UnsupportedVersion: They are whole, and of a newer major version.
    """
    file = parse(data)
    refuse_newer(file)
    # With a `store`, the schema asks of it what it asks of a file: no secret. A checksum that holds vouches for what
    # was validated when it was written: to do so again would be most of the cost of a load.
    if not _is_sealed(file, format_name) and not is_valid(format_name, {"store": {}, **file}):
        raise Corrupt(f"the file is no {format_name}; `sessionproof validate` says why")
    store = file.pop("store", {})
    if {store.get("id", session_id), file.get("id", session_id)} != {session_id}:
        raise Corrupt("the file is of another session; it was copied or renamed")
    attachments = file.pop("attachments", {})
    stamps = [store.get(name) for name in ("revision", "created_at", "saved_at")]
    return Record(file, attachments, *(stamp if isinstance(stamp, str) else None for stamp in stamps))


def _is_sealed(file: Document, format_name: Format) -> bool:
    """Whether the file, whose checksum holds if it has one, is as a writer of this format seals it."""
    store, messages = file.get("store"), file.get("messages")
    return (
        isinstance(store, dict)
        and "checksum" in store
        and isinstance(messages, list)
        and file.get("format") == format_name
    )


def refuse_newer(file: Document) -> None:
    """Tell a file of a newer version from a damaged one.

    Raises:
        UnsupportedVersion: It is of a newer major version.
    """
    version = file.get("version")
    if isinstance(version, str) and (match := _VERSION.fullmatch(version)) and match[1] not in {"0", "1"}:
        raise UnsupportedVersion(f"the file is of version {version[:20]}, this store reads 1; use a newer one")


def id_at_end(tail: bytes) -> str | None:
    """The id in the last bytes of a file by `encode`; None where they do not reach back to it, or are damaged."""
    at = tail.rfind(_ID)
    if at < 0:
        return None
    try:
        value: object = json.JSONDecoder().raw_decode(tail[at + len(_ID) :].decode())[0]
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _sealed(content: bytes) -> bytes:
    return content + _KEY + _DIGEST + hashlib.sha256(content).hexdigest().encode() + b'"}}\n'


def parse(data: bytes) -> Document:
    """The JSON object in the bytes, with a checksum that holds where there is one.

    Raises:
        Corrupt: The bytes are no such object: what another reader might read otherwise included.
    """
    try:
        value: object = _DECODER.decode(data.decode())
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
        # A bound first: to count brackets is quicker than to walk.
        depth = _depth(value) if data.count(b"[") + data.count(b"{") > DEEPEST else 0
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"the file is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise Corrupt("the file holds no JSON object")
    file = cast("Document", value)
    if depth > DEEPEST:
        raise Corrupt(f"the file is nested deeper than {DEEPEST} levels")
    if _has_checksum(data, file.get("store")) and data != _sealed(data[:-_ENDING]):
        raise Corrupt("the file is not as it was written: its checksum does not hold")
    return file


def _has_checksum(data: bytes, store: object) -> bool:
    """Whether the file has or had a checksum: damage to the member's own name must not switch the check off."""
    ending = data[-_ENDING:]
    named = isinstance(store, dict) and "checksum" in store
    return named or ending.startswith(_KEY) or ending.startswith(_DIGEST, len(_KEY))


def _members(pairs: list[tuple[str, Any]]) -> Document:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is beyond a double")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Strict where Python is lenient: it would take NaN, numbers past a double, and the last of two members of one name.
_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_no_constant)


def _depth(value: object) -> int:
    """Without recursion, which the stack would end before the limit that is looked for."""
    depth, level = 0, [value]
    while level := [child for item in level for child in _children(item)]:
        depth += 1
    return depth


def _children(value: object) -> Iterable[object]:
    """What lies in a list or an object; the empty ones count as nesting too."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values() or [None]
    return cast("list[object]", value) or [None] if isinstance(value, list) else []
