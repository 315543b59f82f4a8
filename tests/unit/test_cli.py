"""The command line: what is printed where, and the exit code, which is the contract."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stedi import __version__
from stedi.cli import COMMANDS, cli, find, is_group
from stedi.cli.ending import run
from stedi.cli.output import expect_json, plain_table, print_json_error, shown
from stedi.cli.progress import Parts, Rows
from stedi.cli.rows import write_rows
from stedi.errors import AuditFailed, EnvironmentFault
from stedi.sample import write_sample
from stedi.settings import bundled_sample

MAIN = [sys.executable, "-m", "stedi.cli"]
QUARANTINED = "customer quarantined: "


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Stedi = Callable[..., Ended]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, without settings from outside."""
    for variable in list(os.environ):
        if variable.startswith("STEDI_"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stedi(capsys: pytest.CaptureFixture[str]) -> Iterator[Stedi]:
    """Run the command line in this process, all of it but the process's end."""
    handler = signal.getsignal(signal.SIGINT)

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run(cli, [str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    yield call
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty")
    write_sample(folder, dirty=0.005)
    (folder / "expected.json").unlink()  # of other data than these are with the next line
    with next((folder / "customer/landing").iterdir()).open("ab") as file:
        file.write(b'\n{"email":"who@x.y","serialNumber":"s","a@b.c":1,"colour":"red"}\n')
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("built") / "lake"
    sample = bundled_sample()
    assert sample is not None
    subprocess.run([*MAIN, "build", "--landing", str(sample), "--lake", str(lake)], check=True, capture_output=True)
    return lake


def test_version_and_help(stedi: Stedi) -> None:
    assert stedi("--version").out == f"stedi {__version__}\n"
    for flag in ("-h", "--help"):
        ended = stedi(flag)
        assert ended.code == 0
        assert all(command in ended.out for command in COMMANDS if " " not in command)
        assert "_STEDI_COMPLETE" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(stedi: Stedi, command: str) -> None:
    loaded = find(command)
    assert loaded.help is not None
    assert loaded.help.splitlines()[0] == COMMANDS[command]
    for flag in ("-h", "--help"):
        ended = stedi(*command.split(), flag)
        assert ended.code == 0
        assert f"Usage: stedi {command} " in ended.out
        if is_group(command):
            below = {name.removeprefix(f"{command} ") for name in COMMANDS if name.startswith(f"{command} ")}
            assert all(re.search(rf"^  {name} ", ended.out, re.MULTILINE) for name in below)
        else:
            assert "Examples:" in ended.out


def test_help_loads_nothing_heavy(built: Path) -> None:
    """Nor does a build with nothing to do, nor importing the package."""
    for arguments in (["--help"], ["build", "--help"], ["build", "--lake", str(built)]):
        code = (
            "import sys\nfrom stedi.cli import cli\nfrom stedi.cli.ending import run\n"
            f"code = run(cli, {arguments!r})\n"
            "heavy = {'duckdb', 'polars', 'pyarrow', 'rich', 'tomllib', 'asyncio'} & set(sys.modules)\n"
            "sys.exit(repr(sorted(heavy)) if heavy else code)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Usage: stedi"),
        (["buidl"], "did you mean build?"),
        (["cache", "shwo"], "did you mean show?"),
        (["build", "--nope"], "\nFix: see `stedi build --help`"),
        (["build", "--landing"], "Error: Option '--landing' requires an argument.\nFix: see `--help`"),
        (["build", "x"], "Fix: a folder is named by an option, `--lake DIR` or `--landing DIR`; see `stedi build -"),
        (["privacy", "audit", "x"], "Fix: a folder is named by an option, `--lake DIR`; see"),
        (["query", "select 1", "--limit", "x", "--json"], "Fix: give --format json, or see `stedi query --help`"),
        (["query"], "Missing argument 'SQL'"),
        (["query", "select 1", "--format", "xml"], "'xml' is not one of"),
        (["sample", "x", "--scale", "0"], "Invalid value for '--scale'"),
        (["sample", "x", "--dirty", "0.9"], "Fix: give a share"),
        (["build", "--memory-limit", "much"], "'much' is no size, as 2GB, 800MB or 50%"),
        (["build", "--memory-limit", "2"], "'2' is no size"),
        (["query", "select 1", "--memory-limit", "2 gigs"], "'2 gigs' is no size"),
        (["build", "--landing", "nowhere"], "nowhere: there is no such folder"),
        (["build", "--lake", "s3://"], "s3://: names no bucket"),
        (["build", "--lake", "ftp://host/lake"], "ftp://host/lake: is neither a folder nor on S3"),
        (["verify"], "no lake was built here"),
        (["query", "select 1"], "Fix: run `stedi build"),
        (["verify", "--expected", "none.json"], "none.json"),
        (["sample", ""], "an empty path is no lake or landing folder"),
        (["build", "--lake", "a\udcff"], "a\\udcff"),
        (["query", "select '\udcff'"], "no lake was built here"),
    ],
)
def test_wrong_usage_ends_with_2(stedi: Stedi, place: Path, arguments: list[str], says: str) -> None:
    ended = stedi(*arguments)
    assert ended.code == 2
    assert says in ended.err
    assert (ended.out == "") != ("--json" in arguments)
    assert "Traceback" not in ended.err
    assert not (place / "x").exists()


def test_build_prints_tables_ledger_and_place(stedi: Stedi, place: Path) -> None:
    ended = stedi("build")
    assert ended.code == 0
    assert ended.err.startswith("note: pseudonyms: no key was given")
    assert ended.err.count("\n") == 1
    assert re.search(r"^landing +customer_landing +956 +\S+$", ended.out, re.MULTILINE)
    assert re.search(r"^curated +machine_learning_curated +43,681 +\d+\.\d\d$", ended.out, re.MULTILINE)
    assert "customer: 956 = 482 kept + 474 without research consent + 0 quarantined" in ended.out
    assert f"lake {place / 'lake'}, from {bundled_sample()}" in ended.out
    assert "quarantined:" not in ended.out
    again = stedi("build")
    assert again.out.startswith("nothing changed since 2")
    assert re.search(r"^curated +machine_learning_curated +43,681 +as before$", again.out, re.MULTILINE)
    forced = stedi("build", "--force")
    assert "nothing changed" not in forced.out


def test_build_json(stedi: Stedi, dirty: Path) -> None:
    ended = stedi("build", "--landing", dirty, "--json")
    assert ended.code == 0
    document = json.loads(ended.out)
    expected = json.loads((dirty / "dirty.json").read_text())
    assert document["tables"]["customer_trusted"]["zone"] == "trusted"
    assert document["tables"]["customer_landing"]["rows"] == document["ledger"]["customer"]["lines"] - sum(
        document["quarantine"]["customer"]["reasons"].values()
    )
    assert document["quarantine"]["accelerometer"]["reasons"] == expected["accelerometer"]["quarantined"]
    assert document["changed"] is True
    assert document["unknown_keys"]["customer/landing/customer-0000.json"] == ["a*** (5 characters)", "colour"]
    assert json.loads(stedi("build", "--landing", dirty, "--json").out)["changed"] is False


def test_build_tells_what_was_quarantined_and_shows_nobody(stedi: Stedi, dirty: Path, place: Path) -> None:
    (dirty / "customer/landing/notes.txt").write_text("")
    ended = stedi("build", "--landing", dirty)
    assert ended.code == 0
    assert QUARANTINED in ended.out
    assert f'see them: stedi query --lake {place / "lake"} "from quarantine"\n' in ended.out
    assert ended.out.count("unknown keys a*** (5 characters), colour (values not kept)\n") == 1
    assert "note: left alone, no landing file" in ended.err
    assert "@" not in ended.out + ended.err
    strict = stedi("build", "--landing", dirty, "--strict")
    assert strict.code == 1
    assert strict.out == ""
    assert "--strict allows none" in strict.err
    assert QUARANTINED in stedi("build", "--landing", dirty).out


def test_landing_in_the_lake_itself_is_the_default(stedi: Stedi, place: Path) -> None:
    write_sample(place / "lake", seed=5)
    assert f"from {place / 'lake'}" in stedi("build").out
    assert "nothing is wrong" in stedi("verify").out


def test_verify(stedi: Stedi, built: Path, place: Path) -> None:
    ended = stedi("verify", "--lake", built)
    assert (ended.code, ended.err) == (0, "")
    assert "3 feeds, 3 ledger entries, 8 audits, 10 expected counts\nnothing is wrong" in ended.out
    shutil.copytree(built, place / "lake")
    (place / "lake/customer/trusted/customer_trusted-0.parquet").unlink()
    (place / "lake/customer/curated/more").write_text("")
    ended = stedi("verify")
    assert ended.code == 1
    assert "customer_trusted-0.parquet: is missing\n" in ended.err
    assert "customer/curated/more: is none" in ended.err
    assert "--force" in ended.err
    ended = stedi("verify", "--json")
    document = json.loads(ended.out)
    assert ended.code == 1
    assert document["ok"] is False
    assert len(document["problems"]) > 2
    assert document["tables"]["customers_curated"]["rows"] == 482


def test_verify_tells_of_one_problem(stedi: Stedi, built: Path, place: Path) -> None:
    (place / "counts.json").write_text('{"customer_trusted": 1}')
    ended = stedi("verify", "--lake", built, "--expected", "counts.json")
    assert ended.code == 1
    assert "1 expected count\n" in ended.out
    assert f"Error: {built}: 1 problem\n" in ended.err
    assert ended.err.endswith("Fix: look at the landing data, or correct the expected counts in counts.json\n")


def test_build_of_landing_without_files(stedi: Stedi, place: Path) -> None:
    sample = place / "sample"
    shutil.copytree(str(bundled_sample()), sample)
    ended = stedi("build", "--landing", sample / "customer/landing")
    assert ended.code == 2
    assert f"Fix: name the folder above: --landing {sample}\n" in ended.err
    for file in (sample / "customer/landing").iterdir():
        file.rename(file.with_name("a.csv"))
    assert (
        "no landing files of customer, only others, as customer/landing/a.csv\n"
        in stedi("build", "--landing", sample).err
    )


def test_query_table(stedi: Stedi, built: Path) -> None:
    ended = stedi("query", "--lake", built, "select 'a' as word, 1 as n union all select null, 20 order by n")
    assert ended.out == "word   n\n----  --\na      1\nNULL  20\n(2 rows)\n"
    ended = stedi("query", "--lake", built, "from machine_learning_curated")
    assert ended.out.endswith("(1,000 rows)\n")
    assert ended.err == "note: the first 1,000 of 43,681 rows; --limit 0, or --format csv, gives all of them\n"
    ended = stedi("query", "--lake", built, "--limit", "5", "from customer_trusted")
    assert ended.out.endswith("(5 rows)\n")
    assert ended.err == "note: the first 5 of 482 rows; --limit 0 gives all of them\n"
    ended = stedi("query", "--lake", built, "from customer_trusted", "--limit", "0")
    assert ended.out.endswith("(482 rows)\n")
    assert ended.err == ""
    assert "explain_key" not in stedi("query", "--lake", built, "explain from customer_trusted").out


def test_query_table_shows_no_control_characters(stedi: Stedi, built: Path) -> None:
    ended = stedi("query", "--lake", built, r"select chr(27) || '[31m' || chr(10) as x, repeat('y', 1000) as y")
    assert "\\x1b[31m\\n" in ended.out
    assert "y" * 197 + "..." in ended.out
    assert "\x1b" not in ended.out


def test_query_csv(stedi: Stedi, built: Path) -> None:
    sql = "select 'a,\"b\"\n' as \"x,y\", null as n, true as t, [1, 2] as l, '\\xff a'::blob as b"
    ended = stedi("query", "--lake", built, "--format", "csv", sql)
    assert ended.out == '"x,y",n,t,l,b\r\n"a,""b""\n",,true,"[1, 2]",\\xff a\r\n'
    ended = stedi("query", "--lake", built, "--format", "csv", "from machine_learning_curated")
    assert len(list(csv.reader(io.StringIO(ended.out)))) == 43_682


def test_a_locale_without_utf_8_takes_nothing_from_a_query(built: Path) -> None:
    without = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = {}
    for form, stdin in (("csv", None), ("json", "select 'é€' as x"), ("table", None)):
        command = [*MAIN, "query", "--lake", str(built), "--format", form, "-" if stdin else "select 'é€' as x"]
        done = subprocess.run(
            command, env=os.environ | without, input=(stdin or "").encode(), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        ended[form] = done.stdout.decode()
    assert ended["csv"] == "x\r\né€\r\n"
    assert json.loads(ended["json"]) == [{"x": "é€"}]
    assert "\\xe9\\u20ac\n" in ended["table"]


def test_query_json(stedi: Stedi, built: Path) -> None:
    sql = """
        select 9007199254740993 as big, 'é' as s, null as n, 'nan'::double as nan, 1.5 as d, date '2020-01-02' as day,
        {'a': [1]} as o, map {1: 'x'} as m, 1 as s, sum(1) as h, '\\xff'::blob as b, interval 1 day as i
    """
    [row] = json.loads(stedi("query", "--lake", built, "--format", "json", sql).out)
    assert row == {
        "big": 9007199254740993, "s": "é", "n": None, "nan": None, "d": 1.5, "day": "2020-01-02", "o": {"a": [1]},
        "m": {"1": "x"}, "s_1": 1, "h": 1, "b": "\\xff", "i": "1 day, 0:00:00",
    }  # fmt: skip
    assert json.loads(stedi("query", "--lake", built, "--format", "json", "from quarantine").out) == []
    rows = json.loads(stedi("query", "--lake", built, "--format", "json", "from accelerometer_landing").out)
    assert len(rows) == 81_273
    assert (
        len(json.loads(stedi("query", "--lake", built, "--format", "json", "--limit", 7, "from customer_landing").out))
        == 7
    )


def test_query_from_stdin(built: Path) -> None:
    ran = subprocess.run(
        [*MAIN, "query", "--lake", str(built), "--format", "csv", "-"],
        input=b"select 1 as a",
        capture_output=True,
        check=True,
    )
    assert ran.stdout == b"a\r\n1\r\n"


def test_query_from_a_stdin_that_is_closed(built: Path) -> None:
    start = ["sh", "-c", 'exec "$@" <&-', "sh", *MAIN, "query", "--lake", str(built), "-"]
    ran = subprocess.run(start, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "Error: stdin is closed, and - has the query read from it\nFix: give the query, or open stdin\n"
    )


@pytest.mark.parametrize("comment", ["-- all of them\n", "--all\n", "--all of them\r\n\n-- again\n"])
def test_a_query_may_begin_with_a_comment(stedi: Stedi, built: Path, comment: str) -> None:
    ended = stedi("query", f"{comment}select 1 as a", "--format", "csv", "--lake", built)
    assert (ended.code, ended.out) == (0, "a\r\n1\r\n")


def test_query_that_is_wrong(stedi: Stedi, built: Path) -> None:
    ended = stedi("query", "--lake", built, "select emaill from customer_trusted")
    assert ended.code == 2
    assert ended.err.count("Fix:") == 1
    assert "LINE 1: select emaill from customer_trusted\n               ^" in ended.err
    assert stedi("query", "--lake", built, "drop view customer_trusted").code == 2
    ended = stedi("query", "--lake", built, "from nope")
    assert "Table with name nope does not exist\n" in ended.err
    assert "pg_" not in ended.err
    ended = stedi("query", "--lake", built, "from customer_truste")
    assert "customer_truste does not exist; did you mean customer_trusted?\n" in ended.err
    ended = stedi("query", "--lake", built, "select email::int from customer_trusted")
    assert ended.code == 2
    assert "@" not in ended.err


def test_sample(stedi: Stedi, place: Path) -> None:
    ended = stedi("sample", "data", "--dirty", "0.01", "--seed", "4")
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"^accelerometer +81,273$", ended.out, re.MULTILINE)
    assert "bad lines of customer: " in ended.out
    assert (place / "data/expected.json").is_file()
    ended = stedi("sample", "data")
    assert ended.code == 2
    assert "already holds files" in ended.err
    document = json.loads(stedi("sample", "more", "--serial-defect", "--json").out)
    assert document["rows"]["customer"] == 956
    assert document["quarantined"] == {}


def test_doctor(stedi: Stedi, place: Path) -> None:
    ended = stedi("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"^duckdb +ok +2", ended.out, re.MULTILINE)
    (place / "file").write_text("")
    ended = stedi("doctor", "--lake", "file/lake", "--json")
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["ok"] is False
    assert {"what", "state", "found", "fix", "required"} == set(document["findings"][0])
    assert "this machine is not ready: lake writable" in ended.err


def test_settings_from_file_and_environment(
    stedi: Stedi, built: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "stedi.toml").write_text(f'lake = "{built}"\nformat = "json"\njson = true\n')
    assert json.loads(stedi("query", "select 1 as a").out) == [{"a": 1}]
    assert json.loads(stedi("verify").out)["ok"] is True
    monkeypatch.setenv("STEDI_FORMAT", "csv")
    assert stedi("query", "select 1 as a").out == "a\r\n1\r\n"
    assert stedi("query", "select 1 as a", "--format", "table").out == "a\n-\n1\n(1 row)\n"
    monkeypatch.setenv("STEDI_LAKE", "nowhere")
    assert stedi("query", "select 1").code == 2
    assert stedi("query", "select 1", "--lake", built).code == 0
    monkeypatch.setenv("STEDI_STRICT", "1")
    bad = place / "bad"
    shutil.copytree(str(bundled_sample()), bad)
    (bad / "customer/landing/bad.json").write_text("nothing\n")
    assert stedi("build", "--landing", bad, "--lake", "other").code == 1
    (place / "stedi.toml").write_text("lakee = 1")
    ended = stedi("verify")
    assert ended.code == 2
    assert "stedi.toml: lakee: no such setting; did you mean lake?" in ended.err
    assert stedi("--help").code == 0
    (place / "stedi.toml").unlink()
    monkeypatch.setenv("STEDI_STRICT", "maybe")
    monkeypatch.setenv("STEDI_LANDNIG", "data")
    err = stedi("build").err
    assert "'--strict': 'maybe' is neither true nor false; say 1 or 0 (from $STEDI_STRICT)\nFix: " in err
    assert "note: $STEDI_LANDNIG is no setting, and has no effect; did you mean STEDI_LANDING?" in err


def test_a_flag_can_be_undone(stedi: Stedi, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = place / "bad"
    shutil.copytree(str(bundled_sample()), bad)
    (bad / "customer/landing/bad.json").write_text("nothing\n")
    (place / "stedi.toml").write_text("strict = true\njson = true\n")
    assert stedi("build", "--landing", bad).code == 1
    assert QUARANTINED in stedi("build", "--landing", bad, "--no-strict", "--no-json").out
    (place / "stedi.toml").unlink()
    monkeypatch.setenv("STEDI_STRICT", "1")
    monkeypatch.setenv("STEDI_FORCE", "1")
    assert stedi("build", "--landing", bad).code == 1
    assert "nothing changed" in stedi("build", "--landing", bad, "--no-strict", "--no-force").out
    assert "nothing changed" not in stedi("build", "--landing", bad, "--no-strict").out


def test_json_of_a_failure(stedi: Stedi, built: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, and wherever --json was said, stdout holds one document; without it, nothing."""
    for arguments, message, fix in (
        (["verify", "--json"], f"{place / 'lake'}: no lake was built here", "run `stedi build --lake"),
        (["build", "--json", "--memory-limit", "x"], "'x' is no size", "see `stedi build --help`"),
        (["build", "--nope", "--json"], "No such option '--nope'", "see `stedi build --help`"),
    ):
        ended = stedi(*arguments)
        error = json.loads(ended.out)["error"]
        assert (ended.code, error["exit_code"]) == (2, 2)
        assert message in error["message"]
        assert error["fix"].startswith(fix)
        assert message in ended.err
    assert stedi("verify", "--json", "--no-json").out == ""
    monkeypatch.setenv("STEDI_JSON", "1")
    assert json.loads(stedi("verify").out)["error"]["exit_code"] == 2
    assert stedi("verify", "--no-json").out == ""
    monkeypatch.delenv("STEDI_JSON")
    for wrong in (["select nope"], ["select 1", "--nope"], ["select 1", "--limit", "x"]):
        ended = stedi("query", *wrong, "--format", "json", "--lake", built)
        assert (ended.code, json.loads(ended.out)["error"]["exit_code"]) == (2, 2)
        assert stedi("query", *wrong, "--format", "csv", "--lake", built).out == ""
    (place / "stedi.toml").write_text("lakee = 1")
    assert "lakee: no such setting" in json.loads(stedi("verify", "--json").out)["error"]["message"]
    (place / "stedi.toml").write_text("json = true\nstrict = true\n")
    bad = place / "bad"
    shutil.copytree(str(bundled_sample()), bad)
    (bad / "customer/landing/bad.json").write_text("nothing\n")
    strict = stedi("build", "--landing", bad)
    assert (strict.code, json.loads(strict.out)["error"]["exit_code"]) == (1, 1)
    assert "1 not_flat_json" in json.loads(strict.out)["error"]["message"]


def test_what_fails_after_rows_were_written_is_no_second_document(capsys: pytest.CaptureFixture[str]) -> None:
    def batches() -> Iterator[list[tuple[int]]]:
        yield [(1,)]
        raise EnvironmentFault("late")

    expect_json(asked=True)
    with pytest.raises(EnvironmentFault):
        write_rows(["one"], batches(), "json")
    print_json_error("late", "", 2)
    assert capsys.readouterr().out == '[\n{"one": 1}'


def test_failed_audits_are_listed(stedi: Stedi, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AuditFailed(
            "2 audits failed", violations={"consent": ["customer_trusted: a*** (5 characters)"]}, fix="look"
        )

    monkeypatch.setattr("stedi.cli.build.build_lake", fail)
    ended = stedi("build")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: 2 audits failed\n  consent: customer_trusted: a*** (5 characters)\nFix: look\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ValueError("somebody@example.com"), 2, "this should not have happened: ValueError in test_cli.py, line "),
        (OSError(28, "No space left on device", "/x"), 2, "/x: no space left on the disk"),
        (PermissionError(13, "Permission denied", "/x"), 2, "/x: permission denied"),
        (MemoryError(), 2, "out of memory"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_the_unforeseen(
    stedi: Stedi, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("stedi.cli.build.build_lake", fail)
    ended = stedi("build")
    assert ended.code == code
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert "@" not in ended.err
    assert ended.err.count("Fix:") <= 1
    if isinstance(error, ValueError):
        monkeypatch.setenv("STEDI_DEBUG", "1")
        assert "Traceback" in stedi("build").err


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Press Ctrl-C twice; return the exit code and stderr of a command that would go on for long."""
    with process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        return process.returncode, err.strip()


def test_interrupted_query(built: Path, place: Path) -> None:
    assert interrupted(slow_query(built, place)) == (130, "Interrupted")


def test_interrupted_before_it_has_begun() -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *rest):\n"
        "        if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n"
        "from stedi.start import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_query_leaves_no_private_folder(built: Path, place: Path, number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # a child ignores what its parent ignores, as under nohup
    try:
        process = slow_query(built, place)
    finally:
        signal.signal(number, before)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.splitlines()[-1]) == (130, "Interrupted")
    assert list((place / "private").iterdir()) == []


def test_nohup_is_respected(built: Path, place: Path) -> None:
    process = slow_query(built, place, before=["nohup"])
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130


def slow_query(built: Path, place: Path, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a query that would run for hours, and return when it has made its private folder."""
    private = place / "private"
    private.mkdir()
    sql = "select count(*) from range(1000000000) as a, range(1000) as b where hash(a.range, b.range) = 1"
    return started(["query", "--lake", str(built), sql], private, "stedi-*", before)


def started(arguments: Sequence[str], folder: Path, pattern: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a command, and return when a file that shows it to be at work is in a folder."""
    process = subprocess.Popen(
        [*before, *MAIN, *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(folder.glob(pattern)):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)  # until it runs
    return process


def test_interrupted_build(place: Path) -> None:
    write_sample(place / "landing", scale=8, dirty=0.01)
    assert interrupted(started(["build", "--landing", "landing"], place, "lake/_stedi/*")) == (130, "Interrupted")
    assert not (place / "lake/_stedi/manifest.json").exists()


def test_interrupted_sample(place: Path) -> None:
    assert interrupted(started(["sample", "big", "--scale", "1000"], place, "big/**/*.part")) == (130, "Interrupted")
    assert not list(place.rglob("*.part"))


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_reader_that_goes_away_is_no_error(built: Path, form: str) -> None:
    command = [*MAIN, "query", "--lake", str(built), "--format", form, "--limit", "0", "from accelerometer_landing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_verdict_is_given_though_nobody_reads(built: Path, place: Path) -> None:
    shutil.copytree(built, place / "lake")
    (place / "lake/customer/trusted/customer_trusted-0.parquet").unlink()
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run([*MAIN, "verify"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert ran.returncode == 1
    assert b"is missing" in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["verify"], ["verify", "--json"], ["query", "select 1"]])
def test_an_output_that_cannot_be_written(built: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "STEDI_LAKE": str(built)}
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([*MAIN, *arguments], stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
        assert ran.returncode == 2
        assert re.match(rb"Error: .*the output: no space left on the disk\nFix: ", ran.stderr)
        told = subprocess.run([*MAIN, *arguments], stdout=subprocess.PIPE, stderr=full, env=environment, check=False)
        assert told.returncode == 0
        assert told.stdout


def test_a_current_folder_that_is_gone(built: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    for arguments, code, says in (
        (["verify"], 2, b"Error: the current folder is gone\nFix: "),
        (["verify", "--lake", str(built)], 0, b""),
    ):
        ran = subprocess.run(["sh", "-c", script, "sh", *MAIN, *arguments], capture_output=True, check=False)
        assert ran.returncode == code
        assert ran.stderr.startswith(says)


def on_terminal(arguments: list[str], start: Sequence[str] = MAIN, **environment: str) -> str:
    """Run a command on a terminal of 60 columns and return all it shows."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", **environment}
    with subprocess.Popen([*start, *arguments], stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
        process.wait()
    os.close(ours)
    return b"".join(parts).decode()


@pytest.mark.usefixtures("place")
def test_on_a_terminal() -> None:
    text = on_terminal(["build"])
    assert "machine_learning_curated" in text
    assert "43,681" in text
    assert "\x1b[1m" in text
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "").splitlines()
    assert "customer: 956 = 482 kept + 474 without research consent + 0" in lines
    assert "    quarantined" in lines
    assert "\n\n\n" not in "\n".join(lines)
    assert len([line for line in lines if "─" in line]) == 1
    assert all(
        len(line) <= 60 for line in re.sub(r"\x1b.*?m", "", on_terminal(["doctor"])).split("\r\n") if "─" in line
    )
    assert not re.search(r"\x1b\[[0-9;]*3\dm", on_terminal(["build", "--force"], NO_COLOR="1"))


@pytest.mark.usefixtures("place")
def test_no_name_is_cut_on_a_dumb_terminal() -> None:
    text = on_terminal(["doctor"], TERM="dumb")
    assert "lake writable" in text
    assert "…" not in text


@pytest.mark.usefixtures("place")
def test_an_error_is_told_once_on_a_terminal() -> None:
    assert on_terminal(["privacy", "audit"]).count("no lake was built here") == 1
    assert on_terminal(["privacy", "audit", "--json"]).count("no lake was built here") == 2


def test_a_query_on_a_terminal_that_is_too_narrow(built: Path) -> None:
    words = " ".join(["word"] * 15)
    sql = f"select 1 as n, '{words}' as a_text union all select 2, null order by n"
    shown = on_terminal(["query", "--lake", str(built), sql]).replace("\r\n", "\n")
    assert shown == (
        f"n       1\na_text  {' '.join(['word'] * 10)}\n        {' '.join(['word'] * 5)}\n"
        "\nn       2\na_text  NULL\n\n(2 rows)\n"
    )
    narrow = on_terminal(["query", "--lake", str(built), "select 1 as n"]).replace("\r\n", "\n")
    assert narrow == "n\n-\n1\n(1 row)\n"


def test_the_bar_begins_with_a_text() -> None:
    code = (
        "from stedi.cli import progress\nprogress.BAR_AFTER = 0\n"
        "with progress.Rows('writing', 10) as rows:\n    rows(1)\n"
    )
    frame = on_terminal(["-c", code], start=[sys.executable])
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).lstrip().startswith("writing")


def test_progress_off_a_terminal_is_for_long_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Parts() as parts:
        parts("reading", 0, 2)
    assert capsys.readouterr().err == ""
    assert list(parts.seconds) == ["reading"]
    monkeypatch.setattr("stedi.cli.progress.LONG", 0.0)
    with Parts() as parts:
        parts("making a", 1, 2)
    assert re.fullmatch(r" +0\.0 s  making a \(2 of 2\)\n", capsys.readouterr().err)
    with Rows("writing", 1000) as rows:
        rows(10)
    assert re.fullmatch(r" +0\.0 s  writing: 10 of 1,000 rows\n", capsys.readouterr().err)


def test_plain_table() -> None:
    assert plain_table(("a", "number"), [("x", "1"), ("longer", "1,000")], ["number"]) == (
        "a       number\n------  ------\nx            1\nlonger   1,000\n"
    )
    assert plain_table(("a",), []) == "a\n-\n"
    assert shown("a\x1bb\nc\u2028d\u00e9") == "a\\x1bb\\nc\\u2028dé"


def test_shell_completion() -> None:
    environment = {**os.environ, "_STEDI_COMPLETE": "bash_complete", "COMP_WORDS": "stedi ver", "COMP_CWORD": "1"}
    ran = subprocess.run(MAIN, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "plain,verify\n"
    for option in ("--lake", "--landing"):
        environment |= {"COMP_WORDS": f"stedi build {option} da", "COMP_CWORD": "3"}
        ran = subprocess.run(MAIN, env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout == "dir,da\n"


def test_nothing_of_a_person_in_any_output(stedi: Stedi, dirty: Path) -> None:
    people: set[Any] = set()
    for line in next((dirty / "customer/landing").glob("*.json")).read_bytes().splitlines():
        try:
            person = json.loads(line)
        except ValueError:
            continue
        if isinstance(person, dict):
            people |= {
                str(person.get(key)) for key in ("email", "phone", "birthDay", "customerName") if person.get(key)
            }
    people = {value for value in people if 6 < len(value) < 100}
    text = ""
    for command in ("build", "verify", "doctor"):
        arguments = ["--landing", dirty] if command == "build" else []
        ended = stedi(command, *arguments)
        assert ended.code == 0
        text += ended.out + ended.err + stedi(command, *arguments, "--json").out
    assert [value for value in people if value in text] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["Zoe.Quill@example.com"],
        ["query", "--Zoe.Quill@example.com"],
        ["build", "--memory-limit", "Zoe.Quill@example.com"],
        ["build", "--landing", "nowhere/Zoe.Quill@example.com"],
        ["build", "--landing", "nowhere/Zoe.Quill%2540example.com"],
        ["verify", "--lake", "user=Zoe.Quill@example.com"],
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_error_shows_an_email(
    arguments: list[str],
    form: list[str],
    stedi: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = stedi(*arguments, *form)
    assert code == 2
    assert "***" in err
    assert "quill" not in (out + err).lower()
