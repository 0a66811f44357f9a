"""Adapters of a few lines behind the gate."""

import contextlib
import sys
from collections.abc import Generator
from pathlib import Path

from sessionproof._client import Launch
from sessionproof._gate import GatedProcess, Held
from sessionproof._protocol import Answer, Call, Outcome

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


@contextlib.contextmanager
def gated(folder: Path, methods: str, *, deadline: float = 10.0, count: int = 1) -> Generator[list[GatedProcess]]:
    """Processes that serve a store with these methods, open on one root; nothing is held yet."""
    (folder / "small.py").write_text(BEGINNING + methods, encoding="utf-8")
    command = (sys.executable, "-m", "sessionproof._host", "small:Store")
    gates: list[GatedProcess] = []
    try:
        for _ in range(count):
            gates.append(GatedProcess(Launch(command, folder, deadline)))
            assert isinstance(gates[-1].call(opened(folder / "place" / "root")), Answer)
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
