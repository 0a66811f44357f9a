"""What one caller alone finds wrong is no finding of a race."""

import pytest

from miniatures._con_logs import AcknowledgesNothing, CountsNothing
from miniatures.bench import lab_of
from sessionproof._alone import UNJUDGED
from sessionproof._suite import carry_out, probes_of


@pytest.mark.parametrize("requirement", ["CON-2", "CON-7"])
def test_a_wrong_count_passes_for_a_race(requirement: str) -> None:
    """Summaries that count wrong whoever asks are left out, and all else of the race is judged."""
    with lab_of(CountsNothing) as lab:
        results = [carry_out(lab, probe) for probe in probes_of(frozenset({requirement}))]
    assert {result.verdict for result in results} <= {"pass", "not-applicable"}, [result.summary for result in results]
    assert any("`summaries` is not judged" in what for result in results for what in result.trials)
    assert sum(result.trials.get("schedules", 0) for result in results) >= 2


def test_a_write_to_nothing_passes_for_a_race() -> None:
    """Where an append behind a delete is acknowledged for nothing, the histories without that are judged."""
    with lab_of(AcknowledgesNothing) as lab:
        [result] = [carry_out(lab, probe) for probe in probes_of(frozenset({"CON-5"}))]
    assert (result.verdict, result.fault) == ("pass", None), result.summary
    assert 0 < result.trials[UNJUDGED] < result.trials["schedules"] - 2
