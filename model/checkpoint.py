"""How is a trained composer kept, so that it can be trusted and read again?"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.errors import CheckpointError
from model.files import replacing
from model.genres import GENRE_SLUGS
from model.network import Composer, ComposerConfig

CHECKPOINT_TYPE = "contrafact.checkpoint/1"
_KEY = "contrafact"  # one key: safetensors writes several in no fixed order


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> None:
    """A safetensors file with JSON metadata, there whole or not at all; the same values are the same
    bytes."""
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with replacing(path) as temporary:
        save_file({name: tensors[name].contiguous() for name in sorted(tensors)}, temporary, {_KEY: text})


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file of `save_tensors`.

    Raises:
        CheckpointError: the file is not there, damaged, or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {error}") from error
    if _KEY not in metadata:
        raise CheckpointError(f"{path} is no checkpoint of this model: its metadata lacks {_KEY!r}")
    parsed: dict[str, Any] = json.loads(metadata[_KEY])
    return tensors, parsed


def save_checkpoint(
    path: Path, model: Composer, *, corpus_id: str, preset: str, seed: int, steps: int
) -> None:
    """The model's weights with what they were made from: the corpus's digest, the options, the vocabulary."""
    metadata = {
        "type": CHECKPOINT_TYPE,
        "corpus": corpus_id,
        "preset": preset,
        "config": asdict(model.config),
        "seed": seed,
        "steps": steps,
        "genres": GENRE_SLUGS,
    }
    save_tensors(path, model.state_dict(), metadata)


def load_checkpoint(path: Path) -> tuple[Composer, dict[str, Any]]:
    """The composer of a checkpoint, ready to play, and the checkpoint's metadata.

    Raises:
        CheckpointError: the file cannot be read, is of another type, names other genres than this model's, or
            its tensors do not fit its configuration.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("type") != CHECKPOINT_TYPE:
        raise CheckpointError(f"{path} is a {metadata.get('type')!r}, expected {CHECKPOINT_TYPE!r}")
    if metadata["genres"] != list(GENRE_SLUGS):
        raise CheckpointError(f"{path} was trained with another list of genres; train it again")
    config = dict(metadata["config"])
    config["far_bars"] = tuple(config["far_bars"])
    try:
        model = Composer(ComposerConfig(**config))
        model.load_state_dict(tensors)
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit this version of the model: {error}") from error
    return model.eval(), metadata
