"""What do retrainings on random halves of real melodies say about each melody's part in a prediction?

A small transformer is trained on halves of a set of song melodies. How the loss of held-out melodies moves
from half to half is the truth that influence estimates are measured against (Ilyas et al. 2022, datamodels;
Park et al. 2023, TRAK, section 2: the linear datamodelling score).

Shapes: N training melodies, Q held-out melodies, T tokens, M halves, D width.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from provenance.attribution.task import SequenceTask

VOICE = 68  # the General MIDI program that voices carry in the OpenScore Lieder files
LOWEST, PITCHES = 45, 44
DURATIONS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # in quarters
PADDING = PITCHES + len(DURATIONS)
VOCABULARY = PADDING + 1


@dataclass(frozen=True)
class Setting:
    """The size of an experiment."""

    melodies: int = 640
    queries: int = 40
    notes: int = 32
    width: int = 64
    layers: int = 2
    epochs: int = 12


def melodies(folder: Path, notes: int) -> NDArray[np.int64]:
    """The beginning of each song's voice as pitches and durations in turn, padded."""
    import symusic

    rows = []
    for path in sorted(folder.rglob("*.mid")):
        score = symusic.Score(str(path))
        voice = next((t for t in score.tracks if t.program == VOICE and len(t.notes) >= notes // 2), None)
        if voice is None:
            continue
        row = np.full(2 * notes, PADDING)
        for i, note in enumerate(sorted(voice.notes, key=lambda n: (n.time, n.pitch))[:notes]):
            length = note.duration / score.ticks_per_quarter
            row[2 * i] = min(max(note.pitch - LOWEST, 0), PITCHES - 1)
            row[2 * i + 1] = PITCHES + int(np.abs(np.log2(np.array(DURATIONS) / max(length, 0.1))).argmin())
        rows.append(row)
    return np.stack(rows)


def divided(folder: Path, setting: Setting, split: int) -> tuple[Tensor, Tensor]:
    """The melodies to train on (N, T) and those to ask about (Q, T), by the seed of the division."""
    rows = melodies(folder, setting.notes)
    tokens = torch.from_numpy(rows[np.random.default_rng(split).permutation(len(rows))])
    return tokens[: setting.melodies], tokens[setting.melodies : setting.melodies + setting.queries]


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm_inner = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (4, -1)).transpose(1, 2) for y in self.qkv(self.norm(x)).chunk(3, -1))
        heard = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.mix(heard)
        return x + self.narrow(F.gelu(self.widen(self.norm_inner(x))))


class Melodist(nn.Module):
    """A small causal transformer over note tokens."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, setting.width)
        self.position = nn.Embedding(2 * setting.notes, setting.width)
        self.blocks = nn.ModuleList(Block(setting.width) for _ in range(setting.layers))
        self.norm = nn.LayerNorm(setting.width)
        self.head = nn.Linear(setting.width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


TASK = SequenceTask(lambda m, x: m(x[:, :-1]), lambda x: x[:, 1:], ignore_index=PADDING)


def losses(model: nn.Module, tokens_NT: Tensor) -> Tensor:
    """The mean loss of every melody."""
    logits, targets = TASK.logits(model, tokens_NT), TASK.targets(tokens_NT)
    each = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=PADDING, reduction="none")
    return each.sum(1) / (targets != PADDING).sum(1)


def train(
    setting: Setting, tokens_NT: Tensor, mask_N: NDArray[np.bool_], seed: int
) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """A model trained on some of the melodies, and its weights after each epoch."""
    torch.manual_seed(seed)
    model = Melodist(setting)
    mine_NT = tokens_NT[torch.from_numpy(mask_N)]
    batch = 16
    steps = setting.epochs * (len(mine_NT) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    trajectory = []
    for _ in range(setting.epochs):
        order = torch.randperm(len(mine_NT))[: len(mine_NT) // batch * batch].view(-1, batch)
        for rows in order:
            optimiser.zero_grad()
            losses(model, mine_NT[rows]).mean().backward()
            optimiser.step()
            schedule.step()
        trajectory.append({k: v.clone() for k, v in model.state_dict().items()})
    return model, trajectory


def halves(num: int, size: int, seed: int) -> NDArray[np.bool_]:
    """Random halves, one a row."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(size) < size // 2 for _ in range(num)])


def half_losses(
    setting: Setting, tokens_NT: Tensor, query_QT: Tensor, mask_MN: NDArray[np.bool_], seed: int, path: Path
) -> NDArray[np.float64]:
    """The queries' losses (M, Q) after training on each half; kept in a file that grows half by half."""
    known = np.load(path) if path.exists() else np.zeros((0, len(query_QT)))
    for i in range(len(known), len(mask_MN)):
        model, _ = train(setting, tokens_NT, mask_MN[i], 1000 * seed + i)
        with torch.no_grad():
            known = np.concatenate([known, losses(model, query_QT).double().numpy()[None]])
        np.save(path.with_suffix(".part.npy"), known)
        path.with_suffix(".part.npy").replace(path)
    return known[: len(mask_MN)]
