"""The reference store for the formats `snapshot` and `session`: what the spec asks for, in the smallest honest way."""

from sessionproof_reference._errors import (
    Conflict,
    Corrupt,
    InvalidDocument,
    InvalidId,
    NotFound,
    StoreError,
    UnsupportedVersion,
)
from sessionproof_reference._sessions import SessionStore, Summary
from sessionproof_reference._store import Loaded, SnapshotStore

__all__ = [
    "Conflict",
    "Corrupt",
    "InvalidDocument",
    "InvalidId",
    "Loaded",
    "NotFound",
    "SessionStore",
    "SnapshotStore",
    "StoreError",
    "Summary",
    "UnsupportedVersion",
]
