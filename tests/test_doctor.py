"""`sessionproof doctor` says what the machine can probe and what an adapter gets wrong."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from runs import sessionproof
from sessionproof import _gate

NO_ECHO = """
import json, sys

STATEMENT = {
    "protocol": "1.0", "implementation": {"name": "x", "version": "1", "language": "any"}, "operations": [],
    "fidelity": "json", "format": None, "durability": "none", "concurrency": "single", "ids": "any",
}
print("starting up")
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": STATEMENT}), flush=True)
sys.exit(ENDS)
"""
ROUNDING = """
from store import Good

class Rounding(Good):
    def echo(self, value):
        return [float(n) for n in value] if isinstance(value, list) and value and isinstance(value[0], int) else value
"""


def test_a_machine_without_adapter_is_not_examined(tmp_path: Path) -> None:
    """Without an adapter the machine alone is looked at, and nothing is bad."""
    done = sessionproof(tmp_path, "doctor")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[1].rstrip(":") for line in done.out.splitlines()] == [
        "system",
        "roots",
        "permission",
        "recording",
        "stopping",
        "real",
    ]


def test_a_machine_without_a_gate_is_found_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel takes no filter, a note says what that costs."""
    monkeypatch.setattr(_gate, "program", Mock(return_value=bytes(8)))
    done = sessionproof(tmp_path, "doctor")
    assert "note     stopping calls: the kernel or the container refuses to stop system calls: seccomp" in done.out
    assert "RES is not run" in done.out


def test_a_good_adapter_is_found_sick(tmp_path: Path) -> None:
    """A good adapter has nothing bad: it starts, its JSON carries everything, it ends."""
    done = sessionproof(tmp_path, "doctor", "store:Good")
    assert done.code == 0
    assert "good     initialize: good 1, 3 operations" in done.out
    assert "good     echo of lone surrogates: comes back unchanged" in done.out
    assert "good     end of input: exits with status 0" in done.out
    assert "bad " not in done.out


def test_an_adapter_that_does_not_start_is_found_well(tmp_path: Path) -> None:
    """Exit code 3, and what the adapter said."""
    done = sessionproof(tmp_path, "doctor", "--", "python", "-c", "raise SystemExit('no licence')")
    assert done.code == 3
    assert "bad      start: " in done.out
    assert "no licence" in done.out


def test_json_that_loses_integers_is_not_noticed(tmp_path: Path) -> None:
    """Values that the adapter's own JSON changes are a note: they are not sent to the store."""
    (tmp_path / "rounding.py").write_text(ROUNDING, encoding="utf-8")
    done = sessionproof(tmp_path, "doctor", "rounding:Rounding")
    assert done.code == 0
    assert "note     echo of integers beyond a double: is refused or changed" in done.out


def test_noise_and_a_bad_end_are_not_noticed(tmp_path: Path) -> None:
    """Lines before the protocol and a missing echo are notes; a wrong exit status is bad."""
    (tmp_path / "adapter.py").write_text(NO_ECHO.replace("ENDS", "1"), encoding="utf-8")
    done = sessionproof(tmp_path, "doctor", "--", "python", "adapter.py")
    assert done.code == 3
    assert "note     standard output: carried 'starting up' before the protocol" in done.out
    assert "note     echo: not an operation" in done.out
    assert "bad      end of input: the adapter exits with status 1" in done.out
