"""The optimizers that SQGN is held against: what people use, each with a rate that falls to zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from training.sqgn.optimizer import FALLING, SQGN


@keras.saving.register_keras_serializable(package="tomo")
class FallingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that falls along half a cosine from `rate` to zero over so many iterations.

    Both can be set anew between trainings: a traced step reads them.
    """

    def __init__(self, rate: float = 1.0, iterations: int = 1) -> None:
        self.rate = tf.Variable(rate, dtype=tf.float32, trainable=False)
        self.iterations = tf.Variable(iterations, dtype=tf.float32, trainable=False)

    def set(self, rate: float, iterations: int) -> None:
        """What the next training shall have."""
        self.rate.assign(rate)
        self.iterations.assign(iterations)

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate at an iteration."""
        share = tf.minimum(tf.cast(step, tf.float32) / self.iterations, 1.0)
        return 0.5 * self.rate * (1.0 + tf.cos(math.pi * share))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"rate": float(self.rate.numpy()), "iterations": int(self.iterations.numpy())}


def _without_biases(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


MakeOptimizer = Callable[[FallingRate, float], keras.optimizers.Optimizer]

CONTENDERS: dict[str, MakeOptimizer] = {
    "sgd": lambda rate, decay: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adam": lambda rate, decay: keras.optimizers.Adam(rate),
    "adamw": lambda rate, decay: _without_biases(keras.optimizers.AdamW(rate, weight_decay=decay)),
    "muon": lambda rate, decay: _without_biases(
        keras.optimizers.Muon(rate, weight_decay=decay, adam_weight_decay=decay)
    ),
    "lion": lambda rate, decay: _without_biases(keras.optimizers.Lion(rate, weight_decay=3.0 * decay)),
    "sqgn": lambda rate, decay: SQGN(rate, **FALLING),
    "sqgn-m4": lambda rate, decay: SQGN(rate, **FALLING, curvature_interval=4, curvature_fraction=1.0),
}
"""Name -> the optimizer of a rate and a task's weight decay.

All else is as Keras has it. Muon is for matrices; what is none, kernels of convolutions among them, Keras leaves to
AdamW. Lion's decay is larger, because its rates are smaller (Chen et al. 2023). `sqgn` is `SQGN.falling`; `sqgn-m4`
makes a pair every fourth iteration, of the whole mini-batch, the recipe for mini-batches of few samples.
"""
