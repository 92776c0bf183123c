"""A survey on disk, read: `Survey.open(folder)`.

The folder holds `survey.json`, `shards/NNNNN.h5` of 16 models each, and `survey.h5`, a virtual dataset over
the shards for other programs. This reader goes to the shards themselves, at random and from any thread.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.reading import dataset, hdf5
from data_gen.survey.checked import stated_checksum, verify
from data_gen.survey.specification import (
    MODELS_PER_SHARD,
    SurveySpecification,
    read_record,
    read_specification,
    shard_path,
    shards_there,
)

Indices = Sequence[int] | np.ndarray


class Survey:
    """The gathers and velocity models of a finished survey.

    `train` and `test` are the indices of the models of either split.
    """

    folder: Path | None
    """Where it lies; None for one in memory."""

    def __init__(self, folder: Path, specification: SurveySpecification) -> None:
        self.folder = self._folder = folder
        self.specification = specification
        self.train = np.arange(specification.train_models)
        self.test = np.arange(specification.train_models, specification.models)

    @classmethod
    def open(cls, folder: str | Path) -> Survey:
        """Open a survey after looking at every shard.

        Raises DataError where the folder is no survey, or a shard is missing, truncated or of another
        shape.
        """
        folder = Path(folder)
        specification = read_specification(folder)
        there = shards_there(folder, specification)
        if len(there) < specification.shards:
            first = next(shard for shard in range(specification.shards) if shard not in there)
            raise DataError(
                f"{folder} lacks {specification.shards - len(there)} of its {specification.shards} shards, the first "
                f"is {shard_path(folder, first).name}: finish it with the command that began it"
            )
        survey = cls(folder, specification)
        for shard in range(survey.specification.shards):
            survey._check(shard)
        return survey

    @property
    def acquisition(self) -> Acquisition:
        """Grid, geometry, clock and wavelet."""
        return self.specification.acquisition

    def __len__(self) -> int:
        return self.specification.models

    @property
    def name(self) -> str:
        """The folder's name, by which tables call the survey."""
        return self._folder.resolve().name

    def gathers(self, indices: Indices) -> np.ndarray:
        """Recorded pressure of the given models, float32 (model, source, receiver, time)."""
        return self._read("gathers", indices, self.acquisition.gather_shape, np.float32)

    def velocity(self, indices: Indices) -> np.ndarray:
        """Velocity of the given models [m/s], float32 (model, depth, x)."""
        return self._read("velocity", indices, self.acquisition.grid.shape, np.float32)

    def salt_mask(self, indices: Indices) -> np.ndarray:
        """Where the given models are salt, bool (model, depth, x)."""
        return self._read("salt_mask", indices, self.acquisition.grid.shape, np.bool_)

    def verify(self, progress: Callable[[int], None] = lambda models: None, only: Indices | None = None) -> None:
        """Read every byte; raises DataError where any is not what was written. `progress` is told of models.

        With `only` some models, by their indices, the shards that hold them are read.
        """
        some = range(self.specification.shards) if only is None else np.unique(np.asarray(only) // MODELS_PER_SHARD)
        for shard in map(int, some):
            verify(shard_path(self._folder, shard))
            progress(len(self.specification.shard_models(shard)))

    def identity(self) -> str:
        """What the survey is, whatever it is called and wherever it lies: of its specification and every shard's
        checksum, 64 hexadecimal digits."""
        digest = hashlib.sha256(json.dumps(self.specification.identity(), sort_keys=True).encode())
        for shard in range(self.specification.shards):
            digest.update(stated_checksum(shard_path(self._folder, shard)))
        return digest.hexdigest()

    def is_or_was(self, identity: str) -> bool:
        """Whether the survey has this identity, or had it before it grew: its first models are then the same."""
        if identity == self.identity():
            return True
        record = {} if self.folder is None else read_record(self.folder)
        return any(entry.get("identity") == identity for entry in record.get("grown_from", []))

    def fingerprint(self, index: int) -> str:
        """What a velocity model is, in whatever survey it lies: of its velocities, 16 hexadecimal digits."""
        return hashlib.sha256(self.velocity([index]).tobytes()).hexdigest()[:16]

    def quantization_error(self) -> float:
        """Relative L2 error of the worst model's gathers by their type on disk: 0 for float32."""
        errors = [0.0]
        for shard in range(self.specification.shards):
            with self._shard(shard) as file:
                if "quantization_error" in file:
                    models = len(self.specification.shard_models(shard))
                    errors.append(float(np.max(dataset(file, "quantization_error", (models,), "f"))))
        return max(errors)

    def _read(self, name: str, indices: Indices, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        rows = np.asarray(indices, dtype=np.int64).ravel()
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"model {rows.min()} or {rows.max()} is not among {len(self)}")
        values: np.ndarray = np.empty((rows.size, *shape), dtype)
        for shard in np.unique(rows // MODELS_PER_SHARD):
            with self._shard(int(shard)) as file:
                data = file[name]
                for position in np.flatnonzero(rows // MODELS_PER_SHARD == shard):
                    row = rows[position] % MODELS_PER_SHARD
                    values[position] = data[row]
                    if name == "gathers" and "scale" in file:
                        values[position] *= file["scale"][row]
        return values

    def _shard(self, shard: int) -> AbstractContextManager[h5py.File]:
        return hdf5(shard_path(self._folder, shard))

    def _check(self, shard: int) -> None:
        models = len(self.specification.shard_models(shard))
        with self._shard(shard) as file:
            dataset(file, "gathers", (models, *self.acquisition.gather_shape), "f")
            dataset(file, "velocity", (models, *self.acquisition.grid.shape), "f")
            dataset(file, "salt_mask", (models, *self.acquisition.grid.shape), "b")
            if self.specification.dtype == "float16":
                dataset(file, "scale", (models,), "f")
