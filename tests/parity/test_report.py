"""The reports: one content in five forms, none of which breaks on what data and names hold, or shows personal data."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from small_lake import Lake, open_lake

from parity.artifacts import clear_artifacts
from parity.compare import compare
from parity.outcome import Outcome
from parity.report import FILES, Report, document, junit, markdown, page, print_report, write_reports
from parity.report.markdown import LONGEST
from parity.summary import report_of
from parity.verdict import Cause, Example, Explanation, TableVerdict, Verdict, failed, missing
from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault, UsageError
from stedi.stages import STAGES

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "parity" / "report" / "report.schema.json").read_text(encoding="utf-8"))

NASTY = "</script><img src=x onerror=1>`|*_[a](http://b)_*\x00\x1b[31m\u202e\ud800 'q' \"q\" @user #1 & ]]>"
"""What would be markup, a command or no character in one of the forms."""


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with open_lake() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(lake: Lake) -> Report:
    """Return a run in which the readings lost their filter; one job failed, one wrote nothing."""
    jobs = {
        "customer_trusted": "from customer_trusted",
        "accelerometer_trusted": "from accelerometer_landing",
        "customers_curated": "select * replace (phone || '1' as phone) from customers_curated",
    }
    verdicts = [
        compare(
            lake.tables[name],
            lake.sql(sql),
            contract=TABLES[name],
            context=lake.context(name),
            labels=("DuckDB", "Glue 5.1"),
        )
        for name, sql in jobs.items()
    ]
    verdicts.append(failed("step_trainer_trusted", "job.py, line 3: NameError: no spark", fix="correct the script"))
    verdicts.append(missing("machine_learning_curated", "its job wrote nothing"))
    inputs = {name: stage.inputs for name, stage in STAGES.items()}
    return Report(verdicts[::-1], ("DuckDB", "Glue 5.1"), "Parity", inputs, {"landing": "s3://b/l"}, seconds=1.25)


def nasty() -> Report:
    example = Example(1, 0, {NASTY: NASTY, "b": NASTY}, {"b": NASTY})
    verdict = TableVerdict(
        NASTY,
        Verdict.DIFFERENT,
        1,
        2,
        examples=(example,),
        causes=(Explanation(Cause.OTHER, NASTY),),
        notes=(NASTY,),
        changed={NASTY: 1},
    )
    return Report([verdict, failed("b", NASTY, fix=NASTY)], (NASTY, "right"), NASTY, {"b": [NASTY]}, {NASTY: NASTY})


class Tags(HTMLParser):
    """What a browser makes of a page: its tags, attributes and text; and whether all of them are closed."""

    VOID = ("meta", "br", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_document_fits_its_schema(report: Report) -> None:
    for one in (report, nasty(), Report([])):
        jsonschema.validate(json.loads(json.dumps(document(one))), SCHEMA)


def test_the_schema_lists_the_causes_and_is_strict() -> None:
    table = SCHEMA["properties"]["tables"]["additionalProperties"]
    assert table["additionalProperties"] is False
    assert table["properties"]["cause"]["enum"] == [*map(str, Cause), None]


def test_the_document_holds_what_scripts_ask_for(report: Report) -> None:
    found = document(report)
    assert (found["verdict"], found["first"]) == ("failed", "accelerometer_trusted")
    assert next(iter(found["tables"])) == "customer_trusted"
    assert list(found["tables"])[-1] == "machine_learning_curated"
    readings = found["tables"]["accelerometer_trusted"]
    assert (readings["verdict"], readings["left_rows"], readings["right_rows"]) == ("different", 177, 261)
    assert (readings["cause"], readings["follows"]) == ("missing_consent_filter", None)
    assert found["tables"]["customers_curated"]["follows"] == "accelerometer_trusted"
    assert found["tables"]["customer_trusted"]["verdict"] == "same"


def test_all_reports_tell_the_same(report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = write_reports(report, tmp_path / "deep" / "report")
    assert tuple(file.name for file in files) == FILES
    print_report(report)
    texts = {file.name: file.read_text(encoding="utf-8") for file in files} | {"terminal": capsys.readouterr().out}
    texts["report.html"] = "".join(Tags(texts["report.html"]).text)
    for name, text in texts.items():
        for verdict in report.verdicts:
            assert verdict.table in text, name
        for words in ("against customer_trusted", "its job wrote nothing", "NameError"):
            assert words in text, (name, words)


@pytest.mark.parametrize(
    ("files", "is_ours"),
    [
        (("report.json", "logs/a.log"), True),
        (("logs/a.log",), False),
        (("report.json", "logs/a.log", "logs/deep/a.log"), False),
        (("report.json", "logs/notes.txt"), False),
        (("report.json", "logs"), False),
    ],
)
def test_logs_of_somebody_else_are_never_removed(tmp_path: Path, files: tuple[str, ...], is_ours: bool) -> None:
    """`--report .` where the current folder has logs of its own."""
    for name in (*files, "receipt.json", "receipt-mine.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if is_ours:
        clear_artifacts(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["receipt-mine.json"]
        return
    with pytest.raises(UsageError, match="holds no logs of an earlier run"):
        clear_artifacts(tmp_path)
    assert all((tmp_path / name).exists() for name in files)


def test_junit_counts_failures_and_errors(report: Report) -> None:
    suites = ET.fromstring(junit(report))  # noqa: S314 - our own
    assert {name: suites.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    cases = {case.get("name"): case for case in suites.iter("testcase")}
    assert [child.tag for child in cases["customer_trusted"]] == []
    assert cases["step_trainer_trusted"].find("error") is not None
    failure = cases["accelerometer_trusted"].find("failure")
    assert failure is not None
    assert failure.get("type") == "missing_consent_filter"


def test_no_report_shows_personal_data(report: Report, lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report)
    texts = [json.dumps(document(report)), junit(report), markdown(report), page(report), capsys.readouterr().out]
    assert sum(len(verdict.examples) for verdict in report.verdicts) > 20
    personal = {
        str(row[column.name])
        for name in ("customer_landing", "accelerometer_landing")
        for row in lake.tables[name].to_pylist()
        for column in TABLES[name].columns
        if column.pii
    }
    for text in texts:
        assert [value for value in personal if value in text] == []
    assert "p*** (" in texts[0]


def test_text_is_masked_where_no_contract_says_what_it_is() -> None:
    left = pa.table({"note": ["secret"], "phone": [5551234567], "n": [12], "when": pa.array([0], pa.date32())})
    right = left.slice(0, 0)
    [example] = compare(left, right).examples
    assert dict(example.values) == {
        "note": "s*** (6 characters)",
        "phone": "5*** (10 characters)",
        "n": "12",
        "when": "1*** (10 characters)",
    }
    [example] = compare(left, right, show_pii=True).examples
    assert list(example.values.values()) == ["secret", "5551234567", "12", "1970-01-01"]


def test_text_that_one_side_alone_has_is_masked_where_nobody_knows_whose_it_is() -> None:
    """Two tables of one contract: a job may have put anybody's name or phone where a device belongs."""

    def side(serials: list[str], times: list[int]) -> pa.Table:
        columns = {"sensorReadingTime": times, "serialNumber": serials, "distanceFromObject": [7] * len(serials)}
        return pa.table(columns)

    contract = TABLES["step_trainer_trusted"]
    left, right = side(["a-1", "a-1", "b-2"], [1, 2, 3]), side(["a-1", "Ada Quill", "a@b.c"], [4, 5, 6])

    def serials(lake: dict[str, pa.Table] | None = None) -> set[tuple[str, str]]:
        found = compare(left, right, contract=contract, context=lake)
        return {(example.kind, example.values["serialNumber"]) for example in found.examples}

    both = {("left only", "a-1"), ("right only", "a-1")}
    others = {("right only", "A*** (9 characters)"), ("right only", "a*** (5 characters)")}
    assert serials() == both | others | {("left only", "b*** (3 characters)")}
    # the other tables of a lake know the device
    lake = {"customer_landing": pa.table({"serialNumber": ["b-2"], "customerName": ["Ada Quill"], "phone": ["x"]})}
    assert serials(lake) == both | others | {("left only", "b-2")}


