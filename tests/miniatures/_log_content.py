"""FMT and IDS: stores that break them in a way that only a store of logs can."""

import fnmatch
import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

from miniatures._clean_logs import CleanCreated, CleanLog, CleanStep, Log, Record
from miniatures._fmt import changed
from miniatures._folder import Document, Items
from miniatures._table import breaks
from sessionproof import Corrupt, InvalidDocument, InvalidId, NotFound, UnsupportedVersion

# -- FMT ---------------------------------------------------------------------------------------------------------------


@breaks("FMT-1", "not-valid")
class BoundaryHasNull(CleanStep):
    """What a boundary lacks is written as null."""

    def wrapped(self, record: Record) -> Document:
        file = super().wrapped(record)
        return {**file, "boundary": {"text": None, **record.value}} if record.kind == "boundary" else file


@breaks("FMT-1", "not-valid")
class MetaHasNumber(CleanStep):
    """The metadata are written as a step, with the number 0."""

    def wrapped(self, record: Record) -> Document:
        return {**super().wrapped(record), "number": record.number or 0}

    def unwrapped(self, file: Document) -> Record:
        return replace(super().unwrapped(file), number=file["number"] or None)


@breaks("FMT-2", "wrong-entries")
class FloatsToNineDigits(CleanLog):
    """Floats in entries are written with nine digits."""

    def wrapped(self, record: Record) -> Document:
        file: Document = changed(super().wrapped(record), self.rounded)
        return file

    @staticmethod
    def rounded(value: Any) -> Any:
        """A float of nine digits."""
        return float(f"{value:.9g}") if type(value) is float else value


@breaks("FMT-2", "wrong-entries")
class PlaneZeroAlone(CleanLog):
    """Characters that take two surrogates are written as two replacement characters."""

    def wrapped(self, record: Record) -> Document:
        file: Document = changed(super().wrapped(record), self.replaced)
        return file

    @staticmethod
    def replaced(value: Any) -> Any:
        """A text without such characters."""
        return re.sub("[\U00010000-\U0010ffff]", "\ufffd\ufffd", value) if isinstance(value, str) else value


@breaks("FMT-3", "wrong-entries")
class UnknownOfMessagesIsDropped(CleanStep):
    """Members of a message that the format does not name are not written."""

    def wrapped(self, record: Record) -> Document:
        from sessionproof._data import json_file  # noqa: PLC0415 - other miniatures start faster without it

        file = super().wrapped(record)
        known = json_file("spec", "formats/message.schema.json")["properties"]
        message = {name: value for name, value in record.value.items() if name in known}
        return {**file, "message": message} if record.kind == "entry" else file


@breaks("FMT-4", "invalid-accepted")
class AnyEntryIsAccepted(CleanLog):
    """An entry that is no object is appended."""

    def accept(self, kind: str, value: Any) -> None:
        if kind != "entry":
            super().accept(kind, value)


@breaks("FMT-4", "invalid-accepted")
class MessagesAreNotAsked(CleanStep):
    """An entry is appended that the schema refuses."""

    def accept(self, kind: str, value: Any) -> None:
        if kind == "entry":
            CleanLog.accept(self, kind, value)
        else:
            super().accept(kind, value)


@breaks("FMT-4", "disk-changed")
class RefusedIsLogged(CleanLog):
    """A batch that is refused leaves a file that says so."""

    def append(self, id: str, entries: Items) -> Items:
        try:
            return super().append(id, entries)
        except InvalidDocument as error:
            self.write(self.file_name(id) + ".refused", str(error).encode(errors="replace"))
            raise


@breaks("FMT-4", "append-internal")
class EntriesAreTrusted(CleanLog):
    """An entry that is no object ends in an error of another kind."""

    def accept(self, kind: str, value: Any) -> None:
        if kind == "entry" and "role" not in value.keys():  # noqa: SIM118 - what fails where it is no object
            return
        super().accept(kind, value)


@breaks("FMT-6", "newer-major-read")
class NewerIsDamage(CleanStep):
    """A record of a newer major version is taken for a damaged one."""

    def unsealed(self, data: bytes) -> Document:
        try:
            return super().unsealed(data)
        except UnsupportedVersion as error:
            raise Corrupt(str(error)) from error


@breaks("FMT-6", "newer-minor-not-read")
class NewerMinorIsRefused(CleanStep):
    """A record of a newer minor version is refused."""

    def unwrapped(self, file: Document) -> Record:
        if file["version"] != "1.0":
            raise UnsupportedVersion(f"version {file['version']}")
        return super().unwrapped(file)


@breaks("FMT-7", "lone-surrogate", also="FMT-1 FMT-4")
class LoneSurrogatesAreEscaped(CleanStep):
    """Lone surrogates are written as escapes."""

    def dumps(self, file: Document) -> str:
        return json.dumps(file, separators=(",", ":"))


@breaks("FMT-8", "read-corrupt", also="COR-7")
class DeepEntryIsDamage(CleanLog):
    """Entries are written at any depth, and past 100 taken for damage by the reader."""

    def encode(self, record: Record, id: str) -> bytes:
        try:
            return super().encode(record, id)
        except InvalidDocument as error:
            if "too deep" not in str(error):
                raise
        return self.seal({**self.wrapped(record), "store": {"id": id, "at": record.at, "batch": record.batch}})


