"""trusty-mpm: one file per conversation, a summary and the last rounds of user and assistant."""

import re
from pathlib import Path
from typing import cast

from sessionproof._dialects._dialect import Dialect, Found, Loss, Tree, has, singles
from sessionproof._dialects._shape import Document, Member, Shape
from sessionproof._dialects._values import U64, arguments_text_of, counts_to, is_time, tagged, texts_of

NAME = "trusty-mpm"
NO_TIME = "1970-01-01T00:00:00Z"

_TRACE = tagged(NAME, {}, {"type": "tool_summary"}, Member("name", "name"), Member("summary", "summary"))


def _text(text: str) -> Document:
    return {"type": "text", "text": text}


def _read_round(value: Document) -> Document:
    """The messages of a round, by side."""
    answer = [_text(value["assistant"]), *(_TRACE.read(trace) for trace in value["tool_calls"])]
    at: Document = {"created_at": value["ts"]} if is_time(value["ts"]) else {}
    return {
        "users": [{"role": "user", "content": [_text(value["user"])], **at}],
        "answers": [{"role": "assistant", "content": answer}],
    }


def _summary_of(block: Document) -> Document | None:
    if block["type"] == "tool_summary":
        return _TRACE.write(block)
    return {"name": block["name"], "summary": arguments_text_of(block)} if block["type"] == "tool_call" else None


def _write_round(spec: Document) -> Document:
    users, answers = cast("list[Document]", spec["users"]), cast("list[Document]", spec["answers"])
    summaries = [_summary_of(block) for message in answers for block in message["content"]]
    times = (message["created_at"] for message in (*users, *answers) if "created_at" in message)
    return {
        "user": "\n\n".join(text for message in users for text in texts_of(message["content"])),
        "assistant": "\n\n".join(text for message in answers for text in texts_of(message["content"])),
        "ts": next(times, NO_TIME),
        "tool_calls": [summary for summary in summaries if summary is not None],
    }


_ROUND = Shape(NAME, also_read=_read_round, also_write=_write_round)


def _messages_of(rounds: list[Document]) -> list[Document]:
    messages: list[Document] = []
    for value in rounds:
        spec = _ROUND.read(value)
        noted: Document = {"extensions": spec["extensions"]} if "extensions" in spec else {}
        messages += [{**spec["users"][0], **noted}, spec["answers"][0]]
    return messages


def _rounds_of(messages: list[Document]) -> list[Document]:
    """Each user's message begins a round, and all answers up to the next one are one answer."""
    rounds: list[Document] = []
    for message in messages:
        if message["role"] == "user" and (not rounds or texts_of(message["content"])):
            rounds.append({"users": [message], "answers": [], "extensions": message.get("extensions", {})})
        elif message["role"] == "assistant":
            if not rounds:
                rounds.append({"users": [], "answers": []})
            rounds[-1]["answers"].append(message)
    return [_ROUND.write(spec) for spec in rounds]


_CONVERSATION = Shape(
    NAME,
    (
        Member("compressed_context", "boundary.text", absent=""),
        Member("recent_rounds", "messages", read=_messages_of, write=_rounds_of),
        Member("total_rounds", "counters.rounds", fits=counts_to(U64), home=counts_to(U64), default=0),
        Member("token_estimate", "counters.tokens", fits=counts_to(U64), home=counts_to(U64), default=0),
    ),
    also_read=lambda _: {"format": "snapshot", "version": "1.0"},
)


def _read(tree: Tree) -> Document:
    return _CONVERSATION.read(tree["conversation"])


def _write(document: Document) -> Tree:
    return {"conversation": _CONVERSATION.write(document)}


_find = singles("conversation", "conversation-*.json", "sm/conversation-*.json")


def _sessions(path: Path) -> list[Found]:
    return [Found(found.name.removeprefix("conversation-"), found.parts) for found in _find(path)]


def _place(_role: str, document: Document, name: str, _number: int) -> str:
    id = document.get("id", name)
    return f"sm/conversation-{re.sub('[^A-Za-z0-9_-]', '_', id) or 'default'}.json"


DIALECT = Dialect(
    NAME,
    "snapshot",
    schema=lambda _role, _value: "trusty-mpm.schema.json",
    read=_read,
    write=_write,
    losses=(
        Loss("/id", "a file has no id"),
        Loss("/boundary", "an empty summary is the same as none"),
        Loss("/boundary/*", "of what went before, only a text that is not empty is kept"),
        Loss("/counters", "only rounds and tokens are counted, and both always"),
        Loss("/counters/*", "only rounds and tokens are counted, and both always"),
        Loss("/created_at", "only rounds have a time"),
        Loss("/updated_at", "only rounds have a time"),
        Loss("/messages/*", "a round is one user's message and one answer; other roles are left out, answers in a row "
             "become one, and what has no other side gets an empty one"),
        Loss("/messages/*/role", "a round has a user and an assistant"),
        Loss("/messages/*/agent", "who speaks is not kept"),
        Loss("/messages/*/created_at", "a round has one time, and always"),
        Loss("/messages/*/pinned", "nothing is pinned"),
        Loss("/messages/*/content/*", "a round has a text, and one sentence for each call; several texts become one"),
        Loss("/messages/*/content/text/text", "several texts become one"),
    ),
    find=_sessions,
    knows=has("recent_rounds"),
    place=_place,
    dated="messages",
)  # fmt: skip
