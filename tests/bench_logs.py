"""What a log costs here: the reference store in both layouts, and sqlite3 doing the same work beside it.

Each appends one message at a time, and answers when it is durable. sqlite3 does the least that a store on it has to
do: one table for one log, a write-ahead log, `synchronous=FULL`, a row per message, a commit per append. It checks no
message and seals none. The stores take turns in every round, so that a slow moment of the machine meets them all.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Protocol
from unittest import mock

from rich.table import Table

from sessionproof._json import Object
from sessionproof_reference import StepStore
from sessionproof_reference._logs import LayoutName

TEXT = "What was said here is about as long as what people and models say. " * 8
MESSAGE: Object = {"role": "user", "content": [{"type": "text", "text": TEXT}]}

STORES = FILE, FOLDER, SQLITE = "one file", "a folder", "sqlite3"

ROUNDS = 5
"""Of so many rounds the fastest counts, for each store and length."""

HISTORIES = (1, 100, 10_000)
"""How many steps a log has before the appends that are measured. Every round makes its logs anew."""
APPENDS = 50

LENGTHS = (1_000, 10_000, 100_000)
"""How long the logs are that are read. The page cache holds them."""
MOST_FILES = 10_000
"""How long a log of a file per step gets: a longer one takes too long to make."""


@dataclass(frozen=True, slots=True)
class Appends:
    """What an append costs.

    `bytes_written` and `write_calls` are means over all rounds of what write calls handed to the system (`wchar` and
    `syscw` in proc(5)). That counts the same for every store. It leaves out what the file system writes of its own, and
    sqlite3's index of its log, which is mapped memory. A checkpoint of sqlite3, once in hundreds of appends, may fall
    into no round.
    """

    store: str
    history: int
    per_second: int
    of_sqlite3: float
    bytes_written: int
    write_calls: float


@dataclass(frozen=True, slots=True)
class Reading:
    """How many steps a second the read of a whole log gives."""

    store: str
    steps: int
    per_second: int
    of_sqlite3: float


@dataclass(frozen=True, slots=True)
class LogCosts:
    """What logs cost, and on which file system they lay."""

    file_system: str
    message_bytes: int
    appends: list[Appends]
    readings: list[Reading]


@dataclass(frozen=True, slots=True)
class Round:
    """What the appends of one round took."""

    seconds: float
    bytes_written: int
    write_calls: int


class Log(Protocol):
    """A new log, alone in its store."""

    def append(self) -> None:
        """Append the message, durably."""
        ...

    def fill(self, number: int) -> None:
        """Append it so many times, one at a time, and leave it to the system when that is durable."""
        ...

    def read(self) -> Sequence[Any]:
        """All messages, decoded."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


class StepLog:
    """A log of the reference store."""

    def __init__(self, root: Path, layout: LayoutName) -> None:
        self._store = StepStore(root, layout)
        self._id = self._store.create("bench", "bench")

    def append(self) -> None:
        """See `Log`."""
        self._store.append(self._id, [MESSAGE])

    def fill(self, number: int) -> None:
        """See `Log`."""
        with mock.patch.object(os, "fsync", new=leave_unsynced):
            for _ in range(number):
                self.append()

    def read(self) -> Sequence[Any]:
        """See `Log`."""
        log = self._store.read(self._id)
        return log.entries if log else []

    def close(self) -> None:
        """See `Log`."""
        self._store.close()


def leave_unsynced(_file: int) -> None:
    """Stand in for `os.fsync`."""


