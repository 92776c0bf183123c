"""Inversion of simulated gathers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.inversion.invert import Stage, invert
from data_gen.inversion.misfit import DataMisfit
from data_gen.simulator.gradient import GradientSimulator, ParallelGradient

LINE = Acquisition(Grid(40, 60, 20.0), sources=4, receivers=30, samples=70, sample_interval=0.015)
STAGES = (Stage(0.6, 4), Stage(None, 6))


def true_model() -> np.ndarray:
    """Beds, and a body of salt."""
    velocity = np.full((40, 60), 1800.0)
    velocity[12:] = 2200.0
    velocity[26:] = 2700.0
    velocity[18:30, 25:40] = 4400.0
    return velocity


@pytest.fixture(scope="module")
def gradients() -> ParallelGradient:
    return ParallelGradient(LINE, threads=2)


@pytest.fixture(scope="module")
def recorded(gradients: ParallelGradient) -> np.ndarray:
    gathers = gradients.gather(true_model())
    noise = np.random.default_rng(0).normal(size=gathers.shape)
    return 1e-9 * (gathers + 0.03 * gathers.std() * noise)


def error(velocity: np.ndarray) -> float:
    return float(np.sqrt(np.mean((velocity - true_model()) ** 2)))


def test_threads_give_what_one_simulator_gives(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    """The order of the sum over shots apart."""
    velocity = gaussian_filter(true_model(), 2.0).astype(np.float32)
    alone = GradientSimulator(LINE)
    residual = DataMisfit(recorded, LINE).residual
    misfit, gradient = alone.gradient(velocity, residual)
    together, parts = gradients.gradient(velocity, residual)
    assert together == pytest.approx(misfit, rel=1e-12)
    np.testing.assert_allclose(parts, gradient, rtol=1e-6, atol=1e-9 * np.abs(gradient).max())
    np.testing.assert_array_equal(gradients.gather(velocity), alone.gather(velocity))


def test_what_the_start_lacks_is_found(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    """A lens 100 m thick, half a wavelength; of sharp edges no wave of this length tells."""
    depth, x = np.mgrid[:40, :60]
    lens = 300.0 * np.exp(-(((depth - 14) / 2.5) ** 2) - ((x - 18) / 8) ** 2)
    start = true_model() - lens
    told: list[tuple[int, float]] = []
    found = invert(
        recorded, start, LINE, gradients, STAGES, progress=lambda stage, misfit: told.append((stage, misfit))
    )
    assert found.misfit < 0.2 * found.start
    assert error(found.velocity) < 0.7 * error(start)
    assert found.improved
    assert found.velocity.dtype == np.float32
    assert LINE.velocity_limits[0] <= found.velocity.min() <= found.velocity.max() <= LINE.velocity_limits[1]
    assert [len(stage) for stage in found.history] == [sum(n == number for n, _ in told) for number in (0, 1)]


def test_at_the_noise_it_stops_at_once(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    found = invert(recorded, true_model(), LINE, gradients, STAGES, variation=0.0)
    assert found.misfit == pytest.approx(found.noise, rel=0.2)
    assert error(found.velocity) < 20.0
    assert sum(map(len, found.history)) <= 6


def test_a_worse_model_is_never_kept(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    """A heavy total variation makes a flat model of the true one, which explains less."""
    found = invert(recorded, true_model(), LINE, gradients, STAGES, variation=1e-3)
    assert not found.improved
    np.testing.assert_array_equal(found.velocity, true_model().astype(np.float32))


def test_another_wavelet_is_found(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    start = gaussian_filter(true_model(), 1.0)
    late = np.roll(recorded, 2, axis=-1)
    late[..., :2] = 0.0
    unaware = invert(late, start, LINE, gradients, STAGES[:1])
    found = invert(late, start, LINE, gradients, STAGES[:1], source="wavelet")
    assert found.start < 0.1 * unaware.start
    assert error(found.velocity) < error(unaware.velocity)


def test_model_of_another_grid_is_refused(gradients: ParallelGradient, recorded: np.ndarray) -> None:
    with pytest.raises(DataError, match="grid"):
        invert(recorded, true_model()[:-1], LINE, gradients)


def test_a_model_that_explains_everything_is_left_as_it_is(gradients: ParallelGradient) -> None:
    found = invert(gradients.gather(true_model()), true_model(), LINE, gradients, STAGES, source="known", variation=0.0)
    assert found.misfit == 0.0
    np.testing.assert_array_equal(found.velocity, true_model().astype(np.float32))
