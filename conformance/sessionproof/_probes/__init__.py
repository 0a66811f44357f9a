"""The probes, by requirement."""

from sessionproof._probes import (
    _atm,
    _con,
    _cor,
    _cor_content,
    _cst,
    _dur,
    _fmt,
    _fmt_readable,
    _ids,
    _log,
    _res,
    _sec,
    _sto,
)
from sessionproof._probes._registry import PROBES, Probe

__all__ = [
    "PROBES",
    "Probe",
    "_atm",
    "_con",
    "_cor",
    "_cor_content",
    "_cst",
    "_dur",
    "_fmt",
    "_fmt_readable",
    "_ids",
    "_log",
    "_res",
    "_sec",
    "_sto",
]
