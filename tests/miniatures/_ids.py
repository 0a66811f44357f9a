"""IDS: stores that take an id for a path, a pattern, or less than it is."""

import fnmatch
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

from miniatures._clean import Clean, Document, Session
from miniatures._table import breaks
from sessionproof import Corrupt, InvalidId, Loaded


class Named(Clean):
    """A base: the subclass says what an id becomes, and the list takes the id from inside the file."""

    def stem(self, id: str) -> str:
        """What of the id goes into the name."""
        return id

    def file_name(self, id: str) -> str:
        """Refuse what no file name can hold, so that only the one rule is broken."""
        name = self.stem(id) + self.suffix
        if "\0" in name or len(name.encode(errors="replace")) > 250 or re.search("[\ud800-\udfff]", id):
            raise InvalidId("no file can have this name")
        return name

    def id_in(self, name: str) -> str | None:
        if not name.endswith(self.suffix):
            return None
        try:
            data = self.bytes_of(name)
            return None if data is None else str(self.loads(data.decode())["store"]["id"])
        except (ValueError, KeyError, TypeError, RecursionError, Corrupt):
            return name.removesuffix(self.suffix)

    def decode(self, data: bytes, id: str) -> Session:  # noqa: ARG002 - the id inside is believed
        try:
            inside = str(self.loads(data.decode())["store"]["id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Corrupt("no file of this store") from error
        return super().decode(data, inside)


@breaks("IDS-1", "outside-read", also="COR-11")
class PathsAreJoined(Named):
    """The id is a path below the root, wherever it leads."""

    def write(self, name: str, data: bytes) -> None:
        try:
            super().write(name, data)
        except OSError as error:
            raise InvalidId("no such folder") from error

    def bytes_of(self, name: str) -> bytes | None:
        try:
            return super().bytes_of(name)
        except OSError as error:
            raise InvalidId("no such file") from error


@breaks("IDS-1", "outside-read", also="COR-11")
class PercentIsDecoded(PathsAreJoined):
    """An id with slashes is refused, and percent signs are decoded after that."""

    def stem(self, id: str) -> str:
        if "/" in id or ".." in id:
            raise InvalidId("no path")
        return unquote(unquote(id))


@breaks("IDS-1", "outside-changed")
class DeleteIsJoined(Clean):
    """Only a delete takes the id for a path."""

    def delete(self, id: str) -> bool:
        with suppress(OSError, ValueError):
            (self.root / id).unlink()
        return super().delete(id)


@breaks("IDS-2", "wrong-document", also="COR-11")
class UnderlinedIds(Named):
    """Characters that a file name should not have become `_`."""

    def stem(self, id: str) -> str:
        return re.sub(r"[^A-Za-z0-9._-]", "_", id) or "default"


@breaks("IDS-2", "wrong-document", also="COR-11")
class FoldedIds(Named):
    """Upper case and lower case are one."""

    def stem(self, id: str) -> str:
        return quote(id.lower(), safe="", errors="replace")


@breaks("IDS-2", "wrong-document", also="COR-11")
class CutIds(Named):
    """Names are cut after 200 characters."""

    def stem(self, id: str) -> str:
        return quote(id, safe="", errors="replace")[:200]


@breaks("IDS-2", "wrong-document", also="COR-11")
class NormalisedIds(Named):
    """Ids are brought to the Unicode form NFC."""

    def stem(self, id: str) -> str:
        return quote(unicodedata.normalize("NFC", id), safe="", errors="replace")


@breaks("IDS-2", "wrong-document", also="COR-11")
class StrippedIds(Named):
    """Spaces and dots at the ends of an id are dropped."""

    def stem(self, id: str) -> str:
        return quote(id.strip(" .\n\t"), safe="", errors="replace")


@breaks("IDS-3", "listed-absent", also="COR-11")
class ListedQuoted(Named):
    """Ids are quoted in the names of the files, and listed so."""

    def stem(self, id: str) -> str:
        return quote(id, safe="", errors="replace")

    def id_in(self, name: str) -> str | None:
        return name.removesuffix(self.suffix) if name.endswith(self.suffix) else None

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        for summary in super().summaries(workspace):
            yield {**summary, "id": unquote(summary["id"])}

    def latest(self) -> str | None:
        latest = super().latest()
        return None if latest is None else unquote(latest)


@breaks("IDS-3", "load-invalid_id")
class OnlyLoadLooks(Clean):
    """An id with a slash is saved, and refused by `load`."""

    def load(self, id: str) -> Loaded | None:
        if "/" in id:
            raise InvalidId("no path")
        return super().load(id)


@breaks("IDS-4", "save-io")
class LongIdsFail(Clean):
    """No length is looked at, so that the file system has the last word."""

    def file_name(self, id: str) -> str:
        if re.search("[\ud800-\udfff]", id):
            raise InvalidId("a lone surrogate")
        return f"s-{id.encode().hex()}{self.suffix}"

    def bytes_of(self, name: str) -> bytes | None:
        return super().bytes_of(name) if len(name) < 256 else None

    def exists(self, id: str) -> bool:
        return len(self.file_name(id)) < 240 and super().exists(id)

    def delete(self, id: str) -> bool:
        return super().delete(id) if len(self.file_name(id)) < 240 else False


@breaks("IDS-4", "load-internal")
class SurrogatesFail(Clean):
    """An id with a lone surrogate ends in an error of the encoder."""

    def file_name(self, id: str) -> str:
        if len(raw := id.encode()) > 100:
            raise InvalidId("too long")
        return f"s-{raw.hex()}{self.suffix}"


@breaks("IDS-4", "not-listed")
class LinesAreIds(Clean):
    """The list is a file with an id on each line, so that an id with a line end is two."""

    def list(self) -> Iterator[str]:
        yield from "\n".join(sorted(super().list())).splitlines()


@breaks("IDS-5", "lost", also="STO-6")
class DeleteIsGlob(Clean):
    """A delete removes every session that the id matches as a glob pattern."""

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        matching = [other for other in self.list() if fnmatch.fnmatchcase(other, id)]
        for other in matching:
            super().delete(other)
        return existed


@breaks("IDS-5", "not-gone")
class LoadIsLike(Clean):
    """A load takes `%` and `_` as SQL's LIKE does."""

    def get(self, id: str) -> Session | None:
        found = super().get(id)
        if found is not None or not re.search("[%_]", id):
            return found
        pattern = re.escape(id).replace("%", ".*").replace("_", ".")
        like = next((other for other in self.list() if re.fullmatch(pattern, other, re.DOTALL)), None)
        return None if like is None else super().get(like)


@breaks("IDS-5", "delete-internal", also="STO-6")
class IdIsTemplate(Clean):
    """Messages are formatted with the id as the template."""

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        str.__mod__(id, ())
        return existed


class WholeNames(Named):
    """A base: the files have the ids for names, nothing before and nothing behind."""

    suffix = ""

    def stem(self, id: str) -> str:
        if id in {"", ".", ".."}:
            return f"%{len(id)}"
        return quote(id, safe="", errors="replace")


@breaks("IDS-6", "load-corrupt", also="COR-8 COR-11 ATM-5 ATM-6 ATM-7")
class LockIsAnId(WholeNames):
    """One name is that of the lock."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        os.close(os.open(self.path(".lock"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
        return revision

    def id_in(self, name: str) -> str | None:
        return None if name == ".lock" else super().id_in(name)


@breaks("IDS-6", "lost", also="COR-8 COR-11 ATM-5 ATM-7")
class TemporaryIsAnId(WholeNames):
    """Files have the ids for names, and each is first written under its name with `.tmp` behind it."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(name + ".tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("IDS-7", "save-invalid_id")
class ShortIds(Clean):
    """Ids of more than 63 characters are refused."""

    def file_name(self, id: str) -> str:
        if len(id) > 63:
            raise InvalidId("too long")
        return super().file_name(id)


@breaks("IDS-7", "save-invalid_id")
class IdsBeginWithLetters(Clean):
    """Ids that begin with `-` or `_` are refused."""

    def file_name(self, id: str) -> str:
        if id.startswith(("-", "_")):
            raise InvalidId("not a name")
        return super().file_name(id)


@breaks("IDS-1", "outside-read", also="IDS")
class ExistsOutside(Clean):
    """`exists` joins the id to the root as it is."""

    def exists(self, id: str) -> bool:
        with suppress(ValueError, OSError):
            return super().exists(id) or (self.root / f"{id}{self.suffix}").exists()
        return super().exists(id)


@breaks("IDS-5", "code-ran")
class IdMeetsTheShell(Clean):
    """A load hands the id to a shell: only the kit's own canary, for the tests' sake."""

    def load(self, id: str) -> Loaded | None:
        if "SESSIONPROOF_CANARY" in id:
            subprocess.run(["sh", "-c", f": {id}"], cwd=self.root, check=False, capture_output=True)
        return super().load(id)
