"""`stedi privacy audit`."""

from __future__ import annotations

import sys

import click

from stedi.cli.options import folders, lake, memory_limit, on_s3, option
from stedi.cli.output import expect_json, note, print_json, shown
from stedi.cli.progress import Parts
from stedi.counted import counted
from stedi.errors import VerifyFailed
from stedi.storage import Options

__all__ = ["audit"]


@click.command(
    epilog="""\b
Examples:
  stedi privacy audit > certificate.json
  stedi privacy audit --lake DIR --reports logs        logs/ must not hold a personal value either
  stedi privacy audit --lake s3://bucket/prefix
""",
)
@lake
@option(
    "--reports",
    metavar="PATH",
    type=click.Path(),
    shell_complete=folders,
    help="File or folder of reports and logs that must hold no personal value either.",
)
@memory_limit
@on_s3()
@option("--json", "as_json", is_flag=True, is_eager=True, help="Taken as everywhere; the certificate is JSON anyway.")
def audit(*, lake: str, reports: str | None, memory_limit: str | None, options: Options, as_json: bool) -> None:
    """Prove that personal data are where they belong, and print a certificate.

    From landing and published files alone: no row belongs to a customer without consent, no training row is from
    before the consent, and no personal value stands in training_curated, in metadata, or in what a build writes about
    itself. The certificate, JSON, names every file with its hash and every check with its counts. Exit 1 lists what is
    wrong, masked; exit 2 says that it could not be checked.
    """
    # the error of a terminal is told once
    expect_json(asked=as_json or not sys.stdout.isatty())
    from stedi.privacy import audit as audit_lake

    with Parts() as progress:
        certificate = audit_lake(
            lake, [reports] if reports else [], memory_limit=memory_limit, progress=progress, options=options
        )
    for text in certificate.notes:
        note(f"note: {shown(text)}")
    print_json(certificate.document())
    if certificate.violations:
        raise VerifyFailed(
            f"{certificate.lake}: {counted(len(certificate.violations), 'violation')} of privacy",
            problems=[shown(violation) for violation in certificate.violations],
            fix=f"`stedi build --force --lake {certificate.lake}` makes tables and _stedi anew, and what comes back"
            " stands in the landing data; any other file that is named is yours to correct or to move away",
        )
