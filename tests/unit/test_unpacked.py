"""A packed file that is damaged is the same fault, with the file's name, whoever reads it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi import remains
from stedi.erasure import copy_without
from stedi.errors import EnvironmentFault
from stedi.mentions import phrase
from stedi.privacy.consents import read_customers
from stedi.privacy.texts import texts_of
from stedi.privacy.values import Values

READERS: dict[str, Callable[[Path], object]] = {
    "a search for lines of others": lambda file: remains._lines_with(file, phrase(["ada@example.com"]), b"ada"),
    "a landing file made anew": lambda file: copy_without(file, file.with_name("new.gz"), [1]),
    "the customers of an audit": lambda file: read_customers([file], Values()),
    "the texts of an audit": lambda file: list(texts_of(file)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_damage_names_the_file(tmp_path: Path, reader: str, kept: float) -> None:
    packed = gzip.compress(b"".join(b'{"email": "%d", "serialNumber": "7"}\n' % n for n in range(1000)))
    (file := tmp_path / "packed.json.gz").write_bytes(packed[: int(len(packed) * kept)])
    with pytest.raises(EnvironmentFault, match=r"packed\.json\.gz: is damaged or cut off") as caught:
        READERS[reader](file)
    assert caught.value.fix
