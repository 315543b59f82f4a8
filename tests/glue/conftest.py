"""AWS over HTTP for the tests: one server a session, empty for each test, no settings of whoever runs them."""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from glue.cloud import REGION, Cloud

ACCESS_KEY = "AKIATESTING0STEDI"
SECRET_KEY = "wJalr/testing+secret/of-stedi"  # noqa: S105 - nobody's


@pytest.fixture(scope="session")
def _proxy() -> Iterator[Cloud]:
    from moto import backends
    from moto.server import ThreadedMotoServer

    # it would look through its own folder twice for each request, which is half of the time it takes
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: iter(modules)
    # it would write a line for each request to the stderr that tests look at
    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with Cloud(server.get_host_and_port()) as proxy:
        yield proxy
    server.stop()


@pytest.fixture
def cloud(
    nothing_set: None, _proxy: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """Return an empty AWS; the environment leads to it, for this process and those it starts."""
    from moto.core.base_backend import BackendDict

    for backend in BackendDict._instances:  # type: ignore[misc]
        backend.reset()
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-settings"
    settings = {
        "AWS_ENDPOINT_URL": _proxy.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": nowhere / "config",
        "AWS_SHARED_CREDENTIALS_FILE": nowhere / "credentials",
        "AWS_MAX_ATTEMPTS": 2,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    _proxy.clear()
    with warnings.catch_warnings():
        # of the template, which holds more than moto's CloudFormation makes
        warnings.filterwarnings("ignore", "Tried to parse AWS::", UserWarning)
        yield _proxy
    assert _proxy.errors == []


@pytest.fixture(scope="session")
def _clients(_proxy: Cloud) -> Callable[[str], Any]:
    import boto3  # type: ignore[import-untyped]

    host, port = _proxy._server
    session = boto3.session.Session(
        aws_access_key_id="direct",
        aws_secret_access_key="direct",  # noqa: S106 - nobody's
        region_name=REGION,
    )
    return functools.cache(lambda service: session.client(service, endpoint_url=f"http://{host}:{port}"))


@pytest.fixture
def client(cloud: Cloud, _clients: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what gives a client of a service; it asks the server itself, so its calls are not written down."""
    return _clients
