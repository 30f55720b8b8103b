"""Is a home made when it is needed, and written by one command at a time?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from catalog import taxonomy
from console.errors import HomeBusyError, HomeUnusableError
from console.home import Access, open_home
from console.settings import Settings, load_settings
from model import genres

ROOT = Path(__file__).parents[2]


def settings_at(path: Path) -> Settings:
    return load_settings(path, {})


def test_an_option_wins_over_the_environment_and_the_environment_over_the_default(tmp_path):
    environment = {"CONTRAFACT_HOME": str(tmp_path / "b"), "CONTRAFACT_DATABASE_URL": "postgresql://x/y"}
    assert load_settings(tmp_path / "a", environment).home == tmp_path / "a"
    assert load_settings(None, environment).home == tmp_path / "b"
    assert load_settings(None, environment).database_url == "postgresql://x/y"
    assert load_settings(None, {}).home == Path.cwd() / "contrafact-home"


@pytest.mark.parametrize("access", list(Access))
def test_a_home_is_made_and_migrated_by_whichever_command_needs_it_first(tmp_path, access):
    with open_home(settings_at(tmp_path / "new"), access) as home:
        assert "work" in inspect(home.engine).get_table_names()


def test_a_second_writer_is_told_who_is_writing(tmp_path):
    with (
        open_home(settings_at(tmp_path), Access.WRITE),
        pytest.raises(HomeBusyError, match=f"process {os.getpid()}"),
        open_home(settings_at(tmp_path), Access.WRITE),
    ):
        pass


def test_a_reader_is_not_stopped_by_a_writer(tmp_path):
    with (
        open_home(settings_at(tmp_path), Access.WRITE),
        open_home(settings_at(tmp_path), Access.READ) as home,
        home.session() as session,
    ):
        assert session.execute(text("SELECT 1")).scalar() == 1


def test_the_lock_of_a_killed_writer_is_gone(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from console.home import Access, open_home\n"
        "from console.settings import load_settings\n"
        "with open_home(load_settings(Path(sys.argv[1]), {}), Access.WRITE):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    with open_home(settings_at(tmp_path), Access.WRITE) as home:
        assert "work" in inspect(home.engine).get_table_names()


def test_a_home_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(HomeUnusableError, match="Choose another with --home"),
        open_home(settings_at(tmp_path / "file" / "home"), Access.READ),
    ):
        pass


def test_the_genres_of_the_model_are_those_of_the_catalogue():
    assert genres.GENRE_SLUGS == taxonomy.GENRE_SLUGS
