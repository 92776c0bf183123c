"""The optimizers that SQGN is held against: what people use, each with a rate that falls to zero."""

from __future__ import annotations

from collections.abc import Callable

import keras

from training.sqgn.falling import FALLING, FallingRate
from training.sqgn.optimizer import SQGN


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
