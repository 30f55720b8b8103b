"""How do the tests open the home of a chain, and call a command as a user does?"""

import sys

from console.cli import main
from console.home import Access, open_home
from console.settings import load_settings


def opened(folder):
    return open_home(load_settings(folder / "home", {}), Access.READ)


def call(monkeypatch, capsys, folder, words, *, errors=False):
    monkeypatch.setattr(sys, "argv", ["contrafact", "--home", str(folder / "home"), *words])
    code = 0
    try:
        main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    said = capsys.readouterr()
    return code, said.err if errors else said.out
