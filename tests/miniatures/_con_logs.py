"""CON: stores of logs that are right for one caller, and lose, mix or block what two of them do at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from miniatures._clean_con import Linked, LockedCreated, LockedLog, PidLockedCreated
from miniatures._clean_logs import CleanCreated, CleanLog
from miniatures._folder import Document, Items
from miniatures._table import breaks
from sessionproof import NotFound

# -- CON-2: readers ----------------------------------------------------------------------------------------------------


@breaks("CON-2", "read-io", also="CON ATM")
class MeetsTemporaries(Linked):
    """A temporary file is named like a step, and readers that have seen its name find it gone."""

    def step(self, folder: Path, entry: Document) -> int:
        number = max((number for number, _ in self.steps(folder)), default=0) + 1
        while True:
            temporary = folder / f"step-{number}.tmp.{os.getpid()}"
            temporary.write_bytes(self.seal({"value": entry, "store": {"of": "step"}}))
            try:
                os.link(temporary, folder / f"step-{number}")
            except FileExistsError:
                number += 1
            else:
                return number
            finally:
                temporary.unlink()

    def read(self, id: str) -> Document | None:
        try:
            names = [path for path in self.path(self.file_name(id)).iterdir() if path.name.startswith("step-")]
        except FileNotFoundError:
            return None
        files = {path.name: path.read_bytes() for path in names}
        numbered = sorted((int(name[5:]), data) for name, data in files.items() if name[5:].isdecimal())
        entries = [self.unsealed(data)["value"] for _, data in numbered]
        return {"found": True, "entries": entries, "archive": None, "meta": None, "damage": []}


@breaks("CON-2", "attachments-corrupt", also="CON ATM")
class SideFileInPlace(LockedLog):
    """What is attached is written in place, under a lock that readers do not take."""

    def write(self, name: str, data: bytes) -> None:
        if not name.endswith(".attached"):
            super().write(name, data)
            return
        with os.fdopen(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)

    def attachments(self, id: str, kind: str) -> Items | None:
        return CleanLog.attachments(self, id, kind)


# -- CON-3: appends ----------------------------------------------------------------------------------------------------


@breaks("CON-3", "number-twice", also="CON")
class CountsAlone(Linked):
    """Each process counts the steps that it has seen or made, and gives a step its name by a rename."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.last: dict[Path, int] = {}

    def step(self, folder: Path, entry: Document) -> int:
        if folder not in self.last or not folder.exists():
            self.last[folder] = max((number for number, _ in self.steps(folder)), default=0)
        self.last[folder] += 1
        temporary = folder / f".{os.getpid()}.tmp"
        temporary.write_bytes(self.seal({"value": entry, "store": {"of": "step"}}))
        temporary.replace(folder / f"step-{self.last[folder]}")
        return self.last[folder]

    def delete(self, id: str) -> bool:
        self.last.clear()
        return super().delete(id)


@breaks("CON-3", "number-twice", also="CON")
class ReadsTheNumber(LockedLog):
    """An append looks up the last number and adds to the file, without the lock."""

    def add(self, id: str, kind: str, values: Items, *, makes_log: bool = False) -> Items:
        return CleanLog.add(self, id, kind, values, makes_log=makes_log)


@breaks("CON-3", "entry-lost", also="CON ATM")
class WritesTheLogAnew(LockedLog):
    """An append reads the log and writes a longer one in its place, without the lock; it tells no numbers."""

    def append(self, id: str, entries: Items) -> Items:
        CleanLog.add(self, id, "entry", entries, makes_log=True)
        return None  # type: ignore[return-value]

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        self.write(name, (self.bytes_of(name) or b"")[:end] + data)


# -- CON-4: creates ----------------------------------------------------------------------------------------------------


@breaks("CON-4", "id-given-twice", also="CON LOG-6")
class NextSequence(LockedCreated):
    """The id of a new log has the next free number for its agent, looked up without the lock."""

    def create(self, agent: str, created_by: str) -> str:
        return CleanCreated.create(self, agent, created_by)

    def new_id(self, agent: str, created_by: str) -> str:
        name = f"{agent}_{created_by}_"
        numbers = [int(id.removeprefix(name)) for id in self.list() if id.startswith(name)]
        return f"{name}{max(numbers, default=0) + 1}"


