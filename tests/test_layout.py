"""The repository is laid out as CONTRIBUTING.md says: who may import whom, how long a module is, what lies where."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

import sessionproof

ROOT = Path(__file__).parents[1]
KIT = "sessionproof"
REFERENCE = "sessionproof_reference"
FOLDERS = {KIT: ROOT / "conformance", REFERENCE: ROOT / "reference"}

TOP_LEVEL = {
    ".ci", ".github", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "conformance",
    "noxfile.py", "pyproject.toml", "reference", "schemas", "spec", "tests",
}  # fmt: skip
LONGEST = 450
OUTSIDE = re.compile(r"shared/(?:design|litmus|prototypes|hooks)")


def module_name(path: Path, folder: Path) -> str:
    """The dotted name of the module in a file below the folder."""
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path, folder): path for name, folder in FOLDERS.items() for path in folder.glob(f"{name}/**/*.py")
}


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below this one, except those that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from run_time_nodes(child)


def imports(source: str) -> set[str]:
    """What the source imports at run time, as dotted names: `from a import b` is `a.b`."""
    found = set[str]()
    for node in run_time_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def arrows() -> dict[str, set[str]]:
    """For each module, the modules of both packages that it imports."""
    graph: dict[str, set[str]] = {}
    for name, path in SOURCES.items():
        wanted = imports(path.read_text(encoding="utf-8"))
        graph[name] = {found if found in SOURCES else found.rpartition(".")[0] for found in wanted} & SOURCES.keys()
    return graph


def imported_by(package: str, *, of: str) -> set[str]:
    """What the modules of a package import of another one, as dotted names."""
    mine = [path for name, path in SOURCES.items() if name.partition(".")[0] == package]
    wanted = set[str]().union(*(imports(path.read_text(encoding="utf-8")) for path in mine))
    return {name for name in wanted if name.partition(".")[0] == of}


def tracked() -> list[Path]:
    """The files of the repository, as git knows them."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [Path(name) for name in names if (ROOT / name).is_file()]


def test_imports_go_in_a_circle() -> None:
    """The modules of both packages can be put in an order in which each imports only earlier ones at run time."""
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        pytest.fail("; ".join(f"{name} is imported by {user}" for name, user in pairwise(circle)))


def test_imports_are_not_seen() -> None:
    """Imports within functions count, imports for type checkers do not, and every module is looked at."""
    source = "import a.b\nif TYPE_CHECKING:\n    import c\ndef f():\n    from d import e\n"

    assert imports(source) == {"a.b", "d.e"}
    assert {KIT, f"{KIT}._cli", REFERENCE, f"{REFERENCE}.adapter"} <= SOURCES.keys()


def test_kit_knows_the_reference_store() -> None:
    """The kit never imports the reference store: it is judged like any other."""
    assert imported_by(KIT, of=REFERENCE) == set()


def test_reference_store_knows_the_kit() -> None:
    """The reference store imports of the kit what any author of an adapter would: the public names, and `formats`."""
    public = {KIT, f"{KIT}.formats", *(f"{KIT}.{name}" for name in sessionproof.__all__)}
    used = imported_by(REFERENCE, of=KIT)

    assert {name for name in used if name not in public and not name.startswith(f"{KIT}.formats.")} == set()


def test_module_is_too_long() -> None:
    """Every module can be read in one sitting."""
    modules = [path for path in tracked() if path.suffix == ".py"]
    lengths = {str(path): (ROOT / path).read_bytes().count(b"\n") for path in modules}

    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_top_level_grows() -> None:
    """The top level of the repository holds what CONTRIBUTING.md lists, and nothing else."""
    assert {path.parts[0] for path in tracked()} - TOP_LEVEL == set()


def test_file_points_outside() -> None:
    """The repository stands alone: no file mentions the folder that its design notes were kept in."""
    assert [str(path) for path in tracked() if OUTSIDE.search((ROOT / path).read_bytes().decode("latin-1"))] == []
