"""Validate documents against the spec's formats."""

from typing import Literal

from sessionproof import _schemas

Format = Literal["message", "snapshot", "session", "step"]


def problems(format_name: Format, value: object) -> list[str]:
    """What keeps the value from being a document of the format, a sentence each; empty where it is one."""
    return _schemas.problems(format_name, value)


def is_valid(format_name: Format, value: object) -> bool:
    """Whether the value is a document of the format."""
    return _schemas.is_valid(format_name, value)
