"""`stedi glue release`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from stedi.cli.glue.options import database, glue, lake
from stedi.cli.options import as_json, clock_skew_ms, folders, option
from stedi.cli.output import folded, note, print_json, print_lines, print_table, shown
from stedi.cli.progress import Parts
from stedi.errors import Refused, UsageError

if TYPE_CHECKING:
    from stedi.glue.receipt import Receipt
    from stedi.glue.release import Plan

__all__ = ["release"]

_KINDS = {
    "landing": ("landing file", "landing files"),
    "script": ("script", "scripts"),
    "table": ("table", "tables"),
    "job": ("job", "jobs"),
}


@click.command(
    epilog="""\b
Examples:
  stedi glue release --lake s3://bucket/stedi --role ARN --receipt out/receipt.json --dry-run
  stedi glue release --lake s3://bucket/stedi --role ARN --receipt out/receipt.json --upload-landing DIR
  stedi glue release --lake s3://bucket/stedi --role ARN --without-parity "first try of a new account"
""",
)
@lake
@option("--role", metavar="ARN", required=True, help="Role of the jobs; `stedi glue infra --deploy` prints it.")
@database
@glue
@option(
    "--receipt",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Receipt of a parity run: `stedi parity run --report DIR` writes DIR/receipt.json.",
)
@option("--without-parity", metavar="REASON", help="Release without a receipt; each job's description says why.")
@option(
    "--upload-landing",
    metavar="DIR",
    type=click.Path(),
    shell_complete=folders,
    help="Folder of landing data to bring into the lake.",
)
@option(
    "--pseudonym-key-path",
    metavar="URI",
    help="Object on S3 with the key of the pseudonyms, a line of text, that training_curated is made with."
    " [default: what the job has; a random key in every run where it has none]",
)
@clock_skew_ms(unset="what the job has; 0 where it has none")
@option("--adopt", is_flag=True, help="Take over tables and jobs of these names that somebody else made.")
@option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@as_json
def release(
    *,
    lake: str,
    role: str,
    database: str,
    glue: str,
    receipt: str | None,
    without_parity: str | None,
    upload_landing: str | None,
    pseudonym_key_path: str | None,
    clock_skew_ms: int | None,
    adopt: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring scripts, tables and jobs into AWS, and landing data where asked.

    Shows the difference between what is there and what shall be, and takes the steps; a release that was stopped goes
    on when it is run again, one that changes nothing only reads. Refused, with exit 1: scripts that no parity run has
    found the same as DuckDB, byte for byte, on this version of Glue; tables and jobs that somebody else made. Nothing
    is ever deleted.
    """
    from stedi.glue import delivery, names, upload
    from stedi.glue import release as releases
    from stedi.glue.aws import Aws
    from stedi.glue.render import render

    place, arn, name, version = names.lake(lake), names.role(role), names.database(database), names.glue_version(glue)
    key = None if pseudonym_key_path is None else names.key_file(pseudonym_key_path)
    told = {"pseudonym_key": key, "clock_skew_ms": None if clock_skew_ms is None else str(clock_skew_ms)}
    proof = _proof(receipt, without_parity)
    scripts = render(version)
    gaps = _gaps(proof, scripts, version) if without_parity is None else []
    if gaps and not dry_run:
        _refuse(gaps, version)
    files = upload.landing_files(upload_landing) if upload_landing is not None else {}
    rests_on = releases.note_of(proof, without_parity or "dry run")
    wanted = releases.want(
        scripts,
        place,
        role=arn,
        database=name,
        glue=version,
        note=rests_on,
        parameters={parameter: value for parameter, value in told.items() if value is not None},
    )

    aws = Aws()
    with Parts() as progress:
        progress(f"looking at {place.uri}", 0, 1)
        found, notes = delivery.look(aws, wanted, files)
        plan = releases.plan(wanted, found, adopt=adopt)
        for text in (*notes, *plan.notes):
            note(f"note: {shown(text)}")
        if not as_json:
            _show(plan)
        if plan.refused:
            raise Refused(
                f"{place.uri}: not released; nothing was changed",
                problems=[shown(reason) for reason in plan.refused],
                fix="use another --database or account, or take them over with --adopt",
            )
        if not dry_run:
            delivery.deliver(aws, wanted, found, plan, landing=files, told=progress)
    if as_json:
        print_json(
            {
                "lake": place.uri,
                "database": name,
                "glue": version,
                "parity": rests_on,
                "dry_run": dry_run,
                "covered": not gaps,
                "steps": [asdict(step) for step in plan.steps],
                "unchanged": plan.unchanged,
            }
        )
    else:
        print_lines("dry run, nothing was changed" if dry_run else f"released to {place.uri}, for Glue {version}")
    if gaps:
        _refuse(gaps, version)


def _proof(receipt: str | None, without_parity: str | None) -> Receipt | None:
    from stedi.glue.receipt import Receipt

    if receipt is not None and without_parity is not None:
        raise UsageError("--receipt and --without-parity exclude each other", fix="give the receipt alone")
    if without_parity is not None and not without_parity.strip():
        raise UsageError("--without-parity needs a reason", fix="say why no parity run is needed")
    return None if receipt is None else Receipt.load(receipt)


def _gaps(receipt: Receipt | None, scripts: dict[str, str], version: str) -> list[str]:
    """Return why no receipt covers the scripts."""
    if receipt is None:
        return ["there is no receipt of a parity run"]
    return [f"{text} (receipt of {receipt.finished})" for text in receipt.gaps(scripts, version)]


def _refuse(gaps: list[str], version: str) -> None:
    raise Refused(
        "not released: no parity run has shown that these scripts give what DuckDB gives",
        problems=gaps,
        fix=f"`stedi parity run --glue {version} --report out`, then --receipt out/receipt.json;"
        " or --without-parity REASON",
    )


def _show(plan: Plan) -> None:
    if plan.steps:
        rows = [(step.kind, step.name, step.action) for step in plan.steps]
        print_table(("what", "name", "step"), rows)
        for step in plan.steps:
            for why in step.why:
                print_lines(folded(shown(f"  {step.kind} {step.name}: {why}"), "      "))
        print_lines("")
    same = ", ".join(f"{count:,} {_KINDS[kind][count != 1]}" for kind, count in plan.unchanged.items())
    if same:
        print_lines(f"as it shall be: {same}")
