"""Seconds of the parts of a traced iteration, read when the tensors that go into a part and come out are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import keras
import tensorflow as tf

Result = TypeVar("Result")


class Stopwatch:
    """Calls functions and keeps the seconds that each took, by the name of its diagnostic.

    The times are tensors of one trace. Under deterministic operations, which have no clock, they are zero.
    """

    def __init__(self) -> None:
        self.spans: dict[str, tf.Tensor] = {}

    def __call__(self, name: str, function: Callable[..., Result], *arguments: Any) -> Result:
        """The function's result; its seconds are added to those under this name."""
        begun = _when_there(arguments)
        if not tf.config.list_logical_devices("GPU"):
            # A single thread would else read the clock when the part is over, there being no hurry; a GPU does not wait
            # for the host to read it.
            with tf.control_dependencies([begun]):
                arguments = keras.tree.map_structure(lambda a: tf.identity(a) if tf.is_tensor(a) else a, arguments)
        result = function(*arguments)
        span = _when_there((begun, result)) - begun
        self.spans[name] = self.spans[name] + span if name in self.spans else span
        return result


def _when_there(structure: Any) -> tf.Tensor:
    try:
        with tf.init_scope():
            tf.timestamp()
    except tf.errors.FailedPreconditionError:
        return tf.zeros((), tf.float64)
    with tf.control_dependencies([value for value in keras.tree.flatten(structure) if tf.is_tensor(value)]):
        return tf.timestamp()
