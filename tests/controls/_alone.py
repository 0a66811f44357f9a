"""One thread at a time: for stores that several may use."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_LOCK = threading.RLock()


def alone(method: Callable[P, R]) -> Callable[P, R]:
    """The method, carried out while no other of the kind is."""

    @wraps(method)
    def carried_out(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            return method(*args, **kwargs)

    return carried_out
