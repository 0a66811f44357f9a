"""One thread at a time: for stores that several may use."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from sessionproof import Adapter

P = ParamSpec("P")
R = TypeVar("R")
Store = TypeVar("Store", bound="Adapter")

_LOCK = threading.RLock()


def one_at_a_time(store: type[Store]) -> type[Store]:
    """The store, each of whose operations is carried out while no other is."""
    for name in {*store().operations()} - {"echo"}:
        setattr(store, name, _alone(getattr(store, name)))
    return store


def _alone(method: Callable[P, R]) -> Callable[P, R]:
    @wraps(method)
    def carried_out(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            return method(*args, **kwargs)

    return carried_out
