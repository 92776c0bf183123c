"""The spread of 1,000 random models contains that of a published family of salt models and goes beyond it."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.geology import random_model, statistics
from data_gen.geology.statistics import Statistics, measure
from data_gen.grid import Grid

ROOT = Path(__file__).parents[3]
GRID = Acquisition(Grid(100, 100, 15.0), 5, 100, 100, 0.008)


@pytest.fixture(scope="module")
def ours() -> Statistics:
    return measure(random_model(np.random.default_rng([0, i]), GRID) for i in range(1000))


def test_salt_covers_the_published_shares_of_the_area(ours):
    least, lower, median, upper, greatest = np.nanquantile(ours.salt_share, (0.01, 0.25, 0.5, 0.75, 0.99))
    assert least < 0.028
    assert greatest > 0.34
    assert lower < 0.096 < upper
    assert abs(median - 0.096) < 0.04


def test_the_top_of_the_salt_covers_the_published_depths(ours):
    shallowest, deepest = np.nanquantile(ours.salt_top, (0.01, 0.99))
    assert shallowest < 0.25 - 0.1
    assert deepest > 0.9
    assert np.nanmean((ours.salt_top > 0.25) & (ours.salt_top < 0.9)) > 0.5


def test_most_salt_is_one_body_and_some_is_more(ours):
    bodies = ours.salt_bodies[np.isfinite(ours.salt_share)]
    assert 0.7 < np.mean(bodies == 1) < 0.97
    assert bodies.max() >= 3


def test_there_are_fewer_and_many_more_layers_than_published(ours):
    few, many = np.quantile(ours.layers, (0.01, 0.99))
    assert few <= 5
    assert many >= 20


def test_velocities_cover_the_published_range_and_grow_with_depth(ours):
    assert np.nanquantile(ours.velocity[..., 0], 0.01) < 2000
    assert np.nanmax(ours.velocity) == 4000
    medians = np.nanmedian(ours.velocity[..., 1], axis=0)
    assert np.all(np.diff(medians) > 150)
    # At every depth a spread of over a kilometre a second: depth alone does not tell the velocity.
    spread = np.nanquantile(ours.velocity[..., 2], 0.99, axis=0) - np.nanquantile(ours.velocity[..., 0], 0.01, axis=0)
    assert np.all(spread > 1000)


def test_the_numbers_on_record_are_those_of_the_models(ours):
    """README's table comes from this file; a change of the geology must renew it."""
    recorded = json.loads((ROOT / "docs" / "results" / "geology.json").read_text())
    found = statistics.summary(ours)
    assert found.keys() == recorded.keys()
    for name, values in found.items():
        # Another build of NumPy may round a bed here or there into its neighbour.
        np.testing.assert_allclose(values, recorded[name], rtol=0.02, atol=0.011)
