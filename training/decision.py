"""Salt or not: what becomes of a predicted velocity between those of sediments and of salt.

No rock has it: it is an average of both, where the network is not sure. Trained for small errors, networks answer it
more often than salt, so that little salt would be found. What lies above a velocity `salt_from` is raised to salt; the
one is chosen with which the salt of the validation models is met best. It is `SALT_VELOCITY`, which leaves everything
as it was, where none is better: in a geology without salt, or with rocks of such velocities.
"""

from __future__ import annotations

import numpy as np

from data_gen.salt import SALT_VELOCITY, is_salt
from training.evaluation.scores import salt_iou

CANDIDATES = tuple(np.arange(SALT_VELOCITY, 3450.0, -50.0).tolist())
"""Of `salt_from` [m/s]; of equals the first is taken."""

LEAST_SALT = SALT_VELOCITY + 1.0
"""What answers are raised to [m/s]."""


def decide(velocity: np.ndarray, salt_from: float) -> np.ndarray:
    """Velocities [m/s] of any shape, of which those above `salt_from` [m/s] are salt's at least."""
    return np.where(velocity > salt_from, np.maximum(velocity, LEAST_SALT), velocity).astype(velocity.dtype)


def choose_salt_from(prediction: np.ndarray, reference: np.ndarray) -> float:
    """The candidate with the greatest mean intersection over union of the salt; both (sample, depth, x) [m/s].

    Models without salt in both are left out of the mean, as in the scores.
    """
    masks = is_salt(reference)
    best, chosen = 0.0, SALT_VELOCITY
    for candidate in CANDIDATES:
        found = np.array([salt_iou(image > candidate, mask) for image, mask in zip(prediction, masks, strict=True)])
        known = found[~np.isnan(found)]
        if known.size and known.mean() > best:
            best, chosen = float(known.mean()), candidate
    return chosen
