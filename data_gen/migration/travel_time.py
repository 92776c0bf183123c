"""Travel times in a profile v(z): a hyperbola with the RMS velocity of the layers between.

    t(x0, z0; x, z)² = t0² + (x - x0)² / v_rms²,    t0 = int dz / v,    v_rms² = (1 / t0) int v dz

between the two depths (Dix 1955). It is exact for vertical rays and for a constant velocity, and within a few percent
for the offsets and gradients of sediments, which is what a scan over velocity factors takes up.
"""

from __future__ import annotations

import numpy as np

FINER = 8
"""The profile is integrated by the trapezoidal rule on steps this much finer than its own."""


class Profile:
    """A velocity profile: `velocity` (depth,) [m/s] at multiples of `spacing` [m]."""

    def __init__(self, velocity: np.ndarray, spacing: float) -> None:
        depth = np.arange(len(velocity)) * spacing
        self._depth = np.linspace(0.0, depth[-1], (len(velocity) - 1) * FINER + 1)
        self._velocity = np.interp(self._depth, depth, np.asarray(velocity, np.float64))
        step = self._depth[1]
        self._time = _integral(1 / self._velocity, step)
        self._length = _integral(self._velocity, step)

    def velocity(self, depth: np.ndarray) -> np.ndarray:
        """Velocity [m/s] at depths [m]; beyond its ends the profile goes on as it ends."""
        return np.interp(depth, self._depth, self._velocity)

    def layers_between(self, depth0: float, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertical time t0 [s] and squared RMS velocity [m²/s²] between a depth and others [m], both as `depth`.

        A profile that is f times as fast everywhere has 1 / f of these times, and f² of these squares.
        """
        vertical = np.abs(np.interp(depth, self._depth, self._time) - np.interp(depth0, self._depth, self._time))
        length = np.abs(np.interp(depth, self._depth, self._length) - np.interp(depth0, self._depth, self._length))
        level = np.abs(depth - depth0) < 1e-3 * self._depth[1]
        return vertical, np.where(level, self.velocity(depth) ** 2, length / np.where(level, 1.0, vertical))

    def time(self, x0: float, depth0: float, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """One-way times [s] from (x0, depth0) to the points (x, depth) [m], arrays that are broadcast."""
        vertical, squared = self.layers_between(depth0, depth)
        return np.sqrt(vertical**2 + (x - x0) ** 2 / squared)


def _integral(values: np.ndarray, step: float) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * step)])
