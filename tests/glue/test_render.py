"""What `stedi.glue.render` writes: one script a table, for Python and Spark to run as it stands."""

from __future__ import annotations

import pytest

from stedi.contracts import TABLES
from stedi.errors import UsageError
from stedi.glue.render import GLUE, render
from stedi.stages import STAGES


@pytest.mark.parametrize("glue", GLUE)
def test_every_table_has_its_script(glue: str) -> None:
    scripts = render(glue)
    assert list(scripts) == [f"{TABLES[name].glue_job}.py" for name in STAGES]
    for name, text in scripts.items():
        compile(text, name, "exec")


def test_a_version_of_glue_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Glue 4\.0"):
        render("4.0")
