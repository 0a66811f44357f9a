"""What a run shows is plain, short where all is well, and whole where something fails."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runs import check, report
from sessionproof._console import Screen
from sessionproof._suite import Result
from sessionproof._witness import failure_text, printable, step_text


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a failing run printed, and its report."""
    folder = tmp_path_factory.mktemp("failing")
    done = check(folder, "store:Keeping", only="STO,IDS-7,LOG")
    return done.out, report(folder)


def shown(written: dict[str, Any], *, terminal: bool) -> str:
    """A report as a screen shows it."""
    stream = io.StringIO()
    Screen(Console(file=stream, force_terminal=terminal, width=80), 1).report(written)
    return stream.getvalue()


def test_plain_text_has_escapes(failing: tuple[str, dict[str, Any]]) -> None:
    """Where standard output is no terminal, nothing but text is written."""
    out, _ = failing
    assert "\x1b" not in out
    assert "\r" not in out


def test_a_terminal_says_something_else(failing: tuple[str, dict[str, Any]]) -> None:
    """A terminal shows the same words, in colour."""
    _, written = failing
    coloured = shown(written, terminal=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(written, terminal=False)


def test_a_requirement_has_no_line_of_its_own(failing: tuple[str, dict[str, Any]]) -> None:
    """Each requirement of a judged group has one line, with what was tried or why it was not judged."""
    out, _ = failing
    (passed,) = [line for line in out.splitlines() if " STO-2 " in line]
    assert re.fullmatch(
        r"  ok   STO-2  A save replaces the whole document +\d+ histories, \d+ loads, \d+ saves", passed
    )
    (aside,) = [line for line in out.splitlines() if " STO-4 " in line]
    assert aside.startswith("  n/a  STO-4 ")
    assert aside.endswith("the statement does not list `list`")
    assert "  FAIL STO-3  A deleted session is gone\n" in out


def test_groups_that_do_not_apply_clutter_the_table(failing: tuple[str, dict[str, Any]]) -> None:
    """A group of which nothing was judged has no rows."""
    out, _ = failing
    assert "\nSTO What a store means\n" in out
    for group in ("LOG", "ATM", "DUR", "CON"):
        assert f"\n{group} " not in out
        assert f" {group}-1 " not in out


def test_a_failure_cannot_be_followed(failing: tuple[str, dict[str, Any]]) -> None:
    """A failure shows the shrunk calls, where it shows, what was expected and observed, and how to replay it."""
    out, _ = failing
    whole = out[out.index("\nFAIL STO-3 MUST") :]
    for pattern in (
        r"calls  on a fresh root\n",
        r"1\.  save\(id=\"a\", document=\{",
        r"where  step \d",
        r"expected  nothing",
        r"observed  \{\"found\":true",
        r"files  s-61 \(\d+ bytes\)",
        r"fault  not-gone",
        r"replay  sessionproof replay cases/STO-3\.json",
    ):
        assert re.search(pattern, whole), pattern
    assert out.endswith("Not conformant: STO-3 fails.\n")


def test_a_store_moves_the_cursor(tmp_path: Path) -> None:
    """Names and messages of a store are shown as text: no markup, no control codes, no lone surrogates."""
    done = check(tmp_path, "store:Hostile", only="STO-1")
    assert done.code == 1
    assert "\x1b" not in done.out
    assert r"[bold red]<img src=x onerror=alert(1)>[/]\x1b[2J\ud800" in done.out
    assert "\x1b[2J" not in shown(report(tmp_path), terminal=True)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"do": "call", "method": "load", "params": {"id": "a"}}, 'load(id="a")'),
        ({"do": "call", "method": "list", "params": {}}, "list()"),
        ({"do": "look"}, "[every session and what tells of all: read]"),
        ({"do": "look", "ids": ["a", "b"], "store": False}, '["a", "b": read]'),
        ({"do": "rest"}, "[the store is closed]"),
        ({"do": "wake"}, "[another process opens the store]"),
        ({"do": "reopen"}, "[the store is closed and opened again]"),
        ({"do": "restart", "how": "kill"}, "[the process is killed, another opens the store]"),
        ({"do": "tick", "seconds": 0.03}, "[0.03 s pass]"),
        ({"do": "plant", "name": "b", "kind": "link"}, '[plant: name="b", kind="link"]'),
        (
            {"do": "conditional save", "id": "a", "document": {}, "revision": -1},
            'save(id="a", document={}, if_revision=<that of the last save>)',
        ),
        (
            {"do": "conditional save", "id": "a", "document": {}, "revision": -3},
            'save(id="a", document={}, if_revision=<that of the last save but 2>)',
        ),
        (
            {"do": "create", "as": "${log:1}", "agent": "x", "created_by": "y"},
            'create(agent="x", created_by="y") makes <session 1>',
        ),
        ({"do": "call", "method": "read", "params": {"id": "${log:2}"}}, "read(id=<session 2>)"),
        ({"do": "disturb", "requirement": "COR-1"}, "[disturb]"),
        (
            {
                "do": "race",
                "sides": [[{"method": "save", "params": {"id": "a", "if_revision": -2}}]],
            },
            '[on one root; process 1: save(id="a", if_revision=<that of the last save but one>)]',
        ),
        (
            {
                "do": "race",
                "sides": [[{"method": "list"}], [{"method": "list"}]],
                "dies": [0, 3],
                "survivors": True,
            },
            (
                "[on one root; process 1: list(); process 2: list(); "
                "process 1 dies before its system call 3, then the others open the store]"
            ),
        ),
        (
            {
                "do": "race",
                "sides": [[{"method": "open"}, {"method": "load", "params": {"id": "a"}}], []],
                "dies": [0, 3],
            },
            (
                '[on one root; process 1: open(), then load(id="a"); process 2: nothing; '
                "process 1 dies before its system call 3]"
            ),
        ),
    ],
)
def test_a_step_is_no_line(step: dict[str, Any], text: str) -> None:
    """A step of a case is one short line."""
    assert step_text(step) == text


