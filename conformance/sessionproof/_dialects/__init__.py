"""How other systems keep sessions, mapped to the spec's formats and back: one module per dialect, and their table."""

from sessionproof._dialects import _a3s_code, _ailoop, _astrid, _crabtalk, _sessionproof, _trusty_mpm
from sessionproof._dialects._dialect import Dialect, Found, Kind, Loss, Tree
from sessionproof._dialects._shape import Document

__all__ = ["DIALECTS", "Dialect", "Document", "Found", "Kind", "Loss", "Tree"]

_ALL = (_sessionproof, _trusty_mpm, _crabtalk, _ailoop, _a3s_code, _astrid)
DIALECTS: dict[str, Dialect] = {module.DIALECT.name: module.DIALECT for module in _ALL}
