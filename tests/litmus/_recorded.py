"""The file operations of a program, as the kit's own recorder tells them."""

import atexit
import copy
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from litmus.programs import PROGRAMS, carry_out
from sessionproof import Adapter
from sessionproof._client import Launch
from sessionproof._disk import Disk, Operation
from sessionproof._json import Object
from sessionproof._protocol import Answer, Call
from sessionproof._recorder import RecordedProcess
from sessionproof._tree import memory_folder


class Programs(Adapter):
    """Carries out the part of a program that a document names, in its root."""

    name, version = "litmus", "1"
    durability = "process-crash"

    def open(self, root: str, namespace: str) -> None:
        """Work in the root."""
        del namespace
        os.chdir(root)
        self._kept = list[int]()

    def save(self, id: str, document: Object, if_revision: str | None = None) -> None:
        """Carry out `{"litmus": number, "part": "setup" or "run"}`."""
        del id, if_revision
        number = document["litmus"]
        assert isinstance(number, int)
        program = PROGRAMS[number]
        self._kept += carry_out(program.setup if document["part"] == "setup" else program.run)

    def load(self, id: str) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Close what stayed open."""
        for descriptor in self._kept:
            os.close(descriptor)


def recorded(number: int) -> tuple[Disk, list[Operation]]:
    """What lies on the disk after a program's setup, and what its run does then.

    Raises:
        Refused: The recorder cannot tell what the program does.
        NoRecorder: This machine cannot record.
    """
    process, place = _recorder()
    folder = Path(tempfile.mkdtemp(prefix=f"{number}-", dir=place))
    process.begin(folder)
    _answered(process, Call("open", {"root": str(folder), "namespace": ""}))
    _answered(process, Call("save", {"id": "setup", "document": {"litmus": number, "part": "setup"}}))
    disk = Disk()
    for operation in process.recorded(folder, ()):
        disk.apply(operation)
    process.begin(folder, copy.deepcopy(disk))
    _answered(process, Call("save", {"id": "run", "document": {"litmus": number, "part": "run"}}))
    try:
        return disk, process.recorded(folder, ())
    finally:
        _answered(process, Call("close"))


@functools.cache
def _recorder() -> tuple[RecordedProcess, Path]:
    """One process for all programs, as long as this one lives."""
    place = Path(tempfile.mkdtemp(prefix="litmus-", dir=memory_folder()))
    atexit.register(shutil.rmtree, place)
    command = (sys.executable, "-m", "sessionproof._host", "litmus._recorded:Programs")
    process = RecordedProcess(Launch(command, Path(__file__).parents[1]), place)
    atexit.register(process.end)
    return process, place


def _answered(process: RecordedProcess, call: Call) -> None:
    outcome = process.call(call)
    if not isinstance(outcome, Answer):
        raise RuntimeError(f"the program did not run: {outcome}")  # noqa: TRY004 - no matter of types
