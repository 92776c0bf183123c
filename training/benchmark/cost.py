"""What an iteration costs: processor seconds of one thread, measured apart from the trainings.

A training comes to the same losses wherever it runs, to rounding: on a graphics card, or beside seven others. What it
costs does not, so that it is measured by itself, all contenders in turn, in a process of one thread without a card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

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


def in_turn(timers: Sequence[Timer], seconds: float = 1.0, multiples: Sequence[int] | None = None) -> list[list[float]]:
    """Processor seconds of an iteration of each, in every one of `ROUNDS` rounds of some `seconds` each.

    They take turns, so that whatever else the machine does slows them alike; one's turn is a multiple of its
    iterations from one full gradient to the next. Tracing is left out, and so is the first short look that tells how
    many iterations make a turn.
    """
    for timer in timers:
        timer(TRACED)
    turns = [
        -(-max(TRACED, round(seconds / timer(2 * TRACED))) // multiple) * multiple
        for timer, multiple in zip(timers, multiples or [1] * len(timers), strict=True)
    ]
    rounds = [[timer(turn) for timer, turn in zip(timers, turns, strict=True)] for _ in range(ROUNDS)]
    return [list(values) for values in zip(*rounds, strict=True)]


def without_card() -> None:
    """Hide graphics cards from this process; before TensorFlow has touched one."""
    tf.config.set_visible_devices([], "GPU")


def device() -> str:
    """What TensorFlow computes on here: the name of the first graphics card that it sees, or CPU."""
    cards = tf.config.get_visible_devices("GPU")
    return tf.config.experimental.get_device_details(cards[0]).get("device_name", "GPU") if cards else "CPU"
