"""Losses of power, from the probe to the report: what is tried, which file systems are named, what real ones show."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from miniatures._clean_synced import CleanSynced, CopiesElsewhere, PassesElsewhere
from miniatures._dur import JournalComesBack, NeverSyncs, RootNotSynced, SyncsAnotherFile
from runs import probing, report, schema_faults, sessionproof
from sessionproof import Adapter
from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._disk import Disk, Write
from sessionproof._judge import Judge
from sessionproof._lab import Lab
from sessionproof._loop import FileSystem, lacking
from sessionproof._power import Power
from sessionproof._recorder import lacking as lacking_recorder
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._suite import Result, carry_out, probes_of
from sessionproof._versions import Versions

if TYPE_CHECKING:
    from sessionproof._recorder import RecordedProcess

TESTS = Path(__file__).parent
pytestmark = pytest.mark.skipif(lacking_recorder() is not None, reason=str(lacking_recorder()))


def found(store: type[Adapter], requirement: str, *confirm_on: FileSystem) -> Result:
    """What the first probe of a requirement finds in a store."""
    command = (sys.executable, "-m", "sessionproof._host", f"{store.__module__}:{store.__name__}")
    with Lab(Launch(command, TESTS), PROFILES["quick"], confirm_on=confirm_on) as lab:
        return carry_out(lab, probes_of(frozenset({requirement}))[0])


@pytest.mark.parametrize("store", ["snapshot", "session", "step-file", "step-folder"])
def test_states_of_the_reference_stores_are_left_out(store: str) -> None:
    """Under every profile every state of documents of 16 KiB is built, of entries as well."""
    command = (sys.executable, "-m", "sessionproof_reference.adapter", store)
    with Lab(Launch(command, TESTS), PROFILES["quick"]) as lab:
        logs = lab.statement.keeps == (True,)
        (id,) = lab.ids(1, logs=logs)
        run = Run(lab, Setup(recorded=True, logs=logs), Judge("DUR-7", {}))
        for turn in "01":
            value = run.content.with_texts(id, [turn * (15 << 10)])
            assert value is not None
            run.write(id, value)
        operations = cast("RecordedProcess", run.process).recorded(run.outside, lab.volatile)
        power = Power(Versions(Disk(), operations), PROFILES["quick"].losses)
        found = [power.losses(count) for count in range(len(operations) + 1)]
    assert max(len(operation.data) for operation in operations if isinstance(operation, Write)) > 15 << 10
    assert not any(losses.left_out for losses in found)
    assert sum(len(losses.states) for losses in found) > 50


@pytest.mark.parametrize("requirement", ["ATM-1", "DUR-1"])
def test_store_with_files_elsewhere_is_accused(requirement: str) -> None:
    """Files that stay outside the root, where the manifest allows them, are not in the states: the kit cannot tell."""
    temporary = (Path(tempfile.gettempdir()),)
    results: dict[str, Result] = {}
    for store in (CopiesElsewhere, PassesElsewhere):
        command = (sys.executable, "-m", "sessionproof._host", f"{store.__module__}:{store.__name__}")
        with Lab(Launch(command, TESTS), PROFILES["quick"], outside=temporary) as lab:
            results[store.__name__] = carry_out(lab, probes_of(frozenset({requirement}))[0])
    assert results["PassesElsewhere"].verdict == "pass"
    assert results["CopiesElsewhere"].verdict == "inconclusive"
    assert ".copy was written to" in results["CopiesElsewhere"].summary


def test_file_systems_that_admit_a_state_are_not_named() -> None:
    """A finding says which file systems admit its state, in the words of what they are."""
    assert "in a state that ext4, xfs and btrfs admit as mounted by default" in found(NeverSyncs, "DUR-1").summary
    assert "that only POSIX admits" in found(RootNotSynced, "DUR-7").summary


@pytest.mark.skipif(lacking("ext4") is not None, reason=str(lacking("ext4")))
@pytest.mark.parametrize("store", [NeverSyncs, JournalComesBack])
def test_a_loss_is_not_seen_on_a_real_file_system(store: type[Adapter]) -> None:
    """What ext4 is said to lose is lost on a real one, and the journal of SQLite's default mode comes back."""
    result = found(store, "DUR-1", "ext4")
    (confirmation,) = result.confirmations
    assert (result.verdict, confirmation.filesystem, confirmation.lacking) == ("fail", "ext4", None)
    assert 0 < confirmation.seen <= confirmation.crashes


@pytest.mark.skipif(lacking("btrfs") is not None, reason=str(lacking("btrfs")))
def test_what_only_btrfs_admits_counts_unseen() -> None:
    """A state that only btrfs admits fails the requirement where a real btrfs has left it, and not before."""
    assert found(SyncsAnotherFile, "DUR-1").verdict == "pass"
    result = found(SyncsAnotherFile, "DUR-1", "btrfs")
    assert result.verdict == "fail"
    assert result.confirmations[0].seen
    assert "that btrfs admits (and POSIX), but neither ext4 nor xfs" in result.summary


def test_confirming_accuses_a_right_store() -> None:
    """A right store is as right where losses are tried on real file systems."""
    result = found(CleanSynced, "DUR-1", "ext4", "xfs", "btrfs")
    assert (result.verdict, result.confirmations) == ("pass", ())


def test_an_unknown_file_system_is_taken(tmp_path: Path) -> None:
    """A file system that the kit does not make is a mistake of the caller, told in a sentence."""
    done = sessionproof(tmp_path, "check", "--confirm-on", "ext4,zfs", "store:Good")
    assert done.code == 2
    assert "'zfs' is no file system that the kit makes; there are ext4, xfs, btrfs" in done.err


def test_the_report_says_nothing_of_real_file_systems(tmp_path: Path) -> None:
    """The report holds what was seen, or what was lacking, on each file system that the finding is about."""
    (tmp_path / "loses.py").write_text(
        f"import sys\nsys.path.append({str(TESTS)!r})\nfrom miniatures._dur import NeverSyncs\n", encoding="utf-8"
    )
    done = sessionproof(tmp_path, *probing("--confirm-on", "ext4", "loses:NeverSyncs", only="DUR-1"))
    written = report(tmp_path)
    assert schema_faults("report.schema.json", written) == []
    (entry,) = [entry for entry in written["requirements"] if entry["id"] == "DUR-1"]
    (made,) = entry["witness"]["confirmations"]
    assert made["seen"] > 0 if lacking("ext4") is None else made["lacking"]
    assert "on ext4  " in done.out
    assert "<- lost" in done.out
