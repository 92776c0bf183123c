"""Acquisition: where sources and receivers stand, when samples are taken, what wavelet is fired.

Lengths are in metres, times in seconds, velocities in m/s, frequencies in Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Acquisition:
    """Geometry, clock and wavelet of a survey over a velocity model of `depth_cells` x `x_cells` points.

    Sources and receivers are spread evenly over the full width, at constant depth. A velocity outside
    `velocity_limits` is refused: the upper limit decides the time step of the whole survey.
    """

    depth_cells: int
    x_cells: int
    spacing: float
    sources: int
    receivers: int
    samples: int
    sample_interval: float
    source_depth: float = 15.0
    receiver_depth: float = 15.0
    peak_frequency: float = 10.0
    velocity_limits: tuple[float, float] = (1000.0, 4800.0)
    free_surface: bool = False

    @property
    def depth(self) -> np.ndarray:
        """Depth of the model's rows [m], shape (depth_cells,)."""
        return np.arange(self.depth_cells) * self.spacing

    @property
    def x(self) -> np.ndarray:
        """Position of the model's columns [m], shape (x_cells,)."""
        return np.arange(self.x_cells) * self.spacing

    @property
    def source_x(self) -> np.ndarray:
        """Position of the sources [m], shape (sources,)."""
        return np.linspace(0.0, self.x[-1], self.sources)

    @property
    def receiver_x(self) -> np.ndarray:
        """Position of the receivers [m], shape (receivers,)."""
        return np.linspace(0.0, self.x[-1], self.receivers)

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

    @property
    def image_shape(self) -> tuple[int, int]:
        """(depth, x)."""
        return self.depth_cells, self.x_cells