@breaks("FMT-8", "lost", also="LOG-7")
class DescribesNothing(CleanLog):
    """The metadata of a log that is not there are acknowledged and dropped."""

    def describe(self, id: str, meta: Any) -> None:
        with suppress(NotFound):
            super().describe(id, meta)


@breaks("FMT-8", "appended-to-nothing", also="STO-3")
class AppendsToNothing(CleanCreated):
    """Entries for a log that is not there are acknowledged and dropped."""

    def append(self, id: str, entries: Items) -> Items:
        return super().append(id, entries) if self.exists(id) else [*range(1, len(entries) + 1)]


# -- IDS ---------------------------------------------------------------------------------------------------------------


class Anonymous(CleanLog):
    """A base: the id in a line is believed, whatever the file is called."""

    def decode(self, line: bytes, id: str) -> Record:
        try:
            return super().decode(line, self.unsealed(line)["store"]["id"])
        except (KeyError, TypeError):
            return super().decode(line, id)


@breaks("IDS-1", "outside-read", also="IDS COR-11")
class LogsAreJoined(Anonymous):
    """An id with a slash is a path, wherever it leads."""

    def file_name(self, id: str) -> str:
        name = super().file_name(id)
        return f"{id}{self.suffix}" if "/" in id and "\0" not in id else name

    def bytes_of(self, name: str) -> bytes | None:
        try:
            return super().bytes_of(name)
        except OSError as error:
            raise InvalidId("no such file") from error

    def write(self, name: str, data: bytes) -> None:
        try:
            super().write(name, data)
        except OSError as error:
            raise InvalidId("no such folder") from error


@breaks("IDS-1", "outside-changed", also="SEC-3")
class DescribeIsJoined(CleanLog):
    """Only `describe` takes the id for a path, that of a file for people beside the log."""

    def describe(self, id: str, meta: Any) -> None:
        with suppress(OSError, ValueError):
            os.close(os.open(self.root / f"{id}.about", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        super().describe(id, meta)


@breaks("IDS-1", "outside-changed", also="SEC-3")
class ClaimIsJoined(CleanCreated):
    """Only `claim` takes the id for a path, that of its lock."""

    def claim(self, id: str, token: str) -> bool:
        with suppress(OSError, ValueError):
            os.close(os.open(self.root / f"{id}.claim", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        return super().claim(id, token)


@breaks("IDS-2", "numbers-wrong", also="STO-6 IDS-3 COR-11")
class FoldedLogs(Anonymous):
    """Upper case and lower case are one."""

    def file_name(self, id: str) -> str:
        return super().file_name(id.lower())


@breaks("IDS-3", "read-invalid_id")
class OnlyReadLooks(CleanLog):
    """An id with a slash is appended to, and refused by `read`."""

    def read(self, id: str) -> Document | None:
        if "/" in id:
            raise InvalidId("no path")
        return super().read(id)


@breaks("IDS-3", "compact-invalid_id")
class OnlyCompactLooks(CleanLog):
    """An id with a slash is appended to, and refused by `compact`."""

    def compact(self, id: str, archive: str) -> None:
        if "/" in id:
            raise InvalidId("no path")
        super().compact(id, archive)


@breaks("IDS-4", "append-io")
class LongLogsFail(CleanLog):
    """No length is looked at, so that the file system has the last word."""

    def file_name(self, id: str) -> str:
        try:
            return super().file_name(id)
        except InvalidId:
            return f"s-{id.encode(errors='replace').hex()}{self.suffix}"

    def bytes_of(self, name: str) -> bytes | None:
        return super().bytes_of(name) if len(name) < 256 else None

    def exists(self, id: str) -> bool:
        return super().exists(id) if len(self.file_name(id)) < 256 else False

    def delete(self, id: str) -> bool:
        return super().delete(id) if len(self.file_name(id)) < 240 else False


@breaks("IDS-4", "create-io")
class LongAgentsFail(CleanCreated):
    """The name of the agent goes into that of a file, and no length is looked at."""

    def new_id(self, agent: str, created_by: str) -> str:
        index = "agent-" + agent.encode(errors="replace").hex()
        self.write(index, b"")
        return super().new_id(agent, created_by)


@breaks("IDS-4", "latest-internal")
class SurrogatesInAgentsFail(CleanCreated):
    """`latest` for an agent with a lone surrogate ends in an error of the encoder."""

    def latest(self, agent: str = "", created_by: str = "") -> str | None:
        wanted = f"{agent}/{created_by}".encode()
        return super().latest(agent, created_by) if wanted else None


@breaks("IDS-5", "create-internal")
class AgentIsTemplate(CleanCreated):
    """Messages are formatted with the agent as the template."""

    def create(self, agent: str, created_by: str) -> str:
        str.__mod__(agent, ())
        return super().create(agent, created_by)


@breaks("IDS-5", "latest-of-another", also="LOG-6")
class AgentIsGlob(CleanCreated):
    """`latest` takes the agent for a glob pattern."""

    def is_of(self, log: Log, agent: str, created_by: str) -> bool:
        created = log.last("created")
        if created is None or created.value["created_by"] != created_by:
            return False
        return created.value["agent"] == agent or fnmatch.fnmatchcase(created.value["agent"], agent)


@breaks("IDS-7", "append-invalid_id")
class ShortLogs(CleanLog):
    """Ids of more than 63 characters are refused."""

    def file_name(self, id: str) -> str:
        if len(id) > 63:
            raise InvalidId("too long")
        return super().file_name(id)
