"""Small models and the slow, obvious way to a projected gradient."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from provenance.attribution.blocks import Layout, projection
from provenance.attribution.kinds import Kind
from provenance.attribution.task import Objective, SequenceTask, objective_N

VOCABULARY, PADDING = 24, 23


class Block(nn.Module):
    def __init__(self, width: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.norm, self.norm_inner = norm(width), norm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (2, -1)).transpose(1, 2) for y in self.qkv(self.norm(x)).chunk(3, -1))
        heard = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.out(heard)
        change = self.down(F.gelu(self.up(self.norm_inner(x))))
        change += x  # in place, on the very tensor that hooks look at
        return change


class TinyGPT(nn.Module):
    """A causal model with a table of positions, optionally with tied weights."""

    def __init__(self, *, width: int = 12, layers: int = 2, tied: bool = False, norm=nn.LayerNorm) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.position = nn.Embedding(40, width)
        self.blocks = nn.ModuleList(Block(width, norm) for _ in range(layers))
        self.norm = norm(width)
        self.head = nn.Linear(width, VOCABULARY)
        if tied:
            self.head.weight = self.token.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def a_model(seed: int = 0, **options) -> TinyGPT:
    torch.manual_seed(seed)
    return TinyGPT(**options)


def a_task() -> SequenceTask:
    return SequenceTask(
        logits=lambda model, tokens: model(tokens[:, :-1]),
        targets=lambda tokens: tokens[:, 1:],
        ignore_index=PADDING,
    )


def some_tokens(num: int, length: int = 9, seed: int = 0) -> Tensor:
    """Random walks over the vocabulary, padded at the end by different lengths."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(-2, 3, (num, length), generator=generator)
    tokens = (torch.randint(0, 23, (num, 1), generator=generator) + steps.cumsum(1)) % (VOCABULARY - 1)
    pad = torch.randint(0, 3, (num, 1), generator=generator)
    return torch.where(torch.arange(length) >= length - pad, PADDING, tokens)


def trained(model: nn.Module, tokens: Tensor, steps: int = 60) -> nn.Module:
    task = a_task()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        logits, targets = task.logits(model, tokens), task.targets(tokens)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PADDING)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def slow_features(
    model: nn.Module, task: SequenceTask, layout: Layout, tokens: Tensor, objective: Objective, seed: int = 0
) -> Tensor:
    """Every example's gradient by autograd, as whole matrices, then multiplied by both projections."""
    model.requires_grad_(True)
    parameters = dict(model.named_parameters())
    rows = []
    for i in range(len(tokens)):
        one = tokens[i : i + 1]
        value = objective_N(task.logits(model, one), task.targets(one), objective, task.ignore_index).sum()
        grads = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
        by_id = {
            id(p): torch.zeros_like(p) if g is None else g
            for p, g in zip(parameters.values(), grads, strict=True)
        }
        rows.append(torch.cat([_slow_block(layout, i, by_id, seed) for i in range(len(layout.blocks))]))
    model.requires_grad_(False)
    return torch.stack(rows)


def _slow_block(layout: Layout, index: int, grads: dict[int, Tensor], seed: int) -> Tensor:
    block = layout.blocks[index]
    sites = [site for site in layout.sites if site.block == index]
    if not sites:
        return torch.zeros(block.width)  # left out
    weight = grads[id(sites[0].module.weight)]
    biases = {id(s.module.bias): grads[id(s.module.bias)] for s in sites if s.has_bias}
    if sites[0].kind is Kind.NORM:
        whole = torch.cat([weight, *biases.values()])[None]
    else:
        whole = weight.T if sites[0].kind is Kind.CONV1D else weight
        if biases:
            whole = torch.cat([whole, sum(biases.values())[:, None]], 1)
    left = projection(block.rows, block.kept_rows, seed, f"{block.name}.rows")
    right = projection(block.cols, block.kept_cols, seed, f"{block.name}.cols")
    return (left.T @ whole.float() @ right).flatten()
