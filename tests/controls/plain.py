"""An adapter and its store in one script, written from the protocol page alone. It imports nothing of the kit."""

import contextlib
import json
import os
import sys

CODES = {"invalid_id": -32001, "invalid_document": -32002, "corrupt": -32003, "io": -32006, "internal": -32603}
STATEMENT = {
    "protocol": "1.0",
    "implementation": {"name": "plain", "version": "1", "language": "python"},
    "operations": ["save", "load", "delete", "exists", "list", "latest", "echo"],
    "fidelity": "json",
    "format": None,
    "durability": "process-crash",
    "concurrency": "single",
    "ids": "any",
}


class Refused(Exception):
    """An operation is refused; the first argument is the kind."""


class Store:
    """One JSON file a session, `{"id", "document"}`, without a checksum."""

    def __init__(self, root):
        self.root = root
        os.makedirs(root, mode=0o700, exist_ok=True)

    def path(self, id):
        encoded = id.encode("utf-8", "surrogatepass").hex()
        if len(encoded) > 200:
            raise Refused("invalid_id", "too long")
        return os.path.join(self.root, f"session-{encoded}.json")

    def save(self, id, document):
        if not isinstance(document, dict):
            raise Refused("invalid_document", "not an object")
        path = self.path(id)
        temporary = os.path.join(self.root, f"temporary-{os.urandom(8).hex()}")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({"id": id, "document": document}, file)
        os.replace(temporary, path)
        return {"revision": None}

    def content(self, path):
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="ascii") as file:
                return json.load(file, object_pairs_hook=members, parse_constant=constant)
        except (ValueError, RecursionError) as error:
            raise Refused("corrupt", str(error)) from error

    def load(self, id):
        path = self.path(id)
        if not os.path.lexists(path):
            return {"found": False}
        content = self.content(path)
        if (
            not isinstance(content, dict)
            or content.keys() != {"id", "document"}
            or content["id"] != id
            or not isinstance(content["document"], dict)
        ):
            raise Refused("corrupt", "not a session's file")
        return {"found": True, "document": content["document"], "revision": None}

    def delete(self, id):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(id))
        return {"existed": None}

    def exists(self, id):
        return {"exists": os.path.exists(self.path(id))}

    def ids(self):
        names = [name[8:-5] for name in os.listdir(self.root) if name.startswith("session-") and name.endswith(".json")]
        return [bytes.fromhex(name).decode("utf-8", "surrogatepass") for name in names]

    def list(self):
        return {"ids": self.ids()}

    def latest(self):
        return {"id": max(self.ids(), key=lambda id: os.stat(self.path(id)).st_mtime_ns, default=None)}


def members(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a repeated member")
    return value


def constant(name):
    raise ValueError(f"{name} is no JSON")


def carry_out(store, method, params):
    """The store after the call, and the result."""
    if method == "initialize":
        return store, STATEMENT
    if method == "open":
        return Store(params["root"]), {}
    if method == "close":
        return None, {}
    if method == "echo":
        return store, {"value": params["value"]}
    return store, getattr(store, method)(**params)


def main():
    sys.setrecursionlimit(10_000)
    store = None
    for line in sys.stdin:
        request = json.loads(line)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            store, reply["result"] = carry_out(store, request["method"], request.get("params", {}))
        except Refused as refused:
            kind, text = refused.args
            reply["error"] = {"code": CODES[kind], "message": text, "data": {"kind": kind}}
        except OSError as error:
            reply["error"] = {"code": CODES["io"], "message": str(error), "data": {"kind": "io"}}
        print(json.dumps(reply), flush=True)


main()
