"""Where miniatures are driven: a lab for each."""

import sys
from pathlib import Path

from sessionproof._client import Launch
from sessionproof._lab import PROFILES, Lab

from miniatures._clean import Clean

GROUPS = ("STO", "FMT", "IDS", "COR", "SEC")


def lab_of(store: type[Clean], deadline: float = 10.0) -> Lab:
    """A lab of the profile `quick` with the store in a process of its own."""
    command = (sys.executable, "-m", "sessionproof._host", f"{store.__module__}:{store.__name__}")
    return Lab(Launch(command, Path(__file__).parents[1], deadline=deadline), PROFILES["quick"])
