"""A mini-batch a few samples at a time: the same means, with the memory of the few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def over_micro_batches(
    function: Callable[..., tuple[tf.Tensor, list[tf.Tensor]]], data: tuple[Any, ...], micro_batch: int | None
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Evaluate `function(*data) -> (output per sample, means over samples)` a few samples at a time.

    `data` is (x, y) or (x, y, weight), structures of tensors that all begin with the samples; y is a tensor. The
    outputs are concatenated and the means averaged with the micro-batches' sizes as weights: the result is that of the
    whole batch, to rounding, with the memory of `micro_batch` samples.
    """
    y = data[1]
    if micro_batch is None or (y.shape[0] is not None and y.shape[0] <= micro_batch):
        return function(*data)
    samples = tf.shape(y)[0] if y.shape[0] is None else y.shape[0]
    first = (samples - 1) % micro_batch + 1  # the odd part comes first, so that all in the loop are of one static size

    def part(start: tf.Tensor | int, length: tf.Tensor | int) -> tuple[tf.Tensor, list[tf.Tensor]]:
        static = length if isinstance(length, int) else None

        def cut(a: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(a[start : start + length], (static, *a.shape[1:]))

        outputs, means = function(*keras.tree.map_structure(cut, data))
        return outputs, [mean * (tf.cast(length, mean.dtype) / tf.cast(samples, mean.dtype)) for mean in means]

    outputs, sums = part(0, first)
    count = tf.maximum(1 + (samples - first) // micro_batch, 1)  # a replica may have no samples
    pieces = tf.TensorArray(outputs.dtype, count, infer_shape=False, element_shape=[None, *outputs.shape[1:]])

    def accumulate(number: tf.Tensor, pieces: tf.TensorArray, sums: list[tf.Tensor]) -> tuple:
        outputs, means = part(first + (number - 1) * micro_batch, micro_batch)
        return number + 1, pieces.write(number, outputs), [a + b for a, b in zip(sums, means, strict=True)]

    _, pieces, sums = tf.while_loop(
        lambda number, *_: number < count,
        accumulate,
        (tf.constant(1), pieces.write(0, outputs), sums),
        parallel_iterations=1,
    )
    return pieces.concat(), sums
