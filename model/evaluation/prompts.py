"""What would one ask for to get a piece like a human one?"""

from dataclasses import replace

from model.events import bar_steps
from model.instruments import NAMES
from model.plan import METRES, SongPlan
from model.prompt import MOODS, Prompt
from model.score import GRID

MAX_SECTIONS_ASKED = 16


def prompt_of(plan: SongPlan, max_minutes: float) -> Prompt:
    """What a piece is, as a prompt; no longer than some minutes, sections only as many as then remain."""
    num_bars = min(plan.num_bars, bars_in(plan, max_minutes))
    usual = max(sorted(set(plan.metres)), key=plan.metres.count)
    sections = [section.label for section in plan.sections if section.bar_start < num_bars]
    steps = sum(bar_steps(*metre) for metre in plan.metres[:num_bars])
    return Prompt(
        genre=plan.genre or None,
        instruments=tuple("drums" if t.is_drum else NAMES[t.program] for t in plan.tracks),
        tempo_bpm=min(max(plan.tempo_bpm, 20), 300),
        key=plan.key,
        metre=usual if usual in METRES else None,
        structure=tuple(sections[:MAX_SECTIONS_ASKED]),
        minutes=steps / GRID / plan.tempo_bpm,
    )


def bars_in(plan: SongPlan, minutes: float) -> int:
    """How many bars of a piece begin within some minutes; at least one."""
    steps = minutes * plan.tempo_bpm * GRID
    return max(1, sum(1 for start in plan.bar_starts[:-1].tolist() if start < steps))


def with_mood(prompt: Prompt, place: int) -> Prompt:
    """The prompt with a mood, a different one at every place, in place of its key."""
    moods = sorted(name for name, mood in MOODS.items() if mood.minor is not None)
    return replace(prompt, key=None, mood=moods[place % len(moods)])
