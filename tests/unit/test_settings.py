"""Settings: stedi.toml, the environment and the command line, in that order of weakness."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from stedi.cli import COMMANDS, find, is_group
from stedi.errors import EnvironmentFault, UsageError
from stedi.settings import OPTIONS, bundled_sample, load_settings, misspelled


def settings(tmp_path: Path, text: str) -> dict[str, dict[str, object]]:
    file = tmp_path / "stedi.toml"
    file.write_text(text)
    return load_settings({"STEDI_CONFIG": str(file)})


def test_no_file_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == {}


def test_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stedi.toml").write_text("strict = true")
    assert load_settings({})["build"] == {"strict": True}


def test_top_level_is_for_every_command_that_has_it(tmp_path: Path) -> None:
    found = settings(tmp_path, 'memory-limit = "1GB"\nstrict = true\n[query]\nmemory_limit = "2GB"\nlimit = 5\n')
    assert found["build"] == {"memory_limit": "1GB", "strict": True}
    assert found["verify"] == {"memory_limit": "1GB"}
    assert found["query"] == {"memory_limit": "2GB", "limit": 5}
    assert found["doctor"] == {}


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = settings(tmp_path, 'lake = "a/b"\nlanding = "s3://bucket/x"\n')
    assert found["build"] == {"lake": str(tmp_path / "a" / "b"), "landing": "s3://bucket/x"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lakee = 'x'", "lakee: no such setting; did you mean lake?"),
        ("laek = 'x'", "laek: no such setting; did you mean lake?"),
        ("[build]\nstrickt = true", "build.strickt: no such setting; did you mean strict?"),
        ("[biuld]\nstrict = true", "biuld: no such setting; did you mean build?"),
        ("[cache]\nbukcet = 'x'", "cache.bukcet: no such setting; did you mean bucket?"),
        ("[cache.shwo]\nbucket = 'x'", "cache.shwo: no such setting; did you mean show?"),
        ("[cache.clear]\ncache_size = '1GB'", "cache.clear.cache_size: no such setting"),
        ("[query]\nlanding = 'x'", "query.landing: no such setting"),
        ("strict = 'yes'", "strict: takes true or false, not a string"),
        ("lake = 3", "lake: takes a path or URI, not an integer"),
        ("scale = true", "scale: takes a whole number, not a boolean"),
        ("dirty = 'a'", "dirty: takes a number, not a string"),
        ("build = 3", "build: no such setting"),
        ("format = 'xml'", "format: is none of table, csv, json"),
        ("format = [1]", "format: is none of table, csv, json"),
        ("lake = ", "is not TOML"),
        ("lake = 1979-05-27", "takes a path or URI, not a date"),
        ("lake = ''", "lake: is empty"),
        ("[verify]\nexpected = ''", "verify.expected: is empty"),
        ('lake = "a\\u0000b"', "lake: holds a NUL character"),
        ('memory_limit = "1GB\\u0000"', "memory_limit: holds a NUL character"),
        ("lake = '~no-such-user/lake'", "lake: ~no-such-user/lake: there is no such home folder"),
        (f"lake = {'[' * 100_000}", "is nested too deeply"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"stedi\.toml") as caught:
        settings(tmp_path, text)
    assert says in caught.value.message
    assert caught.value.fix


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"x\.toml: is not TOML"):
        load_settings({"STEDI_CONFIG": str(tmp_path / "x.toml")})


def test_a_variable_that_looks_like_one_of_ours_is_told() -> None:
    given = ("STEDI_LANDNIG", "STEDI_LAKEE", "STEDI_LAKE", "STEDI_DEBUG", "STEDI_PARITY_REPORT", "STEDI_HOME", "LAKEE")
    lakee, landnig = misspelled(dict.fromkeys(given, "x"))
    assert lakee == "$STEDI_LAKEE is no setting, and has no effect; did you mean STEDI_LAKE?"
    assert landnig.endswith("did you mean STEDI_LANDING?")


def test_a_home_folder_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"\$STEDI_CONFIG: ~no-such-user/x\.toml: there is no such home folder"):
        load_settings({"STEDI_CONFIG": "~no-such-user/x.toml"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.mkdir, "is no file"),
        (os.mkfifo, "is no file"),
        (lambda file: file.symlink_to("nowhere"), "no such file"),
    ],
)
def test_what_is_no_file_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "stedi.toml")
    for environment in ({}, {"STEDI_CONFIG": "stedi.toml"}):
        with pytest.raises(EnvironmentFault, match=rf"stedi\.toml: {says}") as caught:
            load_settings(environment)
        assert caught.value.fix


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no such file"):
        load_settings({"STEDI_CONFIG": str(tmp_path / "none.toml")})


def test_a_table_of_a_group_is_for_its_commands_and_one_in_it_for_one(tmp_path: Path) -> None:
    found = settings(tmp_path, "json = true\n[cache]\nbucket = 'a'\njson = false\n[cache.clear]\nbucket = 'b'\n")
    assert found["cache show"] == {"bucket": "a", "json": False}
    assert found["cache clear"] == {"bucket": "b", "json": False}
    assert found["build"] == {"json": True}


def test_settings_reach_the_command_of_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stedi: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "stedi.toml").write_text("[cache]\njson = true\n[cache.show]\ncache_dir = 'here'\n")
    monkeypatch.chdir(tmp_path)
    code, out, _ = stedi("cache", "show")
    assert (code, json.loads(out)["folder"]) == (0, str(tmp_path / "here"))


def test_every_command_has_settings() -> None:
    assert OPTIONS.keys() == {name for name in COMMANDS if not is_group(name)}


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_can_be_set(command: str) -> None:
    """What settings.py declares is what the command has; each option has its variable."""
    options = [p for p in find(command).params if isinstance(p, click.Option)]
    declared = {"--" + name.replace("_", "-") for name in OPTIONS[command]}
    assert {option.opts[0] for option in options} == declared
    for option in options:
        assert option.envvar == "STEDI_" + option.opts[0][2:].replace("-", "_").upper()


def test_the_bundled_sample_is_found() -> None:
    sample = bundled_sample()
    assert sample is not None
    assert list((sample / "customer" / "landing").iterdir())
