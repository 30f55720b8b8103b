"""How large is a composer, and how is it trained?"""

from dataclasses import dataclass

from model.errors import ModelError
from model.network import ComposerConfig


@dataclass(frozen=True)
class Preset:
    """A size with its schedule.

    `events_per_minute` is nominal: it turns minutes into steps, the same number on every machine, so that the
    same options give the same checkpoint. It is about what the machine named beside it trains.
    `part_examples` go through the network at once in each process; gradients of a batch's parts add up.
    """

    name: str
    config: ComposerConfig
    batch_examples: int
    part_examples: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    events_per_minute: int


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        # Two cores of an AMD EPYC with AVX-512 and bfloat16.
        Preset("lite", ComposerConfig(), 8, 8, 4e-3, 60, 0.05, 360_000),
        # One H100.
        Preset(
            "base",
            ComposerConfig(
                width=512, heads=8, lower_layers=4, upper_layers=6, plan_layers=2, head_width=256,
                stream_width=256, stream_layers=3, max_events=512,
            ),
            32, 32, 1e-3, 300, 0.1, 10_000_000,
        ),
        # Eight H100.
        Preset(
            "full",
            ComposerConfig(
                width=1024, heads=16, lower_layers=8, upper_layers=12, plan_layers=3, head_width=512,
                stream_width=512, stream_layers=4, max_events=512,
            ),
            128, 16, 3e-4, 1000, 0.1, 20_000_000,
        ),
    )
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """The preset of a name.

    Raises:
        ModelError: there is none; the message names those that there are.
    """
    if name not in PRESETS:
        raise ModelError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
