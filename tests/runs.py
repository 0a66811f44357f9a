"""Runs of the command line on adapters of a few lines, and what the project's schemas say of what they write."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

QUICK = ("--profile", "quick", "-n", "1")

STORE = '''
import json, os
from sessionproof import Adapter, InvalidDocument, serve

class Good(Adapter):
    name, version = "good", "1"

    def open(self, root, namespace):
        self.root = root
        os.makedirs(root, exist_ok=True)

    def path(self, id):
        return os.path.join(self.root, "s-" + id.encode("utf-8", "surrogatepass").hex())

    def save(self, id, document, if_revision=None):
        if not isinstance(document, dict):
            raise InvalidDocument("no object")
        with open(self.path(id), "w") as file:
            json.dump(document, file)

    def load(self, id):
        if not os.path.exists(self.path(id)):
            return None
        with open(self.path(id)) as file:
            return json.load(file)

class Forgetful(Good):
    """A delete that deletes nothing: STO-3."""
    name = "forgetful"

    def delete(self, id):
        return os.path.exists(self.path(id))

class Leaking(Forgetful):
    """The same requirement broken in another way: the deleted session is listed, and not loaded."""
    name = "leaking"

    def delete(self, id):
        existed = os.path.exists(self.path(id))
        if existed:
            os.rename(self.path(id), self.path(id) + "-gone")
        return existed

    def list(self):
        for name in os.listdir(self.root):
            yield bytes.fromhex(name[2:].removesuffix("-gone")).decode()

class Open(Good):
    """Files that anybody may read: SEC-1, a SHOULD."""
    name = "open"

    def save(self, id, document, if_revision=None):
        super().save(id, document)
        os.chmod(self.path(id), 0o666)

class Empty(Adapter):
    name = "empty"

    def open(self, root, namespace):
        pass

class Dying(Good):
    """Ends in the middle of the run, at the second save of all: no store is at fault when it does not start again."""
    name = "dying"

    def open(self, root, namespace):
        super().open(root, namespace)
        if os.path.exists("died"):
            print("out of memory", file=__import__("sys").stderr)
            os._exit(3)

class Hostile(Good):
    """Answers with what a terminal or a page would obey."""
    name = "<script>alert(1)</script>"

    def load(self, id):
        raise RuntimeError("[bold]<img src=x onerror=alert(1)>[/]\\x1b[2J\\ud800")
'''


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str


def sessionproof(folder: Path, *words: str) -> Done:
    """Run the command line in a folder that holds the adapters as `store.py`."""
    process = start(folder, *words)
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """The same, not waited for. An interrupt reaches it even where the tests themselves run with interrupts ignored."""
    (folder / "store.py").write_text(STORE, encoding="utf-8")
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import sessionproof.__main__"
    del script
    return subprocess.Popen(
        [sys.executable, "-m", "sessionproof", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
