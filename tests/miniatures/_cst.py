"""CST: stores whose operations cost more than they say, or than they must."""

from collections.abc import Iterator, Sequence

from miniatures._clean import Clean
from miniatures._clean_costed import CleanCosted
from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanLog, Records
from miniatures._table import breaks

# -- CST-1 -------------------------------------------------------------------------------------------------------------


@breaks("CST-1", "append-grows")
class AppendRewritesTheLog(CleanCosted):
    """An append writes the whole file anew, and is said to cost the same however long the log is."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        self.write(name, (self.bytes_of(name) or b"")[:end] + data)


@breaks("CST-1", "append-grows")
class AppendRewritesAnIndex(CleanCosted):
    """A side file holds the place of every record, and is written anew by each append."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        end = super().put(name, records, lines, end)
        self.write(name + ".places", b"%16d" % end * (records[-1].number or 1))
        return end

    def delete(self, id: str) -> bool:
        self.path(self.file_name(id) + ".places").unlink(missing_ok=True)
        return super().delete(id)


# -- CST-2 -------------------------------------------------------------------------------------------------------------


@breaks("CST-2", "list-reads-documents")
class ListParsesDocuments(Clean):
    """A list reads every document, to leave out what is none; the name of a damaged one is still told."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            self.bytes_of(self.file_name(id))
            yield id


@breaks("CST-2", "list-reads-documents")
class ListCountsLines(CleanLog):
    """A list reads every log, to count its records, and answers the ids alone."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            (self.bytes_of(self.file_name(id)) or b"").count(b"\n")
            yield id


@breaks("CST-2", "list-opens-more")
class ListOpensEveryStep(CleanStepFolder):
    """A list opens the file of every step, and reads none."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            for name in self.names(self.file_name(id)):
                self.path(f"{self.file_name(id)}/{name}").open("rb", buffering=0).close()
            yield id