def test_personal_data_of_the_tables_themselves_are_hidden_in_their_other_columns() -> None:
    """Numbers too, and where both sides have it."""
    contract = TABLES["customer_trusted"]
    person = {"customerName": ["Ada Quill"], "email": ["ada@b.c"], "phone": ["2025550142"], "birthDay": ["1971-11-02"]}
    left = pa.table(person | {"serialNumber": ["of ada QUILL"], "registrationDate": [2025550142]})
    right = pa.table(person | {"serialNumber": ["of ada QUILL"], "registrationDate": [19711102]})
    [example] = compare(left, right, contract=contract).examples
    shown = {name: example.values[name] for name in ("serialNumber", "registrationDate")}
    assert (shown, dict(example.changed)) == (
        {"serialNumber": "of ***", "registrationDate": "***"},
        {"registrationDate": "***"},
    )


def test_names_of_columns_and_values_of_enumerations_are_no_way_out() -> None:
    left = pa.table({"a@b.c": [1], "d@e.f": ["x"], "kind": pa.array(["Ada Quill"]).dictionary_encode()})
    right = pa.table({"a@b.c": [2], "d@e.f": ["y"], "kind": pa.array(["Ada Quill"])})
    for verdict in (compare(left, right), compare(left, left)):
        text = json.dumps(document(Report([verdict])))
        assert "@" not in text
        assert "Quill" not in text


