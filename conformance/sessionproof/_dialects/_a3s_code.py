"""a3s-code: a file per session, and beside it files for artifacts, traces and verification."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from sessionproof._dialects import _a3s_code_messages as _messages
from sessionproof._dialects import _a3s_code_work as _work
from sessionproof._dialects._dialect import Dialect, Found, Loss, Tree, files, has
from sessionproof._dialects._shape import Document, Member, Shape, kept
from sessionproof._dialects._values import U32, U64, counts_to, each, each_that_fits, is_number, is_text, is_time

NAME = "a3s-code"
_IS_U64 = counts_to(U64)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62135596800, 253402300799  # the years 1 to 9999, which the spec's timestamps reach
_STATES = {name.lower(): name for name in ("Unknown", "Active", "Paused", "Completed", "Error")}


def _time_of(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def _seconds_of(time: str) -> int:
    whole, _, rest = time.partition(".")
    zone = rest.lstrip("0123456789")
    moment = datetime.fromisoformat(whole + zone)
    return (moment.replace(tzinfo=UTC) - _EPOCH - cast("timedelta", moment.utcoffset())) // timedelta(seconds=1)


def _instant(theirs: str, ours: str) -> Member:
    return Member(theirs, ours, home=counts_to(_LAST, _FIRST), read=_time_of, write=_seconds_of, default=0)


_USAGE = (
    Member("prompt_tokens", "input_tokens", fits=_IS_U64, home=_IS_U64, default=0),
    Member("completion_tokens", "output_tokens", fits=_IS_U64, home=_IS_U64, default=0),
    Member("total_tokens", "total_tokens", fits=_IS_U64, home=_IS_U64, default=0),
)
_TOTAL_USAGE = Shape(
    NAME,
    (
        *_USAGE,
        Member("cache_read_tokens", "cache_read_tokens", fits=_IS_U64, home=_IS_U64, absent=None),
        Member("cache_write_tokens", "cache_write_tokens", fits=_IS_U64, home=_IS_U64, absent=None),
    ),
)
_RECORD = Shape(
    NAME,
    (
        Member("model", "model"),
        Member("provider", "provider", absent=""),
        *(Member(each.theirs, f"usage.{each.ours}", each.home, each.fits, default=0) for each in _USAGE),
        Member("cost_usd", "cost_usd", home=is_number, fits=is_number, absent=None),
        Member("timestamp", "at", home=is_time, default="1970-01-01T00:00:00Z"),
        Member("session_id", "session_id", absent=None),
    ),
)


def _write_record(record: Document) -> Document | None:
    """A record without model or instant is left out; one that was read here has noted what it lacks."""
    noted = "a3s-code" in record.get("extensions", {})
    return _RECORD.write(record) if "model" in record and ("at" in record or noted) else None


_LLM = Shape(
    NAME,
    (
        Member("provider", "provider", absent=""),
        Member("model", "model", absent=""),
        Member("base_url", "base_url", absent=None),
    ),
)


_SESSION = Shape(
    NAME,
    (
        Member("id", "id"),
        Member("config.name", "title", absent=""),
        Member("config.workspace", "workspace", absent=""),
        Member("config.system_prompt", "system_prompt", absent=None),
        Member(
            "config.max_context_length",
            "config.max_context_tokens",
            home=_IS_U64,
            fits=counts_to(U32),
            default=0,
        ),
        Member("config.auto_compact", "config.auto_compact", default=False),
        Member("config.auto_compact_threshold", "config.auto_compact_threshold", fits=is_number, default=0.8),
        kept("config.storage_type", "file"),
        kept("config.planning_mode", "Auto"),
        kept("config.goal_tracking", default=False),
        Member(
            "state",
            "state",
            fits=lambda state: state in _STATES,
            read=str.lower,
            write=_STATES.__getitem__,
            default="Unknown",
        ),
        Member("messages", "messages", read=each(_messages.read), write=each(_messages.write)),
        Member("context_usage.used_tokens", "context.used_tokens", fits=_IS_U64, home=_IS_U64, default=0),
        Member("context_usage.max_tokens", "context.max_tokens", fits=_IS_U64, home=_IS_U64, default=0),
        Member("context_usage.percent", "context.used_fraction", fits=is_number, default=0.0),
        Member("context_usage.turns", "counters.turns", fits=_IS_U64, home=_IS_U64, default=0),
        Member(
            "total_usage", "usage", read=_TOTAL_USAGE.read, write=_TOTAL_USAGE.write, default=_TOTAL_USAGE.write({})
        ),
        Member("total_cost", "cost.total_usd", fits=is_number, default=0.0),
        Member("model_name", "model", home=is_text),
        Member(
            "cost_records", "cost.records", read=each(_RECORD.read), write=each_that_fits(_write_record), default=[]
        ),
        Member("tool_names", "tools", default=[]),
        Member("thinking_enabled", "config.thinking_enabled", default=False),
        Member("thinking_budget", "config.thinking_budget_tokens", fits=_IS_U64, home=_IS_U64, absent=None),
        _instant("created_at", "created_at"),
        _instant("updated_at", "updated_at"),
        Member("llm_config", "llm", read=_LLM.read, write=_LLM.write),
        Member("tasks", "tasks", read=each(_work.TASK.read), write=each_that_fits(_work.write_task), default=[]),
        Member("parent_id", "parent_id", home=is_text),
    ),
    also_read=lambda _: {"format": "session", "version": "1.0"},
)


def _read(tree: Tree) -> Document:
    document = _SESSION.read(tree["session"])
    attachments = _work.read_attachments(tree)
    return document | ({"attachments": attachments} if attachments else {})


def _write(document: Document) -> Tree:
    return {"session": _SESSION.write(document), **_work.write_attachments(document.get("attachments", {}))}


_SIDE_FILES = {
    "artifacts": "artifacts/{}/artifacts.json",
    "traces": "traces/{}.json",
    "verification": "verification/{}.json",
}


def _find(path: Path) -> list[Found]:
    found: list[Found] = []
    for file in files(path, "*.json"):
        places = {role: file.parent / place.format(file.stem) for role, place in _SIDE_FILES.items()}
        sides = {role: place for role, place in places.items() if place.is_file()}
        found.append(Found(file.stem, {"session": file, **sides}))
    return found


def _place(role: str, document: Document, _name: str, _number: int) -> str:
    name = document["id"].replace("/", "_").replace("\\", "_").replace("..", "_")
    return _SIDE_FILES.get(role, "{}.json").format(name)


DIALECT = Dialect(
    NAME,
    "session",
    schema=lambda role, _value: "a3s-code.schema.json" + ("" if role == "session" else f"#/$defs/{role}"),
    read=_read,
    write=_write,
    losses=(
        *(Loss(f"/{name}", "a3s-code does not keep it") for name in (
            "summary", "user_id", "agent", "created_by", "tags", "labels", "budget", "git", "boundary")),
        *(Loss(f"/{name}", "empty text is the same as none") for name in ("title", "workspace")),
        Loss("/state", "a state is unknown, active, paused, completed or error, and always there"),
        *(Loss(f"/{name}", "an instant is in whole seconds, in UTC, and always there")
          for name in ("created_at", "updated_at")),
        Loss("/config", "settings are always there"),
        Loss("/config/*", "settings are always there"),
        Loss("/context", "the context's use is always there"),
        Loss("/context/*", "the context's use is always there"),
        Loss("/counters", "turns are counted, and always"),
        Loss("/counters/*", "turns are counted, and always"),
        Loss("/usage", "usage is always there"),
        Loss("/usage/*", "input, output and total are always there; what the cache missed and reasoning took, never"),
        Loss("/cost", "total and records are always there"),
        Loss("/cost/total_usd", "total and records are always there"),
        Loss("/cost/records", "total and records are always there"),
        Loss("/cost/records/*", "a record needs a model and an instant"),
        Loss("/cost/records/*/usage", "a record always has input, output and total"),
        Loss("/cost/records/*/usage/*", "a record has input, output and total, and always"),
        Loss("/cost/records/*/provider", "empty text is the same as none"),
        Loss("/llm/*", "empty text is the same as none; a secret is not kept"),
        Loss("/tools", "no tools are the same as an empty list"),
        Loss("/tasks", "no tasks are the same as an empty list"),
        Loss("/tasks/*", "a task needs id, content and a status that a3s-code knows"),
        Loss("/tasks/*/priority", "a priority is high, medium or low, and always there"),
        Loss("/tasks/*/dependencies", "an empty list is the same as none"),
        *_messages.LOSSES,
        *_work.LOSSES,
    ),
    find=_find,
    knows=has("context_usage", "config"),
    place=_place,
    dated="document",
)  # fmt: skip
