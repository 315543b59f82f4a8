"""A real S3 over HTTP for the tests: moto's server, a proxy before it that can do harm, a bucket for each test."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from s3.bucket import Bucket
from s3.lakehouse import Content, Lakehouse, Worlds
from s3.proxy import Proxy

from stedi.build import build

ACCESS_KEY = "AKIATESTING0STEDI"
SECRET_KEY = "wJalr/testing+secret/of-stedi"  # noqa: S105 - nobody's
SESSION_TOKEN = "FwoGZXIvYXdzE/testing+token=="  # noqa: S105 - nobody's


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """Return where the S3 server of this session listens."""
    from moto import backends
    from moto.server import ThreadedMotoServer

    # it would look through its own folder twice for each request, which is half of the time it takes
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: iter(modules)
    # it would write a line for each request to the stderr that tests look at
    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="session")
def proxy(moto: tuple[str, int]) -> Iterator[Proxy]:
    with Proxy(moto) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def client(moto: tuple[str, int]) -> Iterator[Any]:
    """Return botocore's client of the server itself."""
    host, port = moto
    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="direct",
        aws_secret_access_key="direct",  # noqa: S106 - nobody's
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _nothing_set(nothing_set: None) -> None:
    pass


@pytest.fixture
def aws(
    nothing_set: None,
    monkeypatch: pytest.MonkeyPatch,
    proxy: Proxy,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Set the environment, for this process and those it starts: the proxy is S3, and nobody's settings count."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    # one place for all tests: connections are kept as long as the environment is the same
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-settings"
    settings = {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": nowhere / "config",
        "AWS_SHARED_CREDENTIALS_FILE": nowhere / "credentials",
        "STEDI_CACHE_DIR": tmp_path / "cache",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture
def new_bucket(aws: None, proxy: Proxy, client: Any) -> Iterator[Callable[[], Bucket]]:
    """Return what makes an empty bucket with a name of its own; all of them go after the test."""
    made: list[Bucket] = []

    def make() -> Bucket:
        made.append(Bucket(f"stedi-{secrets.token_hex(6)}", client, proxy))
        return made[-1]

    proxy.clear()
    yield make
    for bucket in made:
        bucket.empty()
        client.delete_bucket(Bucket=bucket.name)
    assert proxy.errors == []


@pytest.fixture
def s3(new_bucket: Callable[[], Bucket]) -> Bucket:
    """Return an empty bucket."""
    return new_bucket()


@pytest.fixture(scope="session")
def worlds(
    tmp_path_factory: pytest.TempPathFactory,
    write_landing: Callable[..., Path],
    add_lines: Callable[..., Path],
    read_lake: Callable[[Path], Content],
) -> Worlds:
    folder = tmp_path_factory.mktemp("worlds")
    old = write_landing(folder / "old", ("Ada", "Bob"))
    add_lines(old, "customer", ["no json"], "bad.json")
    new = write_landing(folder / "new", ("Eve", "Mallory", "Trent"))
    # an old file that is not replaced would count among the new ones
    add_lines(new, "customer", [], "bad.json")
    add_lines(new, "accelerometer", ["no json", "{}"], "bad.json")
    build(old, old)
    build(folder / "expected", new)
    return Worlds(old, new, folder / "expected", read_lake)


@pytest.fixture
def lake(s3: Bucket, worlds: Worlds, tmp_path: Path) -> Lakehouse:
    """Return a lake in a bucket whose landing data have changed since it was built."""
    return Lakehouse(s3, worlds, tmp_path / "downloads")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the product try again at once, and wait for S3 some seconds only."""
    from stedi.s3 import connection

    monkeypatch.setattr(connection, "BACKOFF", 0.001)
    monkeypatch.setattr(connection, "READ_TIMEOUT", 10.0)
