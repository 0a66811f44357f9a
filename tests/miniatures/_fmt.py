"""FMT: stores that change documents, or write files that are not of the format."""

import base64
import json
import math
import os
import struct
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from miniatures._clean import Clean, CleanFormat, Document, Items, Session
from miniatures._clean_typed import CleanTyped
from miniatures._table import breaks
from sessionproof import Corrupt, InvalidDocument, Loaded, StoreError, UnsupportedVersion


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with every scalar and member name changed."""
    if isinstance(value, dict):
        return {change(name): changed(member, change) for name, member in cast("Document", value).items()}
    if isinstance(value, list):
        return [changed(item, change) for item in cast("tuple[Any, ...]", value)]
    return change(value)


@breaks("FMT-1", "not-valid")
class AbsentIsNull(CleanFormat):
    """Members that a document lacks are written as null."""

    def wrapped(self, document: Document) -> Document:
        return {"summary": None, **super().wrapped(document)}

    def unwrapped(self, file: Document) -> Document:
        document = super().unwrapped(file)
        return {name: value for name, value in document.items() if name != "summary" or value is not None}


@breaks("FMT-1", "not-valid")
class Envelope(CleanFormat):
    """The document lies inside an object of the store's own."""

    def wrapped(self, document: Document) -> Document:
        return {"document": super().wrapped(document)}

    def unwrapped(self, file: Document) -> Document:
        return super().unwrapped(file["document"])


@breaks("FMT-2", "wrong-document")
class SingleFloats(Clean):
    """Numbers are kept as 32-bit floats."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped(changed(document, self.single))

    @staticmethod
    def single(value: Any) -> Any:
        """A float as 32 bits hold it."""
        with suppress(OverflowError):
            return struct.unpack("f", struct.pack("f", value))[0] if isinstance(value, float) else value
        return math.copysign(3e38, value)


@breaks("FMT-2", "wrong-document")
class FloatsToSixDigits(Clean):
    """Floats are printed with six digits."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped(changed(document, lambda value: float(f"{value:g}") if type(value) is float else value))


@breaks("FMT-2", "wrong-document")
class TextsAreNormalised(Clean):
    """Texts are brought to the Unicode form NFC."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped(changed(document, self.normalised))

    @staticmethod
    def normalised(value: Any) -> Any:
        """A text in NFC."""
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


@breaks("FMT-2", "wrong-document")
class TextsAreCutAtNul(Clean):
    """Texts end at their first NUL, as strings of C do."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped(changed(document, self.cut))

    @staticmethod
    def cut(value: Any) -> Any:
        """A text without its first NUL and what follows."""
        return value.partition("\0")[0] if isinstance(value, str) else value


@breaks("FMT-2", "wrong-document")
class EmptyIsLeftOut(Clean):
    """Members that are empty are not written."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped({name: value for name, value in document.items() if value not in ([], {}, "", None)})


@breaks("FMT-2", "wrong-document")
class LongTextsAreCut(CleanTyped):
    """A text of a type of the store's own ends after 20,000 characters."""

    def wrapped(self, document: Document) -> Document:
        return super().wrapped(changed(document, lambda value: value[:20_000] if isinstance(value, str) else value))


@breaks("FMT-2", "save-invalid_document")
class DepthOfThirty(Clean):
    """Content are refused that are nested deeper than 30."""

    def accept(self, document: Any) -> None:
        super().accept(document)
        if "[" * 30 in json.dumps(document):
            raise InvalidDocument("too deep")


@breaks("FMT-3", "wrong-document")
class UnknownIsDropped(CleanFormat):
    """Members that the store does not know are not written."""

    def wrapped(self, document: Document) -> Document:
        from sessionproof._data import json_file  # noqa: PLC0415 - other miniatures start faster without it

        known = json_file("spec", "formats/session.schema.json")["properties"]
        return {name: value for name, value in super().wrapped(document).items() if name in known}


@breaks("FMT-4", "invalid-accepted")
class ListsAreAccepted(Clean):
    """A document that is no object is saved."""

    def accept(self, document: Any) -> None:
        pass

    def newest_first(self) -> Items:
        return [pair for pair in super().newest_first() if isinstance(pair[1].document, dict)]


@breaks("FMT-4", "invalid-accepted")
class SchemaIsNotAsked(CleanFormat):
    """A document is saved that the schema refuses."""

    def accept(self, document: Any) -> None:
        if not isinstance(document, dict) or "version" not in document:
            raise InvalidDocument("a document is an object with a version")


@breaks("FMT-4", "disk-changed")
class RefusedAfterDelete(Clean):
    """The old file is removed before the new document is looked at."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not isinstance(document, dict):
            self.delete(id)
        return super().save(id, document, if_revision)


@breaks("FMT-4", "save-internal")
class InvalidIsInternal(Clean):
    """A document that is no object ends in an error of another kind."""

    def accept(self, document: Any) -> None:
        if not isinstance(document, dict):
            raise TypeError("expected a dict")


@breaks("FMT-5", "secret-on-disk")
class SecretInLog(CleanFormat):
    """Each save adds its request to a log, in base64."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.accept(document)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with os.fdopen(os.open(self.path("requests.log"), flags, 0o600), "ab") as log:
            log.write(base64.b64encode(json.dumps([id, document]).encode()) + b"\n")
        return super().save(id, document, if_revision)


