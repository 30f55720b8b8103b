"""Are the presets of the sizes that they are for?"""

import pytest
import torch

from model.network import Composer
from model.presets import PRESETS


@pytest.fixture
def _small_numbers():
    """Half the memory: only how many there are is asked."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("name", "least", "most"), [("lite", 1e6, 4e6), ("base", 3e7, 8e7), ("full", 3e8, 4e8)]
)
@pytest.mark.usefixtures("_small_numbers")
def test_a_preset_has_its_number_of_parameters(name, least, most):
    model = Composer(PRESETS[name].config)
    assert least < sum(parameter.numel() for parameter in model.parameters()) < most
