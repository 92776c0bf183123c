"""The data misfit: zero for the true model, the same for any unit of the data once the amplitude is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from data_gen.acquisition import Acquisition
from data_gen.geology import random_model
from data_gen.grid import Grid
from data_gen.simulator.acoustic import Simulator
from tomo import pictures
from tomo.pictures import draw_explained
from training.evaluation.misfit import explain

GRID = Acquisition(Grid(48, 48, 15.0), sources=3, receivers=9, samples=60, sample_interval=0.008)


@pytest.fixture(scope="module")
def surveyed():
    """A simulator, three velocity models and their gathers."""
    simulator = Simulator(GRID)
    velocity = np.stack([random_model(np.random.default_rng([7, i]), GRID).velocity for i in range(3)])
    return simulator, velocity, [simulator.gather(model) for model in velocity]


def test_the_true_model_explains_its_data_to_the_bit(surveyed):
    simulator, velocity, gathers = surveyed
    explained = explain(velocity, gathers, simulator)
    np.testing.assert_array_equal(explained.misfit, 0.0)
    np.testing.assert_allclose(explained.amplitude, 1.0, rtol=1e-12)
    np.testing.assert_array_equal(explained.simulated, [gather[1] for gather in gathers])


def test_a_wrong_model_does_not_and_a_nearer_one_does_better(surveyed):
    simulator, velocity, gathers = surveyed
    off, nearer = (explain(np.clip(factor * velocity, 1000, 4800), gathers, simulator).misfit for factor in (1.1, 1.02))
    assert np.all(off > nearer)
    assert np.all(nearer > 0.01)


def test_data_of_another_unit_cost_nothing_when_the_amplitude_is_fitted(surveyed):
    simulator, velocity, gathers = surveyed
    stronger = [3 * gather for gather in gathers]
    np.testing.assert_allclose(explain(velocity, stronger, simulator).misfit, 2 / 3, rtol=1e-6)
    fitted = explain(velocity, stronger, simulator, fit_amplitude=True)
    np.testing.assert_allclose(fitted.amplitude, 3.0, rtol=1e-6)
    np.testing.assert_allclose(fitted.misfit, 0.0, atol=1e-6)  # float32


def test_dead_traces_count_for_nothing(surveyed):
    simulator, velocity, gathers = surveyed
    dead = [gather.copy() for gather in gathers]
    for gather in dead:
        gather[1, 3:5] = 0
    explained = explain(velocity, dead, simulator)
    np.testing.assert_array_equal(explained.misfit, 0.0)
    np.testing.assert_allclose(explained.amplitude, 1.0, rtol=1e-12)
    assert not explained.simulated[:, 3:5].any()


def test_one_model_for_several_surveys_is_simulated_once(surveyed):
    simulator, velocity, gathers = surveyed

    class Counting:
        acquisition = GRID
        calls = 0

        def gather(self, model):
            self.calls += 1
            return simulator.gather(model)

    counting = Counting()
    explained = explain(np.broadcast_to(velocity[0], velocity.shape), gathers, counting)
    assert counting.calls == 1
    assert explained.misfit[0] == 0
    assert np.all(explained.misfit[1:] > 0.05)


def test_velocities_beyond_the_limits_are_simulated_as_the_limit(surveyed):
    simulator, velocity, gathers = surveyed
    limit = np.where(velocity > 4000, 4800.0, velocity).astype(np.float32)
    beyond = np.where(velocity > 4000, 9000.0, velocity).astype(np.float32)
    one, other = (explain(models, gathers, simulator).misfit for models in (limit, beyond))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_figure_shows_each_case_once(surveyed, tmp_path, count):
    simulator, velocity, gathers = surveyed
    explained = explain(np.clip(1.05 * velocity, 1000, 4800)[:count], gathers[:count], simulator)
    draw_explained(explained, GRID, "sqgn", tmp_path / "figure.png")
    # 2.6 inches a case and 0.6 around them, at the dots an inch of all pictures.
    assert Image.open(tmp_path / "figure.png").height == pytest.approx(pictures.DPI * (2.6 * count + 0.6), abs=1)
