"""Sessions of any dialect on disk: which dialect they are of, where they lie, and what their files hold."""

import contextlib
from pathlib import Path
from typing import Any

from sessionproof import _json
from sessionproof._dialects import DIALECTS, Dialect, Found

_SAMPLE = 8


class NotRead(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """There is no such session, or its files cannot be read. The message says why."""


def detected(path: Path) -> Dialect:
    """The dialect that the sessions in a file or folder look like.

    Raises:
        NotRead: There is nothing, or it looks like none of them or several.
    """
    if not path.exists():
        raise NotRead(f"{path}: no such file or folder")
    likely = [dialect for dialect in DIALECTS.values() if _looks_like(path, dialect)]
    if len(likely) != 1:
        looks = " and ".join(dialect.name for dialect in likely) or "no dialect that is known"
        raise NotRead(f"{path} looks like {looks}; name one of {', '.join(DIALECTS)}")
    return likely[0]


def _looks_like(path: Path, dialect: Dialect) -> bool:
    """By the first part of the first sessions that can be read at all; others are for `validate` to name."""
    known: list[bool] = []
    for session in dialect.find(path):
        if len(known) == _SAMPLE:
            break
        role, part = next(iter(session.parts.items()))
        with contextlib.suppress(NotRead):
            known.append(dialect.knows(role, decoded(part, role, dialect)))
    return bool(known) and all(known)


def sessions(path: Path, dialect: Dialect) -> list[Found]:
    """The sessions of the dialect in a file or folder.

    Raises:
        NotRead: There are none.
    """
    if not path.exists():
        raise NotRead(f"{path}: no such file or folder")
    found = dialect.find(path)
    if not found:
        raise NotRead(f"{path} holds no session of {dialect.name}; spec/dialects says where its files lie")
    return found


def decoded(part: Path, role: str, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON
    try:
        return dialect.decode(role, part.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise NotRead(f"{part} is no UTF-8: {error.reason} at byte {error.start}") from error
    except _json.NotJson as error:
        raise NotRead(f"{part} is no JSON: {error}") from error
