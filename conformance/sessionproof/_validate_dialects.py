"""`sessionproof validate --dialect`: files of other systems against the schemas of what they write."""

from collections.abc import Iterator
from pathlib import Path

from sessionproof import _validate
from sessionproof._dialects import DIALECTS, Dialect
from sessionproof._sources import NotRead, decoded, detected, sessions
from sessionproof._validate import Finding

OWN = "sessionproof"


def validate(path: Path, name: str | None) -> Iterator[Finding]:
    """The findings on the sessions of a dialect in a file or folder; the spec's formats where no other is recognised.

    Raises:
        NotThere: There is no such file or folder, or nothing in it to validate.
        NotRead: There is no session of the dialect that was asked for.
    """
    dialect = _recognised(path) if name is None else DIALECTS[name]
    if dialect.name == OWN:
        yield from _validate.validate(path)
        return
    for session in sessions(path, dialect):
        for role, part in session.parts.items():
            yield from _findings(part, role, dialect)


def _recognised(path: Path) -> Dialect:
    try:
        return detected(path)
    except NotRead:
        return DIALECTS[OWN]


def _findings(part: Path, role: str, dialect: Dialect) -> list[Finding]:
    try:
        problems = dialect.problems(role, decoded(part, role, dialect))
    except NotRead as error:
        return [Finding(part, dialect.name, str(error).removeprefix(f"{part} "))]
    return [Finding(part, dialect.name, problem) for problem in problems] or [Finding(part, what=dialect.name)]
