"""What real file systems left of the programs, and the notation in which trees are told."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionproof._disk import Disk

_ALWAYS = ("d", "e")
"""Folders of most setups, which no program touches: they are not told."""
_RUN = re.compile(rb"(.)\1*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tree that was seen after a crash of a program on a file system, in so many runs.

    `files` tells every path: a file as its size and its bytes in runs (`150:O*100,NUL*50`; `<0>` where it is empty), a
    folder, whose path ends in a slash, as `dir`, and a symbolic link as the file that it leads to.
    """

    litmus: int
    filesystem: str
    crash: str
    runs: int
    files: Mapping[str, str]


def outcomes() -> Sequence[Outcome]:
    """All that are on record in outcomes.json, which also says what the names of file systems and crashes mean."""
    recorded = json.loads(Path(__file__).with_name("outcomes.json").read_text(encoding="utf-8"))
    return [Outcome(**outcome) for outcome in recorded["outcomes"]]


def shown(disk: Disk) -> dict[str, str]:
    """A tree in the notation of `Outcome.files`; a symbolic link that leads nowhere is told by its target."""
    told = dict[str, str]()
    for path, inode in disk.walk():
        name = path.decode()
        if inode.kind == "folder":
            if name not in _ALWAYS:
                told[f"{name}/"] = "dir"
        elif inode.kind == "link":
            told[name] = _followed(disk, path.rpartition(b"/")[0], inode.content)
        else:
            told[name] = _in_runs(inode.content)
    return told


def _followed(disk: Disk, folder: bytes, target: bytes) -> str:
    _, _, number = disk.find(folder + b"/" + target)
    if number is None or disk.inodes[number].kind != "file":
        return f"-> {target.decode()}"
    return _in_runs(disk.inodes[number].content)


def _in_runs(content: bytes) -> str:
    if not content:
        return "<0>"
    runs = (run[0] for run in _RUN.finditer(content))
    return f"{len(content)}:" + ",".join(f"{run[:1].decode() if run[0] else 'NUL'}*{len(run)}" for run in runs)
