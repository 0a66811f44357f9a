"""The pytest plugin: `pytest --sessionproof sessionproof.toml` runs the suite as items of an implementer's own run.

One item for each requirement and probe, so that `-k STO-2`, `-n auto`, `--junitxml` and the rest are pytest's own. A
run with the option ends as the report concludes: with the exit status of `sessionproof check` where that is not 0.
"""

from pathlib import Path
from typing import cast

import pytest

from sessionproof._budget import PROFILES


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite; without `--sessionproof` the plugin does nothing."""
    group = parser.getgroup("sessionproof", "conformance of a session store")
    option = group.addoption
    option("--sessionproof", metavar="MANIFEST", help="probe the store that this sessionproof.toml describes")
    option(
        "--sessionproof-profile",
        choices=sorted(PROFILES),
        help="how much to try (default: the manifest's, else standard)",
    )
    option("--sessionproof-only", metavar="ID,...", default="", help="requirements or groups to probe: STO-2,IDS")
    option("--sessionproof-seed", metavar="N", type=int, default=0, help="where drawing starts (default 0)")
    option(
        "--sessionproof-confirm-on",
        metavar="ext4,...",
        default="",
        help="try what a loss of power breaks on real file systems (needs root and loop devices)",
    )
    option("--sessionproof-strict", action="store_true", help="a SHOULD that fails fails the run")
    option("--sessionproof-json", metavar="FILE", help="write the report as JSON")
    option("--sessionproof-html", metavar="FILE", help="write the report as one HTML page")
    option(
        "--sessionproof-cases",
        metavar="FOLDER",
        default="cases",
        help="where the cases of failures are written (default: cases)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set the suite up, where there is one: a run without the option pays for none of it."""
    manifest = cast("str | None", config.getoption("--sessionproof"))
    if manifest is not None:
        from sessionproof import _plugin  # noqa: PLC0415 - it imports the whole kit

        _plugin.configure(config, Path(manifest))
