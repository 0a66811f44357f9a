"""The table of the broken stores, which they enter themselves into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sessionproof import Adapter

Store = TypeVar("Store", bound=type[Adapter])


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken store: the requirement that it is made to break, and the fault by which the kit must name that.

    `also` are requirements, or whole groups, that cannot stand when this one falls, `deadline` the seconds that it gets
    for an answer.
    """

    store: type[Adapter]
    requirement: str
    fault: str
    also: frozenset[str]
    deadline: float

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.store.__name__

    @property
    def clean(self) -> type[Adapter]:
        """The clean store that it was made from."""
        return next(
            base for base in self.store.__mro__ if base.__module__.startswith(("miniatures._clean", "controls."))
        )


BROKEN: list[Broken] = []


def breaks(requirement: str, fault: str, also: str = "", deadline: float = 10.0) -> Callable[[Store], Store]:
    """Enter a broken store into the table; `also` has spaces between its words."""

    def enter(store: Store) -> Store:
        BROKEN.append(Broken(store, requirement, fault, frozenset(also.split()), deadline))
        return store

    return enter
