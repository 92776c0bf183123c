"""The optimizers of a training by name, and what becomes of their learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from training.sqgn import SQGN
from training.sqgn.falling import FALLING

ADAM_RATE = 3e-3
"""Adam's learning rate for the paper's network: the best of 3e-4, 1e-3 and 3e-3 on the `demo` and `laptop` surveys."""


ADAMW_RATE = 2e-3
"""AdamW's first learning rate for the imaging network, which a cosine takes down; see docs/experiments.md."""


def _adamw(rate: Any) -> keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), of kernels alone."""
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01, beta_2=0.99)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


FIRST_ORDER_RATE = 1e-2
"""The learning rate of SGD and SVRG, as in the paper (its section 6.1.1)."""


def _svrg(rate: Any, **options: Any) -> SQGN:
    """Stochastic variance-reduced gradients (Johnson and Zhang 2013): SQGN's estimator, and no curvature."""
    plain = {"history": 0, "max_step": None, "scaling": "common", "safeguard": False, "variance_reduction": "svrg"}
    return SQGN(rate, **{**plain, **options}, name="svrg")


@dataclass(frozen=True)
class Named:
    """An optimizer `make(learning_rate, **options)` and its own rate; a rate may be a Keras schedule.

    Options are those of the optimizer's class; those of SQGN are of `second_order`, and `falling` are some that go with
    a rate that falls.
    """

    make: Callable[..., keras.optimizers.Optimizer]
    rate: float
    second_order: bool = False
    falling: Mapping[str, Any] = field(default_factory=dict)


OPTIMIZERS = {
    "adam": Named(keras.optimizers.Adam, ADAM_RATE),
    "adamw": Named(_adamw, ADAMW_RATE),
    "sgd": Named(keras.optimizers.SGD, FIRST_ORDER_RATE),
    "svrg": Named(_svrg, FIRST_ORDER_RATE),
    "sqgn": Named(SQGN, 0.1, second_order=True, falling={"shrinkage": FALLING["shrinkage"]}),
    "sqgn-reference": Named(
        lambda rate, **options: SQGN.reference(learning_rate=rate, **options), 0.1, second_order=True
    ),
}

WARM_UP = 0.03
"""The share of the iterations in which a cosine schedule first rises from zero."""


def _cosine(rate: float, iterations: int) -> keras.optimizers.schedules.LearningRateSchedule:
    rise = max(1, round(WARM_UP * iterations))
    return keras.optimizers.schedules.CosineDecay(
        rate / rise, max(1, iterations - rise), warmup_target=rate, warmup_steps=rise
    )


SCHEDULES: dict[str, Callable[[float, int], Any]] = {
    "constant": lambda rate, iterations: rate,
    "cosine": lambda rate, iterations: _cosine(rate, iterations),
}
"""Schedule -> the learning rate, a number or a Keras schedule, from its first value and the number of iterations."""


def make_optimizer(
    name: str, learning_rate: float | None = None, schedule: str = "constant", iterations: int = 1, **options: Any
) -> keras.optimizers.Optimizer:
    """The optimizer of a name over so many iterations, with its own learning rate and options unless they are given.

    `options` that are None are not.
    """
    named = OPTIMIZERS[name]
    usual = {} if schedule == "constant" else named.falling
    given = {**usual, **{option: value for option, value in options.items() if value is not None}}
    return named.make(SCHEDULES[schedule](named.rate if learning_rate is None else learning_rate, iterations), **given)
