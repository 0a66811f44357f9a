"""What people do without a kit: a loop of `kill -9` on a store that is written to, with a look after each kill.

A kill shows what a death of the process leaves. The loss of power it cannot show: the kernel has what was written.
"""

import os
import random
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any, NoReturn

from miniatures.broken import Broken
from sessionproof import Adapter, _tree
from sessionproof._json import Object
from sessionproof._probes._histories import SIZES

PATIENCE = 10.0
"""Seconds of kills for each broken store."""
LIFE = 0.05
"""A process is killed within so many seconds of its start."""


@dataclass(frozen=True, slots=True)
class Kills:
    """A loop of `kill -9`: how many lives it had, and after how many seconds it saw which fault, if any."""

    lives: int
    seconds: float | None = None
    fault: str = ""


class Wrong(Exception):  # noqa: N818 - reads as what it says
    """What the loop saw is not what was written."""


def kill_loop(broken: Broken) -> Kills:
    """Write until a kill, open again, read, compare, write once more and read that; until a fault or `PATIENCE` ends.

    This is what people do without a kit: the newest document, or of a log its entries, must be what was acknowledged,
    with or without the write that was in flight. The store is written to by a forked process that does nothing else.
    """
    chance, lives = random.Random(0), 0
    with tempfile.TemporaryDirectory(prefix="sessionproof-bench-", dir=_tree.memory_folder()) as folder:
        # What the loop finds wrong with the clean store would be wrong with the loop.
        _Loop(broken.clean, f"{folder}/clean").live(LIFE)
        loop, start = _Loop(broken.store, f"{folder}/broken"), time.perf_counter()
        while time.perf_counter() - start < PATIENCE:
            lives += 1
            try:
                loop.live(chance.uniform(0, LIFE))
            except Exception as fault:  # noqa: BLE001 - a store may raise anything, and should raise nothing
                text = f"{type(fault).__name__} {fault}".splitlines()[0]
                return Kills(lives, round(time.perf_counter() - start, 3), text)
    return Kills(lives)


class _Loop:
    """The writes of one store, numbered. A log is a new one in each life: what is read would grow and grow."""

    def __init__(self, store: type[Adapter], folder: str) -> None:
        self._store, self._root = store, f"{folder}/root"
        Path(folder).mkdir()
        self._logs = hasattr(store, "append")
        self._id, self._lives = "session", 0
        self._first, self._last = 1, 0

    def live(self, seconds: float) -> None:
        """One life that is killed, and the look that follows.

        Raises:
            Wrong: It shows a fault.
        """
        if self._logs:
            self._lives += 1
            self._id, self._first = f"log-{self._lives}", self._last + 1
        ends = os.pipe()
        child = os.fork()
        if not child:
            self._write_until_killed(ends[1])
        os.close(ends[1])
        time.sleep(seconds)
        os.kill(child, SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(ends[0], "rb") as acknowledged:
            self._last += len(acknowledged.read())
        store = self._opened()
        self._compare(store, flight=True)
        self._write(store, self._last + 1)
        self._last += 1
        self._compare(store, flight=False)
        store.close()

    def _write_until_killed(self, acknowledged: int) -> NoReturn:
        """A byte for each answer. A write that is refused ends it: the look that follows meets the same."""
        with suppress(Exception):
            store, number = self._opened(), self._last
            while True:
                number += 1
                self._write(store, number)
                os.write(acknowledged, b".")
        os._exit(0)

    def _opened(self) -> Any:
        store = self._store()
        store.open(self._root, "kills")
        return store

    def _write(self, store: Any, number: int) -> None:
        if self._logs:
            store.append(self._id, [self._value(number)])
        else:
            store.save(self._id, self._value(number))

    @staticmethod
    def _value(number: int) -> Object:
        # A message, which the stores that take only steps take too.
        text = f"{number} " * (1 + SIZES[number % len(SIZES)] // 5)
        return {"role": "user", "content": [{"type": "text", "text": text}]}

    def _seen(self, store: Any) -> list[Any]:
        answer: Any = store.read(self._id) if self._logs else store.load(self._id)
        if answer is None:
            return []
        # A document comes as it is or, by some adapters, within a `Loaded`.
        return answer["entries"] if self._logs else [getattr(answer, "document", answer)]

    def _compare(self, store: Any, *, flight: bool) -> None:
        """Compare with the last that was acknowledged, or with one more, which then was the last."""
        seen = self._seen(store)
        for last in (self._last, self._last + 1) if flight else (self._last,):
            first = self._first if self._logs else max(1, last)
            if seen == [self._value(number) for number in range(first, last + 1)]:
                self._last = last
                return
        raise Wrong("what is read is not what was written")
