"""How gathers are recorded for the comparison of refinements."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.grid import Grid
from training.benchmark.refinement import CONDITIONS, Condition, finer_model, record, simulator_of, summary

LINE = Acquisition(
    Grid(30, 40, 20.0),
    sources=2,
    receivers=20,
    samples=60,
    sample_interval=0.012,
    source_depth=20.0,
    receiver_depth=20.0,
)
MODEL = np.repeat(np.linspace(1800.0, 3000.0, 30)[:, None], 40, axis=1).astype(np.float32)
QUIET = Condition(noise=300.0)


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return record(MODEL, QUIET, simulator_of(QUIET, LINE), 0)


def test_noise_is_as_loud_as_it_says(plain: np.ndarray) -> None:
    noisy = record(MODEL, Condition(20.0), simulator_of(QUIET, LINE), 1)
    assert (noisy - plain).std() / plain.std() == pytest.approx(0.1, rel=0.05)


def test_a_finer_grid_tells_nearly_the_same(plain: np.ndarray) -> None:
    """A source radiates per area of a cell: its strength is a quarter. Next to it the field is that of the grid."""
    twice = Condition(300.0, finer=2)
    simulator = simulator_of(twice, LINE)
    assert simulator.acquisition.grid.x[-1] == LINE.grid.x[-1]
    far = (np.abs(LINE.source_x[:, None] - LINE.receiver_x) > 2 * LINE.grid.spacing)[..., None]
    finer, plain = record(MODEL, twice, simulator, 0) * far, plain * far
    factor = np.sum(finer * plain) / np.sum(plain**2)
    assert factor == pytest.approx(0.25, rel=0.05)
    difference = np.linalg.norm(finer / factor - plain) / np.linalg.norm(plain)
    assert 1e-4 < difference < 0.1


def test_a_finer_model_agrees_where_both_have_points() -> None:
    model = np.random.default_rng(0).normal(size=(2, 3))
    finer = finer_model(model, 2)
    assert finer.shape == (3, 5)
    np.testing.assert_allclose(finer[::2, ::2], model, rtol=1e-6)
    assert finer[1, 1] == pytest.approx(model[:, :2].mean(), rel=1e-6)


def test_a_turned_wavelet_turned_on_is_upside_down(plain: np.ndarray) -> None:
    """Three times 60 degrees; what runs over the end of the record is lost."""
    turned = record(MODEL, Condition(300.0, phase=180.0), simulator_of(QUIET, LINE), 0)
    np.testing.assert_allclose(turned, -plain, atol=1e-6 * np.abs(plain).max())
    assert CONDITIONS["20 dB, wavelet turned by 60 degrees"].source == "wavelet"


def test_summary_tells_failures_from_success() -> None:
    scores = {"rmse": 100.0, "ssim": 0.5, "salt_iou": None}
    rows = [
        {"condition": "a", "start": "b", "model": model, "misfit_before": 1.0, "misfit": misfit, "noise": 0.1,
         "before": scores, "after": {**scores, "rmse": rmse}}
        for model, misfit, rmse in ((0, 0.1, 80.0), (1, 0.9, 130.0), (2, 0.3, 90.0))
    ]  # fmt: skip
    row = summary({"rows": rows})["a", "b"]
    assert row["after"] == {"rmse": 100.0, "ssim": 0.5, "salt_iou": None}
    assert row["worse"] == pytest.approx(1 / 3)
    assert row["misfit"] == {"better": pytest.approx(2.0), "worse": pytest.approx(9.0)}
