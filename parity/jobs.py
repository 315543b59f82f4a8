"""The jobs of a run: those rendered from the zones' SQL, or the scripts in somebody's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from parity.corrections import Corrections, load_corrections
from parity.mapping import plan_jobs
from parity.plan import Plan
from parity.scripts import Script, read_script
from parity.sqltext import Declared, declared
from stedi import plan
from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.glue.scripts import MARK
from stedi.stages import RUN_PARAMETERS, STAGES
from stedi.storage import faults

__all__ = ["Jobs", "folder_jobs", "rendered_jobs"]

_NO_JOBS = ("venv", ".venv", "node_modules", "__pycache__", "site-packages")


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is to be run: texts of scripts by name, and the plan they run by.

    `rendered` says that they are ours; then `makes` names the table of each, and quarantine is compared too. `files` is
    what lies in the folder of the scripts, byte by byte: they may import each other. `only` names the tables that are
    compared, where not all are asked for.
    """

    texts: Mapping[str, str]
    plan: Plan
    rendered: bool
    corrections: Corrections = field(default_factory=Corrections)
    folder: Path | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    only: frozenset[str] | None = None


def rendered_jobs(texts: Mapping[str, str], only: frozenset[str] | None = None) -> Jobs:
    """Return the jobs that `stedi.glue.render` writes, in the order of the stages."""
    order = plan.order(
        {name: stage.inputs for name, stage in STAGES.items()}, [*(f.name for f in FEEDS), RUN_PARAMETERS]
    )
    names = {f"{TABLES[table].glue_job}.py": table for table in order}
    for name in texts:
        if name not in names:
            raise UsageError(f"{name}: a rendered script of no table", fix="report this")
    chosen = [name for name in names if name in texts and (only is None or names[name] in only)]
    scripts = tuple(Script(name, texts[name], arguments=_asked(texts[name])) for name in chosen)
    files = {name: texts[name].encode() for name in chosen}
    made = Plan(jobs=scripts, makes={name: names[name] for name in chosen})
    return Jobs(dict(texts), made, rendered=True, files=files, only=only)


def _asked(text: str) -> tuple[str, ...]:
    return read_script("", text.encode()).arguments


def folder_jobs(folder: Path) -> Jobs:
    """Read the scripts and DDL files below a folder, with its parity.toml; UsageError where there is no script."""
    with faults(f"cannot read {folder}"):
        if not folder.is_dir():
            raise UsageError(
                f"{folder}: there is no such folder", fix="name the folder of the Glue scripts with --jobs"
            )
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
        corrections = load_corrections(folder)
        data = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.suffix == ".py"}
        ddl: list[Declared] = []
        for path in files:
            if path.suffix.lower() in (".sql", ".ddl", ".hql"):
                ddl += declared(path.read_text(encoding="utf-8", errors="replace"))
    if not data:
        notebooks = any(path.suffix == ".ipynb" for path in files)
        raise UsageError(
            f"{folder}: holds no Python script" + (", but notebooks" if notebooks else ""),
            fix="save the notebooks as scripts: jupyter nbconvert --to script *.ipynb"
            if notebooks
            else "name the folder of the Glue scripts with --jobs",
        )
    if ours := [name for name, content in data.items() if MARK.encode() in content and name not in corrections.skip]:
        raise UsageError(
            f"{folder / ours[0]}: is rendered by stedi, whose jobs find their places by their arguments",
            fix="leave --jobs out to have the rendered jobs run; or give --jobs your own scripts alone",
        )
    scripts = [read_script(name, content, corrections.arguments, _beside(name, data)) for name, content in data.items()]
    ddl += [found for script in scripts for found in script.declared]
    made = plan_jobs(scripts, ddl, corrections)
    if not made.jobs and not made.broken:
        reasons = "; ".join(f"{name}: {why}" for name, why in made.skipped.items())
        raise UsageError(f"{folder}: none of its scripts is a job ({reasons})", fix="name another folder with --jobs")
    texts = {script.name: script.text for script in scripts}
    return Jobs(texts, made, rendered=False, corrections=corrections, folder=folder, files=data)


def _beside(name: str, data: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the modules that a script may import from beside it."""
    folder = PurePosixPath(name).parent
    return {path.stem: data[str(path)] for path in map(PurePosixPath, data) if path.parent == folder}


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in _NO_JOBS for part in path.parts)
