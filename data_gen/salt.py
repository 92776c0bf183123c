"""What counts as salt: where models come without a mask, and in scores and statistics."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

SALT_VELOCITY = 4000.0
"""What is faster than this [m/s] is taken for salt: sediments of the random models reach it, salt is faster."""

SMALLEST_BODY = 0.002
"""Connected salt below this share of the image is a splinter, not a body: 20 cells of 100 x 100."""


def is_salt(velocity: np.ndarray) -> np.ndarray:
    """Where velocities [m/s] of any shape are those of salt, bool."""
    return velocity > SALT_VELOCITY


def bodies(salt: np.ndarray) -> list[np.ndarray]:
    """Masks (depth, x) of the bodies in a mask: cells connected by their sides, splinters left out."""
    numbered, count = label(salt)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
    return [numbered == 1 + number for number in np.flatnonzero(sizes >= SMALLEST_BODY * salt.size)]
