"""Sources and receivers between grid points: Kaiser-windowed sinc weights (Hicks 2002).

In two dimensions the weight is the product of that of the depth and that of x, so 1-D weights are all there
is.
"""

from __future__ import annotations

import numpy as np

RADIUS = 4
KAISER_SHAPE = 6.31


def sinc_weights(positions: np.ndarray, points: int, mirror: int | None = None) -> np.ndarray:
    """Weights of `points` grid points for a value at each position, in cells; float32 (position, point).

    A position on a grid point has the one weight 1. With `mirror`, the index of a free surface, the field
    is odd about it: what falls above the surface is subtracted below.
    """
    distance = np.arange(points) - np.asarray(positions, dtype=np.float64)[:, None]
    weights = _window(distance)
    if mirror is not None:
        reflected = 2 * mirror - np.asarray(positions, dtype=np.float64)[:, None]
        weights = weights - _window(np.arange(points) - reflected)
        weights[:, : mirror + 1] = 0
    weights[np.abs(weights) < 1e-12] = 0
    return weights.astype(np.float32)


def _window(distance: np.ndarray) -> np.ndarray:
    inside = np.clip(1 - (distance / RADIUS) ** 2, 0, None)
    return np.where(inside > 0, np.sinc(distance) * np.i0(KAISER_SHAPE * np.sqrt(inside)) / np.i0(KAISER_SHAPE), 0)
