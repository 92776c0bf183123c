"""Total variation, against differences."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.inversion.variation import total_variation


def test_gradient_is_that_of_the_value() -> None:
    rng = np.random.default_rng(0)
    velocity, change = 2000.0 + 100.0 * rng.normal(size=(2, 12, 9))
    weight = rng.uniform(0.1, 2.0, size=(12, 9))
    _, gradient = total_variation(velocity, 20.0, weight)
    ahead, behind = (total_variation(velocity + sign * 1e-4 * change, 20.0, weight)[0] for sign in (1, -1))
    assert np.sum(gradient * change) == pytest.approx((ahead - behind) / 2e-4, rel=1e-7)


def test_an_edge_costs_its_height_however_steep_it_is() -> None:
    steep, gentle = np.full((10, 10), 2000.0), np.full((10, 10), 2000.0)
    steep[:, 5:] += 1000.0
    gentle[:, 4] += 500.0
    gentle[:, 5:] += 1000.0
    everywhere = np.ones((10, 10))
    assert total_variation(np.full((10, 10), 2000.0), 20.0, everywhere)[0] == 0.0
    assert total_variation(steep, 1e-6, everywhere)[0] == pytest.approx(10 * 1000.0)
    assert total_variation(gentle, 1e-6, everywhere)[0] == pytest.approx(10 * 1000.0)
