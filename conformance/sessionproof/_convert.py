"""`sessionproof convert`: sessions of one system as sessions of another, through the spec's formats.

What is lost is not taken from a list: the target is read back, and every difference is named. The lists in `_dialects`
only say why, and the tests that nothing else is ever lost.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sessionproof import _validate
from sessionproof._dialects import Dialect, Document, Found, Tree
from sessionproof._dialects._differences import Difference, difference, differences
from sessionproof._dialects._moves import dated, kind_of, losses_between, moved, ranked
from sessionproof._sources import NotRead, decoded, detected, sessions


class NotConverted(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The target cannot be written. The message says why."""


class WouldDiffer(NotConverted):
    """Something would be lost or made up, and that was not wanted."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A session on its way: what it is called, its document in the spec's formats, and its parts in the target."""

    name: str
    document: Document
    tree: Tree
    differences: tuple[Difference, ...]


def carried(document: Document, name: str, target: Dialect, now: str | None) -> Carried:
    """The session in the target's dialect, with all that differs once the target is read back.

    `now` stands in where the target needs an instant and none is known; None: the document was read from the target's
    own dialect and needs nothing.
    """
    kind = kind_of(document)
    shifted = moved(document, target.kind, name)
    ready = shifted if now is None else dated(shifted, target, now)
    tree = target.write(ready)
    shaped, found = _reshaped(shifted, target)
    found += differences(shaped, target.read(tree), target.losses)
    if kind_of(shifted) != kind:
        again = moved(shifted, kind, name)
        found = [*differences(ranked(document), ranked(again), losses_between(kind, target.kind)), *found]
    return Carried(name, ready, tree, tuple(found))


def _reshaped(document: Document, target: Dialect) -> tuple[Document, list[Difference]]:
    """The document with its messages cut as the target needs them, so that the rest can be compared one by one."""
    if target.reshape is None:
        return document, []
    split = target.reshape(document["messages"])
    found = [difference("lost", document, "/messages/*", target.losses) for messages in split if not messages]
    found += [difference("changed", document, "/messages", target.losses) for messages in split if len(messages) > 1]
    return {**document, "messages": [message for messages in split for message in messages]}, found


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    source: Path
    target: Path
    to: Dialect
    origin: Dialect | None = None
    """None: what the source looks like."""
    id: str | None = None
    """The id of a session that has none of its own."""
    strict: bool = False
    """Write nothing where anything would differ."""


def convert(request: Request) -> list[str]:
    """Carry every session of the source over, and say in lines what became of them.

    The source is only read. The target gets its name when it is complete and on the disk, or not at all.

    Raises:
        NotRead: The source is not as it has to be.
        NotConverted: The target is not, or would not be valid.
        WouldDiffer: `strict` is set, and the target would differ.
    """
    source, target, to = request.source, request.target, request.to
    if target.exists() or target.is_symlink():
        raise NotConverted(f"{target} exists; a conversion never changes what is there. Name a new file or folder")
    if source.is_dir() and source.resolve() in target.resolve().parents:
        raise NotConverted(f"{target} lies in {source}; a conversion never changes its source. Name a place outside")
    origin = request.origin or detected(source)
    now = None if origin is to else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = sessions(source, origin)
    if request.id is not None and len(found) > 1:
        raise NotConverted(f"{source} holds {len(found)} sessions; --id can name only one")
    try:
        converted = [
            carried(read(session, origin, request.id), request.id or session.name, to, now) for session in found
        ]
    except RecursionError as error:
        raise NotRead(f"{source} is nested deeper than can be converted") from error
    lines = _summary(converted)
    if request.strict and lines:
        raise WouldDiffer("\n".join(["nothing is written, because --strict is given and this would differ:", *lines]))
    _write(target, _files(converted, to))
    return [f"{target}: {len(converted)} session{'s' * (len(converted) != 1)} from {origin.name} to {to.name}", *lines]


def read(session: Found, dialect: Dialect, id: str | None = None) -> Document:
    """The session as a document of the spec.

    Raises:
        NotRead: A part of it cannot be read, or is not valid.
    """
    tree: Tree = {}
    for role, part in session.parts.items():
        tree[role] = decoded(part, role, dialect)
        problems = dialect.problems(role, tree[role]) if dialect.name != "sessionproof" else _own_problems(part)
        if problems:
            raise NotRead(f"{part} is not valid by {dialect.name}: {problems[0]}")
    document = dialect.read(tree)
    return document if id is None or kind_of(document) != "snapshot" else {**document, "id": id}


def _own_problems(part: Path) -> list[str]:
    place = part if part.suffix == ".jsonl" or not part.stem.startswith(("meta", "step-")) else part.parent
    return [str(finding) for finding in _validate.validate(place) if not finding.valid]


def _summary(converted: Iterable[Carried]) -> list[str]:
    counts = Counter(difference for session in converted for difference in session.differences)
    return [
        f"{difference.what:8} {count:3} x {difference.path.lstrip('/')}: "
        + (difference.why or "nothing says why; this is a fault of the kit, please report it")
        for difference, count in sorted(counts.items(), key=lambda item: (item[0].path, item[0].what))
    ]


def _files(converted: list[Carried], to: Dialect) -> dict[str, bytes]:
    written: dict[str, bytes] = {}
    for number, session in enumerate(converted, start=1):
        for role, value in session.tree.items():
            place = to.place(role, session.document, session.name, number)
            problems = to.problems(role, value)
            if problems:
                raise NotConverted(f"{place} would not be valid by {to.name}: {problems[0]}. Does `extensions` fit?")
            if "\0" in place:
                raise NotConverted(
                    f"{to.name} names a file after the id {session.document['id']!r}, and none may be so"
                )
            if place in written:
                raise NotConverted(f"two sessions would lie in {place}; convert them one at a time")
            written[place] = to.encode(role, value)
    return written


def _write(target: Path, written: dict[str, bytes]) -> None:
    """A file where the target is named like one and one is all there is, else a folder; complete, or not at all."""
    parent = target.absolute().parent
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name[:50]}.", dir=parent))
    try:
        for place, content in written.items():
            _write_file(beside / place, content)
        for folder, _, _ in os.walk(beside, topdown=False):
            _sync(Path(folder))
        is_file = len(written) == 1 and target.suffix in {".json", ".jsonl"}
        if is_file:
            os.link(beside / next(iter(written)), target)
        else:
            beside.rename(target)
        _sync(parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
