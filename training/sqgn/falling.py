"""An alpha that falls to zero: over a number of iterations, or over whatever `fit` is about to do."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from .keras_private import learning_rate_of

FALLING: dict[str, Any] = {"scale": 0.03, "max_step": 0.3, "shrinkage": 0.2}
"""SQGN's options for an alpha that falls from 0.3 to zero.

Steps that follow the gradient alone are as long as with the defaults, the limit on the steps begins lower, and it
shrinks less: alpha's fall takes the noise out in the end, the limit need not (docs/experiments.md).
"""


@keras.saving.register_keras_serializable(package="sqgn")
class FallingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that falls along half a cosine from `rate` to zero over so many iterations, and stays there.

    Without `iterations` a `fit` by SQGN sets them, and does so anew each time: the rate falls once over its epochs, and
    with `initial_epoch`, or a backup restored, as if the epochs before had been of the same call. Until then it is
    constant. All can be set anew between trainings: a traced step reads them.

    Raises ValueError unless `rate` is positive and `iterations` are a number of at least one.
    """

    def __init__(self, rate: float = 1.0, iterations: int | None = None) -> None:
        if rate <= 0.0:
            raise ValueError(f"FallingRate: rate={rate!r} is out of range.")
        if iterations is not None and (iterations != int(iterations) or iterations < 1):
            raise ValueError(f"FallingRate: iterations={iterations!r} is out of range.")
        self.is_given = iterations is not None
        self.rate = tf.Variable(rate, dtype=tf.float32, trainable=False)
        self.first = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self.iterations = tf.Variable(iterations or 0, dtype=tf.float32, trainable=False)

    def set(self, rate: float, iterations: int) -> None:
        """What the next training, from iteration 0 on, shall have."""
        self.is_given = True
        self.rate.assign(rate)
        self.begin(0, iterations)

    def begin(self, first: int, iterations: int) -> None:
        """Fall from iteration `first` on."""
        self.first.assign(first)
        self.iterations.assign(iterations)

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate at an iteration."""
        share = (tf.cast(step, tf.float32) - self.first) / tf.maximum(self.iterations, 1.0)
        falling = 0.5 * self.rate * (1.0 + tf.cos(math.pi * tf.clip_by_value(share, 0.0, 1.0)))
        return tf.where(self.iterations > 0.0, falling, self.rate)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "rate": float(self.rate.numpy()),
            "iterations": int(self.iterations.numpy()) if self.is_given else None,
        }


def falls_over_fit(optimizer: Any) -> bool:
    """Whether an optimizer's rate is one that `fit` is to set."""
    schedule = learning_rate_of(optimizer)
    return isinstance(schedule, FallingRate) and not schedule.is_given


def check_iterations(optimizer: Any) -> None:
    """Raise ValueError for a rate that nobody will set."""
    if falls_over_fit(optimizer):
        raise ValueError("Only SQGN's fit() knows how many iterations there will be: pass them to FallingRate.")
