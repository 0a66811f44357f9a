"""Adapters that misbehave: who is blamed, and what the message says. A hang never outlasts its deadline."""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from sessionproof._budget import PROFILES
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._lab import Lab
from sessionproof._protocol import Answer, Call, Kind, Refusal, Silence
from sessionproof._requirements import selected
from sessionproof._suite import Result, carry_out, probes_of

SCRIPT = """
import json, os, signal, subprocess, sys, time

statement = {
    "protocol": "1.0",
    "implementation": {"name": "misbehaving", "version": "1", "language": "python"},
    "operations": ["save", "load", "delete", "echo"],
    "fidelity": "json", "format": None, "durability": "none", "concurrency": "single", "ids": "any",
}
sessions = {}

def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()

def say(**members):
    write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **members}) + "\\n")

def right():
    match request["method"]:
        case "initialize":
            say(result=statement)
        case "open":
            sessions.clear()
            say(result={})
        case "save":
            sessions[params["id"]] = params["document"]
            say(result={"revision": None})
        case "load" if params["id"] in sessions:
            say(result={"found": True, "document": sessions[params["id"]], "revision": None})
        case "load":
            say(result={"found": False})
        case "delete":
            say(result={"existed": sessions.pop(params["id"], None) is not None})
        case "echo":
            say(result={"value": params["value"]})
        case _:
            say(result={})

# start
for line in sys.stdin:
    request = json.loads(line)
    method, params = request["method"], request.get("params", {})
    # request
    right()
# end
"""
SAVE = Call("save", {"id": "a", "document": {"messages": []}})
LOAD = Call("load", {"id": "a"})

Misbehave: TypeAlias = Callable[..., Launch]
Start: TypeAlias = Callable[[Launch], AdapterProcess]


@pytest.fixture(name="misbehaving")
def _misbehaving(tmp_path: Path) -> Misbehave:
    """A right adapter, but for the lines given: at its `start`, on each `request`, at the `end` of its input."""

    def make(*, start: str = "", request: str = "", end: str = "", deadline: float = 20.0) -> Launch:
        script = (
            SCRIPT.replace("# start", start).replace("# request", request.replace("\n", "\n    ")).replace("# end", end)
        )
        (tmp_path / "adapter.py").write_text(script, encoding="utf-8")
        return Launch((sys.executable, "-I", "-S", "adapter.py"), tmp_path, deadline)

    return make


@pytest.fixture(name="started")
def _started() -> Iterator[Start]:
    """Starts adapters, and ends them after the test."""
    processes: list[AdapterProcess] = []

    def start(launch: Launch) -> AdapterProcess:
        processes.append(AdapterProcess(launch))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


def fault_of(launch: Launch, *calls: Call) -> str:
    """The fault that the adapter is found to have, in `initialize` or in the last of the calls."""
    with pytest.raises(AdapterFault) as found:  # noqa: PT012 - whichever comes last
        process = AdapterProcess(launch)
        try:
            for call in calls:
                process.call(call)
        finally:
            process.kill()
    return str(found.value)


def judged(launch: Launch, requirement: str) -> Result:
    """What the kit makes of the adapter, by the first probe of one requirement."""
    with Lab(launch, PROFILES["quick"]) as lab:
        return carry_out(lab, probes_of(selected((requirement,)))[0])


def test_command_that_is_not_there(tmp_path: Path) -> None:
    """A command that cannot be started is named, with the folder that it would run in."""
    said = fault_of(Launch(("no-such-command-of-sessionproof", "--flag"), tmp_path))
    assert "no-such-command-of-sessionproof --flag" in said
    assert "installed" in said
    assert str(tmp_path) in said


@pytest.mark.parametrize("noise", ["'Debugger attached.'", "'42'", "'{'", "chr(0)"])
def test_noise_before_initialize(misbehaving: Misbehave, noise: str) -> None:
    """Lines that are no response are tolerated before the answer to `initialize`, counted and shown as warnings."""
    with Lab(misbehaving(start=f"print({noise})\nprint('second')"), PROFILES["quick"]) as lab:
        assert len(lab.warnings) == 2
        assert repr(eval(noise)) in lab.warnings[0]
        assert "'second'" in lab.warnings[1]


