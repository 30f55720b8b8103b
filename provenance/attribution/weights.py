"""How do a checkpoint's weights get into the model, and what identifies them?"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from provenance.attribution.errors import AttributionError
from provenance.attribution.task import Checkpoint


def state_of(checkpoint: Checkpoint) -> Mapping[str, Tensor]:
    """The weights by name, read from the file if that is what the checkpoint names."""
    if not isinstance(checkpoint.state_dict, Path):
        return checkpoint.state_dict
    if not checkpoint.state_dict.exists():
        raise AttributionError(f"there is no checkpoint {checkpoint.state_dict}")
    return load_file(checkpoint.state_dict)


def load_weights(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Puts the weights into the model. One name of a tied weight is enough.

    Raises:
        AttributionError: if a name or a shape is not the model's, or a weight is missing.
    """
    state = state_of(checkpoint)
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise AttributionError(f"the checkpoint does not fit the model: {error}") from error
    own = model.state_dict(keep_vars=True)
    given = {id(own[name]) for name in state if name in own}
    absent = [name for name in missing if id(own[name]) not in given]
    if absent or unexpected:
        raise AttributionError(
            f"the checkpoint lacks {absent} and has {unexpected}, which the model does not"
        )


def digest_of(state: Mapping[str, Tensor]) -> str:
    """The SHA-256 over names, types, shapes and values, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\x1f{value.dtype}\x1f{tuple(value.shape)}\x1f".encode())
        digest.update(value.flatten().view(-1).numpy().tobytes() if value.numel() else b"")
    return digest.hexdigest()
