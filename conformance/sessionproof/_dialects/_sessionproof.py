"""The spec's own formats as they lie on disk: documents, and logs in either layout."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sessionproof import _json
from sessionproof._dialects._dialect import LOG, Dialect, Found, Loss, Tree, file_name
from sessionproof._dialects._shape import Document, is_list, is_object

_RECORD = re.compile(r"meta|step-[1-9][0-9]*")


def _without_store(document: Document) -> Document:
    """The document as its caller gave it: `store` belongs to the store, but tells of the first save."""
    first_save = document.get("store", {}).get("created_at")
    kept = {name: member for name, member in document.items() if name != "store"}
    return kept if first_save is None or document["format"] == "step" else {"created_at": first_save, **kept}


def _read(tree: Tree) -> Document:
    if "document" in tree:
        return _without_store(tree["document"])
    steps = [value for role, value in tree.items() if role not in {"meta", "log"}]
    records = [*tree.get("log", ()), *([tree["meta"]] if "meta" in tree else ())]
    records += sorted(steps, key=lambda record: int(record["number"]))
    return {"format": "log", "records": [_without_store(record) for record in records]}


def _write(document: Document) -> Tree:
    if document["format"] == "log":
        return {"log": document["records"]}
    llm = {name: member for name, member in document.get("llm", {}).items() if name != "api_key"}
    return {"document": {**document, "llm": llm} if "llm" in document else document}


def _found(folder: Path) -> Iterator[Found]:
    records = {file.stem: file for file in sorted(folder.glob("*.json")) if _RECORD.fullmatch(file.stem)}
    if records:
        yield Found(folder.name, records)
    else:
        for file in sorted(folder.iterdir()):
            if file.is_dir():
                yield from _found(file)
            elif file.suffix in {".json", ".jsonl"}:
                yield _single(file)


def _single(file: Path) -> Found:
    return Found(file.stem, {"log" if file.suffix == ".jsonl" else "document": file})


def _find(path: Path) -> list[Found]:
    return [_single(path)] if path.is_file() else list(_found(path))


def _knows(role: str, value: Any) -> bool:  # noqa: ANN401 - any JSON
    first = value[0] if role == LOG and is_list(value) and value else value
    return is_object(first) and isinstance(first.get("format"), str)


def _encode(role: str, value: Any) -> bytes:  # noqa: ANN401 - any JSON
    def line(value: Any) -> str:  # noqa: ANN401 - any JSON
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"

    return ("".join(map(line, value)) if role == LOG else line(value)).encode()


def _decode(role: str, text: str) -> _json.JSON:
    if role != LOG:
        return _json.decode(text)
    lines = text.removesuffix("\n").split("\n")
    return [_json.decode(line) for line in lines]


DIALECT = Dialect(
    "sessionproof",
    None,
    schema=lambda role, value: value["format"] if role == "document" else "step",
    read=_read,
    write=_write,
    losses=(Loss("/llm/api_key", "no file holds a secret"),),
    find=_find,
    knows=_knows,
    place=lambda role, _document, name, _number: f"{file_name(name)}.{'jsonl' if role == 'log' else 'json'}",
    encode=_encode,
    decode=_decode,
)
