"""Salt or not, on images made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.salt import SALT_VELOCITY, is_salt
from training.decision import AS_ANSWERED, LEAST_SALT, SHARES, SMALLEST, Decision, choose_decision, sediments


def body(inside: float, above: float = 2500.0, below: float = 2500.0) -> np.ndarray:
    """A square of salt in sediments whose velocity grows with depth, or of what a network takes it for."""
    image = np.repeat(np.linspace(above, below, 20, dtype=np.float32)[:, None], 20, axis=1)[None]
    image[:, 8:14, 8:14] = inside
    return image


def test_what_is_fast_enough_becomes_salt_and_all_else_stays():
    velocity = body(3700.0)
    decided = Decision(0.75, 0.0)(velocity)
    np.testing.assert_array_equal(decided, body(LEAST_SALT))
    assert decided.dtype == np.float32
    np.testing.assert_array_equal(Decision(0.85, 0.0)(velocity), velocity)
    np.testing.assert_array_equal(Decision(0.5, 0.0)(body(4300.0)), body(4300.0))  # how fast salt is, is not decided


@pytest.mark.parametrize("velocity", [body(3700.0), body(4300.0, 2000.0, 3990.0), body(SALT_VELOCITY)])
def test_answers_can_be_left_as_they_are(velocity: np.ndarray):
    np.testing.assert_array_equal(AS_ANSWERED(velocity), velocity)


def test_the_same_velocity_is_salt_in_slow_sediments_alone():
    """Half of the way from 2,200 m/s is 3,100, from 3,610 it is 3,805."""
    velocity = body(3990.0, 2000.0, 3800.0)
    velocity[:, 2, 2:6] = velocity[:, 17, 2:6] = 3790.0
    salt = Decision(0.5, 0.0).salt(velocity)
    assert salt[0, 2, 2:6].all()
    assert not salt[0, 17].any()
    assert salt[0, 8:14, 8:14].all()


def test_sediments_are_those_between_the_salt():
    velocity = body(4480.0, 2000.0, 3900.0)
    np.testing.assert_allclose(sediments(velocity), np.linspace(2000.0, 3900.0, 20)[None], rtol=1e-6)
    velocity[:, 15] = 4480.0  # from side to side: as the rows above and below
    np.testing.assert_allclose(sediments(velocity), np.linspace(2000.0, 3900.0, 20)[None], rtol=1e-6)
    np.testing.assert_array_equal(sediments(np.full((1, 4, 5), 4480.0)), np.full((1, 4), SALT_VELOCITY))


def test_splinters_are_no_salt():
    velocity = body(4480.0)
    velocity[0, 2, 2:5] = 4300.0  # three cells of 400
    np.testing.assert_array_equal(Decision(1.0, 0.0)(velocity), velocity)
    np.testing.assert_array_equal(Decision(1.0, 3 / 400)(velocity), velocity)
    decided = Decision(1.0, 0.01)(velocity)
    np.testing.assert_array_equal(is_salt(decided), is_salt(body(4480.0)))
    assert np.all(decided[0, 2, 2:5] == SALT_VELOCITY)


def test_images_of_nothing_but_salt_or_no_number_pass():
    for velocity in (np.full((2, 5, 6), 4480.0), np.full((2, 5, 6), np.nan)):
        np.testing.assert_array_equal(Decision(0.5, 0.01)(velocity), velocity)


@pytest.mark.parametrize("unsure", [3520.0, 3720.0, 3980.0])
def test_the_salt_that_was_meant_is_found(unsure: float):
    chosen = choose_decision(body(unsure), body(4480.0))
    assert chosen.share in SHARES
    np.testing.assert_array_equal(is_salt(chosen(body(unsure))), is_salt(body(4480.0)))


def test_splinters_are_dropped_where_none_of_them_is_salt():
    seen = body(4300.0)
    seen[0, 2, 2:5] = seen[0, 17, 2:4] = 4200.0
    chosen = choose_decision(seen, body(4480.0))
    assert chosen.smallest == SMALLEST[-1]
    assert chosen.share == 1.0
    np.testing.assert_array_equal(is_salt(chosen(seen)), is_salt(body(4480.0)))


def test_of_equals_the_one_of_least_error_is_taken():
    """Beside the salt, sediments that every smaller share would raise, too few to change much of the salt's score."""
    seen = np.repeat(body(3990.0), 60, axis=0)
    seen[0, 2, 2:6] = 3900.0
    chosen = choose_decision(seen, np.repeat(body(4480.0), 60, axis=0))
    assert chosen == Decision(0.95, 0.0)
    assert choose_decision(body(4400.0), body(4480.0)) == AS_ANSWERED


def test_where_fast_rocks_are_no_salt_nothing_is_raised():
    """The salt is seen as such; beside it, over more of the image, beds are nearly as fast as it."""
    true, seen = body(4480.0), body(4300.0)
    for image in (true, seen):
        image[:, :6, :8] = 3950.0
    assert choose_decision(seen, true) == AS_ANSWERED
    assert choose_decision(body(3900.0), body(3900.0)) == AS_ANSWERED  # no salt at all


def test_a_decision_is_written_as_it_is_read():
    decision = Decision(0.65, 0.005)
    assert Decision.from_json(decision.to_json()) == decision
    before = Decision.from_json(3800.0)  # a velocity for all depths, as archives had it
    velocity = body(3810.0, 2000.0, 3790.0)
    np.testing.assert_array_equal(before(velocity), np.where(velocity > 3800.0, LEAST_SALT, velocity))


@pytest.mark.parametrize(
    "record",
    [
        True, 5000.0, 0.0, -1.0, float("nan"), None, "3800", [3800.0], {"share": 0.0}, {"share": 1.5},
        {"smallest": 1.0}, {"smallest": -0.1}, {"salt_from": 4500.0}, {"share": "0.5"}, {"velocity": 3800.0},
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused(record: object):
    with pytest.raises((ValueError, TypeError)):
        Decision.from_json(record)
