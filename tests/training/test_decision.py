"""Salt or not, on images made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.salt import SALT_VELOCITY, is_salt
from training.decision import CANDIDATES, LEAST_SALT, choose_salt_from, decide


def body(inside: float, sediments: float = 2500.0) -> np.ndarray:
    """A square of salt in sediments, or of what a network takes it for."""
    image = np.full((1, 20, 20), sediments, np.float32)
    image[:, 8:14, 8:14] = inside
    return image


def test_what_is_fast_enough_becomes_salt_and_all_else_stays():
    velocity = np.array([1500.0, 3700.0, 3701.0, 3999.0, 4400.0], np.float32)
    np.testing.assert_array_equal(decide(velocity, 3700.0), [1500.0, 3700.0, LEAST_SALT, LEAST_SALT, 4400.0])
    assert decide(velocity, 3700.0).dtype == np.float32
    np.testing.assert_array_equal(decide(velocity, SALT_VELOCITY), velocity)


@pytest.mark.parametrize("unsure", [3520.0, 3720.0, 3980.0])
def test_the_salt_that_was_meant_is_found(unsure):
    chosen = choose_salt_from(body(unsure), body(4480.0))
    assert chosen < unsure
    np.testing.assert_array_equal(is_salt(decide(body(unsure), chosen)), is_salt(body(4480.0)))


def test_of_equals_the_one_that_changes_least_is_taken():
    assert choose_salt_from(body(3980.0), body(4480.0)) == 3950.0
    assert choose_salt_from(body(4400.0), body(4480.0)) == SALT_VELOCITY == CANDIDATES[0]


def test_where_fast_rocks_are_no_salt_nothing_is_raised():
    """The salt is seen as such; beside it, over more of the image, sediments are nearly as fast as it."""
    true, seen = body(4480.0, 3800.0), body(4300.0, 3800.0)
    assert choose_salt_from(seen, true) == SALT_VELOCITY
    assert choose_salt_from(body(3900.0), body(3900.0)) == SALT_VELOCITY  # no salt at all
