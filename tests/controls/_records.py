"""What the controls on files share: a record is one file that holds a checksum, an id, a document and attachments."""

import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sessionproof import Corrupt, InvalidId

PREFIX, SUFFIX = "s-", ".rec"
LONGEST = 100
"""The most bytes of an id that still make a file name."""


@dataclass(slots=True)
class Record:
    """One session. Times are nanoseconds since 1970; `revision` counts the saves."""

    id: str
    document: Any
    created: int
    changed: int
    revision: int = 1
    attachments: dict[str, Any] = field(default_factory=dict[str, Any])

    def encode(self) -> bytes:
        """The bytes of its file."""
        body = json.dumps(asdict(self)).encode("ascii")
        return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body

    @classmethod
    def decode(cls, content: bytes) -> "Record":
        """The inverse of `encode`.

        Raises:
            Corrupt: These bytes were not made by `encode`.
        """
        digest, _, body = content.partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode("ascii") != digest:
            raise Corrupt("the checksum does not fit")
        return cls(**json.loads(body))

    def summary(self) -> dict[str, Any]:
        """What `summaries` says of it."""
        return summary_of(self.id, self.document)


def summary_of(id: str, document: Any) -> dict[str, Any]:
    """What `summaries` says of a session: the messages it counts and the workspace it names, where it has them."""
    count, workspace = None, None
    match document:
        case {"messages": [*messages]}:
            count = len(messages)
        case _:
            pass
    match document:
        case {"workspace": str(named)}:
            workspace = named
        case _:
            pass
    kept = {"id": id, "message_count": count, "workspace": workspace}
    return {**kept, "title": None, "created_at": None, "updated_at": None}


def updated(old: Record | None, id: str, document: Any, now: int) -> Record:
    """The record after a save."""
    if old is None:
        return Record(id, document, now, now)
    return Record(id, document, old.created, now, old.revision + 1, old.attachments)


class Folder:
    """The files of one root: replaced whole or not at all, the owner's alone, links never followed."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            self.root.mkdir(mode=0o700, exist_ok=True)  # another process may have made it meanwhile
            _sync(self.root.parent)
        for left in self.root.glob(".new-*"):
            # A younger one may be of a process that lives.
            with suppress(FileNotFoundError):
                if left.lstat().st_mtime < time.time() - 3600:
                    left.unlink()

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is none.

        Raises:
            Corrupt: The name is a link, a folder or anything else but a file.
        """
        path = self.root / name
        if path.is_symlink():
            raise Corrupt(f"{name} is a link")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            # Where the root has gone, nothing is known of the file.
            self.root.stat()
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Corrupt(f"{name} is no file")
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file."""
        temporary = self.temporary()
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(self.root / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self.sync()

    def temporary(self) -> Path:
        """Where a file is that has not got its name yet."""
        return self.root / f".new-{secrets.token_hex(8)}"

    def remove(self, name: str) -> bool:
        """Remove a file; whether there was one."""
        try:
            (self.root / name).unlink()
        except FileNotFoundError:
            return False
        self.sync()
        return True

    def names(self) -> list[str]:
        """The names of the files that hold sessions."""
        # Not by `glob`, which takes a folder that cannot be listed for an empty one.
        names = [path.name for path in self.root.iterdir()]
        return [name for name in names if name.startswith(PREFIX) and name.endswith(SUFFIX)]

    def sync(self) -> None:
        """Bring the names to the disk."""
        _sync(self.root)

    def usable(self) -> None:
        """Write a file and remove it again.

        Raises:
            OSError: The root cannot be written.
        """
        self.write(".usable", b"")
        self.remove(".usable")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def name_of(id: str) -> str:
    """The file of a session; the id can be read back from it.

    Raises:
        InvalidId: The id is too long for a file name.
    """
    encoded = id.encode("utf-8", "surrogatepass")
    if len(encoded) > LONGEST:
        raise InvalidId(f"ids have at most {LONGEST} bytes")
    return PREFIX + encoded.hex() + SUFFIX


def ids_of(names: list[str]) -> Iterator[str]:
    """The ids of session files; other names are no sessions."""
    for name in names:
        try:
            yield bytes.fromhex(name[len(PREFIX) : -len(SUFFIX)]).decode("utf-8", "surrogatepass")
        except ValueError:
            continue


def nanoseconds(before: str) -> int:
    """An RFC 3339 instant as nanoseconds since 1970."""
    passed = datetime.fromisoformat(before) - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1_000


now = time.time_ns
