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
from data_gen.line import OF_THE_LINE, check_line, each_depth, live_traces, phrase
from data_gen.reading import typed

MOST_SAMPLES = 10**9
"""Of the gathers of one model: 4 GB."""

POINTS_PER_WAVELENGTH = 5.0
"""The least at the wavelet's peak frequency: two at 2.5 times that, above which a Ricker wavelet holds 0.3 % of its
energy."""

SAMPLES_PER_PERIOD = 4.0
"""The least at the wavelet's peak frequency: fewer could not hold the upper half of its band."""


@dataclass(frozen=True)
class Acquisition:
    """Geometry, clock and wavelet of a survey over the velocity models of a grid.

    Sources and receivers are spread evenly over the grid's full width, unless `source_positions` (source,) or
    `receiver_positions` (receiver,) [m] list them: anywhere between the grid's first and last column, on its points or
    not. A depth [m] is that of all of them, or one for each. Of a spread that moves, `live_receivers` are the numbers,
    from 0, of the receivers that record each source; the gathers of the others are zero. A velocity outside
    `velocity_limits` is refused: the upper limit decides the time step of the whole survey, the lower one, with the
    wavelet, how coarse a grid may be.

    Raises SettingError for an acquisition that cannot be.
    """

    grid: Grid
    sources: int
    receivers: int
    samples: int
    sample_interval: float
    source_depth: float | tuple[float, ...] = 15.0
    receiver_depth: float | tuple[float, ...] = 15.0
    peak_frequency: float = 10.0
    velocity_limits: tuple[float, float] = (1000.0, 4800.0)
    free_surface: bool = False
    source_positions: tuple[float, ...] | None = None
    receiver_positions: tuple[float, ...] | None = None
    live_receivers: tuple[tuple[int, ...], ...] | None = None

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
        lowest, highest = self.velocity_limits
        if not 0 < lowest < highest < math.inf:
            raise SettingError(f"velocity limits of {lowest:g} to {highest:g} m/s are impossible")
        given = {name: getattr(self, name) for name in OF_THE_LINE}
        for name, value in check_line(self.grid, self.sources, self.receivers, **given).items():
            object.__setattr__(self, name, value)
        self._check_sampling()

    def _check_sampling(self) -> None:
        """Raise SettingError where grid or samples are too coarse for the waves."""
        frequency, slowest = self.peak_frequency, self.velocity_limits[0]
        points = slowest / frequency / self.grid.spacing
        if points < POINTS_PER_WAVELENGTH:
            most = slowest / frequency / POINTS_PER_WAVELENGTH
            raise SettingError(
                f"a grid of {self.grid.spacing:g} m has {points:.1f} points a wavelength of {slowest:g} m/s at "
                f"{frequency:g} Hz, and waves need {POINTS_PER_WAVELENGTH:g}: a spacing of {most:.3g} m at most, a "
                "lower peak frequency, or a higher lower limit of the velocity"
            )
        if self.sample_interval * frequency * SAMPLES_PER_PERIOD > 1 + 1e-9:
            raise SettingError(
                f"samples every {1e3 * self.sample_interval:g} ms cannot hold a wavelet of {frequency:g} Hz: "
                f"every {1e3 / frequency / SAMPLES_PER_PERIOD:.3g} ms at least"
            )

    def doubts(self) -> list[str]:
        """What is possible but hardly meant, a line each."""
        typical = sum(self.velocity_limits) / 2
        needed = self.delay + 2 * self.grid.depth[-1] / typical
        if self.time[-1] >= needed:
            return []
        return [
            f"the record of {self.time[-1]:.3g} s is shorter than the way to the bottom at {self.grid.depth[-1]:g} m "
            f"and back, {needed:.3g} s at {typical:g} m/s: what lies deep is not seen"
        ]

    @property
    def source_x(self) -> np.ndarray:
        """Position of the sources [m], shape (sources,)."""
        if self.source_positions is not None:
            return np.array(self.source_positions)
        return np.linspace(0.0, self.grid.x[-1], self.sources)

    @property
    def receiver_x(self) -> np.ndarray:
        """Position of the receivers [m], shape (receivers,)."""
        if self.receiver_positions is not None:
            return np.array(self.receiver_positions)
        return np.linspace(0.0, self.grid.x[-1], self.receivers)

    @property
    def source_z(self) -> np.ndarray:
        """Depth of each source [m], shape (sources,)."""
        return each_depth(self.source_depth, self.sources)

    @property
    def receiver_z(self) -> np.ndarray:
        """Depth of each receiver [m], shape (receivers,)."""
        return each_depth(self.receiver_depth, self.receivers)

    @property
    def live(self) -> np.ndarray:
        """Which receivers record which source, bool (sources, receivers)."""
        return live_traces(self.live_receivers, self.sources, self.receivers)

    @property
    def symmetric(self) -> bool:
        """Whether the line is its own mirror image about the middle of the grid, in reverse order."""
        places = ((self.source_x, self.source_z), (self.receiver_x, self.receiver_z))
        return all(
            np.allclose(x + x[::-1], self.grid.x[-1], atol=1e-3) and np.allclose(z, z[::-1], atol=1e-3)
            for x, z in places
        ) and np.array_equal(self.live, self.live[::-1, ::-1])

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
        line = phrase(self.sources, self.source_positions, self.receivers, self.receiver_positions, self.grid.x[-1])
        return f"{line}, {self.samples} samples of {1000 * self.sample_interval:g} ms"

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
        return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]

    def to_json(self) -> dict[str, Any]:
        """All fields, the grid's first, as JSON-able values by name; without those of a listed line that has none."""
        fields = dataclasses.asdict(self)
        values = {**fields.pop("grid"), **fields, "velocity_limits": self.velocity_limits}
        return {name: _listed(value) for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Acquisition:
        """The inverse of `to_json`; raises TypeError, KeyError or ValueError for anything else."""
        rest = dict(values)
        grid = typed(Grid, {field.name: rest.pop(field.name) for field in dataclasses.fields(Grid)})
        return typed(cls, {**rest, "grid": grid})


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value
