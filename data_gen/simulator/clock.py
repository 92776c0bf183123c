"""The clock of a survey: one time step for all its models, and the wavelet as the scheme wants it.

The scheme replaces u_tt = A u (A = c² times the discrete Laplacian) by

    u(t+dt) - 2 u(t) + u(t-dt) = dt² A u + dt⁴/12 A² u,

which is stable while dt² times the largest eigenvalue of -A is at most 12 (Dablain 1986). The step is the
largest integer fraction of the sample interval that keeps the limit, so that recording is plain decimation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data_gen.acquisition import Acquisition

STABILITY_MARGIN = 0.95
"""The largest step by the limit's part: the limit is of an infinite grid without a layer, and arithmetic is float32."""


def nyquist_symbol(space_order: int) -> float:
    """Largest eigenvalue of minus the 1-D second difference of an order, times the squared spacing."""
    half = space_order // 2
    factorial = math.factorial
    weights = [
        2 * factorial(half) ** 2 / (m * m * factorial(half - m) * factorial(half + m)) for m in range(1, half + 1)
    ]
    return 4 * sum(weights[0::2])


@dataclass(frozen=True)
class Clock:
    """`steps_per_sample` steps of `step` seconds between two samples, `steps` until the last one.

    `limit` is the largest stable step [s] at the survey's upper velocity limit.
    """

    step: float
    steps_per_sample: int
    steps: int
    limit: float

    @classmethod
    def of(cls, acquisition: Acquisition, space_order: int) -> Clock:
        """The clock that is stable for every velocity the acquisition allows."""
        courant = math.sqrt(12 / (2 * nyquist_symbol(space_order)))
        limit = courant * acquisition.grid.spacing / acquisition.velocity_limits[1]
        steps_per_sample = math.ceil(acquisition.sample_interval / (STABILITY_MARGIN * limit))
        step = acquisition.sample_interval / steps_per_sample
        return cls(step, steps_per_sample, steps_per_sample * (acquisition.samples - 1), limit)

    @property
    def times(self) -> np.ndarray:
        """Times of the steps [s], shape (steps + 1,)."""
        return np.arange(self.steps + 1) * self.step

    def injected(self, wavelet: np.ndarray) -> np.ndarray:
        """What to inject at each step, so that the recorded source signal is `wavelet` (steps + 1,).

        The scheme's dispersion relation is x - x²/12 = 4 sin²(ω dt/2) with x = (c k dt)²; its pole has the
        residue 1 / (1 - x/6) of the exact one. The wavelet is therefore filtered by 1 - x/6.
        """
        padded = 4 * len(wavelet)
        frequency = np.fft.rfftfreq(padded, self.step)
        sine = 4 * np.sin(np.pi * frequency * self.step) ** 2
        residue = np.sqrt(np.maximum(1 - sine / 3, 0))
        return np.fft.irfft(residue * np.fft.rfft(wavelet, padded), padded)[: len(wavelet)]
