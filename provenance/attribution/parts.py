"""Which part of an index does this process make, and how does it know that the others have made theirs?

The processes of an index talk through its folder alone: a job is done when its file has its name. They need
no network between them, may run on any number of machines that see the folder, and may be started again, also
in another number.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from provenance.attribution.errors import AttributionError

PATIENCE_SECONDS = 1800.0
SHORTEST_NAP_SECONDS, LONGEST_NAP_SECONDS = 0.05, 5.0


class NotYetError(AttributionError):
    """Others have not made what is needed next, and this process is not to wait for them."""


@dataclass(frozen=True)
class Part:
    """One of the processes that make an index together; by default there is only this one.

    Attributes:
        rank: which of them this is, from 0; the first one writes the manifest.
        count: how many there are.
        waits: whether it waits for the others; if not, indexing ends where they are needed.
        patience: seconds without any progress after which waiting ends.
    """

    rank: int = 0
    count: int = 1
    waits: bool = True
    patience: float = PATIENCE_SECONDS

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.count:
            raise ValueError(f"the processes are numbered 0 to {self.count - 1}, not {self.rank}")

    @classmethod
    def of_environment(cls, patience: float = PATIENCE_SECONDS) -> "Part":
        """The part that `torchrun` gave this process (RANK, WORLD_SIZE); the whole where there is none."""
        rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        return cls(rank, count, patience=patience)

    @property
    def is_first(self) -> bool:
        """Whether this process writes what all of them found."""
        return self.rank == 0

    def own(self, num_jobs: int) -> range:
        """The numbers of the jobs that are this process's."""
        return range(self.rank, num_jobs, self.count)

    def wait(self, left: Callable[[], int], what: str) -> None:
        """Until nothing is left.

        Raises:
            AttributionError: if for too long nothing became less.
            NotYetError: if something is left and this process is not to wait.
        """
        least, since, nap = left(), time.monotonic(), SHORTEST_NAP_SECONDS
        while least:
            if not self.waits:
                raise NotYetError(f"{least} of {what} are missing")
            if time.monotonic() - since > self.patience:
                raise AttributionError(
                    f"{least} of {what} are missing and none came for {self.patience:.0f} seconds: a process "
                    "of this index has ended; start all of them again, what is done is kept"
                )
            time.sleep(nap)
            nap = min(1.5 * nap, LONGEST_NAP_SECONDS)
            now = left()
            least, since = (now, time.monotonic()) if now < least else (least, since)


ALONE = Part()
