"""What the grid does: the order of convergence in space, and places between its points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.benchmark.accuracy import difference, exact_trace
from data_gen.grid import Grid
from data_gen.simulator.absorbing import Layer
from data_gen.simulator.acoustic import Simulator
from data_gen.simulator.clock import Clock, nyquist_symbol
from data_gen.simulator.interpolation import sinc_weights
from tomo.presets import PRESETS


def test_order_of_convergence_in_space_is_eight():
    """At 1,500 m/s and 720 m the error of 15 m and of 12 m cells differs by (15/12)^8, within 20 % of the order.

    The error of the step and of the layers is a twentieth of it (0.03 against 0.6 %), no finer grid is of use.
    """
    errors = []
    for spacing in (15.0, 12.0):
        cells = round(1440 / spacing) + 1
        acquisition = Acquisition(
            Grid(cells, cells, spacing), sources=2, receivers=cells, samples=100, sample_interval=0.008,
            source_depth=720.0, receiver_depth=720.0,
        )  # fmt: skip
        gathers = Simulator(acquisition).gather(np.full((cells, cells), 1500.0, np.float32))
        errors.append(difference(gathers[0, cells // 2], exact_trace(acquisition, 720.0, 1500.0)))
    assert np.log(errors[0] / errors[1]) / np.log(15 / 12) == pytest.approx(8, rel=0.2)


@pytest.mark.parametrize("depth", [15.0, 22.0])
def test_places_between_grid_points(depth):
    """The paper's sources and receivers against the same geometry on a grid three times finer: 2 % per shot.

    The medium is a smooth function of the place, so that both grids sample the same; 15 m is on both grids, and the
    layers are equally wide in metres. Receivers within a cell of the source are left out: the exact field has a
    logarithmic singularity there, which no two grids resolve alike.
    """
    coarse = replace(PRESETS["paper"].acquisition, sources=4, source_depth=depth, receiver_depth=depth)
    fine = replace(coarse, grid=Grid(298, 298, 5.0))

    def velocity(acquisition):
        z, x = acquisition.grid.depth[:, None], acquisition.grid.x[None]
        anomaly = 800 * np.exp(-((z - 800) ** 2 + (x - 700) ** 2) / 250**2)
        return (1800 + 0.6 * z + anomaly).astype(np.float32)

    ours = Simulator(coarse).gather(velocity(coarse)) / coarse.grid.spacing**2
    reference = Simulator(fine, Layer(cells=3 * Layer().cells)).gather(velocity(fine)) / fine.grid.spacing**2
    for shot in range(coarse.sources):
        apart = np.abs(coarse.receiver_x - coarse.source_x[shot]) > coarse.grid.spacing
        error = np.linalg.norm((ours[shot] - reference[shot])[apart])
        assert error < 0.02 * np.linalg.norm(reference[shot][apart])


def test_sinc_weights_reproduce_band_limited_fields():
    """A cosine of four points per wavelength, at any place between points, to the window's 0.5 % (Hicks 2002)."""
    places = np.linspace(20, 30, 57)
    weights = sinc_weights(places, 50)
    np.testing.assert_allclose(weights @ np.cos(np.pi / 2 * np.arange(50)), np.cos(np.pi / 2 * places), atol=0.005)
    np.testing.assert_allclose(weights[0], np.arange(50) == 20)


def test_mirrored_weights_read_a_field_that_is_odd_about_the_surface():
    places = np.array([4.2, 5.7])
    field = np.sin(np.pi / 4 * (np.arange(40) - 4))
    below = sinc_weights(places, 40, mirror=4) @ np.where(np.arange(40) < 4, 0, field)
    np.testing.assert_allclose(below, np.sin(np.pi / 4 * (places - 4)), atol=0.005)


def test_the_limit_of_the_step_is_the_schemes():
    """dt² c² 2 s / h² = 12 with s = 6.5016 of the eighth-order second difference (16/3 is the fourth order's)."""
    assert nyquist_symbol(4) == pytest.approx(16 / 3)
    clock = Clock.of(PRESETS["paper"].acquisition, 8)
    assert (4800 * clock.limit / 15) ** 2 * 2 * nyquist_symbol(8) == pytest.approx(12)
    assert clock.step < clock.limit
    assert clock.steps_per_sample * clock.step == pytest.approx(0.008)
