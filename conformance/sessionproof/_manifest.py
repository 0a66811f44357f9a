"""The manifest (`sessionproof.toml`): how to start an adapter, and how its store is to be judged."""

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from sessionproof import _schemas
from sessionproof._client import Launch
from sessionproof._requirements import catalogue


class ManifestError(ValueError):
    """The manifest cannot be used. The message says what is wrong, where, and the likely mend."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A failure that the store's authors know: the requirement, the fault that the kit names, and why."""

    requirement: str
    fault: str
    reason: str
    issue: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest with its paths made absolute; `folder` is where the commands run."""

    command: tuple[str, ...]
    folder: Path
    build: tuple[tuple[str, ...], ...] = ()
    deadline: float = 10.0
    volatile: tuple[str, ...] = ("*-shm",)
    allow_outside: tuple[str, ...] = ()
    assume: Mapping[str, str] = field(default_factory=dict[str, str])
    profile: str = "standard"
    deviations: tuple[Deviation, ...] = ()

    @property
    def launch(self) -> Launch:
        """How to start the adapter."""
        return Launch(self.command, self.folder, self.deadline)

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON, its folder included: how it travels to the workers of a run."""
        records = [asdict(deviation) for deviation in self.deviations]
        known = [{name: value for name, value in record.items() if value is not None} for record in records]
        value = {**asdict(self), "folder": str(self.folder), "deviations": known}
        return cast("dict[str, Any]", json.loads(json.dumps(value)))


def load(path: Path) -> Manifest:
    """Read a manifest: TOML, or the JSON of `to_json`.

    Raises:
        ManifestError: The file is not there, is no TOML, or has a member that the schema does not allow.
    """
    try:
        text = path.read_text(encoding="utf-8")
        value: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ManifestError(
            f"{path}: {error.strerror}; name a manifest with --manifest, or give a command after --"
        ) from error
    except ValueError as error:
        raise ManifestError(f"{path} is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    return parse(value, path.resolve().parent, str(path))


def parse(value: Mapping[str, Any], folder: Path, source: str) -> Manifest:
    """Check a manifest's members against `schemas/manifest.schema.json`.

    Raises:
        ManifestError: A member is wrong; the message names it.
    """
    problems = _schemas.problems("manifest.schema.json", value)
    if problems:
        raise ManifestError(f"{source}: {'; '.join(problems[:3])}")
    folder = folder / value.get("folder", "")
    if not folder.is_dir():
        raise ManifestError(f"{source}: folder: {folder} is not there; it is where the commands run")
    return Manifest(
        command=_command(value["command"]),
        folder=folder,
        build=tuple(_command(command) for command in value.get("build", [])),
        deadline=float(value.get("deadline", 10.0)),
        volatile=tuple(value.get("volatile", ("*-shm",))),
        allow_outside=tuple(str(folder / path) for path in value.get("allow_outside", ())),
        assume=value.get("assume", {}),
        profile=value.get("profile", "standard"),
        deviations=_deviations(value.get("deviations", []), source),
    )


def _command(words: list[str]) -> tuple[str, ...]:
    """The command, with `python` meaning the Python that runs the kit: its packages are the adapter's too."""
    return (sys.executable, *words[1:]) if words[0] in {"python", "python3"} else tuple(words)


def deviations(path: Path) -> tuple[Deviation, ...]:
    """Read a file of recorded deviations: TOML with `[[deviations]]` tables.

    Raises:
        ManifestError: As `load`.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ManifestError(f"{path} is no TOML: {error}") from error
    problems = _schemas.problems("manifest.schema.json#/$defs/deviations", value.get("deviations", []))
    if problems or set(value) - {"deviations"}:
        raise ManifestError(f"{path}: {'; '.join(problems[:3]) or 'only [[deviations]] tables are read here'}")
    return _deviations(value.get("deviations", []), str(path))


def _deviations(entries: list[dict[str, str]], source: str) -> tuple[Deviation, ...]:
    for entry in entries:
        if entry["requirement"] not in catalogue():
            raise ManifestError(
                f"{source}: a deviation names {entry['requirement']!r}, no requirement; see `sessionproof list`"
            )
    return tuple(Deviation(**entry) for entry in entries)
