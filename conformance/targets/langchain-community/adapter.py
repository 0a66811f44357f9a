"""Drives langchain-community: one `FileChatMessageHistory` in a file under the root. README.md grounds each claim."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from langchain_community.chat_message_histories import FileChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from sessionproof import Adapter, Corrupt, InvalidDocument, serve

_CLASSES: dict[str, type[HumanMessage | AIMessage]] = {"user": HumanMessage, "assistant": AIMessage}
_ROLES = {"human": "user", "ai": "assistant"}


def _message(entry: Any) -> BaseMessage:  # noqa: ANN401 - whatever the kit sends, no entry included
    """The message that an entry stands for. LangChain validates it; what names no class cannot be one."""
    try:
        return _CLASSES[entry["role"]](content=entry["content"])
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidDocument(f"{type(error).__name__}: {error}") from error


@contextmanager
def _decoding() -> Iterator[None]:
    """What LangChain cannot make messages of was damaged on disk. It has no type for that, so all of Python's count."""
    try:
        yield
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Corrupt(f"{type(error).__name__}: {error}") from error


class LangchainCommunityAdapter(Adapter):
    """Every operation is one call of the history."""

    name = "langchain-community"
    version = metadata.version("langchain-community")
    fidelity = "messages"
    durability = "close"
    concurrency = "single"
    ids = "single"

    _history: FileChatMessageHistory

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one history, so the root is enough
        """Make the root and the history, which makes its file."""
        # The history expects the folder of its file to be there; whoever uses it makes that folder.
        Path(root).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._history = FileChatMessageHistory(str(Path(root) / "history.json"))

    def append(self, id: str, entries: list[Any]) -> None:  # noqa: ARG002 - a history has no id but its file
        """Add the entries as messages. The history reads and writes its file once for each."""
        messages = [_message(entry) for entry in entries]
        with _decoding():
            self._history.add_messages(messages)

    def read(self, id: str) -> dict[str, Any]:  # noqa: ARG002
        """Give every message."""
        with _decoding():
            messages = self._history.messages
        entries = [{"role": _ROLES.get(message.type, message.type), "content": message.content} for message in messages]
        return {"found": True, "entries": entries, "archive": None, "meta": None, "damage": []}

    def delete(self, id: str) -> None:  # noqa: ARG002
        """Clear the history: its file is an empty list then. Whether there were messages is not told."""
        self._history.clear()


if __name__ == "__main__":
    serve(LangchainCommunityAdapter())