def test_noise_after_initialize(misbehaving: Misbehave) -> None:
    """A line that is not JSON later on is the adapter's fault: the message shows it and says where to print instead."""
    said = fault_of(misbehaving(request="if method == 'save': print('saving now')"), SAVE)
    assert "saving now" in said
    assert "standard error" in said


def test_noise_without_end(misbehaving: Misbehave) -> None:
    """An endless stream is no answer: the deadline holds however busy the adapter is."""
    endless = "until = time.monotonic() + 2\nwhile time.monotonic() < until: write('y\\n' * 1000)"
    assert "no answer within 0.3 s" in fault_of(misbehaving(start=endless, deadline=0.3))


def test_line_without_end(misbehaving: Misbehave) -> None:
    """A line that never ends is no answer either."""
    endless = "until = time.monotonic() + 2\nwhile time.monotonic() < until: write('y' * 1_000_000)"
    assert "no answer within 0.3 s" in fault_of(misbehaving(start=endless, deadline=0.3))


def test_death_at_once(misbehaving: Misbehave) -> None:
    """An adapter that dies before it speaks is shown with its status and what it said."""
    said = fault_of(misbehaving(start="sys.exit('cannot import the store')"))
    assert "exited with status 1" in said
    assert "cannot import the store" in said


def test_death_after_noise(misbehaving: Misbehave) -> None:
    """What it printed to standard output before it died is shown too: that is where usage messages go."""
    assert "usage: adapter FILE" in fault_of(misbehaving(start="print('usage: adapter FILE')\nsys.exit(2)"))


def test_death_in_a_save(misbehaving: Misbehave, started: Start) -> None:
    """Death in a store operation is an outcome and no fault of the adapter, with what it said last."""
    process = started(misbehaving(request="if method == 'save': sys.exit('out of luck')"))
    outcome = process.call(SAVE)
    assert isinstance(outcome, Silence)
    assert outcome.reason == "adapter-crash"
    assert "status 1" in outcome.detail
    assert "out of luck" in outcome.detail
    assert isinstance(process.call(LOAD), Silence)


def test_death_by_signal(misbehaving: Misbehave, started: Start) -> None:
    """A signal is named."""
    process = started(misbehaving(request="if method == 'save': os.kill(os.getpid(), signal.SIGSEGV)"))
    outcome = process.call(SAVE)
    assert isinstance(outcome, Silence)
    assert "SIGSEGV" in outcome.detail


def test_death_fails_the_store(misbehaving: Misbehave) -> None:
    """A store that dies in a save fails what is probed; nobody else is blamed."""
    result = judged(misbehaving(request="if method == 'save': sys.exit('out of luck')"), "STO-2")
    assert (result.verdict, result.blame, result.fault) == ("fail", None, "save-adapter-crash")
    assert "out of luck" in result.observed


def test_silence_in_initialize(misbehaving: Misbehave) -> None:
    """No answer to `initialize` within the deadline is the adapter's fault."""
    assert "`initialize`: no answer within 0.3 s" in fault_of(misbehaving(start="time.sleep(60)", deadline=0.3))


def test_silence_in_a_save(misbehaving: Misbehave, started: Start) -> None:
    """A hang in a store operation is an outcome; the adapter is killed, with the processes that it started."""
    child = """if method == 'save':
    child = subprocess.Popen(['sleep', '60'])
    open('child', 'w').write(str(child.pid))
    child.wait()"""
    launch = misbehaving(request=child, deadline=0.3)
    process = started(launch)
    outcome = process.call(SAVE)
    assert isinstance(outcome, Silence)
    assert outcome.reason == "hang"
    assert not process.alive
    pid = int((launch.folder / "child").read_text())
    with contextlib.suppress(ProcessLookupError):
        assert select.select([os.pidfd_open(pid)], [], [], 20)[0]


