"""What does a home hold after an import that was killed?"""

import signal
import subprocess
import sys

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.tables import ImportBatch, Share, Work
from tests.catalog.builders import AT, a_work, cwr_file, import_cwr

CHILD = f"""
import sys, time
from datetime import datetime
from pathlib import Path
from sqlalchemy.orm import Session
from catalog.database import open_engine
from catalog.files import FileStore
from catalog.imports import import_file
with Session(open_engine(sys.argv[1])) as session, session.begin():
    report = import_file(session, FileStore(Path(sys.argv[2]).parent / "store"), "cwr", Path(sys.argv[2]),
                         imported_at=datetime.fromisoformat("{AT.isoformat()}"))
    print(report.works, flush=True)
    time.sleep(600)
"""


def counted(engine):
    with Session(engine) as session:
        return [
            session.scalar(select(func.count()).select_from(table)) for table in (Work, Share, ImportBatch)
        ]


def test_an_import_that_is_killed_before_its_end_leaves_the_old_state_and_can_be_done_again(engine, tmp_path):
    with Session(engine) as session, session.begin():
        import_cwr(session, tmp_path, a_work("OLD"))
    before = counted(engine)
    path = cwr_file(tmp_path / "new.V22", *(a_work(f"N{number}") for number in range(50)))
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "50\n"
        child.send_signal(signal.SIGKILL)
    assert counted(engine) == before
    with Session(engine) as session, session.begin():
        works = [a_work(f"N{number}") for number in range(50)]
        assert import_cwr(session, tmp_path, *works, name="new.V22").works == 50
    assert counted(engine) == [before[0] + 50, before[1] + 200, before[2] + 1]
