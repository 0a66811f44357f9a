"""Where the project's data lies: the spec's and the kit's own JSON Schemas, the requirement catalogue.

An installed wheel carries `spec/` and `schemas/` inside the package, under `_data`. A checkout has them at its top
level. Everything else asks this module by name.
"""

import functools
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

Room = Literal["spec", "schemas"]

_PACKAGED = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parents[2]


def folder(room: Room) -> Path:
    """The folder `spec` or `schemas`.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for base in (_PACKAGED, _CHECKOUT):
        if (base / room).is_dir():
            return base / room
    raise FileNotFoundError(f"the installation lacks its {room}/ data; reinstall sessionproof")


@functools.cache
def json_file(room: Room, name: str) -> dict[str, Any]:
    """The JSON object in one data file. Callers do not change it."""
    value: dict[str, Any] = json.loads((folder(room) / name).read_text(encoding="utf-8"))
    return value


@functools.cache
def toml_file(room: Room, name: str) -> dict[str, Any]:
    """The TOML table in one data file. Callers do not change it."""
    return tomllib.loads((folder(room) / name).read_text(encoding="utf-8"))