class SqliteLog:
    """A log that is a table."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE steps (number INTEGER PRIMARY KEY, message TEXT NOT NULL)")

    def append(self) -> None:
        """See `Log`."""
        text = json.dumps(MESSAGE, ensure_ascii=False, separators=(",", ":"))
        self._database.execute("INSERT INTO steps (message) VALUES (?)", (text,))

    def fill(self, number: int) -> None:
        """See `Log`."""
        self._database.execute("PRAGMA synchronous = OFF")
        for _ in range(number):
            self.append()
        self._database.execute("PRAGMA synchronous = FULL")

    def read(self) -> Sequence[Any]:
        """See `Log`."""
        rows = self._database.execute("SELECT message FROM steps ORDER BY number")
        return [json.loads(text) for (text,) in rows]

    def close(self) -> None:
        """See `Log`."""
        self._database.close()


def log_costs(folder: Path) -> LogCosts:
    """Measure appends and reads. The logs are left in the folder.

    ext4 makes new files slowly for a while after many were deleted: what is measured next would be the slower for it.
    """
    kind = subprocess.check_output(["df", "--output=fstype", folder], text=True).split()[-1]
    return LogCosts(kind, len(json.dumps(MESSAGE)), appends(folder), readings(folder))


def logs(folder: Path, stack: ExitStack) -> dict[str, Log]:
    """A new log of each store, in a new folder."""
    folder.mkdir()
    made: dict[str, Log] = {
        FILE: StepLog(folder / "file", "file"),
        FOLDER: StepLog(folder / "folder", "folder"),
        SQLITE: SqliteLog(folder / "log.sqlite"),
    }
    for log in made.values():
        stack.enter_context(closing(log))
    return made


def appends(folder: Path) -> list[Appends]:
    """Append to logs of every history, with every store in turn."""
    rounds = [
        {history: appended(folder / f"{history}-{number}", history) for history in HISTORIES}
        for number in range(ROUNDS)
    ]
    found: list[Appends] = []
    for history in HISTORIES:
        best = {name: min(each[history][name].seconds for each in rounds) for name in STORES}
        for name, seconds in best.items():
            mine = [each[history][name] for each in rounds]
            found.append(
                Appends(
                    store=name,
                    history=history,
                    per_second=round(APPENDS / seconds),
                    of_sqlite3=round(best[SQLITE] / seconds, 2),
                    bytes_written=round(mean(each.bytes_written for each in mine) / APPENDS),
                    write_calls=round(mean(each.write_calls for each in mine) / APPENDS, 1),
                )
            )
    return found


def appended(folder: Path, history: int) -> dict[str, Round]:
    """One round of appends to a log of that history, for each store."""
    found: dict[str, Round] = {}
    with ExitStack() as stack:
        made = logs(folder, stack)
        for log in made.values():
            log.fill(history)
        # Else the first append would wait for what all logs were filled with.
        os.sync()
        for name, log in made.items():
            written, calls = write_counters()
            start = time.perf_counter()
            for _ in range(APPENDS):
                log.append()
            seconds = time.perf_counter() - start
            written_now, calls_now = write_counters()
            found[name] = Round(seconds, written_now - written, calls_now - calls)
    return found


def write_counters() -> tuple[int, int]:
    """How many bytes this process has handed to write calls, and how many calls it made."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    counters = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return counters["wchar"], counters["syscw"]


def readings(folder: Path) -> list[Reading]:
    """Read logs of every length, from every store in turn."""
    found: list[Reading] = []
    with ExitStack() as stack:
        made, filled = logs(folder / "to-read", stack), 0
        for length in LENGTHS:
            if length > MOST_FILES:
                made.pop(FOLDER, None)
            for log in made.values():
                log.fill(length - filled)
            filled = length
            os.sync()
            rounds = [{name: seconds_to_read(log, length) for name, log in made.items()} for _ in range(ROUNDS)]
            best = {name: min(each[name] for each in rounds) for name in made}
            for name, seconds in best.items():
                found.append(Reading(name, length, round(length / seconds), round(best[SQLITE] / seconds, 2)))
    return found


def seconds_to_read(log: Log, length: int) -> float:
    """How long the read of a log takes that is so long."""
    start = time.perf_counter()
    messages = log.read()
    seconds = time.perf_counter() - start
    if len(messages) != length:
        sys.exit(f"of a log of {length:,} steps, {len(messages):,} were read")
    return seconds


def log_tables(costs: LogCosts) -> tuple[Table, Table]:
    """The numbers as two tables. A ratio above 1 is faster than sqlite3."""
    append_table = Table(
        *("history", "store", "a second", "of sqlite3", "bytes written", "write calls"),
        title=f"appends of {costs.message_bytes:,} bytes on {costs.file_system}",
    )
    for each in costs.appends:
        written = f"{each.bytes_written:,}", f"{each.write_calls:.1f}"
        append_table.add_row(
            f"{each.history:,}", each.store, f"{each.per_second:,}", f"{each.of_sqlite3:.2f}", *written
        )
    read_table = Table("steps", "store", "steps a second", "of sqlite3", title="reading whole logs")
    for row in costs.readings:
        read_table.add_row(f"{row.steps:,}", row.store, f"{row.per_second:,}", f"{row.of_sqlite3:.2f}")
    return append_table, read_table
