"""What schedules cost here: two saves of one session in two processes, every order of their calls that can differ.

Of small stores only the schedules are carried out, each on a fresh root that both processes open. Of the reference
store each is also looked at by both and by a new store object, and judged. The kit and the processes take turns; where
other work shares the machine the wall clock misleads, so schedules for a second of processor time are given beside it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from gates import BEGINNING, COUNT, LOCK_FILE, NODE, OWN, PYTHON, SAVE, SQLITE, TWO, Race, locked
from sessionproof import _tree
from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._gate import GatedProcess
from sessionproof._lab import Lab
from sessionproof._schedules import Exploration
from sessionproof._setup import Setup
from sessionproof._trial import Trial

FLOCK = locked("fcntl.flock(lock, fcntl.LOCK_EX)")
STORES: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "Python, no lock": ("none", PYTHON, SAVE + OWN),
    "Node, no lock": ("none", ("node", "store.js"), NODE),
    "Python, flock": ("waits in the kernel", PYTHON, FLOCK),
    "Python, lock file": ("asks again", PYTHON, LOCK_FILE.replace("COUNT", COUNT)),
    "SQLite": ("asks again", PYTHON, SQLITE),
}
TESTS = Path(__file__).parent
REFERENCE = (sys.executable, "-m", "sessionproof_reference.adapter", "session")
INTERRUPTIONS = (0, 1, 2)
MOST = 300
"""Schedules of one store that are timed at most."""


@dataclass(frozen=True, slots=True)
class Schedules:
    """How fast the schedules of two saves are carried out; `left` are known of and were not."""

    store: str
    lock: str
    interruptions: int
    schedules: int
    left: int
    seconds: float
    per_second: float
    per_processor_second: float


def speeds() -> Iterator[Schedules]:
    """All that is measured."""
    for interruptions in INTERRUPTIONS:
        for store, (lock, command, source) in STORES.items():
            with tempfile.TemporaryDirectory(dir=_tree.memory_folder()) as folder:
                counts, *times = alone(command, source, interruptions, Path(folder))
                yield row(store, lock, interruptions, counts, *times)
        counts, *times = judged(interruptions)
        yield row("reference, judged", "waits in the kernel", interruptions, counts, *times)


def row(  # noqa: PLR0913, PLR0917 - what a row is of
    store: str, lock: str, interruptions: int, counts: tuple[int, int], seconds: float, processor_seconds: float
) -> Schedules:
    """The row of what was measured."""
    done, left = counts
    return Schedules(store, lock, interruptions, done, left, seconds, done / seconds, done / processor_seconds)


def alone(
    command: tuple[str, ...], source: str, interruptions: int, folder: Path
) -> tuple[tuple[int, int], float, float]:
    """The schedules of a small store: how many were carried out and left, the seconds, those of the processors."""
    (folder / "small.py").write_text(BEGINNING + source, encoding="utf-8")
    (folder / "store.js").write_text(source, encoding="utf-8")
    gates = [GatedProcess(Launch(command, folder)) for _ in TWO]
    try:
        race = Race(folder / "places", gates, TWO)
        race.carry_out([])
        exploration = Exploration(race.carry_out, interruptions, MOST)
        started, used = time.perf_counter(), processor_seconds()
        for _ in exploration:
            pass
        seconds, used = time.perf_counter() - started, processor_seconds() - used
    finally:
        for gate in gates:
            gate.kill()
    return (exploration.carried_out, exploration.left), seconds, used


def judged(interruptions: int) -> tuple[tuple[int, int], float, float]:
    """The same for the reference store, each schedule judged."""
    with Lab(Launch(REFERENCE, TESTS), PROFILES["quick"]) as lab:
        trial = Trial(lab, "CON-1")
        [id] = trial.ids(1)
        with trial.run(Setup(gated=True), fast=True) as run:
            run.write(id, trial.content.plain(0, id))
            run.do({"do": "rest"})
            documents = [trial.content.plain(number, id) for number in (1, 2)]
            sides: Any = [[{"method": "save", "params": {"id": id, "document": document}}] for document in documents]
            run.do({"do": "races", "sides": sides, "interruptions": 0, "most": 1})
            run.trials.clear()
            started, used = time.perf_counter(), processor_seconds()
            run.do({"do": "races", "sides": sides, "interruptions": interruptions, "most": MOST})
            seconds, used = time.perf_counter() - started, processor_seconds() - used
            return (run.trials["schedules"], run.trials["schedules possible"] - run.trials["schedules"]), seconds, used


def processor_seconds() -> float:
    """What this process and those that it has started and not yet ended have used of the processor so far."""
    me, ticks = os.getpid(), 0
    for child in Path(f"/proc/{me}/task/{me}/children").read_text(encoding="ascii").split():
        fields = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def speed_table(rows: Sequence[Schedules]) -> Table:
    """Schedules a second."""
    table = Table(
        *("store", "lock", "interruptions", "schedules", "left", "seconds", "a second", "a cpu second"),
        title="schedules of two saves of one session in two processes",
        caption=f"judged: opened by three, looked at by three, judged; at most {MOST} are timed",
    )
    for row in rows:
        counts = f"{row.interruptions}", f"{row.schedules}", f"{row.left}"
        rates = f"{row.seconds:.2f}", f"{row.per_second:.0f}", f"{row.per_processor_second:.0f}"
        table.add_row(row.store, row.lock, *counts, *rates)
    return table


def measured() -> tuple[Sequence[Schedules], Table]:
    """The rows and their table."""
    rows = list(speeds())
    return rows, speed_table(rows)


MEASURES: Mapping[str, Callable[[], tuple[Sequence[Schedules], Table]]] = {"schedules": measured}
"""What `bench.py` measures of races, by the name of the part."""
