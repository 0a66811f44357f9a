"""Every broken store, for every requirement of the groups that have probes."""

from miniatures import (
    _atm,
    _con,
    _cor,
    _cst,
    _dur,
    _dur_logs,
    _fmt,
    _ids,
    _log,
    _log_calls,
    _log_content,
    _log_damage,
    _log_faces,
    _log_reviewed,
    _res,
    _sec,
    _sto,
)
from miniatures._table import BROKEN, Broken

__all__ = [
    "BROKEN",
    "Broken",
    "_atm",
    "_con",
    "_cor",
    "_cst",
    "_dur",
    "_dur_logs",
    "_fmt",
    "_ids",
    "_log",
    "_log_calls",
    "_log_content",
    "_log_damage",
    "_log_faces",
    "_log_reviewed",
    "_res",
    "_sec",
    "_sto",
]