def test_a_long_history_fills_the_screen() -> None:
    """Of a long history the beginning and the end are shown, and how much is left out."""
    steps = [{"do": "call", "method": "load", "params": {"id": f"s{number}"}} for number in range(1, 101)]
    case: dict[str, Any] = {"setup": {"umask": 0o27, "premade": True}, "steps": steps}
    text = failure_text(Result("STO-2", "histories", "fail", "A sentence.", expected="x", observed="y", case=case))
    lines = text.splitlines()
    assert "on a fresh root, umask 027, made before `open`" in lines[2]
    assert [int(found[1]) for line in lines if (found := re.match(r" *(\d+)\.", line))] == [
        *range(1, 13),
        *range(89, 101),
    ]
    assert "76 more" in text


def test_what_the_kit_notes_is_told() -> None:
    """What the kit notes for itself is left out, but where it shows the failure; the others keep their numbers."""
    call = {"do": "call", "method": "load", "params": {"id": "a"}}
    steps = [{"do": "mark", "name": "quiet"}, call, {"do": "disturb", "requirement": "COR-1"}]
    case: dict[str, Any] = {"setup": {}, "steps": steps}
    lines = failure_text(Result("STO-2", "histories", "fail", "A sentence.", expected="x", observed="y", case=case))
    assert [line.strip() for line in lines.splitlines()[3:6]] == ['2.  load(id="a")', "3.  [disturb]", "where  step 3"]


def test_text_is_not_printable() -> None:
    """Letters of any script stay; what is none is written as an escape."""
    assert printable("Zoë 日本語 🎉\n") == "Zoë 日本語 🎉\n"
    assert printable("\x1b[2J\x00\ud800\u202e\r") == r"\x1b[2J\x00\ud800\u202e\r"
