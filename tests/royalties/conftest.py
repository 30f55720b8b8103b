"""Which states of the money do several tests start from?"""

import pytest

from tests.royalties.builders import LINES, bring_in, run


@pytest.fixture
def posted(session, tmp_path):
    """A session in which October was run, and its report."""
    bring_in(session, tmp_path, LINES)
    report = run(session)
    session.commit()
    return report
