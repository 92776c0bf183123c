"""What an iteration costs: processor seconds of one thread, measured apart from the trainings.

Where a training runs, on a graphics card or beside seven others, changes its losses by rounding alone, which over
thousands of iterations is worth another seed. What it costs changes by much, so that it is measured by itself, all
contenders in turn, in a process of one thread without a card.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from training.sqgn.optimizer import SQGN
from training.sqgn.partition import Partition

TRACED = 3
"""Iterations in which everything has been traced."""
ROUNDS = 5

Timer = Callable[[int], float]
"""Processor seconds of an iteration, the mean of so many."""


class _Clock(keras.callbacks.Callback):
    """Processor seconds until so many iterations are done, when the training ends."""

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.left = iterations
        self.seconds = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun = time.process_time()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            self.seconds = time.process_time() - self.begun
            self.model.stop_training = True


def seconds_of_iteration(model: keras.Model, partition: Partition, iterations: int) -> float:
    """Processor seconds of an iteration of a compiled model, the mean of so many."""
    clock = _Clock(iterations)
    model.fit(partition, epochs=-(-iterations // len(partition)), verbose=0, callbacks=[clock])
    return clock.seconds / iterations


def period(optimizer: keras.optimizers.Optimizer, batches: int) -> int:
    """Iterations after which an optimizer does the same work again, in epochs of so many mini-batches."""
    if not isinstance(optimizer, SQGN):
        return 1
    if not optimizer.estimator.full_gradients:
        return optimizer.curvature_interval
    return math.lcm(optimizer.full_gradient_interval or batches, optimizer.curvature_interval)


def in_turn(timers: Sequence[Timer], periods: Sequence[int], seconds: float = 1.0) -> list[list[float]]:
    """Processor seconds of an iteration of each, in every one of `ROUNDS` rounds of at least some `seconds` each.

    They take turns, so that whatever else the machine does slows them alike; one's turn is a multiple of its `period`.
    Tracing is left out, and so is the first short look that tells how many iterations make a turn.
    """
    for timer in timers:
        timer(TRACED)
    turns = [
        -(-max(TRACED, round(seconds / timer(2 * TRACED))) // multiple) * multiple
        for timer, multiple in zip(timers, periods, strict=True)
    ]
    rounds = [[timer(turn) for timer, turn in zip(timers, turns, strict=True)] for _ in range(ROUNDS)]
    return [list(values) for values in zip(*rounds, strict=True)]


def without_card() -> None:
    """Hide graphics cards from this process; before TensorFlow has touched one."""
    tf.config.set_visible_devices([], "GPU")


def float32_throughout() -> None:
    """Have a graphics card multiply float32 as such, not in TF32, of ten bits."""
    tf.config.experimental.enable_tensor_float_32_execution(False)


def device() -> str:
    """What TensorFlow computes on here: the name of the first graphics card that it sees, or CPU."""
    cards = tf.config.get_visible_devices("GPU")
    return tf.config.experimental.get_device_details(cards[0]).get("device_name", "GPU") if cards else "CPU"
