"""A survey in memory: somebody's own arrays, to be read like a survey on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.salt import is_salt
from data_gen.survey.reader import Indices, Survey


class ArraySurvey(Survey):
    """Gathers (model, source, receiver, time) and velocity models (model, depth, x) [m/s] of an acquisition.

    The last `test_models` are for testing, the others for training. Raises DataError for arrays that do not fit.
    """

    folder = None

    def __init__(
        self, gathers: np.ndarray, velocity: np.ndarray, acquisition: Acquisition, test_models: int = 0
    ) -> None:
        gathers, velocity = np.asarray(gathers, np.float32), np.asarray(velocity, np.float32)
        if gathers.shape[1:] != acquisition.gather_shape:
            raise DataError(f"gathers have the shape {gathers.shape}, not (model, {_listed(acquisition.gather_shape)})")
        if len(gathers) != len(velocity):
            raise DataError(f"{len(gathers)} gathers cannot belong to {len(velocity)} velocity models")
        if not np.isfinite(gathers).all():
            raise DataError("gathers hold samples that are not finite")
        for number, model in enumerate(velocity):
            acquisition.check_velocity(model, f"velocity model {number}")
        if not 0 <= test_models <= len(velocity):
            raise DataError(f"{test_models} of {len(velocity)} models cannot be for testing")
        self._gathers, self._velocity, self._acquisition = gathers, velocity, acquisition
        self.train = np.arange(len(velocity) - test_models)
        self.test = np.arange(len(velocity) - test_models, len(velocity))

    @property
    def acquisition(self) -> Acquisition:
        """Grid, geometry, clock and wavelet."""
        return self._acquisition

    @property
    def name(self) -> str:
        """What tables call it."""
        return "arrays"

    def __len__(self) -> int:
        return len(self._velocity)

    def gathers(self, indices: Indices) -> np.ndarray:
        """Recorded pressure of the given models, float32 (model, source, receiver, time)."""
        return self._gathers[np.asarray(indices, np.int64)]

    def velocity(self, indices: Indices) -> np.ndarray:
        """Velocity of the given models [m/s], float32 (model, depth, x)."""
        return self._velocity[np.asarray(indices, np.int64)]

    def salt_mask(self, indices: Indices) -> np.ndarray:
        """Where the given models are salt by their velocity, bool (model, depth, x)."""
        return is_salt(self.velocity(indices))

    def identity(self) -> str:
        """Of the arrays and the acquisition, 64 hexadecimal digits."""
        digest = hashlib.sha256(repr((self._acquisition, len(self.test))).encode())
        digest.update(self._gathers.tobytes())
        digest.update(self._velocity.tobytes())
        return digest.hexdigest()

    def verify(self, progress: Callable[[int], None] = lambda models: None, only: Indices | None = None) -> None:
        """Nothing: the arrays were looked at when they were given."""

    def quantization_error(self) -> float:
        """0: nothing was quantized."""
        return 0.0


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
