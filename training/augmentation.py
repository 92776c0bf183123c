"""Augmentation that physics allows: what changes gathers (and the model) so that they still belong together.

    mirroring           the survey of the mirrored model is the mirrored survey, sources and receivers alike
    source amplitude    the wave equation is linear in its source: a stronger shot is the same gather, scaled
    noise               receivers record ground motion that has nothing to do with the shot
    dead traces         receivers are passive: one that fails leaves the others' records as they are

All are TensorFlow functions of a batch and a stateless seed, int32 (2,): the same seed gives the same bits,
so that training resumes exactly. Gathers are float32 (batch, source, receiver, time), velocities (batch, depth,
x).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """How strongly to augment; each sample of a batch draws its own strength, uniformly within these bounds.

    `mirror`: probability of mirroring. `source_db`: greatest gain or loss of a source [dB].
    `noise_db`: least and greatest signal-to-noise ratio [dB], None for no noise; `noise_band` [Hz].
    `dead`: greatest share of dead traces. `of_gathers`: whether inputs are gathers, else panels.
    """

    mirror: float = 0.5
    source_db: float = 3.0
    noise_db: tuple[float, float] | None = (10.0, 40.0)
    noise_band: tuple[float, float] = (2.0, 30.0)
    dead: float = 0.05
    of_gathers: bool = True


MIRROR = Augmentation(source_db=0.0, noise_db=None, dead=0.0)

AUGMENTATIONS = {"none": None, "mirror": MIRROR, "all": Augmentation()}
"""Of panels, "all" is mirroring and noise: their views are of parts of the line anyhow, and know no amplitude."""


def augment(
    inputs: tf.Tensor, velocity: tf.Tensor, seed: tf.Tensor, settings: Augmentation, sample_interval: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augment a batch by all four, noise before the traces die; `sample_interval` of the gathers [s].

    Inputs are gathers (batch, source, receiver, time), or, where mirroring is all that is asked for, panels (batch,
    depth, x, channel).
    """
    seeds = tf.unstack(tf.random.split(seed, 6), num=6)
    batch = tf.shape(inputs)[:1]
    across = [1, 2] if settings.of_gathers else [2]
    inputs, velocity = mirror(inputs, velocity, seeds[0], settings.mirror, across)
    if settings.source_db:
        inputs = scale_sources(inputs, seeds[1], settings.source_db)
    if settings.noise_db is not None:
        level = tf.random.stateless_uniform(batch, seeds[2], *settings.noise_db)
        inputs = add_noise(inputs, seeds[3], level, settings.noise_band, sample_interval)
    if settings.dead:
        share = tf.random.stateless_uniform(batch, seeds[4], 0.0, settings.dead)
        inputs = kill_traces(inputs, seeds[5], share)
    return inputs, velocity


def mirror(
    inputs: tf.Tensor, velocity: tf.Tensor, seed: tf.Tensor, probability: float = 0.5, across: Sequence[int] = (1, 2)
) -> tuple[tf.Tensor, tf.Tensor]:
    """Turn samples left to right with this probability: the model's x together with the inputs' axes `across`.

    Of gathers these are sources and receivers, which must stand symmetrically about the middle of the model; of panels
    it is x, whatever the line.
    """
    chosen = tf.random.stateless_uniform(tf.shape(inputs)[:1], seed) < probability
    turned = tf.where(chosen[:, None, None, None], tf.reverse(inputs, across), inputs)
    return turned, tf.where(chosen[:, None, None], tf.reverse(velocity, [2]), velocity)


def scale_sources(gathers: tf.Tensor, seed: tf.Tensor, greatest_db: float) -> tf.Tensor:
    """Multiply every shot by a gain of its own, up to `greatest_db` [dB] up or down."""
    level = tf.random.stateless_uniform(tf.shape(gathers)[:2], seed, -greatest_db, greatest_db)
    return gathers * (10.0 ** (level / 20.0))[:, :, None, None]


def add_noise(
    gathers: tf.Tensor, seed: tf.Tensor, snr_db: tf.Tensor, band: tuple[float, float], sample_interval: float
) -> tf.Tensor:
    """Add Gaussian noise within the `band` [Hz], at a signal-to-noise ratio of `snr_db`, (batch,) or ().

    The ratio is of mean squares over the whole survey of a sample, and exact: the noise drawn is rescaled
    to it.
    """
    samples = tf.shape(gathers)[3]
    white = tf.random.stateless_normal(tf.shape(gathers), seed)
    frequency = tf.range(samples // 2 + 1, dtype=tf.float32) / (tf.cast(samples, tf.float32) * sample_interval)
    inside = tf.cast((frequency >= band[0]) & (frequency <= band[1]), tf.complex64)
    noise = tf.signal.irfft(tf.signal.rfft(white) * inside, [samples])
    power = tf.math.divide_no_nan(_power(gathers), _power(noise))
    ratio = tf.broadcast_to(10.0 ** (-tf.cast(snr_db, tf.float32) / 10.0), tf.shape(gathers)[:1])
    return gathers + noise * tf.sqrt(power * ratio[:, None, None, None])


def _power(gathers: tf.Tensor) -> tf.Tensor:
    """Mean square of each sample, (batch, 1, 1, 1)."""
    return tf.reduce_mean(tf.square(gathers), axis=[1, 2, 3], keepdims=True)


def kill_traces(gathers: tf.Tensor, seed: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Silence a `share` of the traces, (batch,) or (), of each sample: pairs of source and receiver."""
    sources, receivers = tf.unstack(tf.shape(gathers)[1:3])
    alive = _alive(tf.shape(gathers)[0], sources * receivers, seed, share)
    return gathers * tf.reshape(alive, [-1, sources, receivers, 1])


def kill_receivers(gathers: tf.Tensor, seed: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Silence a `share` of the receivers, (batch,) or (), of each sample, for all its shots."""
    alive = _alive(tf.shape(gathers)[0], tf.shape(gathers)[2], seed, share)
    return gathers * alive[:, None, :, None]


def _alive(batch: tf.Tensor, count: tf.Tensor, seed: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Zero for `round(share * count)` of `count` at random and one for the others, (batch, count)."""
    order = tf.argsort(tf.random.stateless_uniform([batch, count], seed), axis=1)
    rank = tf.argsort(order, axis=1)
    dead = tf.round(tf.cast(share, tf.float32) * tf.cast(count, tf.float32))
    return tf.cast(tf.cast(rank, tf.float32) >= tf.broadcast_to(dead, [batch])[:, None], tf.float32)
