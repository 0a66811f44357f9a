"""Losses of power, from the probe to the report: what is tried, which file systems are named, what real ones show."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from miniatures._clean_synced import CleanSynced
from miniatures._dur import JournalComesBack, NeverSyncs, RootNotSynced, SyncsAnotherFile
from runs import probing, report, schema_faults, sessionproof
from sessionproof import Adapter
from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._lab import Lab
from sessionproof._loop import FileSystem, lacking
from sessionproof._recorder import lacking as lacking_recorder
from sessionproof._suite import Result, carry_out, probes_of

TESTS = Path(__file__).parent
pytestmark = pytest.mark.skipif(lacking_recorder() is not None, reason=str(lacking_recorder()))


def found(store: type[Adapter], requirement: str, *confirm_on: FileSystem) -> Result:
    """What the first probe of a requirement finds in a store."""
    command = (sys.executable, "-m", "sessionproof._host", f"{store.__module__}:{store.__name__}")
    with Lab(Launch(command, TESTS), PROFILES["quick"], confirm_on=confirm_on) as lab:
        return carry_out(lab, probes_of(frozenset({requirement}))[0])


@pytest.mark.parametrize("store", ["SnapshotAdapter", "SessionAdapter", "StepFileAdapter", "StepFolderAdapter"])
def test_states_of_the_reference_stores_are_left_out(store: str) -> None:
    """Documents of 16 KiB and more, and logs of them: every state under every profile is tried."""
    command = (sys.executable, "-m", "sessionproof._host", f"sessionproof_reference.adapter:{store}")
    with Lab(Launch(command, TESTS), replace(PROFILES["quick"], examples=2)) as lab:
        result = carry_out(lab, probes_of(frozenset({"DUR-7"}))[0])
    assert result.verdict == "pass", result.summary
    assert result.trials["crash states"] == result.trials["crash states possible"] > 50


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
