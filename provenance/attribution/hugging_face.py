"""How is a causal language model of Hugging Face explained? As the sequence task that it was trained for.

The library itself is not needed here: a model is only asked for the `logits` of its output.

Shapes: N examples, T tokens.
"""

from torch import Tensor, nn

from provenance.attribution.task import SequenceTask

PADDING = -100  # what the library's own losses ignore; no token has this number


def causal_language_model(padding: int = PADDING) -> SequenceTask:
    """The task of predicting each token from those before it, for any `...ForCausalLM`.

    Args:
        padding: what fills up rows of token ids (N, T) behind their ends. It is neither explained nor looked
            at, as no token sees those behind it. The default cannot be mistaken for a token; where the
            tokenizer pads with a token that also ends texts, that end is not explained.
    """

    def logits(model: nn.Module, tokens_NT: Tensor) -> Tensor:
        read_NT = _filled(tokens_NT, padding)[:, :-1]
        found: Tensor = model(input_ids=read_NT, use_cache=False).logits
        return found

    def targets(tokens_NT: Tensor) -> Tensor:
        return tokens_NT[:, 1:]

    return SequenceTask(logits, targets, ignore_index=padding)


def _filled(tokens_NT: Tensor, padding: int) -> Tensor:
    """The rows with a token that exists in place of padding.

    Raises:
        ValueError: a token stands behind padding, and would be predicted from it.
    """
    is_padding_NT = tokens_NT == padding
    resumes_N = (is_padding_NT[:, :-1] & ~is_padding_NT[:, 1:]).any(1)
    if bool(resumes_N.any()):
        row = int(resumes_N.nonzero()[0])
        raise ValueError(
            f"row {row} has a token behind padding ({padding}): texts begin at the left, and padding is no "
            f"token of theirs; fill up with {PADDING} behind their ends"
        )
    return tokens_NT.masked_fill(is_padding_NT, 0)
