"""moto's S3 server, in several processes with many small objects to read, or in one that takes what is put.

Usage: moto_server.py PORT OBJECTS PROCESSES

One process answers some 1,000 GETs a second, one after the other, which is then what is measured. What moto holds is in
its process, so the objects are made before the processes part: several are good for reading only.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from hashlib import md5

from moto import backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

BUCKET = "small"
LINES = 102
"""Readings in an object: 8 KB."""

# it would look through its own folder twice for each request, which is half of the time it takes
_MODULES = list(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: iter(_MODULES)


def fill(objects: int) -> None:
    """Put the objects where moto keeps them."""
    s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    s3.create_bucket(BUCKET, "us-east-1")
    for number in range(objects):
        lines = (
            f'{{"user":"{number:05}@example.com","timestamp":{1_655_000_000_000 + line},"x":1.0,"y":0.0,"z":-1.0}}\n'
            for line in range(LINES)
        )
        key = f"accelerometer/landing/part-{number:05}.json"
        s3.put_object(BUCKET, key, "".join(lines).encode())
        # where a page of a listing ends another process may have to go on
        s3._pagination_tokens[md5(key.encode(), usedforsecurity=False).hexdigest()] = key  # noqa: SLF001 - no other way


def main() -> None:
    """Serve until terminated."""
    port, objects, processes = map(int, sys.argv[1:])
    logging.getLogger("werkzeug").disabled = True  # a line for each request
    if objects:
        fill(objects)
    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            application = DomainDispatcherApplication(create_backend_app)
            make_server(
                "127.0.0.1",
                port,
                application,
                threaded=True,
                request_handler=MotoRequestHandler,
                fd=listening.fileno(),
            ).serve_forever()
        children.append(child)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
