"""One adapter process and its conversation: requests, deadlines, noise, death.

A fault of the adapter raises `AdapterFault` (the kit cannot judge the store through it). The death or silence of the
process during a store operation is an outcome, not a fault: a store that hangs or crashes is judged for it.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from sessionproof import _json, _schemas
from sessionproof._json import JSON, Object
from sessionproof._protocol import VERSION, Answer, Call, Outcome, Refusal, Silence, refusal
from sessionproof._statement import Statement, StatementError

_STDERR_TAIL = 4_000
_SHOWN = 200
_KEPT_NOISE = 10
_NO_STORE = frozenset({"initialize", "echo"})
_RIGHT: set[int] = set()
_REMEMBERED = 100_000


class AdapterFault(Exception):  # noqa: N818 - the blame is in the name
    """The adapter could not be driven. The message says what it did, and the likely mend."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an adapter process.

    `deadline` is in seconds, for each request; `umask` and `environment` are what the process gets on top of the kit's
    own; with `unprivileged` a process of root is started without the right to pass by permission bits.
    """

    command: tuple[str, ...]
    folder: Path
    deadline: float = 10.0
    umask: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    unprivileged: bool = False


# Without these two capabilities permission bits hold for root as for anybody else.
_UNPRIVILEGED = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
    "--",
)


class AdapterProcess:
    """A running adapter after a successful `initialize`.

    Raises:
        AdapterFault: The command cannot be started, or does not answer `initialize` as the protocol says.
    """

    _inherited: tuple[int, ...] = ()

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.noise: list[str] = []
        self._buffer = bytearray()
        self._number = 0
        self._heard = 0
        self._initialized = False
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [*(_UNPRIVILEGED if launch.unprivileged and os.geteuid() == 0 else ()), *launch.command]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the user's command is the point
                command,
                cwd=launch.folder,
                env={**os.environ, **launch.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                umask=-1 if launch.umask is None else launch.umask,
                start_new_session=True,
                pass_fds=self._inherited,
            )
        except OSError as error:
            self._stderr.close()
            raise AdapterFault(
                f"the adapter command {_shown(launch.command)} cannot be started: {error.strerror or error}. "
                f"Check the command and that it is installed; it runs in {launch.folder}."
            ) from error
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        try:
            self.statement = self._initialize()
            self.first_memory = self.peak_memory()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def peak_memory(self) -> int:
        """The most memory that the process has held so far, in bytes; 0 where the machine does not tell (proc(5))."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0
        return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:")), 0)

    def stderr_tail(self) -> str:
        """The last of what the process wrote to standard error."""
        if self._stderr.closed:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL))
        return self._stderr.read().decode("utf-8", "replace").strip()

    def call(self, call: Call) -> Outcome:
        """Send one request and wait for its answer.

        Raises:
            AdapterFault: The answer is not of the protocol's shape, or no answer came where no store is touched.
        """
        silence = self._request(call)
        return self._told(call, self._number, silence or self._receive())

    def _request(self, call: Call) -> Silence | None:
        """Send a request under the next number."""
        self._number += 1
        request: Object = {"jsonrpc": "2.0", "id": self._number, "method": call.method, "params": call.params}
        return self._send(_json.encode(request).encode("ascii") + b"\n")

    def _told(self, call: Call, number: int, reply: Object | Silence) -> Outcome:
        """What a reply, or its absence, says of the call that was sent under the number."""
        if isinstance(reply, Silence):
            if call.method in _NO_STORE:
                raise AdapterFault(f"`{call.method}`: {reply.detail}{self._said()}")
            return Silence(reply.reason, reply.detail + self._said())
        return self._outcome(call, number, reply)

    def end(self) -> None:
        """Close the adapter's input, wait for its exit, and end what it leaves behind.

        Raises:
            AdapterFault: It does not exit with status 0 at the end of its input.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not self._exits(self.launch.deadline):
            self.kill()
            raise AdapterFault("the adapter does not exit at the end of its standard input; it must, with status 0")
        self._stop()
        status = self._process.returncode
        said = self._said() if status else ""
        self._release()
        if status:
            raise AdapterFault(f"the adapter exits with status {status} at the end of its input, and must with 0{said}")

    def kill(self) -> None:
        """End the process, and whatever it started, at once."""
        self._stop()
        self._release()

    def strike(self) -> None:
        """Kill the process and what it has started; whoever waits for an answer is told of its death."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _exits(self, seconds: float) -> bool:
        """Whether it comes to its end within some seconds; it is not waited for yet."""
        if self._process.returncode is not None:
            return True
        end = os.pidfd_open(self._process.pid)
        try:
            return bool(select.select([end], [], [], seconds)[0])
        finally:
            os.close(end)

    def _stop(self) -> None:
        # Before it is waited for: until then nobody else can be given its number.
        if self._process.returncode is None:
            self.strike()
        self._process.wait()

    def _release(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # what was not yet sent to a dead process
                stream.close()

    def _initialize(self) -> Statement:
        outcome = self.call(Call("initialize", {"protocol": VERSION}))
        self._initialized = True
        if not isinstance(outcome, Answer):
            raise AdapterFault(
                f"`initialize` is answered by an error: {cast('Refusal', outcome).message or 'without a message'}"
            )
        try:
            return Statement.parse(outcome.result)
        except StatementError as error:
            raise AdapterFault(f"the answer to `initialize` is no conformance statement: {error}") from error

    def _outcome(self, call: Call, number: int, reply: Object) -> Outcome:
        plain = (
            reply.keys() == {"jsonrpc", "id", "result"}
            and reply["jsonrpc"] == "2.0"
            and isinstance(reply["result"], dict)
        )
        # What is plainly a response needs no schema to say so: this is the hottest path of the kit.
        broken = [] if plain else _schemas.problems("adapter-protocol.schema.json#/$defs/response", reply)
        if broken:
            raise AdapterFault(f"the answer to `{call.method}` is no JSON-RPC response: {broken[0]}")
        error = reply.get("error")
        unread = isinstance(error, dict) and reply["id"] is None and call.method in _NO_STORE
        if reply["id"] != number and not unread:
            raise AdapterFault(f"the answer to request {number} (`{call.method}`) carries the id {reply['id']!r}")
        if isinstance(error, dict):
            return refusal(error)
        result = reply["result"]
        if call.method != "initialize":
            _hold_to_the_protocol(call.method, result)
        return Answer(cast("Object", result))

    def _said(self) -> str:
        tail = self.stderr_tail()
        return f"\nits standard error ends:\n{tail}" if tail else ""

    def _send(self, line: bytes) -> Silence | None:
        assert self._process.stdin is not None
        descriptor = self._process.stdin.fileno()
        limit = time.monotonic() + self.launch.deadline
        while line:
            try:
                line = line[os.write(descriptor, line) :]
            except BrokenPipeError:
                return self._death()
            except BlockingIOError:
                if not select.select([], [descriptor], [], max(0.0, limit - time.monotonic()))[1]:
                    return self._hang()
        return None

    def _receive(self) -> Object | Silence:
        limit = time.monotonic() + self.launch.deadline
        while True:
            line = self._line(limit) if time.monotonic() < limit else self._hang()
            if isinstance(line, Silence):
                return line
            try:
                value: JSON = _json.decode(line.decode("utf-8"))
            except ValueError as error:
                self._tolerate(line, str(error))
                continue
            if isinstance(value, dict):
                return value
            self._tolerate(line, "a response is an object")

    def _tolerate(self, line: bytes, problem: str) -> None:
        """Lines that are no JSON are borne before the answer to `initialize`, and never after it."""
        text = line.decode("utf-8", "replace")
        if self._initialized:
            raise AdapterFault(
                f"standard output carries a line that is not JSON ({problem}): {text[:_SHOWN]!r}. "
                "It belongs to the protocol alone; print to standard error instead."
            )
        if len(self.noise) < _KEPT_NOISE:
            self.noise.append(text[:_SHOWN])

    def _line(self, limit: float) -> bytes | Silence:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if not select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))[0]:
                return self._hang()
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                return self._death()
            self._buffer += piece
            self._heard += len(piece)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _hang(self) -> Silence:
        self._stop()
        detail = f"no answer within {self.launch.deadline:g} s; the process was killed{self._printed()}"
        return Silence("hang", detail)

    def _death(self) -> Silence:
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._stop()
            return Silence("adapter-crash", f"the adapter closed its input or output and lived on{self._printed()}")
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return Silence("adapter-crash", f"the adapter exited {how} before it answered{self._printed()}")

    def _printed(self) -> str:
        return "".join(f"\nit printed: {line!r}" for line in self.noise[:3])


def _hold_to_the_protocol(method: str, result: JSON) -> None:
    # Most answers have been given before: a look at one number is cheaper than another walk through the schema.
    known = hash((method, repr(result)))
    if known in _RIGHT:
        return
    broken = _schemas.problems(f"adapter-protocol.schema.json#/$defs/result.{method}", result)
    if broken:
        raise AdapterFault(f"the result of `{method}` is not of the protocol's shape: {broken[0]}")
    if len(_RIGHT) < _REMEMBERED:
        _RIGHT.add(known)


def can_write(folder: Path) -> bool:
    """Whether an adapter that is started without privileges could make a file in the folder."""
    if os.geteuid() != 0:
        return os.access(folder, os.W_OK)
    if shutil.which(_UNPRIVILEGED[0]) is None:
        return True
    probe = folder / ".sessionproof-can-write"
    done = subprocess.run([*_UNPRIVILEGED, "touch", str(probe)], capture_output=True, check=False)  # noqa: S603 - our own words
    probe.unlink(missing_ok=True)
    return done.returncode == 0


def _shown(command: Sequence[str]) -> str:
    return "`" + " ".join(command) + "`"
