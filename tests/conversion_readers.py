"""Whether the systems' own code reads what a conversion has written, by the adapters of `conformance/targets`."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from sessionproof._client import AdapterProcess, Launch
from sessionproof._convert import Carried
from sessionproof._dialects import Dialect
from sessionproof._protocol import Answer, Call

_LONGEST = 255


class Reader:
    """The adapter of one system, which reads a session at a time. Use it as a context manager."""

    def __init__(self, dialect: Dialect, binaries: Path) -> None:
        self.dialect = dialect
        self._launch = Launch((str(binaries / f"target-{dialect.name}"),), Path.cwd())

    def __enter__(self) -> Self:
        self._process = AdapterProcess(self._launch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()

    def fault(self, session: Carried) -> str | None:
        """What the system's own code says against the session, laid out as its store would find it."""
        # The adapter of ailoop opens `session.json`; the others are told which session to read.
        name = "session" if self.dialect.name == "ailoop" else session.name
        places = {role: self.dialect.place(role, session.document, name, 1) for role in session.tree}
        if any("\0" in place or len(place.encode()) > _LONGEST for place in places.values()):
            return None  # no file can be called so
        with tempfile.TemporaryDirectory() as folder:
            for role, place in places.items():
                path = Path(folder) / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.dialect.encode(role, session.tree[role]))
            self._process.call(Call("open", {"root": folder, "namespace": "readers"}))
            outcome = self._process.call(self._call(session, Path(next(iter(places.values())))))
            self._process.call(Call("close"))
        return None if isinstance(outcome, Answer) and outcome.result.get("found") is not False else str(outcome)

    def _call(self, session: Carried, place: Path) -> Call:
        if self.dialect.kind == "log":
            return Call("read", {"id": place.parts[0]})
        return Call(
            "load", {"id": place.stem if self.dialect.name == "astrid" else session.document.get("id", session.name)}
        )
