"""CON: stores without a lock that take a name for what it was taken for before."""

from contextlib import suppress
from typing import Any

from controls._records import name_of
from controls._shared import Generations
from miniatures._table import breaks


@breaks("CON-1", "lost", also="CON ATM")
class FreesNumbers(Generations):
    """Older numbers are removed: who looked before takes one again, and what it is told was saved nobody reads."""

    def newest(self, id: str) -> tuple[int, Any]:
        while True:
            with suppress(FileNotFoundError):
                return super().newest(id)

    def take(self, id: str, number: int, content: bytes) -> bool:
        taken = super().take(id, number, content)
        for older in self.numbers(id) if taken else ():
            if older <= number:
                (self.root / name_of(id) / str(older)).unlink(missing_ok=True)
        return taken
