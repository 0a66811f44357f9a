"""The clean logs with a declared cost: the one that is only appended to, and one that is rewritten now and then."""

from collections.abc import Sequence
from typing import ClassVar

from miniatures._clean_logs import CleanLog, Records


class CleanCosted(CleanLog):
    """An append writes its records and nothing else."""

    cost: ClassVar[dict[str, str] | None] = {"append": "O(1)"}


class CleanCompacting(CleanCosted):
    """The file is written anew whenever it has doubled: over all appends, each has written as much as the others."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        """Append; then write everything anew where that is due."""
        end = super().put(name, records, lines, end)
        last = records[-1].number or 0
        if last & (last - 1) == 0:
            self.write(name, self.bytes_of(name) or b"")
        return end
