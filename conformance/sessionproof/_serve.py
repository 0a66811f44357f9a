"""The Python face of the adapter protocol: subclass `Adapter`, call `serve`.

A complete adapter is about thirty lines; README.md shows one. This module knows nothing of the kit that drives it.
"""

import errno as errno_names
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sessionproof import _json
from sessionproof._json import JSON, Object
from sessionproof._protocol import CODES, METHOD_NOT_FOUND, VERSION, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable


class StoreError(Exception):
    """An operation that the store refuses. Raise the subclass that fits; the text is free."""

    kind: ClassVar[Kind] = Kind.INTERNAL


class InvalidId(StoreError):  # noqa: N818 - the protocol's own words
    """The id is refused; nothing was touched."""

    kind = Kind.INVALID_ID


class InvalidDocument(StoreError):  # noqa: N818
    """The document is refused; nothing was touched."""

    kind = Kind.INVALID_DOCUMENT


class Corrupt(StoreError):  # noqa: N818
    """What is stored cannot be trusted."""

    kind = Kind.CORRUPT


class UnsupportedVersion(StoreError):  # noqa: N818
    """What is stored is of a newer major version."""

    kind = Kind.UNSUPPORTED_VERSION


class NotFound(StoreError):  # noqa: N818
    """A write to a session that is not there; nothing was touched."""

    kind = Kind.NOT_FOUND


