"""What the plain scripts share: JSON-RPC over lines, from the protocol page alone. It imports nothing of the kit."""

import json
import sys
from collections.abc import Callable
from typing import Any

CODES = {"invalid_id": -32001, "invalid_document": -32002, "corrupt": -32003, "io": -32006}


class RefusedError(Exception):
    """An operation is refused: a kind, and why."""


def statement(name: str, *operations: str) -> dict[str, Any]:
    """What `initialize` answers for a store of one process that keeps any JSON."""
    return {
        "protocol": "1.0",
        "implementation": {"name": name, "version": "1", "language": "python"},
        "operations": [*operations],
        "fidelity": "json",
        "format": None,
        "durability": "process-crash",
        "concurrency": "single",
        "ids": "any",
    }


def serve(claims: dict[str, Any], opened: Callable[[str], Any]) -> None:
    """Answer calls until the input ends; `opened` makes the store on a root."""
    sys.setrecursionlimit(10_000)
    store: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        params = request.get("params", {})
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            match request["method"]:
                case "initialize":
                    reply["result"] = claims
                case "open":
                    store, reply["result"] = opened(params["root"]), {}
                case "close":
                    store, reply["result"] = None, {}
                case "echo":
                    reply["result"] = {"value": params["value"]}
                case method:
                    reply["result"] = getattr(store, method)(**params)
        except RefusedError as refused:
            kind, text = refused.args
            reply["error"] = {"code": CODES[kind], "message": text, "data": {"kind": kind}}
        except OSError as error:
            reply["error"] = {"code": CODES["io"], "message": str(error), "data": {"kind": "io"}}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
