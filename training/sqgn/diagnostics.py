"""What an epoch's logs say of the optimizer: means and sums kept in one variable, so that they are saved with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from .scaling import AddVariable

MEANS = ("gradient_norm", "step_norm", "gamma", "curvature")
SUMS = ("pairs_refused", "rollbacks", "batches_skipped",
        "seconds_gradient", "seconds_snapshot", "seconds_direction", "seconds_product")  # fmt: skip
NAMES = (*MEANS, *SUMS)


class Diagnostics:
    """Numbers noted in the iterations of an epoch.

    gradient_norm     of the estimate g_k
    step_norm         of s_k
    gamma             the mean of D's diagonal
    curvature         s'v / s's of the pairs that were made
    pairs_refused     pairs without positive, finite curvature
    rollbacks         steps that were taken back
    batches_skipped   mini-batches whose loss or gradient was not a number, also at the weights before
    seconds_...       of the gradient, of the estimator's other gradients, of the direction and of the product

    The first four are means over the iterations in which they were noted, the others sums.
    """

    def __init__(self, add: AddVariable) -> None:
        self.sums = add((len(NAMES),), dtype="float64", name="diagnostics")
        self.counts = add((len(NAMES),), dtype="float64", name="diagnostics_noted")

    def note(self, when: Any = True, **values: Any) -> None:
        """Note values by name, scalars, where `when` is true.

        Raises TypeError for a name that is none of them.
        """
        unknown = sorted(set(values) - set(NAMES))
        if unknown:
            raise TypeError(f"There is no diagnostic {', '.join(unknown)}: choose from {', '.join(NAMES)}.")
        zero, one = tf.zeros((), tf.float64), tf.cast(when, tf.float64)
        noted = [tf.where(when, tf.cast(values[name], tf.float64), zero) if name in values else zero for name in NAMES]
        self.sums.assign_add(tf.stack(noted))
        self.counts.assign_add(tf.stack([one if name in values else zero for name in NAMES]))

    def report(self) -> dict[str, float]:
        """Means and sums since `clear`."""
        sums, counts = (np.array(tf.convert_to_tensor(v)) for v in (self.sums, self.counts))
        sums[: len(MEANS)] /= np.maximum(counts[: len(MEANS)], 1.0)
        return dict(zip(NAMES, map(float, sums), strict=True))

    def clear(self) -> None:
        """Begin an epoch."""
        for variable in (self.sums, self.counts):
            variable.assign(tf.zeros_like(variable))
