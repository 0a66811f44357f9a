"""A schedule is told to come to the same as another only where nothing in it could differ."""

import pytest

from sessionproof._footprints import Footprint, meet
from sessionproof._reordered import Order
from sessionproof._scheduler import BEGINS, SPINNING, WAKES, Executed, Made


def schedule(*words: str, able: tuple[int, ...] = (0, 1)) -> Executed:
    """Steps of sides: `0 begins`, or a call with the file that it changes, as in `0 write a`."""
    steps: list[Made] = []
    asked, seen = dict[int, int](), dict[tuple[int, int, str], int]()
    for word in words:
        number, name, *files = word.split()
        side = int(number)
        request = asked.get(side, 0)
        asked[side] = request + (name == BEGINS)
        key = side, request, name
        seen[key] = seen.get(key, 0) + 1
        changes = frozenset(("entry", file) for file in files)
        steps.append(
            Made(
                side, name, tuple(files), (*key, seen[key]), Footprint(changes=changes), able, able, amid=name != BEGINS
            )
        )
    return Executed(steps)


def order_of(executed: Executed) -> Order | None:
    """The order of a schedule, of which the footprints say what meets."""
    return Order.of(executed, lambda one, other: meet(one.print, other.print))


def comes_to(executed: Executed, beginning: list[int], chosen: int) -> bool:
    """Whether it comes to the same to choose a side after these steps of the schedule."""
    order = order_of(executed)
    assert order is not None
    return order.reordered([executed.steps[place] for place in beginning], chosen)


BOTH = schedule("0 begins", "1 begins", "0 write a", "0 write b", "1 write c", "1 write b")


def test_calls_that_meet_change_places() -> None:
    """To let a side go on earlier comes to the same unless one of its calls then goes before one that it meets."""
    assert comes_to(BOTH, [0, 1, 2, 3], 1)
    assert comes_to(BOTH, [0, 1, 4], 0)
    assert not comes_to(BOTH, [0, 1], 1)
    assert not comes_to(BOTH, [0, 1, 4, 5], 0)


def test_an_answer_before_a_beginning_is_nothing() -> None:
    """A request that is answered before another begins must be seen by it: without such an order nothing says so."""
    apart = schedule("0 begins", "1 begins", "0 write a", "1 write b")
    assert comes_to(apart, [0], 1)
    assert not comes_to(apart, [0, 2], 1)
    assert comes_to(schedule("0 begins", "0 write a", "1 begins", "1 write b"), [0], 1)


def test_another_way_to_go_on_is_lost() -> None:
    """Where another request could begin, or one of two sides be chosen, there is more than one way to go on."""
    twice = schedule("1 begins", "0 begins", "0 write a", "0 begins", "0 write a", "1 write b")
    assert not comes_to(twice, [0], 0)
    three = schedule("0 begins", "1 begins", "2 begins", "0 write a", "1 write b", "2 write c", able=(0, 1, 2))
    assert not comes_to(three, [0, 1, 2], 1)


@pytest.mark.parametrize(
    "executed",
    [
        pytest.param(schedule("0 begins", "1 begins", "0 write a", "1 write a", able=(0,)), id="waits"),
        pytest.param(schedule("0 begins", "1 begins", f"0 {WAKES}", "1 write a"), id="naps"),
        pytest.param(schedule("0 begins", "1 begins", *["0 write a"] * SPINNING, "1 write b"), id="asks again"),
    ],
)
def test_who_waits_is_known_to_go_on(executed: Executed) -> None:
    """Who goes on when is told of no schedule in which somebody waited, or might have."""
    assert order_of(executed) is None
