"""Acquisition: where sources and receivers stand, when samples are taken, what wavelet is fired.

Lengths are in metres, times in seconds, velocities in m/s, frequencies in Hz.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.grid import Grid
from data_gen.reading import typed

MOST_SAMPLES = 10**9
"""Of the gathers of one model: 4 GB."""


@dataclass(frozen=True)
class Acquisition:
    """Geometry, clock and wavelet of a survey over the velocity models of a grid.

    Sources and receivers are spread evenly over the grid's full width, at constant depth. A velocity outside
    `velocity_limits` is refused: the upper limit decides the time step of the whole survey.

    Raises SettingError for an acquisition that cannot be.
    """

    grid: Grid
    sources: int
    receivers: int
    samples: int
    sample_interval: float
    source_depth: float = 15.0
    receiver_depth: float = 15.0
    peak_frequency: float = 10.0
    velocity_limits: tuple[float, float] = (1000.0, 4800.0)
    free_surface: bool = False

    def __post_init__(self) -> None:
        for name in ("sources", "receivers", "samples"):
            count = getattr(self, name)
            if not isinstance(count, int) or count < 1:
                raise SettingError(f"an acquisition has at least one of its {name}, not {count!r}")
        if math.prod(self.gather_shape) > MOST_SAMPLES:
            raise SettingError(f"gathers of {self.gather_shape} samples are too large for any memory")
        for name in ("sample_interval", "peak_frequency"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingError(f"a {name.replace('_', ' ')} of {value:g} is impossible")
        deepest = (self.grid.depth_cells - 1) * self.grid.spacing
        for name in ("source_depth", "receiver_depth"):
            if not 0 <= getattr(self, name) <= deepest:
                raise SettingError(f"a {name.replace('_', ' ')} of {getattr(self, name):g} m is outside the grid")
        lowest, highest = self.velocity_limits
        if not 0 < lowest < highest < math.inf:
            raise SettingError(f"velocity limits of {lowest:g} to {highest:g} m/s are impossible")

    @property
    def source_x(self) -> np.ndarray:
        """Position of the sources [m], shape (sources,)."""
        return np.linspace(0.0, self.grid.x[-1], self.sources)

    @property
    def receiver_x(self) -> np.ndarray:
        """Position of the receivers [m], shape (receivers,)."""
        return np.linspace(0.0, self.grid.x[-1], self.receivers)

    @property
    def time(self) -> np.ndarray:
        """Time of the samples [s], shape (samples,)."""
        return np.arange(self.samples) * self.sample_interval

    @property
    def delay(self) -> float:
        """Time of the wavelet's peak [s]: one and a half periods, where its beginning is below 1e-7."""
        return 1.5 / self.peak_frequency

    def wavelet(self, time: np.ndarray) -> np.ndarray:
        """Ricker wavelet of unit amplitude at the given times [s]."""
        phase = (np.pi * self.peak_frequency * (time - self.delay)) ** 2
        return (1 - 2 * phase) * np.exp(-phase)

    @property
    def gather_shape(self) -> tuple[int, int, int]:
        """(source, receiver, time)."""
        return self.sources, self.receivers, self.samples

    def __str__(self) -> str:
        return (
            f"{self.sources} sources and {self.receivers} receivers over {self.grid.x[-1]:g} m, "
            f"{self.samples} samples of {1000 * self.sample_interval:g} ms"
        )

    def check_velocity(self, velocity: np.ndarray, name: str = "the velocity model") -> None:
        """Raise DataError unless the velocity (depth, x) fits the grid and lies within the velocity limits."""
        lowest, highest = self.velocity_limits
        if velocity.shape != self.grid.shape:
            raise DataError(f"{name} has shape {velocity.shape}, the survey {self.grid.shape}")
        if not np.isfinite(velocity).all():
            raise DataError(f"{name} holds velocities that are not finite")
        if velocity.min() <= 0:
            raise DataError(f"{name} holds a velocity of {velocity.min():g} m/s; velocities are positive")
        if velocity.max() > highest:
            raise DataError(
                f"{name} holds {velocity.max():g} m/s, above the survey's limit of {highest:g} m/s: "
                "the time step would be unstable"
            )
        if velocity.min() < lowest:
            raise DataError(
                f"{name} holds {velocity.min():g} m/s, below the survey's limit of {lowest:g} m/s: "
                "the grid is too coarse for its waves"
            )

    def differences(self, other: Acquisition) -> list[str]:
        """Names of the fields, the grid's among them, in which another acquisition differs."""
        ours, theirs = self.to_json(), other.to_json()
        return [name for name in ours if ours[name] != theirs[name]]

    def to_json(self) -> dict[str, Any]:
        """All fields, the grid's first, as JSON-able values by name."""
        fields = dataclasses.asdict(self)
        return {**fields.pop("grid"), **fields, "velocity_limits": list(self.velocity_limits)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Acquisition:
        """The inverse of `to_json`; raises TypeError, KeyError or ValueError for anything else."""
        rest = dict(values)
        grid = typed(Grid, {field.name: rest.pop(field.name) for field in dataclasses.fields(Grid)})
        lowest, highest = map(float, rest.pop("velocity_limits"))
        return typed(cls, {**rest, "grid": grid, "velocity_limits": (lowest, highest)})
