"""The command line."""

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from sessionproof import _check, _console, _convert, _doctor, _manifest, _schemas, _suite, _validate, _validate_dialects
from sessionproof._budget import PROFILES
from sessionproof._client import AdapterFault
from sessionproof._dialects import DIALECTS
from sessionproof._judge import EnvironmentFault
from sessionproof._lab import Lab
from sessionproof._loop import UnknownFileSystem, file_systems
from sessionproof._manifest import Manifest, ManifestError
from sessionproof._report import EXIT_ADAPTER, EXIT_INTERRUPTED, EXIT_NOT_CONFORMANT, EXIT_USAGE, kit_version
from sessionproof._requirements import UnknownRequirement, catalogue, groups, selected
from sessionproof._sources import NotRead
from sessionproof._witness import confirmation_text, printable

_MODULE = re.compile(r"[\w.]+:\w+")
DEFAULT_MANIFEST = "sessionproof.toml"


class _Sentences(click.Group):
    """A group of commands whose errors are sentences with the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except _convert.WouldDiffer as error:
            _fail(str(error), EXIT_NOT_CONFORMANT)
        except (ManifestError, UnknownRequirement, UnknownFileSystem, _validate.NotThere) as error:
            _fail(str(error), EXIT_USAGE)
        except (NotRead, _convert.NotConverted) as error:
            _fail(str(error), EXIT_USAGE)
        except (AdapterFault, EnvironmentFault) as fault:
            _fail(str(fault), EXIT_ADAPTER)
        except BrokenPipeError:
            raise
        except OSError as error:
            _fail(f"{error.filename or 'a file'}: {error.strerror or error}", EXIT_USAGE)
        except KeyboardInterrupt:
            _fail("interrupted", EXIT_INTERRUPTED)


def _fail(sentence: str, code: int) -> NoReturn:
    click.echo(f"sessionproof: {sentence}", err=True)
    sys.exit(code)


def _manifest_of(path: str | None, words: tuple[str, ...]) -> Manifest:
    """The manifest that the caller means: a file, a command, or a Python adapter by name."""
    if path is not None and words:
        raise ManifestError("give a manifest or a command, not both")
    if path is not None:
        return _manifest.load(Path(path))
    if len(words) == 1 and _MODULE.fullmatch(words[0]):
        return Manifest((sys.executable, "-m", "sessionproof._host", words[0]), Path.cwd())
    if words:
        return _manifest.parse({"command": list(words)}, Path.cwd(), "the command")
    if Path(DEFAULT_MANIFEST).is_file():
        return _manifest.load(Path(DEFAULT_MANIFEST))
    raise ManifestError(
        f"nothing to check: give a command after --, a Python adapter as module:Class, or a {DEFAULT_MANIFEST} "
        "in this folder (`sessionproof check --help` shows all three)"
    )


@click.group(cls=_Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(kit_version(), prog_name="sessionproof")
def main() -> None:
    """Probe the store that keeps an agent's sessions, in any language."""


_command = click.argument("command", nargs=-1, metavar="[-- COMMAND... | MODULE:CLASS]")
_manifest_option = click.option(
    "--manifest", metavar="FILE", help=f"A manifest (default: {DEFAULT_MANIFEST}, where there is one)."
)


_confirm_on = click.option(
    "--confirm-on",
    default="",
    metavar="ext4,xfs,btrfs",
    help="Try what a loss of power breaks on real file systems (needs root and loop devices).",
)


@main.command()
@_command
@_manifest_option
@click.option(
    "--profile", type=click.Choice(sorted(PROFILES)), help="How much to try (default: the manifest's, else standard)."
)
@click.option("--only", default="", metavar="ID,...", help="Requirements (STO-2) and groups (STO) to probe.")
@click.option("--strict", is_flag=True, help="A SHOULD that fails decides too.")
@click.option(
    "-n", "workers", type=click.IntRange(min=1), metavar="N", help="How many processes probe (default: one a core)."
)
@click.option("--seed", type=int, default=0, metavar="N", help="Where drawing starts (default 0).")
@_confirm_on
@click.option("--deviations", metavar="FILE", help="Recorded deviations, beside those of the manifest.")
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write the results as JUnit XML.")
@click.option("--html", "html_file", metavar="FILE", help="Write the report as one HTML page.")
@click.option(
    "--cases",
    default="cases",
    metavar="FOLDER",
    help="Where cases of failures go, and go from once they pass (default: cases).",
)
def check(  # noqa: PLR0913, PLR0917 - what click gives
    command: tuple[str, ...],
    manifest: str | None,
    profile: str | None,
    only: str,
    deviations: str | None,
    confirm_on: str,
    **options: Any,
) -> None:
    """Probe a store and report, requirement by requirement.

    \b
    sessionproof check -- node adapter.mjs        an adapter in any language
    sessionproof check my_module:MyAdapter        a subclass of sessionproof.Adapter
    sessionproof check --manifest sessionproof.toml

    Exit codes: 0 conformant, or as recorded; 1 not conformant, or not as recorded; 2 wrong usage or manifest; 3 the
    adapter could not be driven; 4 a MUST is undecided; 5 an error of the kit; 130 interrupted.
    """  # noqa: D301 - the letter that keeps click from filling the lines
    chosen = _manifest_of(manifest, command)
    if deviations is not None:
        chosen = dataclasses.replace(chosen, deviations=(*chosen.deviations, *_manifest.deviations(Path(deviations))))
    words = tuple(word for word in only.split(",") if word)
    confirming = file_systems(confirm_on)
    sys.exit(_check.check(_check.Request(chosen, profile or chosen.profile, words, confirm_on=confirming, **options)))


