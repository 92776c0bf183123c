"""An alpha that falls to zero: over a number of iterations, or over whatever `fit` is about to do."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from .keras_private import learning_rate_of


@keras.saving.register_keras_serializable(package="sqgn")
class FallingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that falls along half a cosine from `rate` to zero over so many iterations, and stays there.

    Without `iterations` each `SecondOrderModel.fit` sets them: the rate falls once over its epochs, and with
    `initial_epoch` as if the epochs before had been of the same call. All can be set anew between trainings: a traced
    step reads them.
    """

    def __init__(self, rate: float = 1.0, iterations: int | None = None) -> None:
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
        return 0.5 * self.rate * (1.0 + tf.cos(math.pi * tf.clip_by_value(share, 0.0, 1.0)))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "rate": float(self.rate.numpy()),
            "iterations": int(self.iterations.numpy()) if self.is_given else None,
        }


def fall_over(optimizer: Any, batches: int | None, epochs: int, initial_epoch: int) -> None:
    """Let an optimizer's rate, where it is one for `fit` to set, fall over epochs of so many mini-batches.

    Raises ValueError where their number is not known.
    """
    schedule = learning_rate_of(optimizer)
    if not isinstance(schedule, FallingRate) or schedule.is_given:
        return
    if batches is None:
        raise ValueError(
            "SQGN.falling() must know how many iterations there will be: pass them, SQGN.falling(iterations), or "
            "steps_per_epoch to fit()."
        )
    schedule.begin(int(optimizer.iterations.numpy()) - initial_epoch * batches, epochs * batches)


def check_iterations(optimizer: Any) -> None:
    """Raise ValueError for a rate that only `fit` can set."""
    schedule = learning_rate_of(optimizer)
    if isinstance(schedule, FallingRate) and not schedule.is_given:
        raise ValueError("Only fit() knows how many iterations there will be: pass them, SQGN.falling(iterations).")
