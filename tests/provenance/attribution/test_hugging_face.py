"""Is every gradient right of the models that `transformers` builds, and is it said which weights have none?

Configurations of a few thousand random weights, nothing downloaded. Norms and biases are random too, as
weights of one and biases of zero would hide what is done with them.
"""

import pytest
import torch
from torch import nn
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from provenance.attribution import Attributor, Checkpoint, Objective, Widths, causal_language_model
from provenance.attribution.features import Batching, GradientFeatures
from provenance.attribution.hugging_face import PADDING
from tests.provenance.attribution.builders import slow_features

VOCABULARY = 24
NARROW, WHOLE = Widths(rows=5, cols=4, vector=7), Widths(rows=96, cols=96)
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 20, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 1, "head_dim": 6}


def gpt2():  # Conv1D, a table of positions, tied
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=12, n_layer=2, n_head=2, n_positions=16, bos_token_id=0,
                   eos_token_id=1)
    )  # fmt: skip


def llama():  # RMSNorm, gated, grouped heads, untied
    return LlamaForCausalLM(LlamaConfig(**GROUPED))


def tied_llama():
    return LlamaForCausalLM(LlamaConfig(**GROUPED, tie_word_embeddings=True))


def neox():  # one map for queries, keys and values; parallel blocks
    return GPTNeoXForCausalLM(GPTNeoXConfig(**{**SIZES, "hidden_size": 16}))


def qwen():  # norms of single heads
    return Qwen3ForCausalLM(Qwen3Config(**GROUPED))


def gemma():  # a scaled embedding, tied; norms of 1 + weight
    return Gemma2ForCausalLM(Gemma2Config(**GROUPED))


def opt():  # a table of positions that is asked for a mask
    return OPTForCausalLM(
        OPTConfig(vocab_size=VOCABULARY, hidden_size=12, ffn_dim=20, num_hidden_layers=2,
                  num_attention_heads=2, word_embed_proj_dim=12, max_position_embeddings=32, eos_token_id=1)
    )  # fmt: skip


def mixtral():  # experts in one tensor
    return MixtralForCausalLM(MixtralConfig(**GROUPED, num_local_experts=3))


def mamba():  # a state-space model, whose step sizes multiply by a weight outside of its module
    return MambaForCausalLM(
        MambaConfig(
            vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, bos_token_id=0, eos_token_id=1
        )
    )


def built(make) -> nn.Module:
    torch.manual_seed(0)
    model = make().eval()
    for parameter in model.parameters():
        middle = 1.0 if parameter.dim() == 1 and parameter.mean() > 0.5 else 0.0
        nn.init.normal_(parameter, middle, 0.3)
    return model


def some_texts(num: int = 6, length: int = 9):
    generator = torch.Generator().manual_seed(num)
    tokens = torch.randint(0, VOCABULARY, (num, length), generator=generator)
    ends = torch.randint(length // 2, length + 1, (num, 1), generator=generator)
    return torch.where(torch.arange(length) < ends, tokens, PADDING)


def features_beside_autograd(make, widths=NARROW, objective=Objective.CROSS_ENTROPY):
    model, task, tokens = built(make), causal_language_model(), some_texts()
    fast = GradientFeatures(model, task, widths=widths, objective=objective)
    got = fast.features_NSD(tokens)[:, 0]
    torch.testing.assert_close(
        got, slow_features(model, task, fast.layout, tokens, objective), rtol=1e-3, atol=1e-4
    )
    return fast


@pytest.mark.parametrize("make", [gpt2, llama, tied_llama, neox, qwen, gemma])
@pytest.mark.parametrize("widths", [NARROW, WHOLE])
def test_features_are_the_projected_gradients_of_autograd_and_miss_no_weight(make, widths):
    fast = features_beside_autograd(make, widths)
    assert fast.layout.uncovered == ()
    assert fast.batching is Batching.WHOLE


@pytest.mark.parametrize("make", [gpt2, llama])
def test_so_they_are_of_the_margin(make):
    features_beside_autograd(make, objective=Objective.MARGIN)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (opt, {"embed_positions.weight"}),
        (mixtral, {"gate.weight", "experts.gate_up_proj", "experts.down_proj"}),
        (mamba, {"dt_proj.weight", "dt_proj.bias", "conv1d.weight", "conv1d.bias", "mixer.A_log", "mixer.D"}),
    ],
)
def test_what_a_model_does_behind_its_modules_is_left_out_and_named(make, names):
    uncovered = features_beside_autograd(make).layout.uncovered
    assert {".".join(name.split(".")[-2:]) for name in uncovered} == names


@pytest.mark.parametrize("make", [gpt2, llama, mamba])
def test_batches_and_padding_change_nothing_but_rounding(make):
    fast, tokens = GradientFeatures(built(make), causal_language_model(), widths=NARROW), some_texts(7)
    whole = fast.features_NSD(tokens)
    parts = torch.cat([fast.features_NSD(part) for part in tokens.split([1, 4, 2])])
    longer = torch.cat([tokens, torch.full((7, 3), PADDING)], 1)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fast.features_NSD(longer), whole, rtol=1e-4, atol=1e-5)


def test_a_saved_model_attributes_each_text_to_itself(tmp_path):
    model, texts = built(tied_llama), some_texts(8)
    model.save_pretrained(tmp_path / "saved")  # one name of the tied weight, as the library writes it
    checkpoint = Checkpoint(tmp_path / "saved" / "model.safetensors")
    attributor = Attributor(
        LlamaForCausalLM(model.config), causal_language_model(), tmp_path / "index", [checkpoint]
    )
    attributor.index(texts)
    assert attributor.score(texts).argmax(1).tolist() == list(range(8))
    owners = [f"author {i % 4}" for i in range(8)]
    shares = attributor.attribute(texts[:1], owners).shares
    assert shares[0].owner == "author 0"


def test_a_token_behind_padding_is_refused():
    tokens = some_texts(3)
    tokens[1] = tokens[1].flip(0)
    tokens[1, 0] = PADDING
    with pytest.raises(ValueError, match="row 1 has a token behind padding"):
        causal_language_model().logits(built(gpt2), tokens)


def test_the_tokenizers_own_padding_can_be_named():
    tokens = some_texts()
    texts = tokens.masked_fill(tokens == 3, 4)
    other = texts.masked_fill(texts == PADDING, 3)
    by_default = GradientFeatures(built(gpt2), causal_language_model(), widths=NARROW).features_NSD(texts)
    named = GradientFeatures(built(gpt2), causal_language_model(padding=3), widths=NARROW)
    torch.testing.assert_close(named.features_NSD(other), by_default)
