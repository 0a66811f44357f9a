"""Long histories of values that are never written twice: whether they are linearizable, in O(n log n).

Where each write has a value of its own, a read says which write it follows, and there is nothing left to search for.
Of a register that is the criterion of Gibbons and Korach; of a log that is read as a whole, the order of the longest
reading.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ALWAYS, _NEVER = float("-inf"), float("inf")


@dataclass(frozen=True, slots=True)
class Access:
    """A write of a value or a read that gave it, and when; a write without an end may never have happened."""

    value: Hashable
    begun: float
    end: float
    wrote: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A read that gave all entries of a log, and when."""

    entries: tuple[Hashable, ...]
    begun: float
    end: float


def register(first: Hashable, accesses: Iterable[Access]) -> bool:
    """Whether some order explains these accesses to one value, which at first was `first`.

    No value is written twice, nor is the first one.
    """
    clusters: dict[Hashable, list[Access]] = {first: [Access(first, _ALWAYS, _ALWAYS, wrote=True)]}
    reads: list[Access] = []
    for access in accesses:
        if access.wrote:
            clusters[access.value] = [access]
        else:
            reads.append(access)
    for read in reads:
        if read.value not in clusters or read.end < clusters[read.value][0].begun:
            return False
        clusters[read.value].append(read)
    # All accesses to one value stand together in any order that explains them.
    zones = [
        (min(one.end for one in cluster), max(one.begun for one in cluster))
        for cluster in clusters.values()
        if len(cluster) > 1 or cluster[0].end < _NEVER
    ]
    return not _entangled(zones)


def _entangled(zones: Iterable[tuple[float, float]]) -> bool:
    """Whether of any two zones each has an access that ended before one of the other's began.

    A zone is the earliest end and the latest beginning of the accesses to one value.
    """
    forward = sorted(zone for zone in zones if zone[0] < zone[1])
    for (_, earlier), (later, _) in pairwise(forward):
        if later < earlier:
            return True
    backward = sorted((begun, end) for end, begun in zones if begun <= end)
    place = 0
    for begun, end in backward:
        # Forward zones do not overlap, so only the last that begins before can hold this one.
        while place < len(forward) and forward[place][0] < begun:
            place += 1
        if place and forward[place - 1][1] > end:
            return True
    return False


def log(appends: Sequence[Access], readings: Sequence[Reading]) -> bool:
    """Whether some order explains these appends of one entry each to an empty log, and these readings of all of it.

    No entry is appended twice.
    """
    longest = max((reading.entries for reading in readings), key=len, default=())
    places = {entry: place for place, entry in enumerate(longest)}
    if len(places) < len(longest) or not places.keys() <= {append.value for append in appends}:
        return False
    if any(reading.entries != longest[: len(reading.entries)] for reading in readings):
        return False
    ranked = [(2.0 * len(reading.entries), reading.begun, reading.end) for reading in readings]
    for append in appends:
        if append.value in places:
            ranked.append((2.0 * places[append.value] + 1, append.begun, append.end))
        elif append.end < _NEVER:
            ranked.append((_NEVER, append.begun, append.end))
    # What comes earlier in the order must not begin after what comes later has ended.
    ranked.sort(reverse=True)
    soonest = end_of_equals = _NEVER
    rank = _NEVER
    for now, begun, end in ranked:
        if now < rank:
            rank, soonest, end_of_equals = now, min(soonest, end_of_equals), _NEVER
        if begun > soonest:
            return False
        end_of_equals = min(end_of_equals, end)
    return True
