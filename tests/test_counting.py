"""What the system calls of an adapter come to: counts, names, and what is written elsewhere."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sessionproof._client import Launch
from sessionproof._counting import CountedProcess
from sessionproof._protocol import Answer, Call

ADAPTER = '''
import os, subprocess
from sessionproof import Adapter

class Script(Adapter):
    """Carries out what it is told to do with files."""
    name, version = "script", "1"

    def open(self, root, namespace):
        os.makedirs(root, exist_ok=True)
        self.root = root

    def save(self, id, document, if_revision=None):
        exec(document["do"], {"os": os, "subprocess": subprocess, "root": self.root})
'''


@contextmanager
def counted(place: Path) -> Generator[CountedProcess]:
    """An adapter with a store at `root` in the place, of which nothing was counted yet."""
    (place / "script.py").write_text(ADAPTER, encoding="utf-8")
    trace, store = place / "trace", place / "store"
    trace.mkdir()
    store.mkdir()
    command = (sys.executable, "-m", "sessionproof._host", "script:Script")
    process = CountedProcess(Launch(command, place), trace)
    try:
        process.begin(store)
        assert isinstance(process.call(Call("open", {"root": str(store / "root"), "namespace": "n"})), Answer)
        process.seen()
        yield process
    finally:
        process.kill()


def done(process: CountedProcess, script: str) -> None:
    """Let the adapter carry out some lines of Python."""
    assert isinstance(process.call(Call("save", {"id": "a", "document": {"do": script}})), Answer)


def test_bytes_are_not_counted(tmp_path: Path) -> None:
    """Bytes read and written, syncs and files opened are counted, of files in the folder and no others."""
    with counted(tmp_path) as process:
        before = process.counted()
        done(process, "file = open(root + '/a', 'wb'); file.write(b'x' * 5000); file.flush(); os.fsync(file.fileno())")
        written = process.counted() - before
        done(
            process, "open(root + '/a', 'rb', buffering=0).read(3000); open('/dev/zero', 'rb', buffering=0).read(9000)"
        )
        read = process.counted() - before - written

    assert (written.bytes_written, written.fsyncs, written.files_opened) == (5000, 1, 1)
    assert (read.bytes_read, read.bytes_written, read.files_opened) == (3000, 0, 1)
    assert written.system_calls >= 3


def test_short_life_of_a_name_goes_unseen(tmp_path: Path) -> None:
    """A name is seen however briefly it is there, in which way it is spelled, and where nothing has it."""
    with counted(tmp_path) as process:
        done(process, "os.close(os.open(root + '/brief', os.O_CREAT)); os.unlink(root + '/brief')")
        done(process, "os.path.exists(root + '/absent'); os.mkdir(root + '/folder')")
        done(process, "os.chdir(root); os.path.exists('folder/../spelled')")
        named = process.seen().named

    root = tmp_path / "store" / "root"
    assert {root / name for name in ("brief", "absent", "folder", "spelled")} <= named.keys()
    assert named[root / "folder"]
    assert not named[root / "brief"]


def test_writes_elsewhere_go_unseen(tmp_path: Path) -> None:
    """What is written outside is seen, by children too; what is only read or copied from, and devices, are not."""
    with counted(tmp_path) as process:
        done(process, f"import shutil; shutil.copyfile({str(tmp_path / 'script.py')!r}, root + '/copied')")
        done(process, f"open({str(tmp_path / 'copy')!r}, 'w').close(); open('/dev/null', 'w').write('x')")
        done(process, f"subprocess.run(['touch', {str(tmp_path / 'touched')!r}])")
        done(process, f"open({str(tmp_path / 'script.py')!r}).read(); print('to the kit')")
        written = process.seen().written

    assert [path.name for path in written if tmp_path in path.parents] == ["copied", "copy", "touched"]
    assert not [path for path in written if tmp_path not in path.parents]
