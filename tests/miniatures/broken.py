"""Every broken store, for every requirement of STO, FMT, IDS, COR and SEC that a document store can break."""

from miniatures import _cor, _fmt, _ids, _sec, _sto
from miniatures._table import BROKEN, Broken

__all__ = ["BROKEN", "Broken", "_cor", "_fmt", "_ids", "_sec", "_sto"]
