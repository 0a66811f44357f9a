"""The report as one HTML page that stands alone."""

from collections.abc import Mapping
from html import escape
from typing import Any

from sessionproof import _cost_table
from sessionproof._guarantee import told
from sessionproof._requirements import groups
from sessionproof._tried import tried
from sessionproof._witness import printable, witness_lines

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}
td{padding:.25rem .6rem .25rem 0;vertical-align:top;border-bottom:1px solid #ddd;overflow-wrap:anywhere}
td:nth-child(-n+3){white-space:nowrap}
.pass{color:#17692f}.fail{color:#b3151d;font-weight:600}
.error,.inconclusive{color:#8a5a00;font-weight:600}.not-applicable,.not-run{color:#777}
pre{background:#f6f6f6;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
"""


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    implementation = report["implementation"]
    name = _text(f"{implementation['name']} {implementation['version']}")
    levels = report["levels"]
    facts = (
        f"{implementation['language']}, profile {report['profile']}, seed {report['seed']}, "
        f"sessionproof {report['kit']['version']} on {report['environment']['system']}. "
        f"Level for documents: {levels['document'] or 'none'}; for logs: {levels['log'] or 'none'}."
    )
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name} - sessionproof</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{name}</h1><p>{_text(report['conclusion'])}</p><p>{_text(facts)}</p>",
        *_several_at_once(report),
        *(f"<p>Warning: {_text(warning)}</p>" for warning in report["warnings"]),
    ]
    for id, group in groups().items():
        rows = [_row(entry) for entry in report["requirements"] if entry["id"].partition("-")[0] == id]
        parts += [f"<h2>{id}: {_text(group.title)}</h2><p>{_text(group.description)}</p>", "<table>", *rows, "</table>"]
    parts += _cost(report["cost"])
    return "\n".join(parts) + "\n</body></html>\n"


def _several_at_once(report: Mapping[str, Any]) -> list[str]:
    several = told(report)
    return [] if several is None else [f"<p>Several at once: {_text(several)}.</p>"]


def _cost(costs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not costs:
        return []
    table = ["".join(f"<td>{_text(cell)}</td>" for cell in row) for row in [_cost_table.HEAD, *_cost_table.rows(costs)]]
    legend = "".join(f"<p>{_text(line)}</p>" for line in [_cost_table.LEGEND, *_cost_table.on_disk(costs)])
    return [f"<h2>Cost</h2>{legend}<table>", *(f"<tr>{row}</tr>" for row in table), "</table>"]


def _text(text: str) -> str:
    return escape(printable(text))


def _row(entry: Mapping[str, Any]) -> str:
    verdict = entry["verdict"]
    notes = [_text(entry["title"])]
    notes.append(_text(tried(entry["id"], entry["trials"]) if verdict == "pass" else entry["summary"]))
    if entry["deviation"]:
        notes.append(f"Recorded: {_text(entry['deviation']['reason'])}")
    if entry["assumed"]:
        notes.append("Judged by an assumption of the manifest; does not decide.")
    return (
        f'<tr id="{entry["id"].lower()}"><td>{entry["id"]}</td><td>{entry["level"]}</td>'
        f'<td class="{verdict}">{verdict}</td><td>{"<br>".join(filter(None, notes))}{_witness(entry)}</td></tr>'
    )


def _witness(entry: Mapping[str, Any]) -> str:
    if entry["witness"] is None:
        return ""
    lines = [f"{label:>8}  {text}" for label, text in witness_lines(entry["witness"])]
    for fault, file in entry["cases"].items():
        lines += [f"   fault  {fault}", f"  replay  sessionproof replay {printable(file)}"]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
