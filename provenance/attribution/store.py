"""Where do features lie on disk, so that many processes may write them and be killed at any moment?

A store is a folder of arrays cut into shards of a fixed number of examples. A shard is written under a
temporary name and renamed, and then its digest beside it in the same way: what has no digest does not exist
yet. When all shards of a stage are there, the manifest is replaced by one that names them with their digests.
Any process may put a shard; only the first one writes the manifest. Only one shard is ever held in memory.

Shapes: N examples, n examples of one shard, D width.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.files import replacing
from provenance.attribution.errors import AttributionError

FORMAT = "contrafact.features/2"
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
            "stages": {}, "removed": [],
        }  # fmt: skip
        self.is_begun()
        directory.mkdir(parents=True, exist_ok=True)

    def is_begun(self) -> bool:
        """Whether the folder has a manifest, which then holds; another process may have written it since."""
        path = self.directory / "manifest.json"
        if path.exists():
            self._continue(path)
        return path.exists()

    def begin(self) -> None:
        """Says whose features the folder holds, before there are any."""
        if not self.is_begun():
            self._save()

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
        """Whether every example of a stage is there, as far as the manifest was read."""
        return stage in self.manifest["stages"]

    def complete(self, stage: str, num_rows: int) -> None:
        """Names a stage, all of whose shards are there, in the manifest; what its writers left is removed."""
        if not self.is_complete(stage):
            names = [shard_name(stage, i) for i in range(self.shards_of(num_rows))]
            sizes = [min(self.shard_rows, num_rows - i * self.shard_rows) for i in range(len(names))]
            self.manifest["stages"][stage] = [
                {"name": name, "rows": rows, "sha256": self._digest_path(name).read_text(encoding="ascii")}
                for name, rows in zip(names, sizes, strict=True)
            ]
            self._save()
        for path in (self.directory / stage).iterdir():
            if path.suffix != ".npy":
                path.unlink(missing_ok=True)

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
        return sum(
            _size(Path(folder, name)) for folder, _, names in os.walk(self.directory) for name in names
        )

    def num_rows(self, stage: str) -> int:
        """How many examples a complete stage has."""
        return sum(shard["rows"] for shard in self._shards(stage))

    def num_shards(self, stage: str) -> int:
        """How many shards a complete stage has."""
        return len(self._shards(stage))

    def shards_of(self, num_rows: int) -> int:
        """How many shards so many examples make."""
        return -(-num_rows // self.shard_rows)

    def num_written(self, stage: str) -> int:
        """How many shards of a stage are written, by whatever process."""
        # os.walk, unlike a glob, finds nothing in a folder that another process has just removed.
        names = [name for _, _, files in os.walk(self.directory / stage) for name in files]
        return self.num_shards(stage) or sum(name.endswith(".sha256") for name in names)

    def num_left(self, stage: str, num_rows: int) -> int:
        """How many shards of a stage are still to be written."""
        return max(self.shards_of(num_rows) - self.num_written(stage), 0)

    def has(self, stage: str, index: int) -> bool:
        """Whether a shard is written."""
        known = index < self.num_shards(stage)
        return known or self._digest_path(shard_name(stage, index)).exists()

    def put(self, stage: str, index: int, rows_nD: Array) -> None:
        """One shard, durable when this returns."""
        name = shard_name(stage, index)
        digest = self._write(name, rows_nD)
        with replacing(self._digest_path(name)) as temporary:
            temporary.write_text(digest, encoding="ascii")

    def _digest_path(self, name: str) -> Path:
        return (self.directory / name).with_suffix(".sha256")

    def chunks(self, stage: str) -> Iterator[Array]:
        """The shards of a stage in order, mapped from disk."""
        return (self.chunk(stage, i) for i in range(self.num_shards(stage)))

    def chunk(self, stage: str, index: int) -> Array:
        """One shard, mapped from disk."""
        path = self.directory / shard_name(stage, index)
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError) as error:
            raise AttributionError(f"{path} is missing or broken; index again in an empty folder") from error

    def drop(self, stage: str) -> None:
        """Forgets a stage and frees its space."""
        if self.manifest["stages"].pop(stage, None) is not None:
            self._save()
        shutil.rmtree(self.directory / stage, ignore_errors=True)

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


def _size(path: Path) -> int:
    """The bytes of a file; none where another process has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def shard_name(stage: str, index: int) -> str:
    """Where a shard lies in the folder."""
    return f"{stage}/{index:05d}.npy"


def _digest(rows_nD: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows_nD).data).hexdigest()
