"""What is the projected gradient of every single example of a batch, without ever building a gradient?

For a linear map, the gradient of one example is the sum over positions of (output gradient) x (input). Both
factors are projected before they are multiplied, so the memory of a batch is that of the features themselves.
Parameters are frozen: the backward pass computes no weight gradients, which pays for the projections.

Shapes: N examples, L positions of one call, S projection seeds, R rows and C columns of a weight,
r and c what is kept of them, D width of a feature vector, F width of a module's input.
"""

import logging
from collections.abc import Callable
from enum import IntEnum
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.determinism import deterministic
from provenance.attribution.blocks import Layout, Side, Site, Widths, fitting_widths, layout_of, projection
from provenance.attribution.checking import wrong_blocks
from provenance.attribution.kinds import Kind
from provenance.attribution.task import Objective, SequenceTask, objective_N
from provenance.attribution.tracing import SHARED, UNKNOWN, Axes, hooked, trace_axes

CHECKED = 3  # examples whose features are computed both together and one by one
TOLERANCE = 0.01
log = logging.getLogger(__name__)


class Batching(IntEnum):
    """How examples go through the model: the first of these that gives each example its own gradient."""

    WHOLE = 0
    WITHOUT_SHARED = 1  # calls that see no batch (tables of positions) are left out
    SINGLE = 2


