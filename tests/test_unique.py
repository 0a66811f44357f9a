"""The fast checks of long histories say what every order, tried out, says."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sessionproof._unique import Access, Reading, log, register

NEVER = float("inf")


def fits(order: Sequence[Any]) -> bool:
    """Whether the order keeps what is known of time."""
    return not any(later.end < one.begun for at, one in enumerate(order) for later in order[at + 1 :])


def a_register_explains(order: Sequence[Access]) -> bool:
    """Whether a register that holds 0 answers so."""
    value: Any = 0
    for access in order:
        if access.wrote:
            value = access.value
        elif access.value != value:
            return False
    return True


def a_log_explains(order: Sequence[Any]) -> bool:
    """Whether an empty log answers so."""
    entries: tuple[Any, ...] = ()
    for one in order:
        if isinstance(one, Access):
            entries = (*entries, one.value)
        elif one.entries != entries:
            return False
    return True


def subsets(done: list[Any], open_: list[Any]) -> list[list[Any]]:
    """What has ended, with any of what has not."""
    if not open_:
        return [done]
    return subsets(done, open_[1:]) + subsets([*done, open_[0]], open_[1:])


@st.composite
def times(draw: st.DrawFn, *, endless: bool) -> tuple[float, float]:
    """When something began and ended."""
    begun, end = sorted((draw(st.integers(0, 9)), draw(st.integers(0, 9))))
    return begun, NEVER if endless and draw(st.integers(0, 4)) == 0 else end


@st.composite
def accesses(draw: st.DrawFn) -> list[Access]:
    """Writes of 1, 2, 3 and reads of them."""
    writes = [Access(value, *draw(times(endless=True)), wrote=True) for value in range(1, draw(st.integers(1, 4)))]
    values = st.integers(0, len(writes))
    reads = [Access(draw(values), *draw(times(endless=False)), wrote=False) for _ in range(draw(st.integers(0, 3)))]
    return [*writes, *reads]


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Access], list[Reading]]:
    """Appends of 1, 2, 3 and readings of parts of one order of them."""
    appends = [Access(value, *draw(times(endless=True)), wrote=True) for value in range(1, draw(st.integers(1, 4)))]
    order = draw(st.permutations([append.value for append in appends]))
    lengths = st.integers(0, len(appends))
    readings = [
        Reading(tuple(order[: draw(lengths)]), *draw(times(endless=False))) for _ in range(draw(st.integers(0, 3)))
    ]
    return appends, readings


@given(accesses())
@settings(max_examples=300, deadline=None)
def test_order_of_accesses_missed(history: list[Access]) -> None:
    """A register with unique values is judged as by trying every order."""
    done, open_ = [one for one in history if one.end < NEVER], [one for one in history if one.end == NEVER]
    orders = (order for part in subsets(done, open_) for order in permutations(part))
    assert register(0, history) == any(fits(order) and a_register_explains(order) for order in orders)


@given(logs())
@settings(max_examples=300, deadline=None)
def test_order_of_readings_missed(history: tuple[list[Access], list[Reading]]) -> None:
    """A log with unique entries is judged as by trying every order."""
    appends, readings = history
    done, open_ = [one for one in appends if one.end < NEVER], [one for one in appends if one.end == NEVER]
    orders = (order for part in subsets([*done, *readings], open_) for order in permutations(part))
    assert log(appends, readings) == any(fits(order) and a_log_explains(order) for order in orders)
