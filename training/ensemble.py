"""Several networks that differ by their seed: their mean predicts, and how far they lie apart says how sure it is.

Initial weights, mini-batches and augmentation of the members differ (Lakshminarayanan et al. 2017). Members agree more
than they are right: their standard deviation is multiplied by a factor, chosen on the models held back for validation
so that two deviations hold 95 % of the errors there.

An ensemble is a folder with a run `member-0`, `member-1`, ... for each, and `ensemble.json` when all are trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.reading import read_json, reading, typed
from data_gen.survey.reader import Survey
from training.decision import AS_ANSWERED, Decision, choose_decision
from training.predictor import Predictor, load_predictor
from training.runs import split

RECORD = "ensemble.json"
FORMAT = 2
"""To be counted up when members predict otherwise than before: their calibration is then none."""

COVERED = 0.95
"""Of normal errors, what two standard deviations hold."""

LEAST_DEVIATION = 1.0
"""What the members' deviation is taken for at least [m/s]: in water they agree to the last digit."""


@dataclass(frozen=True)
class Calibration:
    """What the deviations of an ensemble are worth on its validation models.

    `factor` multiplies the members' standard deviation; `covered` is the share of errors within two such deviations
    without it; `models` so many were looked at. `decision` says which means are salt.
    """

    factor: float
    covered: float
    models: int
    decision: Decision = AS_ANSWERED


def member_folder(folder: Path, member: int) -> Path:
    """Where an ensemble keeps the run of a member."""
    return folder / f"member-{member}"


def is_ensemble(folder: Path) -> bool:
    """Whether a folder holds an ensemble whose members are all trained."""
    return (folder / RECORD).is_file()


def check_folder(folder: Path, members: int) -> None:
    """Raise DataError where a folder holds a run and an ensemble is wanted, or an ensemble of other members."""
    if members > 1 and (folder / "config.json").exists():
        raise DataError(f"{folder} already holds a run: choose another folder for an ensemble")
    if is_ensemble(folder) and read_record(folder)[0] != members:
        raise DataError(f"{folder} holds an ensemble of {read_record(folder)[0]} members: choose another folder")


def covered(errors: np.ndarray, deviation: np.ndarray) -> float:
    """The share of errors [m/s] that two deviations hold; both of any one shape."""
    return float(np.mean(np.abs(errors) <= 2 * deviation))


def calibrate(predictions: np.ndarray, reference: np.ndarray, of_panels: bool = True) -> Calibration:
    """The factor for the members' predictions (member, model, depth, x) of models (model, depth, x) [m/s].

    Salt is decided for networks that read panels alone, as it is of one network.
    """
    mean, deviation = predictions.mean(axis=0), spread(predictions)
    decision = choose_decision(mean, reference) if of_panels else AS_ANSWERED
    errors = decision(mean) - reference
    factor = float(np.quantile(np.abs(errors) / (2 * deviation), COVERED))
    return Calibration(factor, covered(errors, deviation), len(reference), decision)


def spread(predictions: np.ndarray) -> np.ndarray:
    """The members' standard deviation (model, depth, x) [m/s], from their predictions (member, model, depth, x)."""
    return np.maximum(predictions.std(axis=0, ddof=1), LEAST_DEVIATION)


