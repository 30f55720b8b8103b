"""Where do features lie on disk, so that indexing may be killed at any moment and goes on where it was?

A store is a folder of arrays cut into shards of a fixed number of examples. A shard is written under a
temporary name and renamed; then the manifest that names it, with its digest, is replaced in the same way.
What the manifest does not name does not exist. Only one shard is ever held in memory.

Shapes: N examples, n examples of one shard, D width.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.files import replacing
from provenance.attribution.errors import AttributionError

FORMAT = "contrafact.features/1"
Array = NDArray[Any]


class FeatureStore:
    """Arrays in shards, by stage: one stage is one array over all examples.

    Raises:
        AttributionError: if the folder holds features of another model or of other settings.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any], shard_rows: int) -> None:
        self.directory = directory
        self.manifest: dict[str, Any] = {
            "type": FORMAT, "settings": dict(settings), "shard_rows": shard_rows,
            "stages": {}, "complete": [], "removed": [],
        }  # fmt: skip
        path = directory / "manifest.json"
        if path.exists():
            self._continue(path)
        directory.mkdir(parents=True, exist_ok=True)

    def _continue(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            same = found["type"] == FORMAT and found["settings"] == self.manifest["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise AttributionError(f"{path} is no manifest of features; give an empty folder") from error
        if not same:
            raise AttributionError(
                f"{path.parent} holds features of another model, checkpoint or setting; give another folder"
            )
        self.manifest = found

    @property
    def shard_rows(self) -> int:
        """How many examples one shard has; the last may have fewer."""
        return int(self.manifest["shard_rows"])

    def is_complete(self, stage: str) -> bool:
        """Whether every example of a stage is there."""
        return stage in self.manifest["complete"]

    def complete(self, stage: str) -> None:
        """Marks a stage as complete."""
        if not self.is_complete(stage):
            self.manifest["complete"] = sorted([*self.manifest["complete"], stage])
            self._save()

    @property
    def num_examples(self) -> int:
        """The number of examples, those that were removed included."""
        return self.num_rows("rows")

    @property
    def removed(self) -> list[int]:
        """The examples whose features were taken away."""
        return list(self.manifest["removed"])

    @property
    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.directory.rglob("*") if path.is_file())

    def num_rows(self, stage: str) -> int:
        """How many examples of a stage are finished."""
        return sum(shard["rows"] for shard in self._shards(stage))

    def num_shards(self, stage: str) -> int:
        """How many shards of a stage are finished."""
        return len(self._shards(stage))

    def append(self, stage: str, rows_nD: Array) -> None:
        """One more shard, durable when this returns."""
        shards = self._shards(stage)
        name = f"{stage}/{len(shards):05d}.npy"
        entry = {"name": name, "rows": len(rows_nD), "sha256": self._write(name, rows_nD)}
        self.manifest["stages"][stage] = [*shards, entry]
        self._save()

    def chunks(self, stage: str) -> Iterator[Array]:
        """The shards of a stage in order, mapped from disk."""
        return (self.chunk(stage, i) for i in range(self.num_shards(stage)))

    def chunk(self, stage: str, index: int) -> Array:
        """One shard, mapped from disk."""
        path = self.directory / self._shards(stage)[index]["name"]
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError) as error:
            raise AttributionError(f"{path} is missing or broken; index again in an empty folder") from error

    def drop(self, stage: str) -> None:
        """Forgets a stage and frees its space."""
        shards = self.manifest["stages"].pop(stage, [])
        self._save()
        for shard in shards:
            (self.directory / shard["name"]).unlink(missing_ok=True)

    def erase(self, ids: Iterable[int], stages: Iterable[str]) -> None:
        """Overwrites the features of some examples with zeros: nothing can be computed from them again."""
        wanted = np.array(sorted(set(ids)), dtype=np.int64)
        for stage in stages:
            self._erase_in(stage, wanted)
        self.manifest["removed"] = sorted({*self.manifest["removed"], *wanted.tolist()})
        self._save()

    def _erase_in(self, stage: str, wanted: NDArray[np.int64]) -> None:
        start = 0
        for i, shard in enumerate(self._shards(stage)):
            inside = wanted[(wanted >= start) & (wanted < start + shard["rows"])] - start
            if len(inside):
                rows_nD = np.array(self.chunk(stage, i))
                rows_nD[inside] = 0
                shard["sha256"] = self._write(shard["name"], rows_nD)
            start += shard["rows"]

    def verify(self) -> list[str]:
        """The names of shards whose bytes are not those that were written."""
        return [
            shard["name"]
            for shards in self.manifest["stages"].values()
            for shard in shards
            if _digest(np.load(self.directory / shard["name"], mmap_mode="r")) != shard["sha256"]
        ]

    def _shards(self, stage: str) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = self.manifest["stages"].get(stage, [])
        return shards

    def _write(self, name: str, rows_nD: Array) -> str:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, rows_nD, allow_pickle=False)
        return _digest(rows_nD)

    def _save(self) -> None:
        with replacing(self.directory / "manifest.json") as temporary:
            temporary.write_text(json.dumps(self.manifest, indent=1, sort_keys=True), encoding="utf-8")


def _digest(rows_nD: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows_nD).data).hexdigest()
