"""What `stedi glue render` writes: one script a table, as reviewed, holding the reading rule as it is declared."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stedi import rule
from stedi.contracts import FEEDS, TABLES, Table
from stedi.errors import UsageError
from stedi.glue import reading, scripts
from stedi.glue.render import GLUE, render
from stedi.stages import STAGES

GOLDEN = Path(__file__).parents[1] / "golden" / "glue"

Answer = tuple[int, str, str]


def constants(script: str) -> dict[str, Any]:
    """Run the part of a script that writes down the reading rule."""
    _, start, rest = script.partition("# The reading rule.")
    text, end, _ = rest.partition("\n\n\nSETTINGS = ")
    assert start
    assert end
    known: dict[str, Any] = {}
    exec(f"#{text}", known)  # noqa: S102 - a script of ours
    return known


def script_of(feed: Table) -> str:
    """Return the script that writes the quarantine of a feed."""
    [found] = [text for text in render().values() if f"LAKE/_quarantine/{feed.feed}/" in text]
    return found


def test_the_scripts_are_as_reviewed() -> None:
    began = time.process_time()
    rendered = render()
    assert time.process_time() - began < 1, "seconds that all of them may take"
    drift = scripts.drift(GOLDEN, rendered)
    assert not drift, f"review this, then run `stedi glue render --out tests/golden/glue`\n{drift}"


def test_every_table_has_its_script() -> None:
    assert list(render()) == [f"{TABLES[name].glue_job}.py" for name in STAGES]


def test_a_script_is_the_same_for_every_version_of_glue() -> None:
    assert all(render(glue) == render() for glue in GLUE)


def test_a_version_of_glue_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Glue 4\.0"):
        render("4.0")


@pytest.mark.parametrize("name", render())
def test_a_script_imports_only_what_glue_has(name: str) -> None:
    tree = ast.parse(render()[name])
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    assert {module.split(".")[0] for module in modules} <= {
        "awsglue",
        "pyspark",
        "concurrent",
        "re",
        "secrets",
        "sys",
        "typing",
        "uuid",
    }


@pytest.mark.parametrize("name", STAGES)
def test_the_header_of_the_sql_stands_in_the_script(name: str) -> None:
    header = [f"#{line[2:]}" for line in STAGES[name].sql.splitlines() if line.startswith("--")]
    assert "\n".join(header) in render()[f"{TABLES[name].glue_job}.py"]


# the reading rule


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.feed)
def test_the_expressions_of_a_script_are_those_of_the_rule(feed: Table) -> None:
    known = constants(script_of(feed))
    assert known["FLAT"] == reading.FLAT
    assert known["BLANK_LINE"] == reading.BLANK_LINE
    assert known["TOO_LONG"] == reading.TOO_LONG
    assert known["TRIM"] == rule.TRIM
    assert known["MAX_LINE_CHARS"] == rule.MAX_LINE_CHARS
    assert known[f"{feed.feed.upper()}_CLEAN"] == reading.clean(feed)
    assert known[f"{feed.feed.upper()}_REFUSED"] == list(reading.refused(feed))


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.feed)
def test_the_reasons_of_a_script_stand_in_the_order_of_the_rule(feed: Table) -> None:
    by_column = [reason for reason, _, _ in reading.refused(feed)]
    assert ("too_long", "not_flat_json", "dup_key", *by_column) == rule.reasons_of(feed)


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.feed)
def test_no_loop_over_a_group_recurses_in_java(feed: Table) -> None:
    for expression in (reading.FLAT, reading.clean(feed), *(text for entry in reading.refused(feed) for text in entry)):
        assert not re.search(r"\)[*+](?!\+)", expression)


def test_every_feed_is_quarantined_by_one_job() -> None:
    for feed in FEEDS:
        assert script_of(feed)


# files


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    assert set(scripts.write(tmp_path, render()).values()) == {"new"}
    first, *others = render()
    (tmp_path / first).write_text("changed", encoding="utf-8")
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in others}
    assert scripts.write(tmp_path, render()) == {first: "changed"} | dict.fromkeys(others, "same")
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in others} == before
    assert not scripts.drift(tmp_path, render())


def test_a_script_that_is_left_over_is_named_and_stays_but_others_are_nobodys_business(tmp_path: Path) -> None:
    scripts.write(tmp_path, render())
    (tmp_path / "old_job.py").write_text(f'"""{scripts.MARK} from old.sql."""\n', encoding="utf-8")
    (tmp_path / "mine.py").write_text("print()\n", encoding="utf-8")
    assert scripts.write(tmp_path, render())["old_job.py"] == "left over"
    assert (tmp_path / "old_job.py").exists()
    assert "mine.py" not in scripts.states(tmp_path, render())


# the command


@pytest.mark.usefixtures("nothing_set")
def test_the_command_writes_a_folder_and_checks_it(stedi: Callable[..., Answer]) -> None:
    code, out, _ = stedi("glue", "render")
    assert code == 0
    assert f"{len(STAGES)} scripts in glue" in out
    assert sorted(file.name for file in Path("glue").iterdir()) == sorted(render())
    assert stedi("glue", "render", "--check") == (0, "", "")

    name = next(iter(render()))
    with Path("glue", name).open("a", encoding="utf-8") as script:
        script.write("print('changed by hand')\n")
    code, out, err = stedi("glue", "render", "--check")
    assert code == 1
    assert "-print('changed by hand')" in out
    assert f"1 of {len(STAGES)} scripts is not as rendered" in err
    assert "changed by hand" in Path("glue", name).read_text(encoding="utf-8")


@pytest.mark.usefixtures("nothing_set")
def test_the_command_says_the_same_as_json(stedi: Callable[..., Answer]) -> None:
    code, out, _ = stedi("glue", "render", "--out", "jobs", "--glue", "6.0", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["folder"] == "jobs"
    assert document["scripts"] == dict.fromkeys(render(), "new")
    code, out, _ = stedi("glue", "render", "--out", "elsewhere", "--check", "--json")
    assert code == 1
    assert set(json.loads(out)["scripts"].values()) == {"new"}
    assert not Path("elsewhere").exists()


@pytest.mark.usefixtures("nothing_set")
def test_a_folder_that_cannot_be_is_a_fault(stedi: Callable[..., Answer]) -> None:
    Path("glue").write_text("a file", encoding="utf-8")
    code, _, err = stedi("glue", "render")
    assert code == 2
    assert "glue" in err


@pytest.mark.parametrize("out", ["", "s3://bucket/jobs"])
def test_a_folder_that_is_none_of_this_machine_is_refused(stedi: Callable[..., Answer], out: str) -> None:
    code, _, err = stedi("glue", "render", "--out", out)
    assert code == 2
    assert "is no folder of this machine" in err
