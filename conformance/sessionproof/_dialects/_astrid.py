"""astrid: one file per session, named after its UUID; what a message holds, its shape tells."""

import re
import uuid
from typing import Any, cast

from sessionproof._dialects._dialect import Dialect, Loss, Tree, has, singles
from sessionproof._dialects._shape import Document, Member, Shape, form_of, kept
from sessionproof._dialects._values import (
    U64,
    arguments_of,
    counts_to,
    each,
    is_flag,
    is_number,
    is_time,
    tagged,
    texts_of,
)

NAME = "astrid"
NO_USER = "0000000000000000"
NO_TIME = "1970-01-01T00:00:00Z"
_IDS = uuid.UUID("f2f0d8a6-5e0b-5f5b-9a55-0d6a5b8f5d3e")  # names the ids that are made here
_IS_U64 = counts_to(U64)
_PARTS = {"text", "image"}

_CALL = Shape(
    NAME,
    (Member("id", "id"), Member("name", "name")),
    also_read=lambda call: {"type": "tool_call", "arguments": call["arguments"]},
    also_write=lambda spec: {"arguments": arguments_of(spec)},
)
_RESULT = Shape(
    NAME,
    (Member("call_id", "call_id"), Member("is_error", "is_error", home=is_flag, default=False)),
    also_read=lambda result: {"type": "tool_result", "content": [{"type": "text", "text": result["content"]}]},
    also_write=lambda spec: {"content": "\n".join(texts_of(spec["content"]))},
)
_PART = {
    "text": tagged(NAME, {"type": "text"}, {"type": "text"}, Member("text", "text")),
    "image": Shape(
        NAME,
        (Member("data", "source.data"), Member("media_type", "source.media_type")),
        also_read=lambda _: {"type": "image", "source": {"type": "base64"}},
        also_write=lambda _: {"type": "image"},
    ),
}


def _is_call(item: Any) -> bool:  # noqa: ANN401 - any JSON
    match item:
        case {"id": str(), "name": str(), "arguments": _}:
            return True
        case _:
            return False


def _read_content(message: Document) -> Document:
    content = message["content"]
    if isinstance(content, str):
        return {"content": [{"type": "text", "text": content}]}
    if isinstance(content, dict):
        return {"content": [_RESULT.read(cast("Document", content))]}
    if all(map(_is_call, content)):
        return {"content": each(_CALL.read)(content)}
    return {"content": [_PART[part["type"]].read(part) for part in content]}


def _write_content(spec: Document) -> Document:
    blocks: list[Document] = spec["content"]
    kinds = [block["type"] for block in blocks]
    if kinds == ["tool_result"]:
        return {"content": _RESULT.write(blocks[0])}
    if all(kind == "tool_call" for kind in kinds):
        return {"content": each(_CALL.write)(blocks)}
    parts = [_PART[kind].write(block) for kind, block in zip(kinds, blocks, strict=True)]
    is_text_alone = kinds == ["text"] and parts[0].keys() == {"type", "text"} and form_of(spec, NAME) != "parts"
    return {"content": parts[0]["text"] if is_text_alone else parts}


def _form(message: Document) -> str | None:
    content = message["content"]
    match content:
        case [{"type": "text"} as part] if not _is_call(part):
            return "parts"
        case _:
            return None


_MESSAGE = Shape(NAME, (Member("role", "role"),), also_read=_read_content, also_write=_write_content, form=_form)
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def _genus(block: Document) -> str | None:
    """Which blocks may share a message; None has no place."""
    if block["type"] in {"tool_call", "tool_result"}:
        return cast("str", block["type"])
    is_part = block["type"] in _PARTS and block.get("source", {"type": "base64"})["type"] == "base64"
    return "part" if is_part else None


def _messages_of(messages: list[Document]) -> list[Document]:
    return [_write_message(message) for split in _reshape(messages) for message in split]


def _write_message(message: Document) -> Document:
    blocks = [block for block in message["content"] if _genus(block) is not None]
    return _MESSAGE.write({**message, "role": _ROLES[message["role"]], "content": blocks})


def _reshape(messages: list[Document]) -> list[list[Document]]:
    """Messages of a known role in which some block has a place, or that are empty."""
    return [_split(message) if message["role"] in _ROLES and _has_a_place(message) else [] for message in messages]


def _has_a_place(message: Document) -> bool:
    return not message["content"] or any(_genus(block) is not None for block in message["content"])


def _split(message: Document) -> list[Document]:
    """Calls, each result, and the rest in messages of their own, in order; blocks without a place stay there."""
    runs: list[list[Document]] = [[]]
    last: str | None = None
    for block in message["content"]:
        genus = _genus(block)
        if genus is not None and last is not None and not genus == last != "tool_result":
            runs.append([])
        runs[-1].append(block)
        last = genus or last
    rest = {name: member for name, member in message.items() if name != "extensions"}
    return [{**message, "content": runs[0]}, *({**rest, "content": run} for run in runs[1:])]


