"""Values of the replicas of a `tf.distribute` strategy, brought together; called across replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def first(strategy: Any, value: Any) -> Any:
    """The value on the first replica, where it is the same on all."""
    return strategy.experimental_local_results(value)[0]


def total(strategy: Any, samples: Any) -> tf.Tensor:
    """The number of samples on all replicas."""
    return strategy.reduce("sum", samples, axis=None)


def mean(strategy: Any, samples: Any, value: Any) -> tf.Tensor:
    """The mean over all replicas' samples, of means over each replica's own; a replica may have none."""
    if strategy.num_replicas_in_sync == 1:
        return value
    counts = strategy.experimental_local_results(samples)
    count_of_all = tf.add_n(list(counts))
    return tf.add_n(
        [
            tf.math.multiply_no_nan(local, tf.cast(count / count_of_all, local.dtype))
            for local, count in zip(strategy.experimental_local_results(value), counts, strict=True)
        ]
    )
