"""CON where the machine lets no system call be stopped: by chance, and the report says how much was tried."""

import pytest

from miniatures._clean_con import Locked, Threads
from miniatures.bench import lab_of
from sessionproof import _lab
from sessionproof._client import Launch
from sessionproof._gate import NoGate
from sessionproof._suite import Result, carry_out, probes_of


@pytest.fixture(autouse=True)
def _no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without seccomp."""

    def refuse(_: Launch) -> None:
        raise NoGate("it is refused here")

    monkeypatch.setattr(_lab, "GatedProcess", refuse)


def result_of(store: type[Locked] | type[Threads], requirement: str) -> Result:
    """What the only probe of a requirement finds."""
    with lab_of(store, 2) as lab:
        return carry_out(lab, probes_of(frozenset({requirement}))[0])


def test_chance_is_not_told() -> None:
    """A pass by chance says how many rounds there were, and in how many calls overlapped."""
    result = result_of(Locked, "CON-8")
    assert result.verdict == "pass"
    assert result.trials["rounds by chance"] >= result.trials["rounds in which calls overlapped"] >= 1
    assert "schedules" not in result.trials


def test_threads_judged_without_schedules() -> None:
    """Requests within one process are not tried at all: the verdict says what is lacking."""
    result = result_of(Threads, "CON-1")
    assert (result.verdict, result.summary) == ("not-run", "it is refused here")