class GradientFeatures:
    """Projected per-example gradients of one model, which it freezes and puts into evaluation mode.

    The first example is also differentiated by autograd: blocks whose features are not its gradients are left
    out, and named in `layout.uncovered`. The first batch is also run one example at a time. Where its
    features differ from those, the model mixes examples or reshapes what the hooks see, and a slower way is
    chosen (see `Batching`).
    """

    def __init__(
        self,
        model: nn.Module,
        task: SequenceTask,
        *,
        objective: Objective = Objective.CROSS_ENTROPY,
        widths: Widths | None = None,
        seeds: tuple[int, ...] = (0,),
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.task = task
        self.objective = objective
        self.layout: Layout = layout_of(model, widths or fitting_widths(model))
        self.num_seeds = len(seeds)
        self.batching: Batching | None = None
        self._axes: Axes = {}
        self._seeds = seeds
        self._device = next(model.parameters()).device
        self._rows: list[Side] = []
        self._cols: list[Side] = []
        self.draw_projections("")

    def draw_projections(self, key: str) -> None:
        """New random projections, determined by the key and the seeds.

        With another key for every checkpoint, what projections lose is not the same in all of them.
        """
        self._rows = [self._side(b.rows, b.kept_rows, f"{key}{b.name}.rows") for b in self.layout.blocks]
        self._cols = [self._side(b.cols, b.kept_cols, f"{key}{b.name}.cols") for b in self.layout.blocks]

    def _side(self, size: int, kept: int, name: str) -> Side:
        drawn = torch.stack([projection(size, kept, seed, name) for seed in self._seeds], 1)
        return Side(drawn.to(self._device), whole=kept == size)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._device

    def features_NSD(self, tokens_NT: Tensor) -> Tensor:
        """The features of every example, float32, one vector a seed."""
        tokens_NT = tokens_NT.to(self.device)
        return self._by(self.settle(tokens_NT), tokens_NT)

    def settle(self, tokens_NT: Tensor) -> Batching:
        """Chooses how examples go through the model, from the first that are seen; then it stays."""
        if self.batching is None:
            self.batching = self._choose_batching(tokens_NT.to(self.device))
        return self.batching

    def _choose_batching(self, tokens_NT: Tensor) -> Batching:
        few = tokens_NT[:CHECKED] if len(tokens_NT) > 1 else tokens_NT.repeat_interleave(CHECKED, 0)
        self._axes = trace_axes(self.layout.sites, lambda x: self.task.logits(self.model, x), few[:1])
        self._leave_out_wrong(few[:1])
        right = self._by(Batching.SINGLE, few)
        for batching in (Batching.WHOLE, Batching.WITHOUT_SHARED):
            kept = self._kept_columns(batching)
            try:
                got = self._by(batching, few)
            except (RuntimeError, ValueError, IndexError):
                continue  # an output with a batch axis of its own did not fit the model
            error = (got - right)[..., kept].norm(dim=-1) / right[..., kept].norm(dim=-1).clamp(min=1e-30)
            if bool((error < TOLERANCE).all()):
                if batching is Batching.WITHOUT_SHARED:
                    log.warning("the gradients of %s are left out", ", ".join(self._shared_names()))
                return batching
        log.warning("examples of a batch are not independent in this model: one is run at a time")
        return Batching.SINGLE

    def _leave_out_wrong(self, tokens_1T: Tensor) -> None:
        """Takes blocks out whose weights the model uses in ways that hooks do not see."""
        got_SD = self._by(Batching.SINGLE, tokens_1T)[0]

        def value() -> Tensor:
            return self._value_N(tokens_1T).sum()

        wrong = wrong_blocks(self.layout, self._rows, self._cols, value, got_SD)
        if wrong:
            names = ", ".join(self.layout.blocks[i].name for i in sorted(wrong))
            log.warning("the model does more with %s than hooks see: their gradients are left out", names)
            self.layout = self.layout.without(wrong)

    def _shared_names(self) -> list[str]:
        return [site.name for site in self.layout.sites if set(self._axes[site.name]) & {SHARED, UNKNOWN}]

    def _kept_columns(self, batching: Batching) -> Tensor:
        kept = torch.ones(self.layout.width, dtype=torch.bool, device=self.device)
        if batching is Batching.WITHOUT_SHARED:
            shared = set(self._shared_names())
            for site in self.layout.sites:
                if site.name in shared:
                    kept[self.layout.blocks[site.block].span] = False
        return kept

    def _by(self, batching: Batching, tokens_NT: Tensor) -> Tensor:
        if batching is Batching.SINGLE:
            return torch.cat([self._run(tokens_NT[i : i + 1], {}) for i in range(len(tokens_NT))])
        axes = self._axes
        if batching is Batching.WITHOUT_SHARED:
            axes = {name: tuple(UNKNOWN if a == SHARED else a for a in row) for name, row in axes.items()}
        return self._run(tokens_NT, axes)

    def _run(self, tokens_NT: Tensor, axes: Axes) -> Tensor:
        """One forward and backward pass; with no axes, everything belongs to the one example there is."""
        collector = _Collector(self, len(tokens_NT), axes)
        with torch.enable_grad(), deterministic(self.device), hooked(self.layout.sites, collector.on_call):
            torch.autograd.backward(self._value_N(tokens_NT).sum())
        return collector.features_NSD

    def _value_N(self, tokens_NT: Tensor) -> Tensor:
        logits, targets = self.task.logits(self.model, tokens_NT), self.task.targets(tokens_NT)
        return objective_N(logits, targets, self.objective, self.task.ignore_index)


class _Collector:
    """Gathers the features of one batch while it goes forward and backward."""

    def __init__(self, owner: GradientFeatures, num_examples: int, axes: Axes) -> None:
        self.owner = owner
        self.num_examples = num_examples
        self.axes = axes
        self.calls: dict[str, int] = {}
        self.busy = False
        shape = (num_examples, owner.num_seeds, owner.layout.width)
        self.features_NSD = torch.zeros(shape, device=owner.device)

    def on_call(self, site: Site, x: Tensor, output: Tensor) -> Tensor | None:
        """Notes the projected input of a call and asks for the gradient of its output."""
        axis = UNKNOWN if self.busy else self._axis(site)
        if axis == UNKNOWN:
            return None
        replaced = self._own_output(output, axis)
        self.busy = True  # a norm layer is called again to see what it normalises
        with torch.no_grad():
            add = self._adder(site, self._own_input(site, x, axis))
        self.busy = False
        output_axis = 0 if axis == SHARED else axis
        replaced.register_hook(  # type: ignore[no-untyped-call]
            lambda grad: add(self._by_example(grad, output_axis))
        )
        return replaced

    def _axis(self, site: Site) -> int:
        if not self.axes:
            return 0
        call = self.calls.get(site.name, 0)
        self.calls[site.name] = call + 1
        known = self.axes[site.name]
        return known[min(call, len(known) - 1)] if known else UNKNOWN

    def _own_output(self, output: Tensor, axis: int) -> Tensor:
        if axis == SHARED:
            whole = output if output.dim() > 2 and output.shape[0] == 1 else output[None]
            output = whole.expand(self.num_examples, *whole.shape[1:])
        if output.requires_grad:
            # A view that is changed in place later would lose its hook; a biased linear map returns one.
            return output.clone() if output._is_view() else output
        return output.detach().requires_grad_().clone()

    def _own_input(self, site: Site, x: Tensor, axis: int) -> Tensor:
        x = x[..., None] if site.kind is Kind.EMBEDDING else x
        if axis == SHARED:
            return x.reshape(1, -1, x.shape[-1]).expand(self.num_examples, -1, -1)
        return self._by_example(x, axis)

    def _by_example(self, x: Tensor, axis: int) -> Tensor:
        if self.num_examples == 1:
            return x.reshape(1, -1, x.shape[-1])
        return x.movedim(axis, 0).reshape(self.num_examples, -1, x.shape[-1])

    def _adder(self, site: Site, x_NLF: Tensor) -> Callable[[Tensor], None]:
        """A function that adds one call's part, given the gradient of its output (N, L, F)."""
        block = self.owner.layout.blocks[site.block]
        rows, cols = self.owner._rows[site.block], self.owner._cols[site.block]
        target_NSD = self.features_NSD[:, :, block.span]
        if site.kind is Kind.NORM:
            return partial(_add_norm, target_NSD, normalised(site.module, x_NLF), cols)
        if site.kind is Kind.EMBEDDING:
            looked_up_SNLr = site.scale * _looked_up(site, x_NLF[..., 0], rows)
            return lambda grad_NLF: _add_outer(target_NSD, looked_up_SNLr, cols.project(grad_NLF))
        cols_SNLc = cols.project(x_NLF, has_bias=site.has_bias)
        return lambda grad_NLF: _add_outer(target_NSD, rows.project(grad_NLF), cols_SNLc)


def _add_outer(target_NSD: Tensor, rows_SNLr: Tensor, cols_SNLc: Tensor) -> None:
    shape = rows_SNLr.shape[-1], cols_SNLc.shape[-1]
    for s, (rows_NLr, cols_NLc) in enumerate(zip(rows_SNLr, cols_SNLc, strict=True)):
        target_NSD[:, s].view(-1, *shape).baddbmm_(rows_NLr.transpose(1, 2), cols_NLc)


def _add_norm(target_NSD: Tensor, unit_NLF: Tensor, cols: Side, grad_NLF: Tensor) -> None:
    grad_NLF = grad_NLF.float()
    gradient_NC = (unit_NLF * grad_NLF).sum(1)
    if cols.matrix_FSk.shape[0] > gradient_NC.shape[1]:
        gradient_NC = torch.cat([gradient_NC, grad_NLF.sum(1)], 1)
    projected_NSk = gradient_NC[:, None] if cols.whole else torch.tensordot(gradient_NC, cols.matrix_FSk, 1)
    target_NSD.add_(projected_NSk)


def _looked_up(site: Site, index_NL: Tensor, rows: Side) -> Tensor:
    """The projected rows (S, N, L, r) of a table that an example reads; zero for padding, never trained."""
    rows_NLSr = rows.matrix_FSk[index_NL]
    padding = getattr(site.module, "padding_idx", None)
    if padding is not None:
        rows_NLSr = rows_NLSr * (index_NL != padding)[..., None, None]
    return rows_NLSr.permute(2, 0, 1, 3)


def normalised(module: nn.Module, x_NLF: Tensor) -> Tensor:
    """What a norm layer multiplies by its scale: its output's derivative by the scale."""
    x_NLF = x_NLF.detach()
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(x_NLF.float(), x_NLF.shape[-1:], eps=module.eps)
    if isinstance(module, nn.RMSNorm):
        return F.rms_norm(x_NLF.float(), x_NLF.shape[-1:], eps=module.eps)
    weight = module.weight
    assert isinstance(weight, Tensor)
    high, low = (
        torch.func.functional_call(module, {"weight": value}, (x_NLF,))
        for value in (torch.ones_like(weight), torch.zeros_like(weight))
    )
    difference: Tensor = high - low
    return difference.float()
