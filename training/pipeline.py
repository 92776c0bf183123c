"""From samples to mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import tensorflow as tf

from training.augmentation import MIRROR, Augmentation, augment
from training.samples import GatherSamples, Samples
from training.sqgn.partition import Partition, without_autotuning

IN_MEMORY = 1e9
"""Inputs of fewer bytes than this are kept in memory; larger ones are read from the files batch by batch."""

PREDICTION_BATCH = 8
"""Models that pass through a network together where nothing is learned: enough for any core, few for any memory."""


def reader(
    samples: Samples, indices: np.ndarray, rank: int = 0
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A traceable function from positions in `indices` and views, (batch,), to inputs and velocity.

    They are float32, (batch, *shape) and (batch, depth, x); inputs are in the reference of a `rank`.
    """
    image = samples.survey.acquisition.grid.shape
    velocity = _in_memory(samples.survey.velocity, indices, image)
    if samples.views == 1 and _fits(indices, samples.shape):
        inputs = tf.constant(samples.inputs(indices, rank=rank))
        velocities = tf.constant(velocity(np.arange(len(indices))))
        return lambda positions, views: (
            tf.cast(tf.gather(inputs, positions), tf.float32),
            tf.gather(velocities, positions),
        )

    def load(positions: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return samples.inputs(indices[positions], views, rank).astype(np.float32), velocity(positions)

    def read(positions: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, velocities = tf.numpy_function(load, [positions, views], (tf.float32, tf.float32))
        return (
            tf.ensure_shape(inputs, (*positions.shape, *samples.shape)),
            tf.ensure_shape(velocities, (*positions.shape, *image)),
        )

    return read


def _fits(indices: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(4 * len(indices) * np.prod(shape) < IN_MEMORY)


def _in_memory(
    read: Callable[[np.ndarray], np.ndarray], indices: np.ndarray, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """From positions in `indices` to arrays of this shape, which are read once if they fit into memory."""
    if not _fits(indices, shape):
        return lambda positions: read(indices[positions])
    values = read(indices)
    return lambda positions: values[positions]


def training_partition(
    samples: Samples, indices: np.ndarray, batch_size: int, seed: int, augmentation: Augmentation | None = None
) -> Partition:
    """The given models as mini-batches of (inputs, velocity), augmented if asked.

    Half of a mini-batch, at random, are in their first view, the others in any of the rest. Gathers of a line that is
    not symmetric are not mirrored: they would be those of another line.
    """
    read = reader(samples, indices)
    if augmentation:
        if not isinstance(samples, GatherSamples):  # of panels, all else lies in their views
            augmentation = replace(MIRROR, of_gathers=False)
        if augmentation.of_gathers and not samples.survey.acquisition.symmetric:
            augmentation = replace(augmentation, mirror=0.0)
    interval = samples.survey.acquisition.sample_interval

    def augmented(positions: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, velocity = read(positions, _random_views(samples.views, tf.shape(positions), seed))
        return augment(inputs, velocity, seed, augmentation, interval) if augmentation else (inputs, velocity)

    return Partition(augmented, len(indices), batch_size, seed)


def in_order(
    samples: Samples, indices: np.ndarray, batch_size: int = PREDICTION_BATCH, rank: int = 0
) -> tf.data.Dataset:
    """Mini-batches of (inputs, velocity) of the given models, in their order, in the reference of a `rank`."""
    read = reader(samples, indices, rank)
    positions = tf.data.Dataset.range(len(indices)).batch(batch_size)
    return without_autotuning(positions.map(lambda some: read(some, tf.zeros_like(some))).prefetch(1))


def _random_views(views: int, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    if views == 1:
        return tf.zeros(shape, tf.int64)
    one, other = tf.unstack(tf.random.split(seed, 2), num=2)
    drawn = tf.random.stateless_uniform(shape, one, 1, views, tf.int64)
    return tf.where(tf.random.stateless_uniform(shape, other) < 0.5, tf.zeros_like(drawn), drawn)