@main.command()
@click.argument("case", metavar="CASE")
@_command
@_manifest_option
@_confirm_on
def replay(case: str, command: tuple[str, ...], manifest: str | None, confirm_on: str) -> None:
    """Carry out a case again: the same calls, judged by this version of the kit.

    The adapter is the one that the case names, unless a command or manifest says otherwise. Exit code 1 where the store
    still fails, 0 where it holds now.
    """
    try:
        content = json.loads(Path(case).read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{case}: {error.strerror}") from error
    except ValueError as error:
        raise ManifestError(f"{case} is no JSON: {error}") from error
    problems = _schemas.problems("case.schema.json", content)
    if problems:
        raise ManifestError(f"{case} is no case: {problems[0]}")
    if content["requirement"] not in catalogue():
        raise ManifestError(f"{case}: this version of the kit knows no requirement {content['requirement']!r}")
    named = manifest is not None or bool(command)
    if not named and "manifest" not in content:
        raise ManifestError(f"{case} names no adapter; give a command after --, or a manifest")
    chosen = _manifest_of(manifest, command) if named else _manifest.parse(content["manifest"], Path.cwd(), case)
    _check.build(chosen)
    outside = tuple(Path(path) for path in chosen.allow_outside)
    with Lab(
        chosen.launch,
        PROFILES[chosen.profile],
        volatile=chosen.volatile,
        assume=chosen.assume,
        outside=outside,
        confirm_on=file_systems(confirm_on),
    ) as lab:
        found = _suite.replay(lab, content)
        confirmations = () if found is None else _suite.confirmations(lab, found)
    if found is None:
        click.echo(f"{content['requirement']}: holds now. {len(content['steps'])} steps, none of them violates it.")
        return
    click.echo(f"{content['requirement']}: fails at step {len(found.steps)}. {printable(found.violation.summary)}")
    click.echo(f"expected  {printable(found.violation.expected)}\nobserved  {printable(found.violation.observed)}")
    for confirmation in confirmations:
        click.echo(f"on {confirmation.filesystem}: {confirmation_text(dataclasses.asdict(confirmation))}")
    sys.exit(EXIT_NOT_CONFORMANT)


@main.command()
@click.argument("id", metavar="ID")
def explain(id: str) -> None:
    """Say what a requirement demands, why, when it applies, and how it is probed."""
    for requirement in sorted(selected((id,)), key=list(catalogue()).index):
        probes = {
            probe.name: " ".join((probe.body.__doc__ or "").split())
            for probe in _suite.probes_of(frozenset({requirement}))
        }
        click.echo(_console.explanation(requirement, probes) + "\n")


@main.command("list")
def list_() -> None:
    """List every requirement, by group."""
    for group in groups().values():
        click.echo(f"{group.id}  {group.title}")
        for requirement in catalogue().values():
            if requirement.group == group.id:
                count = len(_suite.probes_of(frozenset({requirement.id})))
                probes = f"{count} probe{'s' if count != 1 else ''}" if count else "no probe yet"
                click.echo(f"  {requirement.id:7} {requirement.level:6} {requirement.title} ({probes})")


_dialects = click.Choice(list(DIALECTS))


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--dialect", type=_dialects, help="Whose files they are (default: what they look like).")
def validate(paths: tuple[str, ...], dialect: str | None) -> None:
    """Validate documents and whole store folders against the formats, or files of another system against its schema.

    Exit code 1 where anything is not valid.
    """
    findings = [finding for path in paths for finding in _validate_dialects.validate(Path(path), dialect)]
    for finding in findings:
        click.echo(str(finding))
    bad = [finding for finding in findings if not finding.valid]
    click.echo(f"{len(findings) - len(bad)} valid, {len(bad)} not valid")
    sys.exit(EXIT_NOT_CONFORMANT if bad else 0)


@main.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--from", "origin", type=_dialects, help="Whose files SOURCE holds (default: what they look like).")
@click.option("--to", required=True, type=_dialects, help="Whose files to write.")
@click.option("--id", metavar="ID", help="The id of a session that has none (default: the name of its file).")
@click.option("--strict", is_flag=True, help="Write nothing where anything would be lost or made up; exit code 1.")
def convert(source: str, target: str, origin: str | None, to: str, **options: Any) -> None:
    """Carry sessions from one system to another, and say what is lost.

    SOURCE is a file or folder, of one session or many, and is only read. TARGET is new: a folder to be opened by the
    other system's store, or a file *.json where one is all that there is. It appears when it is complete.
    """
    known = None if origin is None else DIALECTS[origin]
    request = _convert.Request(Path(source), Path(target), DIALECTS[to], origin=known, **options)
    click.echo("\n".join(_convert.convert(request)))


@main.command()
@_command
@_manifest_option
def doctor(command: tuple[str, ...], manifest: str | None) -> None:
    """Say what this machine can probe, and what the adapter gets wrong before any store is touched."""
    chosen = _manifest_of(manifest, command) if command or manifest or Path(DEFAULT_MANIFEST).is_file() else None
    if chosen is not None:
        _check.build(chosen)
    sick = False
    for examination in _doctor.examine(None if chosen is None else chosen.launch):
        sick |= examination.verdict == "bad"
        click.echo(f"{examination.verdict:8} {examination.what}: {examination.detail}")
    sys.exit(EXIT_ADAPTER if sick else 0)
