"""From a survey to mini-batches: reading, conditioning statistics, augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from data_gen.survey.reader import Survey
from models.tomography import Conditioning
from training.augmentation import Augmentation, augment
from training.sqgn.partition import Partition, without_autotuning

IN_MEMORY = 1e9
"""Gathers of fewer bytes than this are kept in memory; larger ones are read from the shards batch by batch."""


def conditioning(survey: Survey, block: int = 16) -> Conditioning:
    """Mean gather, deviation around it and mean velocity model of the training models, a few models at a time."""
    count = len(survey.train)
    mean_gather = np.zeros(survey.specification.acquisition.gather_shape)
    mean_velocity = np.zeros(survey.specification.acquisition.image_shape)
    blocks = [survey.train[start : start + block] for start in range(0, count, block)]
    for indices in blocks:
        mean_gather += survey.gathers(indices).sum(axis=0, dtype=np.float64) / count
        mean_velocity += survey.velocity(indices).sum(axis=0, dtype=np.float64) / count
    variance = sum(np.sum((survey.gathers(indices) - mean_gather) ** 2, axis=0, dtype=np.float64) for indices in blocks)
    deviation = np.sqrt(np.mean(variance / count))
    return Conditioning(
        mean_gather.astype(np.float32),
        np.full((1, 1, 1), deviation, np.float32),
        mean_velocity.astype(np.float32),
    )


def reader(survey: Survey, indices: np.ndarray) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A traceable function from positions in `indices` to gathers (batch, source, receiver, time, 1) and velocity."""
    acquisition = survey.specification.acquisition
    if 4 * len(indices) * np.prod(acquisition.gather_shape) < IN_MEMORY:
        gathers = tf.constant(survey.gathers(indices)[..., None])
        velocity = tf.constant(survey.velocity(indices))
        return lambda positions: (tf.gather(gathers, positions), tf.gather(velocity, positions))

    def load(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        models = indices[positions]
        return survey.gathers(models)[..., None], survey.velocity(models)

    def read(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gathers, velocity = tf.numpy_function(load, [positions], (tf.float32, tf.float32))
        return (
            tf.ensure_shape(gathers, (*positions.shape, *acquisition.gather_shape, 1)),
            tf.ensure_shape(velocity, (*positions.shape, *acquisition.image_shape)),
        )

    return read


def training_partition(
    survey: Survey, batch_size: int, seed: int, augmentation: Augmentation | None = None
) -> Partition:
    """The training models as mini-batches of (gathers, velocity), augmented if asked."""
    read = reader(survey, survey.train)
    sample_interval = survey.specification.acquisition.sample_interval

    def augmented(positions: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gathers, velocity = read(positions)
        return augment(gathers, velocity, seed, augmentation, sample_interval) if augmentation else (gathers, velocity)

    return Partition(augmented, len(survey.train), batch_size, seed)


def in_order(survey: Survey, indices: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Mini-batches of (gathers, velocity) of the given models, in their order."""
    positions = tf.data.Dataset.range(len(indices)).batch(batch_size)
    return without_autotuning(positions.map(reader(survey, indices)).prefetch(1))
