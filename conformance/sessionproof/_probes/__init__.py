"""The probes, by requirement."""

from sessionproof._probes import _cor, _fmt, _ids, _sec, _sto
from sessionproof._probes._registry import PROBES, Probe

__all__ = ["PROBES", "Probe", "_cor", "_fmt", "_ids", "_sec", "_sto"]
