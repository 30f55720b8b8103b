"""Which processes train one model together, and how do they stay of one mind?

`torchrun` starts them and tells each which it is. Each takes its part of every batch; gradients are summed,
so that many processes learn what one would, to rounding. Either every process holds the whole model (DDP), or
each holds a part of parameters, gradients and optimiser (FSDP2).

Source: Li et al. 2020, PyTorch Distributed (VLDB 13); Zhao et al. 2023, PyTorch FSDP (VLDB 16).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from model.events import Ints
from model.layers import Block

CPU = torch.device("cpu")
PATIENCE = timedelta(minutes=30)
PARTING_SECONDS = 0.5  # so that nobody hangs up on one who has not yet heard that all are done


@dataclass(frozen=True)
class Workers:
    """The processes of a run, seen from one of them; by default there is only this one.

    Attributes:
        rank: which of them this is, from 0; the first one writes.
        count: how many there are.
        device: where this one computes.
        sharded: whether each holds only a part of the model.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = CPU
    sharded: bool = False

    @property
    def writes(self) -> bool:
        """Whether this process writes what all of them found."""
        return self.rank == 0

    def shared(self, model: nn.Module) -> nn.Module:
        """The model as these processes run it together; its own tensors become parts where it is sharded."""
        if self.count == 1:
            return model
        if not self.sharded:
            return DistributedDataParallel(model, device_ids=None)
        mesh = init_device_mesh(self.device.type, (self.count,))
        for module in model.modules():
            if isinstance(module, Block):
                fully_shard(module, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model

    def parts(self, total: int, most: int) -> list[tuple[Ints, float]]:
        """Which of a batch's examples this process takes, at most so many at a time, with their weight.

        Every process has the same number of parts; one that has nothing left takes the first example with a
        weight of zero, because the others wait for it.
        """
        own = np.arange(self.rank, total, self.count, dtype=np.int32)
        num_parts = ceil(total / (self.count * most))
        cuts = [own[i * most : (i + 1) * most] for i in range(num_parts)]
        return [(cut, 1.0) if len(cut) else (np.zeros(1, dtype=np.int32), 0.0) for cut in cuts]

    def summed(self, value: Tensor) -> Tensor:
        """The sum of every process's value, in every process."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    @contextmanager
    def gathering(self, network: nn.Module, *, last: bool) -> Iterator[None]:
        """A part of a batch; gradients of all processes are brought together after the last."""
        if isinstance(network, FSDPModule):
            network.set_requires_gradient_sync(last)
        holding = isinstance(network, DistributedDataParallel) and not last
        with network.no_sync() if holding else nullcontext():  # type: ignore[operator]
            yield

    def wait(self) -> None:
        """Until every process is here."""
        if self.count > 1:
            dist.barrier()


ALONE = Workers()


@contextmanager
def joined(*, sharded: bool = False) -> Iterator[Workers]:
    """The processes that `torchrun` started, from its environment; one alone where there is none.

    Each computes on a GPU of its own where the machine has one for it.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = own_device(int(os.environ.get("LOCAL_RANK", "0")))
    if count == 1:
        yield Workers(device=device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Workers(rank, count, device, sharded)
        dist.barrier()
        time.sleep(PARTING_SECONDS)
    finally:
        dist.destroy_process_group()


def own_device(place: int = 0) -> torch.device:
    """The GPU of the process with this place on its machine, or the CPU where there is none for it."""
    has_gpu = torch.cuda.is_available() and place < torch.cuda.device_count()
    return torch.device("cuda", place) if has_gpu else CPU


def whole(tensor: Tensor) -> Tensor:
    """The whole of a tensor of which each process may hold a part, on the CPU. Every process has to ask."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().cpu()


def placed_like(tensor: Tensor, model: Tensor) -> Tensor:
    """A whole tensor as another one lies: on its device, and in parts where that one is in parts."""
    if isinstance(model, DTensor):
        return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements)
    return tensor.to(model.device)
