"""`sessionproof validate`: documents, logs and store folders against the formats, each finding with place and rule."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sessionproof import _validate_bytes, _validate_logs
from sessionproof._validate_bytes import Fault
from sessionproof._validate_logs import Verdict

_ENDINGS = {".json", ".jsonl"}


class NotThere(ValueError):  # noqa: N818 - reads as what is wrong
    """A path that does not exist."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one file: `rule` is empty where it is valid, and `what` is then empty or a remark."""

    path: Path
    rule: str = ""
    what: str = ""
    line: int | None = None

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.rule

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return ": ".join(part for part in (place, self.rule or "valid", self.what) if part)


def validate(path: Path) -> Iterator[Finding]:
    """The findings on one document, step or log, or on every `*.json` and `*.jsonl` file of a store's folder.

    In a folder no secret may be in any document, and the steps of a log must fit together.

    Raises:
        NotThere: There is neither.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.json*") if file.suffix in _ENDINGS and file.is_file())
        if not files:
            raise NotThere(f"{path} holds no file *.json or *.jsonl; is it a store that claims a format?")
        for _, group in groupby(sorted(files, key=lambda file: file.parent), lambda file: file.parent):
            yield from _folder(list(group))
    elif not path.is_file():
        raise NotThere(f"{path}: no such file or folder")
    elif path.suffix == ".jsonl":
        yield from _log(path)
    else:
        _, faults = _validate_bytes.read(path.read_bytes(), on_disk=False)
        yield from _findings(path, faults)


def _folder(files: list[Path]) -> Iterator[Finding]:
    """The findings on the files that lie in one folder: a log where any of them is a step."""
    for path in files:
        if path.suffix == ".jsonl":
            yield from _log(path)
    records = [_validate_logs.record(path, path.read_bytes()) for path in files if path.suffix == ".json"]
    if any(record.is_step for record in records):
        for verdict in _validate_logs.log_folder(records):
            yield from _findings(verdict.record.path, verdict.faults, _holes([verdict]))
    else:
        for record in records:
            yield from _findings(record.path, record.faults)


def _findings(path: Path, faults: Iterable[Fault], remark: str = "") -> list[Finding]:
    return [Finding(path, fault.rule, fault.what, fault.line) for fault in faults] or [Finding(path, what=remark)]


def _log(path: Path) -> list[Finding]:
    verdicts = list(_validate_logs.log_file(path))
    if not verdicts:
        return [Finding(path, "F-LOG-8", "empty; a log has at least one record")]
    faults = [fault._replace(line=verdict.record.line) for verdict in verdicts for fault in verdict.faults]
    return _findings(path, faults, _holes(verdicts))


def _holes(verdicts: Iterable[Verdict]) -> str:
    holes = [verdict.hole for verdict in verdicts if verdict.hole is not None]
    return "no step " + ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in holes) if holes else ""