class Conflict(StoreError):  # noqa: N818
    """`if_revision` is stale, or a lock could not be had in time; nothing was touched."""

    kind = Kind.CONFLICT


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` found, where there is more to say than the document."""

    document: Object
    revision: str | None = None
    fresh: bool = False


class Adapter:
    """Drives one implementation. Subclass it, set the claims, write the operations that the implementation has.

    The operations of the statement are the methods that the subclass defines, by the names and parameters of
    `spec/adapter-protocol.md`: `save`, `load`, `delete`, `exists`, `list`, `summaries`, `latest`, `prune`, `attach`,
    `attachments`, `create`, `append`, `append_events`, `compact`, `describe`, `read`, `claim`, `check`. Each returns
    the plain value (`save` a revision or None, `load` a document, `Loaded` or None, `list` the ids, `summaries` the
    list, ...); a method may also return the whole result object of the protocol. Refuse by raising a `StoreError`; an
    `OSError` is answered as `io` with its errno, anything else as `internal`.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = ""
    fidelity: ClassVar[str | dict[str, Any]] = "json"
    format: ClassVar[dict[str, str] | None] = None
    durability: ClassVar[str] = "none"
    concurrency: ClassVar[str] = "single"
    ids: ClassVar[str | dict[str, str]] = "any"
    missing: ClassVar[str] = "absent"
    secrets: ClassVar[tuple[str, ...]] = ()
    ordered: ClassVar[bool] = True
    prune_unit: ClassVar[str] = "instant"
    cost: ClassVar[dict[str, str] | None] = None
    pipelined: ClassVar[bool] = False
    """Whether operations may be called in several threads at once."""

    def open(self, root: str, namespace: str) -> None:
        """Build a new store object on `root`; drop an earlier one without flushing or closing it."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the store in an orderly way. Nothing to do for a store that holds nothing."""

    def echo(self, value: JSON) -> JSON:
        """Touch no store: the kit's probe of the adapter's own JSON."""
        return value

    def operations(self) -> list[str]:
        """The operations that this adapter supports."""
        return ["echo", *(name for name in _RESULTS if getattr(type(self), name, None) is not None and name != "echo")]

    def statement(self) -> Object:
        """The implementation's conformance statement."""
        claims: dict[str, Any] = {
            "protocol": VERSION,
            "implementation": {
                "name": self.name or type(self).__name__,
                "version": self.version or "unversioned",
                "language": f"python {sys.version.split()[0]}",
            },
            "operations": self.operations(),
            "fidelity": self.fidelity,
            "format": self.format,
            "durability": self.durability,
            "concurrency": self.concurrency,
            "ids": self.ids,
            "missing": self.missing,
            "secrets": list(self.secrets),
            "ordered": self.ordered,
            "prune": self.prune_unit,
            "pipelined": self.pipelined,
        }
        if self.cost is not None:
            claims["cost"] = self.cost
        return claims


# Which member of the result holds the value that a method returns; None where the result is empty.
_RESULTS: dict[str, str | None] = {
    "save": "revision",
    "load": None,
    "delete": "existed",
    "exists": "exists",
    "list": "ids",
    "summaries": "summaries",
    "latest": "id",
    "prune": "removed",
    "attach": None,
    "attachments": "items",
    "create": "id",
    "append": "numbers",
    "append_events": None,
    "compact": None,
    "describe": None,
    "read": None,
    "claim": "claimed",
    "echo": "value",
    "check": None,
}


def _result(method: str, value: Any) -> Object:  # noqa: ANN401 - whatever the adapter's author returns
    if method == "load":
        if value is None:
            return {"found": False}
        if isinstance(value, Loaded):
            fresh: Object = {"fresh": True} if value.fresh else {}
            return {"found": True, "document": value.document, "revision": value.revision, **fresh}
        return {"found": True, "document": value, "revision": None}
    if method == "read":
        return {"found": False} if value is None else cast("Object", value)
    member = _RESULTS.get(method)
    if member is None:
        return {}
    if method != "echo" and isinstance(value, dict) and member in value:
        return cast("Object", value)
    if method in {"list", "summaries"}:
        return {member: [*cast("Iterable[JSON]", value)]}
    return {member: value}


def _carry_out(adapter: Adapter, method: str, params: dict[str, Any]) -> Object:
    if method == "initialize":
        return adapter.statement()
    if method in {"open", "close"}:
        getattr(adapter, method)(**params)
        return {}
    return _result(method, getattr(adapter, method)(**params))


def _respond(adapter: Adapter, line: bytes) -> str:
    request = cast("dict[str, Any]", _json.decode(line.decode("utf-8")))
    reply: Object = {"jsonrpc": "2.0", "id": request["id"]}
    method = request["method"]
    if method not in {"initialize", "open", "close", *adapter.operations()}:
        return _json.encode({**reply, "error": {"code": METHOD_NOT_FOUND, "message": f"no method {method}"}})
    data: Object = {}
    try:
        return _json.encode({**reply, "result": _carry_out(adapter, method, request.get("params", {}))})
    except StoreError as error:
        kind, text = error.kind, str(error)
    except OSError as error:
        number = error.errno
        kind, text = Kind.IO, str(error)
        if number is not None:
            data = {"errno": errno_names.errorcode.get(number, str(number))}
    except Exception as error:  # noqa: BLE001 - whatever else a store raises is its defect, and the protocol's `internal`
        traceback.print_exc()
        kind, text = Kind.INTERNAL, f"{type(error).__name__}: {error}"
    return _json.encode(
        {**reply, "error": {"code": CODES[kind], "message": text[:2000], "data": {"kind": kind, **data}}}
    )


def serve(adapter: Adapter) -> None:
    """Answer requests from standard input until it ends, then exit with status 0. With `pipelined`, each in a thread.

    Standard output carries the protocol and nothing else: what the implementation prints goes to standard error.
    """
    # Content may be nested deeper than Python's own default limit allows json to go.
    sys.setrecursionlimit(20_000)
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    one_answer = threading.Lock()

    def answer(line: bytes) -> None:
        text = _respond(adapter, line) + "\n"
        with one_answer:
            answers.write(text)
            answers.flush()

    for line in sys.stdin.buffer:
        if adapter.pipelined:
            threading.Thread(target=answer, args=(line,), daemon=True).start()
        else:
            answer(line)
    sys.stderr.flush()
    # No clean-up that could write: an adapter starts no operation after the end of its input.
    os._exit(0)
