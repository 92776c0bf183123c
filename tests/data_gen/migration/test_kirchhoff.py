"""Migration: times against closed forms, the transpose by dot products, a scatterer at its place on any line."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.grid import Grid
from data_gen.migration.kirchhoff import Kirchhoff, Rays, Traces
from data_gen.migration.travel_time import Profile
from data_gen.simulator.acoustic import Simulator

GRID = Grid(60, 80, 15.0)
SPREAD = Acquisition(GRID, sources=5, receivers=27, samples=120, sample_interval=0.008)
SPARSE = Acquisition(GRID, sources=9, receivers=10, samples=60, sample_interval=0.016, source_depth=30.0)
DEEP = Acquisition(GRID, sources=3, receivers=40, samples=150, sample_interval=0.006, receiver_depth=75.0)
LINES = {"spread": SPREAD, "sparse": SPARSE, "deep receivers": DEEP}


def kirchhoff(acquisition: Acquisition, velocity: np.ndarray, classes: int = 1) -> Kirchhoff:
    traces = Traces.of(acquisition)
    of_class = np.minimum(traces.offset // 300, classes - 1)
    rays = Rays(traces, GRID.depth, GRID.x, of_class, classes)
    profile = Profile(velocity, GRID.spacing)
    return Kirchhoff(rays, acquisition.samples, acquisition.sample_interval, acquisition.delay, profile)


def test_times_in_a_constant_velocity_are_distances():
    profile = Profile(np.full(60, 2000.0), 15.0)
    depth, x = np.array([15.0, 300.0, 885.0])[:, None], np.array([0.0, 400.0])[None]
    np.testing.assert_allclose(profile.time(100.0, 15.0, x, depth), np.hypot(x - 100, depth - 15) / 2000, rtol=1e-12)


def test_vertical_times_in_a_gradient_are_exact():
    """int dz / (v0 + k z) = ln(v / v0) / k; the trapezoidal rule on steps of 2 m errs by 1e-6."""
    profile = Profile(1500 + 0.8 * GRID.depth, 15.0)
    np.testing.assert_allclose(
        profile.time(0.0, 0.0, 0.0, GRID.depth), np.log1p(0.8 * GRID.depth / 1500) / 0.8, rtol=1e-6
    )


def test_a_faster_profile_has_shorter_times_in_proportion():
    one, other = (Profile(factor * (1500 + 0.8 * GRID.depth), 15.0) for factor in (1.0, 1.25))
    np.testing.assert_allclose(other.time(0.0, 15.0, 300.0, GRID.depth), one.time(0.0, 15.0, 300.0, GRID.depth) / 1.25)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("line", LINES)
def test_demigration_is_the_transpose_of_migration(line, factor):
    """<M d, m> = <d, M' m>; sums of 10^5 float32 products agree to some 1e-5."""
    acquisition = LINES[line]
    rng = np.random.default_rng(0)
    operator = kirchhoff(acquisition, 1500 + 0.8 * GRID.depth, classes=3)
    live = rng.random(acquisition.sources * acquisition.receivers) < 0.8
    data = operator.prepare(rng.normal(size=(len(live), acquisition.samples)))
    image = rng.normal(size=operator.shape).astype(np.float32)
    left = np.vdot(operator.migrate(data, live, factor).astype(float), image)
    right = np.vdot(data.astype(float), operator.demigrate(image, live, factor))
    scale = np.linalg.norm(operator.migrate(data, live, factor)) * np.linalg.norm(image)
    assert abs(left - right) < 1e-5 * scale


def test_the_fold_is_the_migration_of_ones():
    traces = Traces.of(SPREAD)
    rays = Rays(traces, GRID.depth, GRID.x, traces.offset // 600, 2)
    operator = Kirchhoff(rays, 120, 0.008, 0.15, Profile(np.full(60, 4500.0), GRID.spacing))
    live = np.arange(len(traces.offset)) % 3 > 0
    ones = np.ones((len(live), operator.samples * operator.finer + 2), np.float32)
    np.testing.assert_allclose(operator.migrate(ones, live), rays.fold(live), rtol=1e-5)


@pytest.mark.parametrize("line", LINES)
def test_a_point_scatterer_images_at_its_place(line):
    """The simulated wave that a small slow spot scatters, by the difference of two surveys, migrates to the spot."""
    acquisition = LINES[line]
    row, column = 34, 50
    velocity = np.full(GRID.shape, 2000.0, np.float32)
    spot = velocity.copy()
    spot[row, column] = 1800.0
    simulator = Simulator(acquisition)
    scattered = (simulator.gather(spot) - simulator.gather(velocity)).reshape(-1, acquisition.samples)
    operator = kirchhoff(acquisition, velocity[:, 0])
    live = np.ones(len(scattered), bool)
    image = np.abs(operator.migrate(operator.prepare(scattered), live)[0])
    found = np.unravel_index(np.argmax(image), image.shape)
    # The scattered wavelet is a derivative of the Ricker wavelet, its lobes a quarter of a wavelength, 50 m, aside.
    assert abs(found[0] - row) * GRID.spacing <= 60
    assert abs(found[1] - column) * GRID.spacing <= 30
    # In focus at the right velocity: with others the energy spreads.
    images = [operator.migrate(operator.prepare(scattered), live, factor)[0] for factor in (0.8, 1.0, 1.25)]
    sharp = [np.abs(image).max() / np.sqrt(np.mean(image**2)) for image in images]
    assert sharp[1] > 1.1 * max(sharp[0], sharp[2])


@pytest.mark.parametrize("line", LINES)
def test_the_image_of_the_mirrored_survey_is_the_mirrored_image(line):
    acquisition = LINES[line]
    gathers = np.random.default_rng(1).normal(size=acquisition.gather_shape)
    operator = kirchhoff(acquisition, 1500 + 0.8 * GRID.depth, classes=2)
    live = np.ones(acquisition.sources * acquisition.receivers, bool)
    image, mirrored = (
        operator.migrate(operator.prepare(each.reshape(len(live), -1)), live) for each in (gathers, gathers[::-1, ::-1])
    )
    np.testing.assert_allclose(mirrored, image[..., ::-1], atol=1e-4 * np.abs(image).max())
