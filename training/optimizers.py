"""The optimizers of a training by name, and what becomes of their learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from training.sqgn import SQGN

ADAM_RATE = 3e-3
"""Adam's learning rate for the paper's network: the best of 3e-4, 1e-3 and 3e-3 on the `demo` and `laptop` surveys."""


@dataclass(frozen=True)
class Named:
    """An optimizer `make(learning_rate)` and its own rate; a rate may be a Keras schedule."""

    make: Callable[[Any], keras.optimizers.Optimizer]
    rate: float


OPTIMIZERS = {
    "adam": Named(keras.optimizers.Adam, ADAM_RATE),
    "sqgn": Named(SQGN, 0.1),
    "sqgn-reference": Named(lambda rate: SQGN.reference(learning_rate=rate), 0.1),
}

SCHEDULES: dict[str, Callable[[float, int], Any]] = {
    "constant": lambda rate, iterations: rate,
    "cosine": lambda rate, iterations: keras.optimizers.schedules.CosineDecay(rate, iterations),
}
"""Schedule -> the learning rate, a number or a Keras schedule, from its first value and the number of iterations."""


def make_optimizer(
    name: str, learning_rate: float | None = None, schedule: str = "constant", iterations: int = 1
) -> keras.optimizers.Optimizer:
    """The optimizer of a name, with its own learning rate unless one is given, over so many iterations."""
    named = OPTIMIZERS[name]
    return named.make(SCHEDULES[schedule](named.rate if learning_rate is None else learning_rate, iterations))
