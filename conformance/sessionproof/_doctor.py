"""`sessionproof doctor`: what this machine can probe, and what an adapter gets wrong before any store is touched."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sessionproof import _gate, _json, _loop, _tree
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._json import JSON
from sessionproof._lab import nested
from sessionproof._loop import FILE_SYSTEMS
from sessionproof._protocol import Answer, Call
from sessionproof._recorder import lacking


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing looked at: `note`: something is less than it could be; `bad`: the adapter must be mended."""

    verdict: Literal["good", "note", "bad"]
    what: str
    detail: str


def examine(launch: Launch | None) -> Iterator[Examination]:
    """Look at the machine, and at the adapter where there is one."""
    yield from _machine()
    if launch is not None:
        yield from _adapter(launch)


def _machine() -> Iterator[Examination]:
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    good = platform.system() == "Linux"
    yield Examination(
        "good" if good else "note", "system", system if good else f"{system}; only Linux is known to work"
    )
    folder = _tree.memory_folder()
    yield Examination(
        "good" if folder else "note",
        "roots",
        f"made in {folder}" if folder else "made on disk; a tmpfs at /dev/shm is faster",
    )
    if os.geteuid() == 0:
        able = shutil.which("setpriv") is not None
        detail = (
            "held against root too, through setpriv"
            if able
            else "do not hold for root: install util-linux (setpriv), or run as another user"
        )
        yield Examination("good" if able else "note", "permission bits", detail)
    else:
        yield Examination("good", "permission bits", "hold for this user")
    reason = lacking()
    yield Examination(
        "note" if reason else "good",
        "recording",
        f"{reason}; ATM, DUR, CST, SEC-2 and SEC-3 are not run" if reason else "strace is there",
    )
    reason = _gate.lacking()
    yield Examination(
        "note" if reason else "good",
        "stopping calls",
        f"{reason}; RES is not run, and CON is tried by chance alone" if reason else "seccomp user notification works",
    )
    reasons = [reason for kind in FILE_SYSTEMS if (reason := _loop.lacking(kind)) is not None]
    yield Examination(
        "note" if reasons else "good",
        "real file systems",
        f"{'; '.join(reasons)}; `--confirm-on` needs it, and nothing else" if reasons else ", ".join(FILE_SYSTEMS),
    )


_VALUES: list[tuple[str, JSON]] = [
    ("all of Unicode", "\0\x1f\x7f\u00e9e\u0301\u2028\ufeff\uffff\U0001f600\U0010ffff"),
    ("integers to 2^53 - 1", [2**53 - 1, -(2**53) + 1]),
    ("integers beyond a double", [2**53 + 1, 2**63 - 1, 2**64 - 1]),
    ("floats", [0.1, 1e-7, 5e-324, 1.7976931348623157e308]),
    ("minus zero", [-0.0]),
    ("64 levels", nested(64)),
    ("200 levels", nested(200)),
    ("lone surrogates", "\ud800"),
    ("names like __proto__", {"__proto__": 1, "constructor": 2, "": 3}),
]


def _adapter(launch: Launch) -> Iterator[Examination]:
    try:
        process = AdapterProcess(launch)
    except AdapterFault as fault:
        yield Examination("bad", "start", str(fault))
        return
    statement = process.statement
    name = f"{statement.implementation['name']} {statement.implementation['version']}"
    yield Examination("good", "initialize", f"{name}, {len(statement.operations)} operations")
    for line in process.noise:
        yield Examination("note", "standard output", f"carried {line!r} before the protocol; print to standard error")
    if "echo" in statement.operations:
        for what, value in _VALUES:
            try:
                yield _echo(process, what, value)
            except AdapterFault as fault:
                yield Examination("bad", f"echo of {what}", str(fault))
                process = AdapterProcess(launch)
    else:
        yield Examination(
            "note",
            "echo",
            "not an operation: the kit cannot tell the adapter's JSON from the store's, and sends less",
        )
    try:
        process.end()
        yield Examination("good", "end of input", "exits with status 0")
    except AdapterFault as fault:
        yield Examination("bad", "end of input", str(fault))


def _echo(process: AdapterProcess, what: str, value: JSON) -> Examination:
    outcome = process.call(Call("echo", {"value": value}))
    if isinstance(outcome, Answer) and _json.same(outcome.result["value"], value):
        return Examination("good", f"echo of {what}", "comes back unchanged")
    return Examination(
        "note",
        f"echo of {what}",
        "is refused or changed by the adapter's own JSON; such values are not sent to the store",
    )
