"""Where miniatures are driven: a lab for each."""

import sys
from pathlib import Path

from sessionproof import Adapter
from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._lab import Lab

GROUPS = ("STO", "FMT", "LOG", "IDS", "COR", "SEC", "ATM", "DUR", "CON", "CST", "RES")
# The clock of every miniature counts nanoseconds, so that no change needs two seconds to be told from another.
ONE_TICK = ("sessionproof._probes._sto._PACES", ((1, 0.03),))


def lab_of(store: type[Adapter], deadline: float = 10.0) -> Lab:
    """A lab of the profile `quick` with the store in a process of its own."""
    command = (sys.executable, "-m", "sessionproof._host", f"{store.__module__}:{store.__name__}")
    return Lab(Launch(command, Path(__file__).parents[1], deadline=deadline), PROFILES["quick"])