@breaks("CON-4", "create-io", also="CON")
class OneDraft(LockedCreated):
    """Every new log is drafted in the same file, without the lock."""

    def create(self, agent: str, created_by: str) -> str:
        return CleanCreated.create(self, agent, created_by)

    def write(self, name: str, data: bytes) -> None:
        draft = self.path(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
        draft.replace(self.path(name))


# -- CON-5: deletes beside writes --------------------------------------------------------------------------------------


@breaks("CON-5", "half-deleted", also="CON ATM")
class AppendsToTheDeleted(LockedCreated):
    """An append finds the log, and makes the file again that was deleted since."""

    def append(self, id: str, entries: Items) -> Items:
        return CleanCreated.append(self, id, entries)

    def add(self, id: str, kind: str, values: Items, *, makes_log: bool = False) -> Items:
        return CleanCreated.add(self, id, kind, values, makes_log=makes_log)

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        with os.fdopen(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as stream:
            stream.write(data)


@breaks("CON-5", "half-deleted", also="CON ATM STO-3 STO-11")
class DeletesInParts(LockedLog):
    """A delete removes what is attached before it takes the lock for the log, and what is attached needs no log."""

    def delete(self, id: str) -> bool:
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        with self.lock(fcntl.LOCK_EX):
            existed = self.exists(id)
            self.path(self.file_name(id)).unlink(missing_ok=True)
        return existed

    def attachments(self, id: str, kind: str) -> Items | None:
        return self.attached(id).get(kind)


@breaks("CON-3", "number-twice", also="CON")
class RemovesAnothersLockOfLogs(PidLockedCreated):
    """Who finds the lock of a dead process removes what has its name by then: it may be that of who was quicker."""

    def remove_of_the_dead(self) -> bool:
        dead = self.is_of_the_dead()
        if dead:
            self.path(".lock").unlink(missing_ok=True)
        return dead


# -- CON-9: claims -----------------------------------------------------------------------------------------------------


@breaks("CON-9", "claimed-twice", also="CON")
class LooksForTheClaim(LockedCreated):
    """A claim looks whether the token was taken, and then takes it, without the lock."""

    def claim(self, id: str, token: str) -> bool:
        return CleanCreated.claim(self, id, token)


@breaks("CON-9", "claimed-by-nobody", also="CON")
class BothWithdraw(LockedCreated):
    """Who claims a token leaves a mark, and withdraws where there is another's."""

    def claim(self, id: str, token: str) -> bool:
        if not self.exists(id):
            raise NotFound("there is no such log")
        marks = self.path(f".{self.file_name(id)}.{token.encode().hex()}")
        with suppress(FileExistsError):
            marks.mkdir(0o700)
        mine = marks / str(os.getpid())
        if mine.exists():
            return False
        mine.touch(0o600)
        if len([*marks.iterdir()]) > 1:
            mine.unlink()
            return False
        return True


@breaks("CON-9", "claimed-twice", also="CON ATM STO-7")
class ClaimsWhileAlive(LockedCreated):
    """A token is taken by a lock that is held as long as the process lives."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.taken: dict[str, int] = {}

    def claim(self, id: str, token: str) -> bool:
        if not self.exists(id):
            raise NotFound("there is no such log")
        name = f".{self.file_name(id)}.{token.encode().hex()}"
        if name in self.taken:
            return False
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self.taken[name] = file
        return True


# -- what is no fault of a race: each caller alone finds it too --------------------------------------------------------


@breaks("STO-9", "count-wrong")
class CountsNothing(LockedCreated):
    """Summaries count no messages, whoever asks."""

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        for summary in super().summaries(workspace):
            yield {**summary, "message_count": 0}


class AcknowledgesNothing(LockedCreated):
    """What `AppendsToNothing` does, by a store whose writers take turns: no finding of a race."""

    def append(self, id: str, entries: Items) -> Items:
        try:
            return super().append(id, entries)
        except NotFound:
            return [1 + place for place in range(len(entries))]
