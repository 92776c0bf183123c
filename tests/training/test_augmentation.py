"""Each augmentation, and why it is valid: what the simulator records is what the augmentation makes."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from data_gen.acquisition import Acquisition
from data_gen.geology import random_model
from data_gen.grid import Grid
from data_gen.simulator.acoustic import Simulator
from data_gen.survey.arrays import ArraySurvey
from training.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    add_noise,
    augment,
    kill_receivers,
    kill_traces,
    mirror,
    scale_sources,
)
from training.pipeline import training_partition
from training.samples import GatherSamples

SEED = tf.constant([3, 4], tf.int32)
SMALL = Acquisition(Grid(48, 48, 15.0), sources=3, receivers=9, samples=60, sample_interval=0.008)
BAND = (5.0, 30.0)


def batch(count: int = 4) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(1)
    gathers = rng.normal(size=(count, 3, 8, 60)).astype(np.float32)
    return tf.constant(gathers), tf.constant(rng.uniform(1500, 4500, (count, 12, 10)).astype(np.float32))


@pytest.fixture(scope="module")
def surveyed() -> tuple[Simulator, np.ndarray, np.ndarray]:
    """A simulator, a velocity model that is not symmetric, and its gathers (source, receiver, time)."""
    simulator = Simulator(SMALL)
    velocity = random_model(np.random.default_rng([7, 0]), SMALL).velocity
    assert np.abs(velocity - velocity[:, ::-1]).max() > 1000
    return simulator, velocity, simulator.gather(velocity)


def as_batch(gathers: np.ndarray) -> tf.Tensor:
    return tf.constant(gathers[None])


def misfit(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def test_the_mirrored_model_s_survey_is_the_mirrored_survey(surveyed):
    simulator, velocity, gathers = surveyed
    turned, model = mirror(as_batch(gathers), tf.constant(velocity[None]), SEED, probability=1.0)
    np.testing.assert_array_equal(model[0], velocity[:, ::-1])
    # The equation is symmetric; float32 rounding of some hundred time steps in another order is not.
    assert misfit(turned.numpy()[0], simulator.gather(velocity[:, ::-1])) < 1e-4
    assert misfit(gathers[:, ::-1], simulator.gather(velocity[:, ::-1])) > 0.1  # receivers alone do not do


def test_a_stronger_source_gives_the_same_gather_scaled(surveyed):
    class Louder(Acquisition):
        def wavelet(self, time: np.ndarray) -> np.ndarray:
            return 1.7 * super().wavelet(time)

    _, velocity, gathers = surveyed
    louder = Simulator(Louder(**{name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}))
    assert misfit(louder.gather(velocity), 1.7 * gathers) < 1e-4  # float32 rounding


def test_receivers_are_passive_so_a_dead_one_leaves_the_others_as_they_are(surveyed):
    _, velocity, gathers = surveyed
    fewer = Simulator(replace(SMALL, receivers=5)).gather(velocity)
    assert misfit(fewer, gathers[:, ::2]) < 1e-5  # every other receiver stands at the same place


def test_mirroring_takes_the_model_and_both_axes_of_the_gathers_or_neither():
    gathers, velocity = batch(64)
    turned, models = mirror(gathers, velocity, SEED)
    was_turned = np.array([not np.array_equal(a, b) for a, b in zip(models, velocity, strict=True)])
    assert 20 < was_turned.sum() < 44  # binomial, three deviations of 4 about 32
    expected = np.where(was_turned[:, None, None, None], gathers[:, ::-1, ::-1], gathers)
    np.testing.assert_array_equal(turned, expected)


def test_sources_are_scaled_within_their_decibels_one_by_one():
    gathers, _ = batch()
    gain = scale_sources(gathers, SEED, 6.0) / gathers
    level = 20 * np.log10(gain.numpy())
    np.testing.assert_allclose(level, level[:, :, :1, :1].repeat(8, axis=2).repeat(60, axis=3), atol=1e-4)
    assert np.abs(level).max() <= 6.0001
    assert len(np.unique(level[:, :, 0, 0].round(3))) == 12


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_exactly_the_ratio_asked_for_in_every_sample(snr_db):
    gathers, _ = batch()
    gathers *= tf.constant([1.0, 10.0, 1e-3, 5.0])[:, None, None, None]
    noise = (add_noise(gathers, SEED, tf.constant(snr_db), BAND, 0.008) - gathers).numpy()
    ratio = np.mean(gathers.numpy() ** 2, axis=(1, 2, 3)) / np.mean(noise**2, axis=(1, 2, 3))
    np.testing.assert_allclose(10 * np.log10(ratio), snr_db, atol=1e-3)


def test_noise_lies_within_its_band_and_differs_between_traces():
    gathers, _ = batch(1)
    noise = (add_noise(gathers, SEED, tf.constant(-60.0), BAND, 0.008) - gathers).numpy()[0]
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(60, 0.008)
    outside = (frequency < BAND[0]) | (frequency > BAND[1])
    assert spectrum[..., outside].sum() < 1e-6 * spectrum.sum()
    correlation = np.corrcoef(noise.reshape(24, 60))
    assert np.abs(correlation[~np.eye(24, dtype=bool)]).mean() < 0.3


def test_silence_stays_silent():
    assert not np.any(add_noise(tf.zeros((2, 3, 8, 60)), SEED, tf.constant(0.0), BAND, 0.008))


def test_dead_traces_are_silent_as_many_as_asked_and_the_others_untouched():
    gathers, _ = batch()
    share = tf.constant([0.0, 0.25, 0.5, 1.0])
    killed = kill_traces(gathers, SEED, share).numpy()
    dead = ~killed.any(axis=3)
    np.testing.assert_array_equal(dead.sum(axis=(1, 2)), [0, 6, 12, 24])
    np.testing.assert_array_equal(killed[~dead], gathers.numpy()[~dead])


def test_a_dead_receiver_is_dead_in_every_shot():
    gathers, _ = batch()
    dead = ~kill_receivers(gathers, SEED, tf.constant(0.5)).numpy().any(axis=3)
    np.testing.assert_array_equal(dead, dead[:, :1].repeat(3, axis=1))
    np.testing.assert_array_equal(dead[:, 0].sum(axis=1), 4)
    assert len(np.unique(dead[:, 0], axis=0)) > 1


def test_one_seed_gives_the_same_bits_in_a_graph_too_and_another_does_not():
    gathers, velocity = batch()
    settings = Augmentation(dead=0.3)
    one = augment(gathers, velocity, SEED, settings, 0.008)
    again = augment(gathers, velocity, SEED, settings, 0.008)
    other = augment(gathers, velocity, SEED + 1, settings, 0.008)
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert misfit(other[0].numpy(), one[0].numpy()) > 0.1
    graph = tf.function(lambda g, v, s: augment(g, v, s, settings, 0.008))(gathers, velocity, SEED)
    # The compiled graph may fuse multiplications; the draws are the same.
    np.testing.assert_allclose(graph[0], one[0], rtol=1e-5, atol=1e-6)
    assert one[0].shape == gathers.shape
    assert one[0].dtype == tf.float32


def test_mirroring_alone_only_mirrors():
    gathers, velocity = batch(8)
    both = augment(gathers, velocity, SEED, AUGMENTATIONS["mirror"], 0.008)
    turned = np.array([not np.array_equal(a, b) for a, b in zip(both[1], velocity, strict=True)])
    assert 0 < turned.sum() < 8
    np.testing.assert_array_equal(both[0][~turned], gathers[~turned])
    np.testing.assert_array_equal(both[0][turned], gathers.numpy()[turned][:, ::-1, ::-1])


def test_nothing_asked_for_changes_nothing():
    gathers, velocity = batch()
    none = Augmentation(mirror=0.0, source_db=0.0, noise_db=None, dead=0.0)
    same = augment(gathers, velocity, SEED, none, 0.008)
    np.testing.assert_array_equal(same[0], gathers)
    np.testing.assert_array_equal(same[1], velocity)


@pytest.mark.parametrize("live", [None, ((0, 1, 2, 3, 4), (2, 3, 4), (3, 4, 5, 6))], ids=["symmetric", "moving"])
def test_gathers_are_mirrored_only_where_the_line_is_symmetric(live):
    """Over many mini-batches a model of a symmetric line is seen both ways, one of another line never turned."""
    line = replace(SMALL, live_receivers=live)
    rng = np.random.default_rng(0)
    gathers = rng.normal(size=(1, *line.gather_shape)).astype(np.float32)
    velocity = rng.uniform(1500, 4500, (1, 48, 48)).astype(np.float32)
    samples = GatherSamples(ArraySurvey(gathers, velocity, line))
    partition = training_partition(samples, np.arange(1), 1, 0, AUGMENTATIONS["mirror"])
    turned = []
    for step in range(20):
        inputs, models = partition.read(tf.constant([0], tf.int64), tf.constant([step, 1], tf.int32))
        assert np.array_equal(inputs, gathers) == np.array_equal(models, velocity)
        turned.append(not np.array_equal(models, velocity))
    assert any(turned) == (live is None)
    assert not all(turned)
