"""What the small stores of documents and of logs share: a folder, a file for each session, sealed and strict JSON."""

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

from sessionproof import Adapter, Corrupt, InvalidId, StoreError

# Inside the classes `list` is the operation.
Items: TypeAlias = list[Any]
Document: TypeAlias = dict[str, Any]

DEEPEST = 100
LONGEST_ID = 100
_ENDING = len(b'"checksum":"sha256:"}}\n') + 64


def sealed(content: bytes) -> bytes:
    """The file that begins with these bytes."""
    return content + b'"checksum":"sha256:' + hashlib.sha256(content).hexdigest().encode() + b'"}}\n'


def is_sealed(data: bytes) -> bool:
    """Whether the checksum at the end holds."""
    return data == sealed(data[:-_ENDING])


def unrepeated(pairs: list[tuple[str, Any]]) -> Document:
    """The object of these members.

    Raises:
        ValueError: One stands twice.
    """
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def refused(constant: str) -> float:
    """What JSON readers of Python take for a number.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{constant} is no JSON")


def depth(value: Any) -> int:
    """How deep lists and objects are nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth, cast("Document", value).values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, cast("tuple[Any, ...]", value)), default=0)
    return 0


def nanoseconds(instant: str) -> int:
    """The time since 1970 of an instant in RFC 3339, to the microsecond."""
    return (datetime.fromisoformat(instant) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def token() -> str:
    """What nobody else draws. `secrets` says the same, and takes a tenth of the time that a miniature starts in."""
    return os.urandom(8).hex()


class OneFolder(Adapter):
    """What stores of documents and of logs share: a folder, and in it a file for each session."""

    version = "1.0"
    durability = "process-crash"
    suffix = ""

    root: Path

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store, so the root is enough
        """Make the folder where it is not there."""
        self.root = Path(root)
        with suppress(FileExistsError):
            self.root.mkdir(0o700)
        self.clear()

    # -- operations ----------------------------------------------------------------------------------------------------

    def delete(self, id: str) -> bool:
        """Remove the session, damaged or not, and what was kept aside for it."""
        with suppress(FileNotFoundError):
            self.path(self.file_name(id) + ".damaged").unlink()
        try:
            self.path(self.file_name(id)).unlink()
        except FileNotFoundError:
            return False
        return True

    def exists(self, id: str) -> bool:
        """A damaged session exists."""
        with suppress(FileNotFoundError):
            self.path(self.file_name(id)).lstat()
            return True
        self.need_root()
        return False

    def list(self) -> Iterator[str]:
        """The names of the files tell the ids, so that damaged ones are listed too."""
        for path in self.root.iterdir():
            id = self.id_in(path.name)
            if id is not None:
                yield id

    def latest(self) -> str | None:
        """The first of the summaries."""
        return next((id for id, _ in self.newest_first()), None)

    def prune(self, before: str) -> int:
        """Remove what was created before the instant."""
        old = [id for id, session in self.newest_first() if self.is_older(session, before)]
        for id in old:
            self.delete(id)
        return len(old)

    def check(self) -> None:
        """Write a file and remove it."""
        name = f".{token()}.check"
        self.write(name, b"")
        self.path(name).unlink()

    # -- rules that the operations share -------------------------------------------------------------------------------

    def get(self, id: str) -> Any:
        """What a session has; None where it has no file."""
        raise NotImplementedError

    def is_older(self, session: Any, before: str) -> bool:
        """Whether a prune at this instant removes the session."""
        return bool(session.created < nanoseconds(before))

    def newest_first(self) -> Items:
        """Ids and sessions by last change, without those that cannot be read."""
        found: Items = []
        for id in self.list():
            with suppress(StoreError):
                found.append((id, self.get(id)))
        return sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[1].changed, reverse=True)

    # -- names ---------------------------------------------------------------------------------------------------------

    def file_name(self, id: str) -> str:
        """The file of a session: the id in hexadecimal digits."""
        try:
            raw = id.encode()
        except UnicodeEncodeError as error:
            raise InvalidId("a lone surrogate") from error
        if len(raw) > LONGEST_ID:
            raise InvalidId("too long")
        return f"s-{raw.hex()}{self.suffix}"

    def id_in(self, name: str) -> str | None:
        """The id that a file's name tells; None for a name that `file_name` never gives."""
        try:
            id = bytes.fromhex(name.removeprefix("s-").removesuffix(self.suffix)).decode()
            return id if self.file_name(id) == name else None
        except (ValueError, InvalidId):
            return None

    def path(self, name: str) -> Path:
        """A name in the root."""
        return self.root / name

    # -- files ---------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Remove the temporary files that dead processes have left."""
        for path in self.root.iterdir():
            if re.fullmatch(r"\.[0-9a-f]{16}\.tmp", path.name):
                path.unlink()

    def seal(self, file: Document) -> bytes:
        """The bytes of an object whose last member is an object."""
        return sealed(self.dumps(file).removesuffix("}}").encode() + b",")

    def unsealed(self, data: bytes) -> Document:
        """The inverse of `seal`."""
        if not is_sealed(data):
            raise Corrupt("the checksum does not hold")
        return self.parsed(data)

    def parsed(self, data: bytes) -> Document:
        """Strict JSON that is not nested too deep."""
        try:
            file = self.loads(data.decode())
            if depth(file) > DEEPEST:
                raise Corrupt("nested too deep")
        except (ValueError, RecursionError) as error:
            raise Corrupt(f"no JSON: {error}") from error
        return file

    def dumps(self, file: Document) -> str:
        """Strict JSON on one line."""
        return json.dumps(file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def loads(self, text: str) -> Document:
        """Strict JSON, an object."""
        value: Document = json.loads(text, object_pairs_hook=unrepeated, parse_constant=refused)
        return value

    def bytes_of(self, name: str) -> bytes | None:
        """A regular file's bytes; neither follows a link nor waits for a pipe."""
        try:
            file = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            self.need_root()
            return None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise Corrupt("no regular file") from error
            raise
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Corrupt("no regular file")
            return stream.read()

    def need_root(self) -> None:
        """What is not found is absent only where the root is there.

        Raises:
            FileNotFoundError: It is not.
        """
        self.root.stat()

    def write(self, name: str, data: bytes) -> None:
        """Give the name a new file, at once; it stays in the page cache, which outlives the process."""
        temporary = self.path(f".{token()}.tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))
