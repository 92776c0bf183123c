"""How sure an ensemble is: exact on made-up members, and two real ones from one survey."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

import training
from data_gen import Acquisition, ArraySurvey, Grid, random_model, simulate
from data_gen.errors import DataError
from data_gen.salt import is_salt
from training import ensemble
from training.decision import AS_ANSWERED, Decision

LINE = Acquisition(Grid(40, 40, 15.0), sources=3, receivers=20, samples=60, sample_interval=0.008)


def made_up(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Four members' predictions, and what is true: errors are `scale` times what the members' spread says."""
    rng = np.random.default_rng(0)
    deviation = 50.0 + 100.0 * rng.random((6, 30, 30))
    members = 2500.0 + deviation * rng.normal(size=(4, 6, 30, 30))
    return members, members.mean(axis=0) + scale * ensemble.spread(members) * rng.normal(size=deviation.shape)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_factor_is_what_the_errors_are_larger_than_the_spread(scale: float) -> None:
    """Two deviations hold 95.4 % of normal errors: the factor for 95 % is 1.96 / 2 of the scale."""
    members, true = made_up(scale)
    found = ensemble.calibrate(members, true)
    assert found.factor == pytest.approx(0.98 * scale, rel=0.03)
    errors = members.mean(axis=0) - true
    assert ensemble.covered(errors, found.factor * ensemble.spread(members)) == pytest.approx(0.95, abs=1e-3)
    assert found.covered == ensemble.covered(errors, ensemble.spread(members))
    assert found.models == 6


def test_salt_is_decided_for_networks_that_read_panels_alone() -> None:
    """Members that mean salt and do not say it: all but those that read panels are left as they are."""
    true = np.full((2, 20, 20), 2500.0)
    true[:, 5:12, 5:12] = 4480.0
    members = np.stack([np.where(true > 4000, 3800.0 + 10 * member, true + member) for member in range(3)])
    decision = ensemble.calibrate(members, true).decision
    np.testing.assert_array_equal(is_salt(decision(members.mean(axis=0))), is_salt(true))
    assert ensemble.calibrate(members, true, of_panels=False).decision == AS_ANSWERED


def test_members_that_agree_to_the_last_digit_are_not_certain() -> None:
    assert np.all(ensemble.spread(np.full((3, 1, 2, 2), 1500.0)) == ensemble.LEAST_DEVIATION)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two members, trained for an epoch."""
    folder = tmp_path_factory.mktemp("ensemble")
    velocity = np.stack([random_model(np.random.default_rng([0, i]), LINE).velocity for i in range(10)])
    gathers = np.stack([simulate(model, LINE) for model in velocity])
    for member in range(2):
        training.train(
            gathers, velocity, LINE, ensemble.member_folder(folder, member), seed=member, epochs=1, batch_size=4,
            validation=0.2, views=1,
        )  # fmt: skip
    survey = ArraySurvey(gathers, velocity, LINE)
    return folder, survey, ensemble.finish_ensemble(folder, 2, survey)


def test_an_ensemble_predicts_the_mean_of_its_members_and_says_how_far_they_are_apart(folder) -> None:
    folder, survey, calibration = folder
    assert calibration.models == 2
    loaded = training.load(folder)
    gathers = survey.gathers([0, 1])
    members = np.stack([training.load(ensemble.member_folder(folder, member)).predict(gathers) for member in (0, 1)])
    mean, deviation = loaded.with_deviation(gathers)
    np.testing.assert_allclose(mean, calibration.decision(members.mean(axis=0)), rtol=1e-6)
    np.testing.assert_allclose(deviation, calibration.factor * ensemble.spread(members), rtol=1e-4)
    np.testing.assert_array_equal(loaded.predict(gathers), mean)
    assert training.load(ensemble.member_folder(folder, 0)).with_deviation(gathers)[1] is None


@pytest.mark.parametrize(
    "record",
    ["", "[]"]
    + [
        f'{{"format": {version}, "members": {members}, "factor": {factor}, "covered": 0.5, "models": 2}}'
        for version, members, factor in ((2, 1, "1"), (2, 2, "NaN"), (2, 3, "1"), (1, 2, "1"))
    ],
)
def test_a_damaged_ensemble_is_told(folder, tmp_path, record: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder[0], copy)
    (copy / ensemble.RECORD).write_text(record)
    with pytest.raises(DataError, match=r"member-2|ensemble\.json"):
        training.load(copy)


def test_the_record_says_what_was_measured(folder) -> None:
    folder, _, calibration = folder
    record = json.loads((folder / ensemble.RECORD).read_text())
    assert record == {"format": 2, "members": 2, **dataclasses.asdict(calibration)}


def test_a_record_of_before_shares_decides_as_it_did(folder, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder[0], copy)
    record = json.loads((copy / ensemble.RECORD).read_text())
    del record["decision"]
    (copy / ensemble.RECORD).write_text(json.dumps({**record, "salt_from": 3750.0}))
    assert training.load(copy).calibration.decision == Decision(salt_from=3750.0)
    (copy / ensemble.RECORD).write_text(json.dumps(record))  # older still
    assert training.load(copy).calibration.decision == AS_ANSWERED
    (copy / ensemble.RECORD).write_text(json.dumps({**record, "decision": {"share": 2.0}}))
    with pytest.raises(DataError, match=r"ensemble\.json"):
        training.load(copy)


def test_classes_of_equally_sure_places_err_as_they_say_where_all_is_well() -> None:
    rng = np.random.default_rng(1)
    deviation = rng.uniform(10.0, 200.0, size=(20, 40, 40))
    said, found = ensemble.by_deviation(deviation * rng.normal(size=deviation.shape), deviation)
    assert len(said) == 12
    assert np.all(np.diff(said) > 0)
    np.testing.assert_allclose(found, said, rtol=0.1)
