"""What the documentation shows is run: commands in a shell, with their output compared, Python, and settings."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from stedi.cli import COMMANDS, cli, find, is_group
from stedi.settings import bundled_sample, load_settings

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/lakehouse.md",
    "docs/build.md",
    "docs/s3.md",
    "docs/privacy.md",
    "docs/aws.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
REFERENCE = "docs/commands.md"

PART_RUN = {"pip install . && stedi build": "stedi build"}
"""Commands of which the tests run a part: `.ci/run` runs the whole, since it installs from a package registry."""

_CI = ".ci/run runs it: it runs these tests"
_INSTALLS = "it installs from a package registry"
_SESSION = "it makes a virtual environment of its own; test_covered.py holds the name against noxfile.py"
_AWS = "it needs the command line of AWS"
NOT_RUN = {
    "pip install nox && nox": _CI,
    "nox": _CI,
    'pip install -U "pip>=25.1" nox': _INSTALLS,
    "pip install -e . --group test": _INSTALLS,
    "nox -s tests -- tests/unit -k query": _SESSION,
    "nox -s deep": _SESSION,
    "nox -s bench -- --scale 1 --scale 100": _SESSION,
    "pip install '.[aws,parity]'": _INSTALLS,
    "stedi parity run --landing data --report out": "it takes minutes of Spark; the fixture writes the receipt",
    "aws glue delete-job --job-name customer_landing_to_trusted": _AWS,
    "aws cloudformation delete-stack --stack-name stedi": _AWS,
    "aws s3 rb s3://my-bucket --force": _AWS,
    "openssl rand -hex 32 | aws s3 cp - s3://my-bucket/stedi/_stedi/glue/pseudonym-key.txt": _AWS,
    "python tests/docs/reference.py": "it writes into the checkout; test_covered.py compares what it would write",
    'eval "$(_STEDI_COMPLETE=zsh_source stedi)"': "it needs zsh; test_completion runs what is evaluated",
    "_STEDI_COMPLETE=fish_source stedi | source": "it needs fish; test_completion runs what is sourced",
}
"""Commands that no test runs, and why."""

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_SECONDS = re.compile(r"(?:^| +)\d+\.\d\d(?=$| s\b)", re.MULTILINE)
_PROGRESS = re.compile(r"^ *\d+\.\d s  .*\n", re.MULTILINE)


class Block(NamedTuple):
    """A fenced code block: its language, its text, its number in the page from 1."""

    language: str
    text: str
    number: int


class Step(NamedTuple):
    """A command and the output shown below it; none shown: none is compared."""

    command: str
    expected: str


def blocks(page: str) -> list[Block]:
    found = _FENCE.finditer((ROOT / page).read_text(encoding="utf-8"))
    return [Block(match[1], match[2], number) for number, match in enumerate(found, 1)]


def steps(block: Block) -> list[Step]:
    assert block.text.startswith("$ "), f"block {block.number} begins with a command"
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [Step(command, expected) for command, _, expected in (part.partition("\n") for part in parts)]


def all_steps() -> list[Step]:
    return [step for page in PAGES for block in blocks(page) if block.language == "console" for step in steps(block)]


class Shell:
    """A shell in an empty folder, in which `stedi` is the product under test, without settings from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        command = folder / "bin" / "stedi"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m stedi.cli "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("STEDI_", "_STEDI"))}
        self.environment = outside | {
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "STEDI_CACHE_DIR": str(folder / "cache"),
        }

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command and return its exit code and what it wrote, to stdout and stderr in one."""
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return ran.returncode, ran.stdout

    def normal(self, output: str) -> str:
        """Return output without what differs from run to run: folders, times, seconds, progress of a slow machine."""
        sample = bundled_sample()
        assert sample is not None
        shown = output.replace(str(self.folder), "…").replace(str(sample), "…/sample_data")
        return _SECONDS.sub(" 0.00", _TIME.sub("TIME", _PROGRESS.sub("", shown)))

    def check(self, what: str, output: str, expected: str) -> None:
        """Hold output against what a page shows: `...` stands for the rest of a line, on its own for any lines."""
        lines = [
            "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
            for line in self.normal(expected).splitlines()
        ]
        found = self.normal(output)
        assert re.fullmatch("".join(lines), found), f"{what} gives\n{found}"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def forget_accounts() -> None:
    """Empty what stands for AWS in this process: whatever port a server has, it serves what tests before have left."""
    from moto.core.base_backend import BackendDict

    for backend in BackendDict._instances:  # type: ignore[misc]
        backend.reset()


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """Start an S3 server with the bucket of the pages, empty, and return the environment that leads to it."""
    import botocore.session  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    forget_accounts()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - nobody's
    )
    client.create_bucket(Bucket="my-bucket")
    yield environment
    for item in client.list_objects_v2(Bucket="my-bucket").get("Contents", ()):
        client.delete_object(Bucket="my-bucket", Key=item["Key"])
    client.close()
    server.stop()


@pytest.fixture
def aws(shell: Shell) -> Iterator[dict[str, str]]:
    """Start AWS, empty but for the role of the page, and return the environment that leads to it.

    Jobs do there what moto does not: each puts the table that the page has built here into the bucket.
    """
    from glue.account import ROLE, make_role, write_receipt
    from glue.cloud import REGION, Cloud
    from glue.queries import count_tables, jobs_copy
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    forget_accounts()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    (shell.folder / "out").mkdir()
    write_receipt(shell.folder / "out" / "receipt.json")
    with Cloud(server.get_host_and_port()) as cloud, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tried to parse AWS::", UserWarning)
        cloud.clear()
        count_tables(cloud)
        jobs_copy(cloud, shell.folder / "lake")
        make_role()
        assert ROLE in (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
        yield {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
    server.stop()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_happens(page: str, shell: Shell, request: pytest.FixtureRequest) -> None:
    if page == "docs/aws.md":
        shell.environment |= request.getfixturevalue("aws")
    elif "s3://" in (ROOT / page).read_text(encoding="utf-8"):
        shell.environment |= request.getfixturevalue("s3")
    printed: str | None = None
    for block in blocks(page):
        if block.language == "console":
            for step in steps(block):
                if step.command in NOT_RUN:
                    continue
                code, output = shell.run("bash", "-c", PART_RUN.get(step.command, step.command))
                assert code == 0, f"{page}: {step.command} ends with {code}\n{output}"
                if step.expected:
                    shell.check(f"{page}: {step.command}", output, step.expected)
        elif block.language == "python":
            code, printed = shell.run(sys.executable, "-W", "error", "-c", block.text)
            assert code == 0, f"{page}, block {block.number} ends with {code}\n{printed}"
        elif block.language == "text" and printed is not None:
            shell.check(f"{page}, block {block.number - 1}", printed, block.text)
            printed = None


@pytest.mark.parametrize("page", [*PAGES, REFERENCE])
def test_a_block_is_of_a_kind_that_is_looked_at(page: str) -> None:
    assert {block.language for block in blocks(page)} <= {"console", "python", "toml", "text", "json"}
    for block in blocks(page):
        if block.language in ("text", "json"):
            assert not re.search(r"^\$? ?(stedi|nox|pip|python) ", block.text, re.MULTILINE)


def test_a_page_that_is_followed_says_where_it_begins() -> None:
    for page in PAGES:
        if page.startswith("docs/"):
            assert "in an empty folder" in (ROOT / page).read_text(encoding="utf-8")


def test_what_is_not_run_is_in_the_documentation() -> None:
    shown = {step.command for step in all_steps()}
    assert {*NOT_RUN, *PART_RUN} <= shown
    assert all(ran in command for command, ran in PART_RUN.items())


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_settings(page: str, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            file = tmp_path / f"{block.number}.toml"
            file.write_text(block.text, encoding="utf-8")
            assert any(load_settings({"STEDI_CONFIG": str(file)}).values())


def test_the_readme_shows_the_two_commands_the_library_and_settings() -> None:
    assert [step.command for step in all_steps()][:2] == ["pip install . && stedi build", "pip install nox && nox"]
    assert {"python", "toml"} <= {block.language for block in blocks("README.md")}


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion(name: str, shell: Shell) -> None:
    variable = f"_STEDI_COMPLETE={name}_source"
    assert f"{variable} stedi" in (ROOT / "README.md").read_text(encoding="utf-8")
    code, script = shell.run("env", variable, "stedi")
    assert code == 0
    assert "_stedi_completion" in script


@pytest.mark.parametrize("name", ["", *(name for name in COMMANDS if not is_group(name))])
def test_the_examples_of_a_help_text_can_be_given(name: str) -> None:
    command = find(name) if name else cli
    assert command.epilog
    examples = re.findall(r"^  (?:.*\| )?stedi (.+)$", command.epilog, re.MULTILINE)
    assert examples
    for example in examples:
        arguments = shlex.split(re.split(r"  +| > ", example)[0])
        context = cli.make_context("stedi", [], resilient_parsing=True)
        called: click.Command = cli
        while isinstance(called, click.Group):
            word = arguments.pop(0)
            found = called.get_command(context, word)
            assert found is not None, example
            # a UsageError where it cannot be given
            given = [] if isinstance(found, click.Group) else arguments
            context = found.make_context(word, given, parent=context, resilient_parsing=not given)
            called = found


def test_the_comparison_sees_a_difference(shell: Shell) -> None:
    shell.check("", "1 row\n7.25 s\nlake\n", "1 row\n8.50 s\n...\nlake\n")
    for other in ("2 rows\n7.25 s\nlake\n", "1 row\n7.25 s\n", "1 row\n7.25 s\nlake\nmore\n"):
        with pytest.raises(AssertionError):
            shell.check("", other, "1 row\n8.50 s\nlake\n")
