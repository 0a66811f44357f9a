"""A probe that was carried out always has a result, whatever went wrong on the way."""

from collections.abc import Callable

import pytest

from miniatures._sto import LatestIsOldest
from miniatures.bench import lab_of
from sessionproof import _suite
from sessionproof._recording import Refused
from sessionproof._suite import carry_out, probes_of


def fails_by(error: Exception) -> Callable[..., None]:
    """What ends in this error whenever it is called."""

    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "verdict", "blame"),
    [(Refused("the trace is not the whole truth"), "inconclusive", None), (RuntimeError("no"), "error", "kit")],
)
def test_a_finding_that_cannot_be_confirmed_is_lost(
    monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: str, blame: str | None
) -> None:
    """Where what was found cannot be carried out again, the result says why."""
    monkeypatch.setattr(_suite, "confirm", fails_by(error))
    with lab_of(LatestIsOldest) as lab:
        results = [carry_out(lab, probe) for probe in probes_of(frozenset({"STO-9"}))]
    assert (verdict, blame) in {(result.verdict, result.blame) for result in results}
    assert any(str(error) in result.summary for result in results)