def test_nothing_in_the_data_becomes_markup() -> None:
    found = nasty()
    plain = Tags(page(Report([failed("b", "x")])))
    tags = Tags(page(found))
    assert tags.open == []
    assert not {"script", "img", "iframe", "link", "object"} & set(tags.tags)
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "src"]
    assert {value for name, value in tags.attributes if name == "href" and not str(value).startswith("#")} == set()
    assert "onerror" in "".join(tags.text)
    assert "onerror" not in "".join(plain.text)
    ET.fromstring(junit(found))  # noqa: S314 - our own
    text = markdown(found)
    assert not re.search(r"<(?!/?(?:details|summary|sub)\b)", text)
    assert not re.search(r"[@`\x00\x1b\u202e\ud800]", text)
    assert "](http" not in text
    assert "://" not in text


def test_the_terminal_is_not_commanded(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(nasty())
    assert not re.search(r"[\x00\x1b\u202e\ud800]", capsys.readouterr().out)


def test_the_page_needs_nothing_else(report: Report) -> None:
    text = page(report)
    assert "http" not in text.replace("http-equiv", "").replace("s3://", "")
    tags = Tags(text)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in tags.attributes
    assert tags.tags.count("svg") == 1
    targets = {value for name, value in tags.attributes if name == "id"}
    links = {str(value)[1:] for name, value in tags.attributes if name == "href"}
    assert links <= targets


def test_the_picture_shows_every_table_and_edge(report: Report) -> None:
    text = page(report)
    names = {name for name, stage in STAGES.items() for name in (name, *stage.inputs)}
    [drawing] = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert set(re.findall(r"<title>(.*?)</title>", drawing)) == names
    assert drawing.count("<path") == sum(len(stage.inputs) for stage in STAGES.values())
    assert drawing.count('class="table different first"') == 1
    height = int(re.findall(r' height="(\d+)"', drawing)[0])
    edges = re.findall(r'<path d="([^"]+)"', drawing)
    assert max(float(y) for edge in edges for y in re.findall(r",([\d.]+)", edge)) < height


def test_a_comment_is_never_longer_than_a_pull_request_takes() -> None:
    columns = {f"column {at}": "x" * 100 for at in range(100)}
    verdicts = [
        TableVerdict(f"t{at}", Verdict.DIFFERENT, 1, 1, examples=(Example(1, 0, columns),) * 20) for at in range(50)
    ]
    text = markdown(Report(verdicts))
    assert len(text) < LONGEST + 1000
    assert "report.html has all of it" in text


def test_a_run_without_tables_is_no_pass() -> None:
    assert Report([]).verdict is Verdict.MISSING
    assert "no table was compared" in page(Report([]))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="file"):
        write_reports(Report([]), tmp_path / "file" / "report")


def test_the_folder_of_a_run_is_private_where_it_is_new(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name, mode in (("old", 0o755), ("new", 0o700)):
        clear_artifacts(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


def test_the_causes_and_fields_are_documented() -> None:
    text = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    for cause in Cause:
        assert f"| `{cause}` | {cause.words} |" in text, cause
    fields = SCHEMA["properties"]["tables"]["additionalProperties"]["properties"]
    of_a_run = document(report_of(Outcome("", "", rendered=True, sides=(), finished="2026-01-31T12:00:00+00:00")))
    for field in [*SCHEMA["properties"], *fields, *of_a_run]:
        assert f"| `{field}` |" in text, field
    assert {field.name for field in dataclasses.fields(TableVerdict)} - {"table"} <= set(fields)


def test_a_reproducer_stands_in_every_report_line_by_line(report: Report) -> None:
    said = "landing = {\n    'customer/landing/1.json': b'</pre>```\\xff',\n\n}"
    told = dataclasses.replace(report, reproducer=said)
    assert document(told)["reproducer"] == said
    assert document(report)["reproducer"] is None
    [out] = ET.fromstring(junit(told)).iter("system-out")  # noqa: S314 - our own
    assert out.text == said
    indented = "\n".join(f"    {line}" for line in said.splitlines())
    assert indented in markdown(told)
    assert "</pre>```" not in page(told)
    assert "&lt;/pre&gt;```" in page(told)
    jsonschema.validate(document(told), SCHEMA)
