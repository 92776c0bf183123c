"""The total variation of a velocity model: it charges an edge by its height alone, so that salt may keep its own.

    sum over neighbours of weight (sqrt(difference² + edge²) - edge)

(Rudin, Osher and Fatemi 1992, for each axis apart; differences below `edge` are charged quadratically.)
"""

from __future__ import annotations

import numpy as np


def total_variation(velocity: np.ndarray, edge: float, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """The total variation of a model (depth, x) [m/s], and its gradient of the same shape.

    `edge` is in m/s; `weight` (depth, x), whose geometric mean counts between two neighbours, has no unit.
    """
    value, gradient = 0.0, np.zeros_like(velocity)
    for axis in (0, 1):
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        between = np.sqrt(weight[tuple(before)] * weight[tuple(after)])
        difference = np.diff(velocity, axis=axis)
        height = np.sqrt(difference**2 + edge**2)
        value += float(np.sum(between * (height - edge)))
        slope = between * difference / height
        gradient[tuple(after)] += slope
        gradient[tuple(before)] -= slope
    return value, gradient
