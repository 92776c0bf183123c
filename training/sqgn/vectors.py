"""All of a network's weights, or a gradient or step of them, as one vector (m,)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def vector_of(blocks: Sequence[Any]) -> tf.Tensor:
    """All blocks, such as the gradient's for each of a network's variables, as one vector (m,)."""
    return tf.concat([tf.reshape(block, [-1]) for block in blocks], 0)


def blocks_of(vector: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
    """A vector (m,) cut into blocks, each shaped as one of the variables."""
    parts = tf.split(vector, [int(np.prod(v.shape)) for v in variables])
    return [tf.reshape(part, v.shape) for part, v in zip(parts, variables, strict=True)]


def assign(variables: Sequence[Any], values: Sequence[tf.Tensor]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The inner product of two vectors, float64."""
    return tf.cast(tf.reduce_sum(a * b), tf.float64)


def norm(a: tf.Tensor) -> tf.Tensor:
    """The Euclidean norm of a vector, float64."""
    return tf.sqrt(dot(a, a))


def spacing_at_one(dtype: tf.DType) -> float:
    """From 1 to the next number of a precision; NumPy does not know bfloat16, of 8 bits."""
    return 2.0**-7 if dtype == tf.bfloat16 else float(np.finfo(dtype.as_numpy_dtype).eps)
