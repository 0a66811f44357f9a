"""The conformance kit for agent session stores. This package's names are for authors of adapters in Python."""

from sessionproof._serve import (
    Adapter,
    Conflict,
    Corrupt,
    InvalidDocument,
    InvalidId,
    Loaded,
    NotFound,
    StoreError,
    UnsupportedVersion,
    serve,
)

__all__ = [
    "Adapter",
    "Conflict",
    "Corrupt",
    "InvalidDocument",
    "InvalidId",
    "Loaded",
    "NotFound",
    "StoreError",
    "UnsupportedVersion",
    "serve",
]
