"""Small stores that are right where the system says no, each in a way of its own; a broken one overrides a method."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from miniatures._clean import Clean
from miniatures._folder import Items
from sessionproof import Conflict


class BusyLink(Clean):
    """Who opens or writes has made the link `BUSY` to its process number; that of a dead process is removed."""

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the lock; where it cannot be given back, it stays as long as the process lives."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        """Make the link."""
        busy = self.path("BUSY")
        if busy.is_symlink():
            holder = int(busy.readlink().name)
            try:
                os.kill(holder, 0)
            except ProcessLookupError:
                busy.unlink()
            else:
                raise Conflict(f"process {holder} has the lock")
        busy.symlink_to(str(os.getpid()))

    def give_back(self) -> None:
        """Remove the link."""
        self.path("BUSY").unlink()

    def clear(self) -> None:
        """Clear under the lock."""
        with self.lock():
            super().clear()

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        """Save under the lock."""
        with self.lock():
            return super().save(id, document, if_revision)

    def attach(self, id: str, kind: str, items: Items) -> None:
        """Attach under the lock."""
        with self.lock():
            super().attach(id, kind, items)

    def delete(self, id: str) -> bool:
        """Delete under the lock."""
        with self.lock():
            return super().delete(id)


class WholeOrAgain(Clean):
    """A file that was written in part is written again from its beginning, until one call has taken all of it."""

    def write(self, name: str, data: bytes) -> None:
        """Have room for all of it beside the file, write it there, then rename."""
        temporary = self.path(f".{os.urandom(8).hex()}.tmp")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(file, 0, max(len(data), 1))
            while os.pwrite(file, data, 0) < len(data):
                pass  # What has its room is not cut short for ever.
            temporary.replace(self.path(name))
        finally:
            os.close(file)
