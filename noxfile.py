"""The project's jobs: `nox` runs those that a change must pass, `nox -s NAME` one job, `nox -l` lists them all."""

import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
TARGETS = {found.parent.name: found for found in sorted(ROOT.glob("conformance/targets/*/sessionproof.toml"))}
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

# Where the wheel keeps what the repository keeps.
WHEEL = {
    "conformance/sessionproof": "sessionproof",
    "reference/sessionproof_reference": "sessionproof_reference",
    "spec": "sessionproof/_data/spec",
    "schemas": "sessionproof/_data/schemas",
}

nox.options.sessions = ["tests", "conformance", "lint", "types", "wheel"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"


@nox.session
def tests(session: nox.Session) -> None:
    """Test the installed package, not the checkout. Arguments go to pytest."""
    install(session, "test")
    # A test waits for its adapters for much of its time: two at once do not keep two processors busy.
    workers = (os.cpu_count() or 1) * 3 // 2
    session.run("pytest", "-n", f"{workers}", "-o", "pythonpath=tests conformance/targets", *session.posargs)


@nox.session
@nox.parametrize("store", [nox.param(name, id=name) for name in ("Snapshot", "Session", "StepFile", "StepFolder")])
def conformance(session: nox.Session, store: str) -> None:
    """Hold a reference store to the whole spec. Arguments go to `sessionproof check`: -- --profile quick."""
    install(session)
    adapter = f"sessionproof_reference.adapter:{store}Adapter"
    session.run("sessionproof", "check", "--cases", f"cases/{store}", *session.posargs, adapter)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the rules and the form of the code, by ruff."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, by two checkers."""
    session.install(*PROJECT["project"]["dependencies"], *group("types"))
    session.run("mypy")
    session.run("pyright")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build what is published, look into it, and use it in an empty environment."""
    session.install(*PROJECT["build-system"]["requires"])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        session.run("hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", folder)
        [sdist] = work.glob("*.tar.gz")
        [built] = work.glob("*.whl")
        session.run("pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(work / "again"), str(sdist))
        if (work / "again" / built.name).read_bytes() != built.read_bytes():
            session.error("the wheel made from the sdist is not the wheel made from the tree")
        look_into(session, built)

        session.run("python", "-m", "venv", str(work / "venv"))
        commands = work / "venv" / "bin"
        session.run(str(commands / "pip"), "install", "-q", str(built), external=True)
        (work / "empty").mkdir()
        with session.chdir(work / "empty"):
            adapter = "sessionproof_reference.adapter:SessionAdapter"
            check = ("sessionproof", "check", "--only", "STO-2", "--profile", "quick", adapter)
            session.run(str(commands / check[0]), *check[1:], external=True)


@nox.session
@nox.parametrize("target", [nox.param(name, id=name) for name in TARGETS])
def targets(session: nox.Session, target: str) -> None:
    """Judge a real store, and keep what is found. Arguments go to `sessionproof check`.

    What it loses with the power is tried on real file systems, as root.
    """
    install(session)
    with tempfile.TemporaryDirectory() as work:
        report, cases = str(Path(work) / "report.json"), str(Path(work) / "cases")
        real = ("--confirm-on", "ext4,xfs,btrfs")
        manifest = ("--manifest", str(TARGETS[target]))
        session.run("sessionproof", "check", *manifest, *real, "--json", report, "--cases", cases, *session.posargs)
        session.run("python", "conformance/targets/results.py", "keep", target, report, cases)


@nox.session
def results(session: nox.Session) -> None:
    """Make the page of results, and the table in the README, from what is kept of the targets."""
    session.run("python", "conformance/targets/results.py", "write")


@nox.session
def rust(session: nox.Session) -> None:
    """Test the Rust face of the protocol, and judge the Rust target that builds fastest. Needs cargo."""
    workspace = ("--manifest-path", "conformance/targets/Cargo.toml")
    session.run("cargo", "fmt", "--check", "--all", *workspace, external=True)
    session.run("cargo", "test", "--locked", "--package", "sessionproof-serve", *workspace, external=True)
    install(session)
    session.run("sessionproof", "check", "--manifest", str(TARGETS["ailoop"]), "--cases", "cases/ailoop")


@nox.session
def teeth(session: nox.Session) -> None:
    """Show that every probe bites: each broken store is caught by the requirement that it breaks."""
    install(session, "test")
    session.run("python", "tests/teeth.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the kit and the adapters. Arguments go to tests/bench.py: -- --json FILE --only states."""
    install(session)
    session.run("python", "tests/bench.py", *session.posargs)


@nox.session
def conversions(session: nox.Session) -> None:
    """Carry 1000 generated sessions of every dialect to every other. Arguments: -- --examples 100 --seed 7."""
    install(session, "test")
    session.run("python", "tests/conversions.py", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def litmus(session: nox.Session) -> None:
    """Hold the power-loss model to real file systems. Needs root. Arguments: -- --on ext4,xfs --runs 3 --only 4,6."""
    install(session)
    session.run("python", "-m", "litmus", *session.posargs, env={"PYTHONPATH": "tests"})


def group(name: str) -> tuple[str, ...]:
    """The packages of a dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *groups: str) -> None:
    """Build the package's wheel and install it, beside dependency groups."""
    session.install(".", *(package for name in groups for package in group(name)))


def look_into(session: nox.Session, built: Path) -> None:
    """Refuse a wheel that holds anything but its metadata and the files that git knows of, each in its place."""
    wanted = set[str]()
    for here, there in WHEEL.items():
        known = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", here]
        names = subprocess.check_output(known, cwd=ROOT, text=True).split("\0")
        wanted |= {there + name.removeprefix(here) for name in names if (ROOT / name).is_file()}
    with zipfile.ZipFile(built) as archive:
        metadata = "-".join(built.name.split("-")[:2]) + ".dist-info/"
        found = {name for name in archive.namelist() if not name.startswith(metadata)}
    if found != wanted:
        session.error(f"the wheel lacks {sorted(wanted - found)}, and should not hold {sorted(found - wanted)}")
    session.log(f"the wheel holds the {len(found)} files that it should")