def test_silence_fails_the_store(misbehaving: Misbehave) -> None:
    """A store that hangs in a load fails what is probed."""
    result = judged(misbehaving(request="if method == 'load': time.sleep(60)", deadline=0.3), "STO-2")
    assert (result.verdict, result.blame, result.fault) == ("fail", None, "load-hang")


@pytest.mark.parametrize("descriptor", [0, 1])
def test_closed_pipe(misbehaving: Misbehave, started: Start, descriptor: int) -> None:
    """An adapter that closes its input or output and lives on does not hold the kit beyond the deadline."""
    closing = f"""if method == 'load':
    if {descriptor} == 0: say(result={{'found': False}})
    os.close({descriptor})
    time.sleep(3)
    os._exit(0)"""
    process = started(misbehaving(request=closing, deadline=0.3))
    process.call(LOAD)
    outcome = process.call(LOAD)
    assert isinstance(outcome, Silence)
    assert not process.alive
    assert "exited with status 0" not in outcome.detail


@pytest.mark.parametrize("wrong", ["0", "request['id'] + 1", "-1", "str(request['id'])", "None"])
def test_answer_to_another_request(misbehaving: Misbehave, wrong: str) -> None:
    """An answer with another id is the adapter's fault."""
    said = fault_of(misbehaving(request=f"if method == 'save': request['id'] = {wrong}"), SAVE)
    assert "`save`" in said
    assert "carries the id" in said


@pytest.mark.parametrize(
    "answer",
    [
        "{'jsonrpc': '2.0', 'id': request['id']}",
        "{'jsonrpc': '2.0', 'id': request['id'], 'result': None}",
        "{'jsonrpc': '2.0', 'id': request['id'], 'result': {}, 'error': {'code': -32603, 'message': ''}}",
        "{'id': request['id'], 'result': {'revision': None}}",
        "{'jsonrpc': '2.0', 'id': request['id'], 'error': 'no'}",
        "{'jsonrpc': '2.0', 'id': request['id'], 'error': {'message': 'no code'}}",
    ],
)
def test_no_response(misbehaving: Misbehave, answer: str) -> None:
    """A line that is JSON and no response is the adapter's fault, and the message names the call."""
    said = fault_of(
        misbehaving(request=f"if method == 'save':\n    write(json.dumps({answer}) + chr(10))\n    continue"), SAVE
    )
    assert "`save` is no JSON-RPC response" in said


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("statement['durability'] = 'proces-crash'", "durability"),
        ("statement['operations'] = ['save', 'laod']", "laod"),
        ("del statement['fidelity']", "fidelity"),
        ("statement['protocol'] = '2.0'", "protocol"),
        ("statement['ids'] = {'patern': 'x'}", "ids"),
        ("statement['secrets'] = ['llm.api_key']", "secrets"),
        ("statement['fidelity'] = 'format'", "format"),
        ("statement['implementation'] = 'mine'", "implementation"),
        ("statement['cost'] = {'append': 'O(log n)'}", "cost"),
        ("statement = {}", "protocol"),
    ],
)
def test_statement_with_a_typo(misbehaving: Misbehave, change: str, named: str) -> None:
    """What is wrong with a statement is named."""
    said = fault_of(misbehaving(start=change))
    assert "conformance statement" in said
    assert named in said


@pytest.mark.parametrize("pattern", ["[a-z", "(", "a{2,1}", "(?P<name>x)", "\\p{L}+"])
def test_pattern_that_is_no_regex(misbehaving: Misbehave, pattern: str) -> None:
    """A pattern of ids that cannot be read is the adapter's fault, found before anything is probed."""
    assert "ids.pattern" in fault_of(misbehaving(start=f"statement['ids'] = {{'pattern': {pattern!r}}}"))


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("save", "{}"),
        ("save", "{'revision': 7}"),
        ("load", "{}"),
        ("load", "{'found': True}"),
        ("load", "{'found': 'yes'}"),
        ("delete", "{'existed': 1}"),
    ],
)
def test_result_of_the_wrong_shape(misbehaving: Misbehave, method: str, result: str) -> None:
    """A result that is not of the protocol's shape is the adapter's fault, and the message names the method."""
    launch = misbehaving(request=f"if method == {method!r}:\n    say(result={result})\n    continue")
    params = SAVE.params if method == "save" else LOAD.params
    assert f"`{method}` is not of the protocol's shape" in fault_of(launch, Call(method, params))


