"""The report as one HTML page that stands alone."""

from collections.abc import Mapping
from html import escape
from typing import Any

from sessionproof._requirements import groups

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;vertical-align:top;border-bottom:1px solid #ddd}
.pass{color:#17692f}.fail{color:#b3151d;font-weight:600}.error,.inconclusive{color:#8a5a00;font-weight:600}.not-applicable,.not-run{color:#777}
pre{background:#f6f6f6;padding:.6rem;overflow:auto;white-space:pre-wrap}code{background:#f6f6f6}
"""


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    implementation = report["implementation"] or {"name": "unknown", "version": "", "language": ""}
    name = escape(f"{implementation['name']} {implementation['version']}")
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{name} - sessionproof</title><style>{_STYLE}</style>",
        f"<h1>{name}</h1><p>{escape(report['conclusion'])}</p>",
        f"<p>Profile {escape(report['profile'])}, seed {report['seed']}, kit {escape(report['kit']['version'])}, {escape(implementation['language'])}. ",
        f"Level for documents: {report['levels']['document'] or 'none'}; for logs: {report['levels']['log'] or 'none'}.</p>",
    ]
    for id, group in groups().items():
        rows = [_row(entry) for entry in report["requirements"] if entry["id"].partition("-")[0] == id]
        parts.append(f"<h2>{id}: {escape(group.title)}</h2><p>{escape(group.description)}</p><table>{''.join(rows)}</table>")
    return "\n".join(parts) + "</html>\n"


def _row(entry: Mapping[str, Any]) -> str:
    verdict = entry["verdict"]
    note = f" (recorded: {escape(entry['deviation']['reason'])})" if entry["deviation"] else ""
    detail = "" if verdict == "pass" else f"<br>{escape(entry['summary'])}{note}{_witness(entry)}"
    return (
        f"<tr id='{entry['id'].lower()}'><td><code>{entry['id']}</code><td>{entry['level']}"
        f"<td class='{verdict}'>{verdict}<td>{escape(entry['title'])}{detail}"
    )


def _witness(entry: Mapping[str, Any]) -> str:
    witness = entry["witness"]
    if witness is None:
        return ""
    lines = [f"expected: {witness['expected']}", f"observed: {witness['observed']}", f"files: {', '.join(witness['files'])}"]
    lines.append(f"replay: sessionproof replay {entry['case']}")
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
