"""The gradient of a misfit, against differences of misfits in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.simulator.gradient import GradientSimulator

GRID = Grid(40, 48, 15.0)
DEPTH = np.linspace(0.0, 1.0, 40)[:, None] * np.ones(48)
START = 2000.0 + 800.0 * DEPTH + 500.0 * (DEPTH > 0.5)


def line(free_surface: bool) -> Acquisition:
    """Sources and receivers between grid points, in depth and along x."""
    return Acquisition(
        GRID, sources=2, receivers=20, samples=60, sample_interval=0.012, source_depth=22.0, receiver_depth=33.0,
        peak_frequency=12.0, free_surface=free_surface,
    )  # fmt: skip


MOVING = Acquisition(
    GRID, sources=2, receivers=3, samples=60, sample_interval=0.012, source_depth=(22.0, 40.0),
    receiver_depth=(15.0, 33.0, 80.0), peak_frequency=12.0, source_positions=(100.0, 400.0),
    receiver_positions=(50.0, 321.0, 600.0), live_receivers=((0, 1), (1, 2)),
)  # fmt: skip
"""A spread that moves, with every station at a depth of its own."""


def bumps(seed: int, size: float, width: float) -> np.ndarray:
    """A smooth random change of velocity [m/s], as large at the sides as inside."""
    return size * gaussian_filter(np.random.default_rng(seed).normal(size=START.shape), width)


@pytest.fixture(scope="module", params=[line(False), line(True), MOVING], ids=["absorbing", "free surface", "moving"])
def exact(request: pytest.FixtureRequest) -> GradientSimulator:
    return GradientSimulator(request.param, dtype=np.float64, every_step=True)


def least_squares(observed: np.ndarray):
    """Half the squared difference to gathers that were observed, as a residual."""

    def residual(shot: int, gather: np.ndarray) -> tuple[float, np.ndarray]:
        difference = gather - observed[shot]
        return 0.5 * float(np.sum(difference**2)), difference

    return residual


def test_remainder_of_the_taylor_series_is_of_second_order_over_four_decades(exact: GradientSimulator) -> None:
    residual = least_squares(exact.gather(START + bumps(0, 1500.0, 3.0)))
    change = bumps(1, 300.0, 2.0)
    misfit, gradient = exact.gradient(START, residual)
    lengths = 10.0 ** np.arange(-1.0, -5.5, -1.0)
    remainders = []
    for length in lengths:
        gathers = exact.gather(START + length * change)
        moved = sum(residual(shot, gather)[0] for shot, gather in enumerate(gathers))
        remainders.append(abs(moved - misfit - length * np.sum(gradient * change)))
    orders = -np.diff(np.log10(remainders))
    np.testing.assert_allclose(orders, 2.0, atol=0.1)


def test_adjoint_is_that_of_the_jacobian(exact: GradientSimulator) -> None:
    """<J dv, d> = <dv, J' d> for arbitrary d, J dv from central differences: their error is some 1e-8."""
    change, d = bumps(2, 300.0, 2.0), np.random.default_rng(3).normal(size=exact.acquisition.gather_shape)
    step = 1e-3
    forward = (exact.gather(START + step * change) - exact.gather(START - step * change)) / (2.0 * step)
    _, back = exact.gradient(START, lambda shot, gather: (0.0, d[shot]))
    assert np.sum(forward * d) == pytest.approx(np.sum(back * change), rel=1e-6)


@pytest.fixture(scope="module")
def sampled() -> GradientSimulator:
    return GradientSimulator(line(False))


@pytest.mark.parametrize("exact", [line(False)], indirect=True)
def test_once_a_sample_in_float32_is_the_gradient_of_every_step(
    exact: GradientSimulator, sampled: GradientSimulator
) -> None:
    """What the record's Nyquist frequency cuts off is below a thousandth."""
    residual = least_squares(exact.gather(START + bumps(0, 1500.0, 3.0)))
    misfit, gradient = exact.gradient(START, residual)
    near, once_a_sample = sampled.gradient(START.astype(np.float32), residual)
    assert near == pytest.approx(misfit, rel=1e-3)
    assert np.linalg.norm(once_a_sample - gradient) < 2e-3 * np.linalg.norm(gradient)


def test_gradient_of_a_mirrored_model_is_mirrored(sampled: GradientSimulator) -> None:
    velocity = (START + bumps(4, 1500.0, 3.0)).astype(np.float32)
    residual = least_squares(np.zeros(sampled.acquisition.gather_shape))
    misfit, gradient = sampled.gradient(velocity, residual)
    same, mirrored = sampled.gradient(np.ascontiguousarray(velocity[:, ::-1]), residual)
    assert same == pytest.approx(misfit, rel=1e-4)
    assert np.linalg.norm(mirrored[:, ::-1] - gradient) < 1e-3 * np.linalg.norm(gradient)


def test_true_model_has_no_gradient(exact: GradientSimulator) -> None:
    misfit, gradient = exact.gradient(START, least_squares(exact.gather(START)))
    assert misfit == 0.0
    assert not gradient.any()


def test_velocity_that_does_not_suit_is_refused(exact: GradientSimulator) -> None:
    with pytest.raises(DataError, match="velocity"):
        exact.gradient(np.full((40, 47), 2000.0), least_squares(np.zeros(exact.acquisition.gather_shape)))
