"""DUR: the power may fail at any instant."""

from typing import TYPE_CHECKING

from sessionproof._aftermath import spread
from sessionproof._judge import Violated
from sessionproof._probes._histories import act, calls_in, everywhere
from sessionproof._probes._registry import DOCUMENTS, LOGS, probe
from sessionproof._profiles import PROFILES, Profile
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

if TYPE_CHECKING:
    from sessionproof._json import Object

_COUNTED: tuple[Profile, ...] = ("ext4", "xfs")
"""A state that one of these admits fails a requirement; one that only others admit fails DUR-7."""


def _fail_everywhere(
    trial: Trial, *actions: str, profiles: tuple[Profile, ...] = _COUNTED, goes_on: bool = False
) -> None:
    if "posix" not in profiles and "btrfs" in trial.lab.confirm_on:
        # What only btrfs admits counts where it was seen.
        profiles += ("btrfs",)
    step: Object = {"do": "losses", "profiles": list(profiles), "most": trial.budget.losses}
    everywhere(trial, actions, {**step, "goes on": True} if goes_on else step)


@probe("DUR-1", "losses of power")
def acknowledged_is_on_the_disk(trial: Trial) -> None:
    """Loss of power after each answer to a save or attach, and in calls on other sessions."""
    _fail_everywhere(trial, "write", "attach", "delete")


@probe("DUR-2", "losses of power")
def old_or_new(trial: Trial) -> None:
    """Loss of power in saves and attaches."""
    _fail_everywhere(trial, "write", "attach")


@probe("DUR-3", "losses of power")
def deleted_for_good(trial: Trial) -> None:
    """Loss of power after each answer to a delete."""
    if not trial.has("delete"):
        raise NotApplicable("the statement lists no `delete`")
    _fail_everywhere(trial, "write", "attach", "delete")


@probe("DUR-4", "losses of power", keeps=LOGS)
def entries_and_prefixes(trial: Trial) -> None:
    """Loss of power in and after appends of one entry and of batches, events, boundaries and metadata."""
    _fail_everywhere(trial, "write", "batch", "furnish")


@probe("DUR-5", "losses of power")
def folders_are_on_the_disk(trial: Trial) -> None:
    """Loss of power after folders were made: of the store, of a session."""
    _fail_everywhere(trial, "write", "attach", "delete")


@probe("DUR-6", "losses of power")
def the_store_goes_on(trial: Trial) -> None:
    """After every loss the next write succeeds, and is there after another restart with all that was."""
    _fail_everywhere(trial, "write", "batch", "delete", goes_on=True)


def _after_a_failed_sync(trial: Trial) -> None:
    """Two writes, in each of which any sync may fail; the power fails after each answer and in each call.

    Where the kernel could not write a page, a later sync that succeeds has not written it either (Rebello et al.,
    USENIX ATC 2020): a store that tries again, and acknowledges, has lost it.
    """
    (id,) = trial.ids(1)

    def write(run: Run) -> None:
        for number, size in enumerate((5_000, 0)):
            act(run, trial, id, "write", number, size)

    failing = calls_in(trial, write, ("fsync", "fdatasync"))
    step: Object = {"do": "losses", "profiles": list(_COUNTED), "most": trial.budget.losses}
    for call in spread(failing, trial.budget.deaths):
        try:
            with trial.run(Setup(recorded=True, failing=call)) as run:
                write(run)
                run.do({"do": "rest"})
                run.do(step)
        except Violated as found:
            if not found.violation.fault.endswith(("-adapter-crash", "open-refused", "close-failed")):
                raise
            # To stop is a right answer to a sync that failed, and the best one for some. In a store of several threads
            # the same number may be that of a call in `open`.
            trial.count("stores that stopped")
    trial.count("failed syncs", len(failing))


@probe("DUR-1", "failed syncs", keeps=DOCUMENTS)
def failed_sync_of_a_document(trial: Trial) -> None:
    """Loss of power after saves in which a sync failed, and those after them."""
    _after_a_failed_sync(trial)


@probe("DUR-4", "failed syncs", keeps=LOGS)
def failed_sync_of_a_log(trial: Trial) -> None:
    """Loss of power after appends in which a sync failed, and those after them."""
    _after_a_failed_sync(trial)


_EARLIER: dict[str, str] = dict.fromkeys(("DUR-1", "DUR-2", "DUR-3", "DUR-4", "DUR-5", "DUR-6"), "DUR-7")


@probe("DUR-7", "losses of power", _EARLIER)
def on_any_file_system(trial: Trial) -> None:
    """Every state that the promises of POSIX admit, whether a file system is known to leave it or not."""
    _fail_everywhere(trial, "write", "batch", "attach", "delete", profiles=PROFILES, goes_on=True)
