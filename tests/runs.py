"""Runs of the command line on adapters of a few lines, and what the project's schemas say of what they write."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sessionproof._cli import main

SCHEMAS = {
    path.name: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parents[1] / "schemas").glob("*.schema.json")
}

STORE = '''
import json, os, sys
from sessionproof import Adapter, InvalidDocument

class Good(Adapter):
    name, version = "good", "1"

    def open(self, root, namespace):
        self.root = root
        os.makedirs(root, mode=0o700, exist_ok=True)

    def path(self, id):
        return os.path.join(self.root, "s-" + id.encode("utf-8", "surrogatepass").hex())

    def save(self, id, document, if_revision=None):
        if not isinstance(document, dict):
            raise InvalidDocument("no object")
        with open(os.open(self.path(id), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file)

    def load(self, id):
        if not os.path.exists(self.path(id)):
            return None
        with open(self.path(id)) as file:
            return json.load(file)

class Deleting(Good):
    def delete(self, id):
        existed = os.path.exists(self.path(id))
        if existed:
            os.remove(self.path(id))
        return existed

class Keeping(Good):
    """A delete that deletes nothing: STO-3."""
    def delete(self, id):
        return os.path.exists(self.path(id))

class Readable(Good):
    """Files that anybody may read: SEC-1, a SHOULD."""
    def save(self, id, document, if_revision=None):
        super().save(id, document)
        os.chmod(self.path(id), 0o666)

class Empty(Adapter):
    """A statement without operations."""
    echo = None

    def operations(self):
        return []

    def open(self, root, namespace):
        pass

class Dying(Good):
    """Ends at the first delete of all, and does not start again."""
    def __init__(self):
        if os.path.exists("died"):
            sys.exit("no memory is left")

    def delete(self, id):
        open("died", "w").close()
        os._exit(3)

class Hostile(Good):
    """Says what a terminal or a page would obey."""
    name = "<script>alert(1)</script>"

    def load(self, id):
        raise RuntimeError("[bold red]<img src=x onerror=alert(1)>[/]\\x1b[2J\\ud800")
'''


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str


def sessionproof(folder: Path, *words: str) -> Done:
    """Run the command line in this process, in a folder that holds the adapters as `store.py`."""
    (folder / "store.py").write_text(STORE, encoding="utf-8")
    said, complained = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile() as shown, contextlib.chdir(folder), _output_to(shown.fileno()):
        code = None
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            try:
                main(list(words), prog_name="sessionproof")
            except SystemExit as end:
                code = end.code
        shown.seek(0)
        out = shown.read().decode("utf-8") + said.getvalue()
    assert isinstance(code, int)
    return Done(code, out, complained.getvalue())


@contextlib.contextmanager
def _output_to(descriptor: int) -> Generator[None]:
    """The kit shows a run past whatever pytest has made of `sys.stdout`."""
    kept = os.dup(1)
    os.dup2(descriptor, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def start(folder: Path, *words: str, before: str = "") -> "subprocess.Popen[str]":
    """Start the command line in a process of its own; `before` is Python to run first."""
    (folder / "store.py").write_text(STORE, encoding="utf-8")
    module = f"{before}\nimport runpy; runpy.run_module('sessionproof', run_name='__main__')"
    return subprocess.Popen(
        [sys.executable, *(["-c", module] if before else ["-m", "sessionproof"]), *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def ended(process: "subprocess.Popen[str]") -> Done:
    """What a process came to, once it has ended."""
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def probing(*words: str, only: str = "STO-2,IDS-7", n: int = 1) -> tuple[str, ...]:
    """The words of a `check` of a few requirements, which writes its report to `report.json`."""
    return ("check", "--profile", "quick", "-n", str(n), "--only", only, "--json", "report.json", *words)


def check(folder: Path, *words: str, only: str = "STO-2,IDS-7", n: int = 1) -> Done:
    """Run `sessionproof check` on a few requirements."""
    return sessionproof(folder, *probing(*words, only=only, n=n))


def report(folder: Path) -> dict[str, Any]:
    """The report that `check` wrote."""
    value: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return value


def verdicts(folder: Path) -> dict[str, str]:
    """The verdict of each requirement that was probed."""
    return {entry["id"]: entry["verdict"] for entry in report(folder)["requirements"] if entry["probes"]}


def schema_faults(name: str, value: object) -> list[str]:
    """What is wrong with the value by one of the kit's schemas; the two validators must agree."""
    resources: list[Resource[Any]] = [DRAFT202012.create_resource(schema) for schema in SCHEMAS.values()]
    nothing: Registry[Any] = Registry()
    registry = nothing.with_resources([(resource.id() or "", resource) for resource in resources])
    validator: Any = Draft202012Validator(SCHEMAS[name], registry=registry)
    found = [str(error.message) for error in validator.iter_errors(value)]
    others = jsonschema_rs.Registry([(schema["$id"], schema) for schema in SCHEMAS.values()])
    agrees = jsonschema_rs.Draft202012Validator(SCHEMAS[name], registry=others).is_valid(value) is (not found)
    return found if agrees else [*found, "jsonschema_rs does not agree"]
