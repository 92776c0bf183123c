"""The family of simple sections."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.geology import FAMILIES, random_model
from data_gen.geology.families import VARIED
from data_gen.geology.model import clear_depth
from data_gen.grid import Grid
from data_gen.salt import is_salt
from data_gen.survey.specification import SurveySpecification, VelocityFile

LINE = Acquisition(Grid(100, 100, 15.0), sources=8, receivers=64, samples=150, sample_interval=0.016)


@pytest.fixture(scope="module")
def models() -> list:
    return [random_model(np.random.default_rng([0, index]), LINE, "domes") for index in range(60)]


def test_every_section_has_one_body_that_is_rooted_in_the_base(models) -> None:
    for model in models:
        bodies, _ = label(model.salt_mask)
        sizes = np.bincount(bodies.ravel())[1:]
        assert sizes.max() > 0.97 * sizes.sum()  # where the two bases graze, crumbs are left
        assert set(np.unique(bodies)[1:]) == set(np.unique(bodies[-1])) - {0}
        assert np.array_equal(model.salt_mask, is_salt(model.velocity))
        assert not model.salt_mask[: int(clear_depth(LINE) / 15.0)].any()
        assert 0.02 < model.salt_mask.mean() < 0.6


def test_salt_has_no_overhang(models) -> None:
    """But for the roughness of its flanks: below salt there is salt."""
    for model in models:
        under = np.maximum.accumulate(model.salt_mask, axis=0)
        assert (under & ~model.salt_mask).mean() < 0.01


def test_beds_are_few_and_faster_with_depth(models) -> None:
    for model in models:
        assert 3 <= len(model.parameters["layers"]["velocities"]) <= 7
        far = np.where(model.salt_mask, np.nan, model.velocity)
        steps = np.diff(far, axis=0)
        assert np.nanmin(steps) >= 0
        assert model.parameters["sea_floor"] is None
        assert not model.parameters["young_faults"]


def test_the_seed_decides() -> None:
    first, again = (random_model(np.random.default_rng(3), LINE, "domes").velocity for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, random_model(np.random.default_rng(3), LINE).velocity)


def test_a_family_is_part_of_what_a_survey_is() -> None:
    assert SurveySpecification(LINE, 4, 2).geology == VARIED == next(iter(FAMILIES))
    plain, domes = SurveySpecification(LINE, 4, 2), SurveySpecification(LINE, 4, 2, geology="domes")
    assert "geology" not in plain.to_json()
    assert SurveySpecification.from_json(domes.to_json()) == domes
    assert SurveySpecification.from_json(plain.to_json()) == plain
    assert plain.sha256() != domes.sha256()


def test_what_is_no_family_is_refused() -> None:
    with pytest.raises(SettingError, match=", ".join(FAMILIES)):
        random_model(np.random.default_rng(0), LINE, "cubes")
    with pytest.raises(SettingError, match="varied, domes"):
        SurveySpecification(LINE, 4, 2, geology="cubes")
    with pytest.raises(SettingError, match="of files"):
        SurveySpecification(LINE, 4, 2, velocity_files=(VelocityFile("a.npy", "0" * 64, 10.0),), geology="domes")