class Ensemble:
    """The networks of an ensemble, ready for use: what `training.load` returns for its folder."""

    def __init__(self, members: Sequence[Predictor], calibration: Calibration) -> None:
        self.members, self.calibration = members, calibration
        self.card, self.network = members[0].card, members[0].network

    @property
    def acquisition(self) -> Acquisition:
        """The acquisition that the networks were trained for."""
        return self.card.acquisition

    def predict(self, gathers: np.ndarray, acquisition: Acquisition | None = None) -> np.ndarray:
        """The mean of the members' predictions; as `Predictor.predict`."""
        return self.with_deviation(gathers, acquisition)[0]

    def with_deviation(
        self, gathers: np.ndarray, acquisition: Acquisition | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Velocity models and their standard deviations, both (model, depth, x) [m/s]; as `Predictor.predict`."""
        inputs = self.members[0].inputs(gathers, acquisition)
        return self.of(np.stack([member.velocity(inputs) for member in self.members]))

    def straight(self, gathers: np.ndarray, acquisition: Acquisition) -> np.ndarray:
        """As `Predictor.straight`."""
        return self.members[0].straight(gathers, acquisition)

    @property
    def turned(self) -> list[float]:
        """As `Predictor.turned`."""
        return self.members[0].turned

    def predict_models(
        self, survey: Survey, indices: np.ndarray, progress: Callable[[int], None] = lambda models: None
    ) -> np.ndarray:
        """The mean of the members' predictions; as `Predictor.predict_models`."""
        return self.models_with_deviation(survey, indices, progress)[0]

    def models_with_deviation(
        self, survey: Survey, indices: np.ndarray, progress: Callable[[int], None] = lambda models: None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Velocity models of a survey and their standard deviations, both (model, depth, x) [m/s]."""
        return self.of(np.stack([member.predict_models(survey, indices, progress) for member in self.members]))

    def of(self, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (model, depth, x) [m/s] of the members' predictions (member, model, depth, x)."""
        mean = self.calibration.decision(predictions.mean(axis=0))
        return mean, self.calibration.factor * spread(predictions)


def finish_ensemble(folder: Path, members: int, survey: Survey) -> Calibration:
    """Calibrate an ensemble whose members are trained on a survey, on the models held back, and write its record.

    Raises DataError without such models.
    """
    predictors = [load_predictor(member_folder(folder, member)) for member in range(members)]
    _, validation = split(survey, predictors[0].card.settings.validation)
    if not len(validation):
        raise DataError(f"{folder} cannot be calibrated: no models were held back for validation")
    predictions = np.stack([predictor.predict_models(survey, validation) for predictor in predictors])
    calibration = calibrate(predictions, survey.velocity(validation), predictors[0].card.panels is not None)
    write_json(folder / RECORD, {"format": FORMAT, "members": members, **dataclasses.asdict(calibration)})
    return calibration


def read_record(folder: Path) -> tuple[int, Calibration]:
    """The number of an ensemble's members, and its calibration; raises DataError where the record is damaged."""
    path = folder / RECORD
    record = read_json(path)
    if isinstance(record, dict) and record.pop("format", 1) != FORMAT:
        raise DataError(f"{path} was calibrated by another version of tomo: remove it, and type its `tomo train` again")
    with reading(path):
        members, decision = record.pop("members"), record.pop("decision", None)
        if decision is None:  # of before shares: a velocity, if any
            decision = record.pop("salt_from", {})
        calibration = typed(Calibration, {**record, "decision": Decision.from_json(decision)})
        if type(members) is not int or members < 2 or calibration.factor <= 0:
            raise ValueError(f"{members!r} members and a factor of {calibration.factor:g}")
    return members, calibration


def load_ensemble(folder: Path) -> Ensemble:
    """The ensemble in a folder; raises DataError where its record or a member is missing or damaged."""
    members, calibration = read_record(folder)
    loaded = [load_predictor(member_folder(folder, member)) for member in range(members)]
    first = loaded[0].card
    for member, each in enumerate(loaded):
        if each.card.acquisition != first.acquisition or each.card.panels != first.panels:
            raise DataError(f"{member_folder(folder, member)} reads something else than member-0: no ensemble")
    return Ensemble(loaded, calibration)


def by_deviation(errors: np.ndarray, deviation: np.ndarray, classes: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Mean deviation and RMS error [m/s] of places in classes of equal number, from the surest on, each (class,).

    `errors` and `deviation` [m/s] are of any one shape.
    """
    order = np.argsort(deviation, axis=None, kind="stable")
    parts = np.array_split(order, classes)
    errors, deviation = errors.ravel(), deviation.ravel()
    return (
        np.array([deviation[part].mean() for part in parts]),
        np.array([np.sqrt(np.mean(errors[part] ** 2)) for part in parts]),
    )