@pytest.mark.parametrize(
    "text", ["NaN", '{"jsonrpc": "2.0", "id": 2, "result": {"revision": NaN}}', '{"a": 1, "a": 2}', "\\xff"]
)
def test_answer_that_is_not_json(misbehaving: Misbehave, text: str) -> None:
    """NaN, a repeated member or a byte that is no UTF-8 is not JSON."""
    write = (
        f"sys.stdout.buffer.write({text!r}.encode('latin-1') + bytes([10]))"
        if text != "\\xff"
        else "sys.stdout.buffer.write(bytes([255, 10]))"
    )
    said = fault_of(
        misbehaving(request=f"if method == 'save':\n    {write}\n    sys.stdout.flush()\n    continue"), SAVE
    )
    assert "not JSON" in said


@pytest.mark.parametrize("value", ["'[' * 100_000 + ']' * 100_000", "'9' * 100_000", "'[' * 3_000 + ']' * 3_000"])
def test_answer_that_breaks_readers(misbehaving: Misbehave, value: str) -> None:
    """A document too deep or with a number too long to be read is never taken for a fault of the kit."""
    hostile = f"""if method == 'load':
    result = {{'found': True, 'document': {{'v': 'HERE'}}, 'revision': None}}
    frame = json.dumps({{'jsonrpc': '2.0', 'id': request['id'], 'result': result}})
    write(frame.replace('"HERE"', {value}) + chr(10))
    continue"""
    result = judged(misbehaving(request=hostile), "STO-2")
    assert (result.verdict, result.blame) in {("fail", None), ("error", "adapter")}


def test_wrong_shape_is_blamed_on_the_adapter(misbehaving: Misbehave) -> None:
    """Through a probe a fault of the adapter is an `error` with the blame on it, and no verdict on the store."""
    result = judged(misbehaving(request="if method == 'load':\n    say(result={})\n    continue"), "STO-2")
    assert (result.verdict, result.blame) == ("error", "adapter")


def test_end_of_input_ignored(misbehaving: Misbehave, started: Start) -> None:
    """An adapter that does not exit at the end of its input is killed, and at fault."""
    process = started(misbehaving(end="time.sleep(60)", deadline=0.3))
    with pytest.raises(AdapterFault, match="does not exit at the end of its standard input"):
        process.end()
    assert not process.alive


def test_status_at_the_end_of_input(misbehaving: Misbehave, started: Start) -> None:
    """A status other than 0 at the end of input is at fault, with what was said."""
    process = started(misbehaving(end="print('unsaved work', file=sys.stderr)\nsys.exit(3)"))
    with pytest.raises(AdapterFault, match=r"status 3(.|\n)*unsaved work"):
        process.end()


def test_right_end_of_input(misbehaving: Misbehave, started: Start) -> None:
    """Status 0 at the end of input is right."""
    process = started(misbehaving())
    process.end()
    assert not process.alive


def test_huge_answer(misbehaving: Misbehave, started: Start) -> None:
    """Twenty megabytes are an answer like any other, also where they come in pieces."""
    process = started(misbehaving(request="sessions['a'] = {'text': 'x' * 20_000_000}"))
    outcome = process.call(LOAD)
    assert isinstance(outcome, Answer)
    assert outcome.result["document"] == {"text": "x" * 20_000_000}


