"""What a run needs from the lab that it runs in."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sessionproof._client import AdapterProcess
from sessionproof._content import Content
from sessionproof._json import JSON
from sessionproof._judge import Cut
from sessionproof._loop import FileSystem
from sessionproof._model import Model
from sessionproof._setup import Setup

if TYPE_CHECKING:
    from sessionproof._run import Run


class Workplace(Protocol):
    """What a run needs from the lab that it runs in."""

    volatile: tuple[str, ...]

    def content(self, *, logs: bool) -> Content: ...
    @property
    def model(self) -> Model: ...
    def process(self, setup: Setup) -> AdapterProcess: ...
    def fresh_process(self, setup: Setup) -> AdapterProcess: ...
    def carries(self, process: AdapterProcess, value: JSON) -> bool: ...
    def new_folder(self, *, small: bool = False) -> Path: ...
    def forget(self, run: "Run") -> None: ...
    def allowed_outside(self, path: Path) -> bool: ...
    def seen_on(self, kind: FileSystem, cut: Cut) -> bool: ...
    @property
    def canary(self) -> Path: ...
