"""The reference stores, one for each format: what the spec asks for, in the smallest honest way."""

from sessionproof_reference._errors import (
    Conflict,
    Corrupt,
    InvalidDocument,
    InvalidId,
    NotFound,
    StoreError,
    UnsupportedVersion,
)
from sessionproof_reference._logs import StepStore
from sessionproof_reference._sessions import SessionStore, Summary
from sessionproof_reference._steps import Damage, Log
from sessionproof_reference._store import Loaded, SnapshotStore

__all__ = [
    "Conflict",
    "Corrupt",
    "Damage",
    "InvalidDocument",
    "InvalidId",
    "Loaded",
    "Log",
    "NotFound",
    "SessionStore",
    "SnapshotStore",
    "StepStore",
    "StoreError",
    "Summary",
    "UnsupportedVersion",
]
