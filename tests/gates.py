"""Adapters of a few lines behind the gate, and races between them."""

import contextlib
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from sessionproof._client import Launch
from sessionproof._gate import GatedProcess, Held
from sessionproof._protocol import Answer, Call, Outcome
from sessionproof._scheduler import Executed, Schedule
from sessionproof._schedules import Exploration

BEGINNING = """
import fcntl, os, subprocess, sys, threading, time
from sessionproof import Adapter

class Store(Adapter):
    name, version = "small", "1"

    def open(self, root, namespace):
        self.root = root
        os.makedirs(root, exist_ok=True)

    def path(self, name):
        return os.path.join(self.root, name)
"""
COUNT = """
            with open(self.path("count")) as file:
                number = int(file.read())
            with open(self.path("new"), "w") as file:
                file.write(str(number + 1))
            os.rename(self.path("new"), self.path("count"))
"""
SAVE = """
    def save(self, id, document, if_revision=None):
        if True:
"""
LOCKED = """
    def save(self, id, document, if_revision=None):
        with open(self.path("lock"), "w") as lock:
            TAKE
"""
LOCK_FILE = """
    def save(self, id, document, if_revision=None):
        while True:
            try:
                os.close(os.open(self.path("lock"), os.O_CREAT | os.O_EXCL))
                break
            except FileExistsError:
                time.sleep(0.01)
        if True:
COUNT
        os.unlink(self.path("lock"))
"""
OWN = """
            with open(self.path("count")) as file:
                number = int(file.read())
            new = self.path(os.urandom(4).hex())
            with open(new, "w") as file:
                file.write(str(number + 1))
            os.rename(new, self.path("count"))
"""
SQLITE = """
    def save(self, id, document, if_revision=None):
        import sqlite3
        base = sqlite3.connect(self.path("base"), isolation_level=None, timeout=60)
        base.execute("create table if not exists made (number)")
        base.execute("begin immediate")
        base.execute("insert into made values (1)")
        [[number]] = base.execute("select count(*) from made")
        with open(self.path("count"), "w") as file:
            file.write(str(number))
        base.execute("commit")
        base.close()
"""
NODE = """
const fs = require('fs'), path = require('path'), readline = require('readline');
const statement = {protocol: '1.0', implementation: {name: 'n', version: '1', language: 'node'},
  operations: ['save', 'load'], fidelity: 'json', format: null, durability: 'process-crash',
  concurrency: 'multi-process', ids: 'any'};
let root;
const methods = {
  initialize: async () => statement,
  open: async ({root: given}) => { root = given; await fs.promises.mkdir(root, {recursive: true}); return {}; },
  save: async () => {
    const count = path.join(root, 'count'), own = path.join(root, `new-${process.pid}`);
    const number = Number(await fs.promises.readFile(count, 'utf8'));
    await fs.promises.writeFile(own, String(number + 1));
    await fs.promises.rename(own, count);
    return {revision: null};
  },
};
readline.createInterface({input: process.stdin}).on('line', async (line) => {
  const {id, method, params} = JSON.parse(line);
  console.log(JSON.stringify({jsonrpc: '2.0', id, result: await methods[method](params)}));
});
"""
PYTHON = (sys.executable, "-m", "sessionproof._host", "small:Store")


@contextlib.contextmanager
def gated(folder: Path, methods: str, *, deadline: float = 10.0, count: int = 1) -> Generator[list[GatedProcess]]:
    """Processes that serve a store with these methods, open on one root; nothing is held yet.

    The deadline is that of the requests which come then: how long a process takes to start is the machine's affair.
    """
    (folder / "small.py").write_text(BEGINNING + methods, encoding="utf-8")
    gates: list[GatedProcess] = []
    try:
        for _ in range(count):
            gates.append(GatedProcess(Launch(PYTHON, folder)))
            assert isinstance(gates[-1].call(opened(folder / "place" / "root")), Answer)
            gates[-1].launch = replace(gates[-1].launch, deadline=deadline)
        yield gates
    finally:
        for gate in gates:
            gate.kill()


def opened(root: Path) -> Call:
    """The opening of a root."""
    return Call("open", {"root": str(root), "namespace": "n"})


def saving(id: str = "a", **document: int) -> Call:
    """A save of a small document."""
    return Call("save", {"id": id, "document": dict(document)})


TWO = ([saving("a")], [saving("b")])


def finished(gate: GatedProcess) -> tuple[list[Held], Outcome]:
    """Let everything go on; what was held on the way, and the outcome."""
    calls: list[Held] = []
    while isinstance(event := gate.wait(), Held):
        calls.append(event)
        gate.go_on(event)
    return calls, event


def until(gate: GatedProcess, name: str) -> Held:
    """Let calls go on up to the first of a name."""
    while isinstance(event := gate.wait(), Held):
        if event.name == name:
            return event
        gate.go_on(event)
    raise AssertionError(f"no {name}: {event}")


def locked(take: str) -> str:
    """A store that counts under a lock, which it takes like this."""
    return LOCKED.replace("TAKE", take) + COUNT


class Race:
    """Two processes of one store, and how often its schedules were carried out.

    The deadline, in seconds, is that of requests in a schedule.
    """

    def __init__(
        self, folder: Path, gates: list[GatedProcess], calls: Sequence[Sequence[Call]], deadline: float = 10.0
    ) -> None:
        self.folder, self.gates, self.calls, self.deadline = folder, gates, calls, deadline
        self.number = 0
        self.prepared: dict[str, str] = {}
        self.counts: list[str] = []

    def carry_out(self, choices: Sequence[int], dies: Sequence[int] | None = None) -> Executed:
        """One schedule on a fresh root in which nothing was counted yet."""
        self.number += 1
        place = self.folder / str(self.number)
        (place / "root").mkdir(parents=True)
        for name, text in {"count": "0", **self.prepared}.items():
            (place / "root" / name).write_text(text, encoding="utf-8")
        for gate in self.gates:
            assert isinstance(gate.call(opened(place / "root")), Answer)
            gate.launch = replace(gate.launch, deadline=self.deadline)
        executed = Schedule(place, self.gates, self.calls, dies).carry_out(choices)
        self.counts.append((place / "root" / "count").read_text(encoding="utf-8"))
        return executed

    def all(self, interruptions: int = 2, most: int = 1_000) -> list[Executed]:
        """All schedules with at most so many interruptions."""
        exploration = Exploration(self.carry_out, interruptions, most)
        executed = list(exploration)
        assert (exploration.left, exploration.diverged) == (0, 0)
        return executed
