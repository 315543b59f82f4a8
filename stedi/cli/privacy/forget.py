"""`stedi privacy forget`."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from stedi.cli.options import as_json, folders, lake, memory_limit, on_s3, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown
from stedi.cli.progress import Parts
from stedi.contracts import TABLES
from stedi.counted import counted
from stedi.errors import CheckFailed, UsageError
from stedi.forget import Forgetting
from stedi.forget import forget as forget_customer
from stedi.masking import mask_path
from stedi.parameters import read_key
from stedi.storage import Options

__all__ = ["forget"]

_LONGEST = 10_000
"""Characters read of a line from stdin; no email is longer."""


@click.command(
    epilog="""\b
Examples:
  stedi privacy forget - --lake DIR --dry-run           what would go; the email comes from stdin
  stedi privacy forget - --lake DIR --yes < email.txt   for a script
  stedi privacy forget --late --lake DIR --yes          what has landed since of all forgotten customers
""",
)
@click.argument("email", nargs=-1, metavar="EMAIL")
@lake
@option(
    "--landing",
    metavar="URI",
    shell_complete=folders,
    help="Folder of the landing data, to have it checked: it is where the lake was built from.",
)
@option(
    "--late", is_flag=True, help="Erase from the landing files what came after all earlier forgets; takes no EMAIL."
)
@option("--in-advance", is_flag=True, help="Leave a tombstone even where nothing of the customer has landed yet.")
@option("--dry-run", is_flag=True, help="Show what would go, and change nothing.")
@option("--yes", is_flag=True, help="Erase without asking.")
@memory_limit
@option(
    "--pseudonym-key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Key of the pseudonyms in training_curated, the one it was made with. [default: the key in"
    " $STEDI_PSEUDONYM_KEY]",
)
@on_s3("sse_kms_key", "break_lock")
@as_json
def forget(
    *,
    email: tuple[str, ...],
    lake: str,
    landing: str | None,
    late: bool,
    in_advance: bool,
    dry_run: bool,
    yes: bool,
    memory_limit: str | None,
    pseudonym_key_file: str | None,
    options: Options,
    as_json: bool,
) -> None:
    """Erase a customer from landing data and tables, for good.

    EMAIL is that of the customer, in upper or lower case; with - it is read from stdin, so that it stands in no list of
    processes and in no history. Their lines leave the landing files and the quarantine, their rows every table, and
    what this machine has fetched from S3 goes. A keyed hash stays, by which later builds drop what still lands of them.
    Shows what goes and asks first. Exit 1 where nothing of the customer is known.
    """
    key = read_key(pseudonym_key_file)
    customer = _email(email, late=late)
    asks = not (yes or dry_run)
    if asks and (as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError("nobody is there to say yes", fix="give --yes, or --dry-run to see what would go")

    told: list[str] = []

    def tell(found: Forgetting) -> None:
        for text in found.notes[len(told) :]:
            note(f"note: {shown(text)}")
        told[:] = found.notes

    def confirm(found: Forgetting) -> bool:
        if not asks:
            return True
        progress.pause()
        _print(found)
        tell(found)
        what = "Leave a tombstone" if found.is_tombstone_only else "Erase this"
        return click.confirm(f"\n{what} for good?", err=True)

    with Parts() as progress:
        found = forget_customer(
            lake,
            customer,
            landing=landing,
            dry_run=dry_run,
            in_advance=in_advance,
            confirm=confirm,
            pseudonym_key=key,
            memory_limit=memory_limit,
            options=options,
            progress=progress,
        )
    tell(found)
    if as_json:
        print_json(_document(found, dry_run=dry_run))
    else:
        if not asks:
            _print(found)
        if ending := _ending(found, dry_run=dry_run, late=late):
            print_lines(*([""] if _has_table(found) else []), ending)
    if asks and not found.done and found.tables:
        raise CheckFailed("not erased; nothing was changed", fix="say yes, or give --yes")


def _email(given: tuple[str, ...], *, late: bool) -> str | None:
    """Return the email that was given; what is wrong with it is said without it."""
    if late:
        if given:
            raise UsageError("--late is about all forgotten customers", fix="leave EMAIL out, or --late")
        return None
    if len(given) != 1:
        raise UsageError(
            "one EMAIL is to be given" if given else "no EMAIL is given",
            fix="give one, or - to have it read from stdin",
        )
    if given[0] != "-":
        return given[0]
    if sys.stdin is None:
        raise UsageError("stdin is closed, and - has the email read from it", fix="give the email, or open stdin")
    if sys.stdin.isatty():
        return str(click.prompt("Email", hide_input=True, err=True))
    try:
        lines = [line for line in map(str.strip, iter(partial(sys.stdin.readline, _LONGEST), "")) if line]
    except UnicodeDecodeError as error:
        raise UsageError("the email on stdin is not UTF-8", fix="write it in UTF-8") from error
    if len(lines) > 1:
        raise UsageError(f"stdin holds {len(lines):,} lines, and - takes one email", fix="give one email at a time")
    return "".join(lines)


def _has_table(found: Forgetting) -> bool:
    """Return whether there is anything to show in a table."""
    return bool(found.tables) and not found.is_tombstone_only


def _print(found: Forgetting) -> None:
    if not _has_table(found):
        return
    person = found.person
    rows = [("landing file", shown(mask_path(path)), f"{count:,}", "") for path, count in found.lines.items()]
    rows += [("quarantine", feed, f"{count:,}", "") for feed, count in found.quarantined.items() if count]
    rows += [(TABLES[name].zone, name, f"{was - now:,}", f"{now:,}") for name, (was, now) in found.tables.items()]
    print_table(("where", "what", "goes", "stays"), rows, right=("goes", "stays"))
    if person.spellings:
        print_lines(
            "",
            f"customer: {counted(person.records, 'record')}, {counted(len(person.spellings), 'spelling')} of the email",
            f"devices: {len(person.attributed):,} by attribution, {len(person.claimed):,} by serial number alone;"
            f" {person.unproven:,} more that the records name may be somebody else's, and stay",
        )


def _ending(found: Forgetting, *, dry_run: bool, late: bool) -> str:
    lines = sum(found.lines.values())
    what = f"{counted(lines, 'line')} of {counted(len(found.lines), 'landing file')}"
    if not found.tables:
        return (
            "nothing of forgotten customers has landed since" if late else "forgotten before; nothing has landed since"
        )
    if found.is_tombstone_only:
        what = "nothing of the customer has landed yet; a tombstone that has builds drop what lands of them"
        if dry_run:
            return f"dry run, nothing was changed: {what} would be left in lake {shown(found.lake)}"
        return f"forgotten in advance: {what} is left in lake {shown(found.lake)}" if found.done else ""
    if dry_run:
        return f"dry run, nothing was changed: {what} would go, of lake {shown(found.lake)}"
    versions = f", {counted(found.old_versions, 'old version')} of objects" if found.old_versions else ""
    return (
        f"forgotten: {what}{versions}; lake {shown(found.lake)}, landing {shown(found.landing)}" if found.done else ""
    )


def _document(found: Forgetting, *, dry_run: bool) -> dict[str, Any]:
    person = found.person
    return {
        "lake": found.lake,
        "landing": found.landing,
        "dry_run": dry_run,
        "done": found.done,
        "was_forgotten": found.was_forgotten,
        "customer": {"records": person.records, "spellings": len(person.spellings)},
        "devices": {
            "attributed": len(person.attributed),
            "claimed": len(person.claimed),
            "unproven": person.unproven,
        },
        "lines": {mask_path(path): count for path, count in found.lines.items()},
        "quarantined": found.quarantined,
        "tables": {name: {"before": was, "after": now} for name, (was, now) in found.tables.items()},
        "old_versions": found.old_versions,
        "notes": found.notes,
    }
