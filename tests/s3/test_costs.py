"""What commands ask of S3, counted: that is what S3 is paid for, and docs/s3.md says how much it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stedi.settings import bundled_sample

if TYPE_CHECKING:
    from s3.bucket import Bucket
    from s3.proxy import Request

Command = Callable[..., tuple[int, str, str]]

PAGE = Path(__file__).parents[2] / "docs" / "s3.md"
COLUMNS = ("LIST", "PUT, COPY, POST", "GET", "HEAD", "DELETE")
QUERY = "select count(*) from customer_trusted"


def priced(request: Request) -> str:
    """Return the column of the page that a request counts in; of uploads and objects the lists cost the same."""
    if request.kind == "GET OF BUCKET":
        return "LIST"
    return next(column for column in COLUMNS if request.kind in column.split(", "))


def documented() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the rows of the page's table: what is done, and how often what is asked."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\| (`stedi [^|]*) \|((?: \d+ \|){5})", line):
            yield found[1], tuple(map(int, re.findall(r"\d+", found[2])))


def test_what_commands_cost_is_what_the_page_says(s3: Bucket, stedi: Command) -> None:
    sample = bundled_sample()
    assert sample is not None
    s3.upload(sample, "lake")
    commands = {
        "`stedi build`, first": ["build"],
        "`stedi build`, nothing changed": ["build"],
        "`stedi build --force`, cache filled": ["build", "--force"],
        "`stedi verify`": ["verify"],
        "`stedi query` of one table": ["query", QUERY],
        "`stedi doctor`": ["doctor"],
    }
    found = {}
    for what, words in commands.items():
        s3.proxy.clear()
        assert stedi(*words, "--lake", s3.uri("lake"))[0] == 0
        counts = Counter(map(priced, s3.requests()))
        found[what] = tuple(counts[column] for column in COLUMNS)
    assert found == dict(documented())
