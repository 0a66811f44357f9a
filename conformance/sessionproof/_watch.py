"""Names that come and go in folders, however briefly: inotify, without a dependency (inotify(7))."""

import ctypes
import os
import struct
from pathlib import Path

_CREATE, _MOVED_TO, _MODIFY, _IS_DIR = 0x100, 0x80, 0x2, 0x4000_0000
_EVENT = struct.Struct("iIII")


class NoWatch(Exception):  # noqa: N818 - what there is
    """The machine gives no inotify watch."""


class Watch:
    """Collects every name that is created, moved in or written in the watched folders and the folders made in them.

    A folder that is made is watched from then on; what happens in it before that is found by looking once.

    Raises:
        NoWatch: The kernel refuses.
    """

    def __init__(self, folders: list[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._descriptor < 0:
            raise NoWatch(f"inotify_init1: {os.strerror(ctypes.get_errno())}")
        self._folders: dict[int, Path] = {}
        for folder in folders:
            self._add(folder)

    def _add(self, folder: Path) -> None:
        mask = _CREATE | _MOVED_TO | _MODIFY
        number = int(self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), ctypes.c_uint32(mask)))
        if number < 0:
            raise NoWatch(f"inotify_add_watch: {os.strerror(ctypes.get_errno())}")
        self._folders[number] = folder

    def seen(self) -> list[Path]:
        """The paths since the last look, each once, in order."""
        found: dict[Path, None] = {}
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return list(found)
            offset = 0
            while offset < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, offset)
                name = data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0")
                offset += _EVENT.size + length
                if not name or number not in self._folders:
                    continue
                path = self._folders[number] / os.fsdecode(name)
                found[path] = None
                if mask & _IS_DIR and path.is_dir():
                    self._add(path)
                    found.update(dict.fromkeys(sorted(path.rglob("*"))))

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)
