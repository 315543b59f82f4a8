"""Everything the product has is in the documentation, and what the documentation names is there."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import pytest

from stedi import __version__, manifest, plan, rule
from stedi.build import SPLIT_FROM_BYTES, SPLIT_SIZE
from stedi.cli import COMMANDS, find, is_group
from stedi.contracts import TABLES
from stedi.proof import ARROW_FROM_BYTES
from stedi.run import IN_MEMORY_SHARE, ONE_THREAD_BELOW_BYTES
from stedi.settings import OPTIONS
from stedi.sieve import RAW_BYTES_KEPT, UNKNOWN_KEYS_KEPT
from stedi.stages import AUDITS, FACTS, STAGES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

EXPECTED: dict[str, int] = json.loads((ROOT / "sample_data" / "expected.json").read_text(encoding="utf-8"))

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SVG = "{http://www.w3.org/2000/svg}"


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rows(page: str, *head: str) -> list[list[str]]:
    """Return the cells of the tables of a page that have these columns, without backticks."""
    found: list[list[str]] = []
    wanted = "| " + " | ".join(head) + " |"
    lines = iter(text(page).splitlines())
    for line in lines:
        if line == wanted:
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                found.append([cell.strip().replace("`", "") for cell in row.strip("|").split("|")])
    assert found, f"{page} has no table {wanted}"
    return found


def unlinked(cell: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_command_reference_is_current() -> None:
    generated = runpy.run_path(str(ROOT / "tests" / "docs" / "reference.py"))["document"]()
    assert text("docs/commands.md") == generated, "run `python tests/docs/reference.py`"


@pytest.mark.parametrize("name", [name for name in COMMANDS if not is_group(name)])
def test_a_command_and_its_options_are_documented(name: str) -> None:
    assert f"[`stedi {name}`](docs/commands.md#stedi-{name.replace(' ', '-')})" in [
        row[0] for row in commands_of_the_readme()
    ]
    _, _, section = text("docs/commands.md").partition(f"\n## stedi {name}\n")
    section = section.partition("\n## ")[0]
    options = {opt for param in find(name).params if isinstance(param, click.Option) for opt in param.opts}
    assert {f"--{option.replace('_', '-')}" for option in OPTIONS[name]} <= options
    for option in options:
        assert re.search(rf"^  {option}\b", section, re.MULTILINE), option
        assert f"| `{option}` |" in section


def commands_of_the_readme() -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text("README.md").splitlines()
        if "| [`stedi " in line
    ]


def test_the_tables_are_documented() -> None:
    documented = rows("docs/lakehouse.md", "zone", "table", "prefix", "made by", "Glue job", "rows of the sample")
    assert [(zone, name, prefix, job, count) for zone, name, prefix, _, job, count in documented] == [
        (table.zone, name, table.prefix, table.glue_job or "", f"{EXPECTED[name]:,}") for name, table in TABLES.items()
    ]
    made_by = {name: by for _, name, _, by, _, _ in documented}
    for name, stage in STAGES.items():
        assert made_by[name] == f"[SQL](../{stage.path.relative_to(ROOT).as_posix()})"


def test_the_columns_are_documented() -> None:
    documented = [
        tuple(row[:4]) for row in rows("docs/lakehouse.md", "column", "type", "required", "personal", "holds", "unit")
    ]
    page = text("docs/lakehouse.md")
    expected: list[tuple[str, ...]] = []
    for feed in ("customer", "accelerometer", "step_trainer"):
        table = TABLES[f"{feed}_landing"]
        expected += [
            (c.name, c.type, "yes" if c.name in table.required else "", "yes" if c.pii else "") for c in table.columns
        ]
        alike = [f"`{name}`" for name, other in TABLES.items() if other.columns == table.columns]
        assert f"Columns of {', '.join(alike[:-1])} and {alike[-1]}:" in page
    for name in ("device_owners", "training_curated"):
        table = TABLES[name]
        expected += [
            (c.name, c.type, "yes" if c.name in table.required else "", "yes" if c.pii else "") for c in table.columns
        ]
        assert f"Columns of `{name}`:" in page
    assert documented == expected
    both = TABLES["step_trainer_trusted"].columns + TABLES["accelerometer_trusted"].columns
    assert TABLES["machine_learning_curated"].columns == both, "as docs/lakehouse.md says"


def test_every_column_of_a_number_has_a_unit() -> None:
    for row in rows("docs/lakehouse.md", "column", "type", "required", "personal", "holds", "unit"):
        assert row[1] == "VARCHAR" or row[5], row[0]


def test_the_audits_and_facts_are_documented() -> None:
    audits = [unlinked(row[0]) for row in rows("docs/lakehouse.md", "audit", "holds that")]
    facts = [unlinked(row[0]) for row in rows("docs/lakehouse.md", "fact", "holds")]
    assert audits == sorted(AUDITS)
    assert sorted(facts) == sorted(FACTS)


def test_the_reasons_are_documented_in_the_order_they_are_tried() -> None:
    reasons = [row[0].removesuffix(":KEY") for row in rows("docs/build.md", "reason", "means")]
    assert tuple(reasons) == rule.REASONS


def test_the_limits_are_documented() -> None:
    page = " ".join(text("docs/build.md").split())
    assert f"over {rule.MAX_LINE_CHARS:,} characters" in page
    assert f"up to {UNKNOWN_KEYS_KEPT} a file" in page
    assert f"Where a feed has {ARROW_FROM_BYTES // 1_000_000} MB to prove" in page
    assert f"Below {ONE_THREAD_BELOW_BYTES // 1_000_000} MB of landing JSON" in page
    assert (
        f"from {SPLIT_FROM_BYTES // 1_000_000_000} GB of landing JSON on several of about {SPLIT_SIZE[:-2]} GB" in page
    )
    assert f"at most {IN_MEMORY_SHARE:.0%} of the limit" in page.replace(" %", "%")
    assert f"the first {RAW_BYTES_KEPT:,}" in text("docs/lakehouse.md")


def test_the_reasons_to_make_a_table_again_are_documented() -> None:
    ids = {"a": "1", "b": "1"}
    cases: list[tuple[dict[str, str], set[str], str]] = [
        ({}, set(), ""),
        (ids, {"b"}, ""),
        ({"a": "0", "b": "0"}, set(), ""),  # an input is another
        ({"a": "1", "b": "0"}, set(), ""),  # none is, so it is the SQL
        (ids, set(), "forced"),
        (ids, set(), "another landing folder"),
    ]
    found = [plan.stale(["b"], {"b": ("a",)}, ids, *case[:2], force=case[2])["b"] for case in cases]
    documented = [row[0] for row in rows("docs/build.md", "made again", "means")]
    assert [reason.replace("a changed", "TABLE changed") for reason in found] == documented


@pytest.mark.parametrize(
    "record",
    [
        manifest.Manifest,
        manifest.FeedRecord,
        manifest.TableRecord,
        manifest.InputRecord,
        manifest.FileRecord,
        manifest.LedgerRecord,
    ],
)
def test_the_fields_of_the_manifest_are_documented(record: type) -> None:
    _, _, section = text("docs/build.md").partition("\n## The manifest\n")
    for field in dataclasses.fields(record):
        assert f"`{field.name}`" in section, field.name


def test_the_picture_shows_the_tables_and_what_each_is_made_from() -> None:
    picture = ET.parse(ROOT / "docs" / "lakehouse.svg")  # noqa: S314 - a file of this project
    shown = {e.get("id"): e.text for e in picture.iter(f"{_SVG}text") if e.get("id")}
    assert shown == {name: f"{count:,} rows" for name, count in EXPECTED.items()}
    names = {e.text for e in picture.iter(f"{_SVG}text")}
    assert names >= TABLES.keys()
    edges = {e.get("id") for e in picture.iter(f"{_SVG}path") if e.get("id")}
    assert edges == {
        f"{source}-{name}" for name, stage in STAGES.items() for source in stage.inputs if source in TABLES
    }


def test_the_sessions_of_nox_are_documented() -> None:
    tree = ast.parse(text("noxfile.py"))
    sessions = [
        next((k.value.value for d in node.decorator_list if isinstance(d, ast.Call) for k in d.keywords), node.name)  # type: ignore[attr-defined]
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("session" in ast.unparse(d) for d in node.decorator_list)
    ]
    documented = rows("CONTRIBUTING.md", "session", "does", "by default")
    assert [row[0] for row in documented] == sessions
    [defaults] = re.findall(r"nox\.options\.sessions = (\[.*\])", text("noxfile.py"))
    assert [row[0] for row in documented if row[2] == "yes"] == ast.literal_eval(defaults)
    assert set(re.findall(r"nox -s ([\w.-]+\w)", text("CONTRIBUTING.md"))) <= set(sessions)


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == __version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_folder_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?:^|[\s`(\"])/(?:home|root|tmp|work|Users|opt|var)/", page.read_text(encoding="utf-8"))
