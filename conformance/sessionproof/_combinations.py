"""Choices out of several ranges: all of them, or those that are most likely to show something."""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations as pick
from itertools import product
from math import prod
from typing import TypeVar

T = TypeVar("T")


def combinations(axes: Sequence[Sequence[T]], most: int) -> Iterator[tuple[T, ...]]:
    """One element of each axis; every combination where there are no more than `most`.

    Where there are more, `most` of them, without repetition: everything newest (the last of each axis) and everything
    oldest, then all that differ from one of these in one axis, then in two, then others at random, each time the same.
    """
    if prod(map(len, axes)) <= most:
        yield from product(*axes)
        return
    ends = tuple(len(axis) - 1 for axis in axes), (0,) * len(axes)
    seen: set[tuple[int, ...]] = set()
    for indexes in _by_distance(axes, ends):
        if indexes not in seen:
            seen.add(indexes)
            yield tuple(axis[index] for axis, index in zip(axes, indexes, strict=True))
        if len(seen) >= most:
            return


def _by_distance(axes: Sequence[Sequence[T]], ends: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, ...]]:
    for distance in range(3):
        for end in ends:
            for places in pick(range(len(axes)), distance):
                others = [[index for index in range(len(axes[place])) if index != end[place]] for place in places]
                for chosen in product(*others):
                    moved = dict(zip(places, chosen, strict=True))
                    yield tuple(moved.get(place, index) for place, index in enumerate(end))
    drawn = random.Random(len(axes))  # noqa: S311 - not a secret: the same choices each time
    while True:
        yield tuple(drawn.randrange(len(axis)) for axis in axes)
