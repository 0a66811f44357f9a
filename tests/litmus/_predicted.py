"""What the model of the kit says that a loss of power may leave of each program."""

from collections.abc import Mapping
from typing import TypeAlias

from litmus._outcomes import shown
from litmus._recorded import recorded
from sessionproof._power import Power
from sessionproof._profiles import PROFILES
from sessionproof._versions import Versions

Tree: TypeAlias = frozenset[tuple[str, str]]
"""A tree as `shown` tells it."""

_ALL = 100_000


def predicted(number: int) -> Mapping[str, frozenset[Tree]]:
    """The trees that each profile admits after the whole of a program.

    Raises:
        Refused: The recorder cannot tell what the program does.
    """
    base, operations = recorded(number)
    found = Power(Versions(base, operations), _ALL).losses(len(operations))
    assert not found.left_out, "a program with more states than are built"
    return {
        profile: frozenset(
            frozenset(shown(loss.disk).items()) for loss in found.states.values() if profile in loss.profiles
        )
        for profile in PROFILES
    }
