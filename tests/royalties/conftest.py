"""Which states of the money do several tests start from?"""

import pytest

from tests.royalties.builders import LINES, a_line, bring_in, close, restated, run


@pytest.fixture
def posted(session, tmp_path):
    """A session in which October was run, and its report."""
    bring_in(session, tmp_path, LINES)
    report = run(session)
    session.commit()
    return report


LATE = [a_line(900, generation="gen_1", revenue_minor=5_000), a_line(901, generation="gen_3")]
"""Usage of October that came after October was run."""


@pytest.fixture
def corrected(session, tmp_path, posted):
    """A session in which October was run and closed, and restated with late usage; the restatement."""
    close(session)
    bring_in(session, tmp_path, LATE, "late.csv")
    report = restated(session)
    session.commit()
    return report


@pytest.fixture
def posted_usage(session, tmp_path):
    """A session with the usage of October, which is not run yet."""
    bring_in(session, tmp_path, LINES)
    session.commit()