def test_flood_on_standard_error(misbehaving: Misbehave, started: Start) -> None:
    """Whatever an adapter writes to standard error holds it up nowhere; its end is kept."""
    process = started(
        misbehaving(request="sys.stderr.write('noise\\n' * 800_000 + 'the end of it\\n')\nsys.stderr.flush()")
    )
    assert isinstance(process.call(SAVE), Answer)
    assert process.stderr_tail().endswith("the end of it")
    assert len(process.stderr_tail()) < 10_000


def test_listed_operation_that_is_missing(misbehaving: Misbehave) -> None:
    """-32601 for an operation that the statement lists is a defect of that operation."""
    missing = "if method == 'save':\n    say(error={'code': -32601, 'message': 'no such method'})\n    continue"
    result = judged(misbehaving(request=missing), "STO-2")
    assert (result.verdict, result.blame) == ("fail", None)
    assert "`save`" in result.summary


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-32001, Kind.INVALID_ID),
        (-32002, Kind.INVALID_DOCUMENT),
        (-32003, Kind.CORRUPT),
        (-32004, Kind.UNSUPPORTED_VERSION),
        (-32005, Kind.CONFLICT),
        (-32006, Kind.IO),
        (-32007, Kind.NOT_FOUND),
        (-32603, Kind.INTERNAL),
        (-32000, Kind.INTERNAL),
        (1, Kind.INTERNAL),
    ],
)
def test_error_without_data(misbehaving: Misbehave, started: Start, code: int, kind: Kind) -> None:
    """Without `data.kind` the code of an error tells its kind; a code that the protocol does not know is internal."""
    process = started(
        misbehaving(request=f"if method == 'save':\n    say(error={{'code': {code}, 'message': 'no'}})\n    continue")
    )
    outcome = process.call(SAVE)
    assert isinstance(outcome, Refusal)
    assert outcome.kind is kind


def test_kind_decides(misbehaving: Misbehave, started: Start) -> None:
    """Where code and kind disagree, the kind counts."""
    error = "{'code': -32603, 'message': 'full', 'data': {'kind': 'io', 'errno': 'ENOSPC', 'outcome': 'not_applied'}}"
    process = started(misbehaving(request=f"if method == 'save':\n    say(error={error})\n    continue"))
    assert process.call(SAVE) == Refusal(Kind.IO, "full", "ENOSPC", "not_applied")


def test_unknown_kind(misbehaving: Misbehave) -> None:
    """A kind that the protocol does not know is the adapter's fault, and is shown."""
    error = "{'code': -32003, 'message': 'damaged', 'data': {'kind': 'corupt'}}"
    said = fault_of(misbehaving(request=f"if method == 'save':\n    say(error={error})\n    continue"), SAVE)
    assert "corupt" in said


def test_echo_that_dies_on_a_surrogate(misbehaving: Misbehave) -> None:
    """What `echo` does not survive is a warning, and is never sent to the store."""
    dying = "json.dumps(request, ensure_ascii=False).encode()"
    with Lab(misbehaving(request=dying), PROFILES["quick"]) as lab:
        found = {probe.name: carry_out(lab, probe).verdict for probe in probes_of(selected(("FMT-2", "IDS-4")))}
        (warning,) = lab.warnings
    of_logs = dict.fromkeys(("entries like other records", "metadata", "agents and creators"), "not-applicable")
    assert found == dict.fromkeys(found, "pass") | of_logs
    assert warning.index("surrogate") < warning.index("not sent")


def test_echo_that_loses_numbers(misbehaving: Misbehave) -> None:
    """What `echo` returns changed is never sent to the store: the store is not judged for its adapter's JSON."""
    doubles = (
        "params = request['params'] = json.loads(line, parse_int=float)['params'] if method != 'initialize' else params"
    )
    with Lab(misbehaving(request=doubles), PROFILES["quick"]) as lab:
        found = [carry_out(lab, probe) for probe in probes_of(selected(("FMT-2", "FMT-8")))]
    assert [result.summary for result in found if result.verdict not in {"pass", "not-applicable"}] == []
