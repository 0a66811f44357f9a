"""Models for histories of calls that overlap."""

from typing import Any

from sessionproof._content import Content
from sessionproof._json_values import Limits
from sessionproof._model import Model
from sessionproof._protocol import Answer, Silence
from sessionproof._statement import Statement

ID = "a"
OPERATIONS = """
save load delete exists list summaries latest attach attachments create append append_events compact describe read claim
"""
LOST = Silence("adapter-crash", "")
NOT_MINE = Answer({"claimed": False})


def model(without: str = "", **claims: Any) -> Model:
    """A model of a store with every operation but these."""
    statement = Statement.parse(
        {
            "protocol": "1.0",
            "implementation": {"name": "n", "version": "1", "language": "none"},
            "operations": [name for name in OPERATIONS.split() if name not in without.split()],
            "fidelity": "json",
            "format": None,
            "durability": "process-crash",
            "concurrency": "multi-process",
            "ids": "any",
            **claims,
        }
    )
    return Model(statement, Content(statement, Limits()), Content(statement, Limits(), logs=True))


DOCUMENTS = model(without="create append append_events compact describe read claim")
LOGS = model(without="save load create")
CREATED = model(without="save load", ids="store")