@breaks("FMT-5", "secret-on-disk")
class SecretInFile(CleanFormat):
    """The secret is written like any member."""

    def wrapped(self, document: Document) -> Document:
        return document


@breaks("FMT-6", "newer-major-read")
class NewerIsCorrupt(CleanFormat):
    """A file of a newer major version is refused as damaged."""

    def unwrapped(self, file: Document) -> Document:
        try:
            return super().unwrapped(file)
        except UnsupportedVersion as error:
            raise Corrupt(str(error)) from error


@breaks("FMT-6", "newer-minor-not-read")
class MinorIsRefused(CleanFormat):
    """A file of a newer minor version is refused."""

    def unwrapped(self, file: Document) -> Document:
        if file["version"] != "1.0":
            raise UnsupportedVersion(f"version {file['version']}")
        return file


@breaks("FMT-6", "disk-changed")
class NewerIsMovedAway(CleanFormat):
    """A file of a newer major version is renamed when it is read."""

    def get(self, id: str) -> Session | None:
        try:
            return super().get(id)
        except UnsupportedVersion:
            self.path(self.file_name(id)).rename(self.path(self.file_name(id) + ".newer"))
            raise


@breaks("FMT-7", "lone-surrogate")
class SurrogatesAreEscaped(CleanFormat):
    """Lone surrogates are written as escapes."""

    def dumps(self, file: Document) -> str:
        return json.dumps(file, separators=(",", ":"))


@breaks("FMT-7", "not-strict")
class NamesAreNormalised(CleanFormat):
    """Member names are brought to NFC after the members were told apart, so that one stands twice."""

    def dumps(self, file: Document) -> str:
        return unicodedata.normalize("NFC", super().dumps(file))

    def loads(self, text: str) -> Document:
        value: Document = json.loads(text)
        return value


@breaks("FMT-8", "load-corrupt")
class DeepIsUnreadable(Clean):
    """Content are written at any depth, and refused by the reader past 100."""

    def encode(self, id: str, session: Session) -> bytes:
        try:
            return super().encode(id, session)
        except InvalidDocument:
            decode, self.decode = self.decode, lambda *_: session  # type: ignore[method-assign]
            try:
                return super().encode(id, session)
            finally:
                self.decode = decode  # type: ignore[method-assign]


@breaks("FMT-8", "load-corrupt")
class DeepArgumentsAreUnreadable(DeepIsUnreadable, CleanTyped):
    """The same in the one place of a type that is free."""


@breaks("FMT-8", "accepted-unreadable")
class AnyVersionIsWritten(CleanTyped):
    """A version that the reader does not know is written."""

    def sound(self, document: Any) -> None:
        super().sound({**document, "version": 1})

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        if loaded is not None and loaded.document["version"] != 1:
            raise UnsupportedVersion(f"version {loaded.document['version']}")
        return loaded


@breaks("FMT-8", "accepted-unreadable")
class LengthsAreNotCompared(CleanTyped):
    """Lists that ought to be equally long are written as they come, and compared when they are read."""

    def sound(self, document: Any) -> None:
        super().sound({**document, "pinned": document["texts"]})

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        document: Document = loaded.document if loaded is not None else {"texts": [], "pinned": []}
        if len(document["texts"]) != len(document["pinned"]):
            raise Corrupt("lists of unequal length")
        return loaded


@breaks("FMT-8", "accepted-unreadable")
class InfinityIsNull(CleanTyped):
    """A number past those of 32 bits becomes infinite, is written as null, and then is no number."""

    largest = math.inf

    def wrapped(self, document: Document) -> Document:
        infinite = abs(document["share"]) > CleanTyped.largest
        return super().wrapped({**document, "share": None} if infinite else document)

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        if loaded is not None and loaded.document["share"] is None:
            raise Corrupt("null is no number")
        return loaded


@breaks("FMT-8", "accepted-unreadable")
class OtherModesAreAbsent(CleanTyped):
    """A session in a mode that the reader does not know is passed over."""

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        known = loaded is None or loaded.document.get("mode") in {None, "chat", "plan"}
        return loaded if known else None


@breaks("FMT-8", "lost", also="STO-11 COR-7")
class LongIsAbsent(Clean):
    """Files of more than 64 KiB are written, and passed over by the reader."""

    def bytes_of(self, name: str) -> bytes | None:
        data = super().bytes_of(name)
        return None if data is not None and len(data) > 1 << 16 else data


@breaks("FMT-8", "attached-to-nothing")
class AttachesToNothing(Clean):
    """Attachments of a session that is not there are acknowledged and dropped."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        with suppress(StoreError):
            super().attach(id, kind, items)
