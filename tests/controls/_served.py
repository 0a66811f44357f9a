"""A store whose processes ask a server, which the first that needs it starts: it alone touches the files.

The server dies with the process that has started it, or that process with it; whoever asks next starts another.
"""

import fcntl
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from controls._files import Files


def _answer(store: Files, asker: Connection, turn: threading.Lock) -> None:
    """Answer one process until it is gone."""
    with suppress(EOFError, OSError):
        while True:
            method, given, named = asker.recv()
            try:
                with turn:
                    asker.send((None, getattr(store, method)(*given, **named)))
            except Exception as error:  # noqa: BLE001 - whoever asks is to raise it
                asker.send((error, None))


def _serve(listener: Listener, root: str, namespace: str) -> None:
    """Answer everybody, one at a time."""
    store, turn = Files(), threading.Lock()
    store.open(root, namespace)
    while True:
        threading.Thread(target=_answer, args=(store, listener.accept(), turn), daemon=True).start()


def _asked(name: str) -> Callable[..., Any]:
    def operation(self: "Served", *given: Any, **named: Any) -> Any:
        return self.ask(name, given, named)

    return operation


class Served(Files):
    """Every operation is asked of the server."""

    concurrency = "multi-process"
    server: Connection | None = None

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.root, self.namespace, self.server = root, namespace, None

    def ask(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """What the server answers; another is asked where the one that was there has died."""
        while True:
            server = self.server = self.server or self._connected()
            try:
                server.send((name, given, named))
                error, result = server.recv()
                break
            except (EOFError, OSError):
                self.server = None
        if error is not None:
            raise error
        return result

    def _connected(self) -> Connection:
        address = f"\0served-{self.root[-80:]}"
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            with suppress(OSError):
                return Client(address, "AF_UNIX")
            listener = Listener(address, "AF_UNIX", backlog=socket.SOMAXCONN)
            if not os.fork():
                os.close(folder)
                null = os.open(os.devnull, os.O_RDWR)
                for standard in (sys.stdin, sys.stdout, sys.stderr):
                    os.dup2(null, standard.fileno())
                _serve(listener, self.root, self.namespace)
            listener.close()
            return Client(address, "AF_UNIX")
        finally:
            os.close(folder)


for _name in {*Files().operations()} - {"echo"}:
    setattr(Served, _name, _asked(_name))