_BUDGET = Shape(
    NAME,
    (
        Member("session_spent_usd", "spent_usd"),
        Member("config.session_max_usd", "session_max_usd"),
        Member("config.per_action_max_usd", "per_action_max_usd"),
        Member("config.warn_at_percent", "warn_at_percent", home=is_number),
        Member("last_updated", "updated_at", home=is_time, default=NO_TIME),
    ),
)


def _is_whole_budget(budget: Document) -> bool:
    """Whether all that astrid needs is known: a limit is never made up."""
    sums = [budget.get(name) for name in ("spent_usd", "session_max_usd", "per_action_max_usd")]
    return all(map(is_number, sums)) and counts_to(255)(budget.get("warn_at_percent"))


def _is_user(user: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", user) is not None


def _own_id(id: str) -> str:
    is_uuid = re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id) is not None
    return id if is_uuid else str(uuid.uuid5(_IDS, id))


_GIT = Shape(NAME, (Member("branch", "branch", absent=None), Member("commit", "commit", absent=None)))
_SESSION = Shape(
    NAME,
    (
        Member("id", "id", write=_own_id),
        Member("user_id", "user_id", fits=_is_user, default=NO_USER),
        Member("messages", "messages", read=each(_MESSAGE.read), write=_messages_of),
        Member("system_prompt", "system_prompt", absent=""),
        Member("created_at", "created_at", home=is_time, default=NO_TIME),
        Member("token_count", "counters.tokens", fits=_IS_U64, home=_IS_U64, default=0),
        Member("metadata.title", "title", absent=None),
        Member("metadata.tags", "tags", default=[]),
        Member("metadata.turn_count", "counters.turns", fits=_IS_U64, home=_IS_U64, default=0),
        Member("metadata.tool_call_count", "counters.tool_calls", fits=_IS_U64, home=_IS_U64, default=0),
        Member("metadata.approval_count", "counters.approvals", fits=_IS_U64, home=_IS_U64, default=0),
        Member("metadata.custom", "labels", default={}),
        kept("allowances", []),
        Member("budget_snapshot", "budget", fits=_is_whole_budget, read=_BUDGET.read, write=_BUDGET.write, absent=None),
        kept("escape_state", {"remembered_paths": []}),
        Member("workspace_path", "workspace", absent=None),
        Member("model", "model", absent=None),
        Member("git_state", "git", read=_GIT.read, write=_GIT.write, absent=None),
    ),
    also_read=lambda _: {"format": "session", "version": "1.0"},
)


def _read(tree: Tree) -> Document:
    return _SESSION.read(tree["session"])


def _write(document: Document) -> Tree:
    return {"session": _SESSION.write(document)}


def _place(_role: str, document: Document, _name: str, _number: int) -> str:
    return f"{_own_id(document['id'])}.json"


DIALECT = Dialect(
    NAME,
    "session",
    schema=lambda _role, _value: "astrid.schema.json",
    read=_read,
    write=_write,
    losses=(
        Loss("/id", "an id is a UUID; of any other text one is made, always the same"),
        Loss("/user_id", "a user's id is eight bytes in hex, and always there"),
        Loss("/created_at", "a session always has the instant it was made"),
        Loss("/updated_at", "the instant of the last change is the file's"),
        *(Loss(f"/{name}", "astrid does not keep it") for name in (
            "summary", "state", "parent_id", "agent", "created_by", "tools", "llm", "config", "context", "usage",
            "cost", "tasks", "attachments", "boundary")),
        Loss("/system_prompt", "empty text is the same as none"),
        Loss("/tags", "no tags are the same as an empty list"),
        Loss("/labels", "no labels are the same as an empty map"),
        Loss("/counters", "tokens, turns, tool calls and approvals are counted, and always"),
        Loss("/counters/*", "tokens, turns, tool calls and approvals are counted, and always"),
        Loss("/budget", "a budget needs all its limits and a whole number from 0 to 255 to warn at"),
        Loss("/budget/updated_at", "a budget always has the instant of the last change"),
        Loss("/messages", "calls, results and text never share a message, so some become several"),
        Loss("/messages/*", "roles are system, user, assistant and tool, and something has to be said"),
        Loss("/messages/*/role", "a developer's message becomes one of the system"),
        Loss("/messages/*/agent", "who speaks is not kept"),
        Loss("/messages/*/created_at", "a message has no time"),
        Loss("/messages/*/pinned", "nothing is pinned"),
        *(Loss(f"/messages/*/content/{kind}", "a message holds text, calls, results, and images that lie in it")
          for kind in ("reasoning", "redacted_reasoning", "tool_summary", "document", "other", "image")),
        Loss("/messages/*/content/tool_call/arguments", "a call always has arguments, as JSON"),
        Loss("/messages/*/content/tool_call/arguments_text", "a call always has arguments, as JSON"),
        Loss("/messages/*/content/tool_result/name", "a result does not name its tool"),
        Loss("/messages/*/content/tool_result/is_error", "a result says whether the tool failed; not said is no"),
        Loss("/messages/*/content/tool_result/content/**", "a result is one text"),
    ),
    find=singles("session", "*.json"),
    knows=has("user_id", "metadata", "system_prompt"),
    place=_place,
    reshape=_reshape,
    dated="document",
)  # fmt: skip
