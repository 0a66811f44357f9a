"""COR: stores that take damage for something else, or make it worse."""

import ast
import json
import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from miniatures._clean import Clean, Document, Items, Session
from miniatures._table import breaks
from sessionproof import Corrupt


class Trusting(Clean):
    """A base without checksum: what can be read is believed."""

    def decode(self, data: bytes, id: str) -> Session:
        try:
            file = self.loads(data.decode())
            store = file["store"]
            if store["id"] != id:
                raise Corrupt("the file of another session")
            return Session(file["document"], file["attachments"], store["revision"], store["created"], store["changed"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Corrupt("no file of this store") from error


@breaks("COR-1", "lost")
class DamageIsAbsence(Clean):
    """A session whose file cannot be read is answered as absent."""

    def get(self, id: str) -> Session | None:
        try:
            return super().get(id)
        except Corrupt:
            return None


@breaks("COR-1", "lost")
class DamageIsMovedAway(Clean):
    """A file that cannot be read is renamed, and the session is absent from then on."""

    def get(self, id: str) -> Session | None:
        try:
            return super().get(id)
        except Corrupt:
            with suppress(FileNotFoundError):
                self.path(self.file_name(id)).rename(self.path(self.file_name(id) + ".damaged"))
            return None


@breaks("COR-1", "wrong-document")
class CutIsMended(Trusting):
    """A document that was cut is closed where it ends, as readers of broken JSON do."""

    def loads(self, text: str) -> Document:
        try:
            return super().loads(text)
        except ValueError:
            for end in ('"}]}', "}]}", "]}"):
                with suppress(ValueError):
                    part: Document = json.loads(text + end + "}") if text.startswith('{"document":') else {}
                    store = {"id": self.asked, "revision": "", "created": 0, "changed": 0}
                    return {**part, "attachments": {}, "store": store}
            raise

    def decode(self, data: bytes, id: str) -> Session:
        self.asked = id
        return super().decode(data, id)


@breaks("COR-2", "lost")
class EmptyIsAbsence(Clean):
    """An empty file is no session."""

    def get(self, id: str) -> Session | None:
        return super().get(id) if self.bytes_of(self.file_name(id)) else None


@breaks("COR-2", "wrong-document")
class ZerosAreFresh(Clean):
    """A file of zeros is a session without messages."""

    def decode(self, data: bytes, id: str) -> Session:
        if not data.strip(b"\0"):
            return Session({"messages": []}, {}, "0", 0, 0)
        return super().decode(data, id)


@breaks("COR-3", "wrong-document")
class NoChecksum(Trusting):
    """There is no checksum, so that a changed letter is a letter."""


@breaks("COR-4", "list-corrupt")
class OneHidesAll(Clean):
    """`list` reads every session, and fails with the first that cannot be read."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            self.get(id)
            yield id


@breaks("COR-4", "summaries-corrupt")
class OneHidesSummaries(Clean):
    """`summaries` and `latest` fail with the first session that cannot be read."""

    def newest_first(self) -> Items:
        found = [(id, self.get(id)) for id in self.list()]
        return sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[1].changed, reverse=True)


@breaks("COR-4", "not-listed", also="ATM-5 ATM-7")
class IndexIsTrusted(Clean):
    """`list` reads an index, and takes a damaged one for an empty one."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        self.write("index", json.dumps([*super().list()]).encode())
        return revision

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        self.write("index", json.dumps([*super().list()]).encode())
        return existed

    def list(self) -> Iterator[str]:
        with suppress(ValueError):
            yield from json.loads(self.bytes_of("index") or b"[]")


@breaks("COR-5", "damaged-bytes-lost")
class DamageIsRemoved(Clean):
    """A file that cannot be read is removed, so that it is in nobody's way; the damage is remembered."""

    def bytes_of(self, name: str) -> bytes | None:
        data = super().bytes_of(name)
        if data is not None and name.endswith(self.suffix):
            try:
                self.loads(data.decode())
            except ValueError:
                super().write(name, b"damaged")
                return b"damaged"
        return data


@breaks("COR-6", "damaged-bytes-lost")
class DamageIsOverwritten(Clean):
    """A save over a damaged session keeps nothing aside."""

    def keep_aside(self, id: str) -> None:
        pass


@breaks("COR-7", "load-internal")
class DepthIsUnbounded(Clean):
    """Nothing catches the reader where the file is nested too deep."""

    def decode(self, data: bytes, id: str) -> Session:
        with suppress(ValueError):
            json.loads(data)
        return super().decode(data, id)


@breaks("COR-7", "wrong-document")
class LastMemberWins(Trusting):
    """Where a member stands twice the last one counts, and NaN is a number."""

    def loads(self, text: str) -> Document:
        value: Document = json.loads(text)
        return value


@breaks("COR-8", "list-hang", deadline=1.0)
class PipesAreOpened(Clean):
    """`list` opens every entry, and waits for whoever writes to a pipe."""

    def list(self) -> Iterator[str]:
        for path in self.root.iterdir():
            with suppress(OSError), path.open("rb"):
                pass
        return super().list()


@breaks("COR-8", "listed-absent", also="ATM-5 ATM-7")
class ForeignIsListed(Clean):
    """Every entry of the root is a session."""

    def id_in(self, name: str) -> str | None:
        return super().id_in(name) if name.endswith(self.suffix) else PurePath(name).stem


@breaks("COR-8", "list-io")
class FoldersAreOpened(Clean):
    """`list` reads every entry, and fails with the first that is no file."""

    def list(self) -> Iterator[str]:
        for path in self.root.iterdir():
            if not path.is_fifo():
                path.read_bytes()
        return super().list()


@breaks("COR-10", "code-ran")
class PicklesAreLoaded(Clean):
    """Files of an earlier version, which were pickles, are still read."""

    def decode(self, data: bytes, id: str) -> Session:
        if data.startswith(b"\x80"):
            pickle.loads(data)
        return super().decode(data, id)


@breaks("COR-10", "code-ran")
class LiteralsAreEvaluated(Clean):
    """What is no JSON is evaluated as Python."""

    def decode(self, data: bytes, id: str) -> Session:
        with suppress(Exception):
            if ast.parse(data, mode="eval"):
                eval(data, {"null": None})
        return super().decode(data, id)


@breaks("COR-11", "wrong-document")
class IdIsNotCompared(Clean):
    """The id in the file is not looked at."""

    def decode(self, data: bytes, id: str) -> Session:
        try:
            return super().decode(data, str(json.loads(data)["store"]["id"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return super().decode(data, id)


@breaks("COR-12", "save-corrupt")
class DamageStopsSaves(Clean):
    """A save reads the old document first, and fails where it is damaged; there is neither delete nor prune."""

    delete = None  # type: ignore[assignment]
    prune = None  # type: ignore[assignment]

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.accept(document)
        self.get(id)
        return super().save(id, document, if_revision)


@breaks("COR-12", "delete-corrupt")
class DamageStopsDeletes(Clean):
    """A delete reads the session first, and fails where it is damaged."""

    def delete(self, id: str) -> bool:
        self.get(id)
        return super().delete(id)


@breaks("COR-13", "not-listed")
class DamageIsNotListed(Clean):
    """`list` leaves out what it cannot read."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            with suppress(Corrupt):
                self.get(id)
                yield id
