"""What README.md shows works as it stands there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sessionproof import _manifest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def _block(language: str, holding: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(block for block in blocks if holding in block)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The adapter of the README, as a file."""
    path = tmp_path / "adapter.py"
    path.write_text(_block("python", "class Notes"), encoding="utf-8")
    return path


def _check(adapter: Path, only: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sessionproof", "check", "--only", only, "--profile", "quick", "-n", "1"]
    arguments = [*command, "--", sys.executable, adapter.name]
    return subprocess.run(arguments, cwd=adapter.parent, capture_output=True, text=True, check=False)


def test_adapter_of_the_readme_does_not_run(adapter: Path) -> None:
    """The adapter that the README shows is complete, and its store keeps what it says it keeps."""
    done = _check(adapter, "STO,IDS-1,IDS-7,FMT-2")

    assert done.returncode == 0, done.stdout + done.stderr


def test_failure_of_the_readme_is_another_one(adapter: Path) -> None:
    """The failure that the README shows is what the kit says of that adapter."""
    done = _check(adapter, "COR-3")

    assert "FAIL COR-3 SHOULD: A flipped bit is detected" in done.stdout


def test_adapter_grows_past_a_screen(adapter: Path) -> None:
    """A complete adapter is about thirty lines."""
    assert len([line for line in adapter.read_text(encoding="utf-8").splitlines() if line.strip()]) <= 36


def test_manifest_of_the_readme_is_refused(tmp_path: Path) -> None:
    """The manifest that the README shows is valid."""
    manifest = _manifest.parse(tomllib.loads(_block("toml", "deviations")), tmp_path, "README.md")

    assert manifest.deviations[0].requirement == "COR-3"
