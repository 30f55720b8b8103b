"""Which chain do several tests of the console start from? One that was left to end, once for each file."""

import pytest

from tests.console.tiny_chain import run_tiny_chain


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a chain that was left to end, and the chain."""
    folder = tmp_path_factory.mktemp("done")
    return folder, run_tiny_chain(folder)
