"""How does a command answer? One JSON object, or a few lines that a person reads."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from catalog.findings import Finding
from catalog.spreadsheets import harmless

Answer = Mapping[str, Any]
FINDING_COLUMNS = ("severity", "code", "where", "message")


def say(answer: Answer, lines: Iterable[str], *, as_json: bool) -> None:
    """Print the answer of a command on standard output: the object, or the lines for a person."""
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, sort_keys=True, allow_nan=False))
        return
    for line in lines:
        print(line)


def say_table(
    answer: Answer, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, as_json: bool
) -> None:
    """Print the answer of a command as JSON, or as a table for a person."""
    if as_json:
        say(answer, (), as_json=True)
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(file=sys.stdout).print(table)


def findings_lines(findings: Sequence[Finding], most: int = 20) -> list[str]:
    """The findings as lines for a person, the first `most` of them in full."""
    shown = [
        f"  {finding.severity}: {finding.code} at {finding.where}: {finding.message}"
        for finding in findings[:most]
    ]
    if len(findings) > most:
        shown.append(f"  ... and {len(findings) - most} more (use --json to see all)")
    return shown


def findings_csv(findings: Sequence[Finding]) -> str:
    """The findings as CSV; no cell of it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FINDING_COLUMNS)
    for finding in findings:
        told = finding.to_json()
        writer.writerow([harmless(told[name]) for name in FINDING_COLUMNS])
    return text.getvalue()


def complain(message: str, kind: str, *, as_json: bool) -> None:
    """Print why a command was refused: a sentence on standard error, and with `--json` an object too."""
    print(f"contrafact: {message}", file=sys.stderr)
    if as_json:
        say({"error": {"kind": kind, "message": message}}, (), as_json=True)
