"""Do the rules of the house hold: sizes, no float in money, a true tree in the README, help everywhere?"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from console.cli import app

ROOT = Path(__file__).parent.parent
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
PACKAGES = ("catalog", "model", "provenance", "royalties", "console", "migrations", "benchmarks", "tests")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_long_to_read(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_FILE_LINES, f"{path} is too long: split it by question answered"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, (
                f"{path}:{node.lineno} {node.name} has {length} lines: split it"
            )


@pytest.mark.parametrize("path", python_files("royalties"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_float_touches_money(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"{where}: integers or fractions, not {node.value}"
        if isinstance(node, ast.Name):
            assert node.id != "float", f"{where}: money and shares are integers"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"Float64", "Float32"}, f"{where}: sum money as Int128"
        if isinstance(node, ast.BinOp):
            assert not isinstance(node.op, ast.Div), (
                f"{where}: divide money with // or Fraction, never with /"
            )


def test_the_tree_in_the_readme_is_the_real_tree():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    real = {line.split("/")[0] + "/" for line in tracked.splitlines() if "/" in line} - {".ci/"}
    block = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None, "README.md shows the tree in a ```text block"
    told = set(re.findall(r"^(\w+/)", block.group(1), re.MULTILINE))
    assert told == real


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


@pytest.mark.parametrize(
    ("name", "command"), list(commands(typer.main.get_command(app))), ids=lambda value: str(value)[:40]
)
def test_every_command_has_help_and_an_example(name, command):
    text = command.help or ""
    assert len(text.split("\n")[0]) > 10, f"contrafact {name} has no help"
    assert f"contrafact {name}" in text, f"the help of contrafact {name} shows no example of it"


def test_nothing_that_is_read_from_outside_can_run_code():
    forbidden = {"pickle", "shelve", "marshal", "dill"}
    for path in python_files("catalog", "model", "provenance", "royalties", "console", "migrations"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {name.split(".")[0] for name in names}, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in ast.unparse(node), f"{path}:{node.lineno}: weights only"
