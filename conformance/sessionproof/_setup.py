"""How the processes and the root of a run are prepared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sessionproof._json import JSON, Object


@dataclass(frozen=True, slots=True)
class Setup:
    """How the processes and the root of a run are prepared; part of a case.

    `umask` is that of the adapter; `unprivileged`: permission bits hold for it; `around`: decoys stand around the root
    and are compared after every call; `tracked`: the run learns which files belong to which session; `premade`: the
    root is there, with mode 0755, before the store ever opens it; `logs`: the sessions of the run are logs;
    `recorded`: the file operations of the adapter are recorded; `counted`: its system calls are counted, `all`
    of them or `writes`; `gated`: they can be stopped; `side`: which of several processes on one root this is;
    `small`: the root lies in a small file system; `failing`: a system call that fails with EIO, with its number since
    the process was started for the run (`fsync:3`); `killed`: one at which the process is killed.
    """

    umask: int | None = None
    unprivileged: bool = False
    around: bool = False
    tracked: bool = False
    premade: bool = False
    logs: bool = False
    recorded: bool = False
    counted: str = ""
    gated: bool = False
    side: int = 0
    small: bool = False
    failing: str = ""
    killed: str = ""

    def to_json(self) -> Object:
        """The members that differ from the defaults."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) != getattr(Setup(), name)}

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> "Setup":
        """The inverse of `to_json`."""
        return cls(**cast("dict[str, Any]", dict(value)))
