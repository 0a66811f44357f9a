"""a3s-code: tasks, and the three files beside a session's own."""

from typing import Any

from sessionproof._dialects._dialect import Loss, Tree
from sessionproof._dialects._shape import Document, Member, Shape, kept
from sessionproof._dialects._values import U64, counts_to, each, is_flag, is_text, one_of

NAME = "a3s-code"
_IS_U64 = counts_to(U64)
_IS_STATUS = one_of("passed", "failed", "needs_review", "skipped")
_IS_TASK_STATUS = one_of("pending", "in_progress", "completed", "failed", "skipped", "cancelled")


def _texts(name: str) -> Member:
    """A list of strings that is written only where it is not empty."""
    return Member(name, name, home=bool, fits=bool)


TASK = Shape(
    NAME,
    (
        Member("id", "id"),
        Member("content", "content"),
        Member("status", "status"),
        Member("priority", "priority", fits=one_of("high", "medium", "low"), default="medium"),
        Member("tool", "tool", home=is_text),
        _texts("dependencies"),
        Member("success_criteria", "success_criteria", home=is_text),
    ),
)


def write_task(task: Document) -> Document | None:
    """The task; None where it lacks what a3s-code needs."""
    return TASK.write(task) if {"id", "content"} <= task.keys() and _IS_TASK_STATUS(task.get("status")) else None


_ARTIFACT = Shape(
    NAME,
    (
        Member("artifact_id", "id", absent=""),
        Member("artifact_uri", "uri", absent=""),
        Member("tool_name", "tool", absent=""),
        Member("content", "text", absent=""),
        Member("original_bytes", "original_bytes", fits=_IS_U64, home=_IS_U64, default=0),
        Member("shown_bytes", "shown_bytes", fits=_IS_U64, home=_IS_U64, default=0),
    ),
)
_TRACE = Shape(
    NAME,
    (
        kept("schema", "a3s.trace_event.v1"),
        Member("kind", "kind"),
        Member("name", "name"),
        Member("success", "success"),
        Member("exit_code", "exit_code", fits=counts_to(2**31 - 1, -(2**31)), default=0),
        Member("duration_ms", "duration_ms", fits=_IS_U64, home=_IS_U64, default=0),
        Member("output_bytes", "output_bytes", fits=_IS_U64, home=_IS_U64, default=0),
        _texts("metadata_keys"),
        _texts("artifact_uris"),
        Member("details", "details"),
    ),
)
_CHECK = Shape(
    NAME,
    (
        Member("id", "id", absent=""),
        Member("kind", "kind", absent=""),
        Member("description", "description", absent=""),
        Member("status", "status", fits=_IS_STATUS, default="needs_review"),
        Member("required", "required", default=False),
        _texts("suggested_tools"),
        _texts("evidence_uris"),
        Member("residual_risk", "residual_risk", home=is_text),
    ),
)
_REPORT = Shape(
    NAME,
    (
        kept("schema", "a3s.verification_report.v1"),
        Member("subject", "subject", absent=""),
        Member("status", "status"),
        Member("checks", "checks", read=each(_CHECK.read), write=each(_CHECK.write), default=[]),
        _texts("residual_risks"),
    ),
)
_ARTIFACTS = Shape(
    NAME, (Member("artifacts", "artifacts", read=each(_ARTIFACT.read), write=each(_ARTIFACT.write), default=[]),)
)


def read_attachments(tree: Tree) -> Document:
    """The attachments in the files beside the session's own; empty where there are none."""
    found: Document = _ARTIFACTS.read(tree["artifacts"]) if "artifacts" in tree else {}
    if "traces" in tree:
        found["trace"] = each(_TRACE.read)(tree["traces"])
    if "verification" in tree:
        found["verification"] = each(_REPORT.read)(tree["verification"])
    return found


def write_attachments(attachments: Document) -> Tree:
    """The files for them; an item that lacks what a3s-code needs is left out."""
    tree: Tree = {}
    if "artifacts" in attachments:
        tree["artifacts"] = _ARTIFACTS.write(attachments)
    if "trace" in attachments:
        tree["traces"] = [_TRACE.write(event) for event in attachments["trace"] if _is_trace(event)]
    if "verification" in attachments:
        reports = attachments["verification"]
        tree["verification"] = [_REPORT.write(report) for report in reports if _IS_STATUS(report.get("status"))]
    return tree


def _is_trace(event: dict[str, Any]) -> bool:
    known = event.get("kind") in {"tool_execution", "program_execution"}
    return known and "name" in event and is_flag(event.get("success"))


LOSSES = (
    Loss("/attachments", "attachments without a list are the same as none"),
    Loss("/attachments/artifacts/*/*", "an artifact always has its two lengths; empty text is the same as none"),
    Loss("/attachments/trace/*", "an event needs a name, whether it succeeded, and one of two kinds"),
    Loss("/attachments/trace/*/*", "an event has exit code, duration and length of output, and always; neither id, "
         "text nor instant; an empty list is the same as none"),
    Loss("/attachments/verification/*", "a report needs a status that a3s-code knows"),
    Loss("/attachments/verification/*/*", "a report always has a list of checks and neither id nor text; what is empty "
         "is the same as none"),
    Loss("/attachments/verification/*/checks/*/*", "a check always has a status that a3s-code knows, and says whether "
         "it is required; what is empty is the same as none"),
)  # fmt: skip
