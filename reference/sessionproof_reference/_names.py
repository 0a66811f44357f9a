"""From ids to file names and back.

A name is safe on every file system: it is ASCII, has no upper case to fold, ends in neither a dot nor a space, and is
no device of Windows. Two ids never share one.
"""

import hashlib
from urllib.parse import unquote_to_bytes

from sessionproof_reference._errors import InvalidId

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
# File systems end at 255 bytes; the rest is for the prefix and for what `_folder` puts behind a name.
_LONGEST = 200


def file_name(session_id: str) -> str:
    """The name of the session's file: the id percent-encoded, or its SHA-256 where that would be too long.

    Raises:
        InvalidId: The id cannot be written as UTF-8.
    """
    try:
        raw = session_id.encode()
    except UnicodeEncodeError as error:
        raise InvalidId(f"the id holds a lone surrogate at character {error.start}, which no file can hold") from error
    encoded = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in raw[: _LONGEST + 1])
    if len(encoded) <= _LONGEST:
        return f"id-{encoded}.json"
    return f"sha256-{hashlib.sha256(raw).hexdigest()}.json"


def id_in(name: str) -> str | None:
    """The id that the name spells; None for a name by SHA-256 and for one that `file_name` never gives."""
    try:
        session_id = unquote_to_bytes(name.removeprefix("id-").removesuffix(".json")).decode()
        return session_id if file_name(session_id) == name else None
    except UnicodeError:
        return None


def is_hashed(name: str) -> bool:
    """Whether the id is too long for its name, so that only the file can tell it."""
    return name.startswith("sha256-") and name.endswith(".json")
