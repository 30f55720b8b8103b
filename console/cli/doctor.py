"""`contrafact doctor`: what is installed, reachable and missing, and how to mend it."""

import os
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from catalog.findings import Finding
from console.cli.options import HomeOption, JsonOption, settings_of
from console.errors import ExitCode
from console.home import Access, open_home
from console.output import say
from console.settings import Settings
from console.steps.closings import audit_closings
from migrations import MigrationError
from model.errors import ModelError
from model.render import find_sound_bank
from provenance.audit import audit_records
from royalties.ledger import check_ledger

app = typer.Typer(add_completion=False)
PACKAGES = (
    ("torch", "the model and attribution", "pip install torch==2.13.0"),
    ("faiss-cpu", "the index", "pip install 'contrafact[cpu]'"),
    ("symusic", "reading MIDI and rendering audio", "pip install symusic==0.5.8"),
    ("verovio", "reading MusicXML, Humdrum and ABC", "pip install 'verovio>=6.4,<7'"),
    ("music21", "writing MusicXML, and scores of the demo", "pip install 'music21>=10.5,<11'"),
    ("psycopg", "PostgreSQL", "pip install 'psycopg[binary]>=3.3,<4'"),
)
LEAST_FREE_BYTES = 2 * 1024**3

Check = dict[str, Any]


@app.command()
def doctor(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What is installed, reachable and missing, and how to mend it.

    Example: contrafact doctor --json
    """
    settings = settings_of(context, home)
    checks = [
        _python(),
        *(_package(*row) for row in PACKAGES),
        _sound_bank(),
        *_database(settings),
        _disk(settings.home),
    ]
    lines = []
    for check in checks:
        lines.append(f"{'ok     ' if check['ok'] else 'MISSING'} {check['name']}: {check['detail']}")
        lines += [f"        to mend: {check['mend']}"] if check["mend"] else []
    say({"checks": checks}, lines, as_json=as_json)
    if not all(check["ok"] for check in checks if check["needed"]):
        raise typer.Exit(ExitCode.REFUSED)


def _check(name: str, detail: str, mend: str = "", *, ok: bool = True, needed: bool = True) -> Check:
    return {"name": name, "ok": ok, "needed": needed, "detail": detail, "mend": mend}


def _python() -> Check:
    return _check("python", f"{platform.python_version()} on {os.cpu_count()} cores")


def _package(name: str, purpose: str, mend: str) -> Check:
    try:
        return _check(name, f"{version(name)}, for {purpose}")
    except PackageNotFoundError:
        return _check(name, f"not installed; needed for {purpose}", mend, ok=False)


def _sound_bank() -> Check:
    better = "apt-get install fluid-soundfont-gm (MIT) or musescore-general-soundfont (MIT)"
    try:
        bank = find_sound_bank()
    except ModelError as error:
        return _check("sound bank", str(error), better, ok=False)
    detail = f"{bank.name}, licence {bank.licence}, {bank.path}" + (" (preview only)" if bank.preview else "")
    return _check("sound bank", detail, better if bank.preview else "")


def _database(settings: Settings) -> list[Check]:
    """Whether the database can be read, and whether what it holds agrees with what was written down."""
    try:
        with open_home(settings, Access.READ) as home, home.session() as session:
            return [
                _check("database", f"{home.engine.dialect.name}, at the newest version"),
                _agreement("records", "signed records and tables", audit_records(session, home.key.public)),
                _agreement("ledger", "postings, sums and chain of the ledger", check_ledger(session)),
                _agreement(
                    "closings",
                    "closed months, approvals and signed records",
                    audit_closings(session, home.key.public),
                ),
            ]
    except MigrationError as error:
        return [_check("database", str(error), "install the newest contrafact", ok=False)]


def _agreement(name: str, what: str, findings: Sequence[Finding]) -> Check:
    if not findings:
        return _check(name, f"{what} agree")
    first = findings[0]
    detail = f"{len(findings)} do not agree: {first.where}: {first.message}"
    return _check(name, detail, "restore the database from a copy; somebody has changed it", ok=False)


def _disk(home: Path) -> Check:
    free = shutil.disk_usage(home).free
    enough = free >= LEAST_FREE_BYTES
    detail = f"{free / 1024**3:.1f} GiB free at {home}"
    return _check("disk", detail, "" if enough else "free at least 2 GiB", ok=enough)
