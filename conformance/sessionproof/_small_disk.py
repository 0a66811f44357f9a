"""A small file system in memory that can be filled, made by mount(8): for root alone."""

import functools
import os
import subprocess
import tempfile
from pathlib import Path

SIZE = 1 << 20
"""Bytes that it has room for."""
_FILLER = "filler"


class NoSmallDisk(Exception):  # noqa: N818 - reads as what is lacking
    """No small file system can be made here. The message says why."""


def mount(folder: Path) -> None:
    """Mount it on an empty folder.

    Raises:
        NoSmallDisk: That takes root, and a machine that lets root mount.
    """
    if os.geteuid() != 0:
        raise NoSmallDisk("to fill a small file system takes root")
    done = _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "sessionproof", str(folder))
    if done.returncode:
        raise NoSmallDisk(f"a small file system cannot be mounted: {done.stderr.strip()}")


@functools.cache
def can_mount() -> bool:
    """Whether such a file system can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            mount(Path(folder))
        except NoSmallDisk:
            return False
        unmount(Path(folder))
    return True


def unmount(folder: Path) -> None:
    """Unmount it, whoever has files open in it."""
    _run("umount", "--lazy", str(folder))


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words


def fill(folder: Path, free: int) -> None:
    """Leave so many bytes free."""
    space = os.statvfs(folder)
    with (folder / _FILLER).open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, max(1, space.f_bavail * space.f_frsize - free))


def make_room(folder: Path) -> None:
    """Take away what fills it."""
    (folder / _FILLER).unlink()
